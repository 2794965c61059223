/* SPDX-License-Identifier: Apache-2.0 */
#include "core/acpi/dsdt.h"

#include <stdio.h>

#include "core/acpi/dsdt_hotplug.h"
#include "core/acpi/dsdt_pci.h"
#include "core/base/bits.h"

static void write_s5(struct aml *b)
{
	const unsigned type = ACPI_SLEEP_POWER_OFF >> 2 & 7;
	size_t package;

	aml_name(b, "_S5_");
	package = aml_begin(b, AML_PACKAGE);
	aml_le(b, 4, 1); /* elements */
	aml_int(b, type);
	aml_int(b, type);
	aml_int(b, 0);
	aml_int(b, 0);
	aml_end(b, package);
}

static void write_cpus(struct aml *b, const struct acpi_machine *machine)
{
	for (unsigned i = 0; i < machine->nr_cpus; i++) {
		char name[8];
		size_t device;

		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		device = aml_device_begin(b, name);
		aml_name(b, "_HID");
		aml_string(b, "ACPI0007");
		aml_name_int(b, "_UID", i); /* the MADT's processor UID */
		aml_end(b, device);
	}
}

/* PCI Firmware 3.3, 4.1.2: the ECAM area is claimed by a motherboard resource, not by the host bridge. */
static void write_motherboard(struct aml *b, const struct acpi_machine *machine)
{
	const struct acpi_hotplug *hotplug = &machine->hotplug;
	size_t device = aml_device_begin(b, "MBRD");
	size_t crs;

	aml_name(b, "_HID");
	aml_eisaid(b, "PNP0C02");
	aml_name_int(b, "_UID", 0);
	crs = aml_resources_begin(b, "_CRS");
	aml_memory(b, machine->ecam_base, machine->nr_pci_roots * MIB);
	aml_port(b, machine->sleep_control_port, 1);
	aml_port(b, machine->sleep_status_port, 1);
	for (unsigned bus = 0; bus < machine->nr_pci_roots && hotplug->port; bus++)
		aml_port(b, (uint16_t)(hotplug->port + bus * hotplug->stride),
			 (uint8_t)hotplug->stride);
	aml_resources_end(b, crs);
	aml_end(b, device);
}

static void write_uart(struct aml *b, const struct acpi_uart *uart)
{
	size_t device = aml_device_begin(b, "COM1");
	size_t crs;

	aml_name(b, "_HID");
	aml_eisaid(b, "PNP0501");
	aml_name_int(b, "_UID", 0);
	aml_name_int(b, "_STA", 0xf); /* present, enabled, shown, working */
	crs = aml_resources_begin(b, "_CRS");
	aml_port(b, uart->port, 8);
	aml_irq_edge(b, uart->gsi);
	aml_resources_end(b, crs);
	aml_end(b, device);
}

size_t dsdt_write(struct aml *b, const struct acpi_machine *machine)
{
	/* Revision 2 makes integers 64 bits wide. */
	size_t table = aml_table_begin(b, "DSDT", 2);
	size_t scope;

	write_s5(b);
	scope = aml_begin(b, AML_SCOPE);
	aml_op(b, AML_ROOT_CHAR);
	aml_nameseg(b, "_SB_");
	write_cpus(b, machine);
	for (unsigned bus = 0; bus < machine->nr_pci_roots; bus++)
		dsdt_pci_write(b, machine, bus);
	write_motherboard(b, machine);
	if (machine->hotplug.port)
		dsdt_hotplug_write_events(b, machine);
	if (machine->uart.port)
		write_uart(b, &machine->uart);
	aml_end(b, scope);
	aml_table_end(b, table);
	return table;
}
