/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/html_ways.h"

#include "core/trace/report/report.h"

#define MAX_POINTS 16U
_Static_assert(TRACE_NR_POINTS <= MAX_POINTS && TRACE_INTERRUPT_NR_POINTS <= MAX_POINTS,
	       "every stage has its place");

/* Cycles in each stage, of one or of many. */
struct stages {
	uint64_t took[MAX_POINTS], total;
	unsigned longest;
};

static const uint64_t *points(const struct trace_html_ways *ways, size_t i)
{
	return (const void *)((const char *)ways->first + i * ways->stride);
}

uint64_t trace_html_ways_duration(const struct trace_html_ways *ways, size_t i, uint64_t *end)
{
	*end = trace_points_last(points(ways, i), ways->nr_points);
	return *end - trace_points_first(points(ways, i), ways->nr_points);
}

static void add(struct stages *to, const struct trace_html_ways *ways, size_t i)
{
	uint64_t end;

	for (unsigned p = 1; p < ways->nr_points; p++) {
		to->took[p] += trace_points_stage(points(ways, i), p);
		if (to->took[p] > to->took[to->longest])
			to->longest = p;
	}
	to->total += trace_html_ways_duration(ways, i, &end);
}

/* Returns when the first one ended. */
static uint64_t add_all(struct stages *to, const struct trace_html_ways *ways)
{
	uint64_t end, first = UINT64_MAX;

	for (size_t i = 0; i < ways->nr; i++) {
		add(to, ways, i);
		trace_html_ways_duration(ways, i, &end);
		first = end < first ? end : first;
	}
	return first;
}

static size_t slowest(const struct trace_html_ways *ways, size_t *out, size_t max)
{
	return trace_points_slowest(ways->first, ways->stride, ways->nr, ways->nr_points, out, max);
}

static double share(const struct stages *of, unsigned point)
{
	return of->total ? 100 * (double)of->took[point] / (double)of->total : 0;
}

/* Stages side by side, as wide as they are long; the wide ones are named. */
static void bar(const struct trace_html *page, const struct trace_html_ways *ways,
		const struct stages *of, bool is_named)
{
	FILE *out = page->out;

	fprintf(out, "<div class=\"bar\">");
	for (unsigned p = 1; p < ways->nr_points; p++) {
		if (!of->took[p])
			continue;
		fprintf(out, "<span class=\"s%u\" style=\"width:%.3f%%\" title=\"%s: ", p,
			share(of, p), ways->point_name(p));
		trace_html_time((double)of->took[p] / page->us, out);
		fprintf(out, "\">");
		if (is_named && share(of, p) >= 9)
			fprintf(out, "%s %.0f%%", ways->point_name(p), share(of, p));
		fprintf(out, "</span>");
	}
	fprintf(out, "</div>");
}

static void stage_row(const struct trace_html *page, const struct trace_html_ways *ways,
		      const struct stages *one, const struct stages *all, unsigned p)
{
	FILE *out = page->out;

	fprintf(out, "<tr%s><td class=\"l\"><span class=\"key s%u\"></span>%s</td><td>",
		p == one->longest ? " class=\"most\"" : "", p, ways->point_name(p));
	trace_html_number((double)one->took[p] / page->us, 1, out);
	fprintf(out, "</td><td>%.1f%%</td><td>", share(one, p));
	trace_html_number((double)all->took[p] / page->us / (double)ways->nr, 1, out);
	fprintf(out, "</td><td>%.1f%%</td><td class=\"note\">until %s</td></tr>\n", share(all, p),
		ways->meaning[p]);
}

static void stage_table(const struct trace_html *page, const struct trace_html_ways *ways,
			const struct stages *one, const struct stages *all)
{
	FILE *out = page->out;

	fprintf(out, "<div class=\"wide\"><table class=\"stages\"><tr><th class=\"l\">stage</th>"
		     "<th>this one, us</th><th>share</th><th>mean of all, us</th><th>share</th>"
		     "<th class=\"l\">lasts until</th></tr>\n");
	for (unsigned p = 1; p < ways->nr_points; p++) {
		if (all->took[p])
			stage_row(page, ways, one, all, p);
	}
	fprintf(out, "<tr><td class=\"l\">in total</td><td>");
	trace_html_number((double)one->total / page->us, 1, out);
	fprintf(out, "</td><td></td><td>");
	trace_html_number((double)all->total / page->us / (double)ways->nr, 1, out);
	fprintf(out, "</td><td></td><td></td></tr></table></div>\n");
}

void trace_html_ways_slowest(const struct trace_html *page, const struct trace_html_ways *ways)
{
	struct stages one = { 0 }, all = { 0 };
	FILE *out = page->out;
	size_t i;

	slowest(ways, &i, 1);
	add(&one, ways, i);
	add_all(&all, ways);
	fprintf(out,
		"<section class=\"card\" id=\"%s\"><h2>The slowest %s</h2>\n"
		"<div><span class=\"big\">",
		ways->id, ways->one);
	trace_html_time((double)one.total / page->us, out);
	fprintf(out, "</span>");
	ways->describe(page, i, true);
	if (one.longest)
		fprintf(out, ". Most of it is <b>%s</b>: until %s.", ways->point_name(one.longest),
			ways->meaning[one.longest]);
	fprintf(out, "</div>\n");
	bar(page, ways, &one, true);
	stage_table(page, ways, &one, &all);
	fprintf(out, "</section>\n");
}

static void row(const struct trace_html *page, const struct trace_html_ways *ways, size_t i,
		uint64_t since, const struct stages *all)
{
	struct stages one = { 0 };
	FILE *out = page->out;
	uint64_t end;

	add(&one, ways, i);
	trace_html_ways_duration(ways, i, &end);
	fprintf(out, "<tr><td class=\"l\">");
	ways->describe(page, i, false);
	fprintf(out, "</td><td>%.3f</td><td>", (double)(end - since) / page->us / 1e6);
	trace_html_number((double)one.total / page->us, 1, out);
	fprintf(out, "</td><td>");
	bar(page, ways, &one, false);
	fprintf(out, "</td>");
	for (unsigned p = 1; p < ways->nr_points; p++) {
		if (!all->took[p])
			continue;
		if (one.took[p])
			fprintf(out, "<td>%.1f</td>", share(&one, p));
		else
			fprintf(out, "<td></td>");
	}
	fprintf(out, "</tr>\n");
}

void trace_html_ways_table(const struct trace_html *page, const struct trace_html_ways *ways)
{
	size_t index[TRACE_NR_SLOWEST], nr = slowest(ways, index, TRACE_NR_SLOWEST);
	struct stages all = { 0 };
	uint64_t since = add_all(&all, ways);

	fprintf(page->out,
		"<h3>The slowest %s, stages in %%</h3>\n<div class=\"wide\"><table class=\"slowest\">"
		"<tr><th class=\"l\">which</th><th>ended at, s</th><th>total, us</th>"
		"<th class=\"l\">stages</th>",
		ways->many);
	for (unsigned p = 1; p < ways->nr_points; p++) {
		if (all.took[p])
			fprintf(page->out, "<th class=\"key-of s%u\">%s</th>", p,
				ways->point_name(p));
	}
	fprintf(page->out, "</tr>\n");
	for (size_t i = 0; i < nr; i++)
		row(page, ways, index[i], since, &all);
	fprintf(page->out, "</table></div>\n");
}
