/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Topology: the host's NUMA nodes, with their CPUs, memory and huge pages, and what of them this process may use.
 *
 * Read once from sysfs and from the process's status file, whose places are arguments, so that a tree made by hand does
 * as well. Numbers of free memory and pages are those of that moment. Any thread may call.
 * Source: Linux Documentation/ABI/stable/sysfs-devices-node, sysfs-devices-system-cpu; admin-guide/mm/hugetlbpage.rst.
 */
#ifndef NUMA_TOPOLOGY_H
#define NUMA_TOPOLOGY_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

#define TOPOLOGY_MAX_NODES 64 /* online at the same time; their numbers may be larger */
#define TOPOLOGY_MAX_POOLS 4  /* sizes of huge pages */

/** Huge pages of one size. */
struct topology_pool {
	uint64_t page_size; /* bytes */
	uint64_t total;	    /* pages */
	uint64_t free;	    /* pages; some may be promised to mappings without them yet */
};

struct topology_node {
	unsigned id;
	cpu_set_t cpus;	    /* online; empty for a node of memory only */
	uint64_t memory;    /* bytes; 0 for a node of CPUs only */
	uint64_t available; /* bytes, estimated as the kernel estimates its MemAvailable */
	bool is_allowed;    /* this process may have memory there (its cpuset's mems) */
	unsigned nr_pools;  /* 0 also for a node without memory */
	struct topology_pool pool[TOPOLOGY_MAX_POOLS]; /* ascending by size */
	unsigned distance[TOPOLOGY_MAX_NODES];	       /* to node[i] of the topology; 10 is local */
};

struct topology {
	unsigned nr_nodes;
	struct topology_node node[TOPOLOGY_MAX_NODES]; /* online ones, ascending by id */
	cpu_set_t online;
	cpu_set_t allowed;     /* CPUs that this process may use and that are online */
	int core[CPU_SETSIZE]; /* of each online CPU: the first of those that share its core; else -1 */
	uint64_t default_huge_page; /* bytes; 0 without huge pages */
};

/**
 * topology_read - look at the host
 * @topology: untouched on failure
 * @sysfs: "/sys"
 * @proc: "/proc": its self/status, meminfo and zoneinfo are read
 * @err: filled on failure: the file
 *
 * A kernel without NUMA has no node directory; then all CPUs and memory are node 0's. CPUs from CPU_SETSIZE on are left
 * out.
 * Return: 0; -errno of a file that has to be there; -EINVAL one that cannot be understood; -E2BIG more nodes than
 * TOPOLOGY_MAX_NODES, or more sizes of huge pages than TOPOLOGY_MAX_POOLS; -ENOMEM.
 */
int topology_read(struct topology *topology, const char *sysfs, const char *proc,
		  struct error *err);

/**
 * topology_find - a node by its number
 * @topology: read
 * @id: the number; may be -1 or that of a node that is not there
 *
 * Return: the node; NULL.
 */
const struct topology_node *topology_find(const struct topology *topology, int id);

/**
 * topology_pool - a node's huge pages of one size
 * @node: the node
 * @page_size: bytes
 *
 * Return: the pool; NULL when the node has none of that size: none of the host's nodes has, or it has no memory.
 */
const struct topology_pool *topology_pool(const struct topology_node *node, uint64_t page_size);

/**
 * topology_device_node - the NUMA node of a PCI device
 * @device_dir: its sysfs directory, resolved (no symbolic links)
 *
 * A device whose own entry says -1 takes the node of the nearest bridge that knows.
 * Any thread. Return: the node; -1 when nothing up to the root knows.
 */
int topology_device_node(const char *device_dir);

#endif
