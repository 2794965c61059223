/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ring memory: guest memory registered with io_uring once, for all rings.
 *
 * I/O on registered memory finds its pages without walking page tables and taking references. It is registered with an
 * io_uring of its own, which does nothing else, and each ring takes the registrations over; so there is one list of
 * pages, whoever has it made may take its time, and no ring stands still for it. Needs Linux 6.12: before that a ring
 * cannot take over what another has, and to register takes the square of the time.
 */
#ifndef IO_RING_RING_MEMORY_H
#define IO_RING_RING_MEMORY_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct ring;

#define RING_MAX_REGIONS 17 /* as many as guest memory can have */

struct ring_memory {
	struct io_uring uring;
	struct iovec region[RING_MAX_REGIONS];
	unsigned nr_regions;
	unsigned nr_buffers; /* of 1 GiB each, but for the last of a region; 0: not initialised */
};

/**
 * ring_memory_init - register memory
 * @memory: embedded; untouched on failure
 * @region: @nr page-aligned ranges; mapped until ring_memory_destroy(), with the pages they have now
 * @nr: 1 to RING_MAX_REGIONS
 *
 * Populates and pins the pages. Any thread, one at a time.
 * Return: 0; -ENOMEM locked-memory limit; -EFAULT not mapped; -E2BIG; -EINVAL.
 */
int ring_memory_init(struct ring_memory *memory, const struct iovec *region, unsigned nr);

/**
 * ring_memory_destroy - give the registrations up; rings that took them over have them until they end
 * @memory: initialised or zeroed
 */
void ring_memory_destroy(struct ring_memory *memory);

/**
 * ring_take_memory - have a ring's reads and writes use registered memory
 * @ring: the calling thread's, without any yet
 * @memory: initialised; outlives the ring
 *
 * Return: 0; -ENOSYS before Linux 6.12; -EBUSY it has some; -ENOMEM.
 */
int ring_take_memory(struct ring *ring, const struct ring_memory *memory);

#endif
