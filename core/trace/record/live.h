/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Live: a screen of what a running torc counts, which costs it nothing. One thread.
 */
#ifndef CORE_TRACE_RECORD_LIVE_H
#define CORE_TRACE_RECORD_LIVE_H

#include <stdio.h>

#include "core/trace/record/source.h"

struct trace_live_options {
	double interval_s;
	unsigned count; /* of screens; 0: until the VM ends */
};

/**
 * trace_live_object - an object's rates and latencies
 * @later: now
 * @earlier: some time before
 * @tsc_hz: of the times
 * @out: where to
 */
void trace_live_object(const struct trace_snapshot *later, const struct trace_snapshot *earlier,
		       uint64_t tsc_hz, FILE *out);

/**
 * trace_live - show all objects again and again
 * @source: opened
 * @options: how often
 * @out: where to; a terminal is cleared each time
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -errno.
 */
int trace_live(const struct trace_source *source, const struct trace_live_options *options,
	       FILE *out, struct error *err);

#endif
