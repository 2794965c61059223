/* SPDX-License-Identifier: Apache-2.0 */
/* Read when all zones and the number of vCPUs are known; how the nodes fit together, when all nodes are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/config/option.h"
#include "core/schema/foreign.h"

static int check_id(const struct config *config, const struct schema_values *values,
		    const struct config_node *node, struct error *err)
{
	if (!schema_given(values, "guest_numa_id")) {
		schema_refuse("guest_numa_id", err, "missing");
		return error_remedy(err, "number the nodes: guest_numa_id=%u", config->nr_nodes);
	}
	for (unsigned i = 0; i < config->nr_nodes; i++) {
		if (config->node[i].id != node->id)
			continue;
		schema_refuse("guest_numa_id", err, "%u is given twice", node->id);
		return error_remedy(err, "number the nodes 0, 1, 2 and so on");
	}
	return 0;
}

static int check_vcpus(const struct config *config, const struct schema_values *values,
		       const struct config_node *node, struct error *err)
{
	for (unsigned v = 0; v < CPU_SETSIZE; v++) {
		if (!CPU_ISSET(v, &node->vcpus))
			continue;
		if (v >= config->cpus.boot) {
			schema_refuse("cpus", err, "%u is not there: the last vCPU is %u", v,
				      config->cpus.boot - 1);
			return error_remedy(err,
					    config->is_json
						    ? "leave it out, or give the guest %u vCPUs"
						    : "leave it out, or write --cpus boot=%u",
					    v + 1);
		}
		for (unsigned i = 0; i < config->nr_nodes; i++) {
			if (!CPU_ISSET(v, &config->node[i].vcpus))
				continue;
			schema_refuse("cpus", err, "vCPU %u is in node %u already", v,
				      config->node[i].id);
			return error_remedy(err, "put each vCPU into one node");
		}
	}
	return 0;
}

static int refuse_zone(const struct config *config, const struct schema_values *values,
		       const char *name, struct error *err)
{
	const char *ids[CONFIG_MAX_ZONES], *nearest;

	for (unsigned i = 0; i < config->nr_zones; i++)
		ids[i] = config->zone[i].id;
	schema_refuse("memory_zones", err, "there is no zone \"%.63s\"", name);
	nearest = error_nearest(name, ids, config->nr_zones);
	if (nearest)
		return error_remedy(err, "did you mean %s?", nearest);
	return error_remedy(err, "name zones that --memory-zone makes, as in [%s]", ids[0]);
}

static int add_zone(const struct config *config, const struct schema_values *values,
		    const char *name, struct config_node *node, struct error *err)
{
	const struct config_node *owner = NULL;
	unsigned zone = 0;

	while (zone < config->nr_zones && strcmp(config->zone[zone].id, name) != 0)
		zone++;
	if (zone == config->nr_zones)
		return refuse_zone(config, values, name, err);
	if (node->zones >> zone & 1)
		owner = node;
	for (unsigned i = 0; i < config->nr_nodes; i++) {
		if (config->node[i].zones >> zone & 1)
			owner = &config->node[i];
	}
	if (owner) {
		schema_refuse("memory_zones", err, "zone %s is in node %u already",
			      config->zone[zone].id, owner->id);
		return error_remedy(err, "put each zone into one node, once");
	}
	node->zones |= 1U << zone;
	return 0;
}

static int check_distances_of(const struct schema_values *values, const struct config_node *node,
			      struct error *err)
{
	for (unsigned i = 0; i < CONFIG_MAX_NODES; i++) {
		unsigned d = node->distance[i];

		if (!d || (d == CONFIG_LOCAL_DISTANCE) == (i == node->id))
			continue;
		schema_refuse("distances", err, "%u from node %u to node %u", d, node->id, i);
		return error_remedy(err,
				    "%u is the distance of a node to itself, and of nothing else",
				    CONFIG_LOCAL_DISTANCE);
	}
	return 0;
}

/* What an option has to say of it is said where that is read. */
static int refuse_no_zones(const struct config *config, struct error *err)
{
	if (!config->is_json)
		return -ENOENT;
	error_set(err, -EINVAL, "memory");
	error_reason(err, "there are no zones that nodes could be made of");
	return error_remedy(err, "give memory zones, each with an id and a size");
}

