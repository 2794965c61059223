/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of numa/placement.h for CPUs and for the guest's nodes, on hosts made up for the purpose. */
#include "tests/unit/placement_fixture.h"

static void given_cpus_are_taken_or_refused(void **state)
{
	make_host(2, 4);
	ask(2);
	request->vcpu_cpus[1] = cpus("2-3,6");
	assert_text("memory: 1024 MiB on any node\n"
		    "vCPUs: 0 on any CPU, 1 on CPUs 2-3,6\n"
		    "rings: 0 on any CPU, 1 on CPUs 2-3,6\n"
		    "other threads: on any CPU\n");
	assert_false(plan->vcpu[1].is_single);
	request->vcpu_cpus[1] = cpus("2,6,8-9");
	assert_refused(-EPERM, "vCPU 1",
		       "CPUs 8-9: not online, or not in the cpuset that torc was started in",
		       "choose from 0-7");
	request->vcpu_cpus[1] = NULL;
	request->ring_cpus[0] = cpus("7");
	host->allowed = *cpus("0-5");
	assert_refused(-EPERM, "ring 0",
		       "CPU 7: not online, or not in the cpuset that torc was started in",
		       "choose from 0-5");
	/* Of OFF too. */
	request->policy = PLACEMENT_OFF;
	assert_refused(-EPERM, "ring 0",
		       "CPU 7: not online, or not in the cpuset that torc was started in",
		       "choose from 0-5");
	request->ring_cpus[0] = cpus("5");
	assert_line("rings: 0 on CPU 5, 1 on any CPU");
}

static void given_cpu_is_single_unless_another_vcpu_has_it(void **state)
{
	make_host(2, 4);
	ask(3);
	request->vcpu_cpus[0] = cpus("1");
	request->vcpu_cpus[1] = cpus("2-3");
	make();
	assert_alone(0, "1");
	assert_false(plan->vcpu[1].is_single);
	assert_false(plan->vcpu[2].is_single);
	request->policy = PLACEMENT_OFF;
	make();
	assert_alone(0, "1");
	request->vcpu_cpus[1] = cpus("1-2");
	make();
	assert_false(plan->vcpu[0].is_single);
	request->vcpu_cpus[1] = cpus("1");
	make();
	assert_false(plan->vcpu[0].is_single);
	assert_false(plan->vcpu[1].is_single);
	/* The others are more than the CPUs that are left, and share these. */
	request->policy = PLACEMENT_AUTO;
	request->vcpu_cpus[1] = NULL;
	request->nr_vcpus = 5;
	add_device("a", 0);
	make();
	assert_cpus(&plan->vcpu[1], "0,2-3");
	assert_alone(0, "1");
	/* With none left they share all. */
	request->taken = *cpus("0-3");
	make();
	assert_cpus(&plan->vcpu[1], "0-3");
	assert_false(plan->vcpu[0].is_single);
}

static void vcpus_get_a_core_each_before_any_gets_a_sibling(void **state)
{
	make_host(1, 8);
	ask(4);
	add_device("a", 0);
	make_siblings(1);
	assert_line("vCPUs: 0 on CPU 0, 1 on CPU 2, 2 on CPU 4, 3 on CPU 6");
	make_siblings(4);
	assert_line("vCPUs: 0 on CPU 0, 1 on CPU 1, 2 on CPU 2, 3 on CPU 3");
	request->nr_vcpus = 6;
	assert_line("vCPUs: 0 on CPU 0, 1 on CPU 1, 2 on CPU 2, 3 on CPU 3, 4 on CPU 4, 5 on CPU "
		    "5");
	make_siblings(1);
	assert_line("vCPUs: 0 on CPU 0, 1 on CPU 2, 2 on CPU 4, 3 on CPU 6, 4 on CPU 1, 5 on CPU "
		    "3");
	assert_alone(5, "3");
	/* A core of which we may have one thread only is a core all the same. */
	host->allowed = *cpus("1-7");
	request->nr_vcpus = 4;
	assert_line("vCPUs: 0 on CPU 1, 1 on CPU 2, 2 on CPU 4, 3 on CPU 6");
}

