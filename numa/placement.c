/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/placement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "numa/affinity.h"
#include "numa/placement_internal.h"

const struct topology_node *
placement_nearest(const struct topology *topology, const struct topology_node *from,
		  bool (*suits)(const struct topology *topology, const struct topology_node *node))
{
	const struct topology_node *nearest = suits(topology, from) ? from : NULL;

	for (unsigned i = 0; nearest != from && i < topology->nr_nodes; i++) {
		const struct topology_node *node = &topology->node[i];

		if (suits(topology, node) &&
		    (!nearest || from->distance[i] < from->distance[nearest - topology->node]))
			nearest = node;
	}
	return nearest;
}

bool placement_has_memory(const struct topology *topology, const struct topology_node *node)
{
	return node->is_allowed && node->memory;
}

cpu_set_t placement_node_cpus(const struct topology *topology, const struct topology_node *node)
{
	cpu_set_t cpus;

	CPU_AND(&cpus, &node->cpus, &topology->allowed);
	return cpus;
}

cpu_set_t placement_untaken_cpus(const struct placement_work *work,
				 const struct topology_node *node)
{
	cpu_set_t cpus = placement_node_cpus(work->topology, node);

	return placement_without(&cpus, &work->request->taken);
}

bool placement_has_cpus(const struct topology *topology, const struct topology_node *node)
{
	cpu_set_t cpus = placement_node_cpus(topology, node);

	return CPU_COUNT(&cpus) > 0;
}

cpu_set_t placement_without(const cpu_set_t *cpus, const cpu_set_t *others)
{
	cpu_set_t both, rest;

	CPU_AND(&both, cpus, others);
	CPU_XOR(&rest, cpus, &both);
	return rest;
}

void placement_format_nodes(const struct topology *topology,
			    bool (*suits)(const struct topology *topology,
					  const struct topology_node *node),
			    char *text)
{
	cpu_set_t ids;

	CPU_ZERO(&ids);
	for (unsigned i = 0; i < topology->nr_nodes; i++) {
		if (!suits || suits(topology, &topology->node[i]))
			CPU_SET(topology->node[i].id, &ids);
	}
	snprintf(text, PLACEMENT_LIST_SIZE, "node%s ", CPU_COUNT(&ids) == 1 ? "" : "s");
	affinity_format(&ids, text + strlen(text), PLACEMENT_LIST_SIZE - strlen(text));
}

void placement_format_size(uint64_t size, char *text)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB" };
	unsigned i = 0;

	for (size /= KIB; i + 1 < ARRAY_SIZE(unit) && size % 1024 == 0; i++)
		size /= 1024;
	snprintf(text, PLACEMENT_UNIT_SIZE, "%llu %s", (unsigned long long)size, unit[i]);
}

void placement_name_zones(const struct placement_request *request, uint32_t zones, char *text)
{
	const char *before = is_pow2(zones) ? "zone " : "zones ";
	size_t used = 0;

	for (unsigned i = 0; i < request->nr_zones && used < PLACEMENT_NAME_SIZE; i++) {
		const char *id = request->zone[i].id;

		if (!(zones & 1U << i))
			continue;
		used += (size_t)snprintf(text + used, PLACEMENT_NAME_SIZE - used, "%s%s",
					 id ? before : "", id ? id : "memory");
		before = ", ";
	}
}

/* The memory in one piece as a zone, with all that is known of it. */
static void format_zone(const struct placement_zone *zone, unsigned node, char *text)
{
	uint64_t mib = zone->size / MIB, page_kib = zone->page_size / KIB;
	char pages[64] = "";

	if (page_kib)
		snprintf(pages, sizeof(pages), ",hugepages=on,hugepage_size=%" PRIu64 "K",
			 page_kib);
	snprintf(text, PLACEMENT_OPTION_SIZE,
		 "--memory-zone id=mem0,size=%" PRIu64 "M,host_numa_node=%u%s instead of --memory",
		 mib, node, pages);
}

void placement_suggest_node(const struct placement_request *request, unsigned node, char *text)
{
	char name[PLACEMENT_NAME_SIZE];
	uint32_t open = 0;

	for (unsigned i = 0; i < request->nr_zones; i++)
		open |= (uint32_t)(request->zone[i].node < 0) << i;
	if (!request->zone[0].id) {
		format_zone(&request->zone[0], node, text);
		return;
	}
	placement_name_zones(request, open, name);
	snprintf(text, PLACEMENT_OPTION_SIZE, "host_numa_node=%u in the --memory-zone of %s", node,
		 name);
}

static int decide(struct placement_work *work, struct error *err)
{
	int r = placement_find_home(work, err);

	if (!r)
		r = placement_place_memory(work, err);
	if (!r)
		r = placement_check_pools(work, err);
	if (r)
		return r;
	placement_place_guest_nodes(work);
	r = placement_place_vcpus(work, err);
	return r ? r : placement_place_threads(work, err);
}

int placement_make(const struct topology *topology, const struct placement_request *request,
		   struct placement_plan *plan, struct error *err)
{
	/* Too large for the stack of one of torc's threads. */
	struct placement_work *work = calloc(1, sizeof(*work));
	char *notes = NULL;
	size_t size;
	int r = -ENOMEM;

	if (!work)
		return error_set(err, r, "NUMA placement");
	work->topology = topology;
	work->request = request;
	work->notes = open_memstream(&notes, &size);
	if (!work->notes) {
		error_set(err, r, "NUMA placement");
		goto free_work;
	}
	r = decide(work, err);
	if (fclose(work->notes) && !r)
		r = error_set(err, -ENOMEM, "NUMA placement");
	if (!r)
		r = placement_write_text(work, notes, err);
	if (!r)
		*plan = work->plan;
	free(notes);
free_work:
	free(work);
	return r;
}

void placement_destroy(struct placement_plan *plan)
{
	free(plan->text);
	plan->text = NULL;
}
