/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/acpi_tables.h"

#include "core/acpi/aml.h"

static void rsdp_points_to_the_xsdt_with_both_checksums(void **state)
{
	struct acpi_machine machine = sample(2);
	size_t used = build(&machine);
	const uint8_t *xsdt;

	assert_memory_equal(blob, "RSD PTR ", 8);
	assert_int_equal(blob[15], 2);
	assert_int_equal(get_le(blob + 16, 4), 0);
	assert_int_equal(get_le(blob + 20, 4), 36);
	assert_int_equal(sum(blob, 20), 0);
	assert_int_equal(sum(blob, 36), 0);
	xsdt = table_at(get_le(blob + 24, 8), used);
	assert_memory_equal(xsdt, "XSDT", 4);
	assert_int_equal(length_of(xsdt), HEADER + 3 * 8);
}

static void fadt_is_hardware_reduced_revision_6(void **state)
{
	static const uint8_t sleep_control[12] = { 1, 8, 0, 1, 0x00, 0x06 };
	static const uint8_t sleep_status[12] = { 1, 8, 0, 1, 0x01, 0x06 };
	static const uint8_t reset[12] = { 1, 8, 0, 1, 0xf9, 0x0c };
	struct acpi_machine machine = sample(1);
	const uint8_t *t = find_table("FACP", build(&machine));
	uint32_t flags = (uint32_t)get_le(t + 112, 4);

	assert_int_equal(t[8], 6);
	assert_int_equal(length_of(t), 276);
	assert_true(flags & 1U << 20);				 /* HW_REDUCED_ACPI */
	assert_true(flags & 1U << 10);				 /* RESET_REG_SUP */
	assert_int_equal(get_le(t + 109, 2), 1U << 2 | 1U << 5); /* no VGA, no CMOS RTC, no 8042 */
	assert_int_equal(get_le(t + 40, 4), get_le(t + 140, 8));
	assert_memory_equal(t + 116, reset, 12);
	assert_int_equal(t[128], 6);
	assert_memory_equal(t + 244, sleep_control, 12);
	assert_memory_equal(t + 256, sleep_status, 12);
}

static void dsdt_beyond_4_gib_is_in_the_wide_field_only(void **state)
{
	struct acpi_machine machine = sample(1);
	const uint64_t base = 4 * GIB;
	const uint8_t *xsdt, *t;
	size_t used;

	assert_int_equal(acpi_build(&machine, base, blob, sizeof(blob), &used, NULL), 0);
	xsdt = blob + (get_le(blob + 24, 8) - base);
	t = blob + (get_le(xsdt + HEADER, 8) - base);
	assert_memory_equal(t, "FACP", 4);
	assert_int_equal(get_le(t + 40, 4), 0);
	assert_memory_equal(blob + (get_le(t + 140, 8) - base), "DSDT", 4);
}

/* Counts the MADT's entries of a type; they must fill the table exactly. */
static unsigned count_madt(const uint8_t *t, uint8_t type)
{
	unsigned n = 0;
	size_t at = 44;

	while (at < length_of(t)) {
		assert_true(t[at + 1] >= 2);
		n += t[at] == type;
		at += t[at + 1];
	}
	assert_int_equal(at, length_of(t));
	return n;
}

static void madt_has_one_entry_per_cpu(void **state)
{
	struct acpi_machine machine = sample(255);
	const uint8_t *t = find_table("APIC", build(&machine));

	assert_int_equal(get_le(t + 36, 4), 0xfee00000);
	assert_int_equal(get_le(t + 40, 4), 0); /* no PCAT_COMPAT */
	assert_int_equal(count_madt(t, 0), 255);
	assert_int_equal(count_madt(t, 1), 1);
	assert_int_equal(count_madt(t, 9), 0);
	assert_int_equal(count_madt(t, 4), 1);
	assert_int_equal(count_madt(t, 10), 0);
	for (unsigned i = 0; i < 255; i++) {
		const uint8_t entry[8] = { 0, 8, (uint8_t)i, (uint8_t)i, 1 };

		assert_memory_equal(t + 44 + 8 * i, entry, 8);
	}
	machine = sample(1);
	t = find_table("APIC", build(&machine));
	assert_int_equal(count_madt(t, 0), 1);
}

static void large_apic_ids_become_x2apic_entries(void **state)
{
	static const uint8_t x2apic[16] = { 9, 16, 0, 0, 255, 0, 0, 0, 1, 0, 0, 0, 1 };
	struct acpi_machine machine = sample(3);
	const uint8_t *t;

	ids[0] = 254;
	ids[1] = 255;
	ids[2] = 70000;
	t = find_table("APIC", build(&machine));
	assert_int_equal(count_madt(t, 0), 1);
	assert_int_equal(count_madt(t, 9), 2);
	assert_int_equal(count_madt(t, 4), 1);
	assert_int_equal(count_madt(t, 10), 1);
	assert_memory_equal(t + 52, x2apic, 16);
	assert_int_equal(get_le(t + 52 + 16 + 4, 4), 70000);
}

