/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Pin: a core for each of a benchmark's threads.
 *
 * Left to the scheduler, two may share a core, and one that looks all the time keeps it from the other.
 */
#ifndef BENCH_PIN_H
#define BENCH_PIN_H

#include <pthread.h>

/**
 * bench_pin - keep a thread on a CPU
 * @thread: any
 * @index: which of the CPUs that the process may use, from 0; no two threads that work share one
 *
 * Return: 0; -ENODEV there are fewer; -errno.
 */
int bench_pin(pthread_t thread, unsigned index);

#endif
