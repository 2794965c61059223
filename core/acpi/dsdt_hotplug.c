/* SPDX-License-Identifier: Apache-2.0 */
#include "core/acpi/dsdt_hotplug.h"

#include <stdio.h>

#include "core/acpi/dsdt_pci.h"

#define NR_SLOTS 32

/* Names in each host bridge: the registers' ports, the registers, and the method that reads them. */
#define PORTS	 "HPIO"
#define INSERTED "HPIN"
#define LEAVING	 "HPLV"
#define EJECT	 "HPEJ"
#define EVENTS	 "HPEV"

/* ACPI 6.4, table 5.166: what a device is notified of. */
#define NOTIFY_DEVICE_CHECK  1
#define NOTIFY_EJECT_REQUEST 3

static void slot_name(char name[8], unsigned slot)
{
	snprintf(name, 8, "S%03X", slot & 0xfff);
}

static void write_registers(struct aml *b, uint16_t port)
{
	size_t field;

	aml_ports(b, PORTS, port, ACPI_HOTPLUG_REGISTERS);
	field = aml_field_begin(b, PORTS);
	aml_field_dword(b, INSERTED);
	aml_field_dword(b, LEAVING);
	aml_field_dword(b, EJECT);
	aml_end(b, field);
}

/* Without _STA, since configuration space says whether something is there (ACPI 6.4, 6.3.7). */
static void write_slot(struct aml *b, unsigned bus, unsigned slot)
{
	size_t device, method;
	char name[8];

	slot_name(name, slot);
	device = aml_device_begin(b, name);
	aml_name_int(b, "_ADR", (uint64_t)slot << 16);
	/* Linux names the slot by it, so it is unique in the machine. */
	aml_name_int(b, "_SUN", bus * NR_SLOTS + slot);
	method = aml_method_begin(b, "_EJ0", 1);
	aml_op(b, AML_STORE);
	aml_int(b, 1U << slot);
	aml_nameseg(b, EJECT);
	aml_end(b, method);
	aml_end(b, device);
}

/* If (@slots & (1 << @slot)): Notify(the slot, @value). */
static void write_notify(struct aml *b, enum aml_op slots, unsigned slot, unsigned value)
{
	size_t block = aml_begin(b, AML_IF);
	char name[8];

	slot_name(name, slot);
	aml_op(b, AML_AND);
	aml_op(b, slots);
	aml_int(b, 1U << slot);
	aml_op(b, AML_ZERO); /* the result is stored nowhere */
	aml_op(b, AML_NOTIFY);
	aml_nameseg(b, name);
	aml_int(b, value);
	aml_end(b, block);
}

static void write_store(struct aml *b, const char *from, enum aml_op to)
{
	aml_op(b, AML_STORE);
	aml_nameseg(b, from);
	aml_op(b, to);
}

/* Reading a register clears it, so each is read once. */
static void write_events(struct aml *b, uint32_t slots)
{
	size_t method = aml_method_begin(b, EVENTS, 0);

	write_store(b, INSERTED, AML_LOCAL0);
	write_store(b, LEAVING, AML_LOCAL1);
	for (unsigned slot = 0; slot < NR_SLOTS; slot++) {
		if (!(slots & 1U << slot))
			continue;
		write_notify(b, AML_LOCAL0, slot, NOTIFY_DEVICE_CHECK);
		write_notify(b, AML_LOCAL1, slot, NOTIFY_EJECT_REQUEST);
	}
	aml_end(b, method);
}

void dsdt_hotplug_write_bus(struct aml *b, const struct acpi_machine *machine, unsigned bus)
{
	const struct acpi_hotplug *hotplug = &machine->hotplug;
	uint32_t slots = machine->pci_root[bus].hotplug_slots;

	write_registers(b, (uint16_t)(hotplug->port + bus * hotplug->stride));
	for (unsigned slot = 0; slot < NR_SLOTS; slot++) {
		if (slots & 1U << slot)
			write_slot(b, bus, slot);
	}
	write_events(b, slots);
}

/* ACPI 6.4, 5.6.9: the event device of machines without fixed hardware; _EVT is called with the interrupt's number. */
void dsdt_hotplug_write_events(struct aml *b, const struct acpi_machine *machine)
{
	size_t device = aml_device_begin(b, "GED0");
	size_t crs, method;

	aml_name(b, "_HID");
	aml_string(b, "ACPI0013");
	aml_name_int(b, "_UID", 0);
	crs = aml_resources_begin(b, "_CRS");
	aml_irq_level(b, machine->hotplug.gsi);
	aml_resources_end(b, crs);
	method = aml_method_begin(b, "_EVT", 1);
	for (unsigned bus = 0; bus < machine->nr_pci_roots; bus++) {
		char name[DSDT_PCI_NAME_SIZE];

		dsdt_pci_name(name, bus);
		aml_op(b, AML_ROOT_CHAR);
		aml_op(b, AML_MULTI_NAME_PREFIX);
		aml_le(b, 3, 1); /* names in the path: \_SB.PCI0.HPEV */
		aml_nameseg(b, "_SB_");
		aml_nameseg(b, name);
		aml_nameseg(b, EVENTS);
	}
	aml_end(b, method);
	aml_end(b, device);
}
