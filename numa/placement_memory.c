/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/bits.h"
#include "numa/placement_internal.h"

/* The user named a node: it has to be one that can be had. */
static int check_node(const struct placement_work *work, unsigned zone, struct error *err)
{
	const struct topology *topology = work->topology;
	int id = work->request->zone[zone].node;
	const struct topology_node *node = topology_find(topology, id);
	char name[PLACEMENT_NAME_SIZE], nodes[PLACEMENT_LIST_SIZE];

	if (node && placement_has_memory(topology, node))
		return 0;
	placement_name_zones(work->request, 1U << zone, name);
	if (!node) {
		placement_format_nodes(topology, NULL, nodes);
		error_set(err, -ENODEV, "%s", name);
		error_reason(err, "node %d is not online: the host has %s", id, nodes);
	} else if (!node->memory) {
		error_set(err, -ENOMEM, "%s", name);
		error_reason(err, "node %d has no memory", id);
	} else {
		error_set(err, -EPERM, "%s", name);
		error_reason(err, "this process may not use the memory of node %d (cpuset.mems)",
			     id);
	}
	placement_format_nodes(topology, placement_has_memory, nodes);
	return error_remedy(err, "choose host_numa_node= from %s", nodes);
}

static int place_zone(struct placement_work *work, unsigned i, struct error *err)
{
	struct placement_memory *memory = &work->plan.zone[i];
	int node = work->request->zone[i].node;

	if (node >= 0) {
		*memory = (struct placement_memory){ .node = node, .is_strict = true };
		return check_node(work, i, err);
	}
	memory->node = work->home ? (int)work->home->id : -1;
	memory->is_strict = work->home && work->request->policy == PLACEMENT_STRICT;
	return 0;
}

struct placement_demand placement_demand(const struct placement_work *work,
					 const struct topology_node *node, uint64_t page_size)
{
	struct placement_demand demand = { 0 };

	for (unsigned i = 0; i < work->request->nr_zones; i++) {
		const struct placement_zone *zone = &work->request->zone[i];
		const struct placement_memory *memory = &work->plan.zone[i];
		uint64_t count = zone->size;

		if (zone->is_uncounted || zone->page_size != page_size ||
		    (node && memory->node != (int)node->id))
			continue;
		if (page_size)
			count = count / page_size + (count % page_size != 0);
		demand.total += count;
		demand.zones |= 1U << i;
		if (memory->is_strict) {
			demand.strict += count;
			demand.strict_zones |= 1U << i;
		}
	}
	return demand;
}

static uint64_t mib_down(uint64_t size)
{
	return size / MIB;
}

static uint64_t mib_up(uint64_t size)
{
	return size / MIB + (size % MIB != 0);
}

/* " (node 0: 8192 MiB, node 2: 512 MiB)": the other nodes with memory. */
static void list_others(const struct topology *topology, const struct topology_node *node,
			char *text, size_t room)
{
	size_t used = 0;

	*text = '\0';
	for (unsigned i = 0; i < topology->nr_nodes && used < room; i++) {
		const struct topology_node *other = &topology->node[i];

		if (other != node && placement_has_memory(topology, other))
			used += (size_t)snprintf(text + used, room - used,
						 "%snode %u: %" PRIu64 " MiB", used ? ", " : " (",
						 other->id, mib_down(other->available));
	}
	if (used && used < room)
		snprintf(text + used, room - used, ")");
}

static int refuse_size(const struct placement_work *work, const struct topology_node *node,
		       const struct placement_demand *demand, struct error *err)
{
	char name[PLACEMENT_NAME_SIZE], others[256];

	list_others(work->topology, node, others, sizeof(others));
	placement_name_zones(work->request, demand->strict_zones, name);
	error_set(err, -ENOMEM, "%s", name);
	error_reason(err,
		     "%" PRIu64 " MiB needed on node %u, page tables included, %" PRIu64
		     " MiB are free%s",
		     mib_up(placement_with_tables(demand->strict)), node->id,
		     mib_down(node->available), others);
	if (!work->request->zone[0].id)
		return error_remedy(err, "lower --memory size=, free memory on the node, or let "
					 "some be elsewhere: --platform numa=auto");
	return error_remedy(err,
			    "lower size= in the --memory-zone of %s, free memory on the node, or "
			    "choose another host_numa_node=",
			    name);
}

/* Ordinary memory of one node. */
static int check_size(struct placement_work *work, const struct topology_node *node,
		      struct error *err)
{
	struct placement_demand demand = placement_demand(work, node, 0);
	char name[PLACEMENT_NAME_SIZE];

	uint64_t total = placement_with_tables(demand.total);
	uint64_t open = demand.total - demand.strict;

	if (placement_with_tables(demand.strict) > node->available)
		return refuse_size(work, node, &demand, err);
	if (total > node->available) {
		uint64_t over = total - node->available;

		placement_name_zones(work->request, demand.zones & ~demand.strict_zones, name);
		fprintf(work->notes,
			"%s: %" PRIu64 " of %" PRIu64 " MiB do not fit on node %u and go to the "
			"nearest nodes with room\n",
			name, mib_up(over < open ? over : open), mib_up(open), node->id);
	}
	return 0;
}

int placement_place_memory(struct placement_work *work, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < work->request->nr_zones; i++)
		r = place_zone(work, i, err);
	for (unsigned i = 0; !r && i < work->topology->nr_nodes; i++)
		r = check_size(work, &work->topology->node[i], err);
	return r;
}
