/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/thread.h"

#include "core/base/bits.h"

#define STACK_SIZE (256 * KIB)

/* What each thread does first, itself: the place for what it is to be denied from then on. */
static void set_up(const struct thread *self)
{
	pthread_setname_np(pthread_self(), self->name);
}

static void *begin(void *arg)
{
	const struct thread *self = arg;

	set_up(self);
	return self->main(self->arg);
}

int thread_start(struct thread *thread, const char *name, void *(*main)(void *), void *arg)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	thread->name = name;
	thread->main = main;
	thread->arg = arg;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(&thread->id, &attr, begin, thread);
	pthread_attr_destroy(&attr);
	return -r;
}
