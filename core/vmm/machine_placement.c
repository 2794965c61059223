/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything goes: what the user asked for and where the devices are, put to numa/placement, and its plan put to
 * the threads and the memory.
 */
#include "core/vmm/machine_placement.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <linux/magic.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_memory.h"
#include "numa/affinity.h"

/* The folder in which a file will be made that is not there yet. */
static int stat_parent(const char *file, struct statfs *fs)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s", file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return statfs(dirname(path), fs) ? -errno : 0;
}

/* Whether all of a zone's file is still to be made, and what its file system is. */
static int stat_file(const char *file, bool *is_new, struct statfs *fs)
{
	struct stat st;

	*is_new = true;
	if (stat(file, &st))
		return errno == ENOENT ? stat_parent(file, fs) : -errno;
	*is_new = S_ISDIR(st.st_mode);
	return statfs(file, fs) ? -errno : 0;
}

/* What a zone takes of a node: hugetlbfs takes from the pool, tmpfs ordinary memory, others are page cache. */
static int demand_of(const struct machine *machine, const struct config_zone *zone,
		     struct placement_zone *demand, struct error *err)
{
	struct statfs fs;
	bool is_new;
	int r;

	*demand = (struct placement_zone){ .size = zone->size,
					   .node = zone->host_node,
					   .page_size = machine_page_size(machine, zone) };
	if (!zone->file)
		return 0;
	r = stat_file(zone->file, &is_new, &fs);
	if (r) {
		error_set(err, r, "zone %s: file %s", zone->id, zone->file);
		return error_remedy(err, "name a file or a folder that torc may write to");
	}
	/* A file may have pages already. */
	demand->is_uncounted = !is_new ||
			       (fs.f_type != HUGETLBFS_MAGIC && fs.f_type != TMPFS_MAGIC);
	if (is_new)
		demand->page_size = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : 0;
	return 0;
}

static bool has_hugepages(const struct config *config)
{
	bool any = config->memory.backing.hugepages;

	for (unsigned i = 0; i < config->nr_zones; i++)
		any |= config->zone[i].backing.hugepages;
	return any;
}

/* Else the host is not even looked at: that takes time. */
static bool is_wanted(const struct config *config)
{
	return config->nr_devices || config->nr_zones || config->nr_nodes || config->dry_run ||
	       config->cpus.affinity.nr || config->rings.nr || has_hugepages(config) ||
	       config->rings.word != CONFIG_RINGS_NODE;
}

static void request_cpus(const struct config *config, struct placement_request *request)
{
	const struct schema_affinities *vcpus = &config->cpus.affinity, *rings = &config->rings;

	request->nr_vcpus = config->cpus.boot;
	if (config_has_topology(&config->cpus))
		request->threads_per_core = config->cpus.topology.threads_per_core;
	request->rings = rings->word == CONFIG_RINGS_SIBLING ? PLACEMENT_RINGS_SIBLING
							     : PLACEMENT_RINGS_NODE;
	for (unsigned i = 0; i < vcpus->nr; i++)
		request->vcpu_cpus[vcpus->list[i].index] = &vcpus->list[i].cpus;
	for (unsigned i = 0; i < rings->nr; i++)
		request->ring_cpus[rings->list[i].index] = &rings->list[i].cpus;
}

static int request_memory(const struct machine *machine, struct placement_request *request,
			  struct error *err)
{
	const struct config *config = machine->config;

	request->nr_zones = machine_count_zones(config);
	for (unsigned i = 0; i < request->nr_zones; i++) {
		struct config_zone zone = machine_zone(config, i);

		int r = demand_of(machine, &zone, &request->zone[i], err);

		if (r)
			return r;
		request->zone[i].id = config->nr_zones ? zone.id : NULL;
	}
	request->nr_guest_nodes = config->nr_nodes;
	for (unsigned i = 0; i < config->nr_nodes; i++) {
		request->guest_node[i] = (struct placement_guest_node){
			.id = config->node[i].id,
			.vcpus = config->node[i].vcpus,
			.zones = config->node[i].zones,
		};
	}
	return 0;
}

_Static_assert(CONFIG_MAX_PASSED <= PLACEMENT_MAX_DEVICES, "each has a place in the request");

static int fill_request(const struct machine *machine, struct placement_request *request,
			struct error *err)
{
	static const enum placement_policy policies[] = {
		[CONFIG_NUMA_AUTO] = PLACEMENT_AUTO,
		[CONFIG_NUMA_OFF] = PLACEMENT_OFF,
		[CONFIG_NUMA_STRICT] = PLACEMENT_STRICT,
	};

