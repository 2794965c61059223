/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Queue trace: what is counted, timed and recorded of a queue's requests, each on its way from the available ring to the
 * used one.
 *
 * What a turn of the ring does together has one stamp: requests that are taken at a time the time when the queue was looked
 * at, so that waiting for those before counts; completions that of the ring's wake-up, when all of them were there.
 * The thread of the queue's ring calls everything but queue_trace_init() and queue_trace_destroy(). A driver that breaks
 * the specification gets what it deserves in the figures; memory is safe as long as heads are those of popped chains.
 */
#ifndef IO_VIRTIO_QUEUE_TRACE_H
#define IO_VIRTIO_QUEUE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/trace.h"
#include "io/virtio/queue.h"

/** When what happened to a request. */
struct queue_stamp {
	uint64_t popped;
	uint64_t completed; /* its last operation; 0: it had none */
	uint64_t bytes;	    /* read and written */
	uint16_t error;	    /* errno of that operation; 0: none */
	bool is_kicked;	    /* taken as the doorbell rang */
};

/** Requests in a row that took as long. */
struct queue_run {
	uint64_t popped, completed;
	unsigned nr;
};

struct queue_trace {
	struct trace_object *object;
	unsigned size;
	struct queue_stamp *stamp; /* of each head */
	unsigned nr_used;	   /* but not published: */
	struct queue_run *run;	   /* those */
	unsigned nr_runs;
	uint64_t kick_tsc; /* of the last doorbell */
};

/**
 * queue_trace_init - nothing has happened yet
 * @t: embedded
 * @id: of the device
 * @index: of the queue
 * @size: heads there may be
 *
 * Return: 0; -ENOMEM.
 */
int queue_trace_init(struct queue_trace *t, const char *id, unsigned index, unsigned size);

/**
 * queue_trace_destroy - free what is private; what was counted stays
 * @t: initialised or zeroed
 */
void queue_trace_destroy(struct queue_trace *t);

/**
 * queue_trace_start - the queue is served from now on, by the calling thread
 * @t: initialised
 */
void queue_trace_start(struct queue_trace *t);

/**
 * queue_trace_kick - its doorbell's completion is handled
 * @t: started
 * @tsc: when that came
 */
void queue_trace_kick(struct queue_trace *t, uint64_t tsc);

/**
 * queue_trace_pop - a request was taken
 * @t: started
 * @tsc: when the queue was looked at
 * @chain: as popped
 */
void queue_trace_pop(struct queue_trace *t, uint64_t tsc, const struct virtqueue_chain *chain);

/**
 * queue_trace_complete - an operation of a request is done
 * @t: started
 * @tsc: when it was
 * @head: of the request
 * @result: of the operation
 */
void queue_trace_complete(struct queue_trace *t, uint64_t tsc, uint16_t head, int32_t result);

/**
 * queue_trace_arrive - what the request was waiting for has come: its latency counts from here
 * @t: started
 * @tsc: when it was
 * @head: of the request
 * @size: bytes that came
 */
void queue_trace_arrive(struct queue_trace *t, uint64_t tsc, uint16_t head, uint32_t size);

/**
 * queue_trace_used - a request is in the used ring
 * @t: started
 * @head: of the request
 * @len: bytes written
 */
void queue_trace_used(struct queue_trace *t, uint16_t head, uint32_t len);

/**
 * queue_trace_publish - the driver can see all that are used
 * @t: started
 * @tsc: since when
 * @idx: the used ring's index
 * @interrupts: and it was interrupted then
 */
void queue_trace_publish(struct queue_trace *t, uint64_t tsc, uint16_t idx, bool interrupts);

/**
 * queue_trace_submit - an operation of a request was given to the ring
 * @t: started
 * @head: of the request
 * @a: the operation's own
 * @b: likewise
 */
static inline void queue_trace_submit(const struct queue_trace *t, uint16_t head, uint64_t a,
				      uint64_t b)
{
	trace_probe(TRACE_EVENT_QUEUE, t->object, head, a, b);
}

/**
 * queue_trace_error - a request failed
 * @t: started
 */
static inline void queue_trace_error(struct queue_trace *t)
{
	trace_count(t->object, TRACE_QUEUE_ERRORS, 1);
}

#endif
