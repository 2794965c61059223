/* SPDX-License-Identifier: Apache-2.0 */
#include "io/ring/ring_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "io/ring/internal.h"

#define MAX_BUFFERS  16384 /* the kernel's limit, */
#define BUFFER_SHIFT 30	   /* as is 1 GiB for one of them */
#define BUFFER_SIZE  (1ULL << BUFFER_SHIFT)

/* struct io_uring_clone_buffers */
struct clone_buffers {
	uint32_t src_fd, flags, src_off, dst_off, nr, pad[3];
};

static uint64_t count_buffers(const struct iovec *region)
{
	return (region->iov_len + BUFFER_SIZE - 1) >> BUFFER_SHIFT;
}

static void cut(const struct ring_memory *memory, struct iovec *buffer)
{
	for (unsigned i = 0; i < memory->nr_regions; i++) {
		const struct iovec *region = &memory->region[i];

		for (uint64_t at = 0; at < region->iov_len; at += BUFFER_SIZE) {
			uint64_t left = region->iov_len - at;

			*buffer++ = (struct iovec){ (char *)region->iov_base + at,
						    left < BUFFER_SIZE ? left : BUFFER_SIZE };
		}
	}
}

/* It holds registrations and nothing else. */
static int restrict_and_enable(struct io_uring *uring)
{
	static const uint8_t registrations[] = { IORING_REGISTER_ENABLE_RINGS,
						 IORING_REGISTER_BUFFERS,
						 IORING_UNREGISTER_BUFFERS };
	struct io_uring_restriction res[ARRAY_SIZE(registrations)] = { 0 };
	int r;

	for (unsigned i = 0; i < ARRAY_SIZE(registrations); i++) {
		res[i].opcode = IORING_RESTRICTION_REGISTER_OP;
		res[i].register_op = registrations[i];
	}
	r = io_uring_register((unsigned)uring->ring_fd, IORING_REGISTER_RESTRICTIONS, res,
			      ARRAY_SIZE(res));
	return r < 0 ? r : io_uring_enable_rings(uring);
}

static int register_all(struct ring_memory *memory)
{
	struct iovec *buffer = calloc(memory->nr_buffers, sizeof(*buffer));
	int r;

	if (!buffer)
		return -ENOMEM;
	cut(memory, buffer);
	/* Others may only take registrations over that have no thread of their own: no SINGLE_ISSUER. */
	r = io_uring_queue_init(1, &memory->uring, IORING_SETUP_R_DISABLED);
	if (r)
		goto free_buffer;
	r = restrict_and_enable(&memory->uring);
	if (!r)
		r = io_uring_register_buffers(&memory->uring, buffer, memory->nr_buffers);
	if (r)
		io_uring_queue_exit(&memory->uring);
free_buffer:
	free(buffer);
	return r;
}

int ring_memory_init(struct ring_memory *memory, const struct iovec *region, unsigned nr)
{
	struct ring_memory m = { .nr_regions = nr };
	uint64_t nr_buffers = 0;
	int r;

	if (!nr || nr > RING_MAX_REGIONS)
		return -EINVAL;
	for (unsigned i = 0; i < nr; i++)
		nr_buffers += count_buffers(&region[i]);
	if (nr_buffers > MAX_BUFFERS)
		return -E2BIG;
	memcpy(m.region, region, nr * sizeof(*region));
	m.nr_buffers = (unsigned)nr_buffers;
	r = register_all(&m);
	if (!r)
		*memory = m;
	return r;
}

void ring_memory_destroy(struct ring_memory *memory)
{
	if (!memory->nr_buffers)
		return;
	/* At once; what the end of an io_uring unpins may take until after the process's. */
	io_uring_unregister_buffers(&memory->uring);
	io_uring_queue_exit(&memory->uring);
	memory->nr_buffers = 0;
}

int ring_take_memory(struct ring *ring, const struct ring_memory *memory)
{
	struct clone_buffers clone = { .src_fd = (uint32_t)memory->uring.ring_fd };
	int r;

	if (!ring->can_take_memory)
		return -ENOSYS;
	if (ring->memory)
		return -EBUSY;
	r = io_uring_register((unsigned)ring->uring.ring_fd, RING_REGISTER_CLONE_BUFFERS, &clone,
			      1);
	if (r < 0)
		return r;
	ring->memory = memory;
	return 0;
}

void ring_drop_memory(struct ring *ring)
{
	if (ring->memory)
		io_uring_unregister_buffers(&ring->uring);
	ring->memory = NULL;
}

/* The buffer that a range lies in; negative: it is in none, or goes over from one to the next. */
static int find_buffer(const struct ring_memory *memory, const struct iovec *iov)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < memory->nr_regions; i++) {
		const struct iovec *region = &memory->region[i];
		uint64_t offset = (uintptr_t)iov->iov_base - (uintptr_t)region->iov_base;

		if (range_fits(offset, iov->iov_len, region->iov_len))
			return (offset & (BUFFER_SIZE - 1)) + iov->iov_len <= BUFFER_SIZE
				       ? (int)(first + (offset >> BUFFER_SHIFT))
				       : -1;
		first += count_buffers(region);
	}
	return -1;
}

void ring_use_memory(const struct ring *ring, struct io_uring_sqe *sqe)
{
	const struct iovec *iov = (const struct iovec *)(uintptr_t)sqe->addr;
	bool is_write = sqe->opcode == IORING_OP_WRITEV;
	unsigned nr = sqe->len;
	int index;

	if (!ring->memory || !nr || (nr > 1 && !ring->has_fixed_vectors))
		return;
	index = find_buffer(ring->memory, iov);
	for (unsigned i = 1; i < nr && index >= 0; i++) {
		if (find_buffer(ring->memory, &iov[i]) != index)
			return;
	}
	if (index < 0)
		return;
	sqe->buf_index = (uint16_t)index;
	if (nr > 1) {
		sqe->opcode = is_write ? RING_OP_WRITEV_FIXED : RING_OP_READV_FIXED;
		return;
	}
	sqe->opcode = is_write ? IORING_OP_WRITE_FIXED : IORING_OP_READ_FIXED;
	sqe->addr = (uintptr_t)iov->iov_base;
	sqe->len = (uint32_t)iov->iov_len;
}
