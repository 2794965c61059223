/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/trip.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "core/base/clock.h"

int trip_pin(pthread_t thread, unsigned index)
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
