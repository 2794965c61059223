/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/bits.h"
#include "numa/placement_internal.h"

/* Pages of one size on one node, or on several together. */
static struct topology_pool pool_of(const struct topology_node *node, uint64_t page_size)
{
	const struct topology_pool *pool = topology_pool(node, page_size);

	return pool ? *pool : (struct topology_pool){ .page_size = page_size };
}

/* A page is free to us only where this process may have memory. */
static struct topology_pool pool_of_all(const struct topology *topology, uint64_t page_size)
{
	struct topology_pool sum = { .page_size = page_size };

	for (unsigned i = 0; i < topology->nr_nodes; i++) {
		const struct topology_node *node = &topology->node[i];
		struct topology_pool pool = pool_of(node, page_size);

		sum.total += pool.total;
		sum.free += node->is_allowed ? pool.free : 0;
	}
	return sum;
}

static bool is_known(const struct topology *topology, uint64_t page_size)
{
	for (unsigned i = 0; i < topology->nr_nodes; i++) {
		if (topology_pool(&topology->node[i], page_size))
			return true;
	}
	return false;
}

/* The smallest size that is larger; nodes may differ in what they have. UINT64_MAX: none. */
static uint64_t next_size(const struct topology *topology, uint64_t size)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < topology->nr_nodes; i++) {
		const struct topology_node *node = &topology->node[i];

		for (unsigned j = 0; j < node->nr_pools; j++) {
			if (node->pool[j].page_size > size && node->pool[j].page_size < next)
				next = node->pool[j].page_size;
		}
	}
	return next;
}

static int refuse_page_size(const struct placement_work *work, uint64_t page_size, uint32_t zones,
			    struct error *err)
{
	char name[PLACEMENT_NAME_SIZE], unit[PLACEMENT_UNIT_SIZE], sizes[256] = "";

	placement_name_zones(work->request, zones, name);
	placement_format_size(page_size, unit);
	error_set(err, -EINVAL, "%s", name);
	error_reason(err, "the host has no pages of %s", unit);
	for (uint64_t size = 0; (size = next_size(work->topology, size)) != UINT64_MAX;) {
		size_t used = strlen(sizes);

		placement_format_size(size, unit);
		snprintf(sizes + used, sizeof(sizes) - used, "%s%s", used ? ", " : "", unit);
	}
	if (!*sizes)
		return error_remedy(err, "do without huge pages: the host's kernel has none");
	return error_remedy(err, "choose from %s", sizes);
}

/*
 * Of a host's command line, which replaces the one there is: with the pages that other nodes have, and on @node @count.
 * A host that has run for a while hardly ever has as much free memory in one piece.
 */
static void format_boot(const struct topology *topology, const struct topology_node *node,
			uint64_t page_size, uint64_t count, char *text, size_t room)
{
	uint64_t gib = page_size / GIB;
	size_t used = (size_t)snprintf(text, room,
				       "\nor, if there are too few then, boot the host with: "
				       "hugepagesz=%" PRIu64 "G hugepages=",
				       gib);
	const char *before = "";

	if (!node || topology->nr_nodes == 1) {
		snprintf(text + used, room - used, "%" PRIu64, count);
		return;
	}
	for (unsigned i = 0; i < topology->nr_nodes && used < room; i++) {
		const struct topology_node *other = &topology->node[i];
		uint64_t n = other == node ? count : pool_of(other, page_size).total;

		if (!n)
			continue;
		used += (size_t)snprintf(text + used, room - used, "%s%u:%" PRIu64, before,
					 other->id, n);
		before = ",";
	}
}

/* How to have @count pages of this size on @node, or without one wherever the kernel finds them. */
static int explain_reserve(const struct topology *topology, const struct topology_node *node,
			   uint64_t page_size, uint64_t count, struct error *err)
{
	char dir[64] = "/sys/kernel/mm", boot[512] = "";
	uint64_t kib = page_size / KIB;

	/* A kernel without NUMA has no node directory, and with one node it makes no difference. */
	if (node && topology->nr_nodes > 1)
		snprintf(dir, sizeof(dir), "/sys/devices/system/node/node%u", node->id);
	if (page_size >= GIB)
		format_boot(topology, node, page_size, count, boot, sizeof(boot));
	return error_remedy(err,
			    "echo %" PRIu64 " > %s/hugepages/hugepages-%" PRIu64
			    "kB/nr_hugepages%s",
			    count, dir, kib, boot);
}

