/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What core/kvm computes without a VM: APIC ids and CPUID leaves, the GSI routing table, guest memory. The ioctls
 * that these parts make are replaced by the functions below.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/kvm/cpuid.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/irq.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/kvm/layout.h"
#include "tests/fake/memory.h"

static struct {
	unsigned nr_routing_calls;
	unsigned nr_routes;
	struct kvm_irq_routing_entry route[64];
	int result;
} kvm;

int kvm_check_extension(int fd, unsigned cap)
{
	(void)fd;
	return cap == KVM_CAP_IRQ_ROUTING ? 64 : 0;
}

int kvm_set_gsi_routing(int vm, const struct kvm_irq_routing *routing)
{
	kvm.nr_routing_calls++;
	kvm.nr_routes = routing->nr;
	memcpy(kvm.route, routing->entries, routing->nr * sizeof(kvm.route[0]));
	return kvm.result;
}

int kvm_irqfd(int vm, const struct kvm_irqfd *irqfd)
{
	return 0;
}

int kvm_irq_line(int vm, unsigned gsi, unsigned level)
{
	return 0;
}

int kvm_supported_cpuid(int kvm_fd, struct kvm_cpuid2 *cpuid)
{
	static const struct kvm_cpuid_entry2 entries[] = {
		{ .function = 0, .eax = 0x1f, .ebx = 0x68747541 /* AuthenticAMD */ },
		{ .function = 1, .ebx = 0xdeadbeef, .ecx = 0x8034, .edx = 1U << 21 },
		{ .function = 4, .index = 0, .eax = 0x121 },
		{ .function = 4, .index = 3, .eax = 0x163 },
		{ .function = 0xa, .eax = 0x7300402 },
		{ .function = 0xb, .index = 0, .eax = 7 },
		{ .function = 0x1f, .index = 0, .eax = 7 },
		{ .function = 0x80000001, .ecx = 1U << 23 | 1U << 2 | 1U << 5 },
		{ .function = 0x8000000a, .eax = 1, .edx = 0x1f },
		{ .function = 0x8000001d, .index = 0, .eax = 0x121 },
		{ .function = 0x8000001d, .index = 3, .eax = 0x163 },
		{ .function = 0x80000008, .eax = 0x3028, .ecx = 0xffff },
		{ .function = 0x8000001e },
	};

	if (cpuid->nent < ARRAY_SIZE(entries))
		return -E2BIG;
	memcpy(cpuid->entries, entries, sizeof(entries));
	cpuid->nent = ARRAY_SIZE(entries);
	return 0;
}

static const struct kvm_cpuid_entry2 *leaf(const struct kvm_cpuid2 *cpuid, uint32_t function,
					   uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	}
	fail_msg("leaf 0x%x.%u is missing", function, index);
	return NULL;
}

static void apic_ids_pack_the_topology(void **state)
{
	static const struct cpuid_topology flat = { 1, 255, 1, 1, NULL };
	static const struct cpuid_topology odd = { 2, 3, 1, 2,
						   NULL }; /* cores take two bits for three */

	assert_int_equal(cpuid_apic_id(&flat, 0), 0);
	assert_int_equal(cpuid_apic_id(&flat, 254), 254);
	assert_int_equal(cpuid_apic_id(&odd, 1), 1);
	assert_int_equal(cpuid_apic_id(&odd, 5), 5);
	assert_int_equal(cpuid_apic_id(&odd, 6), 8);
	assert_int_equal(cpuid_apic_id(&odd, 11), 13);
}

static void what_is_hidden_is_not_there(void **state)
{
	struct kvm_cpuid2 *cpuid;

	assert_int_equal(cpuid_supported(-1, &cpuid, NULL), 0);
	cpuid_hide(cpuid, false, false);
	assert_int_equal(leaf(cpuid, 1, 0)->ecx, 0x8034);
	assert_int_equal(leaf(cpuid, 0xa, 0)->eax, 0x7300402);
	assert_int_equal(leaf(cpuid, 0x8000000a, 0)->edx, 0x1f);
	cpuid_hide(cpuid, true, false);
	assert_int_equal(leaf(cpuid, 1, 0)->ecx, 0x8014);
	assert_int_equal(leaf(cpuid, 0x80000001, 0)->ecx, 1U << 23 | 1U << 5);
	assert_int_equal(leaf(cpuid, 0x8000000a, 0)->eax | leaf(cpuid, 0x8000000a, 0)->edx, 0);
	assert_int_equal(leaf(cpuid, 0xa, 0)->eax, 0x7300402);
	cpuid_hide(cpuid, false, true);
	assert_int_equal(leaf(cpuid, 1, 0)->ecx | leaf(cpuid, 1, 0)->edx, 0);
	assert_int_equal(leaf(cpuid, 1, 0)->ebx, 0xdeadbeef);
	assert_int_equal(leaf(cpuid, 0x80000001, 0)->ecx, 1U << 5);
	assert_int_equal(leaf(cpuid, 0xa, 0)->eax, 0);
	free(cpuid);
}

