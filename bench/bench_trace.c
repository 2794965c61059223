/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tracing costs where it is: one counter, one value of a histogram, one event, off and on; the TSC alone; all that is
 * done for a request of a queue, off and on, of so many in a turn.
 */
#include <stdlib.h>

#include "bench/bench.h"
#include "core/base/bits.h"
#include "core/base/trace.h"
#include "io/virtio/queue_trace.h"

#define BATCH 1000 /* an iteration, so that the library's clock does not count */

static struct trace_object *begin(bool lease)
{
	if (trace_init(NULL))
		abort();
	trace_thread_begin("bench");
	/* Constant only for those that record. */
	store_release((uint64_t *)trace_lease, lease ? UINT64_MAX : 0);
	return trace_object(TRACE_QUEUE, "bench");
}

static void end(struct bench_state *state, int64_t items)
{
	bench_items(state, items);
	trace_thread_end();
	trace_destroy();
}

static void tsc(struct bench_state *state, int64_t arg)
{
	volatile uint64_t now;
	int64_t done = 0;

	while (bench_next(state)) {
		for (unsigned i = 0; i < BATCH; i++)
			now = trace_tsc();
		done += BATCH;
	}
	bench_items(state, done);
	(void)now;
}

static void counter(struct bench_state *state, int64_t arg)
{
	struct trace_object *object = begin(false);
	int64_t done = 0;

	while (bench_next(state)) {
		for (unsigned i = 0; i < BATCH; i++)
			trace_count(object, TRACE_QUEUE_REQUESTS, i);
		done += BATCH;
	}
	end(state, done);
}

/* Latencies of 1 to 16 us at 2 GHz, as they come. */
static void histogram(struct bench_state *state, int64_t arg)
{
	struct trace_object *object = begin(false);
	uint32_t value = 1;
	int64_t done = 0;

	while (bench_next(state)) {
		for (unsigned i = 0; i < BATCH; i++) {
			value = value * 1664525 + 1013904223;
			trace_record(object, TRACE_QUEUE_LATENCY, 2048 + (value >> 17));
		}
		done += BATCH;
	}
	end(state, done);
}

static void events(struct bench_state *state, bool lease)
{
	struct trace_object *object = begin(lease);
	int64_t done = 0;

	while (bench_next(state)) {
		for (unsigned i = 0; i < BATCH; i++)
			trace_event_at(trace_tsc(), TRACE_EVENT_POP, object, i, 512, 1);
		done += BATCH;
	}
	end(state, done);
}

static void event_off(struct bench_state *state, int64_t arg)
{
	events(state, false);
}

static void event_on(struct bench_state *state, int64_t arg)
{
	events(state, true);
}

/* Two turns of a ring: one takes and submits, the other completes and publishes. */
static void two_turns(struct queue_trace *t, unsigned n)
{
	struct virtqueue_chain chain = { .out_len = 16, .in_len = 4097 };
	uint64_t now = trace_tsc();

	queue_trace_kick(t, now);
	for (unsigned i = 0; i < n; i++) {
		chain.head = (uint16_t)i;
		queue_trace_pop(t, now, &chain);
		queue_trace_submit(t, chain.head, 0, 4096);
	}
	now = trace_tsc();
	for (unsigned i = 0; i < n; i++) {
		queue_trace_complete(t, now, (uint16_t)i, 4096);
		queue_trace_used(t, (uint16_t)i, 4097);
	}
	queue_trace_publish(t, trace_tsc(), 0, true);
}

static void requests(struct bench_state *state, unsigned n, bool lease)
{
	struct queue_trace t;
	int64_t done = 0;

	begin(lease);
	if (queue_trace_init(&t, "bench", 0, BATCH))
		abort();
	while (bench_next(state)) {
		for (unsigned i = 0; i < BATCH; i += n)
			two_turns(&t, n);
		done += BATCH;
	}
	queue_trace_destroy(&t);
	end(state, done);
}

static void request_off(struct bench_state *state, int64_t n)
{
	requests(state, (unsigned)n, false);
}

static void request_on(struct bench_state *state, int64_t n)
{
	requests(state, (unsigned)n, true);
}

const bool bench_has_own_clock = false;

const struct bench bench_table[] = {
	{ "trace/tsc", tsc, { 1 } },
	{ "trace/counter", counter, { 1 } },
	{ "trace/histogram", histogram, { 1 } },
	{ "trace/event-off", event_off, { 1 } },
	{ "trace/event-on", event_on, { 1 } },
	{ "trace/request-off", request_off, { 1, 25 } },
	{ "trace/request-on", request_on, { 1, 25 } },
	{ 0 },
};
