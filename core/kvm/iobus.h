/* SPDX-License-Identifier: Apache-2.0 */
/**
 * I/O bus: which device answers a guest's port or memory-mapped access.
 *
 * One bus for ports, one for MMIO. Lookup is a binary search in an immutable sorted array that
 * writers replace as a whole; the exit path takes no lock. Writers (BAR moves, set-up) serialise on
 * a mutex of the bus. A replaced array is freed once no reader can hold it: each vCPU thread owns
 * one struct iobus_reader, in which it publishes the generation it reads. A device may therefore
 * still see one access that began before its removal; it must outlive the bus or tolerate that.
 */
#ifndef CORE_KVM_IOBUS_H
#define CORE_KVM_IOBUS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/bits.h"

struct iobus_ops {
	/* @offset from the start of the region; @size 1, 2, 4 or 8; the access lies within the
	 * region. */
	uint64_t (*read)(void *opaque, uint64_t offset, unsigned size);
	void (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value);
};

struct iobus_region {
	uint64_t base;
	uint64_t size; /* at least 1; the last byte, base + size - 1, is at most UINT64_MAX */
	const struct iobus_ops *ops;
	void *opaque;
	const char *name; /* for the log; borrowed */
};

/** One per reading thread and bus; zero it before its first use. */
struct iobus_reader {
	uint64_t generation; /* of the table in use; 0 outside a dispatch */
	struct iobus_reader *next;
};

struct iobus_table;

/** calloc(3), but for tests that have it fail. */
extern void *(*iobus_calloc)(size_t nr, size_t size);

struct iobus {
	const char *name;
	struct iobus_table *table; /* current; load_acquire */
	struct iobus_table *retired;
	struct iobus_reader *readers;
	pthread_mutex_t lock; /* writers, readers list */
	uint64_t generation;
};

/**
 * iobus_init - an empty bus
 * @bus: embedded by the caller
 * @name: "pio" or "mmio"; borrowed
 *
 * Return: 0; -ENOMEM.
 */
int iobus_init(struct iobus *bus, const char *name);

/**
 * iobus_destroy - free the tables; no reader may be in a dispatch
 * @bus: initialised, or zeroed and never initialised
 */
void iobus_destroy(struct iobus *bus);

/**
 * iobus_register_reader - announce a thread that will dispatch
 * @bus: the bus
 * @reader: zeroed; must live until it is unregistered, or iobus_destroy()
 *
 * Any thread.
 */
void iobus_register_reader(struct iobus *bus, struct iobus_reader *reader);

/**
 * iobus_unregister_reader - a thread will dispatch no more
 * @bus: the bus
 * @reader: registered, or not; outside a dispatch
 *
 * Any thread.
 */
void iobus_unregister_reader(struct iobus *bus, struct iobus_reader *reader);

/**
 * iobus_add - make a region answer
 * @bus: the bus
 * @region: copied; must not overlap another
 *
 * Any thread, also from within a dispatch. Return: 0; -EEXIST overlap; -EINVAL empty or wraps;
 * -ENOMEM.
 */
MUST_CHECK int iobus_add(struct iobus *bus, const struct iobus_region *region);

/**
 * iobus_remove - make it no longer answer
 * @bus: the bus
 * @base: start of a region that iobus_add() took
 *
 * Never fails: what a device leaves behind would be read and written by the guest. Any thread, also from within a
 * dispatch. Return: whether there was one.
 */
bool iobus_remove(struct iobus *bus, uint64_t base);

/**
 * iobus_synchronize - wait until no access that began before is within a region that was removed before
 * @bus: the bus
 *
 * Accesses that begin meanwhile are not waited for, so it takes as long as one does. Any thread, not from within a
 * dispatch.
 */
void iobus_synchronize(struct iobus *bus);

/**
 * iobus_read - dispatch a guest's read; a device may dispatch on the same bus with the same reader
 * @bus: the bus
 * @reader: the calling thread's
 * @addr: port or guest physical address
 * @size: 1, 2, 4 or 8
 *
 * Return: the value, zero-extended; @size bytes of all ones when nothing answers the whole access.
 */
uint64_t iobus_read(struct iobus *bus, struct iobus_reader *reader, uint64_t addr, unsigned size);

/**
 * iobus_write - dispatch a guest's write; dropped when nothing answers the whole access
 * @bus: the bus
 * @reader: the calling thread's
 * @addr: port or guest physical address
 * @size: 1, 2, 4 or 8
 * @value: zero-extended
 */
void iobus_write(struct iobus *bus, struct iobus_reader *reader, uint64_t addr, unsigned size,
		 uint64_t value);

#endif