static void mcfg_names_the_ecam_of_all_root_buses(void **state)
{
	struct acpi_machine machine = sample(1);
	const uint8_t *t;

	assert_int_equal(find_table("MCFG", build(&machine))[55], 0);
	set_roots(&machine, 8);
	t = find_table("MCFG", build(&machine));
	assert_int_equal(length_of(t), 60);
	assert_int_equal(get_le(t + 44, 8), 0xe8000000);
	assert_int_equal(get_le(t + 52, 2), 0);
	assert_int_equal(t[54], 0);
	assert_int_equal(t[55], 7);
}

static void tables_do_not_overlap_and_end_at_used(void **state)
{
	static const char *const names[] = { "FACP", "APIC", "MCFG" };
	struct acpi_machine machine = sample(200);
	size_t used = build(&machine);
	const uint8_t *t[5] = { table_at(get_le(blob + 24, 8), used), find_dsdt(used) };
	size_t end = 0;

	for (unsigned i = 0; i < 3; i++)
		t[2 + i] = find_table(names[i], used);
	for (unsigned i = 0; i < 5; i++) {
		size_t start = (size_t)(t[i] - blob);

		assert_int_equal(start % 16, 0);
		assert_true(start >= 36);
		if (start + length_of(t[i]) > end)
			end = start + length_of(t[i]);
		for (unsigned j = 0; j < i; j++)
			assert_false(ranges_overlap(start, length_of(t[i]), (size_t)(t[j] - blob),
						    length_of(t[j])));
	}
	assert_int_equal(end, used);
	for (size_t i = used; i < sizeof(blob); i++)
		assert_int_equal(blob[i], 0xa5);
}

static void s5_is_the_sleep_type_of_power_off(void **state)
{
	static const uint8_t s5[] = {
		0x08, '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5, 0x0a, 5, 0, 0
	};
	struct acpi_machine machine = sample(1);

	assert_int_equal(ACPI_SLEEP_POWER_OFF >> 2 & 7, 5);
	assert_true(dsdt_contains(build(&machine), s5, sizeof(s5)));
}

static void dsdt_has_a_processor_device_per_cpu(void **state)
{
	struct acpi_machine machine = sample(255);
	size_t used = build(&machine);

	assert_true(dsdt_contains(used,
				  "C000\x08_HID\x0d"
				  "ACPI0007\0\x08_UID\0",
				  25));
	assert_true(dsdt_contains(used,
				  "C0FE\x08_HID\x0d"
				  "ACPI0007\0\x08_UID\x0a\xfe",
				  26));
	assert_false(dsdt_contains(used, "C0FF", 4));
}

static void check_package_lengths(unsigned nr_cpus, unsigned nr_roots)
{
	struct acpi_machine machine = sample(nr_cpus);
	const uint8_t *t, *end, *p;
	unsigned devices = 0;

	set_roots(&machine, nr_roots);
	t = find_dsdt(build(&machine));
	end = t + length_of(t);
	p = t + HEADER + 5;
	assert_int_equal(*p, 0x12); /* the package of _S5 */
	p = package_end(p + 1);
	assert_int_equal(*p, 0x10); /* the scope of everything else */
	assert_ptr_equal(package_end(p + 1), end);
	p = (const uint8_t *)memmem(p, 16, "\\_SB_", 5) + 5;
	while (p < end) {
		assert_int_equal(p[0], 0x5b);
		assert_int_equal(p[1], 0x82);
		p = package_end(p + 2);
		devices++;
	}
	assert_ptr_equal(p, end);
	assert_int_equal(devices, nr_cpus + nr_roots + 3);
}

static void package_lengths_are_right_at_every_change_of_width(void **state)
{
	static const size_t contents[] = { 0, 61, 62, 63, 64, 4092, 4093, 4094, 4095, 70000 };
	struct aml b;

	for (unsigned i = 0; i < ARRAY_SIZE(contents); i++) {
		size_t start;

		aml_init(&b, blob, sizeof(blob));
		start = aml_begin(&b, AML_SCOPE);
		for (size_t n = 0; n < contents[i]; n++)
			aml_le(&b, 0x55, 1);
		aml_end(&b, start);
		assert_false(aml_overflowed(&b));
		assert_ptr_equal(package_end(blob + start), blob + b.pos);
		for (size_t n = 1; n <= contents[i]; n++)
			assert_int_equal(blob[b.pos - n], 0x55);
	}
}

static void package_lengths_chain_to_the_end_of_the_table(void **state)
{
	check_package_lengths(1, 1);
	check_package_lengths(64, 2);
	check_package_lengths(255, ACPI_MAX_PCI_ROOTS);
}

