/* SPDX-License-Identifier: Apache-2.0 */
#include "io/ring/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "io/ring/internal.h"

/* A kernel that has no memory for a request may have some soon. */
#define MAX_REFUSED 1000
#define REFUSED_US  1000

static int ring_setup_error(int r, struct error *err)
{
	int64_t disabled = 0;

	error_set(err, r, "io_uring");
	if (r == -EPERM && !file_read_i64("/proc/sys/kernel/io_uring_disabled", &disabled) &&
	    disabled) {
		error_reason(err, "disabled by sysctl kernel.io_uring_disabled=%d", (int)disabled);
		error_remedy(err, "sysctl -w kernel.io_uring_disabled=0");
	} else if (r == -EPERM) {
		error_remedy(
			err,
			"allow io_uring_setup(2) in the seccomp or LSM policy torc runs under");
	} else if (r == -ENOSYS || r == -EINVAL) {
		error_reason(err, "the running kernel lacks it or is older than 6.1");
		error_remedy(err, "boot Linux 6.1 or later with CONFIG_IO_URING=y");
	} else if (r == -ENOMEM) {
		error_remedy(err, "raise the locked-memory limit (ulimit -l) or free memory");
	}
	return r;
}

static void wakeup_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct ring *ring = container_of(op, struct ring, wakeup);

	ring_drain_posted(ring);
	if (!op->active && res != -ECANCELED)
		ring_poll(ring, op, ring->post_fd);
}

int ring_init(struct ring *ring, unsigned entries, struct error *err)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |
			 IORING_SETUP_TASKRUN_FLAG,
	};
	int r;

	memset(ring, 0, sizeof(*ring));
	ring->uring.ring_fd = -1;
	ring->post_fd = fd_eventfd();
	if (ring->post_fd < 0)
		return error_set(err, ring->post_fd, "eventfd of a ring");
	r = io_uring_queue_init_params(entries, &ring->uring, &params);
	if (r) {
		ring_setup_error(r, err);
		goto close_fd;
	}
	/* Without a table descriptors are looked up one by one. */
	if (!io_uring_register_files_sparse(&ring->uring, RING_MAX_FILES))
		ring->file = calloc(RING_MAX_FILES, sizeof(*ring->file));
	r = ring_restrict(ring);
	if (!r)
		r = io_uring_register((unsigned)ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
				      NULL, 0);
	if (r < 0) {
		error_set(err, r, "io_uring: restrict and enable");
		goto exit_uring;
	}
	ring_calibrate(ring);
	ring->trace = trace_object(TRACE_RING, trace_thread_name());
	trace_own(ring->trace);
	ring->wakeup.done = wakeup_done;
	ring_poll(ring, &ring->wakeup, ring->post_fd);
	return 0;

exit_uring:
	io_uring_queue_exit(&ring->uring);
	free(ring->file);
close_fd:
	fd_close(&ring->post_fd);
	memset(ring, 0, sizeof(*ring));
	return r;
}

/* Hands the completions that are there to their operations; how many. */
static unsigned ring_reap(struct ring *ring)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	/* Looks at memory only: peeking would enter the kernel for task work, which the turn is to wait for. */
	io_uring_for_each_cqe(&ring->uring, head, cqe)
	{
		uint64_t data = cqe->user_data;
		struct ring_op *op = (struct ring_op *)(uintptr_t)data;
		int32_t res = cqe->res;
		uint32_t flags = cqe->flags;

		io_uring_cq_advance(&ring->uring, 1);
		if (!ring->wake_tsc)
			ring->wake_tsc = ring->now_tsc = ring_tsc(ring);
		n++;
		if (!op) /* a cancellation's own completion, a signal that failed */
			continue;
		if (data & (RING_MESSAGE | RING_UNDELIVERED)) {
			ring_receive(data);
			continue;
		}
		if (!(flags & IORING_CQE_F_MORE)) {
			op->active = false;
			ring->nr_active--;
			ring->nr_io -= op->is_io;
		}
		op->done(op, res, flags);
	}
	return n;
}

bool ring_has_events(const struct ring *ring)
{
	unsigned flags = READ_ONCE(*ring->uring.sq.kflags);

	return io_uring_cq_ready(&ring->uring) || flags & IORING_SQ_CQ_OVERFLOW ||
	       (flags & IORING_SQ_TASKRUN && !ring->taskrun_is_stale);
}

/* Return: 0, or -errno that trying again will not mend. */
static int judge(struct ring *ring, int r)
{
	if (r >= 0)
		ring->nr_refused = 0;
	if (r >= 0 || r == -EINTR || r == -EBUSY)
		return 0;
	if (r == -EAGAIN) {
		/* No memory for what is queued; that will come. */
		if (io_uring_sq_ready(&ring->uring))
			usleep(REFUSED_US);
		return 0;
	}
	if (r == -ENOMEM && ring->nr_refused++ < MAX_REFUSED) {
		usleep(REFUSED_US);
		return 0;
	}
	/* Pairs with those who ask whether it has. */
	store_release(&ring->failed, r);
	return r;
}

