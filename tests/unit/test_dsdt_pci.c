/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/acpi_tables.h"

#include <stdio.h>

#include "core/kvm/layout.h"

#define NODES 16

/* The largest that torc runs: a root bus for each node and one for functions of none, CPUs of the longest entries. */
static struct acpi_machine largest(void)
{
	static uint32_t cpu_domain[ARRAY_SIZE(ids)];
	static uint8_t distance[NODES * NODES];
	static struct acpi_memory memory[NODES + 2];
	struct acpi_machine machine = sample(ARRAY_SIZE(ids));

	for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
		ids[i] = 1000 + i;
	for (unsigned i = 0; i < ARRAY_SIZE(distance); i++)
		distance[i] = i % (NODES + 1) ? 20 : 10;
	for (unsigned i = 0; i < ARRAY_SIZE(memory); i++)
		memory[i] = (struct acpi_memory){ i * GIB, GIB, i % NODES };
	set_roots(&machine, ACPI_MAX_PCI_ROOTS);
	for (unsigned bus = 1; bus < ACPI_MAX_PCI_ROOTS; bus++)
		machine.pci_root[bus].domain = (int)(ACPI_MAX_PCI_ROOTS - 1 - bus);
	machine.numa = (struct acpi_numa){
		.nr_domains = NODES,
		.cpu_domain = cpu_domain,
		.nr_memory = ARRAY_SIZE(memory),
		.memory = memory,
		.distance = distance,
	};
	return machine;
}

struct bridge {
	const uint8_t *start;
	const uint8_t *end;
};

static bool contains(const struct bridge *b, const void *bytes, size_t n)
{
	return memmem(b->start, (size_t)(b->end - b->start), bytes, n) != NULL;
}

static struct bridge find_bridge(size_t used, unsigned bus)
{
	const uint8_t *t = find_dsdt(used), *name;
	char wanted[8] = "PCI0";

	if (bus)
		snprintf(wanted, sizeof(wanted), "P%03X", bus & 0xfff);
	name = memmem(t, length_of(t), wanted, 4);
	assert_non_null(name);
	/* The opcode and a PkgLength are in front: of two bytes, or of three when it has many slots. */
	for (unsigned size = 2; size <= 3; size++) {
		if (!memcmp(name - size - 2, "\x5b\x82", 2))
			return (struct bridge){ name, package_end(name - size) };
	}
	fail_msg("%s is no device", wanted);
	return (struct bridge){ 0 };
}

/* Whether there is Name(@name, @v) with the integer in its shortest encoding. */
static bool has_int(const struct bridge *b, const char *name, uint8_t v)
{
	uint8_t bytes[7] = { 0x08, [5] = v };

	memcpy(bytes + 1, name, 4);
	if (v > 1) {
		bytes[5] = 0x0a;
		bytes[6] = v;
	}
	return contains(b, bytes, v > 1 ? 7 : 6);
}

/* Whether there is an address space descriptor with @head, for which all addresses have @width bytes. */
static bool has_window(const struct bridge *b, const uint8_t head[6], unsigned width, uint64_t base,
		       uint64_t size)
{
	uint8_t bytes[6 + 5 * 8] = { 0 };

	memcpy(bytes, head, 6);
	put_le(bytes + 6 + width, width, base);
	put_le(bytes + 6 + 2 * width, width, base + size - 1);
	put_le(bytes + 6 + 4 * width, width, size);
	return contains(b, bytes, 6 + 5 * width);
}

static void each_root_bus_has_a_host_bridge_of_its_own(void **state)
{
	static const char ids_of_pcie[] =
		"\x08_HID\x0c\x41\xd0\x0a\x08\x08_CID\x0c\x41\xd0\x0a\x03";
	struct acpi_machine machine = largest();
	size_t used = build(&machine);

	for (unsigned bus = 0; bus < ACPI_MAX_PCI_ROOTS; bus++) {
		struct bridge b = find_bridge(used, bus);

		assert_true(contains(&b, ids_of_pcie, sizeof(ids_of_pcie) - 1));
		assert_true(has_int(&b, "_UID", (uint8_t)bus));
		assert_true(has_int(&b, "_SEG", 0));
		assert_true(has_int(&b, "_BBN", (uint8_t)bus));
		assert_true(contains(&b, "\x08_PRT", 5));
		assert_true(contains(&b, "_OSC", 4));
	}
}