/* " (node 0: 3 of 4)": what nodes other than @node have free, where this process may have memory. */
static void list_nodes(const struct topology *topology, const struct topology_node *node,
		       uint64_t page_size, char *text, size_t room)
{
	size_t used = 0;

	*text = '\0';
	for (unsigned i = 0; i < topology->nr_nodes && used < room; i++) {
		const struct topology_node *other = &topology->node[i];
		struct topology_pool pool = pool_of(other, page_size);

		if (other != node && placement_has_memory(topology, other))
			used += (size_t)snprintf(text + used, room - used,
						 "%snode %u: %" PRIu64 " of %" PRIu64,
						 used ? ", " : " (", other->id, pool.free,
						 pool.total);
	}
	if (used && used < room)
		snprintf(text + used, room - used, ")");
}

/* @node: NULL for all together. */
static int refuse_count(const struct placement_work *work, const struct topology_node *node,
			uint64_t need, uint32_t zones, const struct topology_pool *pool,
			struct error *err)
{
	char name[PLACEMENT_NAME_SIZE], unit[PLACEMENT_UNIT_SIZE], nodes[256];
	char where[32] = "all nodes together";

	if (work->topology->nr_nodes == 1)
		node = &work->topology->node[0];
	if (node)
		snprintf(where, sizeof(where), "node %u", node->id);
	placement_name_zones(work->request, zones, name);
	placement_format_size(pool->page_size, unit);
	list_nodes(work->topology, node, pool->page_size, nodes, sizeof(nodes));
	error_set(err, -ENOMEM, "%s", name);
	return error_reason(
		err, "%" PRIu64 " page%s of %s needed on %s, %" PRIu64 " of %" PRIu64 " are free%s",
		need, need == 1 ? "" : "s", unit, where, pool->free, pool->total, nodes);
}

/* What has to come from a node is there. */
static int check_strict(const struct placement_work *work, uint64_t page_size, struct error *err)
{
	for (unsigned i = 0; i < work->topology->nr_nodes; i++) {
		const struct topology_node *node = &work->topology->node[i];
		struct placement_demand demand = placement_demand(work, node, page_size);
		struct topology_pool pool = pool_of(node, page_size);

		if (demand.strict <= pool.free)
			continue;
		refuse_count(work, node, demand.strict, demand.strict_zones, &pool, err);
		return explain_reserve(work->topology, node, page_size,
				       pool.total + demand.strict - pool.free, err);
	}
	return 0;
}

/* What may come from elsewhere is anywhere: on the nodes that this process may use. */
static int check_total(const struct placement_work *work, uint64_t page_size, struct error *err)
{
	struct placement_demand demand = placement_demand(work, NULL, page_size);
	struct topology_pool pool = pool_of_all(work->topology, page_size);
	const struct topology_node *home = work->home;

	if (demand.total <= pool.free)
		return 0;
	refuse_count(work, NULL, demand.total, demand.zones, &pool, err);
	/* What is strict fits: it is the home node's zones that do not. */
	if (home) {
		demand = placement_demand(work, home, page_size);
		pool = pool_of(home, page_size);
	}
	return explain_reserve(work->topology, home, page_size,
			       pool.total + demand.total - pool.free, err);
}

static void note_elsewhere(const struct placement_work *work, uint64_t page_size)
{
	for (unsigned i = 0; i < work->topology->nr_nodes; i++) {
		const struct topology_node *node = &work->topology->node[i];
		struct placement_demand demand = placement_demand(work, node, page_size);
		struct topology_pool pool = pool_of(node, page_size);
		char name[PLACEMENT_NAME_SIZE], unit[PLACEMENT_UNIT_SIZE];

		if (demand.total <= pool.free)
			continue;
		placement_name_zones(work->request, demand.zones & ~demand.strict_zones, name);
		placement_format_size(page_size, unit);
		fprintf(work->notes,
			"%s: %" PRIu64 " of %" PRIu64 " pages of %s are taken from other nodes, "
			"node %u has %" PRIu64 " free\n",
			name, demand.total - pool.free, demand.total - demand.strict, unit,
			node->id, pool.free);
	}
}

static int check_page_size(const struct placement_work *work, uint64_t page_size, struct error *err)
{
	struct placement_demand demand = placement_demand(work, NULL, page_size);
	int r;

	if (!is_known(work->topology, page_size))
		return refuse_page_size(work, page_size, demand.zones, err);
	r = check_strict(work, page_size, err);
	if (!r)
		r = check_total(work, page_size, err);
	if (!r)
		note_elsewhere(work, page_size);
	return r;
}

int placement_check_pools(struct placement_work *work, struct error *err)
{
	const struct placement_request *request = work->request;
	int r = 0;

	for (unsigned i = 0; !r && i < request->nr_zones; i++) {
		uint64_t size = request->zone[i].page_size;
		unsigned first = 0;

		/* Each size once, with its first zone. */
		while (request->zone[first].page_size != size)
			first++;
		if (size && first == i)
			r = check_page_size(work, size, err);
	}
	return r;
}
