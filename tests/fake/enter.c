/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/enter.h"

#include <liburing.h>
#include <limits.h>
#include <stdbool.h>

#include "core/base/bits.h"

int __real_io_uring_submit(struct io_uring *uring);
int __real_io_uring_submit_and_get_events(struct io_uring *uring);
int __real_io_uring_submit_and_wait(struct io_uring *uring, unsigned nr);
int __wrap_io_uring_submit(struct io_uring *uring);
int __wrap_io_uring_submit_and_get_events(struct io_uring *uring);
int __wrap_io_uring_submit_and_wait(struct io_uring *uring, unsigned nr);

static int error;
static unsigned nr_left, nr_refused; /* atomic */

void fake_enter_refuse(int with, unsigned nr)
{
	error = with;
	__atomic_store_n(&nr_refused, 0, __ATOMIC_RELAXED);
	store_release(&nr_left, nr);
}

unsigned fake_enter_refused(void)
{
	return __atomic_load_n(&nr_refused, __ATOMIC_RELAXED);
}

static bool is_refused(void)
{
	unsigned left = load_acquire(&nr_left);

	if (!left)
		return false;
	if (left != UINT_MAX)
		__atomic_fetch_sub(&nr_left, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&nr_refused, 1, __ATOMIC_RELAXED);
	return true;
}

int __wrap_io_uring_submit(struct io_uring *uring)
{
	return is_refused() ? error : __real_io_uring_submit(uring);
}

int __wrap_io_uring_submit_and_get_events(struct io_uring *uring)
{
	return is_refused() ? error : __real_io_uring_submit_and_get_events(uring);
}

int __wrap_io_uring_submit_and_wait(struct io_uring *uring, unsigned nr)
{
	return is_refused() ? error : __real_io_uring_submit_and_wait(uring, nr);
}
