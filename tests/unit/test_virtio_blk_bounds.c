/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest may not decide by the size of what it asks for: a virtio disk's memory, how long it goes on, whose turn it is. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>

#include "core/base/bits.h"
#include "tests/unit/blk_fixture.h"
#include "tests/unit/within.h"

#define IMAGE_SIZE (128 * MIB)
#define FLUSH	   (1ULL << VIRTIO_BLK_F_FLUSH)
#define HEADER	   DRIVER_DATA
#define STATUS	   (DRIVER_DATA + 0x8000)
#define BUFFER	   (DRIVER_DATA + 0x10000)

static int open_disk(void **state, bool direct)
{
	const struct virtio_blk_options options = {
		.id = "_disk0",
		.file.direct = direct,
		.nr_queues = 1,
		.entries = DRIVER_QUEUE_SIZE,
	};
	struct fixture *f;

	if (blk_fixture_init(state, false))
		return -1;
	f = *state;
	return ftruncate(f->fd, IMAGE_SIZE) ? -1 : blk_fixture_attach(f, options);
}

static int setup(void **state)
{
	return open_disk(state, false);
}

static int setup_direct(void **state)
{
	return open_disk(state, true);
}

/* A number of /proc/self/status, in KiB. */
static unsigned status_kib(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];
	unsigned kib = 0;

	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, name, strlen(name)))
			kib = (unsigned)strtoul(line + strlen(name) + 1, NULL, 10);
	}
	fclose(file);
	return kib;
}

static void forget_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(fd, "5", 1), 1);
	close(fd);
}

/* A request of @nr buffers of @len bytes, all of them the same one, in the places of number @i. */
static uint16_t add(struct fixture *f, unsigned i, uint32_t type, uint64_t buffer, uint32_t len,
		    unsigned nr)
{
	struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER + 32 * i);
	uint8_t *status = driver_ptr(&f->driver, STATUS + i);
	struct driver_buffer buffers[128] = { { HEADER + 32 * i, sizeof(*header), false } };

	*header = (struct virtio_blk_outhdr){ .type = type };
	*status = 0xff;
	for (unsigned n = 1; n <= nr; n++)
		buffers[n] = (struct driver_buffer){ buffer, len, type == VIRTIO_BLK_T_IN };
	buffers[nr + 1] = (struct driver_buffer){ STATUS + i, 1, true };
	return driver_add(&f->driver, 0, buffers, nr + 2);
}

static uint8_t status_of(struct fixture *f, unsigned i)
{
	return *(uint8_t *)driver_ptr(&f->driver, STATUS + i);
}

