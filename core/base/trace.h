/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Trace: counters, histograms and events that torc-trace reads while the machine runs; trace_format.h says how.
 *
 * The main thread makes the trace before all that writes to it. Each object and each thread's events have one writer.
 * Nothing here fails once trace_init() has returned: what has no place left counts into memory that nobody reads, and
 * events of a thread that has none are not recorded.
 *
 * Each place that records an event is also a USDT probe, torc:event, a nop while nobody attaches to it: arg0 is the enum
 * trace_type, arg1 the object (its name is 8 bytes further), arg2 to arg4 are @id, @a and @b.
 */
#ifndef CORE_BASE_TRACE_H
#define CORE_BASE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/sdt.h>

#include "core/base/bits.h"
#include "core/base/error.h"
#include "core/base/trace_format.h"

/* GCC takes a probe for a long function; a call would cost more than all the rest while nobody looks. */
#define TRACE_ALWAYS_INLINE __attribute__((always_inline))

/* For the functions below only. */
extern const uint64_t *trace_lease;		      /* in the header; never NULL */
extern _Thread_local struct trace_thread *trace_self; /* NULL: this thread records no events */

/**
 * trace_init - make the process's trace
 * @err: filled on failure
 *
 * Main thread, once. Without it objects and events go nowhere, as in unit tests.
 * Return: 0; -errno of memfd_create(2), ftruncate(2) or mmap(2).
 */
int trace_init(struct error *err);

/**
 * trace_destroy - unmap it; no other thread records any more, and no object is used
 */
void trace_destroy(void);

/**
 * trace_publish - let tools see it
 * @vm: for a title
 * @tsc_hz: how fast the TSC is; 0: not known
 *
 * The machine's thread. An unknown frequency is measured from trace_init() to this call, to some 200 ns in that time: make it
 * late.
 */
void trace_publish(const char *vm, uint64_t tsc_hz);

/**
 * trace_set_guest_tsc - say how the guest's TSC follows from the host's
 * @offset: added to the host's
 *
 * The machine's thread.
 */
void trace_set_guest_tsc(uint64_t offset);

/**
 * trace_object - a place to count
 * @kind: what it is
 * @name: for people; cut at TRACE_NAME_SIZE
 *
 * Any thread. Return: the object, all zero, until trace_destroy(); never NULL.
 */
struct trace_object *trace_object(enum trace_kind kind, const char *name);

/**
 * trace_release - whoever counted into an object is gone
 * @object: from trace_object(), or NULL
 *
 * What it counted stays to be read, until the next object of this kind and name takes its place and begins with 0. Any
 * thread.
 */
void trace_release(struct trace_object *object);

/**
 * trace_has_place - whether what an object counts is its own
 * @object: from trace_object()
 *
 * Return: false for one for which the table had no place.
 */
bool trace_has_place(const struct trace_object *object);

/**
 * trace_read - read part of an object
 * @i: which, counted in the order they were made
 * @offset: in struct trace_object
 * @to: receives @size bytes
 * @size: within the object
 *
 * As tools do, by pread(2): a look through the mapping would make a page wherever there is none. Any thread.
 * Return: whether there is such an object.
 */
bool trace_read(unsigned i, size_t offset, void *to, size_t size);

/**
 * trace_tsc_hz - how fast the TSC is
 *
 * Return: as published; 0 before.
 */
uint64_t trace_tsc_hz(void);

/**
 * trace_own - say that the calling thread writes to an object
 * @object: which
 */
void trace_own(struct trace_object *object);

/**
 * trace_thread_begin - record the calling thread's events from now on
 * @name: as of the thread; behind those of one that has ended and was called so
 */
void trace_thread_begin(const char *name);

/**
 * trace_thread_name - what the calling thread is called
 *
 * Return: as trace_thread_begin() was told; "" while it records no events.
 */
const char *trace_thread_name(void);

/**
 * trace_thread_end - no longer; called by the thread before it ends
 */
void trace_thread_end(void);

/**
 * trace_write - record an event whose time was read before; while trace_is_on()
 * @tsc: when it was
 * @type: what
 * @object: of which object
 * @id: see enum trace_type
 * @a: likewise
 * @b: likewise
 */
void trace_write(uint64_t tsc, enum trace_type type, const struct trace_object *object, uint32_t id,
		 uint64_t a, uint64_t b);

/**
 * trace_tsc - the time
 *
 * Return: the host's TSC.
 */
static inline uint64_t trace_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/**
 * trace_is_on - whether events of this thread are recorded
 *
 * Return: true while somebody has the lease.
 */
static inline bool trace_is_on(void)
{
	return READ_ONCE(*trace_lease) && trace_self;
}

/**
 * trace_probe - where only a USDT probe is
 * @type: what
 * @object: of which object
 * @id: see enum trace_type
 * @a: likewise
 * @b: likewise
 */
static inline TRACE_ALWAYS_INLINE void trace_probe(enum trace_type type,
						   const struct trace_object *object, uint32_t id,
						   uint64_t a, uint64_t b)
{
	DTRACE_PROBE5(torc, event, type, object, id, a, b);
}

/**
 * trace_event_at - record an event of the calling thread, if somebody wants it
 * @tsc: when it was; to read the TSC costs as much as all the rest
 * @type: what
 * @object: of which object
 * @id: see enum trace_type
 * @a: likewise
 * @b: likewise
 */
static inline TRACE_ALWAYS_INLINE void trace_event_at(uint64_t tsc, enum trace_type type,
						      const struct trace_object *object,
						      uint32_t id, uint64_t a, uint64_t b)
{
	trace_probe(type, object, id, a, b);
	if (__builtin_expect(trace_is_on(), false))
		trace_write(tsc, type, object, id, a, b);
}

/**
 * trace_record - add a value to a histogram
 * @object: the calling thread is its writer
 * @histogram: which
 * @value: any
 */
static inline void trace_record(struct trace_object *object, unsigned histogram, uint64_t value)
{
	histogram_record(&object->histogram[histogram], value);
}

/**
 * trace_record_many - add a value to a histogram several times
 * @object: the calling thread is its writer
 * @histogram: which
 * @value: any
 * @n: how often
 */
static inline void trace_record_many(struct trace_object *object, unsigned histogram,
				     uint64_t value, uint64_t n)
{
	histogram_record_many(&object->histogram[histogram], value, n);
}

/**
 * trace_count - add to a counter
 * @object: the calling thread is its writer
 * @counter: which
 * @n: how much
 */
static inline void trace_count(struct trace_object *object, unsigned counter, uint64_t n)
{
	store_release(&object->counter[counter], object->counter[counter] + n);
}

#endif