static void cores_that_others_use_come_last(void **state)
{
	make_host(1, 8);
	ask(3);
	add_device("a", 0);
	make_siblings(1);
	request->taken = *cpus("0,3");
	/* Cores 4 and 6 are free; then come their other halves, and those of cores 0 and 2 last. */
	assert_line("vCPUs: 0 on CPU 4, 1 on CPU 6, 2 on CPU 5");
	request->nr_vcpus = 6;
	assert_line(
		"vCPUs: 0 on CPU 4, 1 on CPU 6, 2 on CPU 5, 3 on CPU 7, 4 on CPU 1, 5 on CPU 2");
	request->nr_vcpus = 3;
	request->taken = *cpus("");
	request->vcpu_cpus[1] = cpus("0");
	assert_line("vCPUs: 0 on CPU 2, 1 on CPU 0, 2 on CPU 4");
	request->ring_cpus[0] = cpus("2");
	assert_line("vCPUs: 0 on CPU 4, 1 on CPU 0, 2 on CPU 6");
	request->nr_vcpus = 8;
	assert_line("vCPUs: 0 on CPU 4, 1 on CPU 0, 2 on CPU 6, 3 on CPU 1, 4 on CPU 3, 5 on CPU "
		    "5, 6 on CPU 7, 7 on CPU 2");
}

static void too_many_vcpus_share_the_node(void **state)
{
	make_host(2, 4);
	ask(4);
	add_device("a", 1);
	request->policy = PLACEMENT_STRICT;
	make();
	assert_no_line("share");
	request->taken = *cpus("5");
	assert_text("memory: 1024 MiB on node 1 (where device a is), strict\n"
		    "vCPUs: on CPUs 4,6-7\n"
		    "rings: on CPUs 4,6-7\n"
		    "other threads: on CPUs 4,6-7\n"
		    "device a: node 1\n"
		    "vCPUs: 4 are on node 1, which has 3 CPUs to give: they share these\n");
	assert_false(plan->vcpu[0].is_single);
	/* Those that the user placed are not in the way. */
	request->vcpu_cpus[2] = cpus("0");
	assert_line("vCPUs: 0 on CPU 4, 1 on CPU 6, 2 on CPU 0, 3 on CPU 7");
}

static void node_without_cpus_borrows_the_nearest(void **state)
{
	make_host(3, 2);
	ask(2);
	add_device("a", 0);
	host->allowed = *cpus("2-5");
	assert_text("memory: 1024 MiB on node 0 (where device a is)\n"
		    "vCPUs: 0 on CPU 2, 1 on CPU 3\n"
		    "rings: on CPUs 2-3\n"
		    "other threads: on CPUs 2-3\n"
		    "device a: node 0\n"
		    "node 0 has no CPU that this process may use: vCPUs and rings are on node 1, "
		    "the nearest that has\n");
	request->policy = PLACEMENT_STRICT;
	assert_refused(-EPERM, "vCPU 0",
		       "node 0, where its memory is, has no CPU that this process may use",
		       "say which CPUs with --cpus affinity=; node 1 is the nearest that has any");
	host->node[0].cpus = *cpus("");
	assert_refused(-EINVAL, "vCPU 0", "node 0, where its memory is, has no CPU",
		       "say which CPUs with --cpus affinity=; node 1 is the nearest that has any");
	request->vcpu_cpus[0] = cpus("4");
	request->vcpu_cpus[1] = cpus("2-4");
	assert_line("rings: 0 on CPUs 4-5, 1 on CPUs 2-4");
}

static void cpus_of_no_node_are_not_given(void **state)
{
	make_host(2, 2);
	ask(1);
	add_device("a", 0);
	host->node[0].cpus = host->node[1].cpus = *cpus("");
	assert_text("memory: 1024 MiB on node 0 (where device a is)\n"
		    "vCPUs: 0 on any CPU\n"
		    "rings: 0 on any CPU\n"
		    "other threads: on any CPU\n"
		    "device a: node 0\n");
}

static void memory_and_cpus_may_be_two_detours(void **state)
{
	make_host(3, 2);
	ask(1);
	add_device("a", 0);
	host->node[0].memory = 0;
	host->allowed = *cpus("4-5");
	assert_text("memory: 1024 MiB on node 1 (nearest to where device a is)\n"
		    "vCPUs: 0 on CPU 4\n"
		    "rings: 0 on CPUs 4-5\n"
		    "other threads: on CPUs 4-5\n"
		    "device a: node 0\n"
		    "device a: node 0, which it is on, has no memory; node 1 is the nearest\n"
		    "node 1 has no CPU that this process may use: vCPUs and rings are on node 2, "
		    "the nearest that has\n");
}

