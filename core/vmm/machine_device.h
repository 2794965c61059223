/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Passed-through devices, and the memory that they reach. Between the machine's files; nobody else includes it.
 */
#ifndef CORE_VMM_MACHINE_DEVICE_H
#define CORE_VMM_MACHINE_DEVICE_H

#include "core/vmm/machine_internal.h"

/**
 * machine_bus_of - the root bus for a passed-through device; those of torc's own are on bus 0
 * @machine: with its buses
 * @i: index of the device
 *
 * Return: the bus of its node.
 */
struct pci_bus *machine_bus_of(struct machine *machine, unsigned i);

/**
 * machine_check_bind - whether a device with bind=on can be bound, if it has to be
 * @host: the device
 * @err: filled on failure
 *
 * Return: 0; what vfio_bind_check() returns.
 */
int machine_check_bind(const struct vfio_host_device *host, struct error *err);

/**
 * machine_device_event - what to do when the host says something of a device; see struct vfio_pci_config
 * @opaque: the machine
 * @vp: one of its devices
 * @event: what
 */
void machine_device_event(void *opaque, struct vfio_pci *vp, enum vfio_pci_event event);

/**
 * machine_waits_for_dma - whether the guest starts only when its memory is mapped for the devices
 * @machine: memory is initialised
 *
 * Return: true when it does.
 */
bool machine_waits_for_dma(const struct machine *machine);

/**
 * machine_start_dma - have the helper populate guest memory and map it for the devices
 * @machine: everything else is set up
 *
 * A failure later on ends machine_run(). The machine's thread.
 */
void machine_start_dma(struct machine *machine);

#endif
