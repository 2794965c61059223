/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Placement's steps, in the order in which they are taken: each reads what the ones before it decided. One thread.
 */
#ifndef NUMA_PLACEMENT_INTERNAL_H
#define NUMA_PLACEMENT_INTERNAL_H

#include <stdio.h>

#include "numa/placement.h"

#define PLACEMENT_NAME_SIZE   256 /* for the names of zones, cut if they are too long */
#define PLACEMENT_LIST_SIZE   256 /* likewise for lists of CPUs and nodes */
#define PLACEMENT_OPTION_SIZE 320 /* for what to write on the command line */
#define PLACEMENT_UNIT_SIZE   32  /* for a size with its unit */

/** A plan while it is being made. Nodes are those of the topology; NULL: none. */
struct placement_work {
	const struct topology *topology;
	const struct placement_request *request;
	struct placement_plan plan;
	const struct topology_node *device[PLACEMENT_MAX_DEVICES]; /* NULL: unknown */
	const struct topology_node *home; /* has memory; NULL: nothing follows the devices */
	unsigned home_device;		  /* the first device that is why */
	const struct topology_node *guest_node[PLACEMENT_MAX_NODES]; /* where its zones are */
	const struct topology_node *vcpu[PLACEMENT_MAX_CPUS]; /* whose CPUs are local to it */
	uint64_t detours; /* a bit for each of the topology's nodes that is noted as without CPUs */
	FILE *notes;	  /* a line for each thing that is not as asked for */
};

/**
 * placement_nearest - the node that suits and is nearest to another
 * @topology: of the host
 * @from: itself the nearest one
 * @suits: whether a node will do
 *
 * Return: the node, the first one among equals; NULL when none suits.
 */
const struct topology_node *
placement_nearest(const struct topology *topology, const struct topology_node *from,
		  bool (*suits)(const struct topology *topology, const struct topology_node *node));

/**
 * placement_has_memory - whether a node has memory that this process may use; for placement_nearest()
 * @topology: of the host
 * @node: one of its nodes
 *
 * Return: true when it has.
 */
bool placement_has_memory(const struct topology *topology, const struct topology_node *node);

/**
 * placement_has_cpus - whether a node has CPUs that this process may use; for placement_nearest()
 * @topology: of the host
 * @node: one of its nodes
 *
 * Return: true when it has.
 */
bool placement_has_cpus(const struct topology *topology, const struct topology_node *node);

/**
 * placement_node_cpus - a node's CPUs that this process may use
 * @topology: of the host
 * @node: one of its nodes
 *
 * Return: the set, which may be empty.
 */
cpu_set_t placement_node_cpus(const struct topology *topology, const struct topology_node *node);

/**
 * placement_untaken_cpus - those of them on which no other machine's vCPU is alone
 * @work: has topology and request
 * @node: one of the topology's
 *
 * Return: the set, which may be empty.
 */
cpu_set_t placement_untaken_cpus(const struct placement_work *work,
				 const struct topology_node *node);

/**
 * placement_free_cpus - those of them on which the user put no vCPU either
 * @work: has topology and request
 * @node: one of the topology's
 *
 * Return: the set, which may be empty.
 */
cpu_set_t placement_free_cpus(const struct placement_work *work, const struct topology_node *node);

/**
 * placement_choose_cpus - a node's free CPUs in the order in which vCPUs get them
 * @work: has topology and request
 * @node: one of the topology's
 * @order: CPU_SETSIZE numbers
 *
 * Return: how many there are.
 */
unsigned placement_choose_cpus(const struct placement_work *work, const struct topology_node *node,
			       unsigned short *order);

/**
 * placement_choose_cores - likewise of cores that have as many free threads as those of the guest
 * @work: has topology and request
 * @node: one of the topology's
 * @nr_threads: of each core of the guest, at least 1
 * @order: CPU_SETSIZE numbers, those of a core together
 *
 * Not of cores on which somebody else is.
 * Return: how many there are.
 */
unsigned placement_choose_cores(const struct placement_work *work, const struct topology_node *node,
				unsigned nr_threads, unsigned short *order);

/**
 * placement_without - the CPUs of one set that are not in another
 * @cpus: the one
 * @others: the other
 *
 * Return: what is left.
 */
cpu_set_t placement_without(const cpu_set_t *cpus, const cpu_set_t *others);

/**
 * placement_format_nodes - all nodes that suit, as a list with ranges: nodes 0-1,3
 * @topology: of the host
 * @suits: whether a node belongs to the list; NULL: all do
 * @text: PLACEMENT_LIST_SIZE bytes
 */
