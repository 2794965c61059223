/* SPDX-License-Identifier: Apache-2.0 */
/* The input, cut at its NUL bytes, is a command line (without the program's name). */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/config/config.h"
#include "tests/fuzz/check.h"

#define MAX_WORDS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_backing(const struct config_backing *b, uint64_t size)
{
	CHECK(!b->hugepage_size || (b->hugepages && size % b->hugepage_size == 0));
	CHECK(!b->mergeable || (!b->shared && !b->hugepages));
}

static void check_memory(const struct config *c)
{
	uint64_t sum = 0;

	CHECK(c->memory.size >= 64 * MIB && c->memory.size % (2 * MIB) == 0);
	check_backing(&c->memory.backing, c->memory.size);
	CHECK(c->nr_zones <= CONFIG_MAX_ZONES);
	for (unsigned i = 0; i < c->nr_zones; i++) {
		const struct config_zone *zone = &c->zone[i];

		CHECK(*zone->id && zone->size && zone->size % (2 * MIB) == 0);
		CHECK(zone->host_node >= -1 && !(zone->file && zone->backing.hugepages));
		check_backing(&zone->backing, zone->size);
		sum += zone->size;
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(zone->id, c->zone[j].id) != 0);
	}
	CHECK(!c->nr_zones || sum == c->memory.size);
}

/* Each vCPU and each zone is in one node; no node is empty; distances are given both ways. */
static void check_nodes(const struct config *c)
{
	unsigned nr_vcpus = 0;
	uint32_t zones = 0;
	cpu_set_t vcpus;

	CPU_ZERO(&vcpus);
	CHECK(c->nr_nodes <= CONFIG_MAX_NODES);
	for (unsigned i = 0; i < c->nr_nodes; i++) {
		const struct config_node *node = &c->node[i];

		CHECK(node->id == i && (node->zones || CPU_COUNT(&node->vcpus)));
		CHECK(!(zones & node->zones));
		zones |= node->zones;
		CPU_OR(&vcpus, &vcpus, &node->vcpus);
		nr_vcpus += (unsigned)CPU_COUNT(&node->vcpus);
		for (unsigned j = 0; j < c->nr_nodes; j++) {
			CHECK(!node->distance[j] || (node->distance[j] >= CONFIG_LOCAL_DISTANCE &&
						     node->distance[j] <= CONFIG_MAX_DISTANCE));
			CHECK(!node->distance[j] == !c->node[j].distance[i]);
			CHECK((node->distance[j] == CONFIG_LOCAL_DISTANCE) == (i == j));
		}
	}
	if (!c->nr_nodes)
		return;
	CHECK(zones == (1U << c->nr_zones) - 1 && nr_vcpus == c->cpus.boot);
	for (unsigned v = 0; v < c->cpus.boot; v++)
		CHECK(CPU_ISSET(v, &vcpus));
}

static void check_affinities(const struct schema_affinities *all, unsigned boot)
{
	for (unsigned i = 0; i < all->nr; i++) {
		CHECK(all->list[i].index < boot && CPU_COUNT(&all->list[i].cpus));
		for (unsigned j = 0; j < i; j++)
			CHECK(all->list[i].index != all->list[j].index);
	}
}

static void check_good(const struct config *c)
{
	const struct config_topology *t = &c->cpus.topology;

	CHECK(c->cmdline);
	if (c->action != CONFIG_RUN)
		return;
	CHECK(c->kernel && *c->kernel);
	CHECK(c->cpus.boot >= 1 && c->cpus.boot <= CONFIG_MAX_CPUS);
	if (t->packages)
		CHECK((uint64_t)t->threads_per_core * t->cores_per_die * t->dies_per_package *
			      t->packages ==
		      c->cpus.boot);
	check_affinities(&c->cpus.affinity, c->cpus.boot);
	check_affinities(&c->rings, c->cpus.boot);
	check_memory(c);
	check_nodes(c);
	CHECK(c->numa <= CONFIG_NUMA_STRICT && c->rings.word <= CONFIG_RINGS_SIBLING);
	CHECK(c->serial.mode <= LINE_SOCKET);
	CHECK((c->serial.mode == LINE_FILE || c->serial.mode == LINE_SOCKET) ==
	      (c->serial.path != NULL));
	CHECK(c->console.mode <= LINE_SOCKET);
	CHECK((c->console.mode == LINE_FILE || c->console.mode == LINE_SOCKET) ==
	      (c->console.path != NULL));
	CHECK(c->console.mode != LINE_TTY || c->serial.mode != LINE_TTY);
	CHECK(c->nr_devices <= CONFIG_MAX_DEVICES);
	for (unsigned i = 0; i < c->nr_devices; i++) {
		CHECK(*c->device[i].path && *c->device[i].id);
		for (unsigned j = 0; j < i; j++)
			CHECK(strcmp(c->device[i].id, c->device[j].id) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[MAX_WORDS + 1] = { strdup("torc") };
	struct error err = { 0 };
	struct config config;
	int argc = 1;

	/* Each word in a block of its own, so that a sanitizer sees a read past its end. */
	while (size && argc < MAX_WORDS) {
		size_t len = strnlen((const char *)data, size);

		argv[argc++] = strndup((const char *)data, len);
		data += len;
		size -= len;
		if (size) {
			data++;
			size--;
		}
	}
	if (!config_parse(&config, argc, argv, &err)) {
		check_good(&config);
		config_destroy(&config);
	} else {
		CHECK(err.code == -EINVAL && err.usage);
		CHECK(*err.object && *err.reason && *err.remedy);
	}
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return 0;
}
