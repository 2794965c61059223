/* SPDX-License-Identifier: Apache-2.0 */
/* What numa/topology_read.c makes of sysfs and proc, on trees made for the purpose and on this host. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "numa/affinity.h"
#include "numa/topology.h"

#define NODES "sys/devices/system/node"
#define CPUS  "sys/devices/system/cpu"

/* A scratch directory: sys/ and proc/ in it are the host. */
static char root[PATH_MAX / 2];

/* What topology_read() made of it. */
static struct topology *topology;
static struct error err;

/* A file and the folders that lead to it. */
__attribute__((format(printf, 2, 3))) static void put(const char *name, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	va_start(ap, fmt);
	assert_true(vfprintf(file, fmt, ap) >= 0);
	va_end(ap);
	fclose(file);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void drop(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* CPUs without hyper-threading, of all of which this process may use @allowed. */
static void put_cpus(const char *online, const char *allowed, const char *mems)
{
	put(CPUS "/online", "%s\n", online);
	put("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:         1048576 kB\n"
			    "MemAvailable:    4194304 kB\nHugepagesize:       2048 kB\n");
	put("proc/zoneinfo", "\n");
	put("proc/self/status",
	    "Name:\ttorc\nCpus_allowed:\tff\nCpus_allowed_list:\t%s\n"
	    "Mems_allowed:\t00000000,00000001\nMems_allowed_list:\t%s\nctxt_switches:\t1\n",
	    allowed, mems);
}

static void put_siblings(unsigned cpu, const char *file, const char *siblings)
{
	char name[128];

	snprintf(name, sizeof(name), CPUS "/cpu%u/topology/%s", cpu, file);
	put(name, "%s\n", siblings);
}

/* In every node a quarter of the memory is available: an eighth is free, an eighth is cache. */
static void put_node(unsigned id, const char *cpus, unsigned mib, const char *distance)
{
	char name[128];

	snprintf(name, sizeof(name), NODES "/node%u/cpulist", id);
	put(name, "%s\n", cpus);
	snprintf(name, sizeof(name), NODES "/node%u/distance", id);
	put(name, "%s\n", distance);
	snprintf(name, sizeof(name), NODES "/node%u/meminfo", id);
	put(name,
	    "Node %u NoMemTotal:     9999 kB\nNode %u MemTotal:       %u kB\n"
	    "Node %u MemFree:        %u kB\nNode %u Active:         9999 kB\n"
	    "Node %u Active(anon):   9999 kB\nNode %u Active(file):   %u kB\n"
	    "Node %u Inactive(file): %u kB\nNode %u KReclaimable:   9999 kB\n"
	    "Node %u SReclaimable:   %u kB\nNode %u HugePages_Total:     0\n",
	    id, id, mib * 1024, id, mib * 128, id, id, id, mib * 64, id, mib * 32, id, id, mib * 32,
	    id);
}

static void put_pool(const char *dir, unsigned kib, unsigned total, unsigned nr_free)
{
	char name[256];

	snprintf(name, sizeof(name), "%s/hugepages-%ukB/nr_hugepages", dir, kib);
	put(name, "%u\n", total);
	snprintf(name, sizeof(name), "%s/hugepages-%ukB/free_hugepages", dir, kib);
	put(name, "%u\n", nr_free);
}

/* Two nodes of two CPUs. */
static void put_two_nodes(void)
{
	put_cpus("0-3", "0-3", "0-1");
	put(NODES "/online", "0-1\n");
	put_node(0, "0-1", 4096, "10 21");
	put_node(1, "2-3", 8192, "21 10");
}

static int read_tree(void)
{
	char sysfs[PATH_MAX], proc[PATH_MAX];

	snprintf(sysfs, sizeof(sysfs), "%s/sys", root);
	snprintf(proc, sizeof(proc), "%s/proc", root);
	memset(&err, 0, sizeof(err));
	memset(topology, 0xee, sizeof(*topology));
	return topology_read(topology, sysfs, proc, &err);
}

static void read_good(void)
{
	int r = read_tree();

	if (r)
		fail_msg("refused: %s: %s", err.object, err.reason);
}

static void assert_cpus(const cpu_set_t *cpus, const char *expected)
{
	char text[256];

	affinity_format(cpus, text, sizeof(text));
	assert_string_equal(text, expected);
}

/* Reading fails, and says that this file is at fault. */
static void assert_refused(int code, const char *file)
{
	assert_int_equal(read_tree(), code);
	if (!strstr(err.object, file))
		fail_msg("\"%s\" does not name %s", err.object, file);
	for (unsigned i = 0; i < sizeof(*topology); i++)
		assert_int_equal(((unsigned char *)topology)[i], 0xee);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(root, sizeof(root), "%s/torc-topology.XXXXXX", tmp ? tmp : "/tmp");
	topology = malloc(sizeof(*topology));
	return mkdtemp(root) && topology ? 0 : -1;
}

static int teardown(void **state)
{
	free(topology);
	return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void one_node_has_everything(void **state)
{
	put_cpus("0-7", "0-7", "0");
	put(NODES "/online", "0\n");
	put_node(0, "0-7", 8192, "10");
	read_good();
	assert_int_equal(topology->nr_nodes, 1);
	assert_int_equal(topology->node[0].id, 0);
	assert_cpus(&topology->node[0].cpus, "0-7");
	assert_int_equal(topology->node[0].memory, 8 * GIB);
	assert_int_equal(topology->node[0].available, 2 * GIB);
	assert_true(topology->node[0].is_allowed);
	assert_int_equal(topology->node[0].nr_pools, 0);
	assert_int_equal(topology->node[0].distance[0], 10);
	assert_cpus(&topology->online, "0-7");
	assert_cpus(&topology->allowed, "0-7");
	assert_int_equal(topology->default_huge_page, 2 * MIB);
}

static void two_nodes_are_told_apart(void **state)
{
	put_two_nodes();
	read_good();
	assert_int_equal(topology->nr_nodes, 2);
	assert_cpus(&topology->node[0].cpus, "0-1");
	assert_cpus(&topology->node[1].cpus, "2-3");
	assert_int_equal(topology->node[0].memory, 4 * GIB);
	assert_int_equal(topology->node[1].memory, 8 * GIB);
	assert_int_equal(topology->node[1].available, 2 * GIB);
	assert_int_equal(topology->node[0].distance[1], 21);
	assert_int_equal(topology->node[1].distance[0], 21);
	assert_ptr_equal(topology_find(topology, 1), &topology->node[1]);
	assert_null(topology_find(topology, 2));
	assert_null(topology_find(topology, -1));
}

static void nodes_may_be_numbered_with_holes(void **state)
{
	put_cpus("0-2", "0-2", "0,2,5");
	put(NODES "/online", "0,2,5\n");
	put_node(0, "0", 1024, "10 20 30");
	put_node(2, "1", 2048, "20 10 40");
	put_node(5, "2", 4096, "30 40 10");
	read_good();
	assert_int_equal(topology->nr_nodes, 3);
	assert_int_equal(topology->node[2].id, 5);
	assert_int_equal(topology->node[1].distance[2], 40);
	assert_ptr_equal(topology_find(topology, 5), &topology->node[2]);
	assert_null(topology_find(topology, 1));
}

static void put_ring_of_nodes(unsigned nr)
{
	char list[32], cpus[16];

	snprintf(list, sizeof(list), "0-%u", nr - 1);
	put_cpus(list, list, list);
	put(NODES "/online", "%s\n", list);
	for (unsigned i = 0; i < nr; i++) {
		char distance[4 * (TOPOLOGY_MAX_NODES + 1)] = "";

		for (unsigned j = 0; j < nr; j++)
			snprintf(distance + strlen(distance), 8, "%s%u", j ? " " : "",
				 i == j ? 10 : 20 + (i + j) % 4);
		snprintf(cpus, sizeof(cpus), "%u", i);
		put_node(i, cpus, 512, distance);
	}
}

static void hosts_may_have_many_nodes(void **state)
{
	static const unsigned counts[] = { 4, 8, TOPOLOGY_MAX_NODES };

	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		unsigned nr = counts[i];

		put_ring_of_nodes(nr);
		read_good();
		assert_int_equal(topology->nr_nodes, nr);
		assert_int_equal(topology->node[nr - 1].distance[nr - 1], 10);
		assert_int_equal(topology->node[nr - 1].distance[0], 20 + (nr - 1) % 4);
		assert_true(CPU_ISSET(nr - 1, &topology->node[nr - 1].cpus));
	}
	put_ring_of_nodes(TOPOLOGY_MAX_NODES + 1);
	assert_refused(-E2BIG, NODES "/online");
}

/* As a kernel prints it, without what is of no interest here. */
static void put_zones(void)
{
	put("proc/zoneinfo", "Node 0, zone      DMA\n"
			     "  per-node stats\n"
			     "      nr_inactive_anon 404\n"
			     "  pages free     3840\n"
			     "        min      10\n"
			     "        low      13\n"
			     "        high     16\n"
			     "        managed  3840\n"
			     "        protection: (0, 0, 2560, 2560, 2560)\n"
			     "  pagesets\n"
			     "    cpu: 0\n"
			     "              high:     9999\n"
			     "              high_min: 9999\n"
			     "Node 0, zone    Movable\n"
			     "  pages free     0\n"
			     "        low      0\n"
			     "        high     0\n"
			     "        managed  0\n"
			     "        protection: (0, 0, 0, 9999)\n"
			     "Node 1, zone   Normal\n"
			     "  pages free     100000\n"
			     "        low      12800\n"
			     "        high     25600\n"
			     "        managed  2000000\n"
			     "        protection: (0, 0, 0)\n"
			     "Node 10, zone   Normal\n"
			     "        low      77\n"
			     "        high     77\n"
			     "        managed  2000000\n");
}

static void kernel_keeps_some_memory_for_itself(void **state)
{
	put_two_nodes();
	put_zones();
	read_good();
	/* 2,576 pages of 4 KiB; of cache and slabs, less than the low watermark of 13 pages each. */
	assert_int_equal(topology->node[0].available, GIB - (2576 + 2 * 13) * 4 * KIB);
	/* 100 MiB, and of cache and slabs 50 MiB each. */
	assert_int_equal(topology->node[1].available, 2 * GIB - 200 * MIB);
	/* With little cache half of it may have to stay; what is less than nothing is nothing. */
	put_node(1, "2-3", 800, "21 10");
	read_good();
	assert_int_equal(topology->node[1].available, 50 * MIB);
	put_node(1, "2-3", 400, "21 10");
	read_good();
	assert_int_equal(topology->node[1].available, 0);
}

static void node_may_lack_memory_or_cpus_or_both(void **state)
{
	put_cpus("0-1", "0-1", "1");
	put(NODES "/online", "0-2\n");
	put_node(0, "0-1", 0, "10 20 20");
	put_node(1, "", 2048, "20 10 20");
	put_node(2, "", 0, "20 20 10");
	read_good();
	assert_int_equal(topology->nr_nodes, 3);
	assert_int_equal(topology->node[0].memory, 0);
	assert_int_equal(topology->node[0].available, 0);
	assert_int_equal(CPU_COUNT(&topology->node[1].cpus), 0);
	assert_int_equal(topology->node[1].memory, 2 * GIB);
	assert_int_equal(topology->node[2].memory, 0);
}

static void huge_pages_are_counted_by_node_and_size(void **state)
{
	put_two_nodes();
	put_pool(NODES "/node0/hugepages", 1048576, 4, 3);
	put_pool(NODES "/node0/hugepages", 2048, 512, 100);
	put_pool(NODES "/node0/hugepages", 64, 7, 7);
	put(NODES "/node0/hugepages/other/nr_hugepages", "1\n");
	put(NODES "/node0/hugepages/hugepages-32kB.old/nr_hugepages", "1\n");
	read_good();
	assert_int_equal(topology->node[0].nr_pools, 3);
	assert_int_equal(topology->node[0].pool[0].page_size, 64 * KIB);
	assert_int_equal(topology->node[0].pool[1].page_size, 2 * MIB);
	assert_int_equal(topology->node[0].pool[2].page_size, GIB);
	assert_ptr_equal(topology_pool(&topology->node[0], 2 * MIB), &topology->node[0].pool[1]);
	assert_int_equal(topology->node[0].pool[1].total, 512);
	assert_int_equal(topology->node[0].pool[1].free, 100);
	assert_null(topology_pool(&topology->node[0], 4 * MIB));
	assert_null(topology_pool(&topology->node[1], 2 * MIB));
	put_pool(NODES "/node0/hugepages", 128, 0, 0);
	put_pool(NODES "/node0/hugepages", 256, 0, 0);
	assert_refused(-E2BIG, NODES "/node0/hugepages");
}

static void siblings_may_be_numbered_side_by_side_or_far_apart(void **state)
{
	put_cpus("0-3,64-67", "0-67", "0");
	put(NODES "/online", "0\n");
	put_node(0, "0-3,64-67", 1024, "10");
	put_siblings(0, "core_cpus_list", "0,64");
	put_siblings(64, "core_cpus_list", "0,64");
	put_siblings(2, "thread_siblings_list", "2-3");
	put_siblings(3, "thread_siblings_list", "2-3");
	/* Both names: the newer one counts. */
	put_siblings(66, "core_cpus_list", "66-67");
	put_siblings(66, "thread_siblings_list", "66");
	put_siblings(67, "core_cpus_list", "66-67");
	read_good();
	assert_int_equal(topology->core[0], 0);
	assert_int_equal(topology->core[64], 0);
	assert_int_equal(topology->core[1], 1);
	assert_int_equal(topology->core[65], 65);
	assert_int_equal(topology->core[2], 2);
	assert_int_equal(topology->core[3], 2);
	assert_int_equal(topology->core[66], 66);
	assert_int_equal(topology->core[67], 66);
	assert_int_equal(topology->core[4], -1);
	assert_int_equal(topology->core[CPU_SETSIZE - 1], -1);
}

static void offline_cpus_are_not_there(void **state)
{
	put_cpus("1-2,4", "0-7", "0");
	put(NODES "/online", "0\n");
	put_node(0, "0-7", 1024, "10");
	put_siblings(1, "core_cpus_list", "0-1");
	read_good();
	assert_cpus(&topology->online, "1-2,4");
	assert_cpus(&topology->node[0].cpus, "1-2,4");
	assert_cpus(&topology->allowed, "1-2,4");
	assert_int_equal(topology->core[0], -1);
	assert_int_equal(topology->core[1], 1);
}

static void cpuset_limits_cpus_and_nodes(void **state)
{
	put_two_nodes();
	put_cpus("0-3", "1,3", "1");
	read_good();
	assert_cpus(&topology->online, "0-3");
	assert_cpus(&topology->allowed, "1,3");
	assert_cpus(&topology->node[0].cpus, "0-1");
	assert_false(topology->node[0].is_allowed);
	assert_true(topology->node[1].is_allowed);
}

static void kernel_without_cpusets_limits_nothing(void **state)
{
	put_two_nodes();
	put("proc/self/status", "Cpus_allowed_list:\t0-3\n");
	read_good();
	assert_true(topology->node[0].is_allowed);
	assert_true(topology->node[1].is_allowed);
}

static void kernel_without_numa_has_one_node(void **state)
{
	put_cpus("0-3", "0-1", "0");
	put_pool("sys/kernel/mm/hugepages", 2048, 64, 32);
	read_good();
	assert_int_equal(topology->nr_nodes, 1);
	assert_int_equal(topology->node[0].id, 0);
	assert_cpus(&topology->node[0].cpus, "0-3");
	assert_int_equal(topology->node[0].memory, 8 * GIB);
	assert_int_equal(topology->node[0].available, 4 * GIB);
	assert_true(topology->node[0].is_allowed);
	assert_int_equal(topology->node[0].distance[0], 10);
	assert_int_equal(topology->node[0].pool[0].free, 32);
}

static void kernel_without_huge_pages_has_no_default_size(void **state)
{
	put_two_nodes();
	put("proc/meminfo", "MemTotal: 1 kB\n");
	read_good();
	assert_int_equal(topology->default_huge_page, 0);
}

static void cpus_that_torc_does_not_count_to_are_left_out(void **state)
{
	put_cpus("0-4095", "0-1,1023-18446744073709551615", "0");
	put(NODES "/online", "0\n");
	put_node(0, "0-4095", 1024, "10");
	read_good();
	assert_cpus(&topology->online, "0-1023");
	assert_cpus(&topology->allowed, "0-1,1023");
}

static void unreadable_files_are_named(void **state)
{
	static const char *const files[] = {
		CPUS "/online",
		NODES "/online",
		NODES "/node1/cpulist",
		NODES "/node1/meminfo",
		NODES "/node1/distance",
		NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages",
		NODES "/node1/hugepages/hugepages-2048kB/free_hugepages",
		"proc/meminfo",
		"proc/zoneinfo",
		"proc/self/status",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
		put_two_nodes();
		put_pool(NODES "/node1/hugepages", 2048, 1, 1);
		read_good();
		drop(files[i]);
		assert_refused(-ENOENT, files[i]);
	}
	put_two_nodes();
	drop(NODES "/node1/distance");
	put(NODES "/node1/distance/folder", "\n");
	assert_refused(-EISDIR, NODES "/node1/distance");
}

static void malformed_files_are_named(void **state)
{
	static const struct {
		const char *file, *text;
	} row[] = {
		{ CPUS "/online", "0-3,\n" },
		{ CPUS "/online", "3-0\n" },
		{ CPUS "/online", ",0\n" },
		{ CPUS "/cpu0/topology/core_cpus_list", "0;1\n" },
		{ NODES "/online", "" },
		{ NODES "/online", "0--1\n" },
		{ NODES "/node1/cpulist", "garbage\n" },
		{ NODES "/node1/cpulist", "2-\n" },
		{ NODES "/node1/cpulist", "-2\n" },
		{ NODES "/node1/distance", "21\n" },
		{ NODES "/node1/distance", "21 10 30\n" },
		{ NODES "/node1/distance", "21 ten\n" },
		{ NODES "/node1/distance", "21 10x\n" },
		{ NODES "/node1/meminfo", "Node 1 MemTotal: 1 kB\n" },
		{ NODES "/node1/meminfo",
		  "MemTotal: 1 kB\nMemFree: 1 MB\nActive(file): 1 kB\nInactive(file): 1 kB\n"
		  "SReclaimable: 1 kB\n" },
		{ NODES "/node1/meminfo",
		  "MemTotal: 1 kB\nMemFree: 1 kB\nActive(file): 1 kB\nInactive(file): -1 kB\n"
		  "SReclaimable: 1 kB\n" },
		{ NODES "/node1/meminfo",
		  "MemTotal: 18446744073709551615 kB\nMemFree: 1 kB\nActive(file): 1 kB\n"
		  "Inactive(file): 1 kB\nSReclaimable: 1 kB\n" },
		{ NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages", "many\n" },
		{ NODES "/node1/hugepages/hugepages-2048kB/free_hugepages", "-1\n" },
		{ "proc/self/status", "Mems_allowed_list:\t0\n" },
		{ "proc/self/status", "Cpus_allowed_list:\t0\nMems_allowed_list:\tx\n" },
		{ "proc/self/status", "Cpus_allowed_list:\t0 1\nMems_allowed_list:\t0\n" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		put_two_nodes();
		put_pool(NODES "/node1/hugepages", 2048, 1, 1);
		put_siblings(0, "core_cpus_list", "0");
		read_good();
		put(row[i].file, "%s", row[i].text);
		assert_refused(-EINVAL, row[i].file);
	}
	put_two_nodes();
	drop(NODES);
	put("proc/meminfo", "MemTotal: 1 kB\n");
	assert_refused(-EINVAL, "proc/meminfo");
}

static void device_takes_the_node_of_the_nearest_bridge_that_knows(void **state)
{
	char dir[PATH_MAX];

	put_two_nodes();
	put("sys/devices/pci0000:40/numa_node", "1\n");
	put("sys/devices/pci0000:40/0000:40:01.0/numa_node", "-1\n");
	put("sys/devices/pci0000:40/0000:40:01.0/0000:41:00.0/numa_node", "-1\n");
	read_good();
	snprintf(dir, sizeof(dir), "%s/sys/devices/pci0000:40/0000:40:01.0/0000:41:00.0", root);
	assert_ptr_equal(topology_find(topology, topology_device_node(dir)), &topology->node[1]);
}

static void this_host_can_be_read(void **state)
{
	unsigned core;

	memset(&err, 0, sizeof(err));
	if (topology_read(topology, "/sys", "/proc", &err))
		fail_msg("refused: %s: %s", err.object, err.reason);
	assert_true(topology->nr_nodes >= 1);
	assert_true(CPU_COUNT(&topology->allowed) >= 1);
	for (unsigned i = 0; i < topology->nr_nodes; i++) {
		const struct topology_node *node = &topology->node[i];

		assert_true(node->available <= node->memory);
		assert_true(node->distance[i] >= 10);
	}
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &topology->online))
			continue;
		core = (unsigned)topology->core[cpu];
		assert_true(core <= cpu);
		assert_int_equal(topology->core[core], core);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(one_node_has_everything),
		CASE(two_nodes_are_told_apart),
		CASE(nodes_may_be_numbered_with_holes),
		CASE(hosts_may_have_many_nodes),
		CASE(kernel_keeps_some_memory_for_itself),
		CASE(node_may_lack_memory_or_cpus_or_both),
		CASE(huge_pages_are_counted_by_node_and_size),
		CASE(siblings_may_be_numbered_side_by_side_or_far_apart),
		CASE(offline_cpus_are_not_there),
		CASE(cpuset_limits_cpus_and_nodes),
		CASE(kernel_without_cpusets_limits_nothing),
		CASE(kernel_without_numa_has_one_node),
		CASE(kernel_without_huge_pages_has_no_default_size),
		CASE(cpus_that_torc_does_not_count_to_are_left_out),
		CASE(unreadable_files_are_named),
		CASE(malformed_files_are_named),
		CASE(device_takes_the_node_of_the_nearest_bridge_that_knows),
		CASE(this_host_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
