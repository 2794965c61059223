/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtqueue: the split ring of Virtio 1.2, 2.7, as the device sees it.
 *
 * Three areas in guest memory: descriptors, the available ring that the driver writes, the used ring that the device
 * writes. A request is a chain of descriptors: buffers that the device reads, then buffers that it writes, named by the
 * index of the first descriptor, its head. virtqueue_pop() takes the next chain, virtqueue_push() gives one back,
 * virtqueue_publish() shows the driver everything pushed so far and says whether it wants an interrupt.
 *
 * All of it is untrusted. Each field is fetched once, each range is looked up before it is used, chains are bounded, and
 * a head that is in flight cannot be made available again. A violation makes the queue `broken` until it is set up anew;
 * the owner then tells the driver by DEVICE_NEEDS_RESET.
 *
 * One thread owns a queue from virtqueue_start() to virtqueue_stop(). What it writes is ordered for a driver on another
 * CPU; what guest memory holds stays the driver's.
 */
#ifndef IO_VIRTIO_QUEUE_H
#define IO_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <linux/virtio_ring.h>

#include "core/base/bits.h"
#include "core/kvm/guest_mem.h"

#define VIRTQUEUE_MAX_SIZE 32768

/** What the driver configures while the queue is disabled. */
struct virtqueue_config {
	uint16_t size; /* a power of two, at most VIRTQUEUE_MAX_SIZE */
	gpa_t desc;    /* 16-byte aligned, 16 bytes an entry */
	gpa_t avail;   /* 2-byte aligned, 6 bytes and 2 an entry */
	gpa_t used;    /* 4-byte aligned, 6 bytes and 8 an entry */
};

struct virtqueue {
	const struct guest_mem *mem;
	uint16_t size; /* 0: stopped */
	bool event_idx, indirect;
	bool broken;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_avail;   /* of the chain to pop next */
	uint16_t next_used;    /* of the element to push next */
	uint16_t published;    /* used->idx as the driver sees it */
	unsigned nr_in_flight; /* popped, not pushed */
	uint64_t *in_flight;   /* a bit per head */
};

/** A popped chain: iov[0 .. nr_out) are to be read, iov[nr_out .. nr_out + nr_in) to be written. */
struct virtqueue_chain {
	uint16_t head;
	unsigned nr_out, nr_in;
	uint64_t out_len, in_len; /* bytes */
};

/**
 * virtqueue_start - begin to serve a queue
 * @vq: embedded; zeroed or stopped
 * @mem: outlives it
 * @config: as the driver wrote it
 * @features: as negotiated; VIRTIO_RING_F_EVENT_IDX and VIRTIO_RING_F_INDIRECT_DESC count
 *
 * Return: 0; -EINVAL for a size or an alignment that is not allowed; -EFAULT for an area that is not RAM; -ENOMEM.
 */
int virtqueue_start(struct virtqueue *vq, const struct guest_mem *mem,
		    const struct virtqueue_config *config, uint64_t features);

/**
 * virtqueue_stop - no longer; nothing may be in flight
 * @vq: started, stopped or zeroed
 */
void virtqueue_stop(struct virtqueue *vq);

/**
 * virtqueue_pop - take the next available chain
 * @vq: the caller's
 * @chain: filled when there is one
 * @iov: receives its buffers; empty ones are left out
 * @max: room in @iov
 *
 * Return: 1; 0 there is none; -EINVAL violation of the specification, -EFAULT a buffer that is not RAM, -E2BIG more
 * buffers than @max: the queue is broken then.
 */
int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain, struct iovec *iov,
		  unsigned max);

/**
 * virtqueue_has_chains - whether there is something to pop
 * @vq: the caller's
 *
 * Return: true when there is; never for a broken queue.
 */
bool virtqueue_has_chains(const struct virtqueue *vq);

/**
 * virtqueue_push - give a chain back, not yet visible to the driver
 * @vq: the caller's
 * @head: of a popped chain
 * @len: bytes written into it, from its first writable byte on
 */
void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t len);

/**
 * virtqueue_publish - show the driver what was pushed
 * @vq: the caller's
 *
 * Return: whether the driver wants an interrupt for it.
 */
bool virtqueue_publish(struct virtqueue *vq);

/**
 * virtqueue_suppress_kicks - tell the driver that it need not notify
 * @vq: the caller's; keeps looking for chains by itself
 */
void virtqueue_suppress_kicks(struct virtqueue *vq);

/**
 * virtqueue_request_kick - ask the driver to notify of the next chain
 * @vq: the caller's
 *
 * Return: whether chains have come meanwhile, of which it may not notify: look again.
 */
bool virtqueue_request_kick(struct virtqueue *vq);

#endif
