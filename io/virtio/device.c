/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/device.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"

/* Those of the queue and of this transport. */
#define COMMON_FEATURES                                                 \
	(1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_RING_F_EVENT_IDX | \
	 1ULL << VIRTIO_RING_F_INDIRECT_DESC)

/* What the driver may set; 2.1. */
#define STATUS_DRIVER                                                                       \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK | \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED)

static void process(struct virtio_queue *queue)
{
	if (!queue->started || queue->stopping || queue->vq.broken)
		return;
	if (queue->resting)
		virtqueue_suppress_kicks(&queue->vq);
	queue->resting = false;
	queue->dev->ops->process(queue);
}

static void interrupt(struct virtio_queue *queue)
{
	if (queue->interrupt_fd >= 0)
		ring_signal(queue->ring, queue->interrupt_fd);
	else
		queue->dev->transport->slow_interrupt(queue->dev, queue);
}

/* The end of a turn: one publication, at most one interrupt, one look at what the driver added meanwhile. */
static void flush(struct ring_work *work)
{
	struct virtio_queue *queue = container_of(work, struct virtio_queue, flush_work);
	bool interrupts;
	uint64_t now;

	if (!queue->started || queue->stopping)
		return;
	interrupts = virtqueue_publish(&queue->vq);
	now = queue->ring->now_tsc = trace_tsc();
	if (interrupts)
		interrupt(queue);
	queue_trace_publish(&queue->trace, now, queue->vq.published, interrupts);
	queue->budget = queue->vq.size;
	process(queue);
}

static bool poll_queue(struct ring_poller *poller)
{
	struct virtio_queue *queue = container_of(poller, struct virtio_queue, poller);
	uint16_t before = queue->vq.next_avail;

	if (queue->sated || queue->stopping || !queue->vq.size || !virtqueue_has_chains(&queue->vq))
		return false;
	process(queue);
	/* A device that takes one at a time may leave them for later. */
	return queue->vq.next_avail != before;
}

static bool rest_queue(struct ring_poller *poller)
{
	struct virtio_queue *queue = container_of(poller, struct virtio_queue, poller);

	if (queue->resting || queue->sated || queue->stopping || !queue->vq.size)
		return false;
	queue->resting = true;
	return virtqueue_request_kick(&queue->vq) && poll_queue(poller);
}

static void kick_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct virtio_queue *queue = container_of(op, struct virtio_queue, kick_op);

	if (res > 0)
		queue_trace_kick(&queue->trace, queue->ring->wake_tsc);
	process(queue);
	virtio_queue_poll_again(queue, op, queue->kick_fd);
}

static void start(struct ring_work *work)
{
	struct virtio_queue *queue = container_of(work, struct virtio_queue, start_work);
	struct virtio_device *dev = queue->dev;
	int r = virtqueue_start(&queue->vq, dev->mem, &queue->config, dev->driver_features);

	queue->started = true;
	queue->stopping = false;
	queue->resting = false;
	queue->sated = false;
	queue->budget = queue->vq.size;
	queue_trace_start(&queue->trace);
	virtio_queue_hold(queue);
	queue->interrupt_fd = dev->transport->queue_interrupt(dev, queue);
	if (!queue->offloaded)
		ring_register_file(queue->ring, queue->interrupt_fd);
	if (dev->ops->start)
		dev->ops->start(queue);
	if (r) {
		/* There is nothing behind its pointers. */
		queue->vq.broken = true;
		virtio_device_violation(dev, r == -ENOMEM ? "no memory for a queue"
							  : "a queue lies where it may not");
	}
	if (queue->offloaded)
		return;
	ring_add_poller(queue->ring, &queue->poller);
	ring_poll(queue->ring, &queue->kick_op, queue->kick_fd);
	/* Chains may be there already. */
	process(queue);
}

static void stop(struct ring_work *work)
{
	struct virtio_queue *queue = container_of(work, struct virtio_queue, stop_work);

	/* An earlier stop may have finished it. */
	if (!queue->started || queue->stopping)
		return;
	queue->stopping = true;
	if (queue->dev->ops->cancel)
		queue->dev->ops->cancel(queue);
	if (queue->offloaded)
		virtio_queue_release(queue);
	else
		ring_cancel(queue->ring, &queue->kick_op);
}

