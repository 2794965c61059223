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

#include "bench/bench.h"

/**
 * trip_pin - keep a thread on a CPU
 * @thread: any
 * @index: which of the CPUs that the process may use, from 0; no two threads that work share one
 *
 * Return: 0; -ENODEV there are fewer; -errno.
 */
int trip_pin(pthread_t thread, unsigned index);

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
