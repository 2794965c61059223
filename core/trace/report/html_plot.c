/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/trace/report/html_ways.h"

/* Of a plot's area, in the coordinates of its picture. */
struct area {
	double left, top, right, bottom;
	double low, high; /* decimal logarithms of the values to the right; upwards in a heat map */
};

static const struct area distribution = { 46, 58, 458, 210, 0, 0 };
static const struct area map = { 70, 10, 1050, 290, 0, 0 };

#define MAP_ROWS    28
#define MAP_COLUMNS 98

/* Of a round value: no digits that say nothing. */
static void tick(double v, bool is_time, FILE *out)
{
	static const char *const units[] = { " ns", " us", " ms", " s" };
	unsigned unit = 0;

	if (is_time) {
		for (v *= 1000; v > 999 && unit < 3; unit++)
			v /= 1000;
	}
	fprintf(out, "%.4g%s", v, is_time ? units[unit] : "");
}

/* At least a third of a decade, so that there is a tick. */
static void set_range(struct area *a, double low, double high)
{
	double missing;

	a->low = log10(low > 1e-4 ? low : 1e-4);
	a->high = log10(high > 1e-4 ? high : 1e-4);
	missing = 0.35 - (a->high - a->low);
	if (missing > 0) {
		a->low -= missing / 2;
		a->high += missing / 2;
	}
}

/* Where between the ends of the range, 0 to 1. */
static double place(const struct area *a, double v)
{
	double share = v > 0 ? (log10(v) - a->low) / (a->high - a->low) : 0;

	return share < 0 ? 0 : share > 1 ? 1 : share;
}

static double x_of(const struct area *a, double v)
{
	return a->left + place(a, v) * (a->right - a->left);
}

/* Powers of ten, and 2 and 5 between them where there are few. */
static void ticks(const struct area *a, bool is_time, bool upwards, FILE *out)
{
	static const double steps[] = { 1, 2, 5 };

	for (double k = floor(a->low); k <= a->high; k++) {
		for (unsigned i = 0; i < (a->high - a->low < 2.2 ? ARRAY_SIZE(steps) : 1); i++) {
			double v = pow(10, k) * steps[i], at = log10(v);

			if (at < a->low - 1e-9 || at > a->high + 1e-9)
				continue;
			if (upwards) {
				double y = a->bottom - place(a, v) * (a->bottom - a->top);

				fprintf(out,
					"<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
					"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
					a->left, a->right, y, y, a->left - 6, y + 4);
			} else {
				fprintf(out,
					"<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
					"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
					x_of(a, v), x_of(a, v), a->top, a->bottom, x_of(a, v),
					a->bottom + 15);
			}
			tick(v, is_time, out);
			fprintf(out, "</text>\n");
		}
	}
}

/* How high a count is: a bar of one can be seen, too. */
static double height(const struct area *a, double count, double most)
{
	return (log10(count) + 0.3) / (log10(most) + 0.3) * (a->bottom - a->top);
}

static void counts_axis(const struct area *a, double most, FILE *out)
{
	for (double v = 1; v <= most; v *= 10) {
		double y = a->bottom - height(a, v, most);

		fprintf(out,
			"<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">",
			a->left, a->right, y, y, a->left - 6, y + 4);
		trace_html_number(v, 0, out);
		fprintf(out, "</text>\n");
	}
}

/* A bar: buckets from @at on, as many as it takes to be seen. */
static unsigned next_bar(const struct histogram *h, const struct area *a, double unit, unsigned at,
			 unsigned last, double *left, double *right, double *count)
{
	*count = 0;
	*left = x_of(a, (double)histogram_bucket_low(at) / unit);
	do {
		*count += (double)h->bucket[at];
		*right = x_of(a, ((double)histogram_bucket_high(at) + 1) / unit);
	} while (++at <= last && *right - *left < 4);
	return at;
}

static void bars(const struct histogram *h, struct area *a, double unit, FILE *out)
{
	unsigned first = 0, last = HISTOGRAM_BUCKETS - 1;
	double left, right, count, most = 1;

	while (first < last && !h->bucket[first])
		first++;
	while (last > first && !h->bucket[last])
		last--;
	set_range(a, (double)histogram_bucket_low(first) / unit,
		  ((double)histogram_bucket_high(last) + 1) / unit);
	for (unsigned i = first; i <= last;) {
		i = next_bar(h, a, unit, i, last, &left, &right, &count);
		most = count > most ? count : most;
	}
	counts_axis(a, most, out);
	for (unsigned i = first; i <= last;) {
		i = next_bar(h, a, unit, i, last, &left, &right, &count);
		if (count > 0)
			fprintf(out,
				"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
				left, a->bottom - height(a, count, most),
				right - left > 1.5 ? right - left - 0.5 : 1,
				height(a, count, most));
	}
}

