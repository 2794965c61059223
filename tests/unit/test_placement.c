/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of numa/placement.h for memory, on hosts made up for the purpose. */
#include "tests/unit/placement_fixture.h"

static void without_devices_nothing_is_placed(void **state)
{
	make_host(2, 4);
	ask(2);
	assert_text("nothing is placed: there is no passed-through device to follow\n");
	assert_int_equal(plan->zone[0].node, -1);
	assert_false(plan->zone[0].is_strict);
	assert_false(plan->vcpu[0].is_set || plan->ring[0].is_set || plan->all.is_set);
	request->policy = PLACEMENT_STRICT;
	assert_text("nothing is placed: there is no passed-through device to follow\n");
}

static void everything_is_where_the_device_is(void **state)
{
	make_host(2, 4);
	ask(2);
	add_device("0000:41:00.0", 1);
	assert_text("memory: 1024 MiB on node 1 (where device 0000:41:00.0 is)\n"
		    "vCPUs: 0 on CPU 4, 1 on CPU 5\n"
		    "rings: on CPUs 4-7\n"
		    "other threads: on CPUs 4-7\n"
		    "device 0000:41:00.0: node 1\n");
	assert_int_equal(plan->zone[0].node, 1);
	assert_false(plan->zone[0].is_strict);
	assert_alone(0, "4");
	assert_alone(1, "5");
	assert_cpus(&plan->ring[1], "4-7");
	assert_false(plan->ring[1].is_single);
	assert_cpus(&plan->all, "4-7");
	assert_int_equal(plan->device_guest_node[0], -1);
}

static void strict_is_there_or_nowhere(void **state)
{
	make_host(2, 4);
	ask(1);
	add_device("a", 1);
	request->policy = PLACEMENT_STRICT;
	assert_line("memory: 1024 MiB on node 1 (where device a is), strict");
	assert_true(plan->zone[0].is_strict);
	assert_alone(0, "4");
}

static void off_follows_nothing(void **state)
{
	make_host(2, 4);
	ask(2);
	add_device("a", 1);
	request->policy = PLACEMENT_OFF;
	assert_text("nothing is placed: numa=off follows no device\n"
		    "device a: node 1\n");
	add_zone("m", 1024, 1, 0);
	add_guest_node(0, "0-1", 1);
	request->vcpu_cpus[0] = cpus("2");
	assert_text("zone m: 1024 MiB on node 1 (as asked)\n"
		    "vCPUs: 0 on CPU 2, 1 on any CPU\n"
		    "rings: on any CPU\n"
		    "other threads: on any CPU\n"
		    "device a: node 1, guest node 0\n");
	assert_true(plan->zone[0].is_strict);
	assert_int_equal(plan->device_guest_node[0], 0);
}

static void only_node_has_the_devices_that_do_not_know(void **state)
{
	make_host(1, 4);
	ask(1);
	add_device("a", -1);
	request->policy = PLACEMENT_STRICT;
	assert_text("memory: 1024 MiB on node 0 (where device a is), strict\n"
		    "vCPUs: 0 on CPU 0\n"
		    "rings: 0 on CPUs 0-3\n"
		    "other threads: on CPUs 0-3\n"
		    "device a: node 0\n");
	/* A second node without memory changes nothing. */
	make_host(2, 4);
	host->node[0].memory = 0;
	assert_line("device a: node 1");
}

static void unknown_node_is_refused_only_when_strict(void **state)
{
	make_host(2, 4);
	ask(1);
	add_device("a", -1);
	add_device("b", 5);
	assert_text("nothing is placed: no device's node is known\n"
		    "device a: node not known\n"
		    "device b: node 5, which is not online\n");
	add_device("c", 1);
	assert_line("memory: 1024 MiB on node 1 (where device c is)");
	request->policy = PLACEMENT_STRICT;
	assert_refused(-EINVAL, "device a",
		       "nobody knows which of the host's 2 NUMA nodes it is on",
		       "say where memory goes: --memory-zone id=mem0,size=1024M,host_numa_node=0 "
		       "instead of --memory; or leave that open: "
		       "--platform numa=auto");
	/* It has no say in what the user placed. */
	request->zone[0].node = 1;
	assert_line("memory: 1024 MiB on node 1 (as asked)");
}