static void leaves_describe_the_topology(void **state)
{
	static const struct cpuid_topology t = { 2, 4, 1, 2, NULL };
	struct kvm_cpuid2 *cpuid;
	const struct kvm_cpuid_entry2 *e;

	assert_int_equal(cpuid_supported(-1, &cpuid, NULL), 0);
	assert_int_equal(cpuid_phys_bits(cpuid), 0x28);
	cpuid_set_vcpu(cpuid, &t, 11); /* package 1, core 1, thread 1: APIC id 11 */
	e = leaf(cpuid, 1, 0);
	assert_int_equal(e->ebx >> 24, 11);
	assert_int_equal(e->ebx >> 16 & 0xff, 8);
	assert_int_equal(e->ebx & 0xffff, 0xbeef);
	assert_true(e->edx & 1U << 28);
	assert_true(e->ecx & 1U << 24);
	e = leaf(cpuid, 0xb, 0);
	assert_int_equal(e->eax, 1);
	assert_int_equal(e->ebx, 2);
	assert_int_equal(e->ecx, 1 << 8);
	assert_int_equal(e->edx, 11);
	e = leaf(cpuid, 0xb, 1);
	assert_int_equal(e->eax, 3);
	assert_int_equal(e->ebx, 8);
	assert_int_equal(e->ecx, 2 << 8 | 1);
	e = leaf(cpuid, 0xb, 2);
	assert_int_equal(e->ebx, 0);
	assert_int_equal(leaf(cpuid, 0x1f, 2)->ebx, 8);
	assert_int_equal(leaf(cpuid, 0x1f, 3)->ebx, 0);
	/* L1 is shared by a core's two threads, L3 by the die's eight. */
	assert_int_equal(leaf(cpuid, 4, 0)->eax >> 14 & 0xfff, 1);
	assert_int_equal(leaf(cpuid, 4, 3)->eax >> 14 & 0xfff, 7);
	assert_int_equal(leaf(cpuid, 4, 0)->eax >> 26, 3);
	e = leaf(cpuid, 0x80000008, 0);
	assert_int_equal(e->ecx & 0xff, 7);
	assert_int_equal(e->ecx >> 12 & 0xf, 3);
	assert_int_equal(leaf(cpuid, 0x8000001e, 0)->eax, 11);
	/* The same table serves the next vCPU. */
	cpuid_set_vcpu(cpuid, &t, 0);
	assert_int_equal(leaf(cpuid, 1, 0)->ebx >> 24, 0);
	assert_int_equal(leaf(cpuid, 0xb, 1)->edx, 0);
	free(cpuid);
}

/* Where the vCPUs of each node are; the package fields of their APIC ids must differ by node and by nothing else. */
static void expect_node_packages(const uint32_t *node, unsigned nr, const uint32_t *want)
{
	struct cpuid_topology t;
	uint16_t place[255];

	cpuid_topology_of_nodes(&t, place, node, nr);
	for (unsigned i = 0; i < nr; i++)
		assert_int_equal(cpuid_apic_id(&t, i), want[i]);
}

static void each_node_is_a_package(void **state)
{
	static const uint32_t even[] = { 0, 0, 1, 1 }, even_ids[] = { 0, 1, 8, 9 };
	static const uint32_t uneven[] = { 0, 1, 1, 1, 2 }, uneven_ids[] = { 0, 8, 9, 10, 16 };
	static const uint32_t mixed[] = { 7, 2, 7, 2 }, mixed_ids[] = { 0, 8, 1, 9 };
	static const uint32_t one[] = { 3, 3, 3 }, one_ids[] = { 0, 1, 2 };
	uint32_t large[24], large_ids[24];

	expect_node_packages(even, 4, even_ids);
	expect_node_packages(uneven, 5, uneven_ids);
	expect_node_packages(mixed, 4, mixed_ids);
	expect_node_packages(one, 3, one_ids);
	for (unsigned i = 0; i < ARRAY_SIZE(large); i++) {
		large[i] = i / 12;
		large_ids[i] = i / 12 << 4 | i % 12;
	}
	expect_node_packages(large, ARRAY_SIZE(large), large_ids);
}

