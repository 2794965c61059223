/* SPDX-License-Identifier: Apache-2.0 */
#include "io/console/console.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "core/base/bits.h"
#include "io/virtio/device.h"

#define CLASS_COMMUNICATION 0x078000 /* other */
#define QUEUE_SIZE	    128

#define RECEIVEQ  0
#define TRANSMITQ 1

/* Of one queue in one turn of the ring, whose other work is to have its turn, too. */
#define MAX_CHAINS QUEUE_SIZE

/** A chain of the transmitq that is being sent. */
struct transmission {
	bool active;
	uint16_t head;
	unsigned first, nr; /* what is left of iov */
	struct iovec iov[QUEUE_SIZE];
};

struct virtio_console {
	struct virtio_device dev;
	struct virtio_pci pci;
	struct virtio_console_config config; /* as the driver reads it; the device's lock */
	const struct device_site *site;

	/* The ring's thread. */
	struct line line;
	struct transmission transmission;
	struct iovec iov[QUEUE_SIZE]; /* of a chain of the receiveq */

	struct ring_work start_work, close_work;
	pthread_mutex_t lock;
	pthread_cond_t closed;
	bool is_closed;
	bool is_started,
		is_closing; /* the callers' of virtio_console_start(), virtio_console_close() */
};

static struct virtio_console *console_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_console, dev);
}

static void refuse(struct virtio_queue *queue, const char *what)
{
	queue->vq.broken = true;
	virtio_device_violation(queue->dev, what);
}

/* Return: whether all of it went into the line. */
static bool send_rest(struct line *line, struct transmission *t)
{
	while (t->nr) {
		struct iovec *v = &t->iov[t->first];
		uint32_t size = v->iov_len < UINT32_MAX ? (uint32_t)v->iov_len : UINT32_MAX;
		uint32_t n = line_send(line, v->iov_base, size);

		if (!n)
			return false;
		v->iov_base = (uint8_t *)v->iov_base + n;
		v->iov_len -= n;
		if (v->iov_len)
			continue;
		t->first++;
		t->nr--;
	}
	return true;
}

static bool next_transmission(struct virtio_queue *queue, struct transmission *t)
{
	struct virtqueue_chain chain;

	if (!virtio_queue_next(queue, &chain, t->iov, QUEUE_SIZE))
		return false;
	if (chain.nr_in) {
		refuse(queue, "a buffer of the transmitq is to be written");
		return false;
	}
	t->active = true;
	t->head = chain.head;
	t->first = 0;
	t->nr = chain.nr_out;
	return true;
}

/* What is not done in this turn is left for when the line has room, or for the next turn. */
static void transmit(struct virtio_console *console, struct virtio_queue *queue)
{
	struct transmission *t = &console->transmission;

	for (unsigned i = 0; i < MAX_CHAINS; i++) {
		if (!t->active && !next_transmission(queue, t))
			return;
		if (!send_rest(&console->line, t))
			return;
		t->active = false;
		virtio_queue_done(queue, t->head, 0);
	}
}

static uint32_t fill(struct line *line, const struct iovec *iov, unsigned nr)
{
	uint32_t total = 0;

	for (unsigned i = 0; i < nr && line_pending(line); i++) {
		uint32_t size = iov[i].iov_len < UINT32_MAX ? (uint32_t)iov[i].iov_len : UINT32_MAX;

		total += line_receive(line, iov[i].iov_base, size);
	}
	return total;
}

/* A buffer goes back with whatever has come, as somebody types. */
static void receive(struct virtio_console *console, struct virtio_queue *queue)
{
	struct virtqueue_chain chain;

	for (unsigned i = 0; i < MAX_CHAINS && line_pending(&console->line); i++) {
		if (!virtio_queue_next(queue, &chain, console->iov, QUEUE_SIZE))
			return;
		if (chain.nr_out || !chain.nr_in) {
			refuse(queue, "a buffer of the receiveq cannot be written");
			return;
		}
		virtio_queue_done(queue, chain.head,
				  fill(&console->line, console->iov, chain.nr_in));
	}
}

static void process(struct virtio_queue *queue)
{
	struct virtio_console *console = console_of(queue->dev);

	/* What waits for the line rather than for chains needs no kick. */
	if (queue->index == RECEIVEQ) {
		receive(console, queue);
		queue->sated = !line_pending(&console->line);
	} else {
		transmit(console, queue);
		queue->sated = console->transmission.active;
	}
}

/* What was left of a chain goes with its queue. */
static void stopped(struct virtio_queue *queue)
{
	if (queue->index == TRANSMITQ)
		console_of(queue->dev)->transmission.active = false;
}

static void console_free(struct virtio_device *dev)
{
	struct virtio_console *console = console_of(dev);

	line_destroy(&console->line);
	pthread_cond_destroy(&console->closed);
	pthread_mutex_destroy(&console->lock);
	free(console);
}

static const struct virtio_device_ops console_ops = {
	.process = process,
	.stopped = stopped,
	.free = console_free,
};