static int check(const struct schema_values *values, void *out, const void *context,
		 struct error *err)
{
	const struct config *config = context;
	struct config_node *node = out;
	int r = config->nr_zones ? check_id(config, values, node, err)
				 : refuse_no_zones(config, err);

	if (!r)
		r = check_vcpus(config, values, node, err);
	for (unsigned i = 0; i < node->zone_ids.nr && !r; i++)
		r = add_zone(config, values, node->zone_ids.name[i], node, err);
	if (!r)
		r = check_distances_of(values, node, err);
	if (r || node->zones || CPU_COUNT(&node->vcpus))
		return r;
	error_set(err, -EINVAL, "node %u", node->id);
	error_reason(err, "it has neither vCPUs nor memory");
	return error_remedy(err, "add cpus= or memory_zones=");
}

/* clang-format off */
const struct schema config_numa_schema = {
	.check = check,
	.key = (const struct schema_key[]){
		{ "guest_numa_id", SCHEMA_UINT, SCHEMA_MEMBER(struct config_node, id), .max = CONFIG_MAX_NODES - 1,
		  .help = "Which node it is: 0, 1, 2 and so on, in any order, but without holes." },
		{ "cpus", SCHEMA_CPUS, .value = "[VCPU,VCPU-VCPU,...]", SCHEMA_MEMBER(struct config_node, vcpus),
		  .help = "The vCPUs of the node: `[0-3,5]`, or `0-3`." },
		{ "distances", SCHEMA_DISTANCES, SCHEMA_MEMBER(struct config_node, distance),
		  .min = CONFIG_LOCAL_DISTANCE, .max = CONFIG_MAX_DISTANCE,
		  .help = "How far it is to other nodes, from 11 to 254, or 255 for out of reach, where 10 is the distance of a node to "
		    "itself: `[1@20,2@30]` is 20 to node 1, 30 to node 2. What is given one way only holds both ways. What is "
		    "not given is as far as it is between the nodes of the host that their memory is on, or 20 when it is on "
		    "none." },
		{ "memory_zones", SCHEMA_NAMES, .value = "[ZONE,...]", SCHEMA_MEMBER(struct config_node, zone_ids),
		  .remedy = "leave it out for a node without memory",
		  .help = "Its memory, by the ids of zones: `[mem0,mem1]`, or `mem0`." },
		SCHEMA_FOREIGN("device_id", "devices as generic initiators", NULL),
		SCHEMA_FOREIGN("pci_segments", SCHEMA_NEEDS_SEGMENTS, "[0]"),
		{ .name = NULL },
	},
};
/* clang-format on */

int config_set_numa(struct config *config, const char *value, struct error *err)
{
	int r = config_set_row(config, "numa", value, err);

	if (r == -ENOENT) {
		r = error_set(err, -EINVAL, "value %s", value);
		error_reason(err, "there is no --memory-zone that nodes could be made of");
		error_remedy(err, "write, for one node: --memory-zone id=mem0,size=512M --numa "
				  "guest_numa_id=0,cpus=[0],memory_zones=[mem0]");
	}
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

static int compare_ids(const void *a, const void *b)
{
	const struct config_node *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

int config_finish_numa(struct config *config, struct error *err)
{
	int r;

	if (!config->nr_nodes)
		return 0;
	if (config->nr_nodes)
		qsort(config->node, config->nr_nodes, sizeof(config->node[0]), compare_ids);
	r = check_numbers(config, err);
	if (!r)
		r = check_members(config, err);
	if (!r)
		r = check_distances(config, err);
	if (!r)
		complete_distances(config);
	return r;
}
