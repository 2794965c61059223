/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving queues. Packets are read in rounds: some reads that fail when there is no packet, then one that waits for
 * it, all in one submission and carried out in order. When that last one completes the next round begins, with more
 * reads if all of them got a packet, with fewer if not: a lone packet costs one read, a stream few system calls. Before
 * Linux 6.4 no read of a TAP interface can be made to fail, and each round is the one that waits.
 *
 * A read is offered as many chains as the largest packet may fill; what it leaves is for the next one. Chains are taken
 * from the driver only as needed, and the driver is asked to notify of new ones only when there are too few.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "io/net/net_internal.h"
#include "io/virtio/iov.h"

#define ETHERNET_HEADER	  18 /* with a VLAN tag */
#define MAX_SEGMENTS_SIZE 65535

static struct net_rx *rx_of(const struct virtio_queue *queue)
{
	return &net_of(queue)->rx[queue->index / 2];
}

/* Of the packets that may come. */
static uint32_t largest(const struct virtio_net *net)
{
	if (net_has(net, VIRTIO_NET_F_GUEST_TSO4) || net_has(net, VIRTIO_NET_F_GUEST_TSO6))
		return NET_HEADER + ETHERNET_HEADER + MAX_SEGMENTS_SIZE;
	return NET_HEADER + ETHERNET_HEADER + (net->config.mtu ? net->config.mtu : 1500);
}

static void give_back(struct net_rx *rx, struct net_rx_chain *chains)
{
	struct net_rx_chain **end = &chains;

	if (!chains)
		return;
	while (*end)
		end = &(*end)->next;
	/* In front: they came before those that are there. */
	*end = rx->spare;
	if (!rx->spare)
		rx->spare_end = end;
	rx->spare = chains;
}

/* One chain more from the driver. */
static bool take_chain(struct virtio_queue *queue, struct net_rx *rx)
{
	struct iovec iov[NET_MAX_BUFFERS];
	struct virtqueue_chain chain;
	struct net_rx_chain *c;

	if (!virtio_queue_next(queue, &chain, iov, NET_MAX_BUFFERS))
		return false;
	if (chain.nr_out || chain.in_len < NET_HEADER || chain.in_len > UINT32_MAX) {
		queue->vq.broken = true;
		virtio_device_violation(queue->dev, "a buffer for packets that is too small");
		return false;
	}
	c = &rx->chain[chain.head];
	memcpy(c->iov, iov, chain.nr_in * sizeof(*iov));
	c->head = chain.head;
	c->nr = chain.nr_in;
	c->size = (uint32_t)chain.in_len;
	c->next = NULL;
	*rx->spare_end = c;
	rx->spare_end = &c->next;
	return true;
}

static struct net_rx_chain *next_chain(struct virtio_queue *queue, struct net_rx *rx)
{
	struct net_rx_chain *c;

	if (!rx->spare && !take_chain(queue, rx))
		return NULL;
	c = rx->spare;
	rx->spare = c->next;
	if (!rx->spare)
		rx->spare_end = &rx->spare;
	c->next = NULL;
	return c;
}

/* Whether there are chains enough for any packet. */
static bool reserve(struct virtio_queue *queue, struct net_rx *rx, struct net_rx_read *read)
{
	struct virtio_net *net = net_of(queue);
	uint32_t need = net_has(net, VIRTIO_NET_F_MRG_RXBUF) ? largest(net) : 1;
	struct net_rx_chain **end = &read->chains, *c;
	bool is_full = false;

	read->chains = NULL;
	read->size = 0;
	read->nr = 0;
	while (read->size < need && !is_full) {
		c = next_chain(queue, rx);
		if (!c)
			break;
		*end = c;
		end = &c->next;
		is_full = read->nr + c->nr > NET_READ_BUFFERS;
		if (is_full)
			break;
		memcpy(&read->iov[read->nr], c->iov, c->nr * sizeof(*c->iov));
		read->nr += c->nr;
		read->size += c->size;
	}
	/* With buffers so small that they are too many, packets that do not fit will be dropped. */
	if (read->size >= need || is_full)
		return true;
	give_back(rx, read->chains);
	return false;
}

