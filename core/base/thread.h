/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Threads: all of torc's have a name and a small stack, and begin by the one function that sets them up.
 *
 * Small also because the top of a default-sized stack is often aligned so that its first touch takes a huge page.
 */
#ifndef CORE_BASE_THREAD_H
#define CORE_BASE_THREAD_H

#include <pthread.h>

/** Embedded in what the thread serves, where it stays until the thread has been joined. */
struct thread {
	pthread_t id; /* for whoever started it */
	const char *name;
	void *(*main)(void *arg);
	void *arg;
};

/**
 * thread_start - start a thread
 * @thread: embedded; its id is undefined on failure
 * @name: at most 15 characters; stays as long as @thread
 * @main: its function, which is called when the thread has been set up
 * @arg: for @main
 *
 * The thread inherits the signal mask. Any thread. Return: 0; -errno of pthread_create().
 */
int thread_start(struct thread *thread, const char *name, void *(*main)(void *), void *arg);

#endif