/* Device locked. */
static void finish_reset(struct virtio_device *dev)
{
	for (unsigned i = 0; i < dev->nr_queues; i++) {
		struct virtio_queue *queue = &dev->queue[i];

		queue->config = (struct virtqueue_config){ .size = queue->max_size };
		queue->enabled = false;
		queue->vector = VIRTIO_NO_VECTOR;
	}
	dev->driver_features = 0;
	dev->status = 0;
	dev->resetting = false;
	dev->transport->reset(dev);
	fd_eventfd_signal(dev->reset_fd);
}

/* Device locked. */
static void begin_reset(struct virtio_device *dev)
{
	if (dev->resetting)
		return;
	dev->resetting = true;
	if (!dev->nr_running) {
		finish_reset(dev);
		return;
	}
	for (unsigned i = 0; i < dev->nr_queues; i++) {
		if (dev->queue[i].enabled)
			ring_post(dev->queue[i].ring, &dev->queue[i].stop_work);
	}
}

int virtio_device_init(struct virtio_device *dev, unsigned nr_queues, uint16_t entries)
{
	int r;

	dev->reset_fd = fd_eventfd();
	if (dev->reset_fd < 0)
		return dev->reset_fd;
	dev->queue = calloc(nr_queues, sizeof(*dev->queue));
	if (!dev->queue) {
		fd_close(&dev->reset_fd);
		return -ENOMEM;
	}
	pthread_mutex_init(&dev->lock, NULL);
	dev->features |= COMMON_FEATURES;
	for (; dev->nr_queues < nr_queues; dev->nr_queues++) {
		struct virtio_queue *queue = &dev->queue[dev->nr_queues];

		*queue = (struct virtio_queue){
			.dev = dev,
			.index = dev->nr_queues,
			.max_size = entries,
			.config.size = entries,
			.vector = VIRTIO_NO_VECTOR,
			.kick_fd = fd_eventfd(),
			.kick_op.done = kick_done,
			.start_work.run = start,
			.stop_work.run = stop,
			.flush_work.run = flush,
			.poller = { .poll = poll_queue, .rest = rest_queue },
		};
		r = queue->kick_fd;
		if (r >= 0)
			r = queue_trace_init(&queue->trace, dev->id, queue->index, entries);
		if (r < 0) {
			fd_close(&queue->kick_fd);
			virtio_device_destroy(dev);
			return r;
		}
	}
	return 0;
}

void virtio_device_destroy(struct virtio_device *dev)
{
	if (!dev->queue)
		return;
	for (unsigned i = 0; i < dev->nr_queues; i++) {
		fd_close(&dev->queue[i].kick_fd);
		queue_trace_destroy(&dev->queue[i].trace);
	}
	fd_close(&dev->reset_fd);
	pthread_mutex_destroy(&dev->lock);
	free(dev->queue);
	dev->queue = NULL;
	dev->nr_queues = 0;
}

/* 3.1.1, steps 5 and 6: the driver reads back whether its choice was taken. */
static bool features_are_acceptable(const struct virtio_device *dev)
{
	return !(dev->driver_features & ~dev->features) &&
	       dev->driver_features >> VIRTIO_F_VERSION_1 & 1;
}

/* Device locked. */
static void run_queues(struct virtio_device *dev)
{
	if (dev->ops->activate)
		dev->ops->activate(dev);
	for (unsigned i = 0; i < dev->nr_queues; i++) {
		if (!dev->queue[i].enabled)
			continue;
		dev->nr_running++;
		ring_post(dev->queue[i].ring, &dev->queue[i].start_work);
	}
}

void virtio_device_set_status(struct virtio_device *dev, uint8_t status)
{
	uint8_t added = (uint8_t)(status & STATUS_DRIVER & ~dev->status);

	if (!status) {
		begin_reset(dev);
		return;
	}
	if (dev->resetting)
		return;
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) && !features_are_acceptable(dev))
		added &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	/* Without FEATURES_OK the device is not to be driven: 3.1.1. */
	if (!((dev->status | added) & VIRTIO_CONFIG_S_FEATURES_OK))
		added &= (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK;
	dev->status |= added;
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		run_queues(dev);
}