int ring_submit(struct ring *ring, enum ring_submit how)
{
	unsigned nr = io_uring_sq_ready(&ring->uring);
	uint64_t begin;
	int r;

	trace_count(ring->trace, TRACE_RING_CALLS, 1);
	ring->nr_io_queued = 0;
	ring->signal_queued = false;
	if (how != RING_SUBMIT_AND_WAIT)
		trace_event_at(ring->now_tsc, TRACE_EVENT_SUBMIT, ring->trace, 0, nr, 0);
	if (how == RING_SUBMIT_ONLY)
		return judge(ring, io_uring_submit(&ring->uring));
	if (how == RING_SUBMIT_AND_GET_EVENTS) {
		ring->wake_tsc = 0;
		return judge(ring, io_uring_submit_and_get_events(&ring->uring));
	}
	begin = ring_tsc(ring);
	trace_count(ring->trace, TRACE_RING_WAITS, 1);
	trace_event_at(begin, TRACE_EVENT_SLEEP, ring->trace, 0, nr, 0);
	r = io_uring_submit_and_wait(&ring->uring, 1);
	ring->wake_tsc = ring->now_tsc = ring_tsc(ring);
	ring->idle_cycles += ring->wake_tsc - begin;
	ring_slept(ring, ring->wake_tsc - begin);
	trace_event_at(ring->wake_tsc, TRACE_EVENT_WAKE, ring->trace, 0,
		       io_uring_cq_ready(&ring->uring), 0);
	return judge(ring, r);
}

static bool has_stale_taskrun(const struct ring *ring)
{
	return !io_uring_cq_ready(&ring->uring) &&
	       READ_ONCE(*ring->uring.sq.kflags) & IORING_SQ_TASKRUN;
}

/*
 * The kernel queues task work first and sets its flag then. On another CPU that can come after this one has run the work,
 * and the flag stays until there is more: a ring that took it for events would look at nothing else, and one that did not
 * would see none until it has polled for long enough. So there is to be more: the ring wakes itself.
 */
static void clear_stale_taskrun(struct ring *ring)
{
	ring->taskrun_is_stale = has_stale_taskrun(ring);
	/* Only who polls looks at it. */
	if (!ring->taskrun_is_stale || !ring->poll_cycles)
		return;
	fd_eventfd_signal(ring->post_fd);
	ring_submit(ring, RING_SUBMIT_AND_GET_EVENTS);
	ring->taskrun_is_stale = has_stale_taskrun(ring);
}

static void count_turn(struct ring *ring, unsigned nr_completions)
{
	uint64_t now = ring_tsc(ring);

	trace_count(ring->trace, TRACE_RING_TURNS, 1);
	trace_count(ring->trace, TRACE_RING_COMPLETIONS, nr_completions);
	if (nr_completions)
		trace_record(ring->trace, TRACE_RING_BATCH, nr_completions);
	trace_record(ring->trace, TRACE_RING_BUSY, now - ring->turn_tsc - ring->idle_cycles);
	ring->turn_tsc = ring->now_tsc = now;
	ring->idle_cycles = 0;
}

static bool has_work(struct ring *ring)
{
	ring->has_looked = false;
	if (!ring->deferred && !ring_busy_wait(ring))
		return ring_ask_pollers(ring, true);
	/* What is going on anyway does not keep others from being looked at. */
	if (!ring->has_looked)
		ring_ask_pollers(ring, false);
	return true;
}

static int ring_turn(struct ring *ring)
{
	bool busy = has_work(ring);
	int r = ring_submit(ring, busy ? RING_SUBMIT_AND_GET_EVENTS : RING_SUBMIT_AND_WAIT);
	unsigned n;

	clear_stale_taskrun(ring);
	n = ring_reap(ring);
	ring_run_deferred(ring);
	count_turn(ring, n);
	return r ? r : ring->failed;
}

int ring_run(struct ring *ring)
{
	int r = 0;

	ring->turn_tsc = ring->now_tsc = ring_tsc(ring);
	/* Pairs with the store in ring_stop(). */
	while (!r && !load_acquire(&ring->stopping))
		r = ring_turn(ring);
	store_release(&ring->stopping, false);
	return r;
}

void ring_stop(struct ring *ring)
{
	/* Pairs with the load in ring_run(), which the eventfd wakes. */
	store_release(&ring->stopping, true);
	fd_eventfd_signal(ring->post_fd);
}

struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	while (!sqe) {
		if (ring_submit(ring, RING_SUBMIT_ONLY))
			return &ring->nowhere;
		sqe = io_uring_get_sqe(&ring->uring);
	}
	return sqe;
}

void ring_destroy(struct ring *ring)
{
	if (!ring->uring.sq.ring_sz)
		return;
	ring_drain_posted(ring);
	ring->turn_tsc = ring->now_tsc = ring_tsc(ring);
	while (ring->nr_active && !ring->failed) {
		struct io_uring_sqe *sqe = ring_sqe(ring);

		io_uring_prep_cancel(sqe, NULL, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
		io_uring_sqe_set_data(sqe, NULL);
		if (ring_turn(ring))
			break;
	}
	trace_release(ring->trace);
	ring_drop_memory(ring);
	io_uring_queue_exit(&ring->uring);
	free(ring->file);
	free(ring->slot_of_fd);
	fd_close(&ring->post_fd);
	memset(ring, 0, sizeof(*ring));
	ring->post_fd = -1;
}

void ring_add_poller(struct ring *ring, struct ring_poller *poller)
{
	poller->next = ring->pollers;
	ring->pollers = poller;
}

void ring_remove_poller(struct ring *ring, struct ring_poller *poller)
{
	for (struct ring_poller **link = &ring->pollers; *link; link = &(*link)->next) {
		if (*link != poller)
			continue;
		*link = poller->next;
		return;
	}
}

/* Within a turn: what that did and slept so far is left out. */
static void begin_again(struct ring *ring)
{
	ring->turn_tsc = ring->now_tsc = ring_tsc(ring);
	ring->idle_cycles = 0;
}

void ring_wait(struct ring *ring, struct ring_op *op)
{
	if (!op->active)
		return;
	begin_again(ring);
	while (op->active && !ring_turn(ring))
		;
}

bool ring_wait_for(struct ring *ring, const bool *is_over)
{
	begin_again(ring);
	while (!*is_over && !ring_turn(ring))
		;
	return *is_over;
}
