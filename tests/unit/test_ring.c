/* SPDX-License-Identifier: Apache-2.0 */
/* Work that goes from ring to ring, and memory registered with them. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "io/ring/ring.h"
#include "io/ring/ring_memory.h"
#include "tests/unit/within.h"

#define NR_WORKS    64
#define TURN_NS	    2000000ULL
#define MEMORY	    (4 * MIB)
#define FILE_OFFSET 8192

struct fixture {
	struct ring a, b;
	struct ring_op timer, io;
	struct ring_work work[NR_WORKS];
	unsigned order[2 * NR_WORKS];
	unsigned nr_run;
	int32_t io_res;
	struct ring_memory registered;
	int fd;
	char *memory;
};

static struct fixture f;

static void on_work(struct ring_work *work)
{
	f.order[f.nr_run++] = (unsigned)(work - f.work);
}

static void on_time(struct ring_op *op, int32_t res, uint32_t flags)
{
}

static void on_io(struct ring_op *op, int32_t res, uint32_t flags)
{
	f.io_res = res;
}

static int setup(void **state)
{
	memset(&f, 0, sizeof(f));
	f.timer.done = on_time;
	f.io.done = on_io;
	for (unsigned i = 0; i < NR_WORKS; i++)
		f.work[i].run = on_work;
	f.fd = memfd_create("file", MFD_CLOEXEC);
	f.memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(ftruncate(f.fd, MIB), 0);
	assert_int_equal(pwrite(f.fd, "in the file", 11, FILE_OFFSET), 11);
	assert_int_equal(ring_init(&f.a, 256, NULL), 0);
	assert_int_equal(ring_init(&f.b, 8, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	ring_destroy(&f.a);
	ring_destroy(&f.b);
	ring_memory_destroy(&f.registered);
	munmap(f.memory, MEMORY);
	close(f.fd);
	return 0;
}

/* For as long as a ring needs for all that it has. */
static void turn(struct ring *ring)
{
	ring_timeout(ring, &f.timer, TURN_NS);
	ring_wait(ring, &f.timer);
}

static void expect_in_order(unsigned n)
{
	assert_int_equal(f.nr_run, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(f.order[i], i);
}

static void messages_arrive_in_order(void **state)
{
	uint64_t signals;

	for (unsigned i = 0; i < NR_WORKS; i++)
		ring_send(&f.a, &f.b, &f.work[i]);
	assert_int_equal(f.nr_run, 0);
	turn(&f.a);
	turn(&f.b);
	expect_in_order(NR_WORKS);
	/* No eventfd was needed. */
	assert_int_equal(read(f.b.post_fd, &signals, sizeof(signals)), -1);
}

static void message_on_its_way_is_sent_once(void **state)
{
	ring_send(&f.a, &f.b, &f.work[0]);
	ring_send(&f.a, &f.b, &f.work[0]);
	ring_post(&f.b, &f.work[0]);
	turn(&f.a);
	turn(&f.b);
	expect_in_order(1);
	ring_send(&f.a, &f.b, &f.work[0]);
	turn(&f.a);
	turn(&f.b);
	assert_int_equal(f.nr_run, 2);
}

static void ring_sends_to_itself(void **state)
{
	ring_send(&f.a, &f.a, &f.work[0]);
	turn(&f.a);
	expect_in_order(1);
}

/* The kernel has no memory for it, say. */
static void message_that_fails_is_posted(void **state)
{
	int ring_fd = f.b.uring.ring_fd, no_ring = fd_eventfd();

	f.b.uring.ring_fd = no_ring;
	ring_send(&f.a, &f.b, &f.work[0]);
	turn(&f.a);
	f.b.uring.ring_fd = ring_fd;
	close(no_ring);
	turn(&f.b);
	expect_in_order(1);
}

/* False where the kernel has no such thing, which is an answer of its own. */
static bool take_memory(struct ring *ring)
{
	const struct iovec regions[] = { { f.memory, 4096 }, { f.memory + 4096, MEMORY - 4096 } };
	int r;

	if (!f.registered.nr_buffers)
		assert_int_equal(ring_memory_init(&f.registered, regions, 2), 0);
	assert_int_equal(f.registered.nr_buffers, 2);
	r = ring_take_memory(ring, &f.registered);
	assert_int_equal(r, ring->can_take_memory ? 0 : -ENOSYS);
	return !r;
}

static int32_t read_into(struct ring *ring, const struct iovec *iov, unsigned nr)
{
	ring_readv(ring, &f.io, f.fd, iov, nr, FILE_OFFSET, 0);
	ring_wait(ring, &f.io);
	return f.io_res;
}

/* Pages that only a registration still reaches tell whether it was used. */
static void expect_registered(struct ring *ring, char *at, unsigned nr)
{
	const struct iovec iov[] = { { at, 4 }, { at + 4, 7 } };

	assert_int_equal(mprotect(f.memory, MEMORY, PROT_NONE), 0);
	assert_int_equal(read_into(ring, iov, nr), nr == 1 ? 4 : 11);
	assert_int_equal(mprotect(f.memory, MEMORY, PROT_READ | PROT_WRITE), 0);
	assert_memory_equal(at, "in the file", nr == 1 ? 4 : 11);
	memset(at, 0, 11);
}

static void registered_memory_is_used(void **state)
{
	if (!take_memory(&f.a))
		return;
	expect_registered(&f.a, f.memory, 1);
	expect_registered(&f.a, f.memory + 8192, 1);
	expect_registered(&f.a, f.memory + MEMORY - 4096, 1);
	if (f.a.has_fixed_vectors)
		expect_registered(&f.a, f.memory + MIB, 2);
}

static void registered_memory_is_written_from(void **state)
{
	const struct iovec iov = { f.memory + 4096, 5 };
	char got[5];

	if (!take_memory(&f.a))
		return;
	memcpy(f.memory + 4096, "hello", 5);
	assert_int_equal(mprotect(f.memory, MEMORY, PROT_NONE), 0);
	ring_writev(&f.a, &f.io, f.fd, &iov, 1, 0, 0);
	ring_wait(&f.a, &f.io);
	assert_int_equal(f.io_res, 5);
	assert_int_equal(pread(f.fd, got, 5, 0), 5);
	assert_memory_equal(got, "hello", 5);
}

/* What no operation on registered memory can do is done by the vector. */
static void other_memory_is_reached_too(void **state)
{
	char other[16] = "";

	take_memory(&f.a);
	assert_int_equal(read_into(&f.a, (struct iovec[]){ { other, 11 } }, 1), 11);
	assert_string_equal(other, "in the file");
	assert_int_equal(read_into(&f.a, (struct iovec[]){ { f.memory + 4092, 11 } }, 1), 11);
	assert_memory_equal(f.memory + 4092, "in the file", 11);
	assert_int_equal(read_into(&f.a, (struct iovec[]){ { f.memory, 4 }, { other, 7 } }, 2), 11);
	assert_memory_equal(f.memory, "in t", 4);
	assert_memory_equal(other, "he file", 7);
}

/* A buffer has at most 1 GiB. */
static void large_memory_has_several_buffers(void **state)
{
	const uint64_t size = GIB + 4096;
	char *large = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(large != MAP_FAILED);
	madvise(large, size, MADV_HUGEPAGE);
	assert_int_equal(ring_memory_init(&f.registered, &(struct iovec){ large, size }, 1), 0);
	assert_int_equal(f.registered.nr_buffers, 2);
	take_memory(&f.a);
	for (int at = -8; at <= 0; at += 4) {
		char *p = large + GIB + at;

		assert_int_equal(read_into(&f.a, (struct iovec[]){ { p, 8 } }, 1), 8);
		assert_memory_equal(p, "in the f", 8);
		memset(p, 0, 8);
	}
	munmap(large, size);
}

static void *take_and_read(void *arg)
{
	struct ring other;

	assert_int_equal(ring_init(&other, 8, NULL), 0);
	if (take_memory(&other))
		expect_registered(&other, f.memory + 8192, 1);
	ring_destroy(&other);
	return NULL;
}

/* As torc does: one thread registers, each ring's own takes it over. */
static void rings_of_other_threads_share_it(void **state)
{
	if (!take_memory(&f.a))
		return;
	for (unsigned i = 0; i < 2; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, take_and_read, NULL), 0);
		pthread_join(thread, NULL);
	}
	expect_registered(&f.a, f.memory, 1);
	assert_int_equal(ring_take_memory(&f.a, &f.registered), -EBUSY);
}

