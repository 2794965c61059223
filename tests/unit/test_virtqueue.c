/* SPDX-License-Identifier: Apache-2.0 */
/* The split virtqueue against a driver that keeps to Virtio 1.2, and against one that does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "io/virtio/queue.h"
#include "tests/fake/memory.h"

#define SIZE  8
#define DESC  0x1000ULL
#define AVAIL 0x2000ULL
#define USED  0x3000ULL
#define TABLE 0x4000ULL /* an indirect one */
#define DATA  0x10000ULL

#define EVENT_IDX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT  (1ULL << VIRTIO_RING_F_INDIRECT_DESC)
#define NEXT	  VRING_DESC_F_NEXT
#define WRITE	  VRING_DESC_F_WRITE

struct fixture {
	struct guest_mem mem;
	struct virtqueue vq;
	struct vring_desc *desc, *table;
	struct vring_avail *avail;
	struct vring_used *used;
};

static const struct virtqueue_config config = { SIZE, { DESC }, { AVAIL }, { USED } };

static void start(struct fixture *f, uint64_t features)
{
	virtqueue_stop(&f->vq);
	memset(f->mem.region[0].va, 0, 0x20000);
	assert_int_equal(virtqueue_start(&f->vq, &f->mem, &config, features), 0);
}

static int setup(void **state)
{
	static struct fixture f;
	const struct guest_mem_config mem = ONE_ZONE(16 * MIB);

	f = (struct fixture){ 0 };
	*state = &f;
	if (guest_mem_init(&f.mem, &mem, NULL))
		return -1;
	f.desc = guest_mem_ptr(&f.mem, (gpa_t){ DESC }, 1);
	f.table = guest_mem_ptr(&f.mem, (gpa_t){ TABLE }, 1);
	f.avail = guest_mem_ptr(&f.mem, (gpa_t){ AVAIL }, 1);
	f.used = guest_mem_ptr(&f.mem, (gpa_t){ USED }, 1);
	start(&f, 0);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	virtqueue_stop(&f->vq);
	guest_mem_destroy(&f->mem);
	return 0;
}

static void describe(struct vring_desc *desc, uint64_t addr, uint32_t len, unsigned flags,
		     unsigned next)
{
	*desc = (struct vring_desc){ addr, len, (uint16_t)flags, (uint16_t)next };
}

static void offer(struct fixture *f, unsigned head)
{
	f->avail->ring[f->avail->idx % SIZE] = (uint16_t)head;
	f->avail->idx++;
}

static int pop(struct fixture *f, struct virtqueue_chain *chain, struct iovec *iov)
{
	return virtqueue_pop(&f->vq, chain, iov, SIZE);
}

static void expect_broken(struct fixture *f, int code)
{
	struct virtqueue_chain chain;
	struct iovec iov[SIZE];

	assert_int_equal(pop(f, &chain, iov), code);
	assert_true(f->vq.broken);
	assert_int_equal(f->vq.nr_in_flight, 0);
	/* For good. */
	assert_int_equal(pop(f, &chain, iov), -EINVAL);
}

static void chain_comes_as_its_buffers(void **state)
{
	struct fixture *f = *state;
	struct virtqueue_chain chain;
	struct iovec iov[SIZE];

	describe(&f->desc[3], DATA, 16, NEXT, 5);
	describe(&f->desc[5], DATA + 0x100, 0, NEXT, 1);
	describe(&f->desc[1], DATA + 0x200, 512, NEXT | WRITE, 0);
	describe(&f->desc[0], DATA + 0x400, 1, WRITE, 7);
	assert_int_equal(pop(f, &chain, iov), 0);
	offer(f, 3);
	assert_int_equal(pop(f, &chain, iov), 1);
	assert_int_equal(chain.head, 3);
	assert_int_equal(chain.nr_out, 1);
	assert_int_equal(chain.nr_in, 2);
	assert_int_equal(chain.out_len, 16);
	assert_int_equal(chain.in_len, 513);
	assert_ptr_equal(iov[0].iov_base, guest_mem_ptr(&f->mem, (gpa_t){ DATA }, 16));
	assert_int_equal(iov[1].iov_len, 512);
	assert_ptr_equal(iov[2].iov_base, guest_mem_ptr(&f->mem, (gpa_t){ DATA + 0x400 }, 1));
	assert_int_equal(pop(f, &chain, iov), 0);
}

static void used_elements_appear_when_published(void **state)
{
	struct fixture *f = *state;
	struct virtqueue_chain chain;
	struct iovec iov[SIZE];

	/* Round the ring and round the index, by two at a time, out of order. */
	f->avail->idx = f->vq.next_avail = 0xfffc;
	f->used->idx = f->vq.next_used = f->vq.published = 0xfffc;
	describe(&f->desc[2], DATA, 8, WRITE, 0);
	describe(&f->desc[6], DATA, 8, WRITE, 0);
	for (unsigned i = 0; i < 40; i++) {
		uint16_t idx = f->used->idx;

		offer(f, 2);
		offer(f, 6);
		assert_int_equal(pop(f, &chain, iov), 1);
		assert_int_equal(pop(f, &chain, iov), 1);
		assert_int_equal(f->vq.nr_in_flight, 2);
		virtqueue_push(&f->vq, 6, 8);
		virtqueue_push(&f->vq, 2, i);
		assert_int_equal(f->used->idx, idx);
		assert_true(virtqueue_publish(&f->vq));
		assert_int_equal(f->used->idx, (uint16_t)(idx + 2));
		assert_int_equal(f->used->ring[idx % SIZE].id, 6);
		assert_int_equal(f->used->ring[(idx + 1) % SIZE].len, i);
		assert_false(virtqueue_publish(&f->vq));
	}
	assert_int_equal(f->vq.nr_in_flight, 0);
}

