/* SPDX-License-Identifier: Apache-2.0 */
/* Operations and the descriptors they name. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/ring/internal.h"

/* A kernel that lacks memory for a request takes it the next time. */
#define SUBMIT_TRIES 1000

/* The slot of a registered descriptor, plus one; 0 for others. */
static unsigned slot_of(const struct ring *ring, int fd)
{
	return fd >= 0 && (unsigned)fd < ring->nr_fds ? ring->slot_of_fd[fd] : 0;
}

static void use_registered(struct ring *ring, struct io_uring_sqe *sqe)
{
	unsigned slot = slot_of(ring, sqe->fd);

	if (!slot)
		return;
	sqe->fd = (int)slot - 1;
	sqe->flags |= IOSQE_FIXED_FILE;
}

static int grow_slots(struct ring *ring, unsigned nr)
{
	uint16_t *slots = realloc(ring->slot_of_fd, nr * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	memset(slots + ring->nr_fds, 0, (nr - ring->nr_fds) * sizeof(*slots));
	ring->slot_of_fd = slots;
	ring->nr_fds = nr;
	return 0;
}

void ring_register_file(struct ring *ring, int fd)
{
	unsigned slot = slot_of(ring, fd);

	if (slot) {
		ring->file[slot - 1].nr_users++;
		return;
	}
	if (!ring->file || fd < 0 ||
	    ((unsigned)fd >= ring->nr_fds && grow_slots(ring, (unsigned)fd + 32)))
		return;
	while (slot < RING_MAX_FILES && ring->file[slot].nr_users)
		slot++;
	if (slot == RING_MAX_FILES ||
	    io_uring_register_files_update(&ring->uring, slot, &fd, 1) != 1)
		return;
	ring->file[slot] = (struct ring_file){ fd, 1 };
	ring->slot_of_fd[fd] = (uint16_t)(slot + 1);
}

void ring_unregister_file(struct ring *ring, int fd)
{
	unsigned slot = slot_of(ring, fd);
	int none = -1;

	if (!slot || --ring->file[slot - 1].nr_users)
		return;
	ring->slot_of_fd[fd] = 0;
	/* SQEs that were queued before name the slot still, and would find another's file in it. */
	for (unsigned i = 0; i < SUBMIT_TRIES && io_uring_sq_ready(&ring->uring); i++)
		ring_submit(ring, RING_SUBMIT_ONLY);
	if (io_uring_sq_ready(&ring->uring) ||
	    io_uring_register_files_update(&ring->uring, slot - 1, &none, 1) != 1)
		ring->file[slot - 1] = (struct ring_file){ -1, 1 }; /* nobody gets it any more */
}

static void ring_start(struct ring *ring, struct io_uring_sqe *sqe, struct ring_op *op)
{
	io_uring_sqe_set_data(sqe, op);
	op->active = true;
	op->is_io = false;
	ring->nr_active++;
}

/* On a file, which a device works on and ends soon; what has no offset waits for somebody else. */
static void ring_start_io(struct ring *ring, struct io_uring_sqe *sqe, struct ring_op *op)
{
	use_registered(ring, sqe);
	ring_start(ring, sqe, op);
	op->is_io = sqe->off != UINT64_MAX;
	ring->nr_io += op->is_io;
	ring->nr_io_queued += op->is_io;
}

void ring_poll(struct ring *ring, struct ring_op *op, int fd)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	/*
	 * Not as a registered file: it is looked up once, and lasts. Linux before 6.13 keeps every file that is unregistered
	 * until what began before on registered ones has ended.
	 */
	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	ring_start(ring, sqe, op);
}

void ring_read(struct ring *ring, struct ring_op *op, int fd, void *buf, unsigned size,
	       uint64_t offset)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_read(sqe, fd, buf, size, offset);
	ring_start_io(ring, sqe, op);
}

void ring_write(struct ring *ring, struct ring_op *op, int fd, const void *buf, unsigned size,
		uint64_t offset)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_write(sqe, fd, buf, size, offset);
	ring_start_io(ring, sqe, op);
}

void ring_readv(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov, unsigned nr,
		uint64_t offset, int flags)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_readv2(sqe, fd, iov, nr, offset, flags);
	if (offset != UINT64_MAX)
		ring_use_memory(ring, sqe);
	ring_start_io(ring, sqe, op);
}

void ring_writev(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov,
		 unsigned nr, uint64_t offset, int flags)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_writev2(sqe, fd, iov, nr, offset, flags);
	if (offset != UINT64_MAX)
		ring_use_memory(ring, sqe);
	ring_start_io(ring, sqe, op);
}

void ring_fdatasync(struct ring *ring, struct ring_op *op, int fd)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	ring_start_io(ring, sqe, op);
}

void ring_fallocate(struct ring *ring, struct ring_op *op, int fd, int mode, uint64_t offset,
		    uint64_t size)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	/* Not by io_uring_prep_fallocate(), whose arguments are signed in some releases of liburing only. */
	io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, fd, (const void *)(uintptr_t)size,
			 (unsigned)mode, offset);
	ring_start_io(ring, sqe, op);
}

void ring_accept(struct ring *ring, struct ring_op *op, int fd)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
	ring_start(ring, sqe, op);
}

void ring_signal(struct ring *ring, int fd)
{
	static const uint64_t one = 1;
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_write(sqe, fd, &one, sizeof(one), UINT64_MAX);
	use_registered(ring, sqe);
	io_uring_sqe_set_data(sqe, NULL);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	ring->signal_queued = true;
	/* Would it wait for the next batch, so would the guest, which is to make that. */
	if (!ring->nr_io_queued && ring_lingers(ring))
		ring_submit(ring, RING_SUBMIT_ONLY);
}

void ring_timeout(struct ring *ring, struct ring_op *op, uint64_t timeout_ns)
{
	struct io_uring_sqe *sqe = ring_sqe(ring);

	op->timespec.tv_sec = (int64_t)(timeout_ns / 1000000000);
	op->timespec.tv_nsec = (long long)(timeout_ns % 1000000000);
	io_uring_prep_timeout(sqe, &op->timespec, 0, 0);
	ring_start(ring, sqe, op);
}

void ring_cancel(struct ring *ring, struct ring_op *op)
{
	struct io_uring_sqe *sqe;

	if (!op->active)
		return;
	sqe = ring_sqe(ring);
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}