static void rings_are_on_siblings_when_asked_for(void **state)
{
	make_host(2, 8);
	ask(3);
	add_device("a", 1);
	make_siblings(4);
	request->rings = PLACEMENT_RINGS_SIBLING;
	assert_line("rings: 0 on CPU 12, 1 on CPU 13, 2 on CPU 14");
	assert_no_line("share");
	request->ring_cpus[1] = cpus("0");
	assert_line("rings: 0 on CPU 12, 1 on CPU 0, 2 on CPU 14");
	host->allowed = *cpus("0-11,13-15");
	assert_line("rings: 0 on CPUs 8-11,13-15, 1 on CPU 0, 2 on CPU 14");
	host->allowed = host->online;
	/* A CPU on which another machine's vCPU is alone is no place for a ring. */
	request->taken = *cpus("9-11,13-15");
	request->nr_vcpus = 1;
	assert_line("rings: 0 on CPU 12");
	request->taken = *cpus("12");
	request->nr_vcpus = 3;
	request->ring_cpus[1] = NULL;
	assert_line("vCPUs: 0 on CPU 9, 1 on CPU 10, 2 on CPU 11");
	assert_line("rings: 0 on CPU 13, 1 on CPU 14, 2 on CPU 15");
	request->vcpu_cpus[0] = cpus("8");
	assert_line("rings: 0 on CPUs 8-11,13-15, 1 on CPU 13, 2 on CPU 14");
	assert_line("ring 0: the vCPU's core has no other thread to give: on any CPU of its node");
}

static void rings_without_siblings_are_on_the_node(void **state)
{
	make_host(2, 4);
	ask(2);
	add_device("a", 0);
	request->rings = PLACEMENT_RINGS_SIBLING;
	assert_text("memory: 1024 MiB on node 0 (where device a is)\n"
		    "vCPUs: 0 on CPU 0, 1 on CPU 1\n"
		    "rings: on CPUs 0-3\n"
		    "other threads: on CPUs 0-3\n"
		    "device a: node 0\n"
		    "rings 0-1: the vCPU's core has no other thread to give: on any CPU of its "
		    "node\n");
	request->policy = PLACEMENT_STRICT;
	assert_refused(-EINVAL, "ring 0: ring_affinity=sibling",
		       "the core of vCPU 0 has no other thread to give",
		       "use --platform ring_affinity=node");
	make_siblings(1);
	make();
	request->vcpu_cpus[1] = cpus("2-3");
	assert_refused(-EINVAL, "ring 1: ring_affinity=sibling", "vCPU 1 has no CPU of its own",
		       "use --platform ring_affinity=node");
}

static void siblings_that_vcpus_need_are_shared_with_rings(void **state)
{
	make_host(1, 4);
	ask(3);
	add_device("a", 0);
	make_siblings(1);
	request->rings = PLACEMENT_RINGS_SIBLING;
	assert_line("vCPUs: 0 on CPU 0, 1 on CPU 2, 2 on CPU 1");
	assert_line("rings: 0 on CPU 1, 1 on CPU 3, 2 on CPU 0");
	assert_line("rings: vCPUs need the cores' other threads too: rings share CPUs with them");
	request->rings = PLACEMENT_RINGS_NODE;
	make();
	assert_no_line("share");
}

static void ring_of_a_vcpu_with_given_cpus_is_near_it(void **state)
{
	make_host(2, 4);
	ask(3);
	make_siblings(2);
	request->vcpu_cpus[0] = cpus("1");
	request->vcpu_cpus[1] = cpus("2-5");
	/* Without anything else to go by: near the vCPU, but not on its only CPU. */
	request->rings = PLACEMENT_RINGS_SIBLING;
	assert_line("rings: 0 on CPU 3, 1 on CPUs 2-5, 2 on any CPU");
	assert_no_line("rings: none");
	request->rings = PLACEMENT_RINGS_NODE;
	assert_line("rings: 0 on CPUs 0-3, 1 on CPUs 2-5, 2 on any CPU");
	host->allowed = *cpus("0-1,3-5");
	request->vcpu_cpus[1] = cpus("3-5");
	assert_line("rings: 0 on CPUs 0-1,3, 1 on CPUs 3-5, 2 on any CPU");
	host->allowed = host->online;
	request->vcpu_cpus[1] = cpus("2-5");
	/* With a home node: the node on which the vCPU really is. */
	add_device("a", 1);
	assert_line("rings: 0 on CPUs 0-3, 1 on CPUs 2-5, 2 on CPUs 4-7");
	request->rings = PLACEMENT_RINGS_SIBLING;
	assert_line("rings: 0 on CPU 3, 1 on CPUs 2-5, 2 on CPU 4");
}

