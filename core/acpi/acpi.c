/* SPDX-License-Identifier: Apache-2.0 */
#include "core/acpi/acpi.h"

#include <errno.h>
#include <string.h>

#include "core/acpi/aml.h"
#include "core/acpi/dsdt.h"
#include "core/acpi/dsdt_pci.h"
#include "core/acpi/srat.h"
#include "core/base/bits.h"

#define MAX_CPUS      255
#define X2APIC_ALL    0xffffffffU
#define BUS_ECAM_SIZE MIB

/* ACPI 6.4, 5.2.5.3. */
#define RSDP_SIZE	     36
#define RSDP_V1_SIZE	     20
#define RSDP_CHECKSUM	     8
#define RSDP_XSDT	     24
#define RSDP_CHECKSUM_OF_ALL 32

/* ACPI 6.4, table 5.9. */
enum fadt_offset {
	FADT_HEADER = 36,
	FADT_DSDT = 40,
	FADT_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR_VERSION = 131,
	FADT_X_DSDT = 140,
	FADT_SLEEP_CONTROL = 244,
	FADT_SLEEP_STATUS = 256,
	FADT_HYPERVISOR = 268,
	FADT_SIZE = 276, /* of revision 6 */
};

/* ACPI 6.4, table 5.10 (flags) and 5.11 (boot architecture). */
#define FADT_WBINVD	      (1U << 0)
#define FADT_PROC_C1	      (1U << 2)
#define FADT_NO_POWER_BUTTON  (1U << 4) /* as a fixed feature; likewise the next two */
#define FADT_NO_SLEEP_BUTTON  (1U << 5)
#define FADT_NO_FIXED_RTC     (1U << 6)
#define FADT_RESET_REG_SUP    (1U << 10)
#define FADT_HW_REDUCED_ACPI  (1U << 20)
#define FADT_BOOT_NO_VGA      (1U << 2)
#define FADT_BOOT_NO_CMOS_RTC (1U << 5)

