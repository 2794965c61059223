/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "numa/affinity.h"
#include "numa/placement_internal.h"

int placement_check_cpus(const struct topology *topology, const char *what, unsigned index,
			 const cpu_set_t *cpus, struct error *err)
{
	char list[PLACEMENT_LIST_SIZE];
	cpu_set_t bad = placement_without(cpus, &topology->allowed);

	if (!CPU_COUNT(&bad))
		return 0;
	affinity_format(&bad, list, sizeof(list));
	error_set(err, -EPERM, "%s %u", what, index);
	error_reason(err, "CPU%s %s: not online, or not in the cpuset that torc was started in",
		     CPU_COUNT(&bad) == 1 ? "" : "s", list);
	affinity_format(&topology->allowed, list, sizeof(list));
	return error_remedy(err, "choose from %s", list);
}

static const cpu_set_t *given_to(const struct placement_work *work, unsigned vcpu)
{
	return work->request->vcpu_cpus[vcpu];
}

const struct topology_node *placement_center(const struct placement_work *work)
{
	const struct placement_request *request = work->request;
	int node = work->plan.zone[0].node;

	if (!work->home)
		return NULL;
	for (unsigned i = 1; i < request->nr_zones; i++) {
		if (work->plan.zone[i].node != node)
			return work->home;
	}
	return topology_find(work->topology, node);
}

/* Where a vCPU belongs: with the memory of its guest node, or else with everything that has no place of its own. */
static const struct topology_node *memory_of(const struct placement_work *work, unsigned vcpu)
{
	for (unsigned i = 0; i < work->request->nr_guest_nodes; i++) {
		if (CPU_ISSET(vcpu, &work->request->guest_node[i].vcpus) && work->guest_node[i])
			return work->guest_node[i];
	}
	return placement_center(work);
}

/* The node that has all of these CPUs; NULL when they are of several. */
static const struct topology_node *node_of_cpus(const struct topology *topology,
						const cpu_set_t *cpus)
{
	for (unsigned i = 0; i < topology->nr_nodes; i++) {
		cpu_set_t here;

		CPU_AND(&here, cpus, &topology->node[i].cpus);
		if (CPU_EQUAL(&here, cpus))
			return &topology->node[i];
	}
	return NULL;
}

/* The node of this memory has no CPUs for us, so that the vCPU is on another. */
static int check_detour(struct placement_work *work, unsigned vcpu,
			const struct topology_node *memory, const struct topology_node *node,
			struct error *err)
{
	bool has_cpus = CPU_COUNT(&memory->cpus) > 0;
	const char *why = has_cpus ? "has no CPU that this process may use" : "has no CPU";
	uint64_t bit = 1ULL << (memory - work->topology->node);

	if (work->request->policy == PLACEMENT_STRICT) {
		error_set(err, has_cpus ? -EPERM : -EINVAL, "vCPU %u", vcpu);
		error_reason(err, "node %u, where its memory is, %s", memory->id, why);
		return error_remedy(err,
				    "say which CPUs with --cpus affinity=; node %u is the nearest "
				    "that has any",
				    node->id);
	}
	if (!(work->detours & bit))
		fprintf(work->notes,
			"node %u %s: vCPUs and rings are on node %u, the nearest that has\n",
			memory->id, why, node->id);
	work->detours |= bit;
	return 0;
}

static int find_node(struct placement_work *work, unsigned vcpu, struct error *err)
{
	const struct topology_node *memory = memory_of(work, vcpu), *node;

	if (given_to(work, vcpu)) {
		work->vcpu[vcpu] = node_of_cpus(work->topology, given_to(work, vcpu));
		return 0;
	}
	if (!memory)
		return 0;
	node = placement_nearest(work->topology, memory, placement_has_cpus);
	work->vcpu[vcpu] = node;
	if (!node || node == memory)
		return 0;
	return check_detour(work, vcpu, memory, node, err);
}

/* vCPUs whose CPUs are for us to choose, on this node. */
static bool is_open_on(const struct placement_work *work, unsigned vcpu,
		       const struct topology_node *node)
{
	return work->vcpu[vcpu] == node && !given_to(work, vcpu);
}

/* Each core of the guest that has a vCPU to place here has all of them here. */
static bool are_cores_whole(const struct placement_work *work, const struct topology_node *node,
			    unsigned nr_threads)
{
	for (unsigned i = 0; i < work->request->nr_vcpus; i++) {
		if (is_open_on(work, i, node) !=
		    is_open_on(work, i / nr_threads * nr_threads, node))
			return false;
	}
	return true;
}

/*
 * A guest that believes that its vCPUs are threads of one core schedules them so: then they had better be. Return: how
 * many vCPUs have a CPU in @order.
 */
