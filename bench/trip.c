/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/trip.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "core/base/bits.h"
#include "core/base/clock.h"

/* The @index'th of the CPUs that the process may use. */
static int pin(pthread_t thread, unsigned index)
{
	static cpu_set_t all; /* before the first call; pinning is inherited */
	cpu_set_t one;
	unsigned cpu = 0;

	if (!CPU_COUNT(&all) && sched_getaffinity(0, sizeof(all), &all))
		return -errno;
	for (; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && index-- == 0)
			break;
	if (cpu == CPU_SETSIZE)
		return -ENODEV;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return -pthread_setaffinity_np(thread, sizeof(one), &one);
}

bool trip_pin(struct bench_state *state, pthread_t one, pthread_t other)
{
	if (!pin(one, 0) && !pin(other, 1))
		return true;
	bench_skip(state, "there is only one CPU");
	return false;
}

/* A ring polls for completions only where there is a poller. */
static bool nothing_there(struct ring_poller *poller)
{
	return false;
}

static void start_server(struct ring_work *work)
{
	struct trip_server *server = container_of(work, struct trip_server, start);

	ring_add_poller(&server->thread.ring, &server->poller);
	ring_poll(&server->thread.ring, &server->heard, server->fd);
}

void trip_serve(struct trip_server *server, unsigned poll_us)
{
	const struct ring_thread_config config = { .poll_us = poll_us };

	if (!server->poller.poll)
		server->poller.poll = server->poller.rest = nothing_there;
	server->start.run = start_server;
	if (ring_thread_start(&server->thread, &config, NULL) ||
	    ring_thread_wait(&server->thread, NULL))
		abort();
	ring_post(&server->thread.ring, &server->start);
}

static long nr_preempted(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_nivcsw;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void trip_time(struct bench_state *state, void (*go)(void *opaque), void *opaque, unsigned nr,
	       unsigned parts)
{
	static uint64_t took[TRIP_MAX];
	long before = nr_preempted();

	while (bench_next(state)) {
		for (unsigned i = 0; i < nr; i++) {
			took[i] = clock_ns(CLOCK_MONOTONIC);
			go(opaque);
			took[i] = clock_ns(CLOCK_MONOTONIC) - took[i];
		}
		qsort(took, nr, sizeof(took[0]), compare);
		bench_time(state, took[nr / 2] / parts);
	}
	bench_counter(state, "preempted", (double)(nr_preempted() - before));
}
