/* SPDX-License-Identifier: Apache-2.0 */
#include "io/rng/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/virtio_ids.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/virtio/device.h"
#include "io/virtio/pci.h"

#define CLASS_OTHER 0xff0000
#define QUEUE_SIZE  64

/* So that one guest cannot keep a slow source busy. */
#define MAX_READ (64 * KIB)

struct virtio_rng {
	struct virtio_device dev;
	struct virtio_pci pci;
	int fd;
	struct ring_op op;
	uint16_t head;		      /* of the chain that is being filled */
	struct iovec iov[QUEUE_SIZE]; /* only the first one is filled: 5.4.6.2 */
	bool failed;		      /* logged */
};

static void read_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct virtio_rng *rng = container_of(op, struct virtio_rng, op);
	struct virtio_queue *queue = rng->dev.queue;

	queue_trace_complete(&queue->trace, queue->ring->wake_tsc, rng->head, res);
	/* 5.4.6.2 wants at least one byte in each buffer; a source that has none keeps the driver waiting. */
	if (res <= 0 && !queue->stopping && !rng->failed) {
		log_warning("%s: its source has no more: %s", rng->dev.id,
			    res ? strerror(-res) : "end of file");
		rng->failed = true;
	}
	if (res > 0)
		virtio_queue_done(queue, rng->head, (uint32_t)res);
	virtio_queue_release(queue);
}

static void process(struct virtio_queue *queue)
{
	struct virtio_rng *rng = container_of(queue->dev, struct virtio_rng, dev);
	struct virtqueue_chain chain;

	if (rng->op.active || !virtio_queue_next(queue, &chain, rng->iov, QUEUE_SIZE))
		return;
	if (chain.nr_out || !chain.nr_in) {
		queue->vq.broken = true;
		virtio_device_violation(queue->dev, "an entropy request that is not to be written");
		return;
	}
	rng->head = chain.head;
	if (rng->iov[0].iov_len > MAX_READ)
		rng->iov[0].iov_len = MAX_READ;
	virtio_queue_hold(queue);
	queue_trace_submit(&queue->trace, rng->head, rng->iov[0].iov_len, 0);
	ring_readv(queue->ring, &rng->op, rng->fd, rng->iov, 1, UINT64_MAX, 0);
}

static void cancel(struct virtio_queue *queue)
{
	struct virtio_rng *rng = container_of(queue->dev, struct virtio_rng, dev);

	ring_cancel(queue->ring, &rng->op);
}

static void rng_free(struct virtio_device *dev)
{
	struct virtio_rng *rng = container_of(dev, struct virtio_rng, dev);

	fd_close(&rng->fd);
	free(rng);
}

static const struct virtio_device_ops rng_ops = {
	.process = process,
	.cancel = cancel,
	.free = rng_free,
};

static int open_source(struct virtio_rng *rng, const struct host *host, const char *path,
		       struct error *err)
{
	struct stat st;

	rng->fd = host_open_file(host, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (rng->fd < 0) {
		error_set(err, rng->fd, "entropy source %s", path);
		return error_remedy(err, "check the path; /dev/urandom is always there");
	}
	/* Not to wait for a FIFO's other end; a device that has nothing yet is to be waited for, by the ring. */
	if (!fstat(rng->fd, &st) && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)) &&
	    !fcntl(rng->fd, F_SETFL, O_RDONLY))
		return 0;
	error_set(err, -EINVAL, "entropy source %s", path);
	error_reason(err, "neither a regular file nor a character device");
	return error_remedy(err, "give /dev/urandom or /dev/hwrng");
}

int virtio_rng_create(const struct virtio_rng_options *options, const struct device_site *site,
		      struct virtio_pci **out, struct error *err)
{
	const struct virtio_pci_config pci = {
		.type = VIRTIO_ID_RNG,
		.class_code = CLASS_OTHER,
		.site = site,
	};
	struct virtio_rng *rng = calloc(1, sizeof(*rng));
	int r;

	if (!rng)
		return error_set(err, -ENOMEM, "entropy device");
	rng->op.done = read_done;
	rng->dev.ops = &rng_ops;
	rng->dev.id = options->id;
	rng->dev.mem = site->mem;
	r = open_source(rng, site->host, options->source, err);
	if (r)
		goto fail;
	r = virtio_device_init(&rng->dev, 1, QUEUE_SIZE);
	if (r) {
		error_set(err, r, "entropy device");
		goto fail;
	}
	r = virtio_pci_init(&rng->pci, &rng->dev, &pci, err);
	if (r)
		goto fail;
	*out = &rng->pci;
	return 0;
fail:
	virtio_device_destroy(&rng->dev);
	rng_free(&rng->dev);
	return r;
}