static void uart_of_port_0_is_omitted(void **state)
{
	struct acpi_machine machine = sample(1);
	size_t used = build(&machine);

	assert_true(dsdt_contains(used, "COM1", 4));
	machine.uart.port = 0;
	used = build(&machine);
	assert_false(dsdt_contains(used, "COM1", 4));
}

static void ecam_is_claimed_for_all_root_buses(void **state)
{
	/* ACPI 6.4, 6.4.3.4 and, for 64 bits, 6.4.3.5.1. */
	static const uint8_t narrow[] = { 0x86, 9, 0, 1, 0, 0, 0, 0xe8, 0, 0, 0x10, 1 };
	static const uint8_t wide[] = { 0x8a, 0x2b, 0, 0, 0x0d, 1 };
	struct acpi_machine machine = sample(1);

	set_roots(&machine, ACPI_MAX_PCI_ROOTS);
	assert_true(dsdt_contains(build(&machine), narrow, sizeof(narrow)));
	machine.ecam_base = 4 * GIB;
	assert_true(dsdt_contains(build(&machine), wide, sizeof(wide)));
}

/* Exactly sized heap buffers, so that ASan sees every byte written beyond the end. */
static void check_too_small(unsigned nr_cpus, unsigned nr_roots, size_t step)
{
	struct acpi_machine machine = sample(nr_cpus);
	size_t need, used;
	uint8_t *buf;

	set_roots(&machine, nr_roots);
	need = build(&machine);
	for (size_t size = 0; size < need; size += step) {
		struct error err = { 0 };

		buf = malloc(size + 1);
		assert_non_null(buf);
		buf[size] = 0xa5;
		used = 1;
		assert_int_equal(acpi_build(&machine, BASE, buf, size, &used, &err), -ENOSPC);
		assert_int_equal(err.code, -ENOSPC);
		assert_int_equal(used, 1);
		assert_int_equal(buf[size], 0xa5);
		free(buf);
	}
	buf = malloc(need);
	assert_non_null(buf);
	assert_int_equal(acpi_build(&machine, BASE, buf, need, &used, NULL), 0);
	assert_int_equal(used, need);
	assert_memory_equal(buf, blob, need);
	free(buf);
}

static void every_smaller_size_is_refused_without_overrun(void **state)
{
	check_too_small(1, 1, 1);
	check_too_small(255, ACPI_MAX_PCI_ROOTS, 97);
}

static void refuse(const struct acpi_machine *machine, uint64_t base)
{
	struct error err = { 0 };
	size_t used = 1;

	assert_int_equal(acpi_build(machine, base, blob, sizeof(blob), &used, &err), -EINVAL);
	assert_int_equal(err.code, -EINVAL);
	assert_true(err.object[0] && err.reason[0]);
	assert_int_equal(used, 1);
	assert_int_equal(acpi_build(machine, base, blob, sizeof(blob), &used, NULL), -EINVAL);
}

static void descriptions_out_of_range_are_refused(void **state)
{
	struct acpi_machine machine = sample(0);

	refuse(&machine, BASE);
	machine = sample(256);
	refuse(&machine, BASE);
	machine = sample(1);
	refuse(&machine, BASE + 8);
	refuse(&machine, UINT64_MAX - 15);
	ids[0] = UINT32_MAX;
	refuse(&machine, BASE);
	machine = sample(1);
	machine.ecam_base++;
	refuse(&machine, BASE);
	machine = sample(1);
	machine.ecam_base = UINT64_MAX - 2 * MIB + 1;
	build(&machine);
	set_roots(&machine, 2);
	refuse(&machine, BASE);
	machine = sample(1);
	machine.intx_gsi = 253;
	refuse(&machine, BASE);
	machine = sample(1);
	machine.uart.port = 0xfff9;
	refuse(&machine, BASE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsdp_points_to_the_xsdt_with_both_checksums),
		cmocka_unit_test(fadt_is_hardware_reduced_revision_6),
		cmocka_unit_test(dsdt_beyond_4_gib_is_in_the_wide_field_only),
		cmocka_unit_test(madt_has_one_entry_per_cpu),
		cmocka_unit_test(large_apic_ids_become_x2apic_entries),
		cmocka_unit_test(mcfg_names_the_ecam_of_all_root_buses),
		cmocka_unit_test(tables_do_not_overlap_and_end_at_used),
		cmocka_unit_test(s5_is_the_sleep_type_of_power_off),
		cmocka_unit_test(dsdt_has_a_processor_device_per_cpu),
		cmocka_unit_test(package_lengths_are_right_at_every_change_of_width),
		cmocka_unit_test(package_lengths_chain_to_the_end_of_the_table),
		cmocka_unit_test(uart_of_port_0_is_omitted),
		cmocka_unit_test(ecam_is_claimed_for_all_root_buses),
		cmocka_unit_test(every_smaller_size_is_refused_without_overrun),
		cmocka_unit_test(descriptions_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