static bool is_resetting(struct virtio_device *dev)
{
	bool resetting;

	pthread_mutex_lock(&dev->lock);
	resetting = dev->resetting;
	pthread_mutex_unlock(&dev->lock);
	return resetting;
}

int virtio_device_reset(struct virtio_device *dev, int hurry_fd, int timeout_ms)
{
	struct pollfd fds[] = { { dev->reset_fd, POLLIN, 0 }, { hurry_fd, POLLIN, 0 } };

	/* Earlier ones have signalled it too. */
	fd_eventfd_drain(dev->reset_fd);
	pthread_mutex_lock(&dev->lock);
	begin_reset(dev);
	pthread_mutex_unlock(&dev->lock);
	while (is_resetting(dev)) {
		int r = poll(fds, ARRAY_SIZE(fds), timeout_ms);

		if (!r)
			return -ETIMEDOUT;
		if (r > 0 && fds[0].revents)
			fd_eventfd_drain(dev->reset_fd);
		else if (r > 0)
			return -EINTR;
	}
	return 0;
}

/* Device locked. Return: whether that is news. */
static bool ask_for_reset(struct virtio_device *dev)
{
	if (dev->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return false;
	dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		dev->transport->config_interrupt(dev);
	return true;
}

void virtio_device_violation(struct virtio_device *dev, const char *what)
{
	pthread_mutex_lock(&dev->lock);
	if (ask_for_reset(dev))
		log_guest_warning(
			"%s: the guest's driver broke the specification, so the device waits for its reset: %s",
			dev->id, what);
	pthread_mutex_unlock(&dev->lock);
}

void virtio_device_fail(struct virtio_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	ask_for_reset(dev);
	pthread_mutex_unlock(&dev->lock);
}

void virtio_device_config_changed(struct virtio_device *dev)
{
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		dev->transport->config_interrupt(dev);
	else
		dev->config_generation++;
}

void virtio_queue_resume(struct virtio_queue *queue)
{
	process(queue);
}

bool virtio_queue_next(struct virtio_queue *queue, struct virtqueue_chain *chain, struct iovec *iov,
		       unsigned max)
{
	int r;

	/* A driver may add chains as fast as they are served: the end of the turn goes on, behind what else there is. */
	if (!queue->budget) {
		ring_defer(queue->ring, &queue->flush_work);
		return false;
	}
	queue->budget--;
	r = virtqueue_pop(&queue->vq, chain, iov, max);
	if (r < 0)
		virtio_device_violation(queue->dev, r == -EFAULT  ? "a buffer is not in RAM"
						    : r == -E2BIG ? "a chain has too many buffers"
								  : "a chain is malformed");
	if (r > 0)
		queue_trace_pop(&queue->trace, queue->ring->now_tsc, chain);
	return r > 0;
}

void virtio_queue_done(struct virtio_queue *queue, uint16_t head, uint32_t len)
{
	if (queue->stopping)
		return;
	virtqueue_push(&queue->vq, head, len);
	queue_trace_used(&queue->trace, head, len);
	ring_defer(queue->ring, &queue->flush_work);
}

void virtio_queue_poll_again(struct virtio_queue *queue, struct ring_op *op, int fd)
{
	if (op->active)
		return;
	if (queue->stopping)
		virtio_queue_release(queue);
	else
		ring_poll(queue->ring, op, fd);
}

void virtio_queue_hold(struct virtio_queue *queue)
{
	queue->nr_busy++;
}

void virtio_queue_release(struct virtio_queue *queue)
{
	struct virtio_device *dev = queue->dev;

	if (--queue->nr_busy || !queue->stopping)
		return;
	ring_remove_poller(queue->ring, &queue->poller);
	if (dev->ops->stopped)
		dev->ops->stopped(queue);
	if (!queue->offloaded)
		ring_unregister_file(queue->ring, queue->interrupt_fd);
	virtqueue_stop(&queue->vq);
	queue->started = false;
	queue->stopping = false;
	pthread_mutex_lock(&dev->lock);
	if (!--dev->nr_running && dev->resetting)
		finish_reset(dev);
	pthread_mutex_unlock(&dev->lock);
}