	request->policy = policies[machine->config->numa];
	request_cpus(machine->config, request);
	DEVICE_FOR_EACH(device, &machine->devices) {
		if (device->host_name)
			request->device[request->nr_devices++] = (struct placement_device){
				.name = device->host_name,
				.node = device->host_node,
			};
	}
	return request_memory(machine, request, err);
}

/* CPUs that a vCPU of this machine has for itself, or none for a machine that will not run. */
static void claim_cpus(struct machine *machine)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	for (unsigned i = 0; i < machine->config->cpus.boot && !machine->config->dry_run; i++) {
		if (machine->plan.vcpu[i].is_single)
			CPU_OR(&cpus, &cpus, &machine->plan.vcpu[i].cpus);
	}
	claim_take(&machine->claim, &cpus);
}

/* In the order of fill_request(). */
static void place_devices(struct machine *machine)
{
	const int *guest_node = machine->plan.device_guest_node;

	DEVICE_FOR_EACH(device, &machine->devices) {
		if (device->host_name)
			device->guest_node = *guest_node++;
	}
}

static int decide(struct machine *machine, struct placement_request *request, struct error *err)
{
	int r = topology_read(machine->host_topology, "/sys", "/proc", err);
	char why[256];

	if (!r)
		r = fill_request(machine, request, err);
	if (r)
		return r;
	r = claim_open(&machine->claim, CLAIM_PATH);
	if (r) {
		snprintf(why, sizeof(why),
			 "%s: %s; let it be there for this user too (install -m 666 /dev/null %s), "
			 "or use --cpus affinity=",
			 CLAIM_PATH, strerror(-r), CLAIM_PATH);
		request->taken_unknown = why;
	}
	request->taken = claim_read(&machine->claim, &machine->host_topology->allowed);
	r = placement_make(machine->host_topology, request, &machine->plan, err);
	if (r)
		return r;
	place_devices(machine);
	claim_cpus(machine);
	return 0;
}

static int plan(struct machine *machine, struct error *err)
{
	struct placement_request *request;
	int r;

	/* On a host with more CPUs than the set holds the kernel refuses to say; it checks each set anyway. */
	if (sched_getaffinity(0, sizeof(machine->allowed), &machine->allowed))
		memset(&machine->allowed, 0xff, sizeof(machine->allowed));
	for (unsigned i = 0; i < PLACEMENT_MAX_ZONES; i++)
		machine->plan.zone[i].node = -1;
	if (!is_wanted(machine->config))
		return 0;
	machine->host_topology = calloc(1, sizeof(*machine->host_topology));
	request = calloc(1, sizeof(*request));
	if (!machine->host_topology || !request)
		r = error_set(err, -ENOMEM, "placement");
	else
		r = decide(machine, request, err);
	free(request);
	return r;
}

static void forget(struct machine *machine)
{
	claim_close(&machine->claim);
	/* Where torc itself was moved to is no other machine's limit. */
	if (machine->host_topology)
		pthread_setaffinity_np(pthread_self(), sizeof(machine->allowed), &machine->allowed);
	placement_destroy(&machine->plan);
	free(machine->host_topology);
}

const struct machine_part machine_part_plan = { "placement planned", plan, forget, NULL };

void machine_log_plan(const struct machine *machine)
{
	const char *line = machine->plan.text;

	while (line && *line) {
		size_t length = strcspn(line, "\n");

		log_notice("%.*s", (int)length, line);
		line += length + (line[length] == '\n');
	}
}

/* Where a thread is to run of which nothing more is planned: not where its creator happens to be. */
static const cpu_set_t *cpus_of(const struct machine *machine, const struct placement_cpus *planned)
{
	if (planned->is_set)
		return &planned->cpus;
	return machine->plan.all.is_set ? &machine->plan.all.cpus : &machine->allowed;
}

static int move(struct machine *machine, pthread_t thread, const struct placement_cpus *planned,
		struct error *err)
{
	if (!machine->host_topology)
		return 0;
	return affinity_set(thread, cpus_of(machine, planned), &machine->allowed, err);
}

/* What the kernel allocates for a vCPU and its ring is then on their node. */
int machine_go_to_vcpu(struct machine *machine, unsigned i, struct error *err)
{
	return move(machine, pthread_self(), &machine->plan.ring[i], err);
}

int machine_come_back(struct machine *machine, struct error *err)
{
	return move(machine, pthread_self(), &machine->plan.all, err);
}

int machine_pin_vcpu(struct machine *machine, unsigned i, struct error *err)
{
	int r = move(machine, machine->vcpu[i].thread.id, &machine->plan.vcpu[i], err);

	if (r)
		return error_set(err, r, "vCPU %u", i);
	r = move(machine, machine->ring_thread[i].thread.id, &machine->plan.ring[i], err);
	return r ? error_set(err, r, "ring %u", i) : 0;
}
