/* SPDX-License-Identifier: Apache-2.0 */
/* What memory is made of, and where memory, vCPUs and rings are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/config/config.h"
#include "tests/unit/config_line.h"

#define ZONES "--cpus 4 --memory-zone id=a,size=1G id=b,size=1G "

static void memory_is_private_and_ordinary_unless_asked_otherwise(void **state)
{
	struct config c = line_good("--kernel k");

	assert_true(c.memory.backing.thp);
	assert_false(c.memory.backing.shared || c.memory.backing.mergeable);
	assert_false(c.memory.backing.prefault || c.memory.backing.hugepages);
	assert_int_equal(c.memory.backing.hugepage_size, 0);
	assert_int_equal(c.nr_zones, 0);
	assert_int_equal(c.nr_nodes, 0);
	assert_int_equal(c.numa, CONFIG_NUMA_AUTO);
	assert_int_equal(c.rings.word, CONFIG_RINGS_NODE);
	assert_int_equal(c.rings.nr, 0);
	assert_int_equal(c.cpus.affinity.nr, 0);
	assert_false(c.dry_run);
	config_destroy(&c);
}

static void each_switch_of_memory_is_read(void **state)
{
	static const struct {
		const char *line;
		struct config_backing want;
	} row[] = {
		{ "1G,shared=on", { .shared = true, .thp = true } },
		{ "1G,mergeable=on", { .mergeable = true, .thp = true } },
		{ "1G,prefault=on", { .prefault = true, .thp = true } },
		{ "1G,hugepages=on", { .hugepages = true, .thp = true } },
		{ "1G,hugepages=on,thp=on", { .hugepages = true, .thp = true } },
		{ "1G,thp=off,shared=off,mergeable=off,prefault=off,hugepages=off", { 0 } },
		{ "hugepage_size=2M,size=1G,hugepages=on",
		  { .hugepages = true, .hugepage_size = 2 * MIB, .thp = true } },
		{ "hugepage_size=1G,size=1G,hugepages=on,shared=on",
		  { .hugepages = true, .hugepage_size = GIB, .shared = true, .thp = true } },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		const struct config_backing *want = &row[i].want, *have;
		struct config c;
		char line[128];

		snprintf(line, sizeof(line), "--kernel k --memory %s", row[i].line);
		c = line_good(line);
		have = &c.memory.backing;
		assert_int_equal(c.memory.size, GIB);
		assert_int_equal(have->shared, want->shared);
		assert_int_equal(have->mergeable, want->mergeable);
		assert_int_equal(have->prefault, want->prefault);
		assert_int_equal(have->thp, want->thp);
		assert_int_equal(have->hugepages, want->hugepages);
		assert_int_equal(have->hugepage_size, want->hugepage_size);
		config_destroy(&c);
	}
}

static void zones_are_read_and_their_sum_is_the_memory(void **state)
{
	struct config c = line_good("--kernel k --memory size=0 --memory-zone size=32M,id=a "
				    "id=b,size=1G,host_numa_node=0,hugepages=on,hugepage_size=2M "
				    "--memory-zone id=c,size=2M,file=/dev/shm,prefault=on,thp=off,"
				    "mergeable=on,host_numa_node=7");

	assert_int_equal(c.nr_zones, 3);
	assert_int_equal(c.memory.size, GIB + 34 * MIB);
	assert_string_equal(c.zone[0].id, "a");
	assert_int_equal(c.zone[0].size, 32 * MIB);
	assert_int_equal(c.zone[0].host_node, -1);
	assert_null(c.zone[0].file);
	assert_true(c.zone[0].backing.thp);
	assert_false(c.zone[0].backing.hugepages);
	assert_int_equal(c.zone[1].host_node, 0);
	assert_true(c.zone[1].backing.hugepages);
	assert_int_equal(c.zone[1].backing.hugepage_size, 2 * MIB);
	assert_int_equal(c.zone[2].host_node, 7);
	assert_string_equal(c.zone[2].file, "/dev/shm");
	assert_true(c.zone[2].backing.prefault && c.zone[2].backing.mergeable);
	assert_false(c.zone[2].backing.thp || c.zone[2].backing.shared);
	config_destroy(&c);
}

static void as_many_zones_as_there_is_room_for_and_no_more(void **state)
{
	char line[1024] = "--kernel k --memory-zone";
	struct error err = { 0 };
	struct config c;

	for (unsigned i = 0; i < CONFIG_MAX_ZONES; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " id=%u,size=4M", i);
	c = line_good(line);
	assert_int_equal(c.nr_zones, CONFIG_MAX_ZONES);
	assert_int_equal(c.memory.size, 64 * MIB);
	config_destroy(&c);
	strcat(line, " id=x,size=4M");
	assert_int_equal(line_parse(&c, line, &err), -EINVAL);
	assert_non_null(strstr(err.object, "zone x"));
	assert_non_null(strstr(err.reason, "more than 16 zones"));
}

static void nodes_are_ordered_and_their_distances_complete(void **state)
{
	/* Options in an order that lets each need what comes later. */
	struct config c = line_good(
		"--kernel k --numa guest_numa_id=2,cpus=3,distances=[0@40,2@10] "
		"guest_numa_id=0,cpus=[0,2],memory_zones=[b,a],distances=[1@15] --numa "
		"guest_numa_id=1,cpus=[1-1],memory_zones=c,distances=[0@16,2@33] --cpus 4 --memory-zone "
		"id=a,size=1G id=b,size=1G id=c,size=1G");
	static const unsigned want[3][3] = { { 10, 15, 40 }, { 16, 10, 33 }, { 40, 33, 10 } };

	assert_int_equal(c.nr_nodes, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(c.node[i].id, i);
		for (unsigned j = 0; j < 3; j++)
			assert_int_equal(c.node[i].distance[j], want[i][j]);
	}
	assert_int_equal(c.node[0].zones, 3);
	assert_int_equal(c.node[1].zones, 4);
	assert_int_equal(c.node[2].zones, 0);
	assert_int_equal(CPU_COUNT(&c.node[0].vcpus), 2);
	assert_true(CPU_ISSET(0, &c.node[0].vcpus) && CPU_ISSET(2, &c.node[0].vcpus));
	assert_int_equal(CPU_COUNT(&c.node[1].vcpus), 1);
	assert_true(CPU_ISSET(1, &c.node[1].vcpus));
	assert_true(CPU_ISSET(3, &c.node[2].vcpus));
	config_destroy(&c);
}

