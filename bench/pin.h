/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Pin: a core for each of a benchmark's threads, and whether they had it for themselves.
 *
 * Left to the scheduler, two may share a core, and one that looks all the time keeps it from the other. Where the machine
 * has other work, a thread that looks all the time loses its core to that now and then, and one that sleeps is woken on a
 * core that is awake, three times as fast. So only what was measured without preemption says something.
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

/**
 * bench_preempted - how often threads of this process lost their CPU to others
 *
 * Return: since its start.
 */
long bench_preempted(void);

#endif
