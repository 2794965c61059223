/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Guest memory: where guest RAM lies in torc's address space, and on which nodes of the host.
 *
 * RAM is made of zones, each of its own kind of pages and with a node of its own, one after the other from 0; what does
 * not fit below GUEST_LOW_END continues at GUEST_HIGH_START, and the gap between them holds devices. A zone starts at a
 * multiple of its pages, so there may be a hole before one. Host address and guest address differ by a multiple of
 * 1 GiB, the same for all of RAM: KVM and the IOMMU can use as large pages as the host has, and zones that touch in the guest
 * do in torc, so that a buffer may reach from one into the next. A region is RAM without a hole.
 *
 * Neither changes while a vCPU runs, so any thread may look addresses up.
 */
#ifndef CORE_KVM_GUEST_MEM_H
#define CORE_KVM_GUEST_MEM_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bits.h"
#include "core/base/error.h"
#include "numa/memory.h"

#define GUEST_LOW_END	    (3 * GIB) /* end of RAM below the gap, at most */
#define GUEST_HIGH_START    (4 * GIB) /* where the rest of RAM starts */
#define GUEST_MEM_MAX_ZONES 16
#define GUEST_MEM_MAX_REGIONS \
	(GUEST_MEM_MAX_ZONES + 1) /* a hole before each zone but the first, and the gap */

struct guest_region {
	gpa_t gpa;
	uint64_t size; /* bytes, a multiple of 2 MiB */
	void *va;
};

struct guest_zone_config {
	const char *id;		       /* outlives the memory */
	uint64_t size;		       /* bytes, a multiple of 2 MiB and of its pages */
	struct memory_backing backing; /* its file outlives guest_mem_init() */
	int node;		       /* of the host; -1: wherever there is room */
	bool is_strict;		       /* there or nowhere */
	bool populate;		       /* guest_mem_populate() is to make all of it present */
	const cpu_set_t *cpus; /* where its threads run, outlives the memory; NULL: anywhere */
};

struct guest_mem_config {
	unsigned nr_zones; /* 1 to GUEST_MEM_MAX_ZONES */
	struct guest_zone_config zone[GUEST_MEM_MAX_ZONES];
};

#define GUEST_ZONE_MAX_PARTS 2 /* below and above the gap */

struct guest_zone {
	struct guest_zone_config config;
	struct memory_source source;
	unsigned nr_parts;
	struct guest_region part[GUEST_ZONE_MAX_PARTS];
	struct memory_census census; /* once populated; empty on a kernel without NUMA */
};

struct guest_mem {
	char *base;    /* host address of guest address 0 */
	uint64_t end;  /* guest address behind all RAM */
	uint64_t size; /* bytes in all regions */
	unsigned nr_regions;
	struct guest_region region[GUEST_MEM_MAX_REGIONS]; /* sorted, disjoint */
	unsigned nr_zones;
	struct guest_zone zone[GUEST_MEM_MAX_ZONES];
	bool is_populated;
};

/**
 * guest_mem_init - map guest RAM and bind it to its nodes
 * @mem: embedded by the caller; untouched on failure
 * @config: what to map
 * @err: filled on failure
 *
 * Main thread. Return: 0; -EINVAL; what memory_reserve(), memory_source_open(), memory_map() and memory_bind() return.
 */
int guest_mem_init(struct guest_mem *mem, const struct guest_mem_config *config, struct error *err);

/**
 * guest_mem_populate - make pages present, in parallel, and see where they are
 * @mem: initialised; nothing happens when this has been done
 * @options: how
 * @err: filled on failure; names the first page that is not where it has to be
 *
 * Any thread, one at a time; the memory may be in use.
 * Return: 0; what memory_populate() returns; -EXDEV a page of a strict zone is on another node.
 */
int guest_mem_populate(struct guest_mem *mem, const struct memory_populate_options *options,
		       struct error *err);

/**
 * guest_mem_check - see where the pages are, again
 * @mem: initialised; its zones' censuses are taken anew
 * @err: filled on failure; names the first page that is not where it has to be
 *
 * Any thread, one at a time. Return: 0; -EXDEV a page of a strict zone is on another node; -errno.
 */
int guest_mem_check(struct guest_mem *mem, struct error *err);

/**
 * guest_mem_destroy - unmap it; nothing may use it any more
 * @mem: initialised or zeroed
 */
void guest_mem_destroy(struct guest_mem *mem);

/**
 * guest_mem_ptr - host address of a range of guest RAM
 * @mem: the memory
 * @gpa: start
 * @size: bytes; the whole range must lie in one region
 *
 * Any thread. The guest may write there at any time: fetch once. Return: the address; NULL when it is not RAM.
 */
void *guest_mem_ptr(const struct guest_mem *mem, gpa_t gpa, uint64_t size);

#endif