static unsigned choose(struct placement_work *work, const struct topology_node *node, unsigned nr,
		       unsigned short *order)
{
	unsigned nr_threads = work->request->threads_per_core;

	if (nr_threads > 1) {
		if (are_cores_whole(work, node, nr_threads) &&
		    placement_choose_cores(work, node, nr_threads, order) >= nr)
			return nr;
		fprintf(work->notes,
			"vCPUs: the guest's cores have %u threads each, but not on node %u of the "
			"host: too few of its cores have as many to give\n",
			nr_threads, node->id);
	}
	return placement_choose_cpus(work, node, order);
}

static void note_sharing(const struct placement_work *work, const struct topology_node *node,
			 unsigned nr, unsigned nr_cpus)
{
	if (work->request->taken_unknown)
		return;
	fprintf(work->notes, "vCPUs: %u are on node %u, which has ", nr, node->id);
	if (nr_cpus)
		fprintf(work->notes, "%u CPU%s to give: they share %s\n", nr_cpus,
			nr_cpus == 1 ? "" : "s", nr_cpus == 1 ? "it" : "these");
	else
		fprintf(work->notes, "no CPU to give: they share all of its CPUs\n");
}

static void give_cpus(struct placement_work *work, const struct topology_node *node)
{
	unsigned nr = 0, next = 0, nr_cpus = 0;
	unsigned short order[CPU_SETSIZE];
	cpu_set_t shared;

	for (unsigned i = 0; i < work->request->nr_vcpus; i++)
		nr += is_open_on(work, i, node);
	if (!nr)
		return;
	if (!work->request->taken_unknown)
		nr_cpus = choose(work, node, nr, order);
	/* Not those that other machines' vCPUs are alone on, as long as there is one that is left. */
	shared = placement_free_cpus(work, node);
	if (!CPU_COUNT(&shared))
		shared = placement_node_cpus(work->topology, node);
	for (unsigned i = 0; i < work->request->nr_vcpus; i++) {
		struct placement_cpus *vcpu = &work->plan.vcpu[i];

		if (!is_open_on(work, i, node))
			continue;
		vcpu->is_set = true;
		vcpu->is_single = nr <= nr_cpus;
		if (vcpu->is_single)
			CPU_SET(order[next++], &vcpu->cpus);
		else
			vcpu->cpus = shared;
	}
	if (nr > nr_cpus)
		note_sharing(work, node, nr, nr_cpus);
}

/* The user gave it one CPU, which no other vCPU is placed on. */
static bool is_alone(const struct placement_work *work, unsigned vcpu)
{
	const cpu_set_t *given = given_to(work, vcpu);
	cpu_set_t both;

	if (!given || CPU_COUNT(given) != 1)
		return false;
	for (unsigned i = 0; i < work->request->nr_vcpus; i++) {
		CPU_AND(&both, given, &work->plan.vcpu[i].cpus);
		if (i != vcpu && CPU_COUNT(&both))
			return false;
	}
	return true;
}

/* What of the vCPUs as a whole a user may not have expected. */
static void note_places(const struct placement_work *work)
{
	const struct topology_node *center = placement_center(work);
	bool any = false;

	for (unsigned i = 0; i < work->request->nr_vcpus; i++)
		any |= work->vcpu[i] && !given_to(work, i);
	if (any && work->request->taken_unknown)
		fprintf(work->notes,
			"vCPUs: none has a CPU of its own, since nobody knows which ones other "
			"machines have: %s\n",
			work->request->taken_unknown);
	if (any && center != work->home && !work->request->nr_guest_nodes)
		fprintf(work->notes,
			"device %s is on node %u, but all memory is on node %u: vCPUs and rings "
			"are with the memory\n",
			work->request->device[work->home_device].name,
			work->device[work->home_device]->id, center->id);
}

int placement_place_vcpus(struct placement_work *work, struct error *err)
{
	const struct placement_request *request = work->request;
	int r = 0;

	for (unsigned i = 0; !r && i < request->nr_vcpus; i++) {
		if (!given_to(work, i))
			continue;
		work->plan.vcpu[i] =
			(struct placement_cpus){ .is_set = true, .cpus = *given_to(work, i) };
		r = placement_check_cpus(work->topology, "vCPU", i, given_to(work, i), err);
	}
	for (unsigned i = 0; !r && i < request->nr_vcpus && request->policy != PLACEMENT_OFF; i++)
		r = find_node(work, i, err);
	for (unsigned i = 0; !r && i < work->topology->nr_nodes; i++)
		give_cpus(work, &work->topology->node[i]);
	for (unsigned i = 0; !r && i < request->nr_vcpus; i++)
		work->plan.vcpu[i].is_single |= is_alone(work, i);
	if (!r)
		note_places(work);
	return r;
}
