/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Metrics file: Prometheus's text in a file that is replaced at an interval, for node_exporter's textfile collector.
 *
 * Each text is written beside the file and takes its place at once, so a reader finds a whole one. Main thread and its
 * ring, which no vCPU waits for: a slow file system delays nothing of the guest's.
 */
#ifndef CORE_VMM_METRICS_FILE_H
#define CORE_VMM_METRICS_FILE_H

#include <stdbool.h>

#include "core/base/error.h"
#include "core/vmm/metrics.h"
#include "io/ring/ring.h"

struct metrics_file {
	struct ring *ring; /* NULL: not started */
	struct ring_op timer;
	const struct metrics_source *source;
	unsigned interval_s;
	const char *path;
	mode_t mode;
	char *new_path; /* of the next text until it is whole: never ends in .prom */
	bool failed;	/* the last time, which was said */
};

/**
 * metrics_file_start - write it now and then again and again
 * @file: embedded; zeroed
 * @ring: the calling thread's
 * @source: as metrics_print(); stays
 * @path: stays
 * @mode: of the file, whatever the umask
 * @interval_s: seconds, not 0
 * @err: filled on failure
 *
 * A later failure is a warning, once, and the file stays as it is until writing succeeds.
 * Return: 0; -EEXIST there is something else; -ENOMEM; -errno of open(2), write(2) or rename(2).
 */
int metrics_file_start(struct metrics_file *file, struct ring *ring,
		       const struct metrics_source *source, const char *path, mode_t mode,
		       unsigned interval_s, struct error *err);

/**
 * metrics_file_finish - write it for the last time and leave it there
 * @file: started and its ring destroyed, or zeroed
 */
void metrics_file_finish(struct metrics_file *file);

#endif
