/* SPDX-License-Identifier: Apache-2.0 */
/**
 * HTML ways: requests and interrupts have in common that they pass points, and that a page shows the slowest ones, by their
 * stages. One thread.
 */
#ifndef CORE_TRACE_REPORT_HTML_WAYS_H
#define CORE_TRACE_REPORT_HTML_WAYS_H

#include <stddef.h>

#include "core/trace/report/html.h"

/* All of a kind; points are as core/trace/report/points.h has them. */
struct trace_html_ways {
	const char *one, *many; /* what they are */
	const char *id;		/* of the element with the slowest one */
	const void *first;	/* its points are at its beginning */
	size_t stride;		/* bytes from one to the next */
	size_t nr;
	unsigned nr_points;
	void (*describe)(const struct trace_html *page, size_t i, bool is_long);
	const char *(*point_name)(unsigned point);
	const char *const *meaning; /* of each point; follows "until" */
};

/**
 * trace_html_ways_slowest - the slowest one and its stages, beside those of all
 * @page: of which
 * @ways: with at least one
 */
void trace_html_ways_slowest(const struct trace_html *page, const struct trace_html_ways *ways);

/**
 * trace_html_ways_heat_map - when they ended, and how long they took
 * @page: of which
 * @ways: with at least one
 */
void trace_html_ways_heat_map(const struct trace_html *page, const struct trace_html_ways *ways);

/**
 * trace_html_ways_table - a table of the slowest ones
 * @page: of which
 * @ways: with at least one
 */
void trace_html_ways_table(const struct trace_html *page, const struct trace_html_ways *ways);

/**
 * trace_html_ways_duration - how long one took
 * @ways: which
 * @i: below their number
 * @end: receives when it ended
 *
 * Return: cycles.
 */
uint64_t trace_html_ways_duration(const struct trace_html_ways *ways, size_t i, uint64_t *end);

/**
 * trace_html_requests - those of virtio queues
 * @page: of which
 *
 * Return: all.
 */
struct trace_html_ways trace_html_requests(const struct trace_html *page);

/**
 * trace_html_interrupts - those of passed-through devices
 * @page: of which
 *
 * Return: all.
 */
struct trace_html_ways trace_html_interrupts(const struct trace_html *page);

#endif