static void as_many_nodes_as_their_numbers_allow(void **state)
{
	char line[2048] = "--kernel k --memory-zone id=a,size=1G --cpus 16 --numa";
	struct config c;

	for (unsigned i = CONFIG_MAX_NODES; i--;)
		snprintf(line + strlen(line), sizeof(line) - strlen(line),
			 " guest_numa_id=%u,cpus=[%u]%s", i, i, i ? "" : ",memory_zones=a");
	c = line_good(line);
	assert_int_equal(c.nr_nodes, CONFIG_MAX_NODES);
	for (unsigned i = 0; i < CONFIG_MAX_NODES; i++) {
		assert_int_equal(c.node[i].id, i);
		for (unsigned j = 0; j < CONFIG_MAX_NODES; j++)
			assert_int_equal(c.node[i].distance[j], i == j ? 10 : 0);
	}
	config_destroy(&c);
}

static void vcpus_and_rings_are_given_cpus(void **state)
{
	struct config c = line_good("--kernel k --platform ring_affinity=[3@[0-1]],numa=strict "
				    "--cpus affinity=[0@[2,3],1@[0,1]],boot=4");

	assert_int_equal(c.cpus.affinity.nr, 2);
	assert_int_equal(c.cpus.affinity.list[0].index, 0);
	assert_true(CPU_ISSET(2, &c.cpus.affinity.list[0].cpus));
	assert_int_equal(c.cpus.affinity.list[1].index, 1);
	assert_int_equal(CPU_COUNT(&c.cpus.affinity.list[1].cpus), 2);
	assert_int_equal(c.rings.nr, 1);
	assert_int_equal(c.rings.list[0].index, 3);
	assert_int_equal(CPU_COUNT(&c.rings.list[0].cpus), 2);
	assert_int_equal(c.numa, CONFIG_NUMA_STRICT);
	assert_int_equal(c.rings.word, CONFIG_RINGS_NODE);
	config_destroy(&c);
	/* A single CPU or range needs no brackets, nor does the only vCPU. */
	c = line_good("--kernel k --cpus 2,affinity=[0@3,1@4-5] --platform ring_affinity=0@[7]");
	assert_int_equal(c.cpus.affinity.nr, 2);
	assert_true(CPU_ISSET(3, &c.cpus.affinity.list[0].cpus));
	assert_int_equal(CPU_COUNT(&c.cpus.affinity.list[1].cpus), 2);
	assert_true(CPU_ISSET(7, &c.rings.list[0].cpus));
	config_destroy(&c);
}

