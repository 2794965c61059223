/* SPDX-License-Identifier: Apache-2.0 */
/* The transmitting queues: each packet is a write of its own, as the interface takes one at a time. */
#include <errno.h>
#include <string.h>

#include "io/net/net_internal.h"

static void write_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct net_tx_request *req = container_of(op, struct net_tx_request, op);
	struct virtio_queue *queue = req->queue;

	queue_trace_complete(&queue->trace, queue->ring->wake_tsc, req->head, res);
	if (res < 0)
		queue_trace_error(&queue->trace);
	/* A packet that cannot be sent is lost, as on a wire: EIO while the interface is down, EINVAL for a bad header. */
	if (res < 0 && res != -EIO && res != -EINVAL && !queue->stopping)
		net_failed(net_of(queue), "write", res);
	virtio_queue_done(queue, req->head, 0);
	virtio_queue_release(queue);
}

void net_tx_process(struct virtio_queue *queue)
{
	struct virtio_net *net = net_of(queue);
	struct net_tx_request *requests = net->tx + queue->index / 2 * queue->max_size;
	struct iovec iov[NET_MAX_BUFFERS];
	struct virtqueue_chain chain;

	while (virtio_queue_next(queue, &chain, iov, NET_MAX_BUFFERS)) {
		struct net_tx_request *req = &requests[chain.head];

		if (chain.nr_in || chain.out_len < NET_HEADER) {
			queue->vq.broken = true;
			virtio_device_violation(queue->dev, "a packet without header");
			return;
		}
		memcpy(req->iov, iov, chain.nr_out * sizeof(*iov));
		req->head = chain.head;
		req->queue = queue;
		req->op.done = write_done;
		virtio_queue_hold(queue);
		queue_trace_submit(&queue->trace, req->head, chain.out_len, 0);
		ring_writev(queue->ring, &req->op, net->tap.fd[queue->index / 2], req->iov,
			    chain.nr_out, UINT64_MAX, 0);
	}
}
