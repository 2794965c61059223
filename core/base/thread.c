/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/thread.h"

#include "core/base/bits.h"

#define STACK_SIZE (256 * KIB)

int thread_start(pthread_t *thread, const char *name, void *(*main)(void *), void *arg)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(thread, &attr, main, arg);
	pthread_attr_destroy(&attr);
	if (!r)
		pthread_setname_np(*thread, name);
	return -r;
}
