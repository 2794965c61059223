/* SPDX-License-Identifier: Apache-2.0 */
/* Which CPUs of a node its vCPUs get, and in which order. */
#include "numa/placement_internal.h"

/* CPUs of one node to choose from. */
struct choice {
	cpu_set_t free;	 /* nobody has a vCPU on them */
	cpu_set_t quiet; /* of those, the ones without a ring that the user put there */
	cpu_set_t busy;	 /* of all nodes: a vCPU or ring that the user put there */
};

/* How late a CPU is chosen. */
enum rank {
	RANK_OWN_CORE,	   /* nobody else is on the core */
	RANK_BUSY_CORE,	   /* somebody whom the user put there is */
	RANK_SIBLING,	   /* another of our vCPUs is */
	RANK_FOREIGN_CORE, /* another machine's vCPU is, which sees what the core's caches tell */
	RANK_WITH_RING,	   /* takes turns with a ring that the user put there */
	NR_RANKS,
};

/* The first CPU of a set that shares a core with @cpu; -1: none. */
static int first_sibling(const struct topology *topology, unsigned cpu, const cpu_set_t *set)
{
	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, set) && topology->core[i] == topology->core[cpu])
			return (int)i;
	}
	return -1;
}

static enum rank rank_of(const struct placement_work *work, const struct choice *choice,
			 unsigned cpu)
{
	const struct topology *topology = work->topology;

	if (!CPU_ISSET(cpu, &choice->quiet))
		return RANK_WITH_RING;
	if (first_sibling(topology, cpu, &work->request->taken) >= 0)
		return RANK_FOREIGN_CORE;
	if (first_sibling(topology, cpu, &choice->quiet) != (int)cpu)
		return RANK_SIBLING;
	return first_sibling(topology, cpu, &choice->busy) < 0 ? RANK_OWN_CORE : RANK_BUSY_CORE;
}

cpu_set_t placement_free_cpus(const struct placement_work *work, const struct topology_node *node)
{
	const struct placement_request *request = work->request;
	cpu_set_t cpus = placement_untaken_cpus(work, node);

	for (unsigned i = 0; i < request->nr_vcpus; i++) {
		if (request->vcpu_cpus[i])
			cpus = placement_without(&cpus, request->vcpu_cpus[i]);
	}
	return cpus;
}

static struct choice choice_of(const struct placement_work *work, const struct topology_node *node)
{
	const struct placement_request *request = work->request;
	struct choice choice = { .free = placement_free_cpus(work, node) };

	CPU_ZERO(&choice.busy);
	for (unsigned i = 0; i < request->nr_vcpus; i++) {
		if (request->ring_cpus[i])
			CPU_OR(&choice.busy, &choice.busy, request->ring_cpus[i]);
	}
	choice.quiet = placement_without(&choice.free, &choice.busy);
	for (unsigned i = 0; i < request->nr_vcpus; i++) {
		if (request->vcpu_cpus[i])
			CPU_OR(&choice.busy, &choice.busy, request->vcpu_cpus[i]);
	}
	return choice;
}

unsigned placement_choose_cpus(const struct placement_work *work, const struct topology_node *node,
			       unsigned short *order)
{
	struct choice choice = choice_of(work, node);
	unsigned n = 0;

	for (unsigned rank = 0; rank < NR_RANKS; rank++) {
		for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (CPU_ISSET(cpu, &choice.free) && rank_of(work, &choice, cpu) == rank)
				order[n++] = (unsigned short)cpu;
		}
	}
	return n;
}

/* The threads of the core that @first is the first of, if there are as many as that. */
static bool add_core(const struct placement_work *work, const cpu_set_t *quiet, unsigned first,
		     unsigned nr_threads, unsigned short *order)
{
	unsigned n = 0;

	for (unsigned cpu = first; cpu < CPU_SETSIZE && n < nr_threads; cpu++) {
		if (CPU_ISSET(cpu, quiet) &&
		    work->topology->core[cpu] == work->topology->core[first])
			order[n++] = (unsigned short)cpu;
	}
	return n == nr_threads;
}

unsigned placement_choose_cores(const struct placement_work *work, const struct topology_node *node,
				unsigned nr_threads, unsigned short *order)
{
	struct choice choice = choice_of(work, node);
	unsigned n = 0;

	for (unsigned rank = RANK_OWN_CORE; rank <= RANK_BUSY_CORE; rank++) {
		for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (CPU_ISSET(cpu, &choice.quiet) && rank_of(work, &choice, cpu) == rank &&
			    n + nr_threads <= CPU_SETSIZE &&
			    add_core(work, &choice.quiet, cpu, nr_threads, order + n))
				n += nr_threads;
		}
	}
	return n;
}
