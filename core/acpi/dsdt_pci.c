/* SPDX-License-Identifier: Apache-2.0 */
#include "core/acpi/dsdt_pci.h"

#include <errno.h>
#include <stdio.h>

#include "core/acpi/dsdt_hotplug.h"
#include "core/base/bits.h"

#define PCI_DEVICES 32
#define PCI_PINS    4

/* PCI Firmware 3.3, table 4-6: what _OSC may hand to the guest. */
#define OSC_PCIE_CAPABILITY (1U << 4)
#define OSC_LTR		    (1U << 5)

/* The same, 4.5.1, status bits of the first DWORD. */
#define OSC_UNKNOWN_UUID     (1U << 2)
#define OSC_UNKNOWN_REVISION (1U << 3)
#define OSC_MASKED	     (1U << 4)

static bool window_fits(const struct acpi_window *w, uint64_t max_size, uint64_t limit)
{
	return !w->size || (w->size <= max_size && range_fits(w->base, w->size, limit));
}

/* Return: the name of a window out of range, or NULL. */
static const char *find_unfit(const struct acpi_pci_root *root)
{
	/* Descriptors hold the size in as many bits as the base: 64 KiB of ports do not fit in 16. */
	if (!window_fits(&root->io, UINT16_MAX, 64 * KIB))
		return "I/O window";
	if (!window_fits(&root->mem32, UINT32_MAX, 4 * GIB))
		return "32-bit memory window";
	if (!window_fits(&root->mem64, UINT64_MAX, UINT64_MAX))
		return "64-bit memory window";
	return NULL;
}

static bool windows_overlap(const struct acpi_window *a, const struct acpi_window *b)
{
	return ranges_overlap(a->base, a->size, b->base, b->size);
}

/* Return: the name of a window of @root that overlaps one of @other, or NULL. */
static const char *find_overlap(const struct acpi_pci_root *root, const struct acpi_pci_root *other)
{
	if (windows_overlap(&root->io, &other->io))
		return "I/O window";
	if (windows_overlap(&root->mem32, &other->mem32) ||
	    windows_overlap(&root->mem32, &other->mem64))
		return "32-bit memory window";
	if (windows_overlap(&root->mem64, &other->mem32) ||
	    windows_overlap(&root->mem64, &other->mem64))
		return "64-bit memory window";
	return NULL;
}

static int check_root(const struct acpi_machine *machine, unsigned bus, struct error *err)
{
	const struct acpi_pci_root *root = &machine->pci_root[bus];
	const char *window = find_unfit(root);

	if (window) {
		error_set(err, -EINVAL, "%s", window);
		return error_reason(err, "out of range");
	}
	for (unsigned other = 0; other < bus; other++) {
		window = find_overlap(root, &machine->pci_root[other]);
		if (window) {
			error_set(err, -EINVAL, "%s", window);
			return error_reason(err, "overlaps a window of PCI bus %u", other);
		}
	}
	if (root->domain != -1 && (unsigned)root->domain >= machine->numa.nr_domains) {
		error_set(err, -EINVAL, "proximity domain %d", root->domain);
		return error_reason(err, "there are %u", machine->numa.nr_domains);
	}
	return 0;
}

int dsdt_pci_check(const struct acpi_machine *machine, struct error *err)
{
	if (machine->nr_pci_roots < 1 || machine->nr_pci_roots > ACPI_MAX_PCI_ROOTS) {
		error_set(err, -EINVAL, "ACPI tables: %u PCI root buses", machine->nr_pci_roots);
		return error_reason(err, "not between 1 and %u", ACPI_MAX_PCI_ROOTS);
	}
	for (unsigned bus = 0; bus < machine->nr_pci_roots; bus++) {
		int r = check_root(machine, bus, err);

		if (r)
			return error_set(err, r, "ACPI tables: PCI bus %u", bus);
	}
	return 0;
}

static void write_crs(struct aml *b, const struct acpi_pci_root *root, unsigned bus)
{
	size_t crs = aml_resources_begin(b, "_CRS");

	aml_window(b, AML_ADDRESS_BUS, 2, bus, 1);
	/* The ports of configuration space reach all buses, but only one device can claim them. */
	if (!bus)
		aml_port(b, 0xcf8, 8);
	if (root->io.size)
		aml_window(b, AML_ADDRESS_IO, 2, root->io.base, root->io.size);
	if (root->mem32.size)
		aml_window(b, AML_ADDRESS_MEMORY, 4, root->mem32.base, root->mem32.size);
	if (root->mem64.size)
		aml_window(b, AML_ADDRESS_MEMORY, 8, root->mem64.base, root->mem64.size);
	aml_resources_end(b, crs);
}

static void write_prt(struct aml *b, const struct acpi_machine *machine)
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
 * PCI Firmware 3.3, 4.5. The guest owns the PCIe capability and LTR. Native hotplug, PME and AER stay with torc, whose
 * root buses have no root ports that could signal them; functions come and go by dsdt_hotplug.c.
 */
static void write_osc(struct aml *b)
{
	/* 33db4d5b-1ff7-401c-9657-7441c03dd766 in the byte order of ToUUID. */
	static const uint8_t uuid[16] = { 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40,
					  0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66 };
	size_t method, block, buffer;

	method = aml_method_begin(b, "_OSC", 4);
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

void dsdt_pci_name(char name[DSDT_PCI_NAME_SIZE], unsigned bus)
{
	if (bus)
		snprintf(name, DSDT_PCI_NAME_SIZE, "P%03X", bus & 0xfff);
	else
		snprintf(name, DSDT_PCI_NAME_SIZE, "PCI0");
}

void dsdt_pci_write(struct aml *b, const struct acpi_machine *machine, unsigned bus)
{
	const struct acpi_pci_root *root = &machine->pci_root[bus];
	char name[DSDT_PCI_NAME_SIZE];
	size_t device;

	dsdt_pci_name(name, bus);
	device = aml_device_begin(b, name);
	aml_name(b, "_HID");
	aml_eisaid(b, "PNP0A08");
	aml_name(b, "_CID");
	aml_eisaid(b, "PNP0A03");
	aml_name_int(b, "_UID", bus);
	aml_name_int(b, "_SEG", 0);
	aml_name_int(b, "_BBN", bus);
	if (root->domain >= 0)
		aml_name_int(b, "_PXM", (uint64_t)root->domain);
	write_crs(b, root, bus);
	write_prt(b, machine);
	write_osc(b);
	if (machine->hotplug.port)
		dsdt_hotplug_write_bus(b, machine, bus);
	aml_end(b, device);
}
