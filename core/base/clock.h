/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Clock: the kernel's clocks in nanoseconds.
 */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/**
 * clock_ns - what a clock says
 * @clock: one that every Linux has, such as CLOCK_MONOTONIC
 *
 * Any thread. Return: nanoseconds.
 */
static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

#endif
