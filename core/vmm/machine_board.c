/* SPDX-License-Identifier: Apache-2.0 */
/* What is on the board beside PCI: serial port, power and reset, the ACPI tables; and where the first vCPU begins. */
#include "core/vmm/machine_board.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/kvm/layout.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_run.h"

/* Values of the reset control register at 0xcf9: bit 2 resets, bit 1 says how hard. */
#define RESET_CPU   0x04
#define RESET_VALUE 0x06

/* Keyboard controller command: pulse the reset line. */
#define I8042_COMMAND_PORT 0x64
#define I8042_PULSE_RESET  0xfe

static const struct iobus_ops serial_ops = { .read = serial_read, .write = serial_write };

static uint64_t read_zero(void *opaque, uint64_t offset, unsigned size)
{
	return 0;
}

static void sleep_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	if (offset == 0 && (value & 0xff) == ACPI_SLEEP_POWER_OFF)
		machine_ask(opaque, MACHINE_POWER_OFF);
}

static const struct iobus_ops sleep_ops = { .read = read_zero, .write = sleep_write };

static void i8042_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	if ((value & 0xff) == I8042_PULSE_RESET)
		machine_ask(opaque, MACHINE_RESET);
}

/* Never busy: kernels that fall back to this reset wait for that. */
static const struct iobus_ops i8042_ops = { .read = read_zero, .write = i8042_write };

static void reset_port(void *opaque, uint8_t value)
{
	if (value & RESET_CPU)
		machine_ask(opaque, MACHINE_RESET);
}

static int add_ports(struct machine *machine, struct error *err)
{
	const struct iobus_region ports[] = {
		{ LAYOUT_PORT_PCI_ADDRESS, 8, &pci_port_ops, machine->pci, "pci" },
		{ LAYOUT_PORT_SLEEP_CONTROL, 2, &sleep_ops, machine, "sleep" },
		{ I8042_COMMAND_PORT, 1, &i8042_ops, machine, "i8042" },
		{ LAYOUT_PORT_HOTPLUG, pci_hotplug_size(&machine->unplug.pci),
		  &pci_hotplug_port_ops, &machine->unplug.pci, "hotplug" },
		{ LAYOUT_PORT_COM1, 8, &serial_ops, &machine->serial, "serial" },
	};
	const struct iobus_region ecam = { LAYOUT_ECAM, machine->nr_pci_buses * LAYOUT_ECAM_SIZE,
					   &pci_ecam_ops, machine->pci, "ecam" };
	size_t nr = ARRAY_SIZE(ports) - (machine->config->serial.mode == LINE_OFF);
	int r;

	machine->pci->reset_port_write = reset_port;
	machine->pci->reset_port_opaque = machine;
	for (size_t i = 0; i < nr; i++) {
		r = iobus_add(&machine->vm.pio, &ports[i]);
		if (r)
			return error_set(err, r, "ports of %s", ports[i].name);
	}
	r = iobus_add(&machine->vm.mmio, &ecam);
	return r ? error_set(err, r, "ECAM") : 0;
}

const struct machine_part machine_part_ports = { .name = "ports of the board", .init = add_ports };

static void serial_irq(void *opaque, bool level)
{
	struct machine *machine = opaque;

	irq_set_line(&machine->vm.irq, LAYOUT_GSI_COM1, level);
}

static int open_serial(struct machine *machine, struct error *err)
{
	const struct serial_config serial = { machine->config->serial, machine_quit };
	int r = serial_init(&machine->serial, &serial, &machine->ring, serial_irq, machine, err);

	if (!r)
		machine_announce_pty("serial", machine->serial.line.pty);
	return r;
}

static void close_serial(struct machine *machine)
{
	serial_destroy(&machine->serial);
}

static int reset_serial(struct machine *machine, struct error *err)
{
	serial_reset(&machine->serial);
	return 0;
}

const struct machine_part machine_part_serial = { "serial port", open_serial, close_serial,
						  reset_serial };

void machine_announce_pty(const char *name, const char *path)
{
	if (*path)
		fprintf(stderr, "torc: %s: pseudo terminal %s\n", name, path);
}

static struct acpi_machine describe(const struct machine *machine)
{
	bool uart = machine->config->serial.mode != LINE_OFF;

	return (struct acpi_machine){
		.nr_cpus = machine->nr_vcpus,
		.apic_ids = machine->apic_ids,
		.ioapic_id = 0,
		.ioapic_addr = LAYOUT_IOAPIC,
		.lapic_addr = LAYOUT_LAPIC,
		.ecam_base = LAYOUT_ECAM,
		.intx_gsi = LAYOUT_GSI_PCI_INTX,
		.sleep_control_port = LAYOUT_PORT_SLEEP_CONTROL,
		.sleep_status_port = LAYOUT_PORT_SLEEP_STATUS,
		.reset_port = LAYOUT_PORT_RESET,
		.reset_value = RESET_VALUE,
		.uart = { uart ? LAYOUT_PORT_COM1 : 0, LAYOUT_GSI_COM1 },
		.hotplug = { LAYOUT_PORT_HOTPLUG, PCI_HOTPLUG_STRIDE, LAYOUT_GSI_HOTPLUG },
	};
}

/*
 * A kernel whose other ways to restart fail jumps to where the BIOS would start. Linux does so first on hardware-reduced
 * ACPI without EFI. In real mode: mov $0xcf9, %dx; mov $RESET_VALUE, %al; out %al, (%dx); 1: hlt; jmp 1b
 */
static const uint8_t reset_code[] = {
	0xba, LAYOUT_PORT_RESET & 0xff, LAYOUT_PORT_RESET >> 8, 0xb0, RESET_VALUE, 0xee, 0xf4, 0xeb,
	0xfd,
};

static int enter(struct machine *machine, struct error *err)
{
	struct acpi_machine acpi = describe(machine);
	void *tables = guest_mem_ptr(&machine->mem, (gpa_t){ LAYOUT_ACPI }, LAYOUT_ACPI_SIZE);
	void *code = guest_mem_ptr(&machine->mem, (gpa_t){ LAYOUT_RESET_CODE }, sizeof(reset_code));
	size_t used;
	int r;

	if (!tables || !code)
		return error_set(err, -EFAULT, "ACPI tables");
	memcpy(code, reset_code, sizeof(reset_code));
	machine_describe_pci(machine, &acpi);
	machine_describe_numa(machine, &acpi.numa);
	r = acpi_build(&acpi, LAYOUT_ACPI, tables, LAYOUT_ACPI_SIZE, &used, err);
	return r ? r : vcpu_set_entry(&machine->vcpu[0], &machine->loader.entry, err);
}

static int first_entry(struct machine *machine, struct error *err)
{
	int r = machine_finish_load(machine, err);

	return r ? r : enter(machine, err);
}

static int entry_again(struct machine *machine, struct error *err)
{
	int r = machine_reload(machine, err);

	return r ? r : enter(machine, err);
}

const struct machine_part machine_part_entry = { "ready to enter the guest", first_entry, NULL,
						 entry_again };
