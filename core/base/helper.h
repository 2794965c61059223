/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Helper: a thread that makes calls which may block for long, one at a time, for somebody who has other things to do.
 */
#ifndef CORE_BASE_HELPER_H
#define CORE_BASE_HELPER_H

#include <pthread.h>
#include <stdbool.h>

#include "core/base/thread.h"

/** What it is to do; embedded, at most once on its way. */
struct helper_job {
	/* On the helper's thread. */
	void (*run)(struct helper_job *job);
	/* Likewise, afterwards: the job may go now. NULL: somebody calls helper_wait(). */
	void (*done)(struct helper_job *job);

	/* The helper's. */
	struct helper_job *next;
	bool is_queued; /* or is being run */
};

struct helper {
	struct thread thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct helper_job *first, **last;
	bool is_ending;
};

/**
 * helper_start - start the thread
 * @helper: embedded; stays in place
 * @name: of the thread, at most 15 characters
 *
 * Return: 0; -errno of pthread_create().
 */
int helper_start(struct helper *helper, const char *name);

/**
 * helper_stop - end the thread, once all that is queued has been done
 * @helper: started or zeroed
 */
void helper_stop(struct helper *helper);

/**
 * helper_submit - have something done after all that was submitted before
 * @helper: started
 * @job: stays until it is done
 *
 * Any thread.
 */
void helper_submit(struct helper *helper, struct helper_job *job);

/**
 * helper_wait - wait until a job is done
 * @helper: started
 * @job: submitted, without done(); or never submitted
 *
 * Any thread but the helper's.
 */
void helper_wait(struct helper *helper, const struct helper_job *job);

#endif