static void begin_round(struct virtio_queue *queue, struct net_rx *rx)
{
	unsigned nr = 0;

	if (!rx->enabled || rx->nr_reading || queue->stopping || queue->vq.broken)
		return;
	while (nr < rx->batch && reserve(queue, rx, &rx->read[nr]))
		nr++;
	queue->sated = nr;
	rx->nr_reads = rx->nr_reading = nr;
	rx->nr_packets = 0;
	rx->error = 0;
	for (unsigned i = 0; i < nr; i++) {
		virtio_queue_hold(queue);
		ring_readv(queue->ring, &rx->read[i].op, net_of(queue)->tap.fd[queue->index / 2],
			   rx->read[i].iov, rx->read[i].nr, UINT64_MAX,
			   i + 1 < nr ? RWF_NOWAIT : 0);
	}
}

static void end_round(struct virtio_queue *queue, struct net_rx *rx)
{
	unsigned nr = rx->nr_packets;
	unsigned max = net_of(queue)->tap.nowait ? NET_MAX_READS : 1;

	/* EBADFD: of a pair that the driver does not use. */
	if (rx->error && rx->error != -EBADFD)
		net_failed(net_of(queue), "read", rx->error);
	rx->enabled = rx->enabled && !rx->error;
	rx->batch = nr < rx->nr_reads ? nr + 1 : 2 * nr;
	if (rx->batch > max)
		rx->batch = max;
	begin_round(queue, rx);
}

/* Spread over as many chains as it fills; their number is told in its header: 5.1.6.4. */
static void deliver(struct virtio_queue *queue, struct net_rx_read *read, uint32_t size)
{
	struct net_rx_chain *c = read->chains;
	unsigned first = 0, left = read->nr;
	uint16_t nr = 0;

	for (uint32_t todo = size; todo; nr++) {
		uint32_t n = c->size < todo ? c->size : todo;

		queue_trace_arrive(&queue->trace, queue->ring->wake_tsc, c->head, n);
		virtio_queue_done(queue, c->head, n);
		todo -= n;
		c = c->next;
	}
	iov_advance(read->iov, &first, &left,
		    offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers));
	iov_scatter(&read->iov[first], left, &nr, sizeof(nr));
	read->chains = c;
}

static void read_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct net_rx_read *read = container_of(op, struct net_rx_read, op);
	struct virtio_queue *queue = read->queue;
	struct net_rx *rx = rx_of(queue);

	if (res >= (int32_t)NET_HEADER && (uint32_t)res <= read->size && !queue->stopping) {
		deliver(queue, read, (uint32_t)res);
		rx->nr_packets++;
	} else if (res < 0 && res != -EINTR && res != -EAGAIN && res != -ECANCELED) {
		rx->error = res;
	}
	give_back(rx, read->chains);
	if (!--rx->nr_reading)
		end_round(queue, rx);
	virtio_queue_release(queue);
}

/* The driver has chosen how many pairs it uses. */
static void enable(struct ring_work *work)
{
	struct net_rx *rx = container_of(work, struct net_rx, enable_work);
	struct virtio_queue *queue = rx->read[0].queue;

	if (!queue->started || queue->stopping)
		return;
	rx->enabled = queue->index / 2 < READ_ONCE(net_of(queue)->nr_wanted_pairs);
	begin_round(queue, rx);
}

void net_rx_init(struct net_rx *rx, struct virtio_queue *queue)
{
	for (unsigned i = 0; i < NET_MAX_READS; i++) {
		rx->read[i].queue = queue;
		rx->read[i].op.done = read_done;
	}
	rx->enable_work.run = enable;
}

void net_rx_start(struct virtio_queue *queue)
{
	struct net_rx *rx = rx_of(queue);

	rx->spare = NULL;
	rx->spare_end = &rx->spare;
	rx->batch = 1;
	rx->nr_reading = 0;
	rx->enabled = queue->index / 2 < READ_ONCE(net_of(queue)->nr_wanted_pairs);
}

void net_rx_process(struct virtio_queue *queue)
{
	begin_round(queue, rx_of(queue));
}

void net_rx_cancel(struct virtio_queue *queue)
{
	struct net_rx *rx = rx_of(queue);

	for (unsigned i = 0; i < NET_MAX_READS; i++)
		ring_cancel(queue->ring, &rx->read[i].op);
}
