/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/span.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/trace/report/span_kernel.h"

#define NR_HEADS 32768U /* of the largest virtqueue */

/* A queue while its events are gone through. */
struct queue {
	size_t used[NR_HEADS]; /* places in spans of those not shown yet */
	unsigned nr_used;
};

/* A thread's events, as they are gone through. */
struct maker {
	struct trace_spans *spans;
	const struct trace_recording *rec;
	struct queue **queue; /* of each object; NULL: no event of it yet */
	uint16_t thread;
	uint64_t *
		submit; /* when the ring gave operations to the kernel, since events were last missing */
	size_t nr_submits, room;
	uint64_t since; /* the first event after that; 0: not there yet */
};

const char *trace_point_name(enum trace_point point)
{
	static const char *const names[TRACE_NR_POINTS] = {
		"doorbell", "kick",	 "pop",	   "submit", "complete",
		"publish",  "interrupt", "accept", "inject", "eoi",
	};

	return names[point];
}

static struct trace_span *new_span(struct trace_spans *s)
{
	if (s->nr == s->room) {
		size_t room = s->room ? s->room * 2 : 1024;
		struct trace_span *span = reallocarray(s->span, room, sizeof(*span));

		if (!span)
			return NULL;
		s->span = span;
		s->room = room;
	}
	return &s->span[s->nr++];
}

/* The first time after @tsc that the ring gave operations to the kernel; 0: not known. */
static uint64_t submitted(const struct maker *m, uint64_t tsc)
{
	size_t low = 0, high = m->nr_submits;

	if (!m->since || tsc < m->since)
		return 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->submit[middle] < tsc)
			low = middle + 1;
		else
			high = middle;
	}
	return low < m->nr_submits ? m->submit[low] : 0;
}

static int add_submit(struct maker *m, uint64_t tsc)
{
	if (m->nr_submits == m->room) {
		size_t room = m->room ? m->room * 2 : 1024;
		uint64_t *grown = reallocarray(m->submit, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->submit = grown;
		m->room = room;
	}
	m->submit[m->nr_submits++] = tsc;
	return 0;
}

static int used(struct maker *m, struct queue *q, const struct trace_event *e)
{
	struct trace_span *span = new_span(m->spans);
	uint64_t completed = e->arg[1], submit = submitted(m, e->tsc);

	if (!span)
		return -ENOMEM;
	*span = (struct trace_span){
		.object = e->object,
		.thread = m->thread,
		.head = TRACE_USED_HEAD(e->id),
		.bytes = e->arg[0],
		.result = -(int32_t)TRACE_USED_ERROR(e->id),
	};
	/* The ring finds others without being told of them. */
	span->at[TRACE_POINT_KICK] = e->id & TRACE_USED_KICKED ? e->tsc : 0;
	trace_points_set(span->at, TRACE_POINT_POP, e->tsc);
	if (completed && submit)
		trace_points_set(span->at, TRACE_POINT_SUBMIT, submit);
	if (completed)
		trace_points_set(span->at, TRACE_POINT_COMPLETE, completed);
	if (q->nr_used < NR_HEADS)
		q->used[q->nr_used++] = m->spans->nr - 1;
	return 0;
}

/* The guest can see them; they are complete whatever comes. */
static void publish(struct maker *m, struct queue *q, const struct trace_event *e)
{
	for (unsigned i = 0; i < q->nr_used; i++) {
		struct trace_span *span = &m->spans->span[q->used[i]];

		trace_points_set(span->at, TRACE_POINT_PUBLISH, e->tsc);
		if (e->arg[0])
			trace_points_set(span->at, TRACE_POINT_INTERRUPT, e->tsc);
	}
	q->nr_used = 0;
}

/* Events are missing: how requests that are open went on cannot be told. */
static void forget(struct maker *m)
{
	for (unsigned i = 0; i < m->rec->header.max_objects; i++) {
		if (m->queue[i])
			m->queue[i]->nr_used = 0;
	}
	m->nr_submits = 0;
	m->since = 0;
}

static int thread_event(struct maker *m, const struct trace_event *e)
{
	const struct trace_object *o = NULL;
	struct queue **q = &m->queue[e->object < m->rec->header.max_objects ? e->object : 0];

	if (e->type == TRACE_EVENT_NONE)
		forget(m);
	else if (e->type != TRACE_EVENT_USED && !m->since)
		m->since = e->tsc;
	if (e->type == TRACE_EVENT_SUBMIT || e->type == TRACE_EVENT_SLEEP)
		return add_submit(m, e->tsc);
	if (e->object < m->rec->header.max_objects)
		o = m->rec->object[e->object].begin;
	if (!o || o->kind != TRACE_QUEUE)
		return 0;
	if (!*q)
		*q = calloc(1, sizeof(**q));
	if (!*q)
		return -ENOMEM;
	if (e->type == TRACE_EVENT_PUBLISH)
		publish(m, *q, e);
	return e->type == TRACE_EVENT_USED ? used(m, *q, e) : 0;
}

static void keep_complete(struct trace_spans *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->nr; i++) {
		if (s->span[i].at[TRACE_POINT_PUBLISH])
			s->span[kept++] = s->span[i];
	}
	s->nr_incomplete = s->nr - kept;
	s->nr = kept;
}

int trace_spans_make(struct trace_spans *spans, const struct trace_recording *recording,
		     struct error *err)
{
	struct trace_spans made = { 0 };
	struct maker m = { .spans = &made, .rec = recording };
	int r = 0;

	m.queue = calloc(recording->header.max_objects + 1ULL, sizeof(struct queue *));
	if (!m.queue)
		r = -ENOMEM;
	for (unsigned i = 0; !r && i < recording->header.max_threads; i++) {
		if (!recording->thread[i].nr)
			continue;
		m.thread = (uint16_t)i;
		for (size_t at = 0; !r && at < recording->thread[i].nr; at++)
			r = thread_event(&m, &recording->thread[i].event[at]);
		/* A queue has one thread; another one's events of it are no part of a span. */
		forget(&m);
	}
	for (unsigned i = 0; m.queue && i < recording->header.max_objects; i++)
		free(m.queue[i]);
	free(m.queue);
	free(m.submit);
	if (!r) {
		keep_complete(&made);
		r = trace_spans_join(&made, recording);
	}
	if (r) {
		free(made.span);
		return error_set(err, r, "requests");
	}
	*spans = made;
	return 0;
}

void trace_spans_free(struct trace_spans *spans)
{
	free(spans->span);
	trace_interrupts_free(&spans->interrupts);
}

void trace_spans_measure(const struct trace_spans *spans, unsigned point, struct histogram *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < spans->nr; i++)
		trace_points_measure(spans->span[i].at, TRACE_NR_POINTS, point, out);
}

size_t trace_spans_slowest(const struct trace_spans *spans, size_t *out, size_t max)
{
	_Static_assert(!offsetof(struct trace_span, at), "trace_points_slowest() wants it first");
	return trace_points_slowest(spans->span, sizeof(*spans->span), spans->nr, TRACE_NR_POINTS,
				    out, max);
}