static void requests_of_any_size_need_no_memory(void **state)
{
	struct fixture *f = *state;
	struct vring_used_elem elem;
	unsigned before;
	uint8_t *guest = driver_ptr(&f->driver, BUFFER), got[2 * MIB / 512];

	driver_start(&f->driver, FLUSH, 1);
	for (unsigned i = 0; i < 2 * MIB; i++)
		guest[i] = (uint8_t)(i % 251);
	forget_peak();
	before = status_kib("VmHWM:");
	/* 120 MiB from 1 MiB, at no address that direct I/O takes; a driver was told to have no larger buffers. */
	add(f, 0, VIRTIO_BLK_T_OUT, BUFFER + 1, 1 * MIB, 120);
	driver_kick(&f->driver, 0);
	assert_true(driver_wait(&f->driver, 0, &elem));
	assert_int_equal(status_of(f, 0), VIRTIO_BLK_S_OK);
	assert_within(status_kib("VmHWM:"), 0, before + 32 * 1024);
	for (unsigned i = 0; i < 120; i += 7) {
		assert_int_equal(pread(f->fd, got, sizeof(got), i * (off_t)MIB + 777), sizeof(got));
		assert_memory_equal(got, guest + 1 + 777, sizeof(got));
	}
	/* And back, into 1 MiB of guest memory again and again: the last one stays. */
	memset(guest, 0, 2 * MIB);
	add(f, 0, VIRTIO_BLK_T_IN, BUFFER + 3, 1 * MIB, 120);
	driver_kick(&f->driver, 0);
	assert_true(driver_wait(&f->driver, 0, &elem));
	assert_int_equal(status_of(f, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(elem.len, 120 * MIB + 1);
	assert_within(status_kib("VmHWM:"), 0, before + 32 * 1024);
	for (unsigned i = 0; i < MIB; i++)
		assert_int_equal(guest[3 + i],
				 (i + 1) % MIB ? (uint8_t)((i + 1) % 251) : guest[3 + i]);
	assert_int_equal(guest[2] | guest[3 + MIB], 0);
}

static void small_requests_overtake_a_large_one(void **state)
{
	struct fixture *f = *state;
	struct vring_used_elem elem;
	uint16_t large, small;

	driver_prepare(&f->driver, FLUSH, 1);
	large = add(f, 0, VIRTIO_BLK_T_IN, BUFFER + 1, 1 * MIB, 32);
	small = add(f, 1, VIRTIO_BLK_T_IN, BUFFER + 4 * MIB + 1, 512, 1);
	driver_go(&f->driver);
	assert_true(driver_wait(&f->driver, 0, &elem));
	assert_int_equal(elem.id, small);
	assert_int_equal(status_of(f, 1), VIRTIO_BLK_S_OK);
	assert_true(driver_wait(&f->driver, 0, &elem));
	assert_int_equal(elem.id, large);
	assert_int_equal(status_of(f, 0), VIRTIO_BLK_S_OK);
}

/* Holds the ring, once it has seen a byte change. */
struct gate {
	struct ring_poller poller;
	struct ring_work begin, end;
	struct ring *ring;
	const volatile uint8_t *byte;
	bool was_open;
	sem_t reached, open;
};

static bool look(struct ring_poller *poller)
{
	struct gate *gate = container_of(poller, struct gate, poller);

	if (gate->was_open || *gate->byte == 0x5a)
		return false;
	gate->was_open = true;
	sem_post(&gate->reached);
	sem_wait(&gate->open);
	return false;
}

static void begin_gate(struct ring_work *work)
{
	struct gate *gate = container_of(work, struct gate, begin);

	ring_add_poller(gate->ring, &gate->poller);
	sem_post(&gate->reached);
}

static void end_gate(struct ring_work *work)
{
	struct gate *gate = container_of(work, struct gate, end);

	ring_remove_poller(gate->ring, &gate->poller);
	sem_post(&gate->reached);
}

static void reset_ends_what_is_large(void **state)
{
	struct fixture *f = *state;
	uint8_t *guest = driver_ptr(&f->driver, BUFFER);
	struct gate gate = {
		.poller = { .poll = look, .rest = look },
		.begin.run = begin_gate,
		.end.run = end_gate,
		.ring = &f->driver.ring_thread.ring,
		.byte = guest,
	};
	struct driver_buffer buffers[] = {
		{ HEADER, sizeof(struct virtio_blk_outhdr), false },
		{ BUFFER, 28 * MIB, true },
		{ STATUS, 1, true },
	};
	struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER);

	sem_init(&gate.reached, 0, 0);
	sem_init(&gate.open, 0, 0);
	driver_start(&f->driver, FLUSH, 1);
	memset(guest, 0x5a, 28 * MIB);
	ring_post(gate.ring, &gate.begin);
	sem_wait(&gate.reached);
	*header = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN };
	driver_add(&f->driver, 0, buffers, 3);
	driver_kick(&f->driver, 0);
	sem_wait(&gate.reached);
	/* The first piece is there. What the ring has begun may still come, and what it begins until it hears of the reset. */
	driver_write(&f->driver, DRIVER_COMMON + 20, 1, 0);
	sem_post(&gate.open);
	driver_reset(&f->driver);
	assert_int_equal(guest[0], 0);
	assert_int_equal(guest[16 * MIB], 0x5a);
	assert_int_equal(guest[28 * MIB - 1], 0x5a);
	ring_post(gate.ring, &gate.end);
	sem_wait(&gate.reached);
	sem_destroy(&gate.reached);
	sem_destroy(&gate.open);
	driver_start(&f->driver, FLUSH, 1);
	add(f, 0, VIRTIO_BLK_T_IN, BUFFER, 512, 1);
	driver_kick(&f->driver, 0);
	assert_true(driver_wait(&f->driver, 0, &(struct vring_used_elem){ 0 }));
}

/* Requests that wait for the bounce buffer when the queue ends are given up with it. */
static void reset_ends_what_waits(void **state)
{
	struct fixture *f = *state;
	struct vring_used_elem elem;

	for (unsigned i = 0; i < 50; i++) {
		driver_start(&f->driver, FLUSH, 1);
		for (unsigned n = 0; n < 20; n++)
			add(f, n, VIRTIO_BLK_T_IN, BUFFER + 1, 64 * 1024, 3);
		driver_kick(&f->driver, 0);
		usleep(i % 5 * 100);
		driver_reset(&f->driver);
	}
	driver_start(&f->driver, FLUSH, 1);
	add(f, 0, VIRTIO_BLK_T_IN, BUFFER + 1, 512, 1);
	driver_kick(&f->driver, 0);
	assert_true(driver_wait(&f->driver, 0, &elem));
	assert_int_equal(status_of(f, 0), VIRTIO_BLK_S_OK);
}

