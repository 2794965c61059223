/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Record: drain a running torc's events into a file while holding the lease. One thread; what it keeps in memory is
 * bounded by the numbers of threads and objects.
 */
#ifndef CORE_TRACE_RECORD_RECORD_H
#define CORE_TRACE_RECORD_RECORD_H

#include "core/trace/record/source.h"

/**
 * trace_record_file - record until the VM ends, a time has passed, or SIGINT or SIGTERM arrives
 * @source: opened for writing
 * @path: created, or emptied
 * @seconds: how long; 0: no limit
 * @err: filled on failure
 *
 * Says on standard error what was recorded, what was lost, and what could not be had.
 * Return: 0; -errno.
 */
int trace_record_file(struct trace_source *source, const char *path, double seconds,
		      struct error *err);

#endif
