/* SPDX-License-Identifier: Apache-2.0 */
/* The control queue: Virtio 1.2, 5.1.6.5. Commands are carried out at once, on the queue's ring. */
#include <string.h>

#include <linux/if_tun.h>

#include "io/net/net_internal.h"
#include "io/virtio/iov.h"

/* The largest data of a command that is known. */
#define MAX_DATA 8

struct command {
	struct virtio_net_ctrl_hdr header;
	uint8_t data[MAX_DATA];
} __attribute__((packed));

static unsigned tun_offload(uint64_t features)
{
	static const struct {
		unsigned feature, flag;
	} map[] = {
		{ VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
		{ VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
		{ VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN },
	};
	unsigned flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		if (features >> map[i].feature & 1)
			flags |= map[i].flag;
	}
	/* The kernel takes the others with this one only. */
	return flags & TUN_F_CSUM ? flags : 0;
}

static bool set_offload(struct virtio_net *net, uint64_t features)
{
	int r = tap_set_offload(&net->tap, tun_offload(features));

	if (r)
		net_failed(net, "TUNSETOFFLOAD", r);
	return !r;
}

/* Device locked. vhost-net serves only pairs that are attached. */
static int set_pair(struct virtio_net *net, unsigned pair, bool on, const char **what)
{
	int r = 0;

	*what = "VHOST_NET_SET_BACKEND";
	if (net->vhost && !on)
		r = net_vhost_enable(net, pair, false);
	if (!r) {
		*what = "TUNSETQUEUE";
		r = tap_attach(&net->tap, pair, on);
	}
	if (!r && net->vhost && on) {
		*what = "VHOST_NET_SET_BACKEND";
		r = net_vhost_enable(net, pair, true);
	}
	return r;
}

/* Device locked. */
static bool set_pairs(struct virtio_net *net, unsigned nr)
{
	bool done = true;

	if (nr < 1 || nr > net->nr_pairs)
		return false;
	WRITE_ONCE(net->nr_wanted_pairs, nr);
	for (unsigned i = 0; i < net->nr_pairs && net->nr_pairs > 1; i++) {
		const char *what;
		int r = set_pair(net, i, i < nr, &what);

		if (!r)
			continue;
		net_failed(net, what, r);
		done = false;
	}
	return done;
}

void net_ctrl_activate(struct virtio_device *dev)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);

	set_offload(net, dev->driver_features);
	if (net->vhost)
		net_vhost_activate(net);
	set_pairs(net, 1);
}

static bool change_pairs(struct virtio_net *net, unsigned nr)
{
	struct ring *ring = net->dev.queue[net->dev.nr_queues - 1].ring;
	bool done;

	pthread_mutex_lock(&net->dev.lock);
	done = set_pairs(net, nr);
	pthread_mutex_unlock(&net->dev.lock);
	for (unsigned i = 0; i < net->nr_pairs && done && !net->vhost; i++)
		ring_send(ring, net->dev.queue[2 * i].ring, &net->rx[i].enable_work);
	return done;
}

static bool change_offload(struct virtio_net *net, uint64_t features)
{
	/* Only what was negotiated: 5.1.6.5.6. */
	return !(features & ~net->dev.driver_features) && set_offload(net, features);
}

static bool change_mac(struct virtio_net *net, const uint8_t *mac)
{
	pthread_mutex_lock(&net->dev.lock);
	memcpy(net->config.mac, mac, sizeof(net->config.mac));
	pthread_mutex_unlock(&net->dev.lock);
	return true;
}

static bool carry_out(struct virtio_net *net, const struct command *command, uint64_t size)
{
	uint64_t data = size - sizeof(command->header);

	switch (command->header.class << 8 | command->header.cmd) {
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET:
		return net_has(net, VIRTIO_NET_F_MQ) && data == 2 &&
		       change_pairs(net, (unsigned)get_le(command->data, 2));
	case VIRTIO_NET_CTRL_GUEST_OFFLOADS << 8 | VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET:
		return net_has(net, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) && data == 8 &&
		       change_offload(net, get_le(command->data, 8));
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_ADDR_SET:
		return net_has(net, VIRTIO_NET_F_CTRL_MAC_ADDR) &&
		       data == sizeof(net->config.mac) && change_mac(net, command->data);
	default:
		return false;
	}
}

void net_ctrl_process(struct virtio_queue *queue)
{
	struct virtio_net *net = net_of(queue);
	struct iovec iov[NET_MAX_BUFFERS];
	struct virtqueue_chain chain;

	while (virtio_queue_next(queue, &chain, iov, NET_MAX_BUFFERS)) {
		struct command command = { 0 };
		uint8_t ack;

		if (chain.out_len < sizeof(command.header) || !chain.in_len) {
			queue->vq.broken = true;
			virtio_device_violation(queue->dev, "a command without header or status");
			return;
		}
		iov_gather(iov, chain.nr_out, &command, sizeof(command));
		ack = carry_out(net, &command, chain.out_len) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
		if (ack != VIRTIO_NET_OK)
			queue_trace_error(&queue->trace);
		iov_scatter(iov + chain.nr_out, chain.nr_in, &ack, sizeof(ack));
		virtio_queue_done(queue, chain.head, sizeof(ack));
	}
}
