/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/span.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/trace/span_kernel.h"

#define NR_HEADS 32768U /* of the largest virtqueue */

/* A queue while its events are gone through. */
struct queue {
	uint64_t kick;		    /* its last one */
	uint64_t wake;		    /* in which that was */
	uint32_t open[NR_HEADS];    /* 1 and up: place in spans */
	size_t used[NR_HEADS];	    /* places of those not shown yet */
	unsigned nr_used, nr_shown; /* shown ones stay until the next event but an interrupt */
};

struct maker {
	struct trace_spans *spans;
	const struct trace_recording *rec;
	struct queue **queue; /* of each object; NULL: no event of it yet */
	uint16_t thread;
	uint64_t wake; /* how often the ring has slept */
};

const char *trace_point_name(enum trace_point point)
{
	static const char *const names[TRACE_NR_POINTS] = {
		"doorbell", "kick",	 "pop",	   "submit", "complete", "used",
		"publish",  "interrupt", "accept", "inject", "eoi",
	};

	return names[point];
}

static struct trace_span *open_span(struct maker *m, struct queue *q, const struct trace_event *e)
{
	struct trace_spans *s = m->spans;
	struct trace_span *span;

	if (s->nr == s->room) {
		size_t room = s->room ? s->room * 2 : 1024;

		span = room < UINT32_MAX ? reallocarray(s->span, room, sizeof(*span)) : NULL;
		if (!span)
			return NULL;
		s->span = span;
		s->room = room;
	}
	span = &s->span[s->nr++];
	*span = (struct trace_span){
		.object = e->object,
		.thread = m->thread,
		.head = e->id,
		.bytes = e->arg[0] + e->arg[1],
	};
	q->open[e->id] = (uint32_t)s->nr;
	return span;
}

/* The guest can see them; they are complete whatever comes. */
static void show_used(struct maker *m, struct queue *q, uint64_t tsc)
{
	for (unsigned i = 0; i < q->nr_used; i++)
		trace_points_set(m->spans->span[q->used[i]].at, TRACE_POINT_PUBLISH, tsc);
	q->nr_shown = q->nr_used;
	q->nr_used = 0;
}

static int queue_event(struct maker *m, struct queue *q, const struct trace_event *e)
{
	struct trace_span *span = NULL;

	if (e->type == TRACE_EVENT_INTERRUPT) {
		for (unsigned i = 0; i < q->nr_shown; i++)
			trace_points_set(m->spans->span[q->used[i]].at, TRACE_POINT_INTERRUPT,
					 e->tsc);
	}
	q->nr_shown = 0;
	if (e->type == TRACE_EVENT_KICK) {
		q->kick = e->tsc;
		q->wake = m->wake;
	}
	if (e->type == TRACE_EVENT_PUBLISH)
		show_used(m, q, e->tsc);
	if (e->type < TRACE_EVENT_POP || e->type > TRACE_EVENT_USED || e->id >= NR_HEADS)
		return 0;
	if (e->type == TRACE_EVENT_POP) {
		span = open_span(m, q, e);
		if (!span)
			return -ENOMEM;
		/* The ring took others without being asked to. */
		span->at[TRACE_POINT_KICK] = q->wake == m->wake ? q->kick : 0;
		trace_points_set(span->at, TRACE_POINT_POP, e->tsc);
		return 0;
	}
	if (!q->open[e->id])
		return 0;
	span = &m->spans->span[q->open[e->id] - 1];
	if (e->type == TRACE_EVENT_SUBMIT && !span->at[TRACE_POINT_SUBMIT])
		trace_points_set(span->at, TRACE_POINT_SUBMIT, e->tsc);
	if (e->type == TRACE_EVENT_COMPLETE) {
		trace_points_set(span->at, TRACE_POINT_COMPLETE, e->tsc);
		span->result = (int32_t)e->arg[0];
	}
	if (e->type == TRACE_EVENT_USED) {
		trace_points_set(span->at, TRACE_POINT_USED, e->tsc);
		if (q->nr_used < NR_HEADS)
			q->used[q->nr_used++] = q->open[e->id] - 1;
		q->open[e->id] = 0;
	}
	return 0;
}

/* Events are missing: requests that are open may never have ended. */
static void forget(struct maker *m)
{
	for (unsigned i = 0; i < m->rec->header.max_objects; i++) {
		if (m->queue[i])
			memset(m->queue[i], 0, sizeof(*m->queue[i]));
	}
}

static int thread_events(struct maker *m, const struct trace_recorded_thread *t)
{
	int r = 0;

	for (size_t i = 0; i < t->nr && !r; i++) {
		const struct trace_event *e = &t->event[i];
		const struct trace_object *o = NULL;

		if (e->object < m->rec->header.max_objects)
			o = m->rec->object[e->object].begin;
		if (e->type == TRACE_EVENT_NONE)
			forget(m);
		m->wake += e->type == TRACE_EVENT_SLEEP;
		if (!o || o->kind != TRACE_QUEUE)
			continue;
		if (!m->queue[e->object])
			m->queue[e->object] = calloc(1, sizeof(**m->queue));
		r = m->queue[e->object] ? queue_event(m, m->queue[e->object], e) : -ENOMEM;
	}
	return r;
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
		r = thread_events(&m, &recording->thread[i]);
		/* A queue has one thread; another one's events of it are no part of a span. */
		forget(&m);
	}
	for (unsigned i = 0; m.queue && i < recording->header.max_objects; i++)
		free(m.queue[i]);
	free(m.queue);
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

size_t trace_spans_slowest(const struct trace_spans *spans, size_t *out, size_t max)
{
	size_t nr = 0;

	for (size_t i = 0; i < spans->nr; i++) {
		const struct trace_span *s = &spans->span[i], *o;
		uint64_t took = trace_span_last(s) - trace_span_first(s);
		size_t at = nr;

		for (; at > 0; at--) {
			o = &spans->span[out[at - 1]];
			if (trace_span_last(o) - trace_span_first(o) >= took)
				break;
		}
		if (at == max)
			continue;
		nr += nr < max;
		memmove(&out[at + 1], &out[at], (nr - at - 1) * sizeof(*out));
		out[at] = i;
	}
	return nr;
}
