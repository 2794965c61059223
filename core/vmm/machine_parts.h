/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Parts: what a machine always consists of, in the order in which it is made.
 *
 * A machine is made by a loop over the table, and taken apart by the same loop backwards, from the part whose init() failed
 * on if one did: so destroy() finds whatever init() had reached. A reset of the guest is the same loop forwards. Each part
 * stands in the file that has its functions; what comes before it is all that it may use.
 */
#ifndef CORE_VMM_MACHINE_PARTS_H
#define CORE_VMM_MACHINE_PARTS_H

#include "core/base/error.h"

struct machine;

struct machine_part {
	const char *name;
	/* Make it. Return: 0; -errno. */
	int (*init)(struct machine *machine, struct error *err);
	/* Undo it; no vCPU runs. May be NULL. */
	void (*destroy)(struct machine *machine);
	/* As after power-on; no vCPU runs. May be NULL. Return: 0; -EINTR: the machine is to end; -errno. */
	int (*reset)(struct machine *machine, struct error *err);
};

/** Checked and decided by machine_create() on the main thread; nothing on the host is changed. */
extern const struct machine_part machine_part_boot, machine_part_topology, machine_part_found,
	machine_part_plan, machine_part_buses, machine_part_check;

/** Made on the machine's thread. */
extern const struct machine_part machine_part_bound, machine_part_memory, machine_part_loader,
	machine_part_vm, machine_part_ram, machine_part_ring, machine_part_helper,
	machine_part_groups, machine_part_pci, machine_part_dma, machine_part_site,
	machine_part_hotplug, machine_part_cpus, machine_part_populated, machine_part_devices,
	machine_part_serial, machine_part_ports, machine_part_power_on, machine_part_addresses,
	machine_part_entry;

/**
 * machine_parts_init - make parts, the first ones first
 * @machine: with its configuration
 * @parts: the table, ended by NULL
 * @nr: receives how many machine_parts_destroy() is to undo
 * @err: filled on failure
 *
 * Return: 0; what a part's init() returned.
 */
int machine_parts_init(struct machine *machine, const struct machine_part *const *parts,
		       unsigned *nr, struct error *err);

/**
 * machine_parts_destroy - undo them, the last ones first
 * @machine: no vCPU runs
 * @parts: as for machine_parts_init()
 * @nr: likewise; 0 afterwards
 */
void machine_parts_destroy(struct machine *machine, const struct machine_part *const *parts,
			   unsigned *nr);

/**
 * machine_parts_reset - as after power-on
 * @machine: no vCPU runs
 * @parts: all of them made
 * @err: filled on failure
 *
 * Return: 0; -EINTR: the machine is to end; what a part's reset() returned.
 */
int machine_parts_reset(struct machine *machine, const struct machine_part *const *parts,
			struct error *err);

/** The two tables; tests replace parts. */
extern const struct machine_part *machine_planned[], *machine_built[];

#endif
