/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a ring polls, and when it waits. Its clock moves on by a step whenever somebody looks at it, and at no other time:
 * what the ring does then depends neither on how fast this machine is nor on what else it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "io/ring/ring.h"
#include "tests/unit/within.h"

#define STEP	     100U /* cycles of the clock, from one look to the next */
#define CALL_CYCLES  (8 * STEP)
#define POLL_CYCLES  (1024 * CALL_CYCLES)
#define TIMEOUT_NS   1000000ULL
#define MAX_LOAD     200
#define LONG_POLL_US 200000
#define CALL_AT	     100 /* polls */

struct request {
	struct ring_op op;
	struct iovec iov;
};

struct fixture {
	struct ring ring;
	struct ring_poller poller;
	struct ring_op timer; /* ends a run() that has come to rest */
	bool is_timed;
	unsigned nr_polls, nr_rests;
	/* A guest: so many requests at a time, of which each look finds so many. */
	unsigned load, burst;
	unsigned nr_outstanding, nr_done, nr_wanted;
	struct request request[MAX_LOAD];
	/* What comes while the ring polls. */
	struct ring_op call;
	int call_fd;			   /* eventfd; 0: nothing */
	unsigned called_at, nr_polls_late; /* so many polls */
	unsigned leap_at;		   /* of the clock; 0: never */
	int fd;
	char buffer[512];
};

static struct fixture f;
static uint64_t now;

static uint64_t look_at_clock(void)
{
	now += STEP;
	/* Time that went by without a look, once. */
	if (f.leap_at && f.nr_polls >= f.leap_at) {
		now += POLL_CYCLES / 2;
		f.leap_at = 0;
	}
	return now;
}

static void on_request(struct ring_op *op, int32_t res, uint32_t flags)
{
	assert_int_equal(res, sizeof(f.buffer));
	f.nr_outstanding--;
	if (++f.nr_done == f.nr_wanted)
		ring_stop(&f.ring);
}

static bool add_request(void)
{
	struct request *req = f.request;

	if (f.nr_outstanding == f.load)
		return false;
	while (req->op.active)
		req++;
	ring_readv(&f.ring, &req->op, f.fd, &req->iov, 1, 0, 0);
	f.nr_outstanding++;
	return true;
}

static bool add_requests(void)
{
	unsigned n = 0;

	while (n < f.burst && add_request())
		n++;
	return n;
}

/* Once. */
static void call(void)
{
	if (!f.call_fd || f.called_at)
		return;
	f.called_at = f.nr_polls;
	fd_eventfd_signal(f.call_fd);
}

static bool on_poll(struct ring_poller *poller)
{
	if (++f.nr_polls == CALL_AT)
		call();
	return add_requests();
}

static bool on_rest(struct ring_poller *poller)
{
	f.nr_rests++;
	if (f.is_timed && !f.timer.active)
		ring_timeout(&f.ring, &f.timer, TIMEOUT_NS);
	return add_requests();
}

static void on_time(struct ring_op *op, int32_t res, uint32_t flags)
{
	ring_stop(&f.ring);
}

static int setup(void **state)
{
	f = (struct fixture){
		.poller = { .poll = on_poll, .rest = on_rest },
		.timer.done = on_time,
		/* Read at once, by the submission. */
		.fd = memfd_create("file", MFD_CLOEXEC),
	};
	assert_int_equal(ftruncate(f.fd, sizeof(f.buffer)), 0);
	assert_int_equal(fcntl(f.fd, F_SETFL, O_NONBLOCK), 0);
	for (unsigned i = 0; i < MAX_LOAD; i++)
		f.request[i] =
			(struct request){ { .done = on_request }, { f.buffer, sizeof(f.buffer) } };
	assert_int_equal(trace_init(NULL), 0);
	assert_int_equal(ring_init(&f.ring, 256, NULL), 0);
	f.ring.clock = look_at_clock;
	f.ring.call_cycles = CALL_CYCLES;
	f.ring.cycles_per_us = 10 * CALL_CYCLES;
	f.ring.poll_max_cycles = POLL_CYCLES;
	f.ring.pace_cycles = POLL_CYCLES / 8;
	ring_add_poller(&f.ring, &f.poller);
	return 0;
}

static int teardown(void **state)
{
	ring_destroy(&f.ring);
	trace_destroy();
	close(f.fd);
	return 0;
}

static void run(void)
{
	f.is_timed = true;
	f.ring.trace->counter[TRACE_RING_CALLS] = 0;
	f.ring.poll_cycles = f.ring.poll_max_cycles;
	assert_int_equal(ring_run(&f.ring), 0);
}

static void ring_without_work_polls_and_then_waits(void **state)
{
	run();
	assert_true(f.nr_polls > 0);
	assert_true(f.nr_rests > 0);
	assert_within(f.ring.trace->counter[TRACE_RING_CALLS], 1, 20);
}

/* A pause of the loop that was another thread's time on this CPU ends the polling; one that was not does not. */
static void preemption_ends_polling(void **state)
{
	unsigned whole;

	run();
	whole = f.nr_polls;
	f.nr_polls = 0;
	f.leap_at = CALL_AT;
	run();
	assert_within(f.nr_polls, CALL_AT + 1, whole - 1);
	/* As if it had been preempted since it last asked, long ago. */
	f.ring.nr_preempted = -1;
	now += 10 * POLL_CYCLES;
	f.nr_polls = 0;
	f.leap_at = CALL_AT;
	run();
	assert_within(f.nr_polls, CALL_AT, CALL_AT + 1);
}

