/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SRAT and SLIT: which CPUs and which memory make a NUMA node, and how far nodes are apart. Internal to core/acpi.
 *
 * A node's proximity domain is its number in the SLIT's matrix.
 */
#ifndef CORE_ACPI_SRAT_H
#define CORE_ACPI_SRAT_H

#include "core/acpi/acpi.h"

#include "core/acpi/aml.h"

#define SRAT_MAX_XAPIC_ID 254 /* 255 is the broadcast; larger ids need the x2APIC's entries */

/**
 * srat_check - whether a machine's NUMA nodes can be described
 * @machine: a description, its CPUs found in range
 * @err: filled on failure
 *
 * Return: 0; -EINVAL for what is out of range, overlapping memory, or a distance that guests refuse.
 */
int srat_check(const struct acpi_machine *machine, struct error *err);

/**
 * srat_write - append the SRAT
 * @b: the builder
 * @machine: a description with NUMA nodes that acpi_build() found in range
 *
 * Return: the table's position.
 */
size_t srat_write(struct aml *b, const struct acpi_machine *machine);

/**
 * slit_write - append the SLIT
 * @b: the builder
 * @numa: nodes that acpi_build() found in range
 *
 * Return: the table's position.
 */
size_t slit_write(struct aml *b, const struct acpi_numa *numa);

#endif
