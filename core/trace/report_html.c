/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/trace_names.h"
#include "core/trace/report.h"

#define WIDTH	   900
#define HEIGHT	   180
#define MAP_ROWS   40 /* two per power of two */
#define MAP_COLUMN 100

static const char *const colours[TRACE_NR_POINTS] = { "#888888", "#888888", "#4e79a7", "#f28e2b",
						      "#e15759", "#76b7b2", "#59a14f", "#edc948",
						      "#b07aa1", "#9c755f" };

static const char style[] =
	"body{font:14px sans-serif;margin:2em;max-width:1000px}table{border-collapse:collapse}"
	"td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #ddd}"
	"td:first-child,th:first-child{text-align:left}svg{display:block;margin:8px 0 24px}"
	"text{font:11px sans-serif}.bar{display:flex;width:420px;height:14px}"
	".warn{color:#b00020}";

/* Bits of a value, with a fraction from those below the highest: near enough to a logarithm to draw by. */
static double scale(double v)
{
	double bits = 0;

	for (; v >= 2; v /= 2)
		bits++;
	return v < 1 ? 0 : bits + v - 1;
}

static void table_row(const char *object, struct trace_measure m, const struct histogram *h,
		      double unit, FILE *out)
{
	static const double percent[] = { 0, 50, 90, 99, 99.9, 100 };

	fprintf(out, "<tr><td>");
	trace_report_text(object, out);
	fprintf(out, " %s%s</td><td>%llu</td>", m.name, m.is_time ? " (us)" : "",
		(unsigned long long)h->count);
	for (size_t i = 0; i < ARRAY_SIZE(percent); i++)
		fprintf(out, "<td>%.2f</td>", (double)histogram_percentile(h, percent[i]) / unit);
	fprintf(out, "</tr>\n");
}

static void mark(const struct histogram *h, double percent, double low, double step, double unit,
		 double y, FILE *out)
{
	uint64_t v = histogram_percentile(h, percent);
	double x = (scale((double)v) - low) * step;

	fprintf(out,
		"<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%d\" stroke=\"#e15759\"/>"
		"<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"%s\">p%g %.2f</text>\n",
		x, x, y, HEIGHT, x > WIDTH / 2 ? x - 3 : x + 3, y + 9,
		x > WIDTH / 2 ? "end" : "start", percent, (double)v / unit);
}

/* Values to the right, counts upwards, both logarithmic. */
static void plot(const struct histogram *h, double unit, FILE *out)
{
	double low = scale((double)h->min), high = scale((double)h->max), most = 1;
	double step = WIDTH / (high - low > 0.5 ? high - low : 0.5);

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		most = (double)h->bucket[i] > most ? (double)h->bucket[i] : most;
	fprintf(out,
		"<svg class=\"plot\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		"role=\"img\">\n",
		WIDTH, HEIGHT + 20, WIDTH, HEIGHT + 20);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		double x, width, tall;

		if (!h->bucket[i])
			continue;
		x = (scale((double)histogram_bucket_low(i)) - low) * step;
		width = (scale((double)histogram_bucket_high(i) + 1) - low) * step - x;
		tall = scale((double)h->bucket[i] + 1) / scale(most + 1) * (HEIGHT - 50);
		fprintf(out,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
			"fill=\"#4e79a7\"/>\n",
			x < 0 ? 0 : x, HEIGHT - tall, width < 1 ? 1 : width, tall);
	}
	mark(h, 50, low, step, unit, 0, out);
	mark(h, 99, low, step, unit, 12, out);
	mark(h, 99.9, low, step, unit, 24, out);
	fprintf(out,
		"<text x=\"0\" y=\"%d\">%.2f</text>"
		"<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%.2f</text></svg>\n",
		HEIGHT + 14, (double)h->min / unit, WIDTH, HEIGHT + 14, (double)h->max / unit);
}

static void distributions(const struct trace_recording *rec, struct trace_object *o, bool plots,
			  FILE *out)
{
	for (unsigned i = 0; i < rec->header.max_objects; i++) {
		if (!trace_recording_object(rec, i, o))
			continue;
		for (unsigned h = 0; h < TRACE_HISTOGRAMS; h++) {
			const struct trace_measure m = trace_histogram_measure(o->kind, h);
			double unit = trace_report_unit(rec, m.is_time);

			if (!m.name || !o->histogram[h].count)
				continue;
			if (!plots) {
				table_row(o->name, m, &o->histogram[h], unit, out);
				continue;
			}
			fprintf(out, "<h3>");
			trace_report_text(o->name, out);
			fprintf(out, ": %s%s</h3>\n", m.name, m.is_time ? ", us" : "");
			plot(&o->histogram[h], unit, out);
		}
	}
}

static unsigned map_row(uint64_t cycles)
{
	unsigned row = (unsigned)(scale((double)cycles) * 2);

	/* From 256 cycles on. */
	row = row > 16 ? row - 16 : 0;
	return row < MAP_ROWS ? row : MAP_ROWS - 1;
}

