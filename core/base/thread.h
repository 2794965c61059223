/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Threads: all of torc's have a name and a small stack.
 *
 * Small also because the top of a default-sized stack is often aligned so that its first touch takes a huge page.
 */
#ifndef CORE_BASE_THREAD_H
#define CORE_BASE_THREAD_H

#include <pthread.h>

/**
 * thread_start - start a thread
 * @thread: receives it, to be joined; undefined on failure
 * @name: at most 15 characters
 * @main: its function
 * @arg: for @main
 *
 * The thread inherits the signal mask. Any thread. Return: 0; -errno of pthread_create().
 */
int thread_start(pthread_t *thread, const char *name, void *(*main)(void *), void *arg);

#endif
