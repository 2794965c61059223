/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pci/forward.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

struct vfio_forward {
	struct ring *ring;
	int from, to; /* eventfds */
	unsigned vector;
	struct trace_object *trace;
	struct ring_op op;
	struct ring_work start_work, stop_work;
	bool stopping;
	bool is_over; /* atomic: its ring is gone */
};

static void destroy(struct vfio_forward *forward)
{
	fd_close(&forward->from);
	fd_close(&forward->to);
	free(forward);
}

/* Written at once, not with the ring's next submission: this is to add as little as it can, and to know how much. */
static void pass_on(struct vfio_forward *forward)
{
	uint64_t came = forward->ring->wake_tsc, now = trace_tsc(), took;

	fd_eventfd_signal(forward->to);
	took = trace_tsc() - now;
	trace_count(forward->trace, TRACE_VECTOR_INTERRUPTS, 1);
	trace_record(forward->trace, TRACE_VECTOR_FORWARD, now - came + took);
	/* Of the time before: what KVM does with the signal comes after it. */
	trace_event_at(now, TRACE_EVENT_INTERRUPT, forward->trace, forward->vector, now - came,
		       took);
}

static void signalled(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct vfio_forward *forward = container_of(op, struct vfio_forward, op);

	if (res > 0)
		pass_on(forward);
	if (op->active)
		return;
	if (forward->stopping)
		destroy(forward);
	else if (res == -ECANCELED)
		store_release(&forward->is_over, true); /* pairs with vfio_forward_free() */
	else
		ring_poll(forward->ring, op, forward->from);
}

static void start(struct ring_work *work)
{
	struct vfio_forward *forward = container_of(work, struct vfio_forward, start_work);

	trace_own(forward->trace);
	ring_poll(forward->ring, &forward->op, forward->from);
}

static void stop(struct ring_work *work)
{
	struct vfio_forward *forward = container_of(work, struct vfio_forward, stop_work);

	forward->stopping = true;
	ring_cancel(forward->ring, &forward->op);
}

int vfio_forward_create(struct ring *ring, unsigned vector, int to, struct trace_object *trace,
			struct vfio_forward **out)
{
	struct vfio_forward *forward = calloc(1, sizeof(*forward));
	int r;

	if (!forward)
		return -ENOMEM;
	*forward = (struct vfio_forward){
		.ring = ring,
		.vector = vector,
		.trace = trace,
		.op.done = signalled,
		.start_work.run = start,
		.stop_work.run = stop,
		.from = fd_eventfd(),
		/* Its own: the vector may be given back before the ring hears of it. */
		.to = fcntl(to, F_DUPFD_CLOEXEC, 0),
	};
	if (forward->from < 0 || forward->to < 0) {
		r = forward->from < 0 ? forward->from : -errno;
		destroy(forward);
		return r;
	}
	ring_post(ring, &forward->start_work);
	*out = forward;
	return 0;
}

int vfio_forward_fd(const struct vfio_forward *forward)
{
	return forward->from;
}

void vfio_forward_free(struct vfio_forward *forward)
{
	if (!forward)
		return;
	/* Pairs with signalled(), by a ring's thread that has been joined. */
	if (load_acquire(&forward->is_over))
		destroy(forward);
	else
		ring_post(forward->ring, &forward->stop_work);
}
