/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The DSDT's PCI root buses: a host bridge device for each. Internal to core/acpi.
 */
#ifndef CORE_ACPI_DSDT_PCI_H
#define CORE_ACPI_DSDT_PCI_H

#include "core/acpi/acpi.h"

#include "core/acpi/aml.h"

/**
 * dsdt_pci_check - whether a machine's PCI root buses can be described
 * @machine: a description
 * @err: filled on failure
 *
 * Return: 0; -EINVAL for too many or none, a window out of range or overlapping another bus's, or a domain that is not
 * there.
 */
int dsdt_pci_check(const struct acpi_machine *machine, struct error *err);

#define DSDT_PCI_NAME_SIZE 8

/**
 * dsdt_pci_name - what the host bridge of a PCI root bus is called
 * @name: receives its 4 characters and a 0
 * @bus: number of the root bus
 */
void dsdt_pci_name(char name[DSDT_PCI_NAME_SIZE], unsigned bus);

/**
 * dsdt_pci_write - append the host bridge of a PCI root bus
 * @b: the builder, in the scope \_SB
 * @machine: a description that acpi_build() found in range
 * @bus: number of the root bus
 */
void dsdt_pci_write(struct aml *b, const struct acpi_machine *machine, unsigned bus);

#endif
