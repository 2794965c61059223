/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/pin.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

int bench_pin(pthread_t thread, unsigned index)
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

long bench_preempted(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_nivcsw;
}
