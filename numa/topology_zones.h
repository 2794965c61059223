/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Topology's zones: how much of a node's memory the kernel keeps for itself. Any thread may call.
 * Source: Linux Documentation/filesystems/proc.rst, MemAvailable; admin-guide/sysctl/vm.rst, lowmem_reserve_ratio.
 */
#ifndef NUMA_TOPOLOGY_ZONES_H
#define NUMA_TOPOLOGY_ZONES_H

#include <stdint.h>

/** Of one node, in bytes. */
struct topology_reserve {
	uint64_t free; /* free memory that is not for user space */
	uint64_t low;  /* the sum of the low watermarks: below, the kernel reclaims */
};

/**
 * topology_zones_reserve - what the kernel keeps of a node
 * @text: of /proc/zoneinfo
 * @node: the node's number
 *
 * Return: the sum over the node's zones; 0 for a node that has none.
 */
struct topology_reserve topology_zones_reserve(const char *text, unsigned node);

/**
 * topology_zones_available - what of a node's memory can be had without swapping, as MemAvailable estimates it
 * @reserve: of the node
 * @free: bytes
 * @cache: bytes of files' pages
 * @slab: bytes of reclaimable slabs
 *
 * Return: bytes.
 */
uint64_t topology_zones_available(const struct topology_reserve *reserve, uint64_t free,
				  uint64_t cache, uint64_t slab);

#endif
