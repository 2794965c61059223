/* SPDX-License-Identifier: Apache-2.0 */
#include "io/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/virtio_ids.h>

#include "core/base/log.h"
#include "io/net/net_internal.h"

#define CLASS_ETHERNET 0x020000

void net_failed(struct virtio_net *net, const char *what, int r)
{
	if (__atomic_exchange_n(&net->failed, true, __ATOMIC_RELAXED))
		return;
	if (!tap_is_there(&net->tap))
		log_warning("%s: tap %s: the interface was deleted; the guest's network is dead",
			    net->dev.id, net->tap.name);
	else
		log_warning("%s: tap %s: %s: %s; not reported again", net->dev.id, net->tap.name,
			    what, strerror(-r));
}

static bool is_ctrl(const struct virtio_queue *queue)
{
	return queue->index == queue->dev->nr_queues - 1;
}

static bool is_rx(const struct virtio_queue *queue)
{
	return !is_ctrl(queue) && queue->index % 2 == 0;
}

static void process(struct virtio_queue *queue)
{
	if (is_ctrl(queue))
		net_ctrl_process(queue);
	else if (is_rx(queue))
		net_rx_process(queue);
	else
		net_tx_process(queue);
}

static void start(struct virtio_queue *queue)
{
	const struct tap *tap = &net_of(queue)->tap;

	if (is_ctrl(queue))
		return;
	if (queue->offloaded) {
		net_vhost_start(queue);
		return;
	}
	/* Kernels that old close it up to a second after it was unregistered: the interface would be busy until then. */
	if (tap->nowait)
		ring_register_file(queue->ring, tap->fd[queue->index / 2]);
	if (is_rx(queue))
		net_rx_start(queue);
}

static void stopped(struct virtio_queue *queue)
{
	struct virtio_net *net = net_of(queue);

	if (queue->offloaded)
		return;
	if (!is_ctrl(queue)) {
		ring_unregister_file(queue->ring, net->tap.fd[queue->index / 2]);
		return;
	}
	pthread_mutex_lock(&net->dev.lock);
	memcpy(net->config.mac, net->mac, sizeof(net->mac));
	pthread_mutex_unlock(&net->dev.lock);
}

/* A write may wait, too, while the interface's queue is full. */
static void cancel(struct virtio_queue *queue)
{
	struct virtio_net *net = net_of(queue);

	if (queue->offloaded) {
		net_vhost_cancel(queue);
		return;
	}
	if (is_rx(queue))
		net_rx_cancel(queue);
	for (unsigned i = 0; !is_ctrl(queue) && !is_rx(queue) && i < queue->max_size; i++)
		ring_cancel(queue->ring, &net->tx[queue->index / 2 * queue->max_size + i].op);
}

static void net_free(struct virtio_device *dev)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);

	for (unsigned i = 0; net->rx && i < net->nr_pairs; i++)
		free(net->rx[i].chain);
	free(net->rx);
	free(net->tx);
	net_vhost_close(net);
	tap_close(&net->tap);
	free(net);
}

static const struct virtio_device_ops net_ops = {
	.process = process,
	.start = start,
	.stopped = stopped,
	.cancel = cancel,
	.activate = net_ctrl_activate,
	.free = net_free,
};

static uint64_t features(const struct virtio_net *net)
{
	uint64_t f = 1ULL << VIRTIO_NET_F_MAC | 1ULL << VIRTIO_NET_F_STATUS |
		     1ULL << VIRTIO_NET_F_CSUM | 1ULL << VIRTIO_NET_F_GUEST_CSUM |
		     1ULL << VIRTIO_NET_F_HOST_TSO4 | 1ULL << VIRTIO_NET_F_HOST_TSO6 |
		     1ULL << VIRTIO_NET_F_HOST_ECN | 1ULL << VIRTIO_NET_F_GUEST_TSO4 |
		     1ULL << VIRTIO_NET_F_GUEST_TSO6 | 1ULL << VIRTIO_NET_F_GUEST_ECN |
		     1ULL << VIRTIO_NET_F_MRG_RXBUF | 1ULL << VIRTIO_NET_F_CTRL_VQ |
		     1ULL << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS | 1ULL << VIRTIO_NET_F_CTRL_MAC_ADDR;

	if (net->nr_pairs > 1)
		f |= 1ULL << VIRTIO_NET_F_MQ;
	if (net->config.mtu)
		f |= 1ULL << VIRTIO_NET_F_MTU;
	return f;
}

