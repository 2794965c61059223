/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "numa/affinity.h"
#include "numa/placement_internal.h"

/* What is noted once for all rings. */
struct remarks {
	cpu_set_t no_sibling; /* the rings whose vCPU's core has none */
	bool siblings;	      /* a ring is on some */
	bool shared;
};

/* The other threads of a vCPU's core that we may have and on which no other machine has a vCPU. */
static cpu_set_t siblings_of(const struct placement_work *work, const cpu_set_t *cpu)
{
	const struct topology *topology = work->topology;
	int core = -1;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, cpu))
			core = topology->core[i];
	}
	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		if (topology->core[i] == core && CPU_ISSET(i, &topology->allowed))
			CPU_SET(i, &cpus);
	}
	cpus = placement_without(&cpus, cpu);
	return placement_without(&cpus, &work->request->taken);
}

/* A node's CPUs without those of other machines, as long as there is one that is left. */
static cpu_set_t shared_cpus(const struct placement_work *work, const struct topology_node *node)
{
	cpu_set_t cpus = placement_untaken_cpus(work, node);

	return CPU_COUNT(&cpus) ? cpus : placement_node_cpus(work->topology, node);
}

static bool is_with_vcpu(const struct placement_work *work, const cpu_set_t *cpus)
{
	for (unsigned i = 0; i < work->request->nr_vcpus; i++) {
		cpu_set_t both;

		CPU_AND(&both, cpus, &work->plan.vcpu[i].cpus);
		if (CPU_COUNT(&both))
			return true;
	}
	return false;
}

static int refuse_ring(const struct placement_work *work, unsigned i, struct error *err)
{
	bool alone = CPU_COUNT(&work->plan.vcpu[i].cpus) == 1;

	error_set(err, -EINVAL, "ring %u: ring_affinity=sibling", i);
	if (alone)
		error_reason(err, "the core of vCPU %u has no other thread to give", i);
	else
		error_reason(err, "vCPU %u has no CPU of its own", i);
	return error_remedy(err, "use --platform ring_affinity=node");
}

/* On the other threads of its vCPU's core, where that has one CPU and these are to be had. */
static bool place_on_siblings(struct placement_work *work, unsigned i, struct remarks *remarks)
{
	const cpu_set_t *vcpu = &work->plan.vcpu[i].cpus;
	cpu_set_t siblings;

	if (CPU_COUNT(vcpu) != 1)
		return false;
	siblings = siblings_of(work, vcpu);
	if (!CPU_COUNT(&siblings)) {
		CPU_SET(i, &remarks->no_sibling);
		return false;
	}
	work->plan.ring[i].cpus = siblings;
	remarks->siblings = true;
	remarks->shared |= is_with_vcpu(work, &siblings);
	return true;
}

/* A ring of which the user said nothing. */
static int place_ring(struct placement_work *work, unsigned i, struct remarks *remarks,
		      struct error *err)
{
	const struct placement_cpus *vcpu = &work->plan.vcpu[i];
	struct placement_cpus *ring = &work->plan.ring[i];

	ring->is_set = vcpu->is_set;
	ring->cpus = vcpu->cpus;
	if (work->vcpu[i])
		ring->cpus = shared_cpus(work, work->vcpu[i]);
	if (work->request->rings != PLACEMENT_RINGS_SIBLING ||
	    place_on_siblings(work, i, remarks) || work->request->policy != PLACEMENT_STRICT)
		return 0;
	return refuse_ring(work, i, err);
}

static void add_others(struct placement_work *work, const struct topology_node *memory)
{
	const struct topology_node *node =
		placement_nearest(work->topology, memory, placement_has_cpus);
	struct placement_cpus *all = &work->plan.all;
	cpu_set_t cpus;

	if (!node)
		return;
	cpus = shared_cpus(work, node);
	CPU_OR(&all->cpus, &all->cpus, &cpus);
	all->is_set = true;
}

static void place_others(struct placement_work *work)
{
	const struct topology_node *center = placement_center(work);

	if (center)
		add_others(work, center);
	for (unsigned i = 0; !center && i < work->request->nr_guest_nodes; i++) {
		if (work->guest_node[i])
			add_others(work, work->guest_node[i]);
	}
}

static void note_rings(const struct placement_work *work, const struct remarks *remarks)
{
	int nr = CPU_COUNT(&remarks->no_sibling);
	char list[PLACEMENT_LIST_SIZE];

	affinity_format(&remarks->no_sibling, list, sizeof(list));
	if (nr)
		fprintf(work->notes,
			"ring%s %s: the vCPU's core has no other thread to give: on any CPU of "
			"its node\n",
			nr == 1 ? "" : "s", list);
	else if (work->request->rings == PLACEMENT_RINGS_SIBLING && !remarks->siblings)
		fprintf(work->notes, "rings: none is on the other threads of its vCPU's core: %s\n",
			work->request->policy == PLACEMENT_OFF
				? "nothing follows anything"
				: "no vCPU whose ring is left open has a CPU of its own");
	if (remarks->shared)
		fprintf(work->notes, "rings: vCPUs need the cores' other threads too: rings share "
				     "CPUs with them\n");
}

int placement_place_threads(struct placement_work *work, struct error *err)
{
	const struct placement_request *request = work->request;
	struct remarks remarks = { 0 };
	int r = 0;

	for (unsigned i = 0; !r && i < request->nr_vcpus; i++) {
		const cpu_set_t *given = request->ring_cpus[i];

		if (given) {
			work->plan.ring[i] =
				(struct placement_cpus){ .is_set = true, .cpus = *given };
			r = placement_check_cpus(work->topology, "ring", i, given, err);
		} else if (request->policy != PLACEMENT_OFF) {
			r = place_ring(work, i, &remarks, err);
		}
	}
	if (r)
		return r;
	note_rings(work, &remarks);
	if (request->policy != PLACEMENT_OFF)
		place_others(work);
	return 0;
}
