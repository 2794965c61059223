/* SPDX-License-Identifier: Apache-2.0 */
/* A ring whose kernel refuses io_uring_enter(2): for a while, and for good. */
#include <errno.h>
#include <limits.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "io/ring/ring.h"
#include "io/ring/ring_thread.h"
#include "tests/fake/enter.h"
#include "tests/unit/within.h"

#define ENTRIES	 8
#define LIMIT	 1000U /* of refusals for want of memory */
#define A_WHILE	 200U
#define SHORT_NS 100000U

struct fixture {
	struct ring ring;
	struct ring_op timer;
	struct ring_op many[4 * ENTRIES];
	unsigned nr_done;
	int32_t res;
	sem_t failed;
	unsigned index;
	int error;
};

static struct fixture f;

static void on_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	f.nr_done++;
	f.res = res;
}

static void on_failed(void *opaque, unsigned index, int r)
{
	struct fixture *fixture = opaque;

	fixture->index = index;
	fixture->error = r;
	sem_post(&fixture->failed);
}

static void on_work(struct ring_work *work)
{
}

static int setup(void **state)
{
	memset(&f, 0, sizeof(f));
	f.timer.done = on_done;
	for (unsigned i = 0; i < ARRAY_SIZE(f.many); i++)
		f.many[i].done = on_done;
	sem_init(&f.failed, 0, 0);
	return ring_init(&f.ring, ENTRIES, NULL);
}

static int teardown(void **state)
{
	fake_enter_refuse(0, 0);
	ring_destroy(&f.ring);
	sem_destroy(&f.failed);
	return 0;
}

static void expect_a_turn(void)
{
	f.nr_done = 0;
	ring_timeout(&f.ring, &f.timer, SHORT_NS);
	ring_wait(&f.ring, &f.timer);
	assert_int_equal(f.nr_done, 1);
	assert_int_equal(f.res, -ETIME);
	assert_int_equal(f.ring.failed, 0);
}

static void want_of_memory_is_survived(void **state)
{
	const int errors[] = { -ENOMEM, -EAGAIN, -EINTR, -EBUSY };

	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		fake_enter_refuse(errors[i], A_WHILE);
		expect_a_turn();
		assert_int_equal(fake_enter_refused(), A_WHILE);
	}
	/* The limit is for those in a row. */
	for (unsigned i = 0; i < 2; i++) {
		fake_enter_refuse(-ENOMEM, LIMIT * 6 / 10);
		expect_a_turn();
	}
}

static void expect_the_end(int error, unsigned min, unsigned max)
{
	fake_enter_refuse(error, UINT_MAX);
	ring_timeout(&f.ring, &f.timer, SHORT_NS);
	assert_int_equal(ring_run(&f.ring), error);
	assert_within(fake_enter_refused(), min, max);
	assert_int_equal(f.ring.failed, error);
}

static void want_of_memory_for_a_second_ends_it(void **state)
{
	expect_the_end(-ENOMEM, LIMIT, LIMIT + 8);
}

static void what_trying_again_will_not_mend_ends_it_at_once(void **state)
{
	expect_the_end(-EBADR, 1, 8);
	/* Even where the kernel would take it again: what it dropped never comes. */
	fake_enter_refuse(0, 0);
	assert_int_equal(ring_run(&f.ring), -EBADR);
}

static void what_is_queued_then_goes_nowhere(void **state)
{
	expect_the_end(-EBADR, 1, 8);
	/* More than there is room for: nobody waits for room. */
	for (unsigned i = 0; i < ARRAY_SIZE(f.many); i++)
		ring_timeout(&f.ring, &f.many[i], SHORT_NS);
	ring_wait(&f.ring, &f.many[0]);
	assert_true(f.many[0].active);
	assert_int_equal(f.nr_done, 0);
}

/*
 * A write to one file waits in the ring as that file is unregistered and another one registered, in the place of the first
 * if that is free again. @refused: the kernel takes nothing while that happens.
 */
static void write_while_its_file_goes(bool refused)
{
	int file[2] = { memfd_create("first", MFD_CLOEXEC), memfd_create("second", MFD_CLOEXEC) };
	struct stat st[2];

	if (!f.ring.file) {
		print_message("this kernel registers no files\n");
		skip();
	}
	ring_register_file(&f.ring, file[0]);
	assert_int_not_equal(f.ring.slot_of_fd[file[0]], 0);
	ring_write(&f.ring, &f.timer, file[0], "1234", 4, 0);
	if (refused)
		fake_enter_refuse(-EBUSY, UINT_MAX);
	ring_unregister_file(&f.ring, file[0]);
	fake_enter_refuse(0, 0);
	ring_register_file(&f.ring, file[1]);
	ring_wait(&f.ring, &f.timer);
	assert_int_equal(f.res, 4);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(fstat(file[i], &st[i]), 0);
	assert_int_equal(st[0].st_size, 4);
	assert_int_equal(st[1].st_size, 0);
	ring_unregister_file(&f.ring, file[1]);
	close(file[0]);
	close(file[1]);
}

static void what_waits_is_not_for_the_next_file(void **state)
{
	write_while_its_file_goes(false);
}

static void nor_while_the_kernel_takes_nothing(void **state)
{
	write_while_its_file_goes(true);
}

static void thread_tells_of_it_and_stays_until_it_is_stopped(void **state)
{
	struct ring_thread_config config = {
		.index = 3, .poll_us = RING_POLL_AUTO, .failed = on_failed, .opaque = &f
	};
	struct ring_work work = { .run = on_work };
	struct ring_thread t;

	assert_int_equal(ring_thread_start(&t, &config, NULL), 0);
	assert_int_equal(ring_thread_wait(&t, NULL), 0);
	fake_enter_refuse(-EBADR, UINT_MAX);
	/* Wakes it, if it waits already. */
	ring_post(&t.ring, &work);
	sem_wait(&f.failed);
	assert_int_equal(f.index, 3);
	assert_int_equal(f.error, -EBADR);
	assert_int_equal(load_acquire(&t.ring.failed), -EBADR);
	ring_thread_stop(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(want_of_memory_is_survived),
		TEST(want_of_memory_for_a_second_ends_it),
		TEST(what_trying_again_will_not_mend_ends_it_at_once),
		TEST(what_is_queued_then_goes_nowhere),
		TEST(what_waits_is_not_for_the_next_file),
		TEST(nor_while_the_kernel_takes_nothing),
		TEST(thread_tells_of_it_and_stays_until_it_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
