/* SPDX-License-Identifier: Apache-2.0 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/base/trace_names.h"
#include "core/trace/report/report.h"

static void add_histogram(cJSON *to, const char *name, const struct histogram *h, double unit,
			  bool is_time)
{
	static const struct {
		const char *name;
		double percent;
	} percentiles[] = { { "min", 0 },      { "p50", 50 },	    { "p90", 90 }, { "p99", 99 },
			    { "p99.9", 99.9 }, { "p99.99", 99.99 }, { "max", 100 } };
	cJSON *one = cJSON_AddObjectToObject(to, name);

	cJSON_AddStringToObject(one, "unit", is_time ? "us" : "1");
	cJSON_AddNumberToObject(one, "count", (double)h->count);
	for (size_t p = 0; h->count && p < ARRAY_SIZE(percentiles); p++)
		cJSON_AddNumberToObject(one, percentiles[p].name,
					(double)histogram_percentile(h, percentiles[p].percent) /
						unit);
	if (h->count)
		cJSON_AddNumberToObject(one, "mean", (double)h->sum / (double)h->count / unit);
}

static void add_histograms(cJSON *to, const struct trace_recording *rec,
			   const struct trace_object *o)
{
	cJSON *all = cJSON_AddObjectToObject(to, "histograms");

	for (unsigned i = 0; i < TRACE_HISTOGRAMS; i++) {
		const struct trace_measure m = trace_histogram_measure(o->kind, i);

		if (m.name)
			add_histogram(all, m.name, &o->histogram[i],
				      trace_report_unit(rec, m.is_time), m.is_time);
	}
}

static void add_objects(cJSON *root, const struct trace_recording *rec, struct trace_object *o)
{
	cJSON *all = cJSON_AddArrayToObject(root, "objects");

	for (unsigned i = 0; i < rec->header.max_objects; i++) {
		cJSON *one, *counters;

		if (!trace_recording_object(rec, i, o))
			continue;
		one = cJSON_CreateObject();
		cJSON_AddItemToArray(all, one);
		cJSON_AddStringToObject(one, "name", o->name);
		cJSON_AddStringToObject(one, "kind", trace_kind_name(o->kind));
		counters = cJSON_AddObjectToObject(one, "counters");
		for (unsigned c = 0; c < TRACE_COUNTERS; c++) {
			if (trace_counter_name(o->kind, c))
				cJSON_AddNumberToObject(counters, trace_counter_name(o->kind, c),
							(double)o->counter[c]);
		}
		add_histograms(one, rec, o);
	}
}

static void add_threads(cJSON *root, const struct trace_recording *rec)
{
	cJSON *all = cJSON_AddArrayToObject(root, "threads");

	for (unsigned i = 0; i < rec->header.max_threads; i++) {
		const struct trace_recorded_thread *t = &rec->thread[i];
		cJSON *one;

		if (!t->tid)
			continue;
		one = cJSON_CreateObject();
		cJSON_AddItemToArray(all, one);
		cJSON_AddStringToObject(one, "name", t->name);
		cJSON_AddNumberToObject(one, "tid", t->tid);
		cJSON_AddNumberToObject(one, "events", (double)t->nr);
		cJSON_AddNumberToObject(one, "dropped", (double)t->nr_dropped);
	}
}

/* 64 bits, and so text. */
static void add_clock(cJSON *root, const struct trace_recording *rec)
{
	char text[24];

	cJSON_AddNumberToObject(root, "tsc_hz", (double)rec->header.tsc_hz);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)rec->header.tsc_base);
	cJSON_AddStringToObject(root, "tsc_base", text);
	snprintf(text, sizeof(text), "%lld", (long long)rec->header.guest_tsc_offset);
	cJSON_AddStringToObject(root, "guest_tsc_offset", text);
}

