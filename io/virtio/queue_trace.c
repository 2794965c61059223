/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/queue_trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/device/device.h"

int queue_trace_init(struct queue_trace *t, const char *id, unsigned index, unsigned size)
{
	struct queue_stamp *stamp = calloc(size, sizeof(*stamp));
	struct queue_run *run = calloc(size, sizeof(*run));
	char name[TRACE_NAME_SIZE];

	if (!stamp || !run) {
		free(stamp);
		free(run);
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), "%.*s queue %u", DEVICE_MAX_ID, id, index);
	*t = (struct queue_trace){
		.object = trace_object(TRACE_QUEUE, name),
		.size = size,
		.stamp = stamp,
		.run = run,
	};
	return 0;
}

void queue_trace_destroy(struct queue_trace *t)
{
	trace_release(t->object);
	free(t->stamp);
	free(t->run);
	memset(t, 0, sizeof(*t));
}

void queue_trace_start(struct queue_trace *t)
{
	trace_own(t->object);
	t->nr_used = t->nr_runs = 0;
}

void queue_trace_kick(struct queue_trace *t, uint64_t tsc)
{
	t->kick_tsc = tsc;
	trace_count(t->object, TRACE_QUEUE_KICKS, 1);
	trace_event_at(tsc, TRACE_EVENT_KICK, t->object, 0, 0, 0);
}

void queue_trace_pop(struct queue_trace *t, uint64_t tsc, const struct virtqueue_chain *chain)
{
	struct queue_stamp *stamp = &t->stamp[chain->head];

	*stamp = (struct queue_stamp){
		.popped = tsc,
		.bytes = chain->out_len,
		.is_kicked = tsc == t->kick_tsc,
	};
	trace_probe(TRACE_EVENT_POP, t->object, chain->head, chain->out_len, chain->in_len);
}

void queue_trace_complete(struct queue_trace *t, uint64_t tsc, uint16_t head, int32_t result)
{
	struct queue_stamp *stamp = &t->stamp[head];

	/* One that was taken since the wake-up, submitted as the queue of submissions was full, and done at once. */
	if (tsc <= stamp->popped)
		tsc = trace_tsc();
	stamp->completed = tsc;
	stamp->error = result < 0 ? (uint16_t)-result : 0;
	trace_probe(TRACE_EVENT_COMPLETE, t->object, head, (uint64_t)result, 0);
}

void queue_trace_arrive(struct queue_trace *t, uint64_t tsc, uint16_t head, uint32_t size)
{
	struct queue_stamp *stamp = &t->stamp[head];

	if (tsc < stamp->popped)
		tsc = trace_tsc();
	stamp->popped = tsc;
	stamp->is_kicked = false;
	trace_probe(TRACE_EVENT_COMPLETE, t->object, head, size, 0);
}

void queue_trace_used(struct queue_trace *t, uint16_t head, uint32_t len)
{
	struct queue_stamp *stamp = &t->stamp[head];
	struct queue_run *last = t->nr_runs ? &t->run[t->nr_runs - 1] : NULL;

	stamp->bytes += len;
	trace_count(t->object, TRACE_QUEUE_BYTES, stamp->bytes);
	trace_event_at(stamp->popped, TRACE_EVENT_USED, t->object,
		       head | (uint32_t)stamp->error << 16 |
			       (stamp->is_kicked ? TRACE_USED_KICKED : 0),
		       stamp->bytes, stamp->completed);
	t->nr_used++;
	if (last && last->popped == stamp->popped && last->completed == stamp->completed) {
		last->nr++;
		return;
	}
	/* More than there are heads: the driver makes one available again before it can know that it is used. */
	if (t->nr_runs < t->size)
		t->run[t->nr_runs++] = (struct queue_run){ stamp->popped, stamp->completed, 1 };
}

static void record_run(struct trace_object *object, uint64_t tsc, const struct queue_run *run)
{
	trace_record_many(object, TRACE_QUEUE_LATENCY, tsc - run->popped, run->nr);
	if (run->completed)
		trace_record_many(object, TRACE_QUEUE_DEVICE, run->completed - run->popped,
				  run->nr);
}

void queue_trace_publish(struct queue_trace *t, uint64_t tsc, uint16_t idx, bool interrupts)
{
	if (!t->nr_used)
		return;
	for (unsigned i = 0; i < t->nr_runs; i++)
		record_run(t->object, tsc, &t->run[i]);
	trace_count(t->object, TRACE_QUEUE_REQUESTS, t->nr_used);
	trace_record(t->object, TRACE_QUEUE_BATCH, t->nr_used);
	t->nr_used = t->nr_runs = 0;
	trace_event_at(tsc, TRACE_EVENT_PUBLISH, t->object, idx, interrupts, 0);
	if (!interrupts)
		return;
	trace_count(t->object, TRACE_QUEUE_INTERRUPTS, 1);
	trace_probe(TRACE_EVENT_INTERRUPT, t->object, 0, 0, 0);
}
