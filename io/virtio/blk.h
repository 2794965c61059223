/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtio block device: Virtio 1.2, 5.2.
 *
 * Every queue has a request for each of its heads, allocated when the device is made. A request lives on the ring of
 * its queue from virtqueue to CQE and back; nothing else touches it, so queues share nothing but the file. What the
 * file cannot do or refuses becomes an error of the request, never of torc.
 */
#ifndef IO_VIRTIO_BLK_H
#define IO_VIRTIO_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/vm.h"
#include "core/pci/pci.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring.h"

#define VIRTIO_BLK_SERIAL_SIZE	20
#define VIRTIO_BLK_MAX_QUEUES	256
#define VIRTIO_BLK_MAX_SIZE	1024 /* of a queue */
#define VIRTIO_BLK_DEFAULT_SIZE 128

struct virtio_blk;

struct virtio_blk_options {
	const char *id; /* borrowed */
	const char *path;
	const char *serial; /* at most VIRTIO_BLK_SERIAL_SIZE bytes; NULL: the id */
	bool readonly;
	bool direct;
	unsigned nr_queues;  /* 1 to VIRTIO_BLK_MAX_QUEUES */
	uint16_t queue_size; /* a power of two, at most VIRTIO_BLK_MAX_SIZE */
	struct vm *vm;
	const struct guest_mem *mem;
	struct irq_batch *batch;
};

/**
 * virtio_blk_create - a disk
 * @options: everything it borrows outlives the disk
 * @out: receives it, not yet on a bus; untouched on failure
 * @err: filled on failure
 *
 * Every queue is to get a ring by virtio_blk_set_ring(). Main thread. Return: 0; -errno.
 */
int virtio_blk_create(const struct virtio_blk_options *options, struct virtio_blk **out,
		      struct error *err);

/**
 * virtio_blk_free - close it
 * @blk: off the bus, reset; no vCPU runs. May be NULL.
 */
void virtio_blk_free(struct virtio_blk *blk);

/**
 * virtio_blk_set_ring - which ring serves a queue
 * @blk: no vCPU runs
 * @queue: its number
 * @ring: outlives the disk's use
 */
void virtio_blk_set_ring(struct virtio_blk *blk, unsigned queue, struct ring *ring);

/**
 * virtio_blk_pci - its function, to put on a bus
 * @blk: the disk
 *
 * Return: embedded in it.
 */
struct pci_device *virtio_blk_pci(struct virtio_blk *blk);

/**
 * virtio_blk_reset - as after power-on; what is in flight ends first
 * @blk: no vCPU runs, its rings do
 */
void virtio_blk_reset(struct virtio_blk *blk);

/**
 * virtio_blk_describe - one line about it for the log
 * @blk: the disk
 */
void virtio_blk_describe(const struct virtio_blk *blk);

#endif