static void rings_that_were_to_be_on_siblings_and_are_not_are_noted(void **state)
{
	static const char note[] = "rings: none is on the other threads of its vCPU's core: no "
				   "vCPU whose ring is left open has a CPU of its own";

	make_host(2, 4);
	ask(2);
	make_siblings(2);
	request->rings = PLACEMENT_RINGS_SIBLING;
	assert_line(note);
	request->vcpu_cpus[0] = cpus("0-1");
	assert_line(note);
	request->vcpu_cpus[0] = cpus("0");
	make();
	assert_no_line("rings: none");
	request->ring_cpus[0] = cpus("3");
	assert_line(note);
	request->ring_cpus[0] = NULL;
	request->policy = PLACEMENT_OFF;
	assert_line("rings: none is on the other threads of its vCPU's core: nothing follows "
		    "anything");
	request->rings = PLACEMENT_RINGS_NODE;
	make();
	assert_no_line("rings: none");
}

static void guest_nodes_are_where_their_zones_are(void **state)
{
	make_host(3, 4);
	ask(5);
	add_zone("m0", 512, 2, 0);
	add_zone("m1", 512, 0, 0);
	add_zone("m2", 512, -1, 0);
	add_guest_node(0, "0-1", 1 << 0);
	add_guest_node(1, "2", 1 << 1);
	add_guest_node(2, "3", 1 << 2);
	assert_text("zone m0: 512 MiB on node 2 (as asked)\n"
		    "zone m1: 512 MiB on node 0 (as asked)\n"
		    "zone m2: 512 MiB on any node\n"
		    "vCPUs: 0 on CPU 8, 1 on CPU 9, 2 on CPU 0, 3-4 on any CPU\n"
		    "rings: 0-1 on CPUs 8-11, 2 on CPUs 0-3, 3-4 on any CPU\n"
		    "other threads: on CPUs 0-3,8-11\n");
	/* What is left open follows a device. */
	add_device("a", 1);
	assert_text("zone m0: 512 MiB on node 2 (as asked)\n"
		    "zone m1: 512 MiB on node 0 (as asked)\n"
		    "zone m2: 512 MiB on node 1 (where device a is)\n"
		    "vCPUs: 0 on CPU 8, 1 on CPU 9, 2 on CPU 0, 3 on CPU 4, 4 on CPU 5\n"
		    "rings: 0-1 on CPUs 8-11, 2 on CPUs 0-3, 3-4 on CPUs 4-7\n"
		    "other threads: on CPUs 4-7\n"
		    "device a: node 1, guest node 2\n");
	assert_int_equal(plan->device_guest_node[0], 2);
}

static void guest_node_on_several_nodes_is_on_the_first(void **state)
{
	make_host(2, 4);
	ask(1);
	add_zone("m0", 512, -1, 0);
	add_zone("m1", 512, 1, 0);
	add_zone("m2", 512, 0, 0);
	add_guest_node(3, "0", 7);
	assert_line("guest node 3: its zones are on several nodes; its vCPUs and devices are those "
		    "of node 1");
	assert_alone(0, "4");
	request->zone[2].node = 1;
	make();
	assert_no_line("several");
}

static void devices_may_be_on_no_guest_node(void **state)
{
	make_host(3, 4);
	ask(1);
	add_zone("m0", 512, 0, 0);
	add_guest_node(0, "0", 1);
	add_device("a", 1);
	add_device("b", -1);
	add_device("c", 0);
	assert_line("device a: no guest node has its memory on node 1");
	assert_line("device b: the guest is not told its node, which is not known");
	assert_line("device c: node 0, guest node 0");
	assert_int_equal(plan->device_guest_node[0], -1);
	assert_int_equal(plan->device_guest_node[1], -1);
	assert_int_equal(plan->device_guest_node[2], 0);
	/* Nobody wonders in a guest without nodes. */
	request->nr_guest_nodes = 0;
	make();
	assert_no_line("guest node");
	assert_no_line("not told");
}

static void vcpus_are_with_the_memory_when_it_is_elsewhere(void **state)
{
	make_host(3, 4);
	ask(2);
	add_device("a", 0);
	add_zone("m0", 512, 2, 0);
	add_zone("m1", 512, 2, 0);
	assert_text("zone m0: 512 MiB on node 2 (as asked)\n"
		    "zone m1: 512 MiB on node 2 (as asked)\n"
		    "vCPUs: 0 on CPU 8, 1 on CPU 9\n"
		    "rings: on CPUs 8-11\n"
		    "other threads: on CPUs 8-11\n"
		    "device a: node 0\n"
		    "device a is on node 0, but all memory is on node 2: vCPUs and rings are with "
		    "the memory\n");
	/* Memory on two nodes is near to none. */
	request->zone[1].node = 1;
	assert_line("vCPUs: 0 on CPU 0, 1 on CPU 1");
	assert_no_line("with the memory");
}

