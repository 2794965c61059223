/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/acpi_tables.h"

static uint32_t cpu_domain[255];
static struct acpi_memory memory[3];
static uint8_t distance[9];

/* Three domains; the last has no CPU. */
static struct acpi_machine machine_new(unsigned nr_cpus)
{
	static const struct acpi_memory memory_init[] = {
		{ 0, GIB, 0 },
		{ GIB, GIB, 2 },
		{ 4 * GIB, 8 * GIB, 1 },
	};
	static const uint8_t distance_init[] = { 10, 20, 255, 21, 10, 30, 11, 30, 10 };
	struct acpi_machine machine = sample(nr_cpus);

	memcpy(memory, memory_init, sizeof(memory));
	memcpy(distance, distance_init, sizeof(distance));
	for (unsigned i = 0; i < ARRAY_SIZE(cpu_domain); i++)
		cpu_domain[i] = i & 1;
	machine.numa = (struct acpi_numa){
		.nr_domains = 3,
		.cpu_domain = cpu_domain,
		.nr_memory = ARRAY_SIZE(memory),
		.memory = memory,
		.distance = distance,
	};
	return machine;
}

static bool has_table(const char *signature, size_t used)
{
	const uint8_t *xsdt = table_at(get_le(blob + 24, 8), used);

	for (size_t at = HEADER; at < length_of(xsdt); at += 8)
		if (!memcmp(table_at(get_le(xsdt + at, 8), used), signature, 4))
			return true;
	return false;
}

static void without_nodes_there_is_no_srat_slit_or_pxm(void **state)
{
	struct acpi_machine machine = machine_new(2);
	size_t used;

	machine.numa.nr_domains = 0;
	used = build(&machine);
	assert_false(has_table("SRAT", used));
	assert_false(has_table("SLIT", used));
	assert_false(dsdt_contains(used, "_PXM", 4));
}

static void srat_names_each_cpu_as_the_madt_does(void **state)
{
	static const uint8_t lapic[16] = { 0, 16, 1, 254, 1 };
	static const uint8_t x2apic[24] = { 2, 24, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 1 };
	struct acpi_machine machine = machine_new(3);
	const uint8_t *t;

	ids[1] = 254;
	ids[2] = 255;
	t = find_table("SRAT", build(&machine));
	assert_int_equal(t[8], 3);
	assert_int_equal(length_of(t), 48 + 2 * 16 + 24 + 3 * 40);
	assert_int_equal(get_le(t + 36, 4), 1);
	assert_int_equal(get_le(t + 40, 8), 0);
	assert_memory_equal(t + 64, lapic, sizeof(lapic));
	assert_memory_equal(t + 80, x2apic, sizeof(x2apic));
}

static void srat_has_memory_by_domain(void **state)
{
	static const uint8_t low[40] = { 1, 40, 2, [11] = 0x40, [19] = 0x40, [28] = 1 };
	static const uint8_t high[40] = { 1, 40, 1, [12] = 1, [20] = 2, [28] = 1 };
	struct acpi_machine machine = machine_new(1);
	const uint8_t *t = find_table("SRAT", build(&machine));

	assert_memory_equal(t + 64 + 40, low, sizeof(low));
	assert_memory_equal(t + 64 + 80, high, sizeof(high));
}

static void domains_of_more_than_8_bits_are_whole(void **state)
{
	static uint8_t far[300 * 300], room[256 * KIB];
	struct acpi_machine machine = machine_new(1);
	const uint8_t *t;
	size_t used;

	for (size_t i = 0; i < sizeof(far); i++)
		far[i] = i % 301 ? 20 : 10;
	machine.numa.nr_domains = 300;
	machine.numa.distance = far;
	cpu_domain[0] = 299;
	assert_int_equal(acpi_build(&machine, BASE, room, sizeof(room), &used, NULL), 0);
	t = memmem(room, used, "SRAT", 4);
	assert_non_null(t);
	assert_int_equal(t[48 + 2], 299 & 0xff);
	assert_int_equal(get_le(t + 48 + 8, 4), (299 >> 8) << 8); /* behind the SAPIC's id */
}

static void slit_is_the_matrix(void **state)
{
	struct acpi_machine machine = machine_new(1);
	const uint8_t *t = find_table("SLIT", build(&machine));

	assert_int_equal(t[8], 1);
	assert_int_equal(length_of(t), 44 + 9);
	assert_int_equal(get_le(t + 36, 8), 3);
	assert_memory_equal(t + 44, distance, sizeof(distance));
}

static void nodes_out_of_range_are_refused(void **state)
{
	struct acpi_machine machine = machine_new(4);

	cpu_domain[3] = 3;
	assert_refused(&machine, "ACPI tables: CPU 3: proximity domain 3", "there are 3");
	machine = machine_new(4);
	cpu_domain[4] = 3; /* of a CPU that is not there */
	build(&machine);
	memory[1].domain = 4;
	assert_refused(&machine, "ACPI tables: memory at 0x40000000: proximity domain 4",
		       "there are 3");
	machine = machine_new(4);
	memory[2].size = 0;
	assert_refused(&machine, "ACPI tables: memory at 0x100000000", "0 bytes are out of range");
	memory[2].size = UINT64_MAX;
	assert_refused(&machine, "ACPI tables: memory at 0x100000000",
		       "0xffffffffffffffff bytes are out of range");
	machine = machine_new(4);
	memory[2].base = GIB - 1;
	assert_refused(&machine, "ACPI tables: memory at 0x3fffffff", "overlaps memory at 0");
}

static void distances_that_linux_refuses_are_refused(void **state)
{
	struct acpi_machine machine = machine_new(1);

	distance[4] = 11;
	assert_refused(&machine, "ACPI tables: distance from proximity domain 1 to 1",
		       "is 11, not 10");
	machine = machine_new(1);
	distance[5] = 10;
	assert_refused(&machine, "ACPI tables: distance from proximity domain 1 to 2",
		       "is 10, not above 10");
}

/* Exactly sized heap buffers, so that ASan sees every byte written beyond the end. */
static void every_smaller_size_is_refused_without_overrun(void **state)
{
	struct acpi_machine machine = machine_new(4);
	size_t need = build(&machine), used;

	for (size_t size = 0; size < need; size++) {
		uint8_t *buf = malloc(size ? size : 1);

		assert_non_null(buf);
		assert_int_equal(acpi_build(&machine, BASE, buf, size, &used, NULL), -ENOSPC);
		free(buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_nodes_there_is_no_srat_slit_or_pxm),
		cmocka_unit_test(srat_names_each_cpu_as_the_madt_does),
		cmocka_unit_test(srat_has_memory_by_domain),
		cmocka_unit_test(domains_of_more_than_8_bits_are_whole),
		cmocka_unit_test(slit_is_the_matrix),
		cmocka_unit_test(nodes_out_of_range_are_refused),
		cmocka_unit_test(distances_that_linux_refuses_are_refused),
		cmocka_unit_test(every_smaller_size_is_refused_without_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
