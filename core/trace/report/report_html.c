/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/bits.h"
#include "core/base/trace_names.h"
#include "core/trace/report/html_ways.h"
#include "core/trace/report/report.h"

static void title(const struct trace_html *page)
{
	const struct trace_recording *rec = page->rec;
	time_t at = (time_t)(rec->header.realtime_base_ns / 1000000000);
	char date[64] = "";
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(page->out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
			   "<meta name=\"viewport\" content=\"width=device-width\">"
			   "<link rel=\"icon\" href=\"data:,\"><title>torc-trace: ");
	trace_html_text(rec->header.vm, page->out);
	fprintf(page->out, "</title><style>\n%s</style></head><body>\n<h1>", trace_html_style);
	trace_html_text(rec->header.vm, page->out);
	fprintf(page->out, "</h1>\n<p class=\"dim\">process %u, started %s UTC; ", rec->header.pid,
		date);
	trace_html_number((double)page->spans->nr, 0, page->out);
	fprintf(page->out, " virtio requests");
	if (page->spans->nr_incomplete) {
		fprintf(page->out, " and ");
		trace_html_number((double)page->spans->nr_incomplete, 0, page->out);
		fprintf(page->out, " that the recording has only a part of");
	}
	fprintf(page->out, ", ");
	trace_html_number((double)rec->nr_kernel, 0, page->out);
	fprintf(page->out, " events of the kernel</p>\n");
}

/* What the rest of the page does not know of. */
static void losses(const struct trace_html *page)
{
	const struct trace_recording *rec = page->rec;
	uint64_t dropped = 0;

	for (unsigned i = 0; i < rec->header.max_threads; i++)
		dropped += rec->thread[i].nr_dropped;
	if (!rec->is_whole)
		fprintf(page->out, "<p class=\"warn\">The recording was not finished.</p>\n");
	if (dropped) {
		fprintf(page->out, "<p class=\"warn\">");
		trace_html_number((double)dropped, 0, page->out);
		fprintf(page->out, " events are missing: they came faster than they were written; "
				   "see the end of the page.</p>\n");
	}
	if (rec->notes[0]) {
		fprintf(page->out, "<pre class=\"warn\">");
		trace_html_text(rec->notes, page->out);
		fprintf(page->out, "</pre>\n");
	}
}

static void table_row(const struct trace_html *page, const char *object, struct trace_measure m,
		      const struct histogram *h)
{
	static const double percent[] = { 0, 50, 90, 99, 99.9, 100 };
	double unit = trace_report_unit(page->rec, m.is_time);

	fprintf(page->out, "<tr><td class=\"l\">");
	trace_html_text(object, page->out);
	fprintf(page->out, ": %s%s</td><td>", m.name, m.is_time ? ", us" : "");
	trace_html_number((double)h->count, 0, page->out);
	for (size_t i = 0; i < ARRAY_SIZE(percent); i++) {
		fprintf(page->out, "</td><td>");
		trace_html_number((double)histogram_percentile(h, percent[i]) / unit,
				  m.is_time ? 1 : 0, page->out);
	}
	fprintf(page->out, "</td></tr>\n");
}

static void figure(const struct trace_html *page, const char *object, struct trace_measure m,
		   const struct histogram *h)
{
	fprintf(page->out, "<figure><h3>");
	trace_html_text(object, page->out);
	fprintf(page->out, ": %s</h3><div class=\"dim\">", m.name);
	trace_html_number((double)h->count, 0, page->out);
	fprintf(page->out, " times</div>\n");
	trace_html_plot(h, trace_report_unit(page->rec, m.is_time), m.is_time, page->out);
	fprintf(page->out, "</figure>\n");
}

typedef void show_fn(const struct trace_html *page, const char *object, struct trace_measure m,
		     const struct histogram *h);

/* @o is for a copy of each. Returns how many there were. */
static unsigned of_kind(const struct trace_html *page, enum trace_kind kind, struct trace_object *o,
			show_fn *show)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < page->rec->header.max_objects; i++) {
		if (!trace_recording_object(page->rec, i, o) || o->kind != kind)
			continue;
		for (unsigned h = 0; h < TRACE_HISTOGRAMS; h++) {
			const struct trace_measure m = trace_histogram_measure(o->kind, h);

			if (!m.name || !o->histogram[h].count)
				continue;
			show(page, o->name, m, &o->histogram[h]);
			nr++;
		}
	}
	return nr;
}

