/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of 512-byte blocks on storage that takes 4,096 directly, as a file system on a drive of such blocks does. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/virtio_blk.h>

#include "core/base/bits.h"
#include "io/disk/blk_format.h"
#include "tests/unit/blk_fixture.h"

#define STORAGE	  4096
#define SECTORS	  (64 * 8 + 3) /* the last block is cut */
#define FLUSH	  (1ULL << VIRTIO_BLK_F_FLUSH)
#define HEADER	  DRIVER_DATA
#define STATUS	  (DRIVER_DATA + 0x8000)
#define BUFFER	  (DRIVER_DATA + 0x10000)
#define PER_QUEUE 8
#define ROUNDS	  300

/* The linker puts these two in the place of the C library's. */
int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *out);
int __real_statx(int fd, const char *path, int flags, unsigned mask, struct statx *out);

int __wrap_statx(int fd, const char *path, int flags, unsigned mask, struct statx *out)
{
	int r = __real_statx(fd, path, flags, mask, out);

#ifdef STATX_DIOALIGN
	if (!r && (mask & STATX_DIOALIGN)) {
		out->stx_mask |= STATX_DIOALIGN;
		out->stx_dio_mem_align = BLK_FILE_MIN_BLOCK;
		out->stx_dio_offset_align = STORAGE;
	}
#endif
	return r;
}

/* How many requests direct I/O on such storage would not have taken; here it takes all. */
static unsigned nr_refused, nr_direct;

static void check_direct(int fd, const struct iovec *iov, unsigned nr, uint64_t offset)
{
	if (!(fcntl(fd, F_GETFL) & O_DIRECT))
		return;
	__atomic_fetch_add(&nr_direct, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < nr; i++) {
		if (offset % STORAGE || iov[i].iov_len % STORAGE ||
		    (uintptr_t)iov[i].iov_base % BLK_FILE_MIN_BLOCK)
			__atomic_fetch_add(&nr_refused, 1, __ATOMIC_RELAXED);
	}
}

void __wrap_ring_readv(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov,
		       unsigned nr, uint64_t offset, int flags);
void __real_ring_readv(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov,
		       unsigned nr, uint64_t offset, int flags);

void __wrap_ring_readv(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov,
		       unsigned nr, uint64_t offset, int flags)
{
	check_direct(fd, iov, nr, offset);
	__real_ring_readv(ring, op, fd, iov, nr, offset, flags);
}

void __wrap_ring_writev(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov,
			unsigned nr, uint64_t offset, int flags);
void __real_ring_writev(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov,
			unsigned nr, uint64_t offset, int flags);

void __wrap_ring_writev(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov,
			unsigned nr, uint64_t offset, int flags)
{
	check_direct(fd, iov, nr, offset);
	__real_ring_writev(ring, op, fd, iov, nr, offset, flags);
}

static struct virtio_blk_options direct(unsigned block_size)
{
	return (struct virtio_blk_options){
		.id = "_disk0",
		.file = { .direct = true, .block_size = block_size },
		.nr_queues = 2,
		.entries = DRIVER_QUEUE_SIZE,
	};
}

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 7 + offset / 512);
}

static int setup(void **state)
{
	static uint8_t image[SECTORS * 512];
	struct fixture *f;

	if (blk_fixture_init(state, false))
		return -1;
	f = *state;
	for (unsigned i = 0; i < sizeof(image); i++)
		image[i] = byte_at(i);
	if (pwrite(f->fd, image, sizeof(image), 0) != sizeof(image))
		return -1;
	return blk_fixture_attach(f, direct(0));
}

/* A request whose header, data and status are those of place @i. */
static void add(struct fixture *f, unsigned queue, unsigned i, uint32_t type, uint64_t sector,
		uint64_t buffer, uint32_t len)
{
	struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER + 32 * i);
	const struct driver_buffer buffers[] = {
		{ HEADER + 32 * i, sizeof(*header), false },
		{ buffer, len, type == VIRTIO_BLK_T_IN },
		{ STATUS + i, 1, true },
	};

	*header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	*(uint8_t *)driver_ptr(&f->driver, STATUS + i) = 0xff;
	driver_add(&f->driver, queue, buffers, 3);
}

