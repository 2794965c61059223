/* SPDX-License-Identifier: Apache-2.0 */
/* Read when all zones and the number of vCPUs are known; how the nodes fit together, when all nodes are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vmm/config_option.h"
#include "core/vmm/config_value.h"

enum {
	NUMA_ID,
	NUMA_CPUS,
	NUMA_DISTANCES,
	NUMA_ZONES
};

static const struct config_key_set numa_keys = {
	.key = {
		[NUMA_ID] = CONFIG_KEY("guest_numa_id"),
		[NUMA_CPUS] = CONFIG_KEY("cpus"),
		[NUMA_DISTANCES] = CONFIG_KEY("distances"),
		[NUMA_ZONES] = CONFIG_KEY("memory_zones"),
		CONFIG_FOREIGN("device_id", "devices as generic initiators", NULL),
		CONFIG_FOREIGN("pci_segments", CONFIG_NEEDS_SEGMENTS, "[0]"),
	},
};

static int read_id(const struct config *config, const struct config_pairs *pairs,
		   struct config_node *node, struct error *err)
{
	int r;

	if (!pairs->value[NUMA_ID]) {
		error_set(err, -EINVAL, "key guest_numa_id");
		error_reason(err, "missing");
		return error_remedy(err, "number the nodes: guest_numa_id=%u", config->nr_nodes);
	}
	r = config_pairs_unsigned(pairs, NUMA_ID, 0, CONFIG_MAX_NODES - 1, &node->id, err);
	for (unsigned i = 0; i < config->nr_nodes && !r; i++) {
		if (config->node[i].id != node->id)
			continue;
		config_pairs_refuse(pairs, NUMA_ID, err, "%u is given twice", node->id);
		r = error_remedy(err, "number the nodes 0, 1, 2 and so on");
	}
	return r;
}

static int read_vcpus(const struct config *config, const struct config_pairs *pairs,
		      struct config_node *node, struct error *err)
{
	int r = config_pairs_cpus(pairs, NUMA_CPUS, &node->vcpus, err);

	for (unsigned v = 0; v < CPU_SETSIZE && !r; v++) {
		if (!CPU_ISSET(v, &node->vcpus))
			continue;
		if (v >= config->cpus.boot) {
			config_pairs_refuse(pairs, NUMA_CPUS, err,
					    "%u is not there: the last vCPU is %u", v,
					    config->cpus.boot - 1);
			return error_remedy(err, "leave it out, or write --cpus boot=%u", v + 1);
		}
		for (unsigned i = 0; i < config->nr_nodes; i++) {
			if (!CPU_ISSET(v, &config->node[i].vcpus))
				continue;
			config_pairs_refuse(pairs, NUMA_CPUS, err, "vCPU %u is in node %u already",
					    v, config->node[i].id);
			return error_remedy(err, "put each vCPU into one node");
		}
	}
	return r;
}

static int refuse_zone(const struct config *config, const struct config_pairs *pairs,
		       const char *name, size_t len, struct error *err)
{
	const char *ids[CONFIG_MAX_ZONES], *nearest;
	char word[64];

	for (unsigned i = 0; i < config->nr_zones; i++)
		ids[i] = config->zone[i].id;
	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	config_pairs_refuse(pairs, NUMA_ZONES, err, "there is no zone \"%s\"", word);
	nearest = error_nearest(word, ids, config->nr_zones);
	if (nearest)
		return error_remedy(err, "did you mean %s?", nearest);
	return error_remedy(err, "name zones that --memory-zone makes, as in [%s]", ids[0]);
}

static int add_zone(const struct config *config, const struct config_pairs *pairs, const char *name,
		    size_t len, struct config_node *node, struct error *err)
{
	const struct config_node *owner = NULL;
	unsigned zone = 0;

	while (zone < config->nr_zones && (strlen(config->zone[zone].id) != len ||
					   memcmp(config->zone[zone].id, name, len) != 0))
		zone++;
	if (zone == config->nr_zones)
		return refuse_zone(config, pairs, name, len, err);
	if (node->zones >> zone & 1)
		owner = node;
	for (unsigned i = 0; i < config->nr_nodes; i++) {
		if (config->node[i].zones >> zone & 1)
			owner = &config->node[i];
	}
	if (owner) {
		config_pairs_refuse(pairs, NUMA_ZONES, err, "zone %s is in node %u already",
				    config->zone[zone].id, owner->id);
		return error_remedy(err, "put each zone into one node, once");
	}
	node->zones |= 1U << zone;
	return 0;
}

/* "[a,b]", or "a" */
static int read_zones(const struct config *config, const struct config_pairs *pairs,
		      struct config_node *node, struct error *err)
{
	const char *p = pairs->value[NUMA_ZONES], *end;
	int r = 0;

	if (!p)
		return 0;
	end = p + strlen(p);
	if (*p == '[' && end[-1] == ']') {
		p++;
		end--;
	}
	if (p == end) {
		config_pairs_refuse(pairs, NUMA_ZONES, err, "an empty list");
		return error_remedy(err, "leave it out for a node without memory");
	}
	while (p <= end && !r) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t len = (size_t)((comma ? comma : end) - p);

		r = add_zone(config, pairs, p, len, node, err);
		p += len + 1;
	}
	return r;
}