static void placement_is_one_of_a_few_words(void **state)
{
	struct config c = line_good("--kernel k --platform numa=off,ring_affinity=sibling");

	assert_int_equal(c.numa, CONFIG_NUMA_OFF);
	assert_int_equal(c.rings.word, CONFIG_RINGS_SIBLING);
	assert_int_equal(c.ring_poll_us, CONFIG_RING_POLL_AUTO);
	config_destroy(&c);
	c = line_good("--kernel k --platform numa=auto,ring_affinity=node,ring_poll_us=1");
	assert_int_equal(c.numa, CONFIG_NUMA_AUTO);
	assert_int_equal(c.rings.word, CONFIG_RINGS_NODE);
	assert_int_equal(c.ring_poll_us, 1);
	config_destroy(&c);
}

static void dry_run_is_a_flag(void **state)
{
	struct config c = line_good("--dry-run --kernel k");

	assert_true(c.dry_run);
	assert_int_equal(c.action, CONFIG_RUN);
	config_destroy(&c);
}

static const struct bad_line bad_backings[] = {
	{ "--memory hugepage_size=2M", "option --memory: key hugepage_size", "without hugepages=on",
	  "add hugepages=on" },
	{ "--memory hugepages=off,hugepage_size=2M", "key hugepage_size", "without", "" },
	{ "--memory hugepages=on,hugepage_size=3M", "key hugepage_size", "\"3M\" is no power",
	  "use 2M or 1G" },
	{ "--memory hugepages=on,hugepage_size=4K", "key hugepage_size", "less than 2 MiB", "" },
	{ "--memory hugepages=on,hugepage_size=0", "key hugepage_size", "less than 2 MiB", "" },
	{ "--memory hugepages=on,hugepage_size=big", "key hugepage_size", "with a number", "" },
	{ "--memory 3586M,hugepages=on,hugepage_size=1G", "option --memory: key size",
	  "\"3586M\" is not a multiple of hugepage_size=1G", "size=3072M or size=4096M" },
	{ "--memory hugepages=on,hugepage_size=1G", "key size", "\"512M\" is not a multiple",
	  "write size=1024M" },
	{ "--memory mergeable=on,shared=on", "key mergeable", "beside shared=on", "private" },
	{ "--memory mergeable=on,hugepages=on", "key mergeable", "beside hugepages=on", "" },
	{ "--memory shared=yes", "key shared", "neither on nor off", "shared=on or" },
	{ "--memory prefault", "key prefault", "has no value", "" },
	{ "--memory hugepags=on", "key hugepags", "unknown", "did you mean hugepages?" },
	{ "--memory size=0", "key size", "\"0\" is less than 64 MiB", "size=64M" },
};

