/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Recording: a file of torc-trace record, read and checked. What is wrong with it is found while it is opened.
 */
#ifndef CORE_TRACE_REPORT_RECORDING_H
#define CORE_TRACE_REPORT_RECORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/trace/record/record_format.h"

struct trace_recorded_object {
	struct trace_object *begin, *final; /* NULL: not recorded */
};

struct trace_recorded_thread {
	char name[16];
	uint32_t tid;
	/* A TRACE_EVENT_NONE stands where events are missing. */
	struct trace_event *event;
	size_t nr, room;
	uint64_t nr_dropped;
};

struct trace_recording {
	struct trace_header header;
	struct trace_recorded_object *object; /* header.max_objects */
	struct trace_recorded_thread *thread; /* header.max_threads */
	struct trace_kernel_event *kernel;    /* by time */
	size_t nr_kernel, room_kernel;
	char *notes; /* a line each; never NULL */
	size_t notes_size;
	bool is_whole; /* recording ended as it should */
};

/**
 * trace_recording_open - read a recording
 * @recording: filled on success
 * @path: of the file
 * @err: filled on failure
 *
 * Return: 0; -EPROTO not a recording, or a damaged one; -ENOMEM; -errno.
 */
int trace_recording_open(struct trace_recording *recording, const char *path, struct error *err);

/**
 * trace_recording_close - free it
 * @recording: opened
 */
void trace_recording_close(struct trace_recording *recording);

/**
 * trace_recording_object - what an object did during the recording
 * @recording: opened
 * @index: of the object
 * @out: receives the difference of its last and first snapshots
 *
 * Return: whether there is such an object.
 */
bool trace_recording_object(const struct trace_recording *recording, unsigned index,
			    struct trace_object *out);

#endif
