/* SPDX-License-Identifier: Apache-2.0 */
/**
 * DSDT: the devices that no bus can enumerate, in AML. Internal to core/acpi.
 */
#ifndef CORE_ACPI_DSDT_H
#define CORE_ACPI_DSDT_H

#include "core/acpi/acpi.h"

#include "core/acpi/aml.h"

/**
 * dsdt_write - append the DSDT
 * @b: the builder
 * @machine: a description that acpi_build() found in range
 *
 * Return: the table's position.
 */
size_t dsdt_write(struct aml *b, const struct acpi_machine *machine);

#endif