#define UNTOUCHED 0xaaaaaaaaU
#define ROUNDS	  100000U

/* A driver that makes a chain available again as soon as its used element is written, before that is published. */
struct flood {
	struct driver_queue *queue;
	uint32_t rounds; /* atomic */
	struct ring_poller poller;
	struct ring_work begin, end;
	struct ring *ring;
	sem_t done;
	uint32_t seen, most; /* rounds; from one look of the ring to the next */
};

static void *run_flood(void *arg)
{
	struct flood *flood = arg;
	struct driver_queue *q = flood->queue;

	for (unsigned k = 0; flood->rounds < ROUNDS; k++) {
		uint32_t *len = &q->used->ring[k % q->size].len;

		while (__atomic_load_n(len, __ATOMIC_ACQUIRE) == UNTOUCHED)
			;
		WRITE_ONCE(*len, UNTOUCHED);
		__atomic_store_n(&q->avail->idx, (uint16_t)(READ_ONCE(q->avail->idx) + 1),
				 __ATOMIC_RELEASE);
		__atomic_fetch_add(&flood->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool look_at_flood(struct ring_poller *poller)
{
	struct flood *flood = container_of(poller, struct flood, poller);
	uint32_t now = __atomic_load_n(&flood->rounds, __ATOMIC_RELAXED);

	if (now - flood->seen > flood->most)
		flood->most = now - flood->seen;
	flood->seen = now;
	return false;
}

static void begin_flood(struct ring_work *work)
{
	struct flood *flood = container_of(work, struct flood, begin);

	ring_add_poller(flood->ring, &flood->poller);
	sem_post(&flood->done);
}

static void end_flood(struct ring_work *work)
{
	struct flood *flood = container_of(work, struct flood, end);

	look_at_flood(&flood->poller);
	ring_remove_poller(flood->ring, &flood->poller);
	sem_post(&flood->done);
}

static void driver_that_never_stops_leaves_others_their_turn(void **state)
{
	struct fixture *f = *state;
	struct driver_queue *q = &f->driver.queue[0];
	struct flood flood = {
		.queue = q,
		.poller = { .poll = look_at_flood, .rest = look_at_flood },
		.begin.run = begin_flood,
		.end.run = end_flood,
		.ring = &f->driver.ring_thread.ring,
	};
	pthread_t thread;

	sem_init(&flood.done, 0, 0);
	driver_start(&f->driver, FLUSH, 1);
	ring_post(flood.ring, &flood.begin);
	sem_wait(&flood.done);
	for (unsigned i = 0; i < q->size; i++)
		q->used->ring[i].len = UNTOUCHED;
	/* Of a type that there is not, so that each is over at once; three descriptors each, so 32 of them. */
	for (unsigned i = 0; i < 32; i++)
		add(f, i, 99, BUFFER, 512, 1);
	for (unsigned i = 32; i < q->size; i++)
		WRITE_ONCE(q->avail->ring[i], READ_ONCE(q->avail->ring[i % 32]));
	pthread_create(&thread, NULL, run_flood, &flood);
	driver_kick(&f->driver, 0);
	while (__atomic_load_n(&flood.rounds, __ATOMIC_RELAXED) < ROUNDS) {
		usleep(1000);
		driver_kick(&f->driver, 0);
	}
	pthread_join(thread, NULL);
	ring_post(flood.ring, &flood.end);
	sem_wait(&flood.done);
	sem_destroy(&flood.done);
	printf("at most %u chains between two looks of the ring\n", flood.most);
	/* Its size after a kick, and once more at the end of a turn; as many may have been added behind them. */
	assert_within(flood.most, 1, 4 * q->size);
}

#define TEST(name)	   cmocka_unit_test_setup_teardown(name, setup, blk_fixture_destroy)
#define TEST_AS(how, name) cmocka_unit_test_setup_teardown(name, setup_##how, blk_fixture_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_AS(direct, requests_of_any_size_need_no_memory),
		TEST_AS(direct, small_requests_overtake_a_large_one),
		TEST(reset_ends_what_is_large),
		TEST_AS(direct, reset_ends_what_waits),
		TEST(driver_that_never_stops_leaves_others_their_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
