/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's view of its CPUs and NUMA nodes: CPUID's topology, and what the ACPI tables are to describe.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "core/vmm/machine_board.h"
#include "core/vmm/machine_internal.h"

#define MAX_APIC_ID 254U /* of an MSI's destination; 255 is all CPUs */

#define REMOTE_DISTANCE 20 /* what Linux takes where there is no SLIT */

static void list_cpus(const struct config *config, uint32_t *domain)
{
	for (unsigned n = 0; n < config->nr_nodes; n++) {
		for (unsigned i = 0; i < config->cpus.boot; i++) {
			if (CPU_ISSET(i, &config->node[n].vcpus))
				domain[i] = config->node[n].id;
		}
	}
}

static struct cpuid_topology explicit_topology(const struct config_topology *t)
{
	return (struct cpuid_topology){
		.threads = t->threads_per_core,
		.cores = t->cores_per_die,
		.dies = t->dies_per_package,
		.packages = t->packages,
	};
}

/* Linux takes the CPUs of a die for sharing a cache, and ignores all of that with a stack trace when nodes differ. */
static void warn_of_split_dies(const struct machine *machine)
{
	const struct cpuid_topology *t = &machine->topology;
	unsigned per_die = t->threads * t->cores;

	for (unsigned i = 1; i < machine->config->cpus.boot; i++) {
		if (i / per_die != (i - 1) / per_die ||
		    machine->numa->cpu_domain[i] == machine->numa->cpu_domain[i - 1])
			continue;
		log_warning(
			"option --cpus: topology: vCPUs %u and %u share a die, but not a NUMA node",
			i - 1, i);
		return;
	}
}

static void init_topology(struct machine *machine)
{
	const struct config_cpus *cpus = &machine->config->cpus;

	if (config_has_topology(cpus))
		machine->topology = explicit_topology(&cpus->topology);
	else if (machine->numa)
		cpuid_topology_of_nodes(&machine->topology, machine->numa->place,
					machine->numa->cpu_domain, cpus->boot);
	else
		machine->topology = (struct cpuid_topology){
			.threads = 1,
			.cores = cpus->boot,
			.dies = 1,
			.packages = 1,
		};
	if (config_has_topology(cpus) && machine->numa)
		warn_of_split_dies(machine);
}

/* The most vCPUs that each of so many packages may have: their APIC ids have a field of whole bits for each. */
static unsigned largest_share(unsigned nr_packages)
{
	unsigned n = 256;

	for (unsigned packages = 1; packages < nr_packages; packages *= 2)
		n /= 2;
	return nr_packages * n > MAX_APIC_ID ? n - 1 : n;
}

static int refuse_apic_ids(const struct config *config, unsigned last, struct error *err)
{
	bool by_nodes = config->nr_nodes > 1 && !config_has_topology(&config->cpus);

	error_set(err, -EINVAL, "option %s",
		  by_nodes			       ? "--numa: cpus"
		  : config_has_topology(&config->cpus) ? "--cpus: topology"
						       : "--cpus: boot");
	error_reason(err, "APIC ids go up to %u, interrupts reach %u at most", last, MAX_APIC_ID);
	if (by_nodes)
		return error_remedy(
			err,
			"give each of the %u nodes %u vCPUs at most: each is a package, "
			"with ids for a power of two",
			config->nr_nodes, largest_share(config->nr_nodes));
	return error_remedy(err, "use counts that are powers of two, or fewer CPUs");
}

static int init(struct machine *machine, struct error *err)
{
	unsigned nr = machine->config->cpus.boot, last = 0;

	if (machine->config->nr_nodes) {
		machine->numa = calloc(1, sizeof(*machine->numa));
		if (!machine->numa)
			return error_set(err, -ENOMEM, "NUMA nodes");
		list_cpus(machine->config, machine->numa->cpu_domain);
	}
	init_topology(machine);
	machine->apic_ids = calloc(nr, sizeof(*machine->apic_ids));
	if (!machine->apic_ids)
		return error_set(err, -ENOMEM, "vCPUs");
	for (unsigned i = 0; i < nr; i++) {
		machine->apic_ids[i] = cpuid_apic_id(&machine->topology, i);
		last = machine->apic_ids[i] > last ? machine->apic_ids[i] : last;
	}
	if (last <= MAX_APIC_ID)
		return 0;
	return refuse_apic_ids(machine->config, last, err);
}

static void destroy(struct machine *machine)
{
	free(machine->numa);
	free(machine->apic_ids);
}

const struct machine_part machine_part_topology = { "topology", init, destroy, NULL };

/* The zones' parts, each in the domain of the node that has the zone. */
static unsigned list_memory(const struct machine *machine, struct acpi_memory *memory)
{
	const struct config *config = machine->config;
	unsigned nr = 0;

	for (unsigned n = 0; n < config->nr_nodes; n++) {
		for (unsigned z = 0; z < machine->mem.nr_zones; z++) {
			const struct guest_zone *zone = &machine->mem.zone[z];

			for (unsigned p = 0;
			     p < zone->nr_parts && (config->node[n].zones & 1U << z); p++) {
				memory[nr++] = (struct acpi_memory){
					.base = zone->part[p].gpa.v,
					.size = zone->part[p].size,
					.domain = config->node[n].id,
				};
			}
		}
	}
	return nr;
}

/* The host's node that a guest node's memory is on; NULL: none in particular. */
static const struct topology_node *host_node(const struct machine *machine, unsigned n)
{
	for (unsigned z = 0; z < machine->config->nr_zones; z++) {
		int node = machine->plan.zone[z].node;

		if (machine->config->node[n].zones & 1U << z && node >= 0)
			return topology_find(machine->host_topology, node);
	}
	return NULL;
}

/* As the user says, or else as it is on the host. */
static uint8_t distance(const struct machine *machine, unsigned from, unsigned to)
{
	const struct topology_node *a = host_node(machine, from), *b = host_node(machine, to);
	unsigned given = machine->config->node[from].distance[to], d;

	if (given)
		return (uint8_t)given;
	if (!a || !b)
		return REMOTE_DISTANCE;
	d = a->distance[b - machine->host_topology->node];
	/* Two nodes of the guest on one of the host: 10 is for a node itself (ACPI 6.4, 5.2.17). */
	return (uint8_t)(d > CONFIG_LOCAL_DISTANCE ? d : CONFIG_LOCAL_DISTANCE + 1);
}

static void list_distances(const struct machine *machine, uint8_t *list)
{
	for (unsigned from = 0; from < machine->config->nr_nodes; from++) {
		for (unsigned to = 0; to < machine->config->nr_nodes; to++)
			*list++ = distance(machine, from, to);
	}
}

void machine_describe_numa(struct machine *machine, struct acpi_numa *numa)
{
	struct machine_numa *n = machine->numa;

	*numa = (struct acpi_numa){ 0 };
	if (!n)
		return;
	list_distances(machine, n->distance);
	*numa = (struct acpi_numa){
		.nr_domains = machine->config->nr_nodes,
		.cpu_domain = n->cpu_domain,
		.nr_memory = list_memory(machine, n->memory),
		.memory = n->memory,
		.distance = n->distance,
	};
}
