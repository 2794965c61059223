/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Guest memory: where guest RAM lies in torc's address space.
 *
 * RAM starts at 0; what does not fit below GUEST_LOW_END continues at GUEST_HIGH_START, and the gap between them
 * holds devices. The regions do not change while a vCPU runs, so any thread may look addresses up.
 */
#ifndef CORE_KVM_GUEST_MEM_H
#define CORE_KVM_GUEST_MEM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/bits.h"
#include "core/base/error.h"

#define GUEST_LOW_END	      (3 * GIB) /* end of RAM below the gap, at most */
#define GUEST_HIGH_START      (4 * GIB) /* where the rest of RAM starts */
#define GUEST_MEM_MAX_REGIONS 2

struct guest_region {
	gpa_t gpa;
	uint64_t size; /* bytes, a multiple of 4 KiB */
	void *va;
};

struct guest_mem {
	unsigned nr_regions;
	struct guest_region region[GUEST_MEM_MAX_REGIONS]; /* sorted, disjoint */
	uint64_t size;					   /* bytes in all regions */
};

struct guest_mem_config {
	uint64_t size; /* bytes, a multiple of 1 MiB, at least 16 MiB */
	bool thp;      /* ask for transparent huge pages */
};

/**
 * guest_mem_init - map guest RAM
 * @mem: embedded by the caller; untouched on failure
 * @config: what to map
 * @err: filled on failure
 *
 * Anonymous private memory; host address and guest address are congruent modulo 1 GiB where the region is that
 * large, else modulo 2 MiB, so that KVM and the IOMMU can use large pages.
 * Main thread. Return: 0; -ENOMEM; -EINVAL.
 */
int guest_mem_init(struct guest_mem *mem, const struct guest_mem_config *config, struct error *err);

/**
 * guest_mem_populate - make every page present, in parallel
 * @mem: initialised
 * @cancel: set by another thread to give up soon
 * @err: filled on failure
 *
 * Any thread; the memory may be in use. Return: 0; -ENOMEM; -ECANCELED.
 */
int guest_mem_populate(const struct guest_mem *mem, const bool *cancel, struct error *err);

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