static void ring_that_holds_it_does_nothing_else(void **state)
{
	struct io_uring *uring;
	struct io_uring_cqe *cqe;

	if (!take_memory(&f.a))
		return;
	uring = &f.registered.uring;
	io_uring_prep_nop(io_uring_get_sqe(uring));
	assert_int_equal(io_uring_submit(uring), 1);
	assert_int_equal(io_uring_wait_cqe(uring, &cqe), 0);
	assert_int_equal(cqe->res, -EACCES);
	io_uring_cqe_seen(uring, cqe);
	assert_int_equal(io_uring_register_eventfd(uring, f.a.post_fd), -EACCES);
}

static void memory_that_is_not_there_is_refused(void **state)
{
	struct iovec regions[RING_MAX_REGIONS + 1] = { { f.memory, MEMORY } };

	assert_int_equal(munmap(f.memory + MIB, MIB), 0);
	assert_int_equal(ring_memory_init(&f.registered, regions, 1), -EFAULT);
	assert_int_equal(ring_memory_init(&f.registered, regions, RING_MAX_REGIONS + 1), -EINVAL);
	assert_int_equal(ring_memory_init(&f.registered, regions, 0), -EINVAL);
	regions[0].iov_len = SIZE_MAX / 2;
	assert_int_equal(ring_memory_init(&f.registered, regions, 1), -E2BIG);
	assert_int_equal(f.registered.nr_buffers, 0);
}

static void wait_within(struct ring_op *op, int32_t res, uint32_t flags)
{
	ring_timeout(&f.a, &f.timer, 100000);
	ring_wait(&f.a, &f.timer);
}

static void waiting_within_a_turn_that_slept_is_no_long_turn(void **state)
{
	struct histogram *busy = &f.a.trace->histogram[TRACE_RING_BUSY];

	/* Of all objects that have no place in a trace, as there is none. */
	histogram_init(busy);
	f.io.done = wait_within;
	ring_timeout(&f.a, &f.io, 20 * TURN_NS);
	ring_wait(&f.a, &f.io);
	assert_within(busy->count, 2, 20);
	assert_within(busy->max, 0, UINT32_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_arrive_in_order),
		TEST(message_on_its_way_is_sent_once),
		TEST(ring_sends_to_itself),
		TEST(message_that_fails_is_posted),
		TEST(registered_memory_is_used),
		TEST(registered_memory_is_written_from),
		TEST(other_memory_is_reached_too),
		TEST(large_memory_has_several_buffers),
		TEST(rings_of_other_threads_share_it),
		TEST(ring_that_holds_it_does_nothing_else),
		TEST(memory_that_is_not_there_is_refused),
		TEST(waiting_within_a_turn_that_slept_is_no_long_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
