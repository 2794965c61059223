/* SPDX-License-Identifier: Apache-2.0 */
/* Work handed to a ring: by its own thread for the end of a turn, by another ring in a message, by any other thread. */
#include "core/base/bits.h"
#include "core/base/fd.h"
#include "io/ring/internal.h"

/* Whether it was not queued yet. Pairs with run_work(): what was written before is seen there, or it runs again. */
static bool begin_work(struct ring_work *work)
{
	return !__atomic_exchange_n(&work->queued, true, __ATOMIC_ACQ_REL);
}

static void run_work(struct ring_work *work)
{
	/* Pairs with begin_work(). */
	(void)__atomic_exchange_n(&work->queued, false, __ATOMIC_ACQ_REL);
	work->run(work);
}

/* A stack that every thread adds to and the ring's takes as a whole. The first of a batch wakes the ring. */
static void push(struct ring *ring, struct ring_work *work)
{
	struct ring_work *head = __atomic_load_n(&ring->posted, __ATOMIC_RELAXED);

	do {
		work->next = head;
		/* Pairs with ring_drain_posted(). */
	} while (!__atomic_compare_exchange_n(&ring->posted, &head, work, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	if (!head)
		fd_eventfd_signal(ring->post_fd);
}

void ring_post(struct ring *ring, struct ring_work *work)
{
	if (begin_work(work))
		push(ring, work);
}

/* What is posted meanwhile waits for its own wake-up: work that posts itself again must not starve completions. */
void ring_drain_posted(struct ring *ring)
{
	/* Pairs with push(). */
	struct ring_work *last = __atomic_exchange_n(&ring->posted, NULL, __ATOMIC_ACQUIRE);
	struct ring_work *work = NULL;

	/* In the order in which it came. */
	while (last) {
		struct ring_work *before = last->next;

		last->next = work;
		work = last;
		last = before;
	}
	while (work) {
		struct ring_work *next = work->next;

		run_work(work);
		work = next;
	}
}

void ring_send(struct ring *from, struct ring *to, struct ring_work *work)
{
	struct io_uring_sqe *sqe;

	if (!begin_work(work))
		return;
	if (from == to) {
		push(to, work);
		return;
	}
	work->to = to;
	sqe = ring_sqe(from);
	io_uring_prep_msg_ring(sqe, to->uring.ring_fd, 0, (uintptr_t)work | RING_MESSAGE, 0);
	io_uring_sqe_set_data64(sqe, (uintptr_t)work | RING_UNDELIVERED);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void ring_receive(uint64_t data)
{
	struct ring_work *work =
		(struct ring_work *)(uintptr_t)(data &
						~(uint64_t)(RING_MESSAGE | RING_UNDELIVERED));

	if (data & RING_MESSAGE)
		run_work(work);
	else
		push(work->to, work);
}

void ring_defer(struct ring *ring, struct ring_work *work)
{
	if (work->queued)
		return;
	work->queued = true;
	work->next = ring->deferred;
	ring->deferred = work;
}

void ring_run_deferred(struct ring *ring)
{
	struct ring_work *work = ring->deferred;

	ring->deferred = NULL;
	while (work) {
		struct ring_work *next = work->next;

		work->queued = false;
		work->run(work);
		work = next;
	}
}