static const struct bad_line bad_zones[] = {
	{ "--memory-zone size=1G", "option --memory-zone: key id", "missing", "id=mem0" },
	{ "--memory-zone id=a", "key size", "missing", "size=512M" },
	{ "--memory-zone a", "key a", "unknown", "it takes id=" },
	{ "--memory-zone id=a,size=1G id=b,size=1G id=a,size=2G", "key id",
	  "a is taken by the zone of 1024 MiB", "of its own" },
	{ "--memory-zone id=a,size=65M", "key size", "\"65M\" is not a multiple of 2 MiB", "66M" },
	{ "--memory-zone id=a,size=1M", "key size", "less than 2 MiB", "size=2M" },
	{ "--memory-zone id=a,size=0", "key size", "less than 2 MiB", "" },
	{ "--memory-zone id=a,size=5000T", "key size", "more than x86-64 can", "" },
	{ "--memory-zone id=a,size=4096T id=b,size=2M", "option --memory-zone",
	  "the zones have more than x86-64", "" },
	{ "--memory-zone id=a,size=32M id=b,size=30M", "option --memory-zone",
	  "62 MiB in all, less than 64", "larger" },
	{ "--memory-zone id=a,size=514M,hugepages=on,hugepage_size=1G", "key size",
	  "multiple of hugepage_size=1G", "size=1024M" },
	{ "--memory-zone id=a,size=1G,hugepage_size=1G", "key hugepage_size", "without", "" },
	{ "--memory-zone id=a,size=1G,host_numa_node=-1", "key host_numa_node", "negative",
	  "from 0 to 1023" },
	{ "--memory-zone id=a,size=1G,host_numa_node=1024", "key host_numa_node", "too large", "" },
	{ "--memory-zone id=a,size=1G,file=/f,hugepages=on", "key hugepages", "beside file",
	  "hugetlbfs" },
	{ "--memory-zone id=a,size=1G,file=/f,shared=on,mergeable=on", "key mergeable",
	  "beside shared=on", "" },
	{ "--memory-zone id=a,size=1G,hotplug_size=1G", "key hotplug_size", "not supported", "" },
	{ "--memory-zone id=a,size=1G,reserve=on", "key reserve", "not supported yet: it needs ",
	  "" },
	{ "--memory-zone id=a,size=1G --memory 1G", "option --memory: key size",
	  "beside --memory-zone", "size=0" },
	{ "--memory size=0,thp=off --memory-zone id=a,size=1G", "option --memory: key thp",
	  "beside --memory-zone", "of each zone" },
	{ "--memory hugepages=on --memory-zone id=a,size=1G", "option --memory: key hugepages",
	  "beside --memory-zone", "of each zone" },
};

