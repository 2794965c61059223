/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Source: the trace of a running torc, as core/base/trace_format.h has it, mapped by torc-trace.
 *
 * The file belongs to another process, which may end at any time and which is not trusted: what is read from it is
 * checked once, when it is mapped or when it is copied. Most of the file is holes, of which a look through the mapping
 * would make pages; so histograms are copied by pread(2). One thread.
 */
#ifndef CORE_TRACE_RECORD_SOURCE_H
#define CORE_TRACE_RECORD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/base/trace_format.h"

struct trace_source {
	int pid;
	int pidfd;		    /* readable once the process has ended; -1 without a process */
	struct trace_header header; /* as it was when it was mapped */
	int fd;
	void *map;
	size_t size;
};

/* An object at one moment. */
struct trace_snapshot {
	unsigned index;
	uint64_t tsc;
	struct trace_object object;
};

/**
 * trace_source_open - find and map the trace of a process
 * @source: filled on success
 * @pid: of torc
 * @write: to take the lease, too
 * @err: filled on failure
 *
 * Return: 0; -ESRCH no such process; -ENOENT it shares no trace; -EPROTO what it shares is no trace of this version;
 * -errno.
 */
int trace_source_open(struct trace_source *source, int pid, bool write, struct error *err);

/**
 * trace_source_map - map a trace whose file is known
 * @source: filled on success
 * @fd: of the file; taken over on success
 * @write: to take the lease, too
 * @err: filled on failure
 *
 * Return: as trace_source_open().
 */
int trace_source_map(struct trace_source *source, int fd, bool write, struct error *err);

/**
 * trace_source_close - unmap it
 * @source: opened
 */
void trace_source_close(struct trace_source *source);

/**
 * trace_source_has_ended - whether the process has
 * @source: opened
 *
 * Return: true once there is nothing more to come.
 */
bool trace_source_has_ended(const struct trace_source *source);

/**
 * trace_source_hold - take the lease, or keep it
 * @source: mapped for writing
 * @ms: from now on; 0: give it back
 */
void trace_source_hold(struct trace_source *source, unsigned ms);

/**
 * trace_source_objects - how many objects there are by now
 * @source: opened
 *
 * Return: their number, at most what the table holds.
 */
unsigned trace_source_objects(const struct trace_source *source);

/**
 * trace_source_threads - how many threads have come so far
 * @source: opened
 *
 * Return: their number, at most what the table holds.
 */
unsigned trace_source_threads(const struct trace_source *source);

/**
 * trace_source_object - copy an object
 * @source: opened
 * @index: below trace_source_objects()
 * @out: receives it; its name is printable
 */
void trace_source_object(const struct trace_source *source, unsigned index,
			 struct trace_snapshot *out);

/**
 * trace_source_thread - a thread's entry in the table
 * @source: opened
 * @index: below trace_source_threads()
 *
 * Return: the entry, which the process writes to.
 */
const struct trace_thread *trace_source_thread(const struct trace_source *source, unsigned index);

/**
 * trace_source_drain - copy events of a thread that were not copied yet
 * @source: opened
 * @index: of the thread
 * @next: number of the first event wanted; moved on past what was copied or lost
 * @out: room for @max
 * @max: at least 1
 * @dropped: increased by how many were overwritten before they could be copied
 *
 * Return: how many were copied.
 */
size_t trace_source_drain(const struct trace_source *source, unsigned index, uint64_t *next,
			  struct trace_event *out, size_t max, uint64_t *dropped);

/**
 * trace_histogram_difference - what came between two moments
 * @out: later less earlier; its limits are those of the buckets, within those of @later
 * @later: of the same histogram
 * @earlier: likewise; NULL: all of @later
 */
void trace_histogram_difference(struct histogram *out, const struct histogram *later,
				const struct histogram *earlier);

/**
 * trace_clean_text - make text of another process one line with nothing that a terminal or a browser would obey
 * @text: changed
 * @size: of its memory, at least 1; it ends in NUL afterwards
 */
void trace_clean_text(char *text, size_t size);

#endif