/* 5.1.4: of the guest's end; 0: what it takes it to be. A host that raises its own later is not held back by that. */
static uint16_t mtu_to_tell(const struct tap *tap, unsigned wanted)
{
	unsigned mtu = wanted ? wanted : tap->mtu == ETH_DATA_LEN ? 0 : tap->mtu;

	return mtu < VIRTIO_NET_MIN_MTU || mtu > VIRTIO_NET_MAX_MTU ? 0 : (uint16_t)mtu;
}

static int alloc_buffers(struct virtio_net *net, uint16_t size)
{
	net->tx = calloc((size_t)net->nr_pairs * size, sizeof(*net->tx));
	net->rx = calloc(net->nr_pairs, sizeof(*net->rx));
	if (!net->tx || !net->rx)
		return -ENOMEM;
	for (unsigned i = 0; i < net->nr_pairs; i++) {
		net->rx[i].chain = calloc(size, sizeof(*net->rx[i].chain));
		if (!net->rx[i].chain)
			return -ENOMEM;
		net_rx_init(&net->rx[i], &net->dev.queue[2 * i]);
	}
	return 0;
}

static int init_queues(struct virtio_net *net, const struct virtio_net_options *options,
		       const struct host *host, struct error *err)
{
	int r = virtio_device_init(&net->dev, 2 * net->nr_pairs + 1, options->entries);

	if (!r && options->vhost)
		return net_vhost_open(net, host, err);
	if (!r)
		r = alloc_buffers(net, options->entries);
	return r ? error_set(err, r, "queues") : 0;
}

int virtio_net_create(const struct virtio_net_options *options, const struct device_site *site,
		      struct virtio_pci **out, struct error *err)
{
	const struct virtio_pci_config pci = {
		.type = VIRTIO_ID_NET,
		.class_code = CLASS_ETHERNET,
		.site = site,
	};
	struct virtio_net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return error_set(err, -ENOMEM, "network device %s", options->id);
	net->nr_pairs = options->tap.nr_pairs;
	net->nr_wanted_pairs = 1;
	r = host_open(site->host, &tap_source, &options->tap, &net->tap, err);
	if (r) {
		error_set(err, r, "network device %s", options->id);
		goto fail;
	}
	memcpy(net->mac, options->mac.byte, sizeof(net->mac));
	memcpy(net->config.mac, net->mac, sizeof(net->mac));
	net->config.status = VIRTIO_NET_S_LINK_UP;
	net->config.max_virtqueue_pairs = (uint16_t)net->nr_pairs;
	net->config.mtu = mtu_to_tell(&net->tap, options->tap.mtu);
	net->dev.ops = &net_ops;
	net->dev.id = options->id;
	net->dev.mem = site->mem;
	net->dev.features = features(net);
	net->dev.config = &net->config;
	net->dev.config_size = sizeof(net->config);
	r = init_queues(net, options, site->host, err);
	if (r) {
		error_set(err, r, "network device %s", options->id);
		goto fail;
	}
	r = virtio_pci_init(&net->pci, &net->dev, &pci, err);
	if (r)
		goto fail;
	*out = &net->pci;
	return 0;
fail:
	virtio_device_destroy(&net->dev);
	net_free(&net->dev);
	return r;
}

void virtio_net_describe(const struct virtio_pci *vp)
{
	const struct virtio_net *net = container_of(vp, struct virtio_net, pci);
	const uint8_t *mac = net->config.mac;

	char mtu[32] = "not known, the guest takes 1500";

	if (net->config.mtu || net->tap.mtu)
		snprintf(mtu, sizeof(mtu), "%u", net->config.mtu ?: ETH_DATA_LEN);
	log_info(
		"network %s: tap %s, MTU %s, MAC %02x:%02x:%02x:%02x:%02x:%02x, guest 0000:%02x:%02x.0, "
		"%u pair%s of queues%s",
		net->dev.id, net->tap.name, mtu, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
		vp->pci.bus->number, vp->pci.slot, net->nr_pairs, net->nr_pairs == 1 ? "" : "s",
		net->vhost ? ", vhost" : "");
	if (net->tap.ip.s_addr)
		log_info("network %s: the host's end is %s", net->dev.id, inet_ntoa(net->tap.ip));
}
