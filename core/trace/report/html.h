/* SPDX-License-Identifier: Apache-2.0 */
/**
 * HTML: the parts of the report's page. It needs no script and nothing from outside; colours follow what the browser's
 * user prefers, light or dark. One thread.
 */
#ifndef CORE_TRACE_REPORT_HTML_H
#define CORE_TRACE_REPORT_HTML_H

#include <stdio.h>

#include "core/trace/report/recording.h"
#include "core/trace/report/span.h"

struct trace_html {
	const struct trace_recording *rec;
	const struct trace_spans *spans;
	FILE *out;
	double us; /* cycles in a microsecond */
};

/* Of the page, for its head. */
extern const char trace_html_style[];

/**
 * trace_html_text - text between tags, or between an attribute's quotation marks
 * @text: printable
 * @out: where to
 */
void trace_html_text(const char *text, FILE *out);

/**
 * trace_html_number - a number with its thousands apart
 * @v: not negative
 * @decimals: after the point
 * @out: where to
 */
void trace_html_number(double v, int decimals, FILE *out);

/**
 * trace_html_time - a time to three digits, with the unit that suits it
 * @us: microseconds, not negative
 * @out: where to
 */
void trace_html_time(double us, FILE *out);

/**
 * trace_html_plot - a distribution: values to the right, how many upwards, both logarithmic
 * @h: not empty
 * @unit: what its values are divided by
 * @is_time: into microseconds
 * @out: where to
 */
void trace_html_plot(const struct histogram *h, double unit, bool is_time, FILE *out);

/**
 * trace_html_vectors - interrupts of passed-through devices: their stages, and what trace=ring costs
 * @page: any
 * @o: for copies
 */
void trace_html_vectors(const struct trace_html *page, struct trace_object *o);

#endif
