/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tests of numa/placement share: a host that is made up, a request, a plan.
 */
#ifndef TESTS_UNIT_PLACEMENT_FIXTURE_H
#define TESTS_UNIT_PLACEMENT_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "numa/affinity.h"
#include "numa/placement.h"
#include "numa/topology_text.h"

/* Where huge pages are reserved, on a node or on the host. */
#define POOL	"/hugepages/hugepages-2048kB/nr_hugepages"
#define POOL_1G "/hugepages/hugepages-1048576kB/nr_hugepages"

static struct topology *host;
static struct placement_request *request;
static struct placement_plan *plan;
static struct error err;

/**
 * cpus - a set of CPUs
 * @list: 0-3,8
 *
 * Return: the set, good until the eighth call after this one.
 */
static inline const cpu_set_t *cpus(const char *list)
{
	static cpu_set_t set[8];
	static unsigned next;

	next = (next + 1) % ARRAY_SIZE(set);
	assert_true(topology_text_list(list, &set[next]));
	return &set[next];
}

/**
 * make_host - make up a host
 * @nr_nodes: all alike: 16 GiB, of which 8 are free, half of 200 pages of 2 MiB and of 4 of 1 GiB; the further apart
 * their numbers, the further they are
 * @nr_cpus: of each node, each of them a core; those of node 0 come first
 */
static inline void make_host(unsigned nr_nodes, unsigned nr_cpus)
{
	memset(host, 0, sizeof(*host));
	memset(host->core, 0xff, sizeof(host->core));
	host->nr_nodes = nr_nodes;
	for (unsigned i = 0; i < nr_nodes; i++) {
		struct topology_node *node = &host->node[i];

		node->id = i;
		node->memory = 16 * GIB;
		node->available = 8 * GIB;
		node->is_allowed = true;
		node->nr_pools = 2;
		node->pool[0] = (struct topology_pool){ 2 * MIB, 200, 100 };
		node->pool[1] = (struct topology_pool){ GIB, 4, 2 };
		for (unsigned j = 0; j < nr_nodes; j++)
			node->distance[j] = i == j ? 10 : 20 + (i > j ? i - j : j - i);
		for (unsigned cpu = i * nr_cpus; cpu < (i + 1) * nr_cpus; cpu++) {
			CPU_SET(cpu, &node->cpus);
			CPU_SET(cpu, &host->online);
			host->core[cpu] = (int)cpu;
		}
	}
	host->allowed = host->online;
	host->default_huge_page = 2 * MIB;
}

/**
 * make_siblings - give every core two threads
 * @apart: what their numbers differ by
 */
static inline void make_siblings(unsigned apart)
{
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &host->online))
			host->core[cpu] = (int)(cpu - cpu / apart % 2 * apart);
	}
}

/**
 * ask - ask for a guest with 1 GiB of memory in one piece, and nothing else
 * @nr_vcpus: of the guest
 */
static inline void ask(unsigned nr_vcpus)
{
	memset(request, 0, sizeof(*request));
	request->nr_vcpus = nr_vcpus;
	request->nr_zones = 1;
	request->zone[0] = (struct placement_zone){ .size = GIB, .node = -1 };
}

/**
 * add_device - pass a device through
 * @name: of the device
 * @node: it is on; -1: unknown
 */
static inline void add_device(const char *name, int node)
{
	request->device[request->nr_devices++] = (struct placement_device){ name, node };
}

/**
 * add_zone - divide the memory into zones; the first one replaces what ask() gave
 * @id: of the zone
 * @mib: its size
 * @node: as the user says; -1: nothing
 * @page_size: of huge pages; 0: ordinary memory
 */
static inline void add_zone(const char *id, uint64_t mib, int node, uint64_t page_size)
{
	if (!request->zone[0].id)
		request->nr_zones = 0;
	request->zone[request->nr_zones++] = (struct placement_zone){
		.id = id, .size = mib * MIB, .node = node, .page_size = page_size
	};
}

/**
 * add_guest_node - give the guest a NUMA node
 * @id: its number
 * @vcpus: a list of them
 * @zones: a bit for each
 */
static inline void add_guest_node(unsigned id, const char *vcpus, uint32_t zones)
{
	request->guest_node[request->nr_guest_nodes++] =
		(struct placement_guest_node){ id, *cpus(vcpus), zones };
}

/**
 * make - make the plan, which must not fail
 */
static inline void make(void)
{
	int r;

	placement_destroy(plan);
	memset(&err, 0, sizeof(err));
	r = placement_make(host, request, plan, &err);
	if (r)
		fail_msg("refused: %s: %s", err.object, err.reason);
}

/**
 * assert_text - make the plan, and compare what it says
 * @expected: all its lines
 */
static inline void assert_text(const char *expected)
{
	make();
	assert_string_equal(plan->text, expected);
}

/**
 * assert_line - make the plan, and look for a line
 * @line: without the newline
 */
static inline void assert_line(const char *line)
{
	char with_newline[512];

	make();
	snprintf(with_newline, sizeof(with_newline), "%s\n", line);
	if (!strstr(plan->text, with_newline))
		fail_msg("no line \"%s\" in:\n%s", line, plan->text);
}

/**
 * assert_no_line - the plan that was made does not say this
 * @part: of a line
 */
static inline void assert_no_line(const char *part)
{
	if (strstr(plan->text, part))
		fail_msg("\"%s\" in:\n%s", part, plan->text);
}

/**
 * assert_refused - there is no such plan, and everything about it is said
 * @code: -errno
 * @object: what fails
 * @reason: why
 * @remedy: what helps
 */
static inline void assert_refused(int code, const char *object, const char *reason,
				  const char *remedy)
{
	struct placement_plan *untouched = malloc(sizeof(*untouched));

	assert_non_null(untouched);
	memset(untouched, 0xee, sizeof(*untouched));
	memset(&err, 0, sizeof(err));
	assert_int_equal(placement_make(host, request, untouched, &err), code);
	assert_int_equal(err.code, code);
	assert_string_equal(err.object, object);
	assert_string_equal(err.reason, reason);
	assert_string_equal(err.remedy, remedy);
	for (unsigned i = 0; i < sizeof(*untouched); i++)
		assert_int_equal(((unsigned char *)untouched)[i], 0xee);
	free(untouched);
	/* Whoever does not care why gets the same answer. */
	assert_int_equal(placement_make(host, request, NULL, NULL), code);
}

/**
 * assert_cpus - a thread has these CPUs
 * @placed: where it is
 * @expected: a list
 */
static inline void assert_cpus(const struct placement_cpus *placed, const char *expected)
{
	char text[256];

	assert_true(placed->is_set);
	affinity_format(&placed->cpus, text, sizeof(text));
	assert_string_equal(text, expected);
}

/**
 * assert_alone - a vCPU has a CPU of its own
 * @vcpu: its number
 * @cpu: the number of the CPU
 */
static inline void assert_alone(unsigned vcpu, const char *cpu)
{
	assert_cpus(&plan->vcpu[vcpu], cpu);
	assert_true(plan->vcpu[vcpu].is_single);
}

/**
 * setup - before each test
 * @state: not used
 *
 * Return: 0; -1.
 */
static inline int setup(void **state)
{
	host = calloc(1, sizeof(*host));
	request = calloc(1, sizeof(*request));
	plan = calloc(1, sizeof(*plan));
	return host && request && plan ? 0 : -1;
}

/**
 * teardown - after each test
 * @state: not used
 *
 * Return: 0.
 */
static inline int teardown(void **state)
{
	placement_destroy(plan);
	free(plan);
	free(request);
	free(host);
	return 0;
}

#endif
