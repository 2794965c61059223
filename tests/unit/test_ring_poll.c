/* SPDX-License-Identifier: Apache-2.0 */
/* When a ring polls, and when it waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "io/ring/ring.h"

#define TIMEOUT_NS 20000000ULL

struct fixture {
	struct ring ring;
	struct ring_poller poller;
	struct ring_op timer;
	unsigned nr_polls, nr_rests;
};

static unsigned on_poll(struct ring_poller *poller)
{
	container_of(poller, struct fixture, poller)->nr_polls++;
	return 0;
}

static unsigned on_rest(struct ring_poller *poller)
{
	container_of(poller, struct fixture, poller)->nr_rests++;
	return 0;
}

static void on_time(struct ring_op *op, int32_t res, uint32_t flags)
{
	ring_stop(&container_of(op, struct fixture, timer)->ring);
}

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){
		.poller = { .poll = on_poll, .rest = on_rest },
		.timer.done = on_time,
	};
	*state = &f;
	assert_int_equal(ring_init(&f.ring, 8, NULL), 0);
	ring_add_poller(&f.ring, &f.poller);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ring_destroy(&f->ring);
	return 0;
}

static void run(struct fixture *f)
{
	ring_timeout(&f->ring, &f->timer, TIMEOUT_NS);
	f->ring.nr_enter = 0;
	f->ring.poll_cycles = f->ring.poll_max_cycles;
	assert_int_equal(ring_run(&f->ring), 0);
}

static void ring_without_work_polls_and_then_waits(void **state)
{
	struct fixture *f = *state;

	run(f);
	assert_true(f->nr_polls > 0);
	assert_true(f->nr_rests > 0);
	assert_in_range(f->ring.nr_enter, 1, 20);
}

/* What the kernel leaves behind when its flag comes after the work was run. */
static void flag_without_task_work_is_not_taken_for_events(void **state)
{
	struct fixture *f = *state;

	__atomic_fetch_or(f->ring.uring.sq.kflags, IORING_SQ_TASKRUN, __ATOMIC_RELAXED);
	run(f);
	assert_true(f->nr_polls > 0);
	assert_true(f->nr_rests > 0);
	assert_in_range(f->ring.nr_enter, 1, 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ring_without_work_polls_and_then_waits),
		TEST(flag_without_task_work_is_not_taken_for_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
