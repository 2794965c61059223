/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Metrics: what the trace counts, as Prometheus's text format (version 0.0.4), at a unix socket.
 *
 * Whoever connects gets the text: at once if it asks by HTTP's GET or says that it sends nothing, else after a second.
 * One is served at a time. Main thread and its ring.
 */
#ifndef CORE_VMM_METRICS_H
#define CORE_VMM_METRICS_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/base/listener.h"
#include "core/vmm/machine_status.h"
#include "io/ring/ring.h"

/** Who knows what the machine is like. */
struct metrics_source {
	/* Return: to be freed; NULL: nothing is known. */
	struct machine_status *(*status)(void *opaque);
	void *opaque;
};

struct metrics {
	struct listener listener;
	struct ring *ring;
	const struct metrics_source *source;
	int fd; /* of who is served; -1: nobody */
	struct ring_op op, timer;
	char request[4096];
	char *text; /* the answer, NULL while it asks */
	size_t size, sent;
	bool is_late; /* a second has gone by since there is an answer */
};

/**
 * metrics_print - the text
 * @out: where to
 * @source: of the machine's state; NULL: that is not told
 *
 * Takes 60 KiB of stack: main thread.
 */
void metrics_print(FILE *out, const struct metrics_source *source);

/**
 * metrics_start - serve it
 * @metrics: embedded; zeroed
 * @ring: the calling thread's
 * @source: as metrics_print(); stays
 * @path: of the socket; stays
 * @mode: as listener_open()
 * @err: filled on failure
 *
 * Return: 0; what listener_open() returns.
 */
int metrics_start(struct metrics *metrics, struct ring *ring, const struct metrics_source *source,
		  const char *path, mode_t mode, struct error *err);

/**
 * metrics_destroy - no longer
 * @metrics: started and its ring destroyed, or zeroed
 */
void metrics_destroy(struct metrics *metrics);

#endif