/* Time to the right, latency upwards, each cell as dark as it has requests. */
static void heat_map(const struct trace_spans *spans, double us, FILE *out)
{
	uint64_t first = UINT64_MAX, last = 0, most = 1;
	static unsigned cell[MAP_ROWS][MAP_COLUMN];

	memset(cell, 0, sizeof(cell));
	for (size_t i = 0; i < spans->nr; i++) {
		uint64_t end = trace_span_last(&spans->span[i]);

		first = end < first ? end : first;
		last = end > last ? end : last;
	}
	for (size_t i = 0; i < spans->nr; i++) {
		uint64_t end = trace_span_last(&spans->span[i]);
		double share = (double)(end - first) / ((double)(last - first) + 1);
		unsigned *c = &cell[map_row(end - trace_span_first(&spans->span[i]))]
				   [(unsigned)(share * (MAP_COLUMN - 1))];

		most = ++*c > most ? *c : most;
	}
	fprintf(out,
		"<h2>Latency over time</h2>\n<svg class=\"map\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" role=\"img\">\n",
		WIDTH, MAP_ROWS * 8 + 20, WIDTH, MAP_ROWS * 8 + 20);
	for (unsigned r = 0; r < MAP_ROWS; r++) {
		unsigned y = (MAP_ROWS - 1 - r) * 8;

		for (unsigned c = 0; c < MAP_COLUMN; c++) {
			if (cell[r][c])
				fprintf(out,
					"<rect x=\"%u\" y=\"%u\" width=\"8\" height=\"8\" "
					"fill=\"#b00020\" opacity=\"%.2f\"/>\n",
					60 + c * 8, y,
					0.15 + 0.85 * scale(cell[r][c] + 1.0) /
							scale((double)most + 1));
		}
		if (r % 4 == 0)
			fprintf(out, "<text x=\"0\" y=\"%u\">%.3g us</text>\n", y + 8,
				(double)(1ULL << (8 + r / 2)) / us);
	}
	fprintf(out,
		"<text x=\"60\" y=\"%d\">0 s</text><text x=\"%d\" y=\"%d\">%.3g s</text></svg>\n",
		MAP_ROWS * 8 + 14, 60 + (MAP_COLUMN - 4) * 8, MAP_ROWS * 8 + 14,
		(double)(last - first) / us / 1e6);
}

static void slow_request(const struct trace_recording *rec, const struct trace_span *s, FILE *out)
{
	double us = trace_report_unit(rec, true);
	uint64_t first = trace_span_first(s), total = trace_span_last(s) - first;

	fprintf(out, "<tr><td>");
	trace_report_text(trace_report_name(rec, s->object), out);
	fprintf(out, " head %u</td><td>%.2f</td><td><div class=\"bar\">", s->head,
		(double)total / us);
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		uint64_t took = trace_span_stage(s, p);

		if (took)
			fprintf(out,
				"<span title=\"%s %.2f us\" style=\"background:%s;width:%.2f%%\">"
				"</span>",
				trace_point_name(p), (double)took / us, colours[p],
				100.0 * (double)took / (double)total);
	}
	fprintf(out, "</div></td>");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		if (s->at[p] && s->at[p] != first)
			fprintf(out, "<td>%.2f</td>", (double)trace_span_stage(s, p) / us);
		else
			fprintf(out, "<td></td>");
	}
	fprintf(out, "</tr>\n");
}

static void slowest(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out)
{
	size_t index[TRACE_NR_SLOWEST], nr;

	nr = trace_spans_slowest(spans, index, TRACE_NR_SLOWEST);
	fprintf(out, "<h2>Slowest requests, us</h2>\n<table class=\"slowest\"><tr><th>request</th>"
		     "<th>total</th><th></th>");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++)
		fprintf(out, "<th style=\"border-bottom:3px solid %s\">%s</th>", colours[p],
			trace_point_name(p));
	fprintf(out, "</tr>\n");
	for (size_t i = 0; i < nr; i++)
		slow_request(rec, &spans->span[index[i]], out);
	fprintf(out, "</table>\n");
}

static void losses(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out)
{
	if (!rec->is_whole)
		fprintf(out, "<p class=\"warn\">The recording was not finished.</p>\n");
	if (rec->notes[0]) {
		fprintf(out, "<pre class=\"warn\">");
		for (const char *at = rec->notes; *at; at++)
			fputc(strchr("<>&", *at) ? '?' : *at, out);
		fprintf(out, "</pre>\n");
	}
	fprintf(out,
		"<h2>Events</h2>\n<p>%zu requests, %llu incomplete, %zu events of KVM.</p>\n"
		"<table><tr><th>thread</th><th>events</th><th>dropped</th></tr>\n",
		spans->nr, (unsigned long long)spans->nr_incomplete, rec->nr_kernel);
	for (unsigned i = 0; i < rec->header.max_threads; i++) {
		const struct trace_recorded_thread *t = &rec->thread[i];

		if (!t->tid)
			continue;
		fprintf(out, "<tr><td>");
		trace_report_text(t->name, out);
		fprintf(out, "</td><td>%zu</td><td%s>%llu</td></tr>\n", t->nr,
			t->nr_dropped ? " class=\"warn\"" : "", (unsigned long long)t->nr_dropped);
	}
	fprintf(out, "</table>\n");
}

int trace_report_html(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out,
		      struct error *err)
{
	struct trace_object *o = malloc(sizeof(*o));

	if (!o)
		return error_set(err, -ENOMEM, "report");
	fprintf(out,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<link rel=\"icon\" href=\"data:,\"><title>torc-trace</title><style>%s"
		"</style></head><body>\n<h1>",
		style);
	trace_report_text(rec->header.vm, out);
	fprintf(out,
		", process %u</h1>\n<table><tr><th>distribution</th><th>count</th>"
		"<th>min</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th>"
		"</tr>\n",
		rec->header.pid);
	distributions(rec, o, false, out);
	fprintf(out, "</table>\n");
	if (spans->nr) {
		heat_map(spans, trace_report_unit(rec, true), out);
		slowest(rec, spans, out);
	}
	fprintf(out, "<h2>Distributions</h2>\n");
	distributions(rec, o, true, out);
	losses(rec, spans, out);
	fprintf(out, "</body></html>\n");
	free(o);
	return 0;
}
