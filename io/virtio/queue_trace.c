/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/queue_trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int queue_trace_init(struct queue_trace *t, const char *id, unsigned index, unsigned size)
{
	struct queue_stamp *stamp = calloc(size, sizeof(*stamp));
	uint64_t *popped = calloc(size, sizeof(*popped));
	char name[TRACE_NAME_SIZE];

	if (!stamp || !popped) {
		free(stamp);
		free(popped);
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), "%.24s queue %u", id, index);
	*t = (struct queue_trace){
		.object = trace_object(TRACE_QUEUE, name),
		.size = size,
		.stamp = stamp,
		.popped = popped,
	};
	return 0;
}

void queue_trace_destroy(struct queue_trace *t)
{
	free(t->stamp);
	free(t->popped);
	memset(t, 0, sizeof(*t));
}

void queue_trace_start(struct queue_trace *t)
{
	trace_own(t->object);
	t->nr_used = 0;
}

void queue_trace_kick(struct queue_trace *t, uint64_t tsc)
{
	trace_count(t->object, TRACE_QUEUE_KICKS, 1);
	trace_event_at(tsc, TRACE_EVENT_KICK, t->object, 0, 0, 0);
}

void queue_trace_pop(struct queue_trace *t, const struct virtqueue_chain *chain)
{
	struct queue_stamp *stamp = &t->stamp[chain->head];

	stamp->popped = trace_tsc();
	stamp->completed = 0;
	trace_count(t->object, TRACE_QUEUE_BYTES, chain->out_len);
	trace_event_at(stamp->popped, TRACE_EVENT_POP, t->object, chain->head, chain->out_len,
		       chain->in_len);
}

void queue_trace_complete(struct queue_trace *t, uint64_t tsc, uint16_t head, int32_t result)
{
	struct queue_stamp *stamp = &t->stamp[head];

	/* One that was taken since the wake-up, submitted as the queue of submissions was full, and done at once. */
	if (tsc < stamp->popped)
		tsc = trace_tsc();
	stamp->completed = tsc;
	trace_event_at(tsc, TRACE_EVENT_COMPLETE, t->object, head, (uint64_t)result, 0);
}

void queue_trace_arrive(struct queue_trace *t, uint64_t tsc, uint16_t head, uint32_t size)
{
	struct queue_stamp *stamp = &t->stamp[head];

	if (tsc < stamp->popped)
		tsc = trace_tsc();
	stamp->popped = tsc;
	trace_event_at(tsc, TRACE_EVENT_COMPLETE, t->object, head, size, 0);
}

void queue_trace_used(struct queue_trace *t, uint16_t head, uint32_t len)
{
	const struct queue_stamp *stamp = &t->stamp[head];

	trace_count(t->object, TRACE_QUEUE_REQUESTS, 1);
	trace_count(t->object, TRACE_QUEUE_BYTES, len);
	if (stamp->completed)
		trace_record(t->object, TRACE_QUEUE_DEVICE, stamp->completed - stamp->popped);
	trace_event(TRACE_EVENT_USED, t->object, head, len, 0);
	/* More than there are heads: the driver makes one available again before it can know that it is used. */
	if (t->nr_used < t->size)
		t->popped[t->nr_used++] = stamp->popped;
}

void queue_trace_publish(struct queue_trace *t, uint64_t tsc, uint16_t idx, bool interrupts)
{
	if (!t->nr_used)
		return;
	for (unsigned i = 0; i < t->nr_used; i++)
		trace_record(t->object, TRACE_QUEUE_LATENCY, tsc - t->popped[i]);
	trace_record(t->object, TRACE_QUEUE_BATCH, t->nr_used);
	t->nr_used = 0;
	trace_event_at(tsc, TRACE_EVENT_PUBLISH, t->object, idx, 0, 0);
	if (!interrupts)
		return;
	trace_count(t->object, TRACE_QUEUE_INTERRUPTS, 1);
	trace_event_at(tsc, TRACE_EVENT_INTERRUPT, t->object, 0, 0, 0);
}