/* ACPI 6.4, 5.2.12: MADT entries. */
enum madt_entry {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

static int check_cpus(const struct acpi_machine *machine, struct error *err)
{
	if (machine->nr_cpus < 1 || machine->nr_cpus > MAX_CPUS) {
		error_set(err, -EINVAL, "ACPI tables: %u CPUs", machine->nr_cpus);
		error_reason(err, "not between 1 and %u", MAX_CPUS);
		return -EINVAL;
	}
	for (unsigned i = 0; i < machine->nr_cpus; i++) {
		if (machine->apic_ids[i] == X2APIC_ALL) {
			error_set(err, -EINVAL, "ACPI tables: APIC id of CPU %u", i);
			error_reason(err, "is the broadcast id");
			return -EINVAL;
		}
	}
	return 0;
}

static bool hotplug_fits(const struct acpi_machine *machine)
{
	const struct acpi_hotplug *hotplug = &machine->hotplug;

	if (!hotplug->port)
		return true;
	return hotplug->stride >= ACPI_HOTPLUG_REGISTERS && hotplug->stride <= UINT8_MAX &&
	       range_fits(hotplug->port, machine->nr_pci_roots * hotplug->stride, 64 * KIB);
}

static int check_machine(const struct acpi_machine *machine, uint64_t base, struct error *err)
{
	uint64_t ecam_size = machine->nr_pci_roots * BUS_ECAM_SIZE;
	const char *what = NULL;

	if (machine->ecam_base % BUS_ECAM_SIZE ||
	    !range_fits(machine->ecam_base, ecam_size, UINT64_MAX))
		what = "ECAM";
	else if (machine->intx_gsi > UINT8_MAX - 3)
		what = "GSI of PCI INTx";
	else if (machine->uart.port > UINT16_MAX - 7)
		what = "port of COM1";
	else if (!hotplug_fits(machine))
		what = "ports of PCI hotplug";
	else if (base % 16 || base > UINT64_MAX - GIB)
		what = "address of the tables";
	if (!what)
		return check_cpus(machine, err);
	error_set(err, -EINVAL, "ACPI tables: %s", what);
	error_reason(err, "out of range");
	return -EINVAL;
}

/* Generic Address Structure, ACPI 6.4, 5.2.3.2: one byte in I/O space. */
static void patch_port_register(struct aml *b, size_t at, uint16_t port)
{
	aml_patch(b, at, 1, 1);	    /* system I/O */
	aml_patch(b, at + 1, 8, 1); /* bits */
	aml_patch(b, at + 2, 0, 1); /* bit offset */
	aml_patch(b, at + 3, 1, 1); /* byte access */
	aml_patch(b, at + 4, port, 8);
}

static size_t write_fadt(struct aml *b, const struct acpi_machine *machine, uint64_t dsdt)
{
	size_t t = aml_table_begin(b, "FACP", 6);

	aml_zeros(b, FADT_SIZE - FADT_HEADER);
	/* Systems without X_DSDT support read the old field; where both are set they have to agree. */
	if (dsdt <= UINT32_MAX)
		aml_patch(b, t + FADT_DSDT, dsdt, 4);
	aml_patch(b, t + FADT_X_DSDT, dsdt, 8);
	aml_patch(b, t + FADT_BOOT_ARCH, FADT_BOOT_NO_VGA | FADT_BOOT_NO_CMOS_RTC, 2);
	aml_patch(b, t + FADT_FLAGS,
		  FADT_WBINVD | FADT_PROC_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
			  FADT_NO_FIXED_RTC | FADT_RESET_REG_SUP | FADT_HW_REDUCED_ACPI,
		  4);
	patch_port_register(b, t + FADT_RESET_REG, machine->reset_port);
	aml_patch(b, t + FADT_RESET_VALUE, machine->reset_value, 1);
	aml_patch(b, t + FADT_MINOR_VERSION, 4, 1);
	patch_port_register(b, t + FADT_SLEEP_CONTROL, machine->sleep_control_port);
	patch_port_register(b, t + FADT_SLEEP_STATUS, machine->sleep_status_port);
	aml_patch(b, t + FADT_HYPERVISOR, get_le("TORC", 4), 8);
	aml_table_end(b, t);
	return t;
}

static void write_madt_cpu(struct aml *b, uint32_t uid, uint32_t apic_id)
{
	const uint32_t enabled = 1;

	if (apic_id <= SRAT_MAX_XAPIC_ID) {
		aml_le(b, MADT_LAPIC, 1);
		aml_le(b, 8, 1);
		aml_le(b, uid, 1);
		aml_le(b, apic_id, 1);
		aml_le(b, enabled, 4);
		return;
	}
	aml_le(b, MADT_X2APIC, 1);
	aml_le(b, 16, 1);
	aml_le(b, 0, 2);
	aml_le(b, apic_id, 4);
	aml_le(b, enabled, 4);
	aml_le(b, uid, 4);
}

static void write_madt_nmi(struct aml *b, bool x2apic)
{
	const unsigned lint = 1;

	aml_le(b, x2apic ? MADT_X2APIC_NMI : MADT_LAPIC_NMI, 1);
	aml_le(b, x2apic ? 12 : 6, 1);
	if (x2apic) {
		aml_le(b, 0, 2);	  /* polarity and trigger as the bus has them */
		aml_le(b, UINT32_MAX, 4); /* all processors */
		aml_le(b, lint, 1);
		aml_zeros(b, 3);
		return;
	}
	aml_le(b, UINT8_MAX, 1);
	aml_le(b, 0, 2);
	aml_le(b, lint, 1);
}

static size_t write_madt(struct aml *b, const struct acpi_machine *machine)
{
	size_t t = aml_table_begin(b, "APIC", 5);
	bool x2apic = false;

	aml_le(b, machine->lapic_addr, 4);
	aml_le(b, 0, 4); /* no 8259 (PCAT_COMPAT) */
	for (unsigned i = 0; i < machine->nr_cpus; i++) {
		write_madt_cpu(b, i, machine->apic_ids[i]);
		x2apic |= machine->apic_ids[i] > SRAT_MAX_XAPIC_ID;
	}
	aml_le(b, MADT_IOAPIC, 1);
	aml_le(b, 12, 1);
	aml_le(b, machine->ioapic_id, 1);
	aml_le(b, 0, 1);
	aml_le(b, machine->ioapic_addr, 4);
	aml_le(b, 0, 4); /* its first GSI */
	write_madt_nmi(b, false);
	if (x2apic)
		write_madt_nmi(b, true);
	aml_table_end(b, t);
	return t;
}

static size_t write_mcfg(struct aml *b, const struct acpi_machine *machine)
{
	size_t t = aml_table_begin(b, "MCFG", 1);

	aml_zeros(b, 8);
	aml_le(b, machine->ecam_base, 8);
	aml_le(b, 0, 2); /* segment */
	aml_le(b, 0, 1); /* first bus */
	aml_le(b, machine->nr_pci_roots - 1, 1);
	aml_zeros(b, 4);
	aml_table_end(b, t);
	return t;
}

static void write_rsdp(struct aml *b)
{
	aml_bytes(b, "RSD PTR ", 8);
	aml_le(b, 0, 1); /* checksum */
	aml_bytes(b, "TORC  ", 6);
	aml_le(b, 2, 1); /* revision */
	aml_le(b, 0, 4); /* no RSDT */
	aml_le(b, RSDP_SIZE, 4);
	aml_zeros(b, RSDP_SIZE - RSDP_XSDT); /* the XSDT's address, second checksum */
}

int acpi_build(const struct acpi_machine *machine, uint64_t base, void *buf, size_t size,
	       size_t *used, struct error *err)
{
	size_t dsdt, xsdt, table[5];
	unsigned nr = 0;
	struct aml b;
	int r;

	r = check_machine(machine, base, err);
	if (!r)
		r = dsdt_pci_check(machine, err);
	if (!r)
		r = srat_check(machine, err);
	if (r)
		return r;

	aml_init(&b, buf, size);
	write_rsdp(&b);
	dsdt = dsdt_write(&b, machine);
	table[nr++] = write_fadt(&b, machine, base + dsdt);
	table[nr++] = write_madt(&b, machine);
	table[nr++] = write_mcfg(&b, machine);
	if (machine->numa.nr_domains) {
		table[nr++] = srat_write(&b, machine);
		table[nr++] = slit_write(&b, &machine->numa);
	}
	xsdt = aml_table_begin(&b, "XSDT", 1);
	for (unsigned i = 0; i < nr; i++)
		aml_le(&b, base + table[i], 8);
	aml_table_end(&b, xsdt);

	if (aml_overflowed(&b)) {
		error_set(err, -ENOSPC, "ACPI tables");
		error_reason(err, "need %zu bytes, there are %zu", b.pos, size);
		return -ENOSPC;
	}
	aml_patch(&b, RSDP_XSDT, base + xsdt, 8);
	aml_checksum(&b, 0, RSDP_V1_SIZE, RSDP_CHECKSUM);
	aml_checksum(&b, 0, RSDP_SIZE, RSDP_CHECKSUM_OF_ALL);
	*used = b.pos;
	return 0;
}