/* What the kernel leaves behind when its flag comes after the work was run. */
static void flag_without_task_work_is_not_taken_for_events(void **state)
{
	__atomic_fetch_or(f.ring.uring.sq.kflags, IORING_SQ_TASKRUN, __ATOMIC_RELAXED);
	run();
	assert_true(f.nr_polls > 0);
	assert_true(f.nr_rests > 0);
	assert_within(f.ring.trace->counter[TRACE_RING_CALLS], 1, 20);
}

static void on_call(struct ring_op *op, int32_t res, uint32_t flags)
{
	if (res == -ECANCELED)
		return;
	f.nr_polls_late = f.nr_polls - f.called_at;
	ring_stop(&f.ring);
}

/* Nor does it keep the ring from seeing what comes then for as long as it polls. */
static void flag_without_task_work_hides_no_events(void **state)
{
	f.call.done = on_call;
	f.call_fd = fd_eventfd();
	ring_poll(&f.ring, &f.call, f.call_fd);
	ring_set_poll(&f.ring, LONG_POLL_US);
	__atomic_fetch_or(f.ring.uring.sq.kflags, IORING_SQ_TASKRUN, __ATOMIC_RELAXED);
	f.ring.poll_cycles = f.ring.poll_max_cycles;
	assert_int_equal(ring_run(&f.ring), 0);
	assert_within(f.nr_polls_late, 0, 1);
	ring_cancel(&f.ring, &f.call);
	ring_wait(&f.ring, &f.call);
	close(f.call_fd);
}

/* So many requests of a guest that has @load at a time. */
static void serve(unsigned nr, unsigned load, unsigned burst)
{
	f.load = load;
	f.burst = burst;
	f.nr_wanted = f.nr_done + nr;
	f.ring.poll_cycles = f.ring.poll_max_cycles;
	assert_int_equal(ring_run(&f.ring), 0);
}

static void batches_take_all_that_the_guest_has(void **state)
{
	serve(4096, 16, 1);
	/* The first ones go in smaller batches. */
	assert_within(f.ring.trace->counter[TRACE_RING_CALLS], 4096 / 16, 4096 / 16 + 4);
	assert_int_equal(f.ring.depth, 16);
}

/* But for one in some hundred, which tells that it is alone. */
static void lone_requests_do_not_wait(void **state)
{
	unsigned before;

	serve(4096, 1, 1);
	assert_int_equal(f.ring.depth, 1);
	before = f.nr_polls;
	serve(1024, 1, 1);
	/* A poll finds each; the one that waits is followed by as many as the longest poll has. */
	assert_within(f.nr_polls - before, 1024, 1024 + POLL_CYCLES / STEP);
}

static void more_than_a_batch_may_come_at_once(void **state)
{
	serve(1024, MAX_LOAD, MAX_LOAD);
	assert_within(f.ring.depth, 1, 64);
}

/* A guest that has less at a time than it had: batches must not go on waiting for what does not come. */
static void depth_follows_the_guest_down(void **state)
{
	serve(1024, 16, 1);
	serve(1024, 2, 1);
	assert_true(f.ring.depth <= 2);
}

/* All that its trace says adds up with what the guest did and with the time that went by. */
static void turns_polls_and_completions_are_counted(void **state)
{
	const uint64_t *count = f.ring.trace->counter;
	const struct histogram *busy = &f.ring.trace->histogram[TRACE_RING_BUSY];
	uint64_t begin = now, took;

	serve(1000, 1, 1);
	f.burst = 0;
	f.is_timed = true;
	assert_int_equal(ring_run(&f.ring), 0);
	took = now - begin;
	assert_within(count[TRACE_RING_COMPLETIONS], 1001, 1200);
	assert_int_equal(f.ring.trace->histogram[TRACE_RING_BATCH].sum,
			 count[TRACE_RING_COMPLETIONS]);
	assert_int_equal(busy->count, count[TRACE_RING_TURNS]);
	assert_within(count[TRACE_RING_CALLS], count[TRACE_RING_TURNS], UINT64_MAX);
	assert_within(count[TRACE_RING_WAITS], 1, count[TRACE_RING_TURNS] - 500);
	assert_within(count[TRACE_RING_POLLS], 500, count[TRACE_RING_TURNS]);
	assert_within(count[TRACE_RING_POLLS_HIT], 500, count[TRACE_RING_POLLS] - 1);
	/* The ring polled before it slept. */
	assert_within(busy->sum, 1, took - POLL_CYCLES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ring_without_work_polls_and_then_waits),
		TEST(preemption_ends_polling),
		TEST(flag_without_task_work_is_not_taken_for_events),
		TEST(flag_without_task_work_hides_no_events),
		TEST(batches_take_all_that_the_guest_has),
		TEST(lone_requests_do_not_wait),
		TEST(more_than_a_batch_may_come_at_once),
		TEST(depth_follows_the_guest_down),
		TEST(turns_polls_and_completions_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
