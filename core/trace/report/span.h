/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Span: one request of a virtqueue, put together from the events of its way.
 *
 * points.h says what its stages are, interrupt.h what is put together for vectors of passed-through devices.
 */
#ifndef CORE_TRACE_REPORT_SPAN_H
#define CORE_TRACE_REPORT_SPAN_H

#include "core/trace/report/interrupt.h"

#include "core/trace/report/points.h"
#include "core/trace/report/recording.h"

enum trace_point {
	TRACE_POINT_DOORBELL, /* KVM: the guest's write */
	TRACE_POINT_KICK,
	TRACE_POINT_POP,
	TRACE_POINT_SUBMIT,
	TRACE_POINT_COMPLETE,
	TRACE_POINT_PUBLISH,
	TRACE_POINT_INTERRUPT,
	TRACE_POINT_ACCEPT, /* KVM: the local APIC has it */
	TRACE_POINT_INJECT, /* KVM: the vCPU runs with it */
	TRACE_POINT_EOI,    /* KVM: the guest has acknowledged it */
	TRACE_NR_POINTS,
};

struct trace_span {
	uint64_t at[TRACE_NR_POINTS]; /* TSC; 0: not known */
	uint16_t object, thread;
	uint32_t head;
	uint64_t bytes; /* out and in */
	int32_t result;
};

struct trace_spans {
	struct trace_span *span; /* of each thread in the order in which they ended */
	size_t nr, room;
	/* Begun before or ended after the recording, or events are missing. */
	uint64_t nr_incomplete;
	struct trace_interrupts interrupts;
};

/**
 * trace_spans_make - put the spans of a recording together
 * @spans: filled on success; freed by trace_spans_free()
 * @recording: opened
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -EPROTO: too many vectors.
 */
int trace_spans_make(struct trace_spans *spans, const struct trace_recording *recording,
		     struct error *err);

/**
 * trace_spans_free - free them
 * @spans: made
 */
void trace_spans_free(struct trace_spans *spans);

/**
 * trace_span_first - when it began
 * @span: any
 *
 * Return: the first point that is known.
 */
static inline uint64_t trace_span_first(const struct trace_span *span)
{
	return trace_points_first(span->at, TRACE_NR_POINTS);
}

/**
 * trace_span_last - when it ended
 * @span: any
 *
 * Return: the last point that is known.
 */
static inline uint64_t trace_span_last(const struct trace_span *span)
{
	return trace_points_last(span->at, TRACE_NR_POINTS);
}

/**
 * trace_span_stage - how long a stage took
 * @span: any
 * @point: the one that ends it
 *
 * Return: as trace_points_stage().
 */
static inline uint64_t trace_span_stage(const struct trace_span *span, enum trace_point point)
{
	return trace_points_stage(span->at, point);
}

/**
 * trace_spans_measure - how long a stage takes
 * @spans: made
 * @point: that ends the stage; TRACE_NR_POINTS: the whole
 * @out: receives the distribution, in cycles; empty: not known
 */
void trace_spans_measure(const struct trace_spans *spans, unsigned point, struct histogram *out);

/**
 * trace_spans_slowest - the spans that took longest
 * @spans: made
 * @out: receives their indices, the slowest first
 * @max: room in @out
 *
 * Return: how many.
 */
size_t trace_spans_slowest(const struct trace_spans *spans, size_t *out, size_t max);

/**
 * trace_point_name - of a point, and of the stage that it ends
 * @point: below TRACE_NR_POINTS
 *
 * Return: the name.
 */
const char *trace_point_name(enum trace_point point);

#endif
