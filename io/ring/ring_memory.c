/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registered memory: I/O on it finds its pages without walking the page tables and taking references. It is registered
 * in pieces, one a turn, as each keeps the ring's thread for a while. Other rings share what one has registered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "io/ring/internal.h"

#define MAX_BUFFERS 16384 /* the kernel's limit */
#define SMALL_SHIFT 26	  /* 64 MiB, pinned in some milliseconds */
#define LARGE_SHIFT 30	  /* the most that one buffer may have */

/* struct io_uring_clone_buffers */
struct clone_buffers {
	uint32_t src_fd, flags, src_off, dst_off, nr, pad[3];
};

static uint64_t pieces(uint64_t size, unsigned shift)
{
	return (size + (1ULL << shift) - 1) >> shift;
}

/* The buffer with this number. */
static struct iovec piece(const struct ring_memory *memory, unsigned index)
{
	const struct iovec *region = memory->region;
	uint64_t offset = (uint64_t)index << memory->shift, size = 1ULL << memory->shift;

	for (uint64_t n; index >= (n = pieces(region->iov_len, memory->shift)); region++)
		index -= (unsigned)n;
	offset = (uint64_t)index << memory->shift;
	if (size > region->iov_len - offset)
		size = region->iov_len - offset;
	return (struct iovec){ (char *)region->iov_base + offset, size };
}

int ring_find_buffer(const struct ring *ring, const void *p, uint64_t size)
{
	const struct ring_memory *memory = &ring->memory;
	uint64_t first = 0;

	for (unsigned i = 0; i < memory->nr_regions; i++) {
		const struct iovec *region = &memory->region[i];
		uint64_t offset = (uintptr_t)p - (uintptr_t)region->iov_base;
		uint64_t index = first + (offset >> memory->shift);

		first += pieces(region->iov_len, memory->shift);
		if (!range_fits(offset, size, region->iov_len))
			continue;
		/* It may go over from one piece to the next. */
		if (index >= memory->nr_registered ||
		    (offset & ((1ULL << memory->shift) - 1)) + size > 1ULL << memory->shift)
			return -1;
		return (int)index;
	}
	return -1;
}

static void finish(struct ring *ring, int r)
{
	void (*done)(struct ring * ring, void *opaque, int result) = ring->memory.done;

	ring->memory.done = NULL;
	done(ring, ring->memory.opaque, r);
}

static void register_piece(struct ring_work *work)
{
	struct ring *ring = container_of(work, struct ring, memory.work);
	struct ring_memory *memory = &ring->memory;
	struct iovec iov = piece(memory, memory->nr_registered);
	__u64 tag = 0;
	int r = io_uring_register_buffers_update_tag(&ring->uring, memory->nr_registered, &iov,
						     &tag, 1);

	if (r == 1)
		memory->nr_registered++;
	if (r == 1 && memory->nr_registered < memory->nr_buffers)
		ring_defer(ring, work);
	else
		finish(ring, r == 1 ? 0 : r < 0 ? r : -EIO);
}

static int set_regions(struct ring_memory *memory, const struct iovec *region, unsigned nr)
{
	uint64_t small = 0, large = 0;

	if (!nr || nr > RING_MAX_REGIONS)
		return -EINVAL;
	for (unsigned i = 0; i < nr; i++) {
		small += pieces(region[i].iov_len, SMALL_SHIFT);
		large += pieces(region[i].iov_len, LARGE_SHIFT);
	}
	if (large > MAX_BUFFERS)
		return -E2BIG;
	memcpy(memory->region, region, nr * sizeof(*region));
	memory->nr_regions = nr;
	memory->shift = small <= MAX_BUFFERS ? SMALL_SHIFT : LARGE_SHIFT;
	memory->nr_buffers = (unsigned)(small <= MAX_BUFFERS ? small : large);
	return 0;
}

void ring_register_memory(struct ring *ring, const struct iovec *region, unsigned nr,
			  void (*done)(struct ring *ring, void *opaque, int result), void *opaque)
{
	struct ring_memory *memory = &ring->memory;
	int r = memory->nr_regions ? -EBUSY : set_regions(memory, region, nr);

	if (!r)
		r = io_uring_register_buffers_sparse(&ring->uring, memory->nr_buffers);
	if (r) {
		done(ring, opaque, r);
		return;
	}
	memory->done = done;
	memory->opaque = opaque;
	memory->work.run = register_piece;
	ring_defer(ring, &memory->work);
}

int ring_share_memory(struct ring *ring, const struct ring *from)
{
	struct clone_buffers clone = { .src_fd = (uint32_t)from->uring.ring_fd };
	int r;

	if (!ring->can_share_memory)
		return -ENOSYS;
	if (ring->memory.nr_regions)
		return -EBUSY;
	r = io_uring_register((unsigned)ring->uring.ring_fd, RING_REGISTER_CLONE_BUFFERS, &clone,
			      1);
	if (r < 0)
		return r;
	ring->memory = from->memory;
	return 0;
}

static bool is_in_buffer(const struct ring *ring, const struct iovec *iov, unsigned nr, int index)
{
	for (unsigned i = 0; i < nr; i++) {
		if (ring_find_buffer(ring, iov[i].iov_base, iov[i].iov_len) != index)
			return false;
	}
	return true;
}

bool ring_use_memory(const struct ring *ring, struct io_uring_sqe *sqe)
{
	const struct iovec *iov = (const struct iovec *)(uintptr_t)sqe->addr;
	bool is_write = sqe->opcode == IORING_OP_WRITEV;
	unsigned nr = sqe->len;
	int index;

	if (!ring->memory.nr_registered || !nr || (nr > 1 && !ring->has_fixed_vectors))
		return false;
	index = ring_find_buffer(ring, iov->iov_base, iov->iov_len);
	if (index < 0 || !is_in_buffer(ring, iov + 1, nr - 1, index))
		return false;
	sqe->buf_index = (uint16_t)index;
	if (nr > 1) {
		sqe->opcode = is_write ? RING_OP_WRITEV_FIXED : RING_OP_READV_FIXED;
		return true;
	}
	sqe->opcode = is_write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
	sqe->addr = (uintptr_t)iov->iov_base;
	sqe->len = (uint32_t)iov->iov_len;
	return true;
}