static void interrupts_follow_the_flag(void **state)
{
	struct fixture *f = *state;
	struct virtqueue_chain chain;
	struct iovec iov[SIZE];

	describe(&f->desc[0], DATA, 8, WRITE, 0);
	for (unsigned off = 0; off < 2; off++) {
		f->avail->flags = off ? VRING_AVAIL_F_NO_INTERRUPT : 0;
		offer(f, 0);
		assert_int_equal(pop(f, &chain, iov), 1);
		virtqueue_push(&f->vq, 0, 0);
		assert_int_equal(virtqueue_publish(&f->vq), !off);
	}
}

static void interrupts_follow_the_event_index(void **state)
{
	struct fixture *f = *state;
	struct virtqueue_chain chain;
	struct iovec iov[SIZE];
	/* Wanted when the third element of each five is shown. */
	static const bool wanted[] = { false, false, true, false, false };

	start(f, EVENT_IDX);
	f->avail->flags = VRING_AVAIL_F_NO_INTERRUPT; /* has no meaning now */
	describe(&f->desc[0], DATA, 8, WRITE, 0);
	f->avail->ring[SIZE] = 2;
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		offer(f, 0);
		assert_int_equal(pop(f, &chain, iov), 1);
		virtqueue_push(&f->vq, 0, 0);
		assert_int_equal(virtqueue_publish(&f->vq), wanted[i]);
	}
}

static void kicks_are_asked_for_and_suppressed(void **state)
{
	struct fixture *f = *state;
	uint16_t *event = (uint16_t *)(void *)&f->used->ring[SIZE];
	struct virtqueue_chain chain;
	struct iovec iov[SIZE];

	virtqueue_suppress_kicks(&f->vq);
	assert_int_equal(f->used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtqueue_request_kick(&f->vq));
	assert_int_equal(f->used->flags, 0);
	/* What came before the request would not be notified of. */
	describe(&f->desc[0], DATA, 8, 0, 0);
	offer(f, 0);
	assert_true(virtqueue_request_kick(&f->vq));

	start(f, EVENT_IDX);
	describe(&f->desc[0], DATA, 8, 0, 0);
	offer(f, 0);
	assert_int_equal(pop(f, &chain, iov), 1);
	assert_int_equal(*event, 0);
	assert_false(virtqueue_request_kick(&f->vq));
	assert_int_equal(*event, 1);
	assert_int_equal(f->used->flags, 0);
}

static void indirect_table_is_followed(void **state)
{
	struct fixture *f = *state;
	struct virtqueue_chain chain;
	struct iovec iov[SIZE];

	start(f, INDIRECT);
	describe(&f->table[0], DATA, 16, NEXT, 2);
	describe(&f->table[2], DATA, 4096, NEXT | WRITE, 1);
	describe(&f->table[1], DATA, 1, WRITE, 0);
	describe(&f->desc[4], TABLE, 48, VRING_DESC_F_INDIRECT, 0);
	offer(f, 4);
	assert_int_equal(pop(f, &chain, iov), 1);
	assert_int_equal(chain.head, 4);
	assert_int_equal(chain.nr_out, 1);
	assert_int_equal(chain.nr_in, 2);
	/* After buffers of the queue's own: 2.7.5.3.2. */
	describe(&f->desc[0], DATA, 16, NEXT, 1);
	describe(&f->desc[1], TABLE + 16, 16, VRING_DESC_F_INDIRECT, 0);
	describe(&f->table[1], DATA, 1, WRITE, 0);
	offer(f, 0);
	assert_int_equal(pop(f, &chain, iov), 1);
	assert_int_equal(chain.out_len, 16);
	assert_int_equal(chain.in_len, 1);
}

