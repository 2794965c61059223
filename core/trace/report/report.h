/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Report: a recording for people (HTML) and for other programs. One thread.
 */
#ifndef CORE_TRACE_REPORT_REPORT_H
#define CORE_TRACE_REPORT_REPORT_H

#include <stdio.h>

#include "core/trace/report/recording.h"
#include "core/trace/report/span.h"

#define TRACE_NR_SLOWEST 20

enum trace_report_format {
	TRACE_REPORT_HTML,
	TRACE_REPORT_JSON,
	TRACE_REPORT_CSV,
	TRACE_REPORT_HGRM,
	TRACE_REPORT_PERFETTO,
};

/**
 * trace_report - print a recording
 * @recording: opened
 * @format: how
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int trace_report(const struct trace_recording *recording, enum trace_report_format format,
		 FILE *out, struct error *err);

/**
 * trace_report_html - a page that refers to nothing outside
 * @rec: opened
 * @spans: of it
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int trace_report_html(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out,
		      struct error *err);

/**
 * trace_report_json - objects, threads, requests and the slowest of them, vectors
 * @rec: opened
 * @spans: of it
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int trace_report_json(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out,
		      struct error *err);

/**
 * trace_report_csv - a line for each request and each interrupt, its stages in nanoseconds
 * @rec: opened
 * @spans: of it
 * @out: where to
 */
void trace_report_csv(const struct trace_recording *rec, const struct trace_spans *spans,
		      FILE *out);

/**
 * trace_report_hgrm - HdrHistogram's percentile text, for each distribution
 * @rec: opened
 * @spans: of it
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int trace_report_hgrm(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out,
		      struct error *err);

/**
 * trace_report_perfetto - every event as Chrome trace JSON
 * @rec: opened
 * @spans: of it
 * @out: where to
 */
void trace_report_perfetto(const struct trace_recording *rec, const struct trace_spans *spans,
			   FILE *out);

/**
 * trace_report_unit - what a histogram's values are divided by
 * @rec: opened
 * @is_time: of the histogram
 *
 * Return: cycles in a microsecond; 1.
 */
double trace_report_unit(const struct trace_recording *rec, bool is_time);

/**
 * trace_report_name - of an object
 * @rec: opened
 * @object: any
 *
 * Return: its name; "unknown".
 */
const char *trace_report_name(const struct trace_recording *rec, unsigned object);

/**
 * trace_report_text - text between JSON's quotation marks, or HTML's tags
 * @text: printable
 * @out: where to; what either would obey is replaced
 */
void trace_report_text(const char *text, FILE *out);

#endif