/* Their lines first, so that none crosses another one's text. */
static void percentiles(const struct histogram *h, const struct area *a, double unit, bool is_time,
			FILE *out)
{
	static const double percent[] = { 50, 90, 99, 99.9, 100 };
	double v[ARRAY_SIZE(percent)];

	for (unsigned i = 0; i < ARRAY_SIZE(percent); i++) {
		v[i] = (double)histogram_percentile(h, percent[i]) / unit;
		fprintf(out,
			"<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%u\" y2=\"%.1f\"/>\n",
			x_of(a, v[i]), x_of(a, v[i]), 11 * i, a->bottom);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(percent); i++) {
		double x = x_of(a, v[i]);
		bool is_right = x < (a->left + a->right) / 2;

		fprintf(out, "<text class=\"value\" x=\"%.1f\" y=\"%u\" text-anchor=\"%s\">",
			is_right ? x + 4 : x - 4, 11 * i + 9, is_right ? "start" : "end");
		if (percent[i] < 100)
			fprintf(out, "p%g ", percent[i]);
		else
			fprintf(out, "max ");
		if (is_time)
			trace_html_time(v[i], out);
		else
			trace_html_number(v[i], 0, out);
		fprintf(out, "</text>\n");
	}
}

void trace_html_plot(const struct histogram *h, double unit, bool is_time, FILE *out)
{
	struct area a = distribution;

	fprintf(out, "<svg class=\"plot\" viewBox=\"0 0 480 244\" role=\"img\">\n");
	bars(h, &a, unit, out);
	ticks(&a, is_time, false, out);
	percentiles(h, &a, unit, is_time, out);
	fprintf(out,
		"<text x=\"%.1f\" y=\"240\" text-anchor=\"middle\">%s</text>"
		"<text x=\"12\" y=\"%.1f\" text-anchor=\"middle\" "
		"transform=\"rotate(-90 12 %.1f)\">how often</text></svg>\n",
		(a.left + a.right) / 2, is_time ? "time, logarithmic" : "number, logarithmic",
		(a.top + a.bottom) / 2, (a.top + a.bottom) / 2);
}

struct cells {
	unsigned count[MAP_ROWS][MAP_COLUMNS];
	unsigned most;
	uint64_t first, last; /* when one ended */
	struct area area;
};

static void fill_cells(struct cells *c, const struct trace_html_ways *ways, double us)
{
	double low = INFINITY, high = 0, took;
	uint64_t end;

	memset(c, 0, sizeof(*c));
	c->first = UINT64_MAX;
	c->area = map;
	for (size_t i = 0; i < ways->nr; i++) {
		took = (double)trace_html_ways_duration(ways, i, &end) / us;
		c->first = end < c->first ? end : c->first;
		c->last = end > c->last ? end : c->last;
		low = took < low ? took : low;
		high = took > high ? took : high;
	}
	set_range(&c->area, low, high);
	for (size_t i = 0; i < ways->nr; i++) {
		double share;
		unsigned *cell;

		took = (double)trace_html_ways_duration(ways, i, &end) / us;
		share = (double)(end - c->first) / ((double)(c->last - c->first) + 1);
		cell = &c->count[(unsigned)(place(&c->area, took) * (MAP_ROWS - 0.01))]
				[(unsigned)(share * (MAP_COLUMNS - 0.01))];
		c->most = ++*cell > c->most ? *cell : c->most;
	}
}

static double opacity(double count, double most)
{
	return 0.2 + 0.8 * log10(count + 1) / log10(most + 1);
}

static void legend(const struct cells *c, const char *many, FILE *out)
{
	fprintf(out, "<text x=\"%.1f\" y=\"334\" text-anchor=\"end\">%s in a cell: 1</text>",
		c->area.right - 130, many);
	for (unsigned i = 0; i < 6; i++)
		fprintf(out,
			"<rect x=\"%.1f\" y=\"325\" width=\"14\" height=\"10\" "
			"fill-opacity=\"%.2f\"/>",
			c->area.right - 124 + i * 15, opacity(pow(c->most, i / 5.0), c->most));
	fprintf(out, "<text x=\"%.1f\" y=\"334\">%u</text>\n", c->area.right - 30, c->most);
}

static void time_axis(const struct cells *c, double us, FILE *out)
{
	double took = (double)(c->last - c->first) / us;

	for (unsigned i = 0; i <= 5; i++) {
		fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
			c->area.left + (c->area.right - c->area.left) * i / 5, c->area.bottom + 16,
			i < 5 ? "middle" : "end");
		fprintf(out, "%.3g s</text>\n", took * i / 5 / 1e6);
	}
	fprintf(out, "<text x=\"%.1f\" y=\"334\">time since the first one ended</text>\n",
		c->area.left);
}

void trace_html_ways_heat_map(const struct trace_html *page, const struct trace_html_ways *ways)
{
	static struct cells c;
	double width, tall;

	fill_cells(&c, ways, page->us);
	width = (c.area.right - c.area.left) / MAP_COLUMNS;
	tall = (c.area.bottom - c.area.top) / MAP_ROWS;
	fprintf(page->out, "<svg class=\"map\" viewBox=\"0 0 1072 340\" role=\"img\">\n");
	ticks(&c.area, true, true, page->out);
	for (unsigned r = 0; r < MAP_ROWS; r++) {
		for (unsigned i = 0; i < MAP_COLUMNS; i++) {
			if (!c.count[r][i])
				continue;
			fprintf(page->out,
				"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
				"fill-opacity=\"%.2f\"/>\n",
				c.area.left + i * width, c.area.bottom - (r + 1) * tall, width,
				tall, opacity(c.count[r][i], c.most));
		}
	}
	time_axis(&c, page->us, page->out);
	legend(&c, ways->many, page->out);
	fprintf(page->out, "</svg>\n");
}