static uint8_t status_of(struct fixture *f, unsigned i)
{
	return *(uint8_t *)driver_ptr(&f->driver, STATUS + i);
}

static uint8_t request(struct fixture *f, uint32_t type, uint64_t sector, uint64_t buffer,
		       uint32_t len)
{
	struct vring_used_elem elem;

	add(f, 0, 0, type, sector, buffer, len);
	driver_kick(&f->driver, 0);
	assert_true(driver_wait(&f->driver, 0, &elem));
	return status_of(f, 0);
}

static uint32_t block_size(struct fixture *f)
{
	return (uint32_t)driver_read(
		&f->driver, DRIVER_CONFIG + offsetof(struct virtio_blk_config, blk_size), 4);
}

static void a_file_has_blocks_of_512(void **state)
{
	struct fixture *f = *state;

	driver_start(&f->driver, FLUSH, 2);
	assert_int_equal(block_size(f), 512);
	assert_int_equal(
		driver_read(&f->driver,
			    DRIVER_CONFIG + offsetof(struct virtio_blk_config, physical_block_exp),
			    1),
		3);
	assert_int_equal(driver_read(&f->driver, DRIVER_CONFIG, 8), SECTORS);
}

/* Aligned and not, at both ends, to guest memory that is aligned and not. */
static void any_sectors_are_read_and_written(void **state)
{
	static const struct {
		unsigned sector, nr;
	} parts[] = {
		{ 0, 8 },  { 1, 1 },   { 7, 1 },   { 7, 9 },   { 8, 7 },
		{ 3, 90 }, { 504, 8 }, { 512, 3 }, { 511, 2 }, { SECTORS - 1, 1 },
	};
	struct fixture *f = *state;
	static uint8_t got[SECTORS * 512], want[SECTORS * 512];
	struct stat st;

	driver_start(&f->driver, FLUSH, 2);
	for (unsigned i = 0; i < sizeof(want); i++)
		want[i] = byte_at(i);
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(parts); i++) {
		uint64_t buffer = BUFFER + i % 2 * 3;
		uint8_t *data = driver_ptr(&f->driver, buffer);
		unsigned at = parts[i / 2].sector * 512, len = parts[i / 2].nr * 512;

		memset(data, 0, len);
		assert_int_equal(request(f, VIRTIO_BLK_T_IN, at / 512, buffer, len),
				 VIRTIO_BLK_S_OK);
		assert_memory_equal(data, want + at, len);
		memset(data, (int)(i + 1), len);
		memset(want + at, (int)(i + 1), len);
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, at / 512, buffer, len),
				 VIRTIO_BLK_S_OK);
		assert_int_equal(pread(f->fd, got, sizeof(got), 0), sizeof(got));
		assert_memory_equal(got, want, sizeof(got));
	}
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, SECTORS, BUFFER, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, SECTORS - 1, BUFFER, 1024),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(fstat(f->fd, &st), 0);
	assert_int_equal(st.st_size, SECTORS * 512);
}

/* As a driver merges what lies side by side: whole blocks in sum, from buffers that are none. */
static void blocks_in_parts_are_put_together(void **state)
{
	static const unsigned lengths[][2] = {
		{ 512, 3584 }, { 3584, 512 }, { 2048, 6144 }, { 4096, 4096 }
	};
	struct fixture *f = *state;
	uint8_t got[8192];

	driver_start(&f->driver, FLUSH, 2);
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		const unsigned *len = lengths[i / 2];
		bool out = i % 2;
		struct virtio_blk_outhdr *header = driver_ptr(&f->driver, HEADER);
		const struct driver_buffer buffers[] = {
			{ HEADER, sizeof(*header), false },
			{ BUFFER, len[0], !out },
			{ BUFFER + 0x4000, len[1], !out },
			{ STATUS, 1, true },
		};
		struct vring_used_elem elem;

		*header = (struct virtio_blk_outhdr){ .type = out ? VIRTIO_BLK_T_OUT
								  : VIRTIO_BLK_T_IN,
						      .sector = 8 };
		memset(driver_ptr(&f->driver, BUFFER), (int)(0x40 + i), len[0]);
		memset(driver_ptr(&f->driver, BUFFER + 0x4000), (int)(0x80 + i), len[1]);
		driver_add(&f->driver, 0, buffers, ARRAY_SIZE(buffers));
		driver_kick(&f->driver, 0);
		assert_true(driver_wait(&f->driver, 0, &elem));
		assert_int_equal(status_of(f, 0), VIRTIO_BLK_S_OK);
		assert_int_equal(pread(f->fd, got, sizeof(got), STORAGE), sizeof(got));
		assert_memory_equal(got, driver_ptr(&f->driver, BUFFER), len[0]);
		assert_memory_equal(got + len[0], driver_ptr(&f->driver, BUFFER + 0x4000), len[1]);
	}
}