static void most_devices_have_their_way(void **state)
{
	make_host(3, 4);
	ask(1);
	add_device("a", 0);
	add_device("b", 2);
	add_device("c", 2);
	add_device("d", -1);
	assert_line("memory: 1024 MiB on node 2 (where device b and 1 more are)");
	assert_line("devices are on nodes 0,2: everything else is on node 2; --memory-zone and "
		    "--numa give the guest memory on each");
	request->nr_devices = 2;
	/* Among equals the first. */
	assert_line("memory: 1024 MiB on node 0 (where device a is)");
}

static void devices_on_several_nodes_are_strict_only_with_memory_on_each(void **state)
{
	make_host(2, 4);
	ask(2);
	add_device("a", 1);
	add_device("b", 0);
	request->policy = PLACEMENT_STRICT;
	assert_refused(
		-EINVAL, "device b",
		"on node 0, but device a is on node 1, and guest memory cannot be near both",
		"say where memory goes: --memory-zone id=mem0,size=1024M,host_numa_node=1 instead "
		"of --memory; or give the guest memory on each by several --memory-zone and "
		"--numa");
	add_zone("m0", 512, 0, 0);
	add_zone("m1", 512, 1, 0);
	add_guest_node(0, "0", 1);
	add_guest_node(7, "1", 2);
	assert_text("zone m0: 512 MiB on node 0 (as asked)\n"
		    "zone m1: 512 MiB on node 1 (as asked)\n"
		    "vCPUs: 0 on CPU 0, 1 on CPU 4\n"
		    "rings: 0 on CPUs 0-3, 1 on CPUs 4-7\n"
		    "other threads: on CPUs 4-7\n"
		    "device a: node 1, guest node 7\n"
		    "device b: node 0, guest node 0\n");
	assert_int_equal(plan->device_guest_node[0], 1);
	assert_int_equal(plan->device_guest_node[1], 0);
	request->zone[1].node = -1;
	assert_refused(
		-EINVAL, "device b",
		"on node 0, but device a is on node 1, and guest memory cannot be near both",
		"say where memory goes: host_numa_node=1 in the --memory-zone of zone m1; or give "
		"the guest memory on each by several --memory-zone and --numa");
}

static void device_without_memory_has_the_nearest(void **state)
{
	make_host(4, 2);
	ask(1);
	add_device("a", 2);
	host->node[2].memory = 0;
	/* Nodes 1 and 3 are as near: the lower one. */
	assert_text("memory: 1024 MiB on node 1 (nearest to where device a is)\n"
		    "vCPUs: 0 on CPU 2\n"
		    "rings: 0 on CPUs 2-3\n"
		    "other threads: on CPUs 2-3\n"
		    "device a: node 2\n"
		    "device a: node 2, which it is on, has no memory; node 1 is the nearest\n");
	host->node[2].distance[3] = 15;
	assert_line("device a: node 2, which it is on, has no memory; node 3 is the nearest");
	host->node[3].is_allowed = false;
	assert_line("device a: node 2, which it is on, has no memory; node 1 is the nearest");
	host->node[2].memory = GIB;
	host->node[2].is_allowed = false;
	assert_line("device a: node 2, which it is on, may not be used by this process; node 1 is "
		    "the nearest");
}

static void device_without_memory_is_refused_when_strict(void **state)
{
	make_host(2, 2);
	ask(1);
	add_device("a", 0);
	request->policy = PLACEMENT_STRICT;
	host->node[0].memory = 0;
	assert_refused(-EINVAL, "device a", "node 0, which it is on, has no memory",
		       "take the nearest that has: --memory-zone "
		       "id=mem0,size=1024M,host_numa_node=1 instead of --memory");
	host->node[0].memory = GIB;
	host->node[0].is_allowed = false;
	assert_refused(-EPERM, "device a",
		       "node 0, which it is on, may not be used by this process",
		       "take the nearest that has: --memory-zone "
		       "id=mem0,size=1024M,host_numa_node=1 instead of --memory");
	/* The remedy is one. */
	add_zone("m", 512, 1, 0);
	assert_line("device a: node 0, which it is on, may not be used by this process; node 1 is "
		    "the nearest");
}

static void process_without_memory_is_refused(void **state)
{
	make_host(2, 2);
	ask(1);
	add_device("a", 0);
	host->node[0].is_allowed = host->node[1].is_allowed = false;
	assert_refused(-ENOMEM, "memory", "this process may not use the memory of any node", "");
}

