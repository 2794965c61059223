/* SPDX-License-Identifier: Apache-2.0 */
#include "io/ring/ring_thread.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/base/thread.h"
#include "core/base/trace.h"

#define RING_ENTRIES 256

static void *ring_thread_main(void *arg)
{
	struct ring_thread *t = arg;
	int r;

	trace_thread_begin(t->name);
	r = ring_init(&t->ring, RING_ENTRIES, &t->error);
	if (!r && t->config.poll_us != RING_POLL_AUTO)
		ring_set_poll(&t->ring, t->config.poll_us);
	if (!r && t->ring.cycles_per_us)
		log_debug("a system call takes %llu ns; rings poll for up to %llu us",
			  (unsigned long long)(t->ring.call_cycles * 1000 / t->ring.cycles_per_us),
			  (unsigned long long)(t->ring.poll_max_cycles / t->ring.cycles_per_us));

	pthread_mutex_lock(&t->lock);
	t->result = r;
	t->is_ready = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	if (r)
		goto end;
	r = ring_run(&t->ring);
	if (r && t->config.failed)
		t->config.failed(t->config.opaque, t->config.index, r);
	/* Others may post to it until they are told that it goes. */
	pthread_mutex_lock(&t->lock);
	while (!t->stop_requested)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
	ring_destroy(&t->ring);
end:
	trace_thread_end();
	return NULL;
}

int ring_thread_start(struct ring_thread *t, const struct ring_thread_config *config,
		      struct error *err)
{
	int r;

	memset(t, 0, sizeof(*t));
	t->config = *config;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	snprintf(t->name, sizeof(t->name), "ring%u", config->index);
	r = thread_start(&t->thread, t->name, ring_thread_main, t);
	if (r)
		return error_set(err, r, "thread of ring %u", config->index);
	t->started = true;
	return 0;
}

int ring_thread_wait(struct ring_thread *t, struct error *err)
{
	pthread_mutex_lock(&t->lock);
	while (!t->is_ready)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
	if (t->result && err)
		*err = t->error;
	return t->result;
}

static void settle_work(struct ring_work *work)
{
	struct ring_thread *t = container_of(work, struct ring_thread, settle_work);

	pthread_mutex_lock(&t->lock);
	t->nr_settled = t->nr_posted;
	t->is_settling = false;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

bool ring_thread_settle(struct ring_thread *t, unsigned timeout_ms)
{
	struct timespec until;
	unsigned wanted;
	bool settled;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += timeout_ms % 1000 * 1000000L;
	until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&t->lock);
	wanted = ++t->nr_wanted;
	/* One that is on its way still may be in front of what was posted since. */
	while (t->nr_settled < wanted && !r) {
		if (!t->is_settling) {
			t->is_settling = true;
			t->nr_posted = t->nr_wanted;
			t->settle_work.run = settle_work;
			ring_post(&t->ring, &t->settle_work);
		}
		r = pthread_cond_timedwait(&t->changed, &t->lock, &until);
	}
	settled = t->nr_settled >= wanted;
	pthread_mutex_unlock(&t->lock);
	return settled;
}

void ring_thread_stop(struct ring_thread *t)
{
	if (!t->started)
		return;
	if (!ring_thread_wait(t, NULL)) {
		pthread_mutex_lock(&t->lock);
		t->stop_requested = true;
		ring_stop(&t->ring);
		pthread_cond_broadcast(&t->changed);
		pthread_mutex_unlock(&t->lock);
	}
	pthread_join(t->thread.id, NULL);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	t->started = false;
}