static int read_distances(const struct config_pairs *pairs, struct config_node *node,
			  struct error *err)
{
	int r = config_pairs_distances(pairs, NUMA_DISTANCES, node->distance, err);

	for (unsigned i = 0; i < CONFIG_MAX_NODES && !r; i++) {
		unsigned d = node->distance[i];

		if (!d || (d == CONFIG_LOCAL_DISTANCE) == (i == node->id))
			continue;
		config_pairs_refuse(pairs, NUMA_DISTANCES, err, "%u from node %u to node %u", d,
				    node->id, i);
		r = error_remedy(err, "%u is the distance of a node to itself, and of nothing else",
				 CONFIG_LOCAL_DISTANCE);
	}
	return r;
}

static int read_node(const struct config *config, const struct config_pairs *pairs,
		     struct config_node *node, struct error *err)
{
	int r = read_id(config, pairs, node, err);

	if (!r)
		r = read_vcpus(config, pairs, node, err);
	if (!r)
		r = read_zones(config, pairs, node, err);
	if (!r)
		r = read_distances(pairs, node, err);
	if (r || node->zones || CPU_COUNT(&node->vcpus))
		return r;
	error_set(err, -EINVAL, "node %u", node->id);
	error_reason(err, "it has neither vCPUs nor memory");
	return error_remedy(err, "add cpus= or memory_zones=");
}

/* Keeps them in the order of their ids. */
static void insert_node(struct config *config, const struct config_node *node)
{
	unsigned at = config->nr_nodes++;

	for (; at && config->node[at - 1].id > node->id; at--)
		config->node[at] = config->node[at - 1];
	config->node[at] = *node;
}

int config_set_numa(struct config *config, const char *value, struct error *err)
{
	struct config_node node = { 0 };
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &numa_keys, err);

	if (r)
		return r;
	if (config->nr_zones) {
		r = read_node(config, &pairs, &node, err);
	} else {
		r = error_set(err, -EINVAL, "value %s", value);
		error_reason(err, "there is no --memory-zone that nodes could be made of");
		error_remedy(err, "write, for one node: --memory-zone id=mem0,size=512M --numa "
				  "guest_numa_id=0,cpus=[0],memory_zones=[mem0]");
	}
	config_pairs_destroy(&pairs);
	if (!r)
		insert_node(config, &node);
	return r;
}

static int check_numbers(const struct config *config, struct error *err)
{
	unsigned i = 0;

	while (i < config->nr_nodes && config->node[i].id == i)
		i++;
	if (i == config->nr_nodes)
		return 0;
	error_set(err, -EINVAL, "option --numa: key guest_numa_id");
	error_reason(err, "there is a node %u, but no node %u", config->node[i].id, i);
	return error_remedy(err, "the guest's nodes are numbered 0, 1, 2 and so on, without holes");
}

/* In two is none: that was refused before. */
static int check_members(const struct config *config, struct error *err)
{
	uint32_t zones = 0;
	cpu_set_t vcpus;

	CPU_ZERO(&vcpus);
	for (unsigned i = 0; i < config->nr_nodes; i++) {
		CPU_OR(&vcpus, &vcpus, &config->node[i].vcpus);
		zones |= config->node[i].zones;
	}
	for (unsigned v = 0; v < config->cpus.boot; v++) {
		if (CPU_ISSET(v, &vcpus))
			continue;
		error_set(err, -EINVAL, "option --numa: vCPU %u", v);
		error_reason(err, "it is in no node");
		return error_remedy(err, "add it to the cpus= of a node");
	}
	for (unsigned z = 0; z < config->nr_zones; z++) {
		if (zones >> z & 1)
			continue;
		error_set(err, -EINVAL, "option --numa: zone %s", config->zone[z].id);
		error_reason(err, "it is in no node");
		return error_remedy(err, "add it to the memory_zones= of a node");
	}
	return 0;
}

static int check_distances(const struct config *config, struct error *err)
{
	for (unsigned i = 0; i < config->nr_nodes; i++) {
		for (unsigned j = config->nr_nodes; j < CONFIG_MAX_NODES; j++) {
			if (!config->node[i].distance[j])
				continue;
			error_set(err, -EINVAL, "option --numa: node %u: key distances", i);
			error_reason(err, "there is no node %u", j);
			if (config->nr_nodes == 1)
				return error_remedy(err, "leave it out: node 0 is the only one");
			return error_remedy(err, "name nodes from 0 to %u", config->nr_nodes - 1);
		}
	}
	return 0;
}

/* What is given one way only holds both ways. */
static void complete_distances(struct config *config)
{
	for (unsigned i = 0; i < config->nr_nodes; i++) {
		config->node[i].distance[i] = CONFIG_LOCAL_DISTANCE;
		for (unsigned j = 0; j < i; j++) {
			unsigned *to = &config->node[i].distance[j];
			unsigned *from = &config->node[j].distance[i];

			if (!*to)
				*to = *from;
			if (!*from)
				*from = *to;
		}
	}
}

int config_finish_numa(struct config *config, struct error *err)
{
	int r;

	if (!config->nr_nodes)
		return 0;
	r = check_numbers(config, err);
	if (!r)
		r = check_members(config, err);
	if (!r)
		r = check_distances(config, err);
	if (!r)
		complete_distances(config);
	return r;
}