static void zones_nodes_have_to_be_there(void **state)
{
	make_host(3, 2);
	ask(1);
	add_zone("m", 512, 7, 0);
	host->node[2].id = 5;
	assert_refused(-ENODEV, "zone m", "node 7 is not online: the host has nodes 0-1,5",
		       "choose host_numa_node= from nodes 0-1,5");
	request->zone[0].node = 1;
	host->node[1].is_allowed = false;
	assert_refused(-EPERM, "zone m",
		       "this process may not use the memory of node 1 (cpuset.mems)",
		       "choose host_numa_node= from nodes 0,5");
	host->node[1].memory = 0;
	assert_refused(-ENOMEM, "zone m", "node 1 has no memory",
		       "choose host_numa_node= from nodes 0,5");
	request->zone[0].node = 5;
	assert_line("zone m: 512 MiB on node 5 (as asked)");
	/* No device and no guest node: vCPUs follow nothing. */
	assert_line("vCPUs: 0 on any CPU");
}

static void zone_that_does_not_fit_is_refused(void **state)
{
	make_host(3, 2);
	ask(1);
	add_zone("m0", 6000, 0, 0);
	add_zone("m1", 100, -1, 0);
	add_zone("m2", 3000, 0, 0);
	host->node[2].available = 9 * GIB;
	assert_refused(-ENOMEM, "zones m0, m2",
		       "9036 MiB needed on node 0, page tables included, 8192 MiB are free "
		       "(node 1: 8192 MiB, node 2: 9216 MiB)",
		       "lower size= in the --memory-zone of zones m0, m2, free memory on the node, "
		       "or choose another host_numa_node=");
	request->zone[2].size = 2192 * MIB;
	assert_refused(-ENOMEM, "zones m0, m2",
		       "8224 MiB needed on node 0, page tables included, 8192 MiB are free "
		       "(node 1: 8192 MiB, node 2: 9216 MiB)",
		       "lower size= in the --memory-zone of zones m0, m2, free memory on the node, "
		       "or choose another host_numa_node=");
	request->zone[2].size = 2160 * MIB;
	make();
}

static void memory_that_does_not_fit_overflows_unless_strict(void **state)
{
	make_host(2, 2);
	ask(1);
	add_device("a", 0);
	request->zone[0].size = 10 * GIB;
	assert_line("memory: 2088 of 10240 MiB do not fit on node 0 and go to the nearest nodes "
		    "with room");
	request->policy = PLACEMENT_STRICT;
	assert_refused(-ENOMEM, "memory",
		       "10280 MiB needed on node 0, page tables included, 8192 MiB "
		       "are free (node 1: 8192 MiB)",
		       "lower --memory size=, free memory on the node, or let some be elsewhere: "
		       "--platform numa=auto");
	request->policy = PLACEMENT_AUTO;
	add_zone("there", 4096, 0, 0);
	add_zone("open", 6144, -1, 0);
	assert_line("zone open: 2088 of 6144 MiB do not fit on node 0 and go to the nearest nodes "
		    "with room");
	/* Memory without a node is not checked. */
	ask(1);
	request->zone[0].size = 1000 * GIB;
	make();
}

static void page_size_has_to_be_one_of_the_hosts(void **state)
{
	make_host(2, 2);
	ask(1);
	add_zone("m", 512, 1, 4 * MIB);
	assert_refused(-EINVAL, "zone m", "the host has no pages of 4 MiB",
		       "choose from 2 MiB, 1 GiB");
	host->node[0].nr_pools = 1;
	host->node[0].pool[0].page_size = 64 * KIB;
	assert_refused(-EINVAL, "zone m", "the host has no pages of 4 MiB",
		       "choose from 64 KiB, 2 MiB, 1 GiB");
	host->node[0].nr_pools = host->node[1].nr_pools = 0;
	assert_refused(-EINVAL, "zone m", "the host has no pages of 4 MiB",
		       "do without huge pages: the host's kernel has none");
}