static const struct bad_line bad_nodes[] = {
	{ "--numa cpus=0-3", "option --numa: key guest_numa_id", "missing", "guest_numa_id=0" },
	{ "--numa guest_numa_id=0,cpus=0-3 cpus=1", "key guest_numa_id", "missing", "id=1" },
	{ "--numa guest_numa_id=16,cpus=0", "key guest_numa_id", "too large", "from 0 to 15" },
	{ "--numa guest_numa_id=0,cpus=0 guest_numa_id=0,cpus=1", "key guest_numa_id",
	  "0 is given twice", "0, 1, 2" },
	{ "--numa guest_numa_id=0,cpus=0-3,memory_zones=[a,b] guest_numa_id=2,cpus=4", "key cpus",
	  "4 is not there: the last vCPU is 3", "boot=5" },
	{ "--numa guest_numa_id=0,cpus=0-2,memory_zones=[a,b] guest_numa_id=2,cpus=3",
	  "option --numa: key guest_numa_id", "there is a node 2, but no node 1", "without holes" },
	{ "--numa guest_numa_id=1,cpus=0-3,memory_zones=[a,b]", "key guest_numa_id",
	  "a node 1, but no node 0", "" },
	{ "--numa guest_numa_id=0,cpus=[0-3],memory_zones=a guest_numa_id=1,cpus=3", "key cpus",
	  "vCPU 3 is in node 0 already", "into one" },
	{ "--numa guest_numa_id=0,cpus=[0-2],memory_zones=[a,b]", "option --numa: vCPU 3",
	  "in no node", "add it" },
	{ "--numa guest_numa_id=0,cpus=[0-3],memory_zones=[a]", "option --numa: zone b",
	  "in no node", "add it" },
	{ "--numa guest_numa_id=0,cpus=[0-3],memory_zones=[a,b] guest_numa_id=1,memory_zones=[a]",
	  "key memory_zones", "zone a is in node 0 already", "once" },
	{ "--numa guest_numa_id=0,memory_zones=[a,a]", "key memory_zones", "in node 0", "" },
	{ "--numa guest_numa_id=0,memory_zones=[zebra]", "key memory_zones", "no zone \"zebra\"",
	  "as in [a]" },
	{ "--numa guest_numa_id=0,memory_zones=[]", "option --numa: key memory_zones",
	  "an empty list", "without memory" },
	{ "--numa guest_numa_id=0,memory_zones=[a]b", "key memory_zones", "no zone \"[a]b\"", "" },
	{ "--numa guest_numa_id=0,memory_zones=[a,]", "key memory_zones", "no zone \"\"", "" },
	{ "--numa guest_numa_id=0", "option --numa: node 0", "neither vCPUs nor memory", "cpus=" },
	{ "--numa guest_numa_id=0,cpus=[]", "key cpus", "\"[]\" is no list of CPUs", "[0-3,5]" },
	{ "--numa guest_numa_id=0,cpus=[0]x", "key cpus", "is no list", "" },
	{ "--numa guest_numa_id=0,cpus=3-1", "key cpus", "is no list", "" },
	{ "--numa guest_numa_id=0,cpus=[1024]", "key cpus", "is no list", "" },
	{ "--numa guest_numa_id=0,cpus=0-3,memory_zones=[a,b],distances=[1@20]",
	  "option --numa: node 0: key distances", "there is no node 1", "node 0 is the only one" },
	{ "--numa guest_numa_id=0,cpus=0,distances=1@10", "key distances",
	  "10 from node 0 to node 1", "itself" },
	{ "--numa guest_numa_id=0,cpus=0,distances=0@20", "key distances",
	  "20 from node 0 to node 0", "itself" },
	{ "--numa guest_numa_id=0,cpus=0,distances=1@9", "key distances", "is no list of nodes",
	  "[1@20,2@30]" },
	{ "--numa guest_numa_id=0,cpus=0,distances=1@256", "key distances", "10 to 255", "" },
	{ "--numa guest_numa_id=0,cpus=0,distances=16@20", "key distances", "nodes up to 15", "" },
	{ "--numa guest_numa_id=0,cpus=0,distances=[1@20,1@20]", "key distances", "no list", "" },
	{ "--numa guest_numa_id=0,cpus=0,distances=[1@20]2", "key distances", "no list", "" },
	{ "--numa guest_numa_id=0,cpus=0,distances=[1]", "key distances", "no list", "" },
	{ "--numa guest_numa_id=0,pci_segments=[1]", "key pci_segments",
	  "not supported yet: it needs ", "" },
	{ "--numa guest_numa_id=0,device_id=x", "key device_id", "not supported yet: it needs ",
	  "" },
};