static void nodes_share_no_cache(void **state)
{
	static const uint32_t node[] = { 0, 1, 0, 1, 1 };
	const struct kvm_cpuid_entry2 *e;
	struct cpuid_topology t;
	struct kvm_cpuid2 *cpuid;
	uint16_t place[5];

	assert_int_equal(cpuid_supported(-1, &cpuid, NULL), 0);
	cpuid_topology_of_nodes(&t, place, node, 5);
	cpuid_set_vcpu(cpuid, &t, 4); /* package 1, core 2: APIC id 10 */
	assert_int_equal(leaf(cpuid, 1, 0)->ebx >> 24, 10);
	assert_int_equal(leaf(cpuid, 0xb, 0)->edx, 10);
	assert_int_equal(leaf(cpuid, 0xb, 1)->eax, 3); /* 10 >> 3 is the package */
	assert_int_equal(leaf(cpuid, 0xb, 1)->ebx, 3);
	assert_int_equal(leaf(cpuid, 0x1f, 2)->eax, 3);
	assert_int_equal(leaf(cpuid, 4, 3)->eax >> 14 & 0xfff, 7); /* so is the L3 */
	assert_int_equal(leaf(cpuid, 0x8000001d, 3)->eax >> 14 & 0xfff, 7);
	assert_int_equal(leaf(cpuid, 0x8000001d, 0)->eax >> 14 & 0xfff, 0);
	assert_int_equal(leaf(cpuid, 0x80000008, 0)->ecx >> 12 & 0xf, 3);
	assert_int_equal(leaf(cpuid, 0x80000008, 0)->ecx & 0xff, 2);
	e = leaf(cpuid, 0x8000001e, 0);
	assert_int_equal(e->eax, 10);
	assert_int_equal(e->ecx, 1); /* node 1, one node a package */
	free(cpuid);
}

static void small_packages_stay_apart_only_while_ids_last(void **state)
{
	static const struct cpuid_topology few = { 1, 1, 1, 31, NULL };
	static const struct cpuid_topology many = { 1, 1, 1, 32, NULL };
	static const struct cpuid_topology dies = { 1, 2, 2, 1, NULL };

	assert_int_equal(cpuid_apic_id(&few, 30), 240);
	assert_int_equal(cpuid_apic_id(&many, 31), 31);
	assert_int_equal(cpuid_apic_id(&dies, 3), 9);
}

static void one_cpu_is_no_hyperthread(void **state)
{
	static const struct cpuid_topology t = { 1, 1, 1, 1, NULL };
	struct kvm_cpuid2 *cpuid;

	assert_int_equal(cpuid_supported(-1, &cpuid, NULL), 0);
	cpuid_set_vcpu(cpuid, &t, 0);
	assert_false(leaf(cpuid, 1, 0)->edx & 1U << 28);
	assert_int_equal(leaf(cpuid, 0xb, 0)->ebx, 1);
	free(cpuid);
}

static int irq_setup(void **state)
{
	struct irq_table *irq = calloc(1, sizeof(*irq));

	memset(&kvm, 0, sizeof(kvm));
	assert_int_equal(irq_table_init(irq, 3, NULL), 0);
	*state = irq;
	return 0;
}

static int irq_teardown(void **state)
{
	irq_table_destroy(*state);
	free(*state);
	return 0;
}

static const struct kvm_irq_routing_entry *route(int gsi)
{
	for (unsigned i = 0; i < kvm.nr_routes; i++) {
		if (kvm.route[i].gsi == (uint32_t)gsi)
			return &kvm.route[i];
	}
	return NULL;
}

static void many_routes_are_one_commit(void **state)
{
	struct irq_table *irq = *state;
	int gsi[16];

	for (int i = 0; i < 16; i++) {
		gsi[i] = irq_alloc(irq);
		assert_true(gsi[i] >= LAYOUT_GSI_IOAPIC_PINS);
		assert_true(irq_set_msi(irq, gsi[i], 0xfee00000 + (uint64_t)i, (uint32_t)i));
	}
	assert_false(irq_committed(irq));
	assert_int_equal(irq_commit(irq), 0);
	assert_true(irq_committed(irq));
	assert_int_equal(kvm.nr_routing_calls, 1);
	assert_int_equal(kvm.nr_routes, LAYOUT_GSI_IOAPIC_PINS + 16);
	assert_int_equal(route(gsi[7])->u.msi.data, 7);
	assert_int_equal(route(3)->type, KVM_IRQ_ROUTING_IRQCHIP);
	/* Nothing changed, so there is nothing to commit. */
	assert_false(irq_set_msi(irq, gsi[7], 0xfee00007, 7));
	assert_int_equal(irq_commit(irq), 0);
	assert_int_equal(kvm.nr_routing_calls, 1);
}

