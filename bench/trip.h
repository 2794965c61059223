/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Trip: what two threads do together, each on a core of its own.
 *
 * Left to the scheduler, both may share a core, and one that looks all the time keeps it from the other. And where the
 * machine has other work, a thread loses its core now and then, for as long as a thousand trips take: so several are timed,
 * each by itself, and the one in the middle counts.
 */
#ifndef BENCH_TRIP_H
#define BENCH_TRIP_H

#include <pthread.h>
#include <stdbool.h>

#include "bench/bench.h"
#include "io/ring/ring_thread.h"

/** A ring that serves an eventfd, in a thread of its own. */
struct trip_server {
	struct ring_thread thread;
	struct ring_op heard;	   /* its done() is called for each signal */
	struct ring_poller poller; /* what else it looks at while it polls; poll() NULL: nothing */
	int fd;
	struct ring_work start;
};

/**
 * trip_serve - begin to serve
 * @server: @heard.done, @poller and @fd are set
 * @poll_us: as struct ring_thread_config has it
 *
 * Ends the process where there is no ring; ring_thread_stop() ends it.
 */
void trip_serve(struct trip_server *server, unsigned poll_us);

/**
 * trip_pin - keep two threads on a CPU each
 * @state: as run() got it; skipped where the process may use only one
 * @one: any
 * @other: another
 *
 * Return: whether they are.
 */
bool trip_pin(struct bench_state *state, pthread_t one, pthread_t other);

#define TRIP_MAX 501

/**
 * trip_time - all iterations of a benchmark that has its own clock; each takes as long as the median of some trips
 * @state: as run() got it
 * @go: one trip, or @parts
 * @opaque: for @go
 * @nr: how many times to go, at most TRIP_MAX
 * @parts: so many of what is reported
 *
 * Reports as "preempted" how often a thread of this process lost its core.
 */
void trip_time(struct bench_state *state, void (*go)(void *opaque), void *opaque, unsigned nr,
	       unsigned parts);

#endif
