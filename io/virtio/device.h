/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtio device: what is common to all of them, whatever their type and transport (Virtio 1.2, chapters 2 and 3).
 *
 * The device's registers (status, features, where the queues lie) belong to its lock and are written by vCPU threads
 * through the transport. From DRIVER_OK to the reset, each queue belongs to one ring and is touched by that ring's
 * thread only: its doorbell is an eventfd that the ring polls, and what the type's process() takes from it is carried
 * out on the same ring. Interrupts wanted in one turn of the ring are one write to the vector's eventfd, submitted as
 * everything else. An offloaded queue is the kernel's meanwhile; its ring only starts and stops it.
 *
 * A reset is asked for by the driver, which waits until the status reads 0, or by the main thread. Each queue stops on
 * its ring; the last one to have nothing in flight completes the reset.
 */
#ifndef IO_VIRTIO_DEVICE_H
#define IO_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_config.h>

#include "core/base/error.h"
#include "core/kvm/guest_mem.h"
#include "io/ring/ring.h"
#include "io/virtio/queue.h"
#include "io/virtio/queue_trace.h"

#define VIRTIO_NO_VECTOR 0xffff

struct virtio_device;
struct virtio_queue;

/** What a type of device does. */
struct virtio_device_ops {
	/* Serve the chains that are available. Ring thread. */
	void (*process)(struct virtio_queue *queue);
	/* A queue begins, or has ended. Ring thread; may be NULL. */
	void (*start)(struct virtio_queue *queue);
	void (*stopped)(struct virtio_queue *queue);
	/* Have what is in flight end soon. Ring thread; may be NULL. */
	void (*cancel)(struct virtio_queue *queue);
	/* The driver has set DRIVER_OK; device locked, before any queue starts. May be NULL. */
	void (*activate)(struct virtio_device *dev);
	/* Free what it is embedded in. Main thread; the device was reset and destroyed. */
	void (*free)(struct virtio_device *dev);
};

/** How a device reaches its driver. */
struct virtio_transport_ops {
	/* The eventfd whose signal is the interrupt of a queue, fixed while it runs; negative: none. */
	int (*queue_interrupt)(struct virtio_device *dev, const struct virtio_queue *queue);
	/* The interrupt of a queue that has no eventfd. Ring thread; device not locked. */
	void (*slow_interrupt)(struct virtio_device *dev, const struct virtio_queue *queue);
	/* Tell the driver that the configuration or the status changed; device locked. */
	void (*config_interrupt)(struct virtio_device *dev);
	/* The device was reset; device locked. */
	void (*reset)(struct virtio_device *dev);
};

struct virtio_queue {
	struct virtio_device *dev;
	unsigned index;
	struct ring *ring;

	/* Registers: the device's lock. */
	struct virtqueue_config config;
	uint16_t max_size;
	bool enabled;
	uint16_t vector;

	bool offloaded; /* the type's to set, once: start() has something else serve it, cancel() ends that */

	/* The ring's thread. */
	struct virtqueue vq;
	struct queue_trace trace;
	int kick_fd;	  /* eventfd; whoever rings the doorbell writes to it */
	int interrupt_fd; /* eventfd; its signal is the interrupt; negative: none */
	struct ring_op kick_op;
	struct ring_work start_work, stop_work;
	struct ring_work flush_work; /* deferred to the end of the ring's turn */
	struct ring_poller poller;
	bool resting; /* the driver was asked for a kick */
	bool sated;   /* the type's to set: it does not wait for chains, so no kick is needed */
	bool started, stopping;
	unsigned budget;  /* how many chains may still be taken before others have their turn */
	unsigned nr_busy; /* requests whose operations are in flight */
};

struct virtio_device {
	const struct virtio_device_ops *ops;
	const struct virtio_transport_ops *transport;
	void *transport_opaque;
	const char *id; /* for the log; borrowed */
	const struct guest_mem *mem;
	pthread_mutex_t lock;
	int reset_fd; /* eventfd: a reset is over */

	uint64_t features;	  /* offered */
	uint64_t driver_features; /* accepted */
	uint8_t status;
	uint8_t config_generation;
	bool resetting;
	unsigned nr_running; /* queues that a ring serves */
	void *config;	     /* as the driver reads it; little-endian */
	unsigned config_size;

