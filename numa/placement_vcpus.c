/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "numa/affinity.h"
#include "numa/placement_internal.h"

/* CPUs of one node to choose from. */
struct choice {
	cpu_set_t free;	 /* nobody has a vCPU on them */
	cpu_set_t quiet; /* of those, the ones without a ring that the user put there */
	cpu_set_t busy;	 /* of all nodes: another machine's, or given by the user */
};

/* How late a CPU is chosen. */
enum rank {
	RANK_OWN_CORE,	/* nobody else is on the core */
	RANK_BUSY_CORE, /* another machine, or somebody whom the user put there */
	RANK_SIBLING,	/* another of our vCPUs is on the core */
	RANK_WITH_RING, /* takes turns with a ring that the user put there */
	NR_RANKS,
};

int placement_check_cpus(const struct topology *topology, const char *what, unsigned index,
			 const cpu_set_t *cpus, struct error *err)
{
	char list[PLACEMENT_LIST_SIZE];
	cpu_set_t bad = placement_without(cpus, &topology->allowed);

	if (!CPU_COUNT(&bad))
		return 0;
	affinity_format(&bad, list, sizeof(list));
	error_set(err, -EPERM, "%s %u", what, index);
	error_reason(err, "CPU %s: not online, or not in the cpuset that torc was started in",
		     list);
	affinity_format(&topology->allowed, list, sizeof(list));
	return error_remedy(err, "choose from %s", list);
}

static const cpu_set_t *given_to(const struct placement_work *work, unsigned vcpu)
{
	return work->request->vcpu_cpus[vcpu];
}

/* Where a vCPU belongs: with the memory of its guest node, or else with the devices. */
static const struct topology_node *memory_of(const struct placement_work *work, unsigned vcpu)
{
	for (unsigned i = 0; i < work->request->nr_guest_nodes; i++) {
		if (CPU_ISSET(vcpu, &work->request->guest_node[i].vcpus) && work->guest_node[i])
			return work->guest_node[i];
	}
	return work->home;
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

/* The first CPU of a set that shares a core with @cpu; -1: none. */
static int first_sibling(const struct topology *topology, unsigned cpu, const cpu_set_t *set)
{
	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, set) && topology->core[i] == topology->core[cpu])
			return (int)i;
	}
	return -1;
}

static enum rank rank_of(const struct topology *topology, const struct choice *choice, unsigned cpu)
{
	if (!CPU_ISSET(cpu, &choice->quiet))
		return RANK_WITH_RING;
	if (first_sibling(topology, cpu, &choice->quiet) != (int)cpu)
		return RANK_SIBLING;
	return first_sibling(topology, cpu, &choice->busy) < 0 ? RANK_OWN_CORE : RANK_BUSY_CORE;
}

static struct choice choice_of(const struct placement_work *work, const struct topology_node *node)
{
	const struct placement_request *request = work->request;
	struct choice choice = { .busy = request->taken };

	for (unsigned i = 0; i < request->nr_vcpus; i++) {
		if (given_to(work, i))
			CPU_OR(&choice.busy, &choice.busy, given_to(work, i));
	}
	choice.free = placement_node_cpus(work->topology, node);
	choice.free = placement_without(&choice.free, &choice.busy);
	for (unsigned i = 0; i < request->nr_vcpus; i++) {
		if (request->ring_cpus[i])
			CPU_OR(&choice.busy, &choice.busy, request->ring_cpus[i]);
	}
	choice.quiet = placement_without(&choice.free, &choice.busy);
	return choice;
}

/* In the order in which vCPUs get them. Return: how many. */
static unsigned choose(const struct placement_work *work, const struct topology_node *node,
		       unsigned short *order)
{
	struct choice choice = choice_of(work, node);
	unsigned n = 0;

	for (unsigned rank = 0; rank < NR_RANKS; rank++) {
		for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (CPU_ISSET(cpu, &choice.free) &&
			    rank_of(work->topology, &choice, cpu) == rank)
				order[n++] = (unsigned short)cpu;
		}
	}
	return n;
}

static void give_cpus(struct placement_work *work, const struct topology_node *node)
{
	unsigned nr = 0, next = 0, nr_cpus;
	unsigned short order[CPU_SETSIZE];
	cpu_set_t shared;

	for (unsigned i = 0; i < work->request->nr_vcpus; i++)
		nr += work->vcpu[i] == node && !given_to(work, i);
	if (!nr)
		return;
	nr_cpus = choose(work, node, order);
	/* Not those that other machines' vCPUs are alone on, as long as there is one that is left. */
	shared = nr_cpus ? choice_of(work, node).free : placement_node_cpus(work->topology, node);
	for (unsigned i = 0; i < work->request->nr_vcpus; i++) {
		struct placement_cpus *vcpu = &work->plan.vcpu[i];

		if (work->vcpu[i] != node || given_to(work, i))
			continue;
		vcpu->is_set = true;
		vcpu->is_single = nr <= nr_cpus;
		if (vcpu->is_single)
			CPU_SET(order[next++], &vcpu->cpus);
		else
			vcpu->cpus = shared;
	}
	if (nr > nr_cpus)
		fprintf(work->notes,
			"vCPUs: %u are on node %u, which has %u CPUs to give: they share %s\n", nr,
			node->id, nr_cpus, nr_cpus ? "these" : "all of its CPUs");
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
	return r;
}
