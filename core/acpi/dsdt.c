/* SPDX-License-Identifier: Apache-2.0 */
#include "core/acpi/dsdt.h"

#include <stdio.h>

#define PCI_DEVICES 32
#define PCI_PINS    4

/* PCI Firmware 3.3, table 4-6: what _OSC may hand to the guest. */
#define OSC_PCIE_CAPABILITY (1U << 4)
#define OSC_LTR		    (1U << 5)

/* The same, 4.5.1, status bits of the first DWORD. */
#define OSC_UNKNOWN_UUID     (1U << 2)
#define OSC_UNKNOWN_REVISION (1U << 3)
#define OSC_MASKED	     (1U << 4)

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

static void write_pci_crs(struct aml *b, const struct acpi_machine *machine)
{
	const struct acpi_window *io = &machine->pci_io;
	const struct acpi_window *mem32 = &machine->pci_mem32;
	const struct acpi_window *mem64 = &machine->pci_mem64;
	size_t crs = aml_resources_begin(b, "_CRS");

	aml_window(b, AML_ADDRESS_BUS, 2, 0, machine->ecam_last_bus + 1U);
	aml_port(b, 0xcf8, 8);
	if (io->size)
		aml_window(b, AML_ADDRESS_IO, 2, io->base, io->size);
	if (mem32->size)
		aml_window(b, AML_ADDRESS_MEMORY, 4, mem32->base, mem32->size);
	if (mem64->size)
		aml_window(b, AML_ADDRESS_MEMORY, 8, mem64->base, mem64->size);
	aml_resources_end(b, crs);
}

static void write_pci_prt(struct aml *b, const struct acpi_machine *machine)
{
	size_t prt, entry;

	aml_name(b, "_PRT");
	prt = aml_begin(b, AML_PACKAGE);
	aml_le(b, PCI_DEVICES * PCI_PINS, 1);
	for (unsigned device = 0; device < PCI_DEVICES; device++) {
		for (unsigned pin = 0; pin < PCI_PINS; pin++) {
			entry = aml_begin(b, AML_PACKAGE);
			aml_le(b, 4, 1);
			aml_int(b, (uint64_t)device << 16 | 0xffff); /* any function */
			aml_int(b, pin);
			aml_int(b, 0); /* no link device: the next number is a GSI */
			aml_int(b, machine->intx_gsi + (device + pin) % PCI_PINS);
			aml_end(b, entry);
		}
	}
	aml_end(b, prt);
}

/* If (Local0 != CDW3), or If (Arg1 != 1): CDW1 |= @bit. */
static void write_osc_check(struct aml *b, enum aml_op left, const char *right, uint32_t bit)
{
	size_t block = aml_begin(b, AML_IF);

	aml_op(b, AML_LNOT);
	aml_op(b, AML_LEQUAL);
	aml_op(b, left);
	if (right)
		aml_nameseg(b, right);
	else
		aml_int(b, 1);
	aml_op(b, AML_OR);
	aml_nameseg(b, "CDW1");
	aml_int(b, bit);
	aml_nameseg(b, "CDW1");
	aml_end(b, block);
}

static void write_create_dword_field(struct aml *b, unsigned offset, const char *name)
{
	aml_op(b, AML_CREATE_DWORD_FIELD);
	aml_op(b, AML_ARG3);
	aml_int(b, offset);
	aml_nameseg(b, name);
}

/*
 * PCI Firmware 3.3, 4.5. The guest owns the PCIe capability and LTR. Hotplug, PME and AER stay with torc, whose
 * root bus has no root ports that could signal them.
 */
static void write_pci_osc(struct aml *b)
{
	/* 33db4d5b-1ff7-401c-9657-7441c03dd766 in the byte order of ToUUID. */
	static const uint8_t uuid[16] = { 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40,
					  0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66 };
	size_t method, block, buffer;

	method = aml_begin(b, AML_METHOD);
	aml_nameseg(b, "_OSC");
	aml_le(b, 4 | 1U << 3, 1); /* four arguments, serialized: it creates names */
	write_create_dword_field(b, 0, "CDW1");

	block = aml_begin(b, AML_IF);
	aml_op(b, AML_LEQUAL);
	aml_op(b, AML_ARG0);
	buffer = aml_begin(b, AML_BUFFER);
	aml_int(b, sizeof(uuid));
	aml_bytes(b, uuid, sizeof(uuid));
	aml_end(b, buffer);
	write_create_dword_field(b, 8, "CDW3");
	aml_op(b, AML_AND);
	aml_nameseg(b, "CDW3");
	aml_int(b, OSC_PCIE_CAPABILITY | OSC_LTR);
	aml_op(b, AML_LOCAL0);
	write_osc_check(b, AML_LOCAL0, "CDW3", OSC_MASKED);
	write_osc_check(b, AML_ARG1, NULL, OSC_UNKNOWN_REVISION);
	aml_op(b, AML_STORE);
	aml_op(b, AML_LOCAL0);
	aml_nameseg(b, "CDW3");
	aml_op(b, AML_RETURN);
	aml_op(b, AML_ARG3);
	aml_end(b, block);

	aml_op(b, AML_OR);
	aml_nameseg(b, "CDW1");
	aml_int(b, OSC_UNKNOWN_UUID);
	aml_nameseg(b, "CDW1");
	aml_op(b, AML_RETURN);
	aml_op(b, AML_ARG3);
	aml_end(b, method);
}

static void write_pci(struct aml *b, const struct acpi_machine *machine)
{
	size_t device = aml_device_begin(b, "PCI0");

	aml_name(b, "_HID");
	aml_eisaid(b, "PNP0A08");
	aml_name(b, "_CID");
	aml_eisaid(b, "PNP0A03");
	aml_name_int(b, "_UID", 0);
	aml_name_int(b, "_SEG", 0);
	aml_name_int(b, "_BBN", 0);
	write_pci_crs(b, machine);
	write_pci_prt(b, machine);
	write_pci_osc(b);
	aml_end(b, device);
}

/* PCI Firmware 3.3, 4.1.2: the ECAM area is claimed by a motherboard resource, not by the host bridge. */
static void write_motherboard(struct aml *b, const struct acpi_machine *machine)
{
	size_t device = aml_device_begin(b, "MBRD");
	size_t crs;

	aml_name(b, "_HID");
	aml_eisaid(b, "PNP0C02");
	aml_name_int(b, "_UID", 0);
	crs = aml_resources_begin(b, "_CRS");
	aml_memory(b, machine->ecam_base, (machine->ecam_last_bus + 1ULL) << 20);
	aml_port(b, machine->sleep_control_port, 1);
	aml_port(b, machine->sleep_status_port, 1);
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
	write_pci(b, machine);
	write_motherboard(b, machine);
	if (machine->uart.port)
		write_uart(b, &machine->uart);
	aml_end(b, scope);
	aml_table_end(b, table);
	return table;
}