/* What people look for first comes first. */
static const struct {
	enum trace_kind kind;
	const char *head, *what, *none;
} sections[] = {
	{ TRACE_VECTOR, "What trace=ring costs interrupts of passed-through devices",
	  "forward: from the wake-up of the ring in which one arrives to its signal to KVM.",
	  "None went through a ring; --device ...,trace=ring has them do so." },
	{ TRACE_QUEUE, "Queues of virtio devices",
	  "latency: from taking a request off the queue to showing the guest its end; device: of "
	  "these, to the end of its last operation; batch: requests that are shown at once.",
	  "None was used." },
	{ TRACE_VCPU, "vCPUs", "handle: what an exit to torc costs.", "None had to be handled." },
	{ TRACE_RING, "Rings",
	  "batch: completions that come at once; busy: what it takes to handle them.",
	  "None was used." },
};

static void distributions(const struct trace_html *page, struct trace_object *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		fprintf(page->out,
			"<h2>%s</h2>\n<p class=\"dim\">%s</p>\n"
			"<div class=\"wide\"><table class=\"percentiles\"><tr>"
			"<th class=\"l\">distribution</th><th>count</th><th>min</th>"
			"<th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr>\n",
			sections[i].head, sections[i].what);
		if (!of_kind(page, sections[i].kind, o, table_row))
			fprintf(page->out, "<tr><td class=\"note\" colspan=\"8\">%s</td></tr>\n",
				sections[i].none);
		fprintf(page->out, "</table></div>\n<div class=\"plots\">\n");
		of_kind(page, sections[i].kind, o, figure);
		fprintf(page->out, "</div>\n");
	}
}

static void counters(const struct trace_html *page, struct trace_object *o)
{
	fprintf(page->out, "<h2>Counts</h2>\n<div class=\"wide\"><table class=\"counts\">\n");
	for (unsigned i = 0; i < page->rec->header.max_objects; i++) {
		if (!trace_recording_object(page->rec, i, o))
			continue;
		fprintf(page->out, "<tr><td class=\"l\">");
		trace_html_text(o->name, page->out);
		fprintf(page->out, "</td><td class=\"note\">");
		for (unsigned c = 0; c < TRACE_COUNTERS; c++) {
			if (!trace_counter_name(o->kind, c) || !o->counter[c])
				continue;
			fprintf(page->out, "%s <b>", trace_counter_name(o->kind, c));
			trace_html_number((double)o->counter[c], 0, page->out);
			fprintf(page->out, "</b> &nbsp; ");
		}
		fprintf(page->out, "</td></tr>\n");
	}
	fprintf(page->out, "</table></div>\n");
}

static void threads(const struct trace_html *page)
{
	fprintf(page->out, "<h2>Recorded events</h2>\n<div class=\"wide\"><table class=\"threads\">"
			   "<tr><th class=\"l\">thread</th><th>events</th><th>dropped</th></tr>\n");
	for (unsigned i = 0; i < page->rec->header.max_threads; i++) {
		const struct trace_recorded_thread *t = &page->rec->thread[i];

		if (!t->tid)
			continue;
		fprintf(page->out, "<tr><td class=\"l\">");
		trace_html_text(t->name, page->out);
		fprintf(page->out, "</td><td>");
		trace_html_number((double)t->nr, 0, page->out);
		fprintf(page->out, "</td><td%s>", t->nr_dropped ? " class=\"warn\"" : "");
		trace_html_number((double)t->nr_dropped, 0, page->out);
		fprintf(page->out, "</td></tr>\n");
	}
	fprintf(page->out, "</table></div>\n");
}

int trace_report_html(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out,
		      struct error *err)
{
	const struct trace_html page = { rec, spans, out, trace_report_unit(rec, true) };
	struct trace_html_ways requests, interrupts;
	struct trace_object *o = malloc(sizeof(*o));

	if (!o)
		return error_set(err, -ENOMEM, "report");
	title(&page);
	losses(&page);
	requests = trace_html_requests(&page);
	interrupts = trace_html_interrupts(&page);
	if (requests.nr)
		trace_html_ways_slowest(&page, &requests);
	if (interrupts.nr)
		trace_html_ways_slowest(&page, &interrupts);
	if (requests.nr) {
		fprintf(out, "<h2>Virtio requests over time</h2>\n");
		trace_html_ways_heat_map(&page, &requests);
		trace_html_ways_table(&page, &requests);
	}
	if (interrupts.nr) {
		fprintf(out, "<h2>Interrupts of passed-through devices over time</h2>\n");
		trace_html_ways_heat_map(&page, &interrupts);
		trace_html_ways_table(&page, &interrupts);
	}
	trace_html_vectors(&page, o);
	distributions(&page, o);
	counters(&page, o);
	threads(&page);
	fprintf(out, "</body></html>\n");
	free(o);
	return 0;
}
