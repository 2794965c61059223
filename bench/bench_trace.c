/* SPDX-License-Identifier: Apache-2.0 */
/* What tracing costs where it is: one counter, one value of a histogram, one event, off and on; the TSC alone. */
#include <stdlib.h>

#include "bench/bench.h"
#include "core/base/bits.h"
#include "core/base/trace.h"

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
			trace_event(TRACE_EVENT_POP, object, i, 512, 1);
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

const struct bench bench_table[] = {
	{ "trace/tsc", tsc, { 1 } },
	{ "trace/counter", counter, { 1 } },
	{ "trace/histogram", histogram, { 1 } },
	{ "trace/event-off", event_off, { 1 } },
	{ "trace/event-on", event_on, { 1 } },
	{ 0 },
};
