/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ring thread: a thread "ringN" with a ring of its own, one per vCPU.
 *
 * The main thread starts and stops it; everybody else reaches it by ring_post() or ring_send() on its ring.
 */
#ifndef IO_RING_RING_THREAD_H
#define IO_RING_RING_THREAD_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/base/thread.h"
#include "io/ring/ring.h"

#define RING_POLL_AUTO UINT_MAX

struct ring_thread_config {
	unsigned index;	  /* N of its name */
	unsigned poll_us; /* as ring_set_poll(); RING_POLL_AUTO for its default */
	/* The ring has failed, by this error of io_uring_enter(2); on its thread. May be NULL. */
	void (*failed)(void *opaque, unsigned index, int r);
	void *opaque;
};

struct ring_thread {
	struct ring ring;
	char name[16];
	struct thread thread;
	struct ring_thread_config config;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_ready; /* the ring came up, or did not: @result */
	bool stop_requested;
	struct ring_work settle_work;
	bool is_settling;			   /* that is on its way */
	unsigned nr_wanted, nr_posted, nr_settled; /* calls of ring_thread_settle() */
	int result;
	struct error error;
};

/**
 * ring_thread_start - start a thread that runs a ring
 * @t: embedded; stays in place
 * @config: copied
 * @err: filled on failure
 *
 * Returns at once; call ring_thread_wait() before using the ring. Return: 0; -errno of pthread_create().
 */
int ring_thread_start(struct ring_thread *t, const struct ring_thread_config *config,
		      struct error *err);

/**
 * ring_thread_wait - wait until its ring is up
 * @t: started
 * @err: filled on failure
 *
 * Return: 0; what ring_init() returned.
 */
int ring_thread_wait(struct ring_thread *t, struct error *err);

/**
 * ring_thread_settle - wait until its ring has run what was posted to it so far
 * @t: started, its ring up
 * @timeout_ms: to wait at most
 *
 * It takes a turn of the ring. What that turn sent to other rings has arrived there. One thread at a time, not the ring's.
 * Return: true; false: not yet, or the ring has failed.
 */
bool ring_thread_settle(struct ring_thread *t, unsigned timeout_ms);

/**
 * ring_thread_stop - end the thread and destroy its ring
 * @t: started or zeroed
 */
void ring_thread_stop(struct ring_thread *t);

#endif