	unsigned nr_queues;
	struct virtio_queue *queue;
};

/**
 * virtio_device_init - a device after power-on, without a driver
 * @dev: embedded; ops, id, mem, features, config are set, everything else is zero
 * @nr_queues: at least 1
 * @entries: of each at most, a power of two
 *
 * Adds the features that every queue has. Every queue needs its ring before the guest runs. Whoever makes the device.
 * Return: 0; -ENOMEM; -errno of eventfd(2).
 */
int virtio_device_init(struct virtio_device *dev, unsigned nr_queues, uint16_t entries);

/**
 * virtio_device_destroy - free what virtio_device_init() allocated; it was reset and waited for, or never started
 * @dev: initialised or zeroed
 */
void virtio_device_destroy(struct virtio_device *dev);

/**
 * virtio_device_set_status - the driver wrote the status register
 * @dev: locked
 * @status: as written; 0 resets
 *
 * vCPU threads.
 */
void virtio_device_set_status(struct virtio_device *dev, uint8_t status);

/**
 * virtio_device_reset - reset and wait until nothing is in flight
 * @dev: not locked; its rings run
 * @hurry_fd: readable when the caller has something else to do; negative: never
 * @timeout_ms: to wait at most; negative: no limit
 *
 * Storage that does not answer keeps its requests for as long as it likes. What was begun goes on when this gives up, and
 * can be waited for again; until it is over nothing of the device may be freed. Main thread, no vCPU runs.
 * Return: 0; -EINTR @hurry_fd is readable; -ETIMEDOUT.
 */
int virtio_device_reset(struct virtio_device *dev, int hurry_fd, int timeout_ms);

/**
 * virtio_device_violation - the driver broke the specification: stop, and say so by DEVICE_NEEDS_RESET
 * @dev: not locked
 * @what: for the log, which reports the first ones
 *
 * Any thread.
 */
void virtio_device_violation(struct virtio_device *dev, const char *what);

/**
 * virtio_device_fail - the host cannot go on with the device: say so by DEVICE_NEEDS_RESET
 * @dev: not locked
 *
 * The caller logs why. Any thread.
 */
void virtio_device_fail(struct virtio_device *dev);

/**
 * virtio_device_config_changed - the type's configuration is another one now
 * @dev: locked
 *
 * Any thread.
 */
void virtio_device_config_changed(struct virtio_device *dev);

/**
 * virtio_queue_resume - serve a queue again that process() had left with chains in it
 * @queue: on its ring; started or not
 */
void virtio_queue_resume(struct virtio_queue *queue);

/**
 * virtio_queue_next - take the next chain to serve
 * @queue: started, on its ring
 * @chain: as virtqueue_pop()
 * @iov: as virtqueue_pop()
 * @max: as virtqueue_pop()
 *
 * For process(): deals with violations.
 * Return: whether there was one.
 */
bool virtio_queue_next(struct virtio_queue *queue, struct virtqueue_chain *chain, struct iovec *iov,
		       unsigned max);

/**
 * virtio_queue_done - give a chain back; the driver sees it at the end of the ring's turn
 * @queue: on its ring
 * @head: of a chain taken by virtio_queue_next()
 * @len: bytes written into it
 *
 * While the queue is being stopped nothing is shown to the driver any more.
 */
void virtio_queue_done(struct virtio_queue *queue, uint16_t head, uint32_t len);

/**
 * virtio_queue_poll_again - after a callback of a queue's poll: go on polling, or let go of a queue that stops
 * @queue: on its ring, held for @op; not to be used afterwards, as it may have stopped
 * @op: as the callback got it
 * @fd: that was polled
 */
void virtio_queue_poll_again(struct virtio_queue *queue, struct ring_op *op, int fd);

/**
 * virtio_queue_hold - an operation of the queue went to the ring
 * @queue: on its ring
 */
void virtio_queue_hold(struct virtio_queue *queue);

/**
 * virtio_queue_release - it had its last callback; a stop may complete here, the queue is not to be used afterwards
 * @queue: on its ring
 */
void virtio_queue_release(struct virtio_queue *queue);

#endif
