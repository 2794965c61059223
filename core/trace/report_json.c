/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "core/base/bits.h"
#include "core/base/trace_names.h"
#include "core/trace/report.h"

static void add_histograms(cJSON *to, const struct trace_recording *rec,
			   const struct trace_object *o)
{
	static const struct {
		const char *name;
		double percent;
	} percentiles[] = { { "min", 0 },      { "p50", 50 },	    { "p90", 90 }, { "p99", 99 },
			    { "p99.9", 99.9 }, { "p99.99", 99.99 }, { "max", 100 } };
	cJSON *all = cJSON_AddObjectToObject(to, "histograms"), *one;

	for (unsigned i = 0; i < TRACE_HISTOGRAMS; i++) {
		const struct trace_measure m = trace_histogram_measure(o->kind, i);
		const struct histogram *h = &o->histogram[i];
		double unit = trace_report_unit(rec, m.is_time);

		if (!m.name)
			continue;
		one = cJSON_AddObjectToObject(all, m.name);
		cJSON_AddStringToObject(one, "unit", m.is_time ? "us" : "1");
		cJSON_AddNumberToObject(one, "count", (double)h->count);
		for (size_t p = 0; h->count && p < ARRAY_SIZE(percentiles); p++)
			cJSON_AddNumberToObject(
				one, percentiles[p].name,
				(double)histogram_percentile(h, percentiles[p].percent) / unit);
		if (h->count)
			cJSON_AddNumberToObject(one, "mean",
						(double)h->sum / (double)h->count / unit);
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

static void add_slowest(cJSON *root, const struct trace_recording *rec,
			const struct trace_spans *spans)
{
	double us = trace_report_unit(rec, true);
	size_t slowest[TRACE_NR_SLOWEST], nr;
	cJSON *requests = cJSON_AddObjectToObject(root, "requests"), *all, *one, *stages;

	cJSON_AddNumberToObject(requests, "complete", (double)spans->nr);
	cJSON_AddNumberToObject(requests, "incomplete", (double)spans->nr_incomplete);
	all = cJSON_AddArrayToObject(requests, "slowest");
	nr = trace_spans_slowest(spans, slowest, TRACE_NR_SLOWEST);
	for (size_t i = 0; i < nr; i++) {
		const struct trace_span *s = &spans->span[slowest[i]];
		uint64_t first = trace_span_first(s);

		one = cJSON_CreateObject();
		cJSON_AddItemToArray(all, one);
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
		cJSON_AddNumberToObject(root, "tsc_hz", (double)rec->header.tsc_hz);
		cJSON_AddBoolToObject(root, "whole", rec->is_whole);
		cJSON_AddStringToObject(root, "notes", rec->notes);
		cJSON_AddNumberToObject(root, "kvm_events", (double)rec->nr_kernel);
		add_objects(root, rec, o);
		add_threads(root, rec);
		add_slowest(root, rec, spans);
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