/* The line, on the ring's thread */

static void line_changed(void *opaque)
{
	struct virtio_console *console = opaque;

	for (unsigned i = 0; i < console->dev.nr_queues; i++)
		virtio_queue_resume(&console->dev.queue[i]);
	/* Nobody tells of the size of a pseudo terminal; who has resized it goes on typing. */
	if (console->line.mode == LINE_PTY)
		virtio_console_resize(&console->pci);
}

static void line_quit(void *opaque)
{
	struct virtio_console *console = opaque;

	console->site->quit(console->site->opaque);
}

static void line_closed(void *opaque)
{
	struct virtio_console *console = opaque;

	pthread_mutex_lock(&console->lock);
	console->is_closed = true;
	pthread_cond_broadcast(&console->closed);
	pthread_mutex_unlock(&console->lock);
}

static void start_line(struct ring_work *work)
{
	struct virtio_console *console = container_of(work, struct virtio_console, start_work);
	const struct line_user user = {
		.changed = line_changed,
		.quit = line_quit,
		.closed = line_closed,
		.opaque = console,
	};

	line_start(&console->line, console->dev.queue[0].ring, &user);
}

static void close_line(struct ring_work *work)
{
	struct virtio_console *console = container_of(work, struct virtio_console, close_work);

	if (line_close(&console->line))
		line_closed(console);
}

void virtio_console_start(struct virtio_pci *vp)
{
	console_of(vp->dev)->is_started = true;
	ring_post(vp->dev->queue[0].ring, &console_of(vp->dev)->start_work);
}

bool virtio_console_close(struct virtio_pci *vp, int timeout_ms)
{
	struct virtio_console *console = console_of(vp->dev);
	struct timespec until;
	bool is_closed;
	int r = 0;

	if (!console->is_started)
		return true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += timeout_ms / 1000;
	if (!console->is_closing)
		ring_post(vp->dev->queue[0].ring, &console->close_work);
	console->is_closing = true;
	pthread_mutex_lock(&console->lock);
	while (!console->is_closed && !r)
		r = timeout_ms < 0
			    ? pthread_cond_wait(&console->closed, &console->lock)
			    : pthread_cond_timedwait(&console->closed, &console->lock, &until);
	is_closed = console->is_closed;
	pthread_mutex_unlock(&console->lock);
	return is_closed;
}

void virtio_console_abandon(struct virtio_pci *vp)
{
	line_abandon(&console_of(vp->dev)->line);
}

void virtio_console_resize(struct virtio_pci *vp)
{
	struct virtio_console *console = console_of(vp->dev);
	uint16_t cols, rows;

	if (!line_size(&console->line, &cols, &rows))
		return;
	pthread_mutex_lock(&vp->dev->lock);
	if (cols != console->config.cols || rows != console->config.rows) {
		console->config.cols = cols;
		console->config.rows = rows;
		virtio_device_config_changed(vp->dev);
	}
	pthread_mutex_unlock(&vp->dev->lock);
}

const char *virtio_console_pty(const struct virtio_pci *vp)
{
	return console_of(vp->dev)->line.pty;
}

static void init_device(struct virtio_console *console,
			const struct virtio_console_options *options,
			const struct device_site *site)
{
	struct virtio_device *dev = &console->dev;
	uint16_t cols, rows;

	dev->ops = &console_ops;
	dev->id = options->id;
	dev->mem = site->mem;
	dev->config = &console->config;
	dev->config_size = sizeof(console->config);
	if (line_size(&console->line, &cols, &rows)) {
		dev->features |= 1ULL << VIRTIO_CONSOLE_F_SIZE;
		console->config.cols = cols;
		console->config.rows = rows;
	}
	console->site = site;
	console->start_work.run = start_line;
	console->close_work.run = close_line;
}

int virtio_console_create(const struct virtio_console_options *options,
			  const struct device_site *site, struct virtio_pci **out,
			  struct error *err)
{
	const struct virtio_pci_config pci = {
		.type = VIRTIO_ID_CONSOLE,
		.class_code = CLASS_COMMUNICATION,
		.site = site,
	};
	struct virtio_console *console = calloc(1, sizeof(*console));
	int r;

	if (!console)
		return error_set(err, -ENOMEM, "console device");
	pthread_mutex_init(&console->lock, NULL);
	pthread_cond_init(&console->closed, NULL);
	r = line_open(&console->line, "console", &options->line, site->host, err);
	if (r)
		goto fail;
	init_device(console, options, site);
	r = virtio_device_init(&console->dev, VIRTIO_CONSOLE_NR_QUEUES, QUEUE_SIZE);
	if (r) {
		error_set(err, r, "console device");
		goto fail;
	}
	r = virtio_pci_init(&console->pci, &console->dev, &pci, err);
	if (r)
		goto fail;
	*out = &console->pci;
	return 0;
fail:
	virtio_device_destroy(&console->dev);
	console_free(&console->dev);
	return r;
}
