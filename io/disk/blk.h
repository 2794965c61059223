/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtio block device: Virtio 1.2, 5.2.
 *
 * Every queue has a request for each of its heads, allocated when the device is made. A request lives on the ring of
 * its queue from virtqueue to CQE and back; nothing else touches it, so queues share nothing but the file. What the
 * file cannot do or refuses becomes an error of the request, never of torc.
 */
#ifndef IO_DISK_BLK_H
#define IO_DISK_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/schema/schema.h"
#include "io/disk/blk_file.h"
#include "io/virtio/pci.h"

#define VIRTIO_BLK_SERIAL_SIZE	20
#define VIRTIO_BLK_MAX_QUEUES	256
#define VIRTIO_BLK_MIN_SIZE	4 /* of a queue: a request needs three descriptors */
#define VIRTIO_BLK_MAX_SIZE	1024
#define VIRTIO_BLK_DEFAULT_SIZE 128

struct virtio_blk_options {
	const char *id;	    /* borrowed */
	const char *serial; /* at most VIRTIO_BLK_SERIAL_SIZE bytes; NULL: the id */
	struct blk_file_options file;
	unsigned nr_queues; /* 1 to VIRTIO_BLK_MAX_QUEUES */
	uint16_t
		entries; /* of each queue, a power of two, VIRTIO_BLK_MIN_SIZE to VIRTIO_BLK_MAX_SIZE */
	struct schema_affinities affinity; /* of the queues' rings; not the device's itself */
};

/**
 * virtio_blk_create - a disk
 * @options: everything it borrows outlives the disk
 * @site: outlives it
 * @out: receives it, not yet on a bus; untouched on failure
 * @err: filled on failure
 *
 * Every queue is to get a ring by virtio_pci_set_ring(). The helper's thread. Return: 0; -errno.
 */
int virtio_blk_create(const struct virtio_blk_options *options, const struct device_site *site,
		      struct virtio_pci **out, struct error *err);

/**
 * virtio_blk_describe - one line about it for the log
 * @vp: a disk
 */
void virtio_blk_describe(const struct virtio_pci *vp);

#endif
