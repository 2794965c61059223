/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_PENDING 16

/* A blocking write that the kernel would do in one piece: short ones have to be survived too. */
#define MAX_WRITE 4096

enum kind {
	KIND_POLL,
	KIND_READ,
	KIND_WRITE,
	KIND_ACCEPT,
	KIND_TIMEOUT,
};

struct pending {
	struct ring *ring;
	struct ring_op *op; /* NULL: a free place */
	enum kind kind;
	int fd;
	void *buf;
	unsigned size;
	uint64_t offset;
	uint64_t due_ns;
	bool cancelled;
	bool polled; /* readable was reported; an edge comes once */
};

static struct pending pending[MAX_PENDING];
static uint64_t now_ns;

static void queue(struct ring *ring, struct ring_op *op, struct pending p)
{
	for (unsigned i = 0; i < MAX_PENDING; i++) {
		if (pending[i].op)
			continue;
		pending[i] = p;
		pending[i].ring = ring;
		pending[i].op = op;
		op->active = true;
		ring->nr_active++;
		return;
	}
	abort();
}

static void complete(struct pending *p, int32_t res, uint32_t flags)
{
	struct ring_op *op = p->op;

	if (!(flags & IORING_CQE_F_MORE)) {
		p->op = NULL;
		op->active = false;
		p->ring->nr_active--;
	}
	op->done(op, res, flags);
}

static bool ready(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, 0) > 0;
}

static int32_t transfer(const struct pending *p)
{
	bool at = p->offset != UINT64_MAX;
	unsigned size = p->size;
	ssize_t n;

	if (p->kind == KIND_READ) {
		n = at ? pread(p->fd, p->buf, size, (off_t)p->offset) : read(p->fd, p->buf, size);
	} else {
		size = size < MAX_WRITE ? size : MAX_WRITE;
		n = at ? pwrite(p->fd, p->buf, size, (off_t)p->offset) : write(p->fd, p->buf, size);
	}
	return n < 0 ? -errno : (int32_t)n;
}

static bool try_transfer(struct pending *p)
{
	bool nonblocking = fcntl(p->fd, F_GETFL) & O_NONBLOCK;

	if (!nonblocking && !ready(p->fd, p->kind == KIND_READ ? POLLIN : POLLOUT))
		return false;
	complete(p, transfer(p), 0);
	return true;
}

static bool try_one(struct pending *p)
{
	if (p->cancelled) {
		complete(p, -ECANCELED, 0);
		return true;
	}
	switch (p->kind) {
	case KIND_POLL:
		if (p->polled || !ready(p->fd, POLLIN))
			return false;
		p->polled = true;
		complete(p, POLLIN, IORING_CQE_F_MORE);
		return true;
	case KIND_TIMEOUT:
		if (p->due_ns > now_ns)
			return false;
		complete(p, -ETIME, 0);
		return true;
	case KIND_READ:
	case KIND_WRITE:
		return try_transfer(p);
	case KIND_ACCEPT:
		if (!ready(p->fd, POLLIN))
			return false;
		complete(p, accept4(p->fd, NULL, NULL, SOCK_CLOEXEC), 0);
		return true;
	}
	return false;
}

unsigned fake_ring_turn(struct ring *ring)
{
	unsigned n = 0;
	struct ring_op *ops[MAX_PENDING];

	for (struct ring_work *w = ring->posted; w; w = w->next)
		n++;
	ring_drain_posted(ring);
	/* What the callbacks queue is for the next turn. */
	for (unsigned i = 0; i < MAX_PENDING; i++)
		ops[i] = pending[i].ring == ring ? pending[i].op : NULL;
	for (unsigned i = 0; i < MAX_PENDING; i++)
		if (ops[i] && pending[i].op == ops[i])
			n += try_one(&pending[i]);
	return n;
}

void fake_ring_settle(struct ring *ring)
{
	while (fake_ring_turn(ring))
		;
}

bool fake_ring_expire(struct ring *ring)
{
	struct pending *next = NULL;

	for (unsigned i = 0; i < MAX_PENDING; i++) {
		struct pending *p = &pending[i];

		if (p->op && p->ring == ring && p->kind == KIND_TIMEOUT &&
		    (!next || p->due_ns < next->due_ns))
			next = p;
	}
	if (!next)
		return false;
	now_ns = next->due_ns;
	return true;
}

int ring_init(struct ring *ring, unsigned entries, struct error *err)
{
	memset(ring, 0, sizeof(*ring));
	ring->post_fd = -1;
	return 0;
}

void ring_destroy(struct ring *ring)
{
	for (unsigned i = 0; i < MAX_PENDING; i++)
		if (pending[i].op && pending[i].ring == ring)
			complete(&pending[i], -ECANCELED, 0);
	memset(ring, 0, sizeof(*ring));
}

int ring_run(struct ring *ring)
{
	int r = 0;

	while (!r && !ring->stopping)
		if (!fake_ring_turn(ring) && !fake_ring_expire(ring))
			r = -EDEADLK; /* the real one would wait for ever */
	ring->stopping = false;
	return r;
}

void ring_stop(struct ring *ring)
{
	ring->stopping = true;
}

void ring_post(struct ring *ring, struct ring_work *work)
{
	struct ring_work **end = &ring->posted;

	if (work->queued)
		return;
	work->queued = true;
	work->next = NULL;
	while (*end)
		end = &(*end)->next;
	*end = work;
}

/* A turn's end is the beginning of the next one. */
void ring_defer(struct ring *ring, struct ring_work *work)
{
	ring_post(ring, work);
}

void ring_drain_posted(struct ring *ring)
{
	struct ring_work *work;

	while ((work = ring->posted)) {
		ring->posted = work->next;
		work->queued = false;
		work->run(work);
	}
}

void ring_poll(struct ring *ring, struct ring_op *op, int fd)
{
	queue(ring, op, (struct pending){ .kind = KIND_POLL, .fd = fd });
}

void ring_read(struct ring *ring, struct ring_op *op, int fd, void *buf, unsigned size,
	       uint64_t offset)
{
	queue(ring, op,
	      (struct pending){
		      .kind = KIND_READ, .fd = fd, .buf = buf, .size = size, .offset = offset });
}

void ring_write(struct ring *ring, struct ring_op *op, int fd, const void *buf, unsigned size,
		uint64_t offset)
{
	queue(ring, op,
	      (struct pending){ .kind = KIND_WRITE,
				.fd = fd,
				.buf = (void *)(uintptr_t)buf,
				.size = size,
				.offset = offset });
}

void ring_accept(struct ring *ring, struct ring_op *op, int fd)
{
	queue(ring, op, (struct pending){ .kind = KIND_ACCEPT, .fd = fd });
}

void ring_timeout(struct ring *ring, struct ring_op *op, uint64_t timeout_ns)
{
	queue(ring, op, (struct pending){ .kind = KIND_TIMEOUT, .due_ns = now_ns + timeout_ns });
}

void ring_cancel(struct ring *ring, struct ring_op *op)
{
	for (unsigned i = 0; i < MAX_PENDING; i++)
		if (pending[i].op == op && pending[i].ring == ring)
			pending[i].cancelled = true;
}

void ring_wait(struct ring *ring, struct ring_op *op)
{
	while (op->active)
		fake_ring_turn(ring);
}