static void huge_pages_are_enough_on_the_node_that_is_asked_for(void **state)
{
	make_host(2, 2);
	ask(1);
	add_zone("mem0", 1024, 1, 2 * MIB);
	assert_refused(
		-ENOMEM, "zone mem0",
		"512 pages of 2 MiB needed on node 1, 100 of 200 are free (node 0: 100 of 200)",
		"echo 612 > /sys/devices/system/node/node1" POOL);
	request->zone[0].size = 200 * MIB;
	assert_line("zone mem0: 200 MiB of 2 MiB pages on node 1 (as asked)");
	add_zone("mem1", 2, 1, 2 * MIB);
	assert_refused(
		-ENOMEM, "zones mem0, mem1",
		"101 pages of 2 MiB needed on node 1, 100 of 200 are free (node 0: 100 of 200)",
		"echo 201 > /sys/devices/system/node/node1" POOL);
	/* Pages of another size are another matter. */
	request->zone[1].page_size = GIB;
	make();
	host->node[1].nr_pools = 0;
	assert_refused(-ENOMEM, "zone mem0",
		       "100 pages of 2 MiB needed on node 1, 0 of 0 are free (node 0: 100 of 200)",
		       "echo 100 > /sys/devices/system/node/node1" POOL);
}

static void gigantic_pages_can_be_reserved_at_boot(void **state)
{
	make_host(2, 2);
	ask(1);
	add_zone("m", 4096, 1, GIB);
	assert_refused(-ENOMEM, "zone m",
		       "4 pages of 1 GiB needed on node 1, 2 of 4 are free (node 0: 2 of 4)",
		       "echo 6 > /sys/devices/system/node/node1" POOL_1G
		       "\nor, if there are too few then, boot the host with: hugepagesz=1G "
		       "hugepages=0:4,1:6");
	add_zone("n", 2048, -1, GIB);
	request->zone[0].node = -1;
	assert_refused(-ENOMEM, "zones m, n",
		       "6 pages of 1 GiB needed on all nodes together, 4 of 8 are "
		       "free (node 0: 2 of 4, node 1: 2 of 4)",
		       "echo 10 > /sys/kernel/mm" POOL_1G
		       "\nor, if there are too few then, boot the host with: hugepagesz=1G "
		       "hugepages=10");
}

static void huge_pages_of_the_home_node_may_be_elsewhere_unless_strict(void **state)
{
	make_host(3, 2);
	ask(1);
	add_device("a", 1);
	request->zone[0].size = 500 * MIB;
	request->zone[0].page_size = 2 * MIB;
	assert_line("memory: 150 of 250 pages of 2 MiB are taken from other nodes, node 1 has 100 "
		    "free");
	assert_line("memory: 500 MiB of 2 MiB pages on node 1 (where device a is)");
	/* Not from a node that this process may not use. */
	host->node[0].is_allowed = false;
	assert_refused(-ENOMEM, "memory",
		       "250 pages of 2 MiB needed on all nodes together, 200 of 600 "
		       "are free (node 1: 100 of 200, node 2: 100 of 200)",
		       "echo 350 > /sys/devices/system/node/node1" POOL);
	host->node[0].is_allowed = true;
	request->policy = PLACEMENT_STRICT;
	assert_refused(-ENOMEM, "memory",
		       "250 pages of 2 MiB needed on node 1, 100 of 200 are free "
		       "(node 0: 100 of 200, node 2: 100 of 200)",
		       "echo 350 > /sys/devices/system/node/node1" POOL);
}

static void zones_share_the_pools(void **state)
{
	make_host(2, 2);
	ask(1);
	add_device("a", 1);
	add_zone("there", 100, 1, 2 * MIB);
	add_zone("open", 200, -1, 2 * MIB);
	/* Each size of pages is looked at once, however many zones have it. */
	assert_text("zone there: 100 MiB of 2 MiB pages on node 1 (as asked)\n"
		    "zone open: 200 MiB of 2 MiB pages on node 1 (where device a is)\n"
		    "vCPUs: 0 on CPU 2\n"
		    "rings: 0 on CPUs 2-3\n"
		    "other threads: on CPUs 2-3\n"
		    "device a: node 1\n"
		    "zone open: 50 of 100 pages of 2 MiB are taken from other nodes, node 1 has "
		    "100 free\n");
	request->zone[1].size = 302 * MIB;
	assert_refused(-ENOMEM, "zones there, open",
		       "201 pages of 2 MiB needed on all nodes together, 200 of 400 "
		       "are free (node 0: 100 of 200, node 1: 100 of 200)",
		       "echo 301 > /sys/devices/system/node/node1" POOL);
}

