/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Devices, and the memory that they reach. Between the machine's files; nobody else includes it.
 */
#ifndef CORE_VMM_MACHINE_DEVICES_H
#define CORE_VMM_MACHINE_DEVICES_H

#include "core/vmm/machine_internal.h"

/**
 * machine_add_devices - all that are configured
 * @config: parsed
 * @list: empty
 * @err: filled on failure
 *
 * Return: 0; what device_add() returns.
 */
int machine_add_devices(const struct config *config, struct device_list *list, struct error *err);

/**
 * machine_waits_for_dma - whether the guest starts only when its memory is mapped for the devices
 * @machine: memory is initialised
 *
 * Return: true when it does.
 */
bool machine_waits_for_dma(const struct machine *machine);

/**
 * machine_begin - let the vCPUs run; have the helper populate guest memory and map it for the devices, which may leave then
 * @machine: everything else is set up
 *
 * For so much memory that mapping it takes long, the vCPUs run when that is done. A failure later on ends machine_run(). The
 * machine's thread.
 */
void machine_begin(struct machine *machine);

#endif
