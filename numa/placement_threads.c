/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/placement_internal.h"

/* What is noted once for all rings. */
struct remarks {
	bool siblings; /* a ring is on some */
	bool no_sibling;
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

/* A ring of which the user said nothing. */
static void place_ring(struct placement_work *work, unsigned i, struct remarks *remarks)
{
	const struct placement_cpus *vcpu = &work->plan.vcpu[i];
	struct placement_cpus *ring = &work->plan.ring[i];

	ring->is_set = vcpu->is_set;
	ring->cpus = vcpu->cpus;
	if (work->vcpu[i])
		ring->cpus = placement_node_cpus(work->topology, work->vcpu[i]);
	if (work->request->rings == PLACEMENT_RINGS_SIBLING && CPU_COUNT(&vcpu->cpus) == 1) {
		cpu_set_t siblings = siblings_of(work, &vcpu->cpus);

		if (CPU_COUNT(&siblings)) {
			ring->cpus = siblings;
			remarks->siblings = true;
			remarks->shared |= is_with_vcpu(work, &siblings);
		} else {
			remarks->no_sibling = true;
		}
	}
}

static void add_others(struct placement_work *work, const struct topology_node *memory)
{
	const struct topology_node *node =
		placement_nearest(work->topology, memory, placement_has_cpus);
	struct placement_cpus *all = &work->plan.all;
	cpu_set_t cpus;

	if (!node)
		return;
	cpus = placement_node_cpus(work->topology, node);
	CPU_OR(&all->cpus, &all->cpus, &cpus);
	all->is_set = true;
}

static void place_others(struct placement_work *work)
{
	if (work->home)
		add_others(work, work->home);
	for (unsigned i = 0; !work->home && i < work->request->nr_guest_nodes; i++) {
		if (work->guest_node[i])
			add_others(work, work->guest_node[i]);
	}
}

static void note_rings(const struct placement_work *work, const struct remarks *remarks)
{
	if (remarks->no_sibling)
		fprintf(work->notes,
			"rings: a vCPU's core has no other thread to give: they are on "
			"any CPU of the node\n");
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
			place_ring(work, i, &remarks);
		}
	}
	if (r)
		return r;
	note_rings(work, &remarks);
	if (request->policy != PLACEMENT_OFF)
		place_others(work);
	return 0;
}
