/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/base/json_put.h"
#include "core/base/trace_names.h"
#include "core/trace/report/report.h"

static void add_histogram(json_t *to, const char *name, const struct histogram *h, double unit,
			  bool is_time)
{
	static const struct {
		const char *name;
		double percent;
	} percentiles[] = { { "min", 0 },      { "p50", 50 },	    { "p90", 90 }, { "p99", 99 },
			    { "p99.9", 99.9 }, { "p99.99", 99.99 }, { "max", 100 } };
	json_t *one = json_put_object(to, name);

	json_put_text(one, "unit", is_time ? "us" : "1");
	json_put_count(one, "count", h->count);
	for (size_t p = 0; h->count && p < ARRAY_SIZE(percentiles); p++)
		json_put_real(one, percentiles[p].name,
			      (double)histogram_percentile(h, percentiles[p].percent) / unit);
	if (h->count)
		json_put_real(one, "mean", (double)h->sum / (double)h->count / unit);
}

static void add_histograms(json_t *to, const struct trace_recording *rec,
			   const struct trace_object *o)
{
	json_t *all = json_put_object(to, "histograms");

	for (unsigned i = 0; i < TRACE_HISTOGRAMS; i++) {
		const struct trace_measure m = trace_histogram_measure(o->kind, i);

		if (m.name)
			add_histogram(all, m.name, &o->histogram[i],
				      trace_report_unit(rec, m.is_time), m.is_time);
	}
}

static void add_objects(json_t *root, const struct trace_recording *rec, struct trace_object *o)
{
	json_t *all = json_put_array(root, "objects");

	for (unsigned i = 0; i < rec->header.max_objects; i++) {
		json_t *one, *counters;

		if (!trace_recording_object(rec, i, o))
			continue;
		one = json_put_item(all);
		json_put_text(one, "name", o->name);
		json_put_text(one, "kind", trace_kind_name(o->kind));
		counters = json_put_object(one, "counters");
		for (unsigned c = 0; c < TRACE_COUNTERS; c++) {
			if (trace_counter_name(o->kind, c))
				json_put_count(counters, trace_counter_name(o->kind, c),
					       o->counter[c]);
		}
		add_histograms(one, rec, o);
	}
}

static void add_threads(json_t *root, const struct trace_recording *rec)
{
	json_t *all = json_put_array(root, "threads");

	for (unsigned i = 0; i < rec->header.max_threads; i++) {
		const struct trace_recorded_thread *t = &rec->thread[i];
		json_t *one;

		if (!t->tid)
			continue;
		one = json_put_item(all);
		json_put_text(one, "name", t->name);
		json_put_integer(one, "tid", t->tid);
		json_put_count(one, "events", t->nr);
		json_put_count(one, "dropped", t->nr_dropped);
	}
}

/* 64 bits, and so text. */
static void add_clock(json_t *root, const struct trace_recording *rec)
{
	char text[24];

	json_put_count(root, "tsc_hz", rec->header.tsc_hz);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)rec->header.tsc_base);
	json_put_text(root, "tsc_base", text);
	snprintf(text, sizeof(text), "%lld", (long long)rec->header.guest_tsc_offset);
	json_put_text(root, "guest_tsc_offset", text);
}

static void add_request(json_t *to, const struct trace_recording *rec, const struct trace_span *s)
{
	double us = trace_report_unit(rec, true);
	uint64_t first = trace_span_first(s);
	json_t *one = json_put_item(to), *stages;

	json_put_text(one, "queue", trace_report_name(rec, s->object));
	json_put_integer(one, "head", s->head);
	json_put_count(one, "bytes", s->bytes);
	json_put_integer(one, "result", s->result);
	json_put_real(one, "total_us", (double)(trace_span_last(s) - first) / us);
	stages = json_put_object(one, "stages_us");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		if (s->at[p] && s->at[p] != first)
			json_put_real(stages, trace_point_name(p),
				      (double)trace_span_stage(s, p) / us);
	}
}

/* @h is for the distributions. */
static void add_requests(json_t *root, const struct trace_recording *rec,
			 const struct trace_spans *spans, struct histogram *h)
{
	size_t slowest[TRACE_NR_SLOWEST], nr;
	json_t *requests = json_put_object(root, "requests"), *all;
	double us = trace_report_unit(rec, true);

	json_put_count(requests, "complete", spans->nr);
	json_put_count(requests, "incomplete", spans->nr_incomplete);
	trace_spans_measure(spans, TRACE_NR_POINTS, h);
	add_histogram(requests, "total", h, us, true);
	all = json_put_object(requests, "stages");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		trace_spans_measure(spans, p, h);
		if (h->count)
			add_histogram(all, trace_point_name(p), h, us, true);
	}
	all = json_put_array(requests, "slowest");
	nr = trace_spans_slowest(spans, slowest, TRACE_NR_SLOWEST);
	for (size_t i = 0; i < nr; i++)
		add_request(all, rec, &spans->span[slowest[i]]);
}

static void add_vectors(json_t *root, const struct trace_recording *rec,
			const struct trace_interrupts *interrupts, struct trace_object *o)
{
	json_t *all = json_put_array(root, "vectors"), *one, *stages;
	double us = trace_report_unit(rec, true);
	struct histogram *h = &o->histogram[0];

	for (size_t i = 0; i < interrupts->nr_vectors; i++) {
		const struct trace_vector *v = &interrupts->vector[i];

		one = json_put_item(all);
		json_put_text(one, "name", v->name);
		json_put_bool(one, "ring", v->has_ring);
		json_put_count(one, "interrupts", v->nr);
		json_put_count(one, "host_interrupts", v->nr_host);
		json_put_count(one, "pv_eoi", v->nr_pv_eoi);
		json_put_count(one, "posted_updates", v->nr_posted);
		if (v->has_ring && trace_recording_object(rec, v->object, o))
			add_histogram(one, "ring_cost", &o->histogram[TRACE_VECTOR_FORWARD], us,
				      true);
		stages = json_put_object(one, "stages");
		for (unsigned p = 0; p <= TRACE_INTERRUPT_NR_POINTS; p++) {
			trace_interrupts_measure(interrupts, i, p, h);
			if (h->count)
				add_histogram(p == TRACE_INTERRUPT_NR_POINTS ? one : stages,
					      trace_interrupt_point_name(p), h, us, true);
		}
	}
}

int trace_report_json(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out,
		      struct error *err)
{
	struct trace_object *o = malloc(sizeof(*o));
	json_t *root = o ? json_object() : NULL;
	int r;

	if (root) {
		json_put_text(root, "vm", rec->header.vm);
		json_put_integer(root, "pid", rec->header.pid);
		add_clock(root, rec);
		json_put_bool(root, "whole", rec->is_whole);
		json_put_text(root, "notes", rec->notes);
		json_put_count(root, "kvm_events", rec->nr_kernel);
		add_objects(root, rec, o);
		add_threads(root, rec);
		add_requests(root, rec, spans, &o->histogram[0]);
		add_vectors(root, rec, &spans->interrupts, o);
	}
	r = json_put_out(root, out, err);
	json_decref(root);
	free(o);
	return r;
}