static void add_request(cJSON *to, const struct trace_recording *rec, const struct trace_span *s)
{
	double us = trace_report_unit(rec, true);
	uint64_t first = trace_span_first(s);
	cJSON *one = cJSON_CreateObject(), *stages;

	cJSON_AddItemToArray(to, one);
	cJSON_AddStringToObject(one, "queue", trace_report_name(rec, s->object));
	cJSON_AddNumberToObject(one, "head", s->head);
	cJSON_AddNumberToObject(one, "bytes", (double)s->bytes);
	cJSON_AddNumberToObject(one, "result", s->result);
	cJSON_AddNumberToObject(one, "total_us", (double)(trace_span_last(s) - first) / us);
	stages = cJSON_AddObjectToObject(one, "stages_us");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		if (s->at[p] && s->at[p] != first)
			cJSON_AddNumberToObject(stages, trace_point_name(p),
						(double)trace_span_stage(s, p) / us);
	}
}

/* @h is for the distributions. */
static void add_requests(cJSON *root, const struct trace_recording *rec,
			 const struct trace_spans *spans, struct histogram *h)
{
	size_t slowest[TRACE_NR_SLOWEST], nr;
	cJSON *requests = cJSON_AddObjectToObject(root, "requests"), *all;
	double us = trace_report_unit(rec, true);

	cJSON_AddNumberToObject(requests, "complete", (double)spans->nr);
	cJSON_AddNumberToObject(requests, "incomplete", (double)spans->nr_incomplete);
	trace_spans_measure(spans, TRACE_NR_POINTS, h);
	add_histogram(requests, "total", h, us, true);
	all = cJSON_AddObjectToObject(requests, "stages");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		trace_spans_measure(spans, p, h);
		if (h->count)
			add_histogram(all, trace_point_name(p), h, us, true);
	}
	all = cJSON_AddArrayToObject(requests, "slowest");
	nr = trace_spans_slowest(spans, slowest, TRACE_NR_SLOWEST);
	for (size_t i = 0; i < nr; i++)
		add_request(all, rec, &spans->span[slowest[i]]);
}

static void add_vectors(cJSON *root, const struct trace_recording *rec,
			const struct trace_interrupts *interrupts, struct trace_object *o)
{
	cJSON *all = cJSON_AddArrayToObject(root, "vectors"), *one, *stages;
	double us = trace_report_unit(rec, true);
	struct histogram *h = &o->histogram[0];

	for (size_t i = 0; i < interrupts->nr_vectors; i++) {
		const struct trace_vector *v = &interrupts->vector[i];

		one = cJSON_CreateObject();
		cJSON_AddItemToArray(all, one);
		cJSON_AddStringToObject(one, "name", v->name);
		cJSON_AddBoolToObject(one, "ring", v->has_ring);
		cJSON_AddNumberToObject(one, "interrupts", (double)v->nr);
		cJSON_AddNumberToObject(one, "host_interrupts", (double)v->nr_host);
		cJSON_AddNumberToObject(one, "pv_eoi", (double)v->nr_pv_eoi);
		cJSON_AddNumberToObject(one, "posted_updates", (double)v->nr_posted);
		if (v->has_ring && trace_recording_object(rec, v->object, o))
			add_histogram(one, "ring_cost", &o->histogram[TRACE_VECTOR_FORWARD], us,
				      true);
		stages = cJSON_AddObjectToObject(one, "stages");
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
	cJSON *root = o ? cJSON_CreateObject() : NULL;
	char *text = NULL;

	if (root) {
		cJSON_AddStringToObject(root, "vm", rec->header.vm);
		cJSON_AddNumberToObject(root, "pid", rec->header.pid);
		add_clock(root, rec);
		cJSON_AddBoolToObject(root, "whole", rec->is_whole);
		cJSON_AddStringToObject(root, "notes", rec->notes);
		cJSON_AddNumberToObject(root, "kvm_events", (double)rec->nr_kernel);
		add_objects(root, rec, o);
		add_threads(root, rec);
		add_requests(root, rec, spans, &o->histogram[0]);
		add_vectors(root, rec, &spans->interrupts, o);
		text = cJSON_Print(root);
	}
	cJSON_Delete(root);
	free(o);
	if (!text)
		return error_set(err, -ENOMEM, "JSON");
	fprintf(out, "%s\n", text);
	cJSON_free(text);
	return 0;
}