static void each_host_bridge_has_its_bus_and_windows(void **state)
{
	static const uint8_t number[6] = { 0x88, 0x0d, 0, 2, 0x0c, 0 };
	static const uint8_t io[6] = { 0x88, 0x0d, 0, 1, 0x0c, 3 };
	static const uint8_t mem32[6] = { 0x87, 0x17, 0, 0, 0x0c, 1 };
	static const uint8_t mem64[6] = { 0x8a, 0x2b, 0, 0, 0x0c, 1 };
	struct acpi_machine machine = sample(1);
	size_t used;

	set_roots(&machine, ACPI_MAX_PCI_ROOTS);
	used = build(&machine);
	for (unsigned bus = 0; bus < ACPI_MAX_PCI_ROOTS; bus++) {
		const struct acpi_pci_root *root = &machine.pci_root[bus];
		struct bridge b = find_bridge(used, bus);

		assert_true(has_window(&b, number, 2, bus, 1));
		assert_true(has_window(&b, io, 2, root->io.base, root->io.size));
		assert_true(has_window(&b, mem32, 4, root->mem32.base, root->mem32.size));
		assert_true(has_window(&b, mem64, 8, root->mem64.base, root->mem64.size));
	}
}

static void only_the_first_host_bridge_claims_the_configuration_ports(void **state)
{
	static const uint8_t ports[] = { 0x47, 1, 0xf8, 0x0c, 0xf8, 0x0c, 1, 8 };
	struct acpi_machine machine = sample(1);
	size_t used;

	set_roots(&machine, ACPI_MAX_PCI_ROOTS);
	used = build(&machine);
	for (unsigned bus = 0; bus < ACPI_MAX_PCI_ROOTS; bus++) {
		struct bridge b = find_bridge(used, bus);

		assert_int_equal(contains(&b, ports, sizeof(ports)), bus == 0);
	}
}

static void host_bridges_have_their_domain_where_it_is_known(void **state)
{
	struct acpi_machine machine = largest();
	size_t used = build(&machine);

	for (unsigned bus = 0; bus < ACPI_MAX_PCI_ROOTS; bus++) {
		int domain = machine.pci_root[bus].domain;
		struct bridge b = find_bridge(used, bus);

		if (domain < 0)
			assert_false(contains(&b, "_PXM", 4));
		else
			assert_true(has_int(&b, "_PXM", (uint8_t)domain));
	}
}

static void the_largest_machine_fits_its_place(void **state)
{
	struct acpi_machine machine = largest();
	size_t used;

	assert_int_equal(acpi_build(&machine, LAYOUT_ACPI, blob, LAYOUT_ACPI_SIZE, &used, NULL), 0);
}

static void slots_that_functions_leave_can_be_ejected_from(void **state)
{
	struct acpi_machine machine = sample(1);
	size_t used;

	set_roots(&machine, 2);
	machine.pci_root[0].hotplug_slots = 1U << 4 | 1U << 31;
	machine.pci_root[1].hotplug_slots = 1U << 5;
	used = build(&machine);
	for (unsigned bus = 0; bus < 2; bus++) {
		struct bridge b = find_bridge(used, bus);

		for (unsigned slot = 0; slot < 32; slot++) {
			/* _ADR, _SUN, and _EJ0 with one argument, which stores the slot's bit. */
			uint8_t sun[] =
				"\x08_SUN\x0a\x00\x14\x10_EJ0\x09\x70\x0c\x00\x00\x00\x00HPEJ";
			bool wanted = machine.pci_root[bus].hotplug_slots & 1U << slot;
			char name[8];

			snprintf(name, sizeof(name), "S%03X", slot & 0xfff);
			assert_int_equal(contains(&b, name, 4), wanted);
			if (slot < 16)
				continue;
			sun[6] = (uint8_t)(32 * bus + slot);
			put_le(sun + 16, 4, 1U << slot);
			assert_int_equal(contains(&b, sun, sizeof(sun) - 1), wanted);
		}
	}
}

