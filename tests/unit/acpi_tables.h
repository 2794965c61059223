/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tests of core/acpi share: a sample machine, and finding tables among the bytes built from it.
 */
#ifndef TESTS_UNIT_ACPI_TABLES_H
#define TESTS_UNIT_ACPI_TABLES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/acpi/acpi.h"
#include "core/base/bits.h"

#define BASE   0xe0000ULL
#define SIZE   (128 * KIB)
#define HEADER 36

static uint32_t ids[255];
static uint8_t blob[SIZE];

/**
 * sample - a machine without NUMA nodes
 * @nr_cpus: its APIC ids are 0 and up
 *
 * Return: the description; borrows ids[].
 */
static inline struct acpi_machine sample(unsigned nr_cpus)
{
	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		ids[i] = i;
	return (struct acpi_machine){
		.nr_cpus = nr_cpus,
		.apic_ids = ids,
		.ioapic_id = 3,
		.ioapic_addr = 0xfec00000,
		.lapic_addr = 0xfee00000,
		.ecam_base = 0xe8000000,
		.nr_pci_roots = 1,
		.pci_root[0] = {
			.domain = -1,
			.io = { 0x1000, 0xe000 },
			.mem32 = { 0xc0000000, 0x28000000 },
			.mem64 = { 0x1000000000, 0x4000000000 },
			.hotplug_slots = 0xfffffffe,
		},
		.intx_gsi = 16,
		.sleep_control_port = 0x600,
		.sleep_status_port = 0x601,
		.reset_port = 0xcf9,
		.reset_value = 6,
		.uart = { 0x3f8, 4 },
		.hotplug = { .port = 0x620, .stride = 16, .gsi = 20 },
	};
}

/**
 * set_roots - give a machine several PCI root buses in no domain, whose windows touch
 * @machine: its windows are replaced
 * @nr: at most ACPI_MAX_PCI_ROOTS
 */
static inline void set_roots(struct acpi_machine *machine, unsigned nr)
{
	machine->nr_pci_roots = nr;
	for (unsigned bus = 0; bus < nr; bus++)
		machine->pci_root[bus] = (struct acpi_pci_root){
			.domain = -1,
			.io = { 0x1000 + bus * 0x800U, 0x800 },
			.mem32 = { 0xc0000000 + bus * 16 * MIB, 16 * MIB },
			.mem64 = { 64 * GIB + bus * 8 * GIB, 8 * GIB },
			.hotplug_slots = 0xfffffffe,
		};
}

/**
 * build - acpi_build() into blob[], which must work
 * @machine: the description
 *
 * Return: how many bytes were written.
 */
static inline size_t build(const struct acpi_machine *machine)
{
	size_t used = 0;

	memset(blob, 0xa5, sizeof(blob));
	assert_int_equal(acpi_build(machine, BASE, blob, sizeof(blob), &used, NULL), 0);
	assert_true(used > 0 && used <= sizeof(blob));
	return used;
}

/**
 * assert_refused - acpi_build() must find a description out of range
 * @machine: the description
 * @object: what is wrong, in the error's words
 * @reason: why
 */
static inline void assert_refused(const struct acpi_machine *machine, const char *object,
				  const char *reason)
{
	struct error err = { 0 };
	size_t used;

	assert_int_equal(acpi_build(machine, BASE, blob, sizeof(blob), &used, &err), -EINVAL);
	assert_string_equal(err.object, object);
	assert_string_equal(err.reason, reason);
}

/**
 * sum - add up bytes
 * @p: the first
 * @n: their number
 *
 * Return: modulo 256.
 */
static inline unsigned sum(const uint8_t *p, size_t n)
{
	unsigned s = 0;

	while (n--)
		s += *p++;
	return s & 0xff;
}

/**
 * length_of - what a table's header says
 * @table: its start
 *
 * Return: bytes.
 */
static inline uint32_t length_of(const uint8_t *table)
{
	return (uint32_t)get_le(table + 4, 4);
}

/**
 * table_at - the table at a guest physical address, which must be whole and add up to 0
 * @addr: its address
 * @used: bytes of blob[] that count
 *
 * Return: its start.
 */
static inline const uint8_t *table_at(uint64_t addr, size_t used)
{
	const uint8_t *t;

	assert_true(addr >= BASE && range_fits(addr - BASE, HEADER, used));
	t = blob + (addr - BASE);
	assert_true(length_of(t) >= HEADER && range_fits(addr - BASE, length_of(t), used));
	assert_int_equal(sum(t, length_of(t)), 0);
	return t;
}

/**
 * find_table - a table that the XSDT must name
 * @signature: 4 characters
 * @used: bytes of blob[] that count
 *
 * Return: its start.
 */
static inline const uint8_t *find_table(const char *signature, size_t used)
{
	const uint8_t *xsdt = table_at(get_le(blob + 24, 8), used);
	const uint8_t *t;

	for (size_t at = HEADER; at < length_of(xsdt); at += 8) {
		t = table_at(get_le(xsdt + at, 8), used);
		if (!memcmp(t, signature, 4))
			return t;
	}
	fail_msg("no table %s", signature);
	return NULL;
}

/**
 * find_dsdt - the table that the FADT names
 * @used: bytes of blob[] that count
 *
 * Return: its start.
 */
static inline const uint8_t *find_dsdt(size_t used)
{
	const uint8_t *t = table_at(get_le(find_table("FACP", used) + 140, 8), used);

	assert_memory_equal(t, "DSDT", 4);
	return t;
}

/**
 * dsdt_contains - look for bytes
 * @used: bytes of blob[] that count
 * @bytes: what to find
 * @n: their number
 *
 * Return: whether they are somewhere in the DSDT.
 */
static inline bool dsdt_contains(size_t used, const void *bytes, size_t n)
{
	const uint8_t *t = find_dsdt(used);

	return memmem(t, length_of(t), bytes, n) != NULL;
}

/**
 * package_end - find where an AML package ends; its length must be encoded as shortly as possible
 * @p: its PkgLength
 *
 * Return: the position behind all that it covers.
 * Source: ACPI 6.4, 20.2.4.
 */
static inline const uint8_t *package_end(const uint8_t *p)
{
	unsigned extra = p[0] >> 6;
	size_t length = p[0] & 0x3f;

	if (extra) {
		assert_int_equal(p[0] & 0x30, 0);
		length = p[0] & 0xf;
	}
	for (unsigned i = 1; i <= extra; i++)
		length |= (size_t)p[i] << (8 * i - 4);
	/* The shortest encoding that is possible. */
	if (extra)
		assert_true(length - extra >= (extra == 1   ? 0x3fU
					       : extra == 2 ? 0xffeU
							    : 0xffffdU));
	return p + length;
}

#endif
