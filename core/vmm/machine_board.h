/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What ACPI is told, and the kernel. Between the machine's files; nobody else includes it.
 */
#ifndef CORE_VMM_MACHINE_BOARD_H
#define CORE_VMM_MACHINE_BOARD_H

#include "core/vmm/machine_internal.h"

/**
 * machine_describe_numa - the guest's nodes for ACPI
 * @machine: memory is mapped
 * @numa: receives pointers into @machine
 */
void machine_describe_numa(struct machine *machine, struct acpi_numa *numa);

/**
 * machine_describe_pci - the root buses for ACPI
 * @machine: with its buses
 * @acpi: receives them
 */
void machine_describe_pci(const struct machine *machine, struct acpi_machine *acpi);

/**
 * machine_reload - load the kernel again, for a reset
 * @machine: no vCPU runs
 * @err: filled on failure
 *
 * The machine's thread. Return: 0; what boot_load() returns.
 */
int machine_reload(struct machine *machine, struct error *err);

/**
 * machine_finish_load - wait for what machine_start_load() began
 * @machine: started to load, or not
 * @err: filled on failure
 *
 * The machine's thread. Return: 0; what boot_load() returns.
 */
int machine_finish_load(struct machine *machine, struct error *err);

/**
 * machine_announce_pty - tell the user which terminal to open; the log may be elsewhere, or not say so much
 * @name: "serial" and the like
 * @path: of the pseudo terminal; "": there is none
 */
void machine_announce_pty(const char *name, const char *path);

#endif
