/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Affinity: on which CPUs of the host a thread may run. Any thread may call.
 */
#ifndef NUMA_AFFINITY_H
#define NUMA_AFFINITY_H

#include <pthread.h>
#include <sched.h>

#include "core/base/error.h"

/**
 * affinity_set - let a thread run on some CPUs only
 * @thread: running
 * @cpus: at least one
 * @allowed: what torc was started with; torc's own threads may have less by now
 * @err: filled on failure: which of them this process may not use
 *
 * Return: 0; -EINVAL a CPU that is not there, or not in the cpuset that torc was started in.
 */
int affinity_set(pthread_t thread, const cpu_set_t *cpus, const cpu_set_t *allowed,
		 struct error *err);

/**
 * affinity_format - CPUs as a list with ranges: 0-2,5
 * @cpus: the set
 * @text: receives it, cut if it is too long
 * @size: of @text
 */
void affinity_format(const cpu_set_t *cpus, char *text, size_t size);

#endif
