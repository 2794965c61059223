/* SPDX-License-Identifier: Apache-2.0 */
/* Work that goes from ring to ring, and memory registered with them. */
#include <errno.h>
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

#define NR_WORKS    64
#define TURN_NS	    2000000ULL
#define MEMORY	    (66 * MIB) /* more than one buffer */
#define FILE_OFFSET 8192

struct fixture {
	struct ring a, b;
	struct ring_op timer, io;
	struct ring_work work[NR_WORKS];
	unsigned order[2 * NR_WORKS];
	unsigned nr_run;
	int32_t io_res;
	int result;
	unsigned nr_done;
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

static void on_registered(struct ring *ring, void *opaque, int result)
{
	f.result = result;
	f.nr_done++;
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

static void without_messages_there_are_eventfds(void **state)
{
	f.a.can_send = false;
	for (unsigned i = 0; i < NR_WORKS; i++)
		ring_send(&f.a, &f.b, &f.work[i]);
	turn(&f.b);
	expect_in_order(NR_WORKS);
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

static void register_all(struct ring *ring)
{
	const struct iovec regions[] = { { f.memory, 4096 }, { f.memory + 4096, MEMORY - 4096 } };

	ring_register_memory(ring, regions, 2, on_registered, NULL);
	turn(ring);
	assert_int_equal(f.nr_done, 1);
	assert_int_equal(f.result, 0);
	assert_int_equal(ring->memory.nr_registered, 3);
}

static int32_t read_into(struct ring *ring, const struct iovec *iov, unsigned nr)
{
	ring_readv(ring, &f.io, f.fd, iov, nr, FILE_OFFSET, 0);
	ring_wait(ring, &f.io);
	return f.io_res;
}

/* Pages that only a registration still reaches tell whether it was used. */
static void reads_use_it(struct ring *ring, char *at, unsigned nr)
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
	register_all(&f.a);
	reads_use_it(&f.a, f.memory, 1);
	reads_use_it(&f.a, f.memory + 8192, 1);
	reads_use_it(&f.a, f.memory + MEMORY - 4096, 1);
	if (f.a.has_fixed_vectors)
		reads_use_it(&f.a, f.memory + 65 * MIB, 2);
}

static void registered_memory_is_written_from(void **state)
{
	const struct iovec iov = { f.memory + 4096, 5 };
	char got[5];

	register_all(&f.a);
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
	char *second = f.memory + 4096 + 64 * MIB; /* the second buffer of the second region */
	char other[16] = "";

	register_all(&f.a);
	assert_int_equal(read_into(&f.a, (struct iovec[]){ { other, 11 } }, 1), 11);
	assert_string_equal(other, "in the file");
	assert_int_equal(read_into(&f.a, (struct iovec[]){ { second - 4, 11 } }, 1), 11);
	assert_memory_equal(second - 4, "in the file", 11);
	assert_int_equal(read_into(&f.a, (struct iovec[]){ { f.memory, 4 }, { other, 7 } }, 2), 11);
	assert_memory_equal(f.memory, "in t", 4);
	assert_memory_equal(other, "he file", 7);
}

static void registrations_are_shared(void **state)
{
	int r;

	register_all(&f.a);
	r = ring_share_memory(&f.b, &f.a);
	if (!f.b.can_share_memory) {
		assert_int_equal(r, -ENOSYS);
		return;
	}
	assert_int_equal(r, 0);
	reads_use_it(&f.b, f.memory + 8192, 1);
	assert_int_equal(ring_share_memory(&f.b, &f.a), -EBUSY);
}

static void registering_twice_is_refused(void **state)
{
	const struct iovec region = { f.memory, 4096 };

	register_all(&f.a);
	ring_register_memory(&f.a, &region, 1, on_registered, NULL);
	assert_int_equal(f.nr_done, 2);
	assert_int_equal(f.result, -EBUSY);
	reads_use_it(&f.a, f.memory, 1);
}

/* Memory that is not there: what was registered before stays of use. */
static void failure_keeps_what_is_registered(void **state)
{
	const struct iovec region = { f.memory, MEMORY };

	assert_int_equal(munmap(f.memory + 65 * MIB, MIB), 0);
	ring_register_memory(&f.a, &region, 1, on_registered, NULL);
	turn(&f.a);
	assert_int_equal(f.nr_done, 1);
	assert_int_equal(f.result, -EFAULT);
	assert_int_equal(f.a.memory.nr_registered, 1);
	assert_int_equal(read_into(&f.a, (struct iovec[]){ { f.memory + 64 * MIB, 11 } }, 1), 11);
	assert_memory_equal(f.memory + 64 * MIB, "in the file", 11);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_arrive_in_order),
		TEST(message_on_its_way_is_sent_once),
		TEST(ring_sends_to_itself),
		TEST(without_messages_there_are_eventfds),
		TEST(message_that_fails_is_posted),
		TEST(registered_memory_is_used),
		TEST(registered_memory_is_written_from),
		TEST(other_memory_is_reached_too),
		TEST(registrations_are_shared),
		TEST(registering_twice_is_refused),
		TEST(failure_keeps_what_is_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