static void each_host_bridge_reads_its_own_hotplug_registers(void **state)
{
	struct acpi_machine machine = sample(1);
	size_t used;

	set_roots(&machine, ACPI_MAX_PCI_ROOTS);
	used = build(&machine);
	for (unsigned bus = 0; bus < ACPI_MAX_PCI_ROOTS; bus++) {
		struct bridge b = find_bridge(used, bus);
		uint8_t region[] = "\x5b\x80HPIO\x01\x0b\x00\x00\x0a\x0c";
		uint8_t call[] = "\x5c\x2f\x03_SB_PCI0HPEV";
		char name[8];

		put_le(region + 8, 2, 0x620 + 16 * bus);
		assert_true(contains(&b, region, sizeof(region) - 1));
		assert_true(contains(&b, "HPIN\x20HPLV\x20HPEJ\x20", 15));
		snprintf(name, sizeof(name), bus ? "P%03X" : "PCI0", bus & 0xfff);
		memcpy(call + 7, name, 4);
		assert_true(dsdt_contains(used, call, sizeof(call) - 1));
	}
	assert_true(dsdt_contains(used,
				  "\x0d"
				  "ACPI0013",
				  10));
}

static void a_machine_without_hotplug_has_no_event_device(void **state)
{
	struct acpi_machine machine = sample(1);
	size_t used;

	machine.hotplug.port = 0;
	used = build(&machine);
	assert_false(dsdt_contains(used, "ACPI0013", 8));
	assert_false(dsdt_contains(used, "_EJ0", 4));
}

static void hotplug_ports_out_of_range_are_refused(void **state)
{
	struct acpi_machine machine = sample(1);

	set_roots(&machine, 2);
	machine.hotplug.port = 0xffe0;
	build(&machine);
	machine.hotplug.port = 0xffe4;
	assert_refused(&machine, "ACPI tables: ports of PCI hotplug", "out of range");
	machine.hotplug = (struct acpi_hotplug){ .port = 0x620, .stride = 11 };
	assert_refused(&machine, "ACPI tables: ports of PCI hotplug", "out of range");
}

static void prt_swizzles_by_device_and_pin(void **state)
{
	struct acpi_machine machine = sample(1);
	size_t used;

	machine.intx_gsi = 20;
	used = build(&machine);
	for (uint8_t device = 1; device < 32; device++) {
		for (uint8_t pin = 2; pin < 4; pin++) {
			uint8_t gsi = (uint8_t)(20 + (device + pin) % 4);
			const uint8_t head[] = { 0x12, 12, 4, 0x0c, 0xff, 0xff, device, 0 };
			const uint8_t tail[] = { 0x0a, pin, 0, 0x0a, gsi };
			uint8_t entry[sizeof(head) + sizeof(tail)];

			memcpy(entry, head, sizeof(head));
			memcpy(entry + sizeof(head), tail, sizeof(tail));
			assert_true(dsdt_contains(used, entry, sizeof(entry)));
		}
	}
}

static const uint8_t io_tag[] = { 0x88, 0x0d, 0, 1 };
static const uint8_t mem32_tag[] = { 0x87, 0x17, 0, 0 };
static const uint8_t mem64_tag[] = { 0x8a, 0x2b, 0, 0 };

static void windows_of_size_0_are_omitted(void **state)
{
	struct acpi_machine machine = sample(1);
	size_t used = build(&machine);

	assert_true(dsdt_contains(used, io_tag, 4));
	assert_true(dsdt_contains(used, mem32_tag, 4));
	assert_true(dsdt_contains(used, mem64_tag, 4));
	machine.pci_root[0].io.size = 0;
	used = build(&machine);
	assert_false(dsdt_contains(used, io_tag, 4));
	assert_true(dsdt_contains(used, mem32_tag, 4));
	machine.pci_root[0].mem32.size = 0;
	used = build(&machine);
	assert_false(dsdt_contains(used, mem32_tag, 4));
	assert_true(dsdt_contains(used, mem64_tag, 4));
	machine.pci_root[0].mem64.size = 0;
	used = build(&machine);
	assert_false(dsdt_contains(used, mem64_tag, 4));
}

static void root_buses_none_or_too_many_are_refused(void **state)
{
	struct acpi_machine machine = sample(1);

	machine.nr_pci_roots = 0;
	assert_refused(&machine, "ACPI tables: 0 PCI root buses", "not between 1 and 17");
	machine.nr_pci_roots = ACPI_MAX_PCI_ROOTS + 1;
	assert_refused(&machine, "ACPI tables: 18 PCI root buses", "not between 1 and 17");
}