static void pages_that_a_file_has_are_not_counted(void **state)
{
	make_host(2, 2);
	ask(1);
	request->zone[0].node = 1;
	request->zone[0].size = 1024 * GIB;
	request->zone[0].is_uncounted = true;
	assert_line("memory: 1048576 MiB on node 1 (as asked)");
	assert_true(plan->zone[0].is_strict);
	request->zone[0].page_size = 2 * MIB;
	assert_line("memory: 1048576 MiB of 2 MiB pages on node 1 (as asked)");
}

static void huge_pages_without_a_node_may_be_anywhere(void **state)
{
	make_host(2, 2);
	ask(1);
	request->zone[0].size = 400 * MIB;
	request->zone[0].page_size = 2 * MIB;
	assert_line("memory: 400 MiB of 2 MiB pages on any node");
	request->zone[0].size = 402 * MIB;
	assert_refused(-ENOMEM, "memory",
		       "201 pages of 2 MiB needed on all nodes together, 200 of 400 "
		       "are free (node 0: 100 of 200, node 1: 100 of 200)",
		       "echo 401 > /sys/kernel/mm" POOL);
	/* The only node's pool is the host's. */
	make_host(1, 2);
	request->zone[0].node = 0;
	assert_refused(-ENOMEM, "memory",
		       "201 pages of 2 MiB needed on node 0, 100 of 200 are free",
		       "echo 301 > /sys/kernel/mm" POOL);
}

static void large_machines_have_as_few_lines(void **state)
{
	unsigned lines = 0;

	make_host(8, 64);
	ask(PLACEMENT_MAX_CPUS);
	for (unsigned i = 0; i < 8; i++) {
		static const char *const id[] = { "0", "1", "2", "3", "4", "5", "6", "7" };
		char vcpus[32];

		add_zone(id[i], 512, (int)i, 0);
		snprintf(vcpus, sizeof(vcpus), "%u-%u", i * 32, i * 32 + (i < 7 ? 31 : 30));
		add_guest_node(i, vcpus, 1U << i);
	}
	for (unsigned i = 0; i < PLACEMENT_MAX_DEVICES; i++)
		add_device("x", (int)i % 8);
	make_siblings(32);
	request->rings = PLACEMENT_RINGS_SIBLING;
	make();
	for (unsigned i = 0; i < PLACEMENT_MAX_CPUS; i++) {
		assert_true(plan->vcpu[i].is_single);
		assert_true(CPU_ISSET(i / 32 * 64 + i % 32, &plan->vcpu[i].cpus));
		assert_true(CPU_ISSET(i / 32 * 64 + i % 32 + 32, &plan->ring[i].cpus));
	}
	for (const char *p = plan->text; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 8 + 3 + PLACEMENT_MAX_DEVICES);
}

static void this_host_can_be_planned(void **state)
{
	memset(&err, 0, sizeof(err));
	if (topology_read(host, "/sys", "/proc", &err))
		fail_msg("refused: %s: %s", err.object, err.reason);
	ask(1);
	request->zone[0].size = MIB;
	add_device("a", (int)host->node[0].id);
	make();
	assert_true(plan->zone[0].node >= 0);
	assert_true(plan->vcpu[0].is_single);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(without_devices_nothing_is_placed),
		CASE(everything_is_where_the_device_is),
		CASE(strict_is_there_or_nowhere),
		CASE(off_follows_nothing),
		CASE(only_node_has_the_devices_that_do_not_know),
		CASE(unknown_node_is_refused_only_when_strict),
		CASE(most_devices_have_their_way),
		CASE(devices_on_several_nodes_are_strict_only_with_memory_on_each),
		CASE(device_without_memory_has_the_nearest),
		CASE(device_without_memory_is_refused_when_strict),
		CASE(process_without_memory_is_refused),
		CASE(zones_nodes_have_to_be_there),
		CASE(zone_that_does_not_fit_is_refused),
		CASE(memory_that_does_not_fit_overflows_unless_strict),
		CASE(page_size_has_to_be_one_of_the_hosts),
		CASE(huge_pages_are_enough_on_the_node_that_is_asked_for),
		CASE(gigantic_pages_can_be_reserved_at_boot),
		CASE(huge_pages_of_the_home_node_may_be_elsewhere_unless_strict),
		CASE(zones_share_the_pools),
		CASE(pages_that_a_file_has_are_not_counted),
		CASE(huge_pages_without_a_node_may_be_anywhere),
		CASE(large_machines_have_as_few_lines),
		CASE(this_host_can_be_planned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