static void guest_nodes_without_memory_are_noted(void **state)
{
	make_host(2, 4);
	ask(2);
	add_zone("m0", 512, 1, 0);
	add_guest_node(0, "0", 1);
	add_guest_node(1, "1", 0);
	assert_line("guest node 1: it has no memory that its vCPUs could be near");
	assert_line("vCPUs: 0 on CPU 4, 1 on any CPU");
	request->policy = PLACEMENT_OFF;
	make();
	assert_no_line("could be near");
}

static void vcpus_share_when_nobody_knows_what_others_have(void **state)
{
	make_host(2, 4);
	ask(2);
	add_device("a", 1);
	request->vcpu_cpus[1] = cpus("5");
	request->taken_unknown = "/run/x: no";
	assert_text("memory: 1024 MiB on node 1 (where device a is)\n"
		    "vCPUs: 0 on CPUs 4,6-7, 1 on CPU 5\n"
		    "rings: on CPUs 4-7\n"
		    "other threads: on CPUs 4-7\n"
		    "device a: node 1\n"
		    "vCPUs: none has a CPU of its own, since nobody knows which ones other "
		    "machines have: /run/x: no\n");
	assert_false(plan->vcpu[0].is_single);
	assert_alone(1, "5");
	request->vcpu_cpus[0] = cpus("4");
	make();
	assert_no_line("nobody");
}

static void threads_of_a_core_are_threads_of_a_core(void **state)
{
	static const char note[] = "vCPUs: the guest's cores have 2 threads each, but not on node "
				   "0 of the host: too few of its cores have as many to give";

	make_host(2, 8);
	ask(4);
	add_device("a", 0);
	make_siblings(4);
	request->threads_per_core = 2;
	assert_line("vCPUs: 0 on CPU 0, 1 on CPU 4, 2 on CPU 1, 3 on CPU 5");
	assert_alone(3, "5");
	assert_no_line("each");
	/* A core of which a thread is taken, or given, is none. */
	request->taken = *cpus("4");
	assert_line("vCPUs: 0 on CPU 1, 1 on CPU 5, 2 on CPU 2, 3 on CPU 6");
	request->nr_vcpus = 8;
	request->vcpu_cpus[6] = cpus("2");
	request->vcpu_cpus[7] = cpus("3");
	assert_line(note);
	/* So is half a core of the guest that is placed by the user. */
	request->nr_vcpus = 2;
	request->vcpu_cpus[0] = cpus("2");
	assert_line(note);
	request->vcpu_cpus[0] = NULL;
	request->threads_per_core = 4;
	request->nr_vcpus = 4;
	assert_line("vCPUs: the guest's cores have 4 threads each, but not on node 0 of the host: "
		    "too few of its cores have as many to give");
	request->threads_per_core = 1;
	make();
	assert_no_line("each");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(given_cpus_are_taken_or_refused),
		CASE(given_cpu_is_single_unless_another_vcpu_has_it),
		CASE(vcpus_get_a_core_each_before_any_gets_a_sibling),
		CASE(cores_that_others_use_come_last),
		CASE(too_many_vcpus_share_the_node),
		CASE(node_without_cpus_borrows_the_nearest),
		CASE(cpus_of_no_node_are_not_given),
		CASE(memory_and_cpus_may_be_two_detours),
		CASE(rings_are_on_siblings_when_asked_for),
		CASE(rings_without_siblings_are_on_the_node),
		CASE(siblings_that_vcpus_need_are_shared_with_rings),
		CASE(ring_of_a_vcpu_with_given_cpus_is_near_it),
		CASE(rings_that_were_to_be_on_siblings_and_are_not_are_noted),
		CASE(guest_nodes_are_where_their_zones_are),
		CASE(guest_node_on_several_nodes_is_on_the_first),
		CASE(devices_may_be_on_no_guest_node),
		CASE(vcpus_are_with_the_memory_when_it_is_elsewhere),
		CASE(guest_nodes_without_memory_are_noted),
		CASE(vcpus_share_when_nobody_knows_what_others_have),
		CASE(threads_of_a_core_are_threads_of_a_core),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