static void a_freed_gsi_loses_its_route(void **state)
{
	struct irq_table *irq = *state;
	int a = irq_alloc(irq), b = irq_alloc(irq), c = irq_alloc(irq);

	irq_set_msi(irq, a, 1, 1);
	irq_set_msi(irq, b, 2, 2);
	irq_set_msi(irq, c, 3, 3);
	irq_free(irq, a);
	assert_int_equal(irq_commit(irq), 0);
	assert_null(route(a));
	assert_int_equal(route(b)->u.msi.data, 2);
	assert_int_equal(route(c)->u.msi.data, 3);
	/* What moved into the freed place is still found. */
	assert_true(irq_set_msi(irq, c, 3, 4));
	assert_int_equal(irq_commit(irq), 0);
	assert_int_equal(route(c)->u.msi.data, 4);
	assert_int_equal(kvm.nr_routes, LAYOUT_GSI_IOAPIC_PINS + 2);
	assert_int_equal(irq_alloc(irq), a);
}

static void gsis_run_out(void **state)
{
	struct irq_table *irq = *state;

	for (int i = LAYOUT_GSI_IOAPIC_PINS; i < 64; i++)
		assert_int_equal(irq_alloc(irq), i);
	assert_int_equal(irq_alloc(irq), -ENOSPC);
}

static void a_failed_commit_stays_outstanding(void **state)
{
	struct irq_table *irq = *state;

	irq_set_msi(irq, irq_alloc(irq), 1, 1);
	kvm.result = -ENOMEM;
	assert_int_equal(irq_commit(irq), -ENOMEM);
	assert_false(irq_committed(irq));
	kvm.result = 0;
	assert_int_equal(irq_commit(irq), 0);
	assert_true(irq_committed(irq));
}

static void memory_has_a_gap_below_4_gib(void **state)
{
	struct guest_mem_config config = ONE_ZONE(5 * GIB);
	struct guest_mem mem;

	assert_int_equal(guest_mem_init(&mem, &config, NULL), 0);
	assert_int_equal(mem.nr_regions, 2);
	assert_int_equal(mem.region[0].size, GUEST_LOW_END);
	assert_int_equal(mem.region[1].gpa.v, GUEST_HIGH_START);
	assert_int_equal(mem.region[1].size, 2 * GIB);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal((uintptr_t)mem.region[i].va % GIB, mem.region[i].gpa.v % GIB);
	assert_non_null(guest_mem_ptr(&mem, (gpa_t){ GUEST_LOW_END - 1 }, 1));
	assert_null(guest_mem_ptr(&mem, (gpa_t){ GUEST_LOW_END - 1 }, 2));
	assert_null(guest_mem_ptr(&mem, (gpa_t){ GUEST_LOW_END }, 1));
	assert_ptr_equal(guest_mem_ptr(&mem, (gpa_t){ GUEST_HIGH_START + 8 }, 1),
			 (char *)mem.region[1].va + 8);
	assert_null(guest_mem_ptr(&mem, (gpa_t){ UINT64_MAX }, 2));
	assert_null(guest_mem_ptr(&mem, (gpa_t){ 0 }, UINT64_MAX));
	guest_mem_destroy(&mem);
}

static void zones_follow_each_other_across_the_gap(void **state)
{
	const struct guest_mem_config config = {
		.nr_zones = 3,
		.zone = {
			{ .id = "a", .size = 2 * GIB, .node = -1 },
			{ .id = "b", .size = 2 * GIB, .node = -1 },
			{ .id = "c", .size = 64 * MIB, .node = -1 },
		},
	};
	struct guest_mem mem;

	assert_int_equal(guest_mem_init(&mem, &config, NULL), 0);
	assert_int_equal(mem.nr_regions, 2);
	assert_int_equal(mem.size, 4 * GIB + 64 * MIB);
	assert_int_equal(mem.end, GUEST_HIGH_START + GIB + 64 * MIB);
	assert_int_equal(mem.zone[0].nr_parts, 1);
	assert_int_equal(mem.zone[1].nr_parts, 2);
	assert_int_equal(mem.zone[1].part[1].gpa.v, GUEST_HIGH_START);
	assert_int_equal(mem.zone[2].part[0].gpa.v, GUEST_HIGH_START + GIB);
	/* A buffer may reach from one zone into the next, in the guest and in torc. */
	assert_ptr_equal(guest_mem_ptr(&mem, (gpa_t){ 2 * GIB - 1 }, 2), mem.base + 2 * GIB - 1);
	memset(guest_mem_ptr(&mem, (gpa_t){ 2 * GIB - 1 }, 2), 1, 2);
	guest_mem_destroy(&mem);
}