void placement_format_nodes(const struct topology *topology,
			    bool (*suits)(const struct topology *topology,
					  const struct topology_node *node),
			    char *text);

/**
 * placement_format_size - the size of a page in the largest unit that fits: 2 MiB
 * @size: bytes
 * @text: PLACEMENT_UNIT_SIZE bytes
 */
void placement_format_size(uint64_t size, char *text);

/**
 * placement_name_zones - some zones, for errors and notes: zones mem0, mem2
 * @request: has them
 * @zones: a bit for each
 * @text: PLACEMENT_NAME_SIZE bytes
 */
void placement_name_zones(const struct placement_request *request, uint32_t zones, char *text);

/**
 * placement_suggest_node - what to write so that the memory of which nothing was said is on a node
 * @request: has the zones, at least one of them open
 * @node: the node's number
 * @text: PLACEMENT_OPTION_SIZE bytes
 */
void placement_suggest_node(const struct placement_request *request, unsigned node, char *text);

/**
 * placement_find_home - which node the devices are on, and which one everything follows
 * @work: receives device, home, home_device
 * @err: filled on failure: the device
 *
 * Return: 0; -EINVAL, -EPERM what cannot be strict; -ENOMEM this process may use no node's memory.
 */
int placement_find_home(struct placement_work *work, struct error *err);

/**
 * placement_place_memory - each zone's node, and whether there is room
 * @work: has the home; receives the plan's zones
 * @err: filled on failure: the zones
 *
 * Return: as placement_make().
 */
int placement_place_memory(struct placement_work *work, struct error *err);

/**
 * placement_check_pools - whether there are enough huge pages for the zones that want them
 * @work: has the plan's zones
 * @err: filled on failure: the zones, and how to reserve the pages
 *
 * Return: 0; -EINVAL the host has none of that size; -ENOMEM too few.
 */
int placement_check_pools(struct placement_work *work, struct error *err);

/** What zones want from a node. */
struct placement_demand {
	uint64_t strict;       /* from there or nowhere */
	uint64_t total;	       /* that included */
	uint32_t strict_zones; /* a bit for each */
	uint32_t zones;
};

/**
 * placement_demand - the sum over the zones of a node
 * @work: has the plan's zones
 * @node: NULL for all zones, wherever they are
 * @page_size: of the zones that count; 0: those of ordinary memory
 *
 * Return: numbers of huge pages, or bytes of ordinary memory.
 */
struct placement_demand placement_demand(const struct placement_work *work,
					 const struct topology_node *node, uint64_t page_size);

/**
 * placement_place_guest_nodes - on which node of the host each guest node is, and on which guest node each device
 * @work: has the home and the plan's zones; receives guest_node and the plan's device_guest_node
 */
void placement_place_guest_nodes(struct placement_work *work);

/**
 * placement_center - the node of everything that has no place of its own
 * @work: has the home and the plan's zones
 *
 * The home node, unless the user put all memory on another: then that one.
 * Return: the node; NULL when nothing follows the devices.
 */
const struct topology_node *placement_center(const struct placement_work *work);

/**
 * placement_place_vcpus - each vCPU's CPUs
 * @work: has the home and guest_node; receives vcpu and the plan's vCPUs
 * @err: filled on failure: the vCPU
 *
 * Return: 0; -EPERM, -EINVAL.
 */
int placement_place_vcpus(struct placement_work *work, struct error *err);

/**
 * placement_check_cpus - whether this process may use what the user gave
 * @topology: of the host
 * @what: "vCPU" or "ring"
 * @index: its number
 * @cpus: what he gave
 * @err: filled on failure: which of them it may not use
 *
 * Return: 0; -EPERM.
 */
int placement_check_cpus(const struct topology *topology, const char *what, unsigned index,
			 const cpu_set_t *cpus, struct error *err);

/**
 * placement_place_threads - each ring's CPUs, and those of every other thread
 * @work: has vcpu and the plan's vCPUs; receives the plan's rings and all
 * @err: filled on failure: the ring
 *
 * Return: 0; -EPERM; -EINVAL what cannot be strict.
 */
int placement_place_threads(struct placement_work *work, struct error *err);

/**
 * placement_write_text - put the plan into words
 * @work: has everything; receives the plan's text
 * @notes: lines to end with
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int placement_write_text(struct placement_work *work, const char *notes, struct error *err);

#endif
