/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The trace of the calling process, for tests of what writes to it: what a tool would find in its file.
 */
#ifndef TESTS_FAKE_TRACE_H
#define TESTS_FAKE_TRACE_H

#include "core/base/bits.h"
#include "core/base/trace.h"

/**
 * trace_file - the file that trace_init() made
 *
 * Return: its header, which the rest follows.
 */
static inline struct trace_header *trace_file(void)
{
	return container_of(trace_lease, struct trace_header, lease_tsc);
}

/**
 * trace_hold_lease - have events recorded from now on
 */
static inline void trace_hold_lease(void)
{
	store_release(&trace_file()->lease_tsc, UINT64_MAX);
}

/**
 * trace_find_event - the next event of an object, of whatever thread
 * @object: which
 * @from: the least stamp; what came before is passed over
 * @type: what; TRACE_EVENT_NONE: anything
 * @id: of the event; UINT32_MAX: anyone
 *
 * Return: the oldest of them; NULL: there is none.
 */
static inline const struct trace_event *trace_find_event(const struct trace_object *object,
							 uint64_t from, enum trace_type type,
							 uint32_t id)
{
	const char *file = (const char *)trace_file();
	const struct trace_thread *thread = (const void *)(file + trace_file()->threads);
	const struct trace_object *objects = (const void *)(file + trace_file()->objects);
	const struct trace_event *found = NULL;

	for (unsigned t = 0; t < trace_file()->nr_threads; t++) {
		const struct trace_event *event = (const void *)(file + thread[t].events);
		uint64_t nr = load_acquire(&thread[t].head); /* pairs with trace_write() */

		for (uint64_t i = 0; i < nr && i < trace_file()->nr_events; i++, event++) {
			if (objects + event->object == object && event->tsc >= from &&
			    (!type || event->type == type) &&
			    (id == UINT32_MAX || event->id == id) &&
			    (!found || event->tsc < found->tsc))
				found = event;
		}
	}
	return found;
}

#endif
