/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the network device share; nobody else includes it.
 */
#ifndef IO_NET_NET_INTERNAL_H
#define IO_NET_NET_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "core/base/bits.h"
#include "core/base/host.h"
#include "io/net/net.h"
#include "io/net/tap.h"
#include "io/virtio/device.h"
#include "io/virtio/pci.h"

#define NET_HEADER sizeof(struct virtio_net_hdr_mrg_rxbuf)

/* Buffers of one chain. A packet of 64 KiB in pages, cut anywhere, has 19. */
#define NET_MAX_BUFFERS 40

/* Packets read at a time, and the buffers of one; the driver's may be as small as 1,536 bytes. */
#define NET_MAX_READS	 16
#define NET_READ_BUFFERS 256

struct net_tx_request {
	struct ring_op op;
	struct virtio_queue *queue;
	uint16_t head;
	struct iovec iov[NET_MAX_BUFFERS];
};

/** A chain that waits for a packet. */
struct net_rx_chain {
	struct net_rx_chain *next;
	uint16_t head;
	unsigned nr;
	uint32_t size; /* bytes */
	struct iovec iov[NET_MAX_BUFFERS];
};

/** A packet that is to come, and the chains that it may fill. */
struct net_rx_read {
	struct ring_op op;
	struct virtio_queue *queue;
	struct net_rx_chain *chains;
	uint32_t size; /* bytes of all */
	unsigned nr;
	struct iovec iov[NET_READ_BUFFERS];
};

/** What a receiving queue has; its ring's thread. */
struct net_rx {
	struct net_rx_chain *chain; /* one for each head */
	struct net_rx_chain *spare; /* taken from the driver, not yet offered to a packet */
	struct net_rx_chain **spare_end;
	struct net_rx_read read[NET_MAX_READS];
	unsigned batch;	     /* how many reads the next round is to have */
	unsigned nr_reads;   /* of this round; */
	unsigned nr_reading; /* that have not ended, */
	unsigned nr_packets; /* that got one */
	int error;	     /* of this round */
	bool enabled;	     /* nothing is to be read otherwise */
	struct ring_work enable_work;
};

/** A queue that vhost-net serves. */
struct net_vring {
	struct virtio_queue *queue;
	int call_fd; /* eventfd; signalled where the queue has none of the transport's */
	int error_fd;
	struct ring_op call_op, error_op; /* the ring's thread polls them from start to stop */
	/* The device's lock. */
	bool is_set_up;	  /* it can have a backend */
	bool has_backend; /* guest memory may be read and written */
};

/** A pair of them. */
struct net_vhost {
	int fd;	   /* of /dev/vhost-net */
	int error; /* -errno of negotiating; the device's lock */
	struct net_vring vring[2];
};

struct virtio_net {
	struct virtio_device dev;
	struct virtio_pci pci;
	struct virtio_net_config config; /* as the driver reads it */
	uint8_t mac[VIRTIO_NET_MAC_SIZE];
	struct tap tap;
	unsigned nr_pairs;
	unsigned nr_wanted_pairs;  /* by the driver; atomic */
	struct net_rx *rx;	   /* one for each pair; or NULL */
	struct net_tx_request *tx; /* one for each head of each transmitting queue */
	struct net_vhost *vhost;   /* one for each pair, instead of rx and tx; or NULL */
	bool failed;		   /* an error of the interface was logged; atomic */
};

/**
 * net_of - the device of a queue
 * @queue: of a network device
 *
 * Return: the device.
 */
static inline struct virtio_net *net_of(const struct virtio_queue *queue)
{
	return container_of(queue->dev, struct virtio_net, dev);
}

/**
 * net_has - whether a feature was negotiated
 * @net: the device, between DRIVER_OK and reset
 * @feature: VIRTIO_NET_F_*
 *
 * Return: true when it was.
 */
static inline bool net_has(const struct virtio_net *net, unsigned feature)
{
	return net->dev.driver_features >> feature & 1;
}

/**
 * net_failed - log an error of the interface, once
 * @net: the device
 * @what: was attempted
 * @r: -errno
 */
void net_failed(struct virtio_net *net, const char *what, int r);

/**
 * net_rx_start - a receiving queue begins
 * @queue: its number is even
 */
void net_rx_start(struct virtio_queue *queue);

/**
 * net_rx_init - what stays for the life of the device
 * @rx: zeroed, with its chains
 * @queue: whose it is
 */
void net_rx_init(struct net_rx *rx, struct virtio_queue *queue);

/**
 * net_rx_process - the driver has added buffers
 * @queue: its number is even
 */
void net_rx_process(struct virtio_queue *queue);

/**
 * net_rx_cancel - have the reads end
 * @queue: its number is even
 */
void net_rx_cancel(struct virtio_queue *queue);

/**
 * net_tx_process - the driver has added packets
 * @queue: its number is odd
 */
void net_tx_process(struct virtio_queue *queue);

/**
 * net_vhost_open - have vhost-net serve the queues of all pairs
 * @net: its queues are initialised and no driver has seen it; net_vhost_close() it, also after a failure
 * @host: who opens it; NULL: the calling thread
 * @err: filled on failure
 *
 * Offers only the features that vhost-net has, too. The helper's thread.
 * Return: 0; what vhost_net_open() returns; -ENOTSUP too old; -ENOMEM; -errno.
 */
int net_vhost_open(struct virtio_net *net, const struct host *host, struct error *err);

/**
 * net_vhost_close - free what net_vhost_open() took; the kernel's threads end
 * @net: reset, or never started; with or without vhost
 */
void net_vhost_close(struct virtio_net *net);

/**
 * net_vhost_activate - tell vhost-net what was negotiated
 * @net: with vhost, locked; its queues are about to start
 *
 * A failure is dealt with when they do.
 */
void net_vhost_activate(struct virtio_net *net);

/**
 * net_vhost_start - vhost-net begins to serve a queue, if its pair is wanted
 * @queue: not the last one; on its ring
 */
void net_vhost_start(struct virtio_queue *queue);

/**
 * net_vhost_cancel - it does not touch the queue's memory any more
 * @queue: not the last one; on its ring
 */
void net_vhost_cancel(struct virtio_queue *queue);

/**
 * net_vhost_enable - have a pair served, or no longer
 * @net: with vhost, locked
 * @pair: its number; its descriptor is attached to the interface
 * @on: or off
 *
 * Does nothing for queues that do not run; they begin as the driver wants its pairs then. Any thread.
 * Return: 0; -errno of VHOST_NET_SET_BACKEND.
 */
int net_vhost_enable(struct virtio_net *net, unsigned pair, bool on);

/**
 * net_ctrl_process - the driver has added commands
 * @queue: the last one
 */
void net_ctrl_process(struct virtio_queue *queue);

/**
 * net_ctrl_activate - what commands can change, as it is at first: one pair, every offload negotiated
 * @dev: a network device, locked; its queues are about to start
 */
void net_ctrl_activate(struct virtio_device *dev);

#endif