static void bad_indirect_tables_break_the_queue(void **state)
{
	static const struct {
		uint64_t features, addr;
		uint32_t len;
		unsigned flags;
		int code;
	} bad[] = {
		{ 0, TABLE, 16, 0, -EINVAL },			  /* not negotiated */
		{ INDIRECT, TABLE, 0, 0, -EINVAL },		  /* empty */
		{ INDIRECT, TABLE, 24, 0, -EINVAL },		  /* not whole entries */
		{ INDIRECT, TABLE, 16 * (SIZE + 1), 0, -EINVAL }, /* longer than the queue */
		{ INDIRECT, TABLE, 16, NEXT, -EINVAL },		  /* something after it */
		{ INDIRECT, 1ULL << 40, 16, 0, -EFAULT },	  /* not in RAM */
		{ INDIRECT, 16 * MIB - 8, 16, 0, -EFAULT },	  /* half of it */
		{ INDIRECT, UINT64_MAX - 7, 16, 0, -EFAULT },	  /* round the end */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		start(f, bad[i].features);
		describe(&f->table[0], DATA, 1, WRITE, 0);
		describe(&f->desc[0], bad[i].addr, bad[i].len, VRING_DESC_F_INDIRECT | bad[i].flags,
			 1);
		offer(f, 0);
		expect_broken(f, bad[i].code);
	}
	/* A table within a table, and an entry that is not in it. */
	start(f, INDIRECT);
	describe(&f->desc[0], TABLE, 16, VRING_DESC_F_INDIRECT, 0);
	describe(&f->table[0], TABLE, 16, VRING_DESC_F_INDIRECT, 0);
	offer(f, 0);
	expect_broken(f, -EINVAL);
	start(f, INDIRECT);
	describe(&f->desc[0], TABLE, 16, VRING_DESC_F_INDIRECT, 0);
	describe(&f->table[0], DATA, 1, NEXT, 1);
	offer(f, 0);
	expect_broken(f, -EINVAL);
}

static void bad_chains_break_the_queue(void **state)
{
	struct fixture *f = *state;

	/* A head that is not there. */
	offer(f, SIZE);
	expect_broken(f, -EINVAL);
	/* A next that is not there. */
	start(f, 0);
	describe(&f->desc[0], DATA, 1, NEXT, SIZE);
	offer(f, 0);
	expect_broken(f, -EINVAL);
	/* A loop, of empty buffers too. */
	for (uint32_t len = 0; len < 2; len++) {
		start(f, 0);
		describe(&f->desc[0], DATA, len, NEXT, 1);
		describe(&f->desc[1], DATA, len, NEXT, 0);
		offer(f, 0);
		expect_broken(f, len ? -E2BIG : -EINVAL);
	}
	/* Readable after writable. */
	start(f, 0);
	describe(&f->desc[0], DATA, 1, NEXT | WRITE, 1);
	describe(&f->desc[1], DATA, 1, 0, 0);
	offer(f, 0);
	expect_broken(f, -EINVAL);
	/* More made available than there is. */
	start(f, 0);
	f->avail->idx = SIZE + 1;
	expect_broken(f, -EINVAL);
}

static void buffers_outside_ram_break_the_queue(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ 16 * MIB, 1 },   { 16 * MIB - 1, 2 }, { UINT64_MAX, 2 },
		{ 0, UINT32_MAX }, { 0xfee00000, 4 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		start(f, 0);
		describe(&f->desc[0], bad[i].addr, bad[i].len, WRITE, 0);
		offer(f, 0);
		expect_broken(f, -EFAULT);
	}
}

static void head_in_flight_cannot_come_again(void **state)
{
	struct fixture *f = *state;
	struct virtqueue_chain chain;
	struct iovec iov[SIZE];

	describe(&f->desc[0], DATA, 1, WRITE, 0);
	offer(f, 0);
	assert_int_equal(pop(f, &chain, iov), 1);
	offer(f, 0);
	assert_int_equal(pop(f, &chain, iov), -EINVAL);
	assert_true(f->vq.broken);
}

static void misplaced_areas_are_refused(void **state)
{
	static const struct {
		struct virtqueue_config config;
		int code;
	} bad[] = {
		{ { 0, { DESC }, { AVAIL }, { USED } }, -EINVAL },
		{ { 6, { DESC }, { AVAIL }, { USED } }, -EINVAL },
		{ { SIZE, { DESC + 8 }, { AVAIL }, { USED } }, -EINVAL },
		{ { SIZE, { DESC }, { AVAIL + 1 }, { USED } }, -EINVAL },
		{ { SIZE, { DESC }, { AVAIL }, { USED + 2 } }, -EINVAL },
		{ { SIZE, { 16 * MIB }, { AVAIL }, { USED } }, -EFAULT },
		{ { SIZE, { DESC }, { 16 * MIB - 20 }, { USED } }, -EFAULT },
		{ { SIZE, { DESC }, { AVAIL }, { UINT64_MAX - 3 } }, -EFAULT },
	};
	struct fixture *f = *state;
	struct virtqueue vq = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(virtqueue_start(&vq, &f->mem, &bad[i].config, 0), bad[i].code);
		assert_int_equal(vq.size, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chain_comes_as_its_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(used_elements_appear_when_published, setup,
						teardown),
		cmocka_unit_test_setup_teardown(interrupts_follow_the_flag, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupts_follow_the_event_index, setup, teardown),
		cmocka_unit_test_setup_teardown(kicks_are_asked_for_and_suppressed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(indirect_table_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_indirect_tables_break_the_queue, setup,
						teardown),
		cmocka_unit_test_setup_teardown(bad_chains_break_the_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(buffers_outside_ram_break_the_queue, setup,
						teardown),
		cmocka_unit_test_setup_teardown(head_in_flight_cannot_come_again, setup, teardown),
		cmocka_unit_test_setup_teardown(misplaced_areas_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