/* Each of two queues, on a ring of its own, writes every other sector of two blocks. */
static void two_queues_share_a_block(void **state)
{
	const struct ring_thread_config config = { .poll_us = RING_POLL_AUTO };
	struct fixture *f = *state;
	struct ring_thread second;
	uint8_t got[2 * PER_QUEUE * 512];

	assert_int_equal(ring_thread_start(&second, &config, NULL), 0);
	assert_int_equal(ring_thread_wait(&second, NULL), 0);
	virtio_pci_set_ring(f->driver.vp, 1, &second.ring);
	driver_start(&f->driver, FLUSH, 2);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct vring_used_elem elem;

		for (unsigned i = 0; i < 2 * PER_QUEUE; i++) {
			memset(driver_ptr(&f->driver, BUFFER + i * 512), (int)(round + i), 512);
			add(f, i % 2, i, VIRTIO_BLK_T_OUT, i, BUFFER + i * 512, 512);
		}
		driver_kick(&f->driver, 0);
		driver_kick(&f->driver, 1);
		for (unsigned i = 0; i < 2 * PER_QUEUE; i++)
			assert_true(driver_wait(&f->driver, i % 2, &elem));
		assert_int_equal(pread(f->fd, got, sizeof(got), 0), sizeof(got));
		for (unsigned i = 0; i < sizeof(got); i++)
			assert_int_equal(got[i], (uint8_t)(round + i / 512));
		for (unsigned i = 0; i < 2 * PER_QUEUE; i++)
			assert_int_equal(status_of(f, i), VIRTIO_BLK_S_OK);
	}
	driver_detach(&f->driver);
	ring_thread_stop(&second);
}

static void blocks_can_be_chosen(void **state)
{
	struct fixture *f = *state;

	driver_detach(&f->driver);
	assert_int_equal(ftruncate(f->fd, SECTORS * 512), 0);
	assert_int_equal(blk_fixture_attach(f, direct(STORAGE)), 0);
	driver_start(&f->driver, FLUSH, 2);
	assert_int_equal(block_size(f), STORAGE);
	assert_int_equal(driver_read(&f->driver, DRIVER_CONFIG, 8), SECTORS / 8 * 8);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 8, BUFFER, STORAGE), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 1, BUFFER, 512), VIRTIO_BLK_S_IOERR);
}

static void a_partition_table_tells_its_blocks(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(blk_format_gpt(f->fd), 0);
	for (unsigned size = 512; size <= 4096; size *= 2) {
		assert_int_equal(pwrite(f->fd, "EFI PART", 8, size), 8);
		assert_int_equal(blk_format_gpt(f->fd), size);
		assert_int_equal(pwrite(f->fd, "        ", 8, size), 8);
	}
}

/* Of all that came before. */
static void such_storage_would_have_taken_all(void **state)
{
	assert_true(nr_direct > 10);
	assert_int_equal(nr_refused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_has_blocks_of_512, setup,
						blk_fixture_destroy),
		cmocka_unit_test_setup_teardown(any_sectors_are_read_and_written, setup,
						blk_fixture_destroy),
		cmocka_unit_test_setup_teardown(blocks_in_parts_are_put_together, setup,
						blk_fixture_destroy),
		cmocka_unit_test_setup_teardown(two_queues_share_a_block, setup,
						blk_fixture_destroy),
		cmocka_unit_test_setup_teardown(a_partition_table_tells_its_blocks, setup,
						blk_fixture_destroy),
		cmocka_unit_test_setup_teardown(blocks_can_be_chosen, setup, blk_fixture_destroy),
		cmocka_unit_test(such_storage_would_have_taken_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