static void windows_out_of_range_are_refused(void **state)
{
	static const char io[] = "ACPI tables: PCI bus 1: I/O window";
	static const char mem32[] = "ACPI tables: PCI bus 1: 32-bit memory window";
	static const char mem64[] = "ACPI tables: PCI bus 1: 64-bit memory window";
	struct acpi_machine machine = sample(1);
	struct acpi_pci_root *root = &machine.pci_root[1];

	set_roots(&machine, 2);
	root->io = (struct acpi_window){ 0xffff, 2 };
	assert_refused(&machine, io, "out of range");
	set_roots(&machine, 2);
	root->mem32 = (struct acpi_window){ 4 * GIB - 1, 2 };
	assert_refused(&machine, mem32, "out of range");
	set_roots(&machine, 2);
	root->mem64.base = UINT64_MAX - 4095;
	assert_refused(&machine, mem64, "out of range");
	set_roots(&machine, 1);
	machine.pci_root[0].io = (struct acpi_window){ 0, 64 * KIB };
	assert_refused(&machine, "ACPI tables: PCI bus 0: I/O window", "out of range");
}

static void windows_of_two_root_buses_that_overlap_are_refused(void **state)
{
	static const char io[] = "ACPI tables: PCI bus 2: I/O window";
	static const char mem32[] = "ACPI tables: PCI bus 2: 32-bit memory window";
	static const char mem64[] = "ACPI tables: PCI bus 2: 64-bit memory window";
	static const char reason[] = "overlaps a window of PCI bus 1";
	struct acpi_machine machine = sample(1);
	struct acpi_pci_root *root = &machine.pci_root[2];

	set_roots(&machine, 3);
	root->io.base--;
	assert_refused(&machine, io, reason);
	set_roots(&machine, 3);
	root->mem32.base--;
	assert_refused(&machine, mem32, reason);
	set_roots(&machine, 3);
	root->mem64.base--;
	assert_refused(&machine, mem64, reason);
	/* One address space. */
	set_roots(&machine, 3);
	root->mem64 = machine.pci_root[1].mem32;
	assert_refused(&machine, mem64, reason);
	set_roots(&machine, 3);
	machine.pci_root[1].mem64 = root->mem32;
	assert_refused(&machine, mem32, reason);
	/* Of size 0, and of ports as against memory. */
	set_roots(&machine, 3);
	root->mem64.base = machine.pci_root[1].mem64.base;
	root->mem64.size = 0;
	root->mem32 = machine.pci_root[1].io;
	build(&machine);
}

static void domains_out_of_range_are_refused(void **state)
{
	struct acpi_machine machine = largest();

	machine.pci_root[3].domain = NODES;
	assert_refused(&machine, "ACPI tables: PCI bus 3: proximity domain 16", "there are 16");
	machine.pci_root[3].domain = -2;
	assert_refused(&machine, "ACPI tables: PCI bus 3: proximity domain -2", "there are 16");
	machine = sample(1);
	machine.pci_root[0].domain = 0;
	assert_refused(&machine, "ACPI tables: PCI bus 0: proximity domain 0", "there are 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_root_bus_has_a_host_bridge_of_its_own),
		cmocka_unit_test(each_host_bridge_has_its_bus_and_windows),
		cmocka_unit_test(only_the_first_host_bridge_claims_the_configuration_ports),
		cmocka_unit_test(host_bridges_have_their_domain_where_it_is_known),
		cmocka_unit_test(the_largest_machine_fits_its_place),
		cmocka_unit_test(slots_that_functions_leave_can_be_ejected_from),
		cmocka_unit_test(each_host_bridge_reads_its_own_hotplug_registers),
		cmocka_unit_test(a_machine_without_hotplug_has_no_event_device),
		cmocka_unit_test(hotplug_ports_out_of_range_are_refused),
		cmocka_unit_test(prt_swizzles_by_device_and_pin),
		cmocka_unit_test(windows_of_size_0_are_omitted),
		cmocka_unit_test(root_buses_none_or_too_many_are_refused),
		cmocka_unit_test(windows_out_of_range_are_refused),
		cmocka_unit_test(windows_of_two_root_buses_that_overlap_are_refused),
		cmocka_unit_test(domains_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
