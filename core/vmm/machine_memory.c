/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: its zones, as configured, and their mapping, as planned. */
#include "core/vmm/machine_memory.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/vmm/machine_internal.h"

struct config_zone machine_zone(const struct config *config, unsigned i)
{
	static char whole[] = "mem0";

	if (config->nr_zones)
		return config->zone[i];
	return (struct config_zone){
		.id = whole,
		.size = config->memory.size,
		.host_node = -1,
		.backing = config->memory.backing,
	};
}

unsigned machine_count_zones(const struct config *config)
{
	return config->nr_zones ? config->nr_zones : 1;
}

uint64_t machine_page_size(const struct machine *machine, const struct config_zone *zone)
{
	if (!zone->backing.hugepages)
		return 0;
	if (zone->backing.hugepage_size)
		return zone->backing.hugepage_size;
	/* A host without any is told so when its pages of this size are looked for. */
	return machine->host_topology->default_huge_page ? machine->host_topology->default_huge_page
							 : 2 * MIB;
}

/* Where a node's memory is zeroed: on its own CPUs, if torc may use one. */
static const cpu_set_t *populating_cpus(struct machine *machine, unsigned i, int node)
{
	const struct topology_node *n =
		machine->host_topology ? topology_find(machine->host_topology, node) : NULL;
	cpu_set_t *cpus = &machine->zone_cpus[i];

	if (!n)
		return NULL;
	CPU_AND(cpus, &n->cpus, &machine->host_topology->allowed);
	return CPU_COUNT(cpus) ? cpus : NULL;
}

static struct guest_zone_config zone_config(struct machine *machine, unsigned i)
{
	struct config_zone zone = machine_zone(machine->config, i);
	const struct placement_memory *place = &machine->plan.zone[i];

	return (struct guest_zone_config){
		.id = zone.id,
		.size = zone.size,
		.backing = {
			.file = zone.file,
			.page_size = zone.backing.hugepages ? machine_page_size(machine, &zone) : 0,
			.shared = zone.backing.shared,
			.thp = zone.backing.thp,
			.mergeable = zone.backing.mergeable,
		},
		.node = place->node,
		.is_strict = place->is_strict,
		/* A page that its node turns out not to have any more would be a SIGBUS later. */
		.populate = machine->config->nr_devices || zone.backing.prefault ||
			    (zone.backing.hugepages && place->node >= 0) ||
			    (zone.file && place->is_strict),
		.cpus = populating_cpus(machine, i, place->node),
	};
}

static int map(struct machine *machine, struct error *err)
{
	struct guest_mem_config config = { .nr_zones = machine_count_zones(machine->config) };

	for (unsigned i = 0; i < config.nr_zones; i++)
		config.zone[i] = zone_config(machine, i);
	for (unsigned i = 0; i < config.nr_zones; i++) {
		if (config.zone[i].backing.mergeable && machine->config->nr_devices)
			log_warning(
				"zone %s: mergeable=on does nothing: devices need the memory pinned",
				config.zone[i].id);
	}
	return guest_mem_init(&machine->mem, &config, err);
}

static void unmap(struct machine *machine)
{
	/* Requests that were given up still have it. */
	if (!machine->gave_up)
		guest_mem_destroy(&machine->mem);
}

const struct machine_part machine_part_memory = { "memory mapped", map, unmap, NULL };
