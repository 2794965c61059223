/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/machine_parts.h"

#include <stddef.h>

#include "core/base/log.h"

/* What can be wrong with the user's input comes first. */
const struct machine_part *machine_planned[] = {
	&machine_part_boot,
	&machine_part_topology,
	&machine_part_found,
	&machine_part_plan,
	&machine_part_buses,
	&machine_part_check,
	NULL,
};

const struct machine_part *machine_built[] = {
	&machine_part_bound,
	&machine_part_vm,
	&machine_part_memory,
	&machine_part_loader,
	&machine_part_ram,
	&machine_part_ring,
	&machine_part_helper,
	&machine_part_groups,
	&machine_part_pci,
	&machine_part_dma,
	&machine_part_site,
	&machine_part_hotplug,
	&machine_part_cpus,
	&machine_part_populated,
	&machine_part_devices,
	&machine_part_serial,
	&machine_part_ports,
	/* Behind all that may still signal an interrupt while it is reset. */
	&machine_part_power_on,
	&machine_part_addresses,
	&machine_part_entry,
	NULL,
};

int machine_parts_init(struct machine *machine, const struct machine_part *const *parts,
		       unsigned *nr, struct error *err)
{
	int r = 0;

	for (*nr = 0; parts[*nr] && !r;) {
		const struct machine_part *part = parts[(*nr)++];

		r = part->init(machine, err);
		if (!r)
			log_debug("start-up: %s", part->name);
	}
	return r;
}

void machine_parts_destroy(struct machine *machine, const struct machine_part *const *parts,
			   unsigned *nr)
{
	while (*nr) {
		const struct machine_part *part = parts[--*nr];

		if (part->destroy)
			part->destroy(machine);
	}
}

int machine_parts_reset(struct machine *machine, const struct machine_part *const *parts,
			struct error *err)
{
	int r = 0;

	for (unsigned i = 0; parts[i] && !r; i++) {
		if (parts[i]->reset)
			r = parts[i]->reset(machine, err);
	}
	return r;
}
