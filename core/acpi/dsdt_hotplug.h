/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The DSDT's part in PCI hotplug: slots from which a function can be ejected, and the Generic Event Device whose
 * interrupt says that one has come or is to go. Internal to core/acpi.
 */
#ifndef CORE_ACPI_DSDT_HOTPLUG_H
#define CORE_ACPI_DSDT_HOTPLUG_H

#include "core/acpi/acpi.h"

#include "core/acpi/aml.h"

/**
 * dsdt_hotplug_write_bus - append the registers, the slots and the events of a PCI root bus
 * @b: the builder, in the bus's host bridge
 * @machine: a description with hotplug that acpi_build() found in range
 * @bus: number of the root bus
 */
void dsdt_hotplug_write_bus(struct aml *b, const struct acpi_machine *machine, unsigned bus);

/**
 * dsdt_hotplug_write_events - append the Generic Event Device
 * @b: the builder, in the scope \_SB, all host bridges written
 * @machine: a description with hotplug that acpi_build() found in range
 */
void dsdt_hotplug_write_events(struct aml *b, const struct acpi_machine *machine);

#endif