static void zones_are_multiples_of_2_mib(void **state)
{
	struct guest_mem_config config = {
		.nr_zones = 2,
		.zone = {
			{ .id = "a", .size = 66 * MIB, .node = -1 },
			{ .id = "b", .size = 2 * MIB, .backing = { .shared = true }, .node = -1 },
		},
	};
	struct guest_mem mem;

	assert_int_equal(guest_mem_init(&mem, &config, NULL), 0);
	assert_int_equal(mem.nr_regions, 1);
	assert_int_equal(mem.zone[1].part[0].gpa.v, 66 * MIB);
	guest_mem_destroy(&mem);
	config.zone[0].size = MIB;
	assert_int_equal(guest_mem_init(&mem, &config, NULL), -EINVAL);
	config.zone[0].size = 0;
	assert_int_equal(guest_mem_init(&mem, &config, NULL), -EINVAL);
}

static void memory_is_populated_or_the_wait_given_up(void **state)
{
	struct guest_mem_config config = ONE_ZONE(64 * MIB);
	const bool cancel = true;
	const struct memory_populate_options all = { 0 }, none = { .cancel = &cancel };
	struct guest_mem mem;
	uint64_t there = 0;

	config.zone[0].populate = true;
	assert_int_equal(guest_mem_init(&mem, &config, NULL), 0);
	assert_int_equal(guest_mem_populate(&mem, &none, NULL), -ECANCELED);
	assert_false(mem.is_populated);
	assert_int_equal(guest_mem_populate(&mem, &all, NULL), 0);
	for (unsigned i = 0; i < mem.zone[0].census.nr; i++)
		there += mem.zone[0].census.on[i].size;
	if (!access("/proc/self/numa_maps", F_OK))
		assert_int_equal(there, 64 * MIB);
	/* Once is enough. */
	assert_int_equal(guest_mem_populate(&mem, &none, NULL), 0);
	guest_mem_destroy(&mem);
}

static void a_strict_zone_with_pages_elsewhere_is_refused(void **state)
{
	struct guest_mem_config config = ONE_ZONE(32 * MIB);
	const struct memory_populate_options options = { 0 };
	struct error err = { 0 };
	struct guest_mem mem;

	if (access("/proc/self/numa_maps", F_OK))
		skip(); /* a kernel without NUMA */
	config.zone[0].populate = true;
	assert_int_equal(guest_mem_init(&mem, &config, NULL), 0);
	/* As if it had been bound there; its pages are where the kernel put them. */
	mem.zone[0].config.node = 1000;
	assert_int_equal(guest_mem_populate(&mem, &options, NULL), 0);
	assert_int_equal(guest_mem_check(&mem, NULL), 0);
	mem.zone[0].config.is_strict = true;
	assert_int_equal(guest_mem_check(&mem, &err), -EXDEV);
	assert_string_equal(err.object, "zone mem0");
	assert_non_null(strstr(err.reason, "32 MiB are on node"));
	assert_non_null(
		strstr(err.reason, "not on 1000; the first page is that of guest address 0x0"));
	guest_mem_destroy(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(apic_ids_pack_the_topology),
		cmocka_unit_test(what_is_hidden_is_not_there),
		cmocka_unit_test(leaves_describe_the_topology),
		cmocka_unit_test(each_node_is_a_package),
		cmocka_unit_test(nodes_share_no_cache),
		cmocka_unit_test(small_packages_stay_apart_only_while_ids_last),
		cmocka_unit_test(one_cpu_is_no_hyperthread),
		cmocka_unit_test_setup_teardown(many_routes_are_one_commit, irq_setup,
						irq_teardown),
		cmocka_unit_test_setup_teardown(a_freed_gsi_loses_its_route, irq_setup,
						irq_teardown),
		cmocka_unit_test_setup_teardown(gsis_run_out, irq_setup, irq_teardown),
		cmocka_unit_test_setup_teardown(a_failed_commit_stays_outstanding, irq_setup,
						irq_teardown),
		cmocka_unit_test(memory_has_a_gap_below_4_gib),
		cmocka_unit_test(zones_follow_each_other_across_the_gap),
		cmocka_unit_test(zones_are_multiples_of_2_mib),
		cmocka_unit_test(a_strict_zone_with_pages_elsewhere_is_refused),
		cmocka_unit_test(memory_is_populated_or_the_wait_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
