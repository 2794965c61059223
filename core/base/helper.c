/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/helper.h"

#include <stddef.h>

#include "core/base/thread.h"

/* What is queued first; NULL: nothing is, and nothing will be. Locked. */
static struct helper_job *next_job(struct helper *helper)
{
	struct helper_job *job;

	while (!helper->first && !helper->is_ending)
		pthread_cond_wait(&helper->changed, &helper->lock);
	job = helper->first;
	if (job) {
		helper->first = job->next;
		if (!helper->first)
			helper->last = &helper->first;
	}
	return job;
}

static void *helper_main(void *arg)
{
	struct helper *helper = arg;
	struct helper_job *job;

	pthread_mutex_lock(&helper->lock);
	while ((job = next_job(helper))) {
		void (*done)(struct helper_job * job) = job->done;

		pthread_mutex_unlock(&helper->lock);
		job->run(job);
		pthread_mutex_lock(&helper->lock);
		job->is_queued = false;
		pthread_cond_broadcast(&helper->changed);
		pthread_mutex_unlock(&helper->lock);
		/* The last of it: it is its owner's again. */
		if (done)
			done(job);
		pthread_mutex_lock(&helper->lock);
	}
	pthread_mutex_unlock(&helper->lock);
	return NULL;
}

static void destroy(struct helper *helper)
{
	pthread_cond_destroy(&helper->changed);
	pthread_mutex_destroy(&helper->lock);
}

int helper_start(struct helper *helper, const char *name)
{
	int r;

	*helper = (struct helper){ .last = &helper->first };
	pthread_mutex_init(&helper->lock, NULL);
	pthread_cond_init(&helper->changed, NULL);
	r = thread_start(&helper->thread, name, helper_main, helper);
	helper->started = !r;
	if (r)
		destroy(helper);
	return r;
}

void helper_stop(struct helper *helper)
{
	if (!helper->started)
		return;
	pthread_mutex_lock(&helper->lock);
	helper->is_ending = true;
	pthread_cond_broadcast(&helper->changed);
	pthread_mutex_unlock(&helper->lock);
	pthread_join(helper->thread.id, NULL);
	destroy(helper);
	helper->started = false;
}

void helper_submit(struct helper *helper, struct helper_job *job)
{
	pthread_mutex_lock(&helper->lock);
	job->next = NULL;
	job->is_queued = true;
	*helper->last = job;
	helper->last = &job->next;
	pthread_cond_broadcast(&helper->changed);
	pthread_mutex_unlock(&helper->lock);
}

void helper_wait(struct helper *helper, const struct helper_job *job)
{
	if (!helper->started)
		return;
	pthread_mutex_lock(&helper->lock);
	while (job->is_queued)
		pthread_cond_wait(&helper->changed, &helper->lock);
	pthread_mutex_unlock(&helper->lock);
}