static const struct bad_line bad_affinities[] = {
	{ "--cpus 2,affinity=[2@[0]]", "option --cpus: key affinity",
	  "2 is not there: the last vCPU is 1", "boot=3" },
	{ "--cpus 2,affinity=[0@[1],0@[2]]", "key affinity", "0 is given twice", "0@[1,3-5]" },
	{ "--cpus 2,affinity=[0@[1024]]", "key affinity", "there is no such CPU", "1023" },
	{ "--cpus 2,affinity=[0@5-99999999999]", "key affinity", "no list of numbers", "" },
	{ "--cpus 2,affinity=0@", "key affinity", "no list of numbers", "[0@[1,3-5]" },
	{ "--cpus 2,affinity=[0@1", "value", "brackets do not match", "" },
	{ "--cpus 2,affinity=[0@1,]", "key affinity", "no list of numbers", "" },
	{ "--platform ring_affinity=[1@[0]]", "option --platform: key ring_affinity",
	  "1 is not there: the last vCPU is 0", "boot=2" },
	{ "--platform ring_affinity=[0@]", "key ring_affinity", "no list of numbers", "" },
	{ "--platform ring_affinity=nodes", "key ring_affinity", "\"nodes\" is unknown",
	  "node, sibling, or a list" },
	{ "--platform numa=stric", "key numa", "\"stric\" is unknown", "did you mean strict?" },
	{ "--platform numa=nothing-like-it", "key numa", "unknown", "auto, off, strict" },
	{ "--dry-run=on", "option --dry-run", "takes no value", "" },
	{ "--dry-ru", "option --dry-ru", "unknown", "did you mean --dry-run?" },
};

static void memory_that_cannot_be_is_refused(void **state)
{
	line_expect_bad(bad_backings, ARRAY_SIZE(bad_backings), "--kernel k ");
}

static void zones_that_cannot_be_are_refused(void **state)
{
	line_expect_bad(bad_zones, ARRAY_SIZE(bad_zones), "--kernel k ");
}

static void nodes_that_cannot_be_are_refused(void **state)
{
	static const struct bad_line near = {
		"--memory-zone id=mem0,size=1G --numa guest_numa_id=0,memory_zones=[men0]",
		"key memory_zones", "no zone \"men0\"", "did you mean mem0?"
	};

	line_expect_bad(bad_nodes, ARRAY_SIZE(bad_nodes), "--kernel k " ZONES);
	line_expect_bad(&near, 1, "--kernel k ");
}

static void nodes_without_zones_are_shown_how(void **state)
{
	static const struct bad_line row = { "--numa guest_numa_id=0,cpus=0",
					     "option --numa: value guest_numa_id=0,cpus=0",
					     "there is no --memory-zone", "memory_zones=[mem0]" };
	struct error err = { 0 };
	struct config c;
	char line[256];

	line_expect_bad(&row, 1, "--kernel k ");
	assert_int_equal(line_parse(&c, "--kernel k --numa guest_numa_id=0", &err), -EINVAL);
	/* What it shows is good. */
	snprintf(line, sizeof(line), "--kernel k %s", strstr(err.remedy, "--memory-zone"));
	c = line_good(line);
	config_destroy(&c);
}

static void bad_placement_is_refused(void **state)
{
	line_expect_bad(bad_affinities, ARRAY_SIZE(bad_affinities), "--kernel k ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_private_and_ordinary_unless_asked_otherwise),
		cmocka_unit_test(each_switch_of_memory_is_read),
		cmocka_unit_test(zones_are_read_and_their_sum_is_the_memory),
		cmocka_unit_test(as_many_zones_as_there_is_room_for_and_no_more),
		cmocka_unit_test(nodes_are_ordered_and_their_distances_complete),
		cmocka_unit_test(as_many_nodes_as_their_numbers_allow),
		cmocka_unit_test(vcpus_and_rings_are_given_cpus),
		cmocka_unit_test(placement_is_one_of_a_few_words),
		cmocka_unit_test(dry_run_is_a_flag),
		cmocka_unit_test(memory_that_cannot_be_is_refused),
		cmocka_unit_test(zones_that_cannot_be_are_refused),
		cmocka_unit_test(nodes_that_cannot_be_are_refused),
		cmocka_unit_test(nodes_without_zones_are_shown_how),
		cmocka_unit_test(bad_placement_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
