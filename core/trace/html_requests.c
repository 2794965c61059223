/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/html.h"
#include "core/trace/report.h"

/* What ends each stage. */
static const char *const meaning[TRACE_NR_POINTS] = {
	[TRACE_POINT_KICK] = "the ring handles the guest's doorbell",
	[TRACE_POINT_POP] = "the request is taken off the queue",
	[TRACE_POINT_SUBMIT] = "its operation is given to io_uring",
	[TRACE_POINT_COMPLETE] = "the operation is done",
	[TRACE_POINT_PUBLISH] = "it is in the used ring, and the guest can see that",
	[TRACE_POINT_INTERRUPT] = "the queue's interrupt is asked for",
	[TRACE_POINT_ACCEPT] = "the local APIC has the interrupt",
	[TRACE_POINT_INJECT] = "the vCPU runs with it",
	[TRACE_POINT_EOI] = "the guest has acknowledged it",
};

/* Cycles in each stage, of one request or of many. */
struct stages {
	uint64_t took[TRACE_NR_POINTS], total;
	unsigned longest;
};

static uint64_t duration(const struct trace_span *s)
{
	return trace_span_last(s) - trace_span_first(s);
}

static void add(struct stages *to, const struct trace_span *s)
{
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		to->took[p] += trace_span_stage(s, p);
		if (to->took[p] > to->took[to->longest])
			to->longest = p;
	}
	to->total += duration(s);
}

static double share(const struct stages *of, unsigned point)
{
	return of->total ? 100 * (double)of->took[point] / (double)of->total : 0;
}

/* Stages side by side, as wide as they are long; the wide ones are named. */
static void bar(const struct stages *of, double us, bool is_named, FILE *out)
{
	fprintf(out, "<div class=\"bar\">");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		if (!of->took[p])
			continue;
		fprintf(out, "<span class=\"s%u\" style=\"width:%.3f%%\" title=\"%s: ", p,
			share(of, p), trace_point_name(p));
		trace_html_time((double)of->took[p] / us, out);
		fprintf(out, "\">");
		if (is_named && share(of, p) >= 9)
			fprintf(out, "%s %.0f%%", trace_point_name(p), share(of, p));
		fprintf(out, "</span>");
	}
	fprintf(out, "</div>");
}

static void stage_row(const struct stages *one, const struct stages *all, unsigned p, double us,
		      size_t nr, FILE *out)
{
	fprintf(out, "<tr%s><td class=\"l\"><span class=\"key s%u\"></span>%s</td><td>",
		p == one->longest ? " class=\"most\"" : "", p, trace_point_name(p));
	trace_html_number((double)one->took[p] / us, 1, out);
	fprintf(out, "</td><td>%.1f%%</td><td>", share(one, p));
	trace_html_number((double)all->took[p] / us / (double)nr, 1, out);
	fprintf(out, "</td><td>%.1f%%</td><td class=\"note\">until %s</td></tr>\n", share(all, p),
		meaning[p]);
}

void trace_html_slowest(const struct trace_html *page)
{
	const struct trace_spans *spans = page->spans;
	struct stages one = { 0 }, all = { 0 };
	const struct trace_span *s;
	FILE *out = page->out;
	size_t slowest;

	trace_spans_slowest(spans, &slowest, 1);
	s = &spans->span[slowest];
	add(&one, s);
	for (size_t i = 0; i < spans->nr; i++)
		add(&all, &spans->span[i]);
	fprintf(out, "<section class=\"card\" id=\"slowest\"><h2>The slowest request</h2>\n"
		     "<div><span class=\"big\">");
	trace_html_time((double)one.total / page->us, out);
	fprintf(out, "</span>");
	trace_html_text(trace_report_name(page->rec, s->object), out);
	fprintf(out, ", head %u, ", s->head);
	trace_html_number((double)s->bytes, 0, out);
	fprintf(out, " bytes, result %d. Most of it is <b>%s</b>: until %s.</div>\n", s->result,
		trace_point_name(one.longest), meaning[one.longest]);
	bar(&one, page->us, true, out);
	fprintf(out, "<div class=\"wide\"><table class=\"stages\"><tr><th class=\"l\">stage</th>"
		     "<th>this request, us</th><th>share</th><th>mean of all, us</th><th>share</th>"
		     "<th class=\"l\">lasts until</th></tr>\n");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		if (all.took[p])
			stage_row(&one, &all, p, page->us, spans->nr, out);
	}
	fprintf(out, "<tr><td class=\"l\">in total</td><td>");
	trace_html_number((double)one.total / page->us, 1, out);
	fprintf(out, "</td><td></td><td>");
	trace_html_number((double)all.total / page->us / (double)spans->nr, 1, out);
	fprintf(out, "</td><td></td><td></td></tr></table></div></section>\n");
}

static void request_row(const struct trace_html *page, const struct trace_span *s, uint64_t since,
			const struct stages *all)
{
	struct stages one = { 0 };
	FILE *out = page->out;

	add(&one, s);
	fprintf(out, "<tr><td class=\"l\">");
	trace_html_text(trace_report_name(page->rec, s->object), out);
	fprintf(out, ", head %u</td><td>%.3f</td><td>", s->head,
		(double)(trace_span_last(s) - since) / page->us / 1e6);
	trace_html_number((double)one.total / page->us, 1, out);
	fprintf(out, "</td><td>");
	bar(&one, page->us, false, out);
	fprintf(out, "</td>");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		if (!all->took[p])
			continue;
		if (one.took[p])
			fprintf(out, "<td>%.1f</td>", share(&one, p));
		else
			fprintf(out, "<td></td>");
	}
	fprintf(out, "</tr>\n");
}

void trace_html_requests(const struct trace_html *page)
{
	size_t index[TRACE_NR_SLOWEST], nr;
	struct stages all = { 0 };
	uint64_t since = UINT64_MAX;

	for (size_t i = 0; i < page->spans->nr; i++) {
		uint64_t end = trace_span_last(&page->spans->span[i]);

		add(&all, &page->spans->span[i]);
		since = end < since ? end : since;
	}
	nr = trace_spans_slowest(page->spans, index, TRACE_NR_SLOWEST);
	fprintf(page->out,
		"<div class=\"wide\"><table class=\"slowest\"><tr><th class=\"l\">request</th>"
		"<th>ended at, s</th><th>total, us</th><th class=\"l\">stages</th>");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++) {
		if (all.took[p])
			fprintf(page->out, "<th class=\"key-of s%u\">%s</th>", p,
				trace_point_name(p));
	}
	fprintf(page->out, "</tr>\n");
	for (size_t i = 0; i < nr; i++)
		request_row(page, &page->spans->span[index[i]], since, &all);
	fprintf(page->out, "</table></div>\n");
}
