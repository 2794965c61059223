/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtio network device on a TAP interface: Virtio 1.2, 5.1.
 *
 * Queues 2i and 2i + 1 receive and transmit packets of pair i, both on the same ring; one more, the last, takes
 * commands. Checksums and segmentation are left to whoever is last: packets pass with their struct virtio_net_hdr
 * between guest and interface. A packet is read straight into the driver's buffers, over several of them with
 * MRG_RXBUF, and written straight from them.
 *
 * With vhost, the kernel's vhost-net does so in threads of its own (net_vhost.c): torc is on no data path, and keeps
 * the commands only.
 */
#ifndef IO_NET_NET_H
#define IO_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/schema/schema.h"
#include "io/net/tap.h"
#include "io/virtio/pci.h"

#define VIRTIO_NET_MAC_SIZE	6
#define VIRTIO_NET_MIN_MTU	68 /* 5.1.4.1 */
#define VIRTIO_NET_MAX_MTU	65521
#define VIRTIO_NET_MIN_SIZE	2 /* of a queue */
#define VIRTIO_NET_MAX_SIZE	1024
#define VIRTIO_NET_DEFAULT_SIZE 256

struct virtio_net_options {
	const char *id; /* borrowed */
	struct tap_config tap;
	struct schema_mac mac; /* not set: zeroes, but for the class, which chooses one */
	struct schema_fds
		fds; /* for @tap, as the class says: of each pair; none: open the interface */
	unsigned nr_queues; /* two for each pair of @tap's */
	uint16_t
		entries; /* of each queue, a power of two, VIRTIO_NET_MIN_SIZE to VIRTIO_NET_MAX_SIZE */
	bool vhost;	 /* have vhost-net serve the queues of packets */
};

/**
 * virtio_net_create - a network device
 * @options: everything it borrows outlives the device
 * @site: outlives it
 * @out: receives it, not yet on a bus; untouched on failure
 * @err: filled on failure
 *
 * Every queue is to get a ring by virtio_pci_set_ring(), those of a pair the same one. The helper's thread.
 * Return: 0; what tap_open() and vhost_net_open() return; -ENOTSUP a vhost-net that is too old; -ENOMEM.
 */
int virtio_net_create(const struct virtio_net_options *options, const struct device_site *site,
		      struct virtio_pci **out, struct error *err);

/**
 * virtio_net_describe - one line about it for the log
 * @vp: a network device
 */
void virtio_net_describe(const struct virtio_pci *vp);

#endif
