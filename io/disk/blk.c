/* SPDX-License-Identifier: Apache-2.0 */
#include "io/disk/blk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "io/disk/bounce.h"
#include "io/virtio/device.h"
#include "io/virtio/iov.h"
#include "io/virtio/pci.h"

#define SECTOR	   512
#define CLASS_DISK 0x018000 /* mass storage, other */

/* Data buffers of a request; the header and the status have one each. */
#define MAX_SEGMENTS 126
#define MAX_BUFFERS  (MAX_SEGMENTS + 2)

/*
 * So much of a request at a time: others' go on between its pieces, and the ring, which may copy all of one at once, and
 * who wants to end the queue do not wait longer.
 */
#define MAX_PIECE 0x400000U

/* What a driver is told to make its buffers of at most; one that does not is served all the same. */
#define SIZE_MAX_TOLD 0x100000U

#define MAX_DISCARD_SECTORS  0x200000 /* 1 GiB */
#define MAX_DISCARD_SEGMENTS 1

struct blk_request {
	struct ring_op op;
	struct virtio_queue *queue;
	uint16_t head;
	uint32_t type;
	uint8_t *status;
	uint32_t in_len;    /* of the whole chain, the status included */
	uint64_t offset;    /* in the file, of what is still to do */
	uint64_t todo;	    /* bytes */
	unsigned first, nr; /* what is still to do of iov */
	int mode;	    /* of fallocate(2) */
	int fd;		    /* of the file */
	struct iovec iov[MAX_SEGMENTS];
	unsigned nr_piece; /* how many of those are in flight, */
	size_t cut;	   /* and what of the last one is not */
	/* Buffers that are not aligned for direct I/O go through the queue's. */
	bool bounces;
	struct bounce_turn turn;
	struct iovec bounced; /* what is in flight of it */
};

struct virtio_blk {
	struct virtio_device dev;
	struct virtio_pci pci;
	struct virtio_blk_config config; /* as the driver reads it */
	struct blk_file file;
	char serial[VIRTIO_BLK_SERIAL_SIZE];
	struct blk_request *request; /* one for each head of each queue */
	struct bounce *bounce;	     /* one for each queue */
	unsigned nr_bounces;	     /* with a buffer: 0 where every buffer will do */
	bool failed;		     /* an error of the file was logged; atomic */
};

static struct virtio_blk *blk_of(const struct virtio_queue *queue)
{
	return container_of(queue->dev, struct virtio_blk, dev);
}

static struct bounce *bounce_of(const struct virtio_queue *queue)
{
	return &blk_of(queue)->bounce[queue->index];
}

static void finish(struct virtio_queue *queue, struct blk_request *req, uint8_t status)
{
	if (status != VIRTIO_BLK_S_OK)
		queue_trace_error(&queue->trace);
	WRITE_ONCE(*req->status, status);
	/* What was written begins at the first buffer; after an error only the status is. */
	virtio_queue_done(queue, req->head,
			  status == VIRTIO_BLK_S_OK || req->in_len == 1 ? req->in_len : 0);
}

static void log_failure(struct virtio_blk *blk, const struct blk_request *req, int r)
{
	static const char *const names[] = {
		[VIRTIO_BLK_T_IN] = "read",
		[VIRTIO_BLK_T_OUT] = "write",
		[VIRTIO_BLK_T_DISCARD] = "discard",
		[VIRTIO_BLK_T_WRITE_ZEROES] = "zeroing",
	};
	char what[64] = "flush";

	if (__atomic_exchange_n(&blk->failed, true, __ATOMIC_RELAXED))
		return;
	if (req->type != VIRTIO_BLK_T_FLUSH)
		snprintf(what, sizeof(what), "%s of %llu bytes at %llu", names[req->type],
			 (unsigned long long)req->todo, (unsigned long long)req->offset);
	log_warning("%s: %s: %s; the guest got an I/O error, as it will for others", blk->dev.id,
		    what, r ? strerror(-r) : "the file ends before");
}

/* What is next of a read or write, as it goes to the file. */
static const struct iovec *next_piece(struct virtio_queue *queue, struct blk_request *req)
{
	struct iovec *iov = req->iov + req->first;
	uint64_t bytes = 0;

	if (req->bounces) {
		uint8_t *buffer = bounce_of(queue)->buffer;
		size_t size = req->todo < BOUNCE_SIZE ? req->todo : BOUNCE_SIZE;

		if (req->type == VIRTIO_BLK_T_OUT)
			iov_gather(iov, req->nr, buffer, size);
		req->bounced = (struct iovec){ .iov_base = buffer, .iov_len = size };
		req->nr_piece = 1;
		return &req->bounced;
	}
	req->nr_piece = req->nr;
	if (req->todo <= MAX_PIECE)
		return iov;
	for (req->nr_piece = 0; bytes < MAX_PIECE; req->nr_piece++)
		bytes += iov[req->nr_piece].iov_len;
	req->cut = bytes - MAX_PIECE;
	iov[req->nr_piece - 1].iov_len -= req->cut;
	return iov;
}

/* The piece is done: what next_piece() changed is as it was, and what was read is where it belongs. */
static void end_piece(struct virtio_queue *queue, struct blk_request *req, int32_t res)
{
	if (req->cut)
		req->iov[req->first + req->nr_piece - 1].iov_len += req->cut;
	req->cut = 0;
	if (req->bounces && req->type == VIRTIO_BLK_T_IN && res > 0 && !queue->stopping)
		iov_scatter(req->iov + req->first, req->nr, bounce_of(queue)->buffer,
			    (uint64_t)res);
}

static void submit(struct virtio_queue *queue, struct blk_request *req)
{
	struct virtio_blk *blk = blk_of(queue);
	bool through = !(blk->dev.driver_features >> VIRTIO_BLK_F_FLUSH & 1);
	const struct iovec *iov;

	queue_trace_submit(&queue->trace, req->head, req->offset, req->todo);
	switch (req->type) {
	case VIRTIO_BLK_T_IN:
		iov = next_piece(queue, req);
		ring_readv(queue->ring, &req->op, req->fd, iov, req->nr_piece, req->offset, 0);
		break;
	case VIRTIO_BLK_T_OUT:
		iov = next_piece(queue, req);
		/* A driver that cannot flush takes a finished write for a durable one: 5.2.6.2. */
		ring_writev(queue->ring, &req->op, req->fd, iov, req->nr_piece, req->offset,
			    through ? RWF_DSYNC : 0);
		break;
	case VIRTIO_BLK_T_FLUSH:
		ring_fdatasync(queue->ring, &req->op, req->fd);
		break;
	default:
		ring_fallocate(queue->ring, &req->op, req->fd, req->mode, req->offset, req->todo);
	}
}

/* What direct I/O does not take goes through the page cache, and what is left of it too. */
static void choose_way(const struct blk_file *file, struct blk_request *req)
{
	if (file->cached >= 0 && (file->is_cached || (req->offset | req->todo) % file->direct_size))
		req->fd = file->cached;
}

/* Whether the request is to be submitted again: for its rest, or in another way. */
static bool goes_on(struct blk_request *req, int32_t res)
{
	bool is_data = req->type == VIRTIO_BLK_T_IN || req->type == VIRTIO_BLK_T_OUT;

	if (res == -EINTR || res == -EAGAIN)
		return true;
	/* Some filesystems can punch holes only; zeroes are read from those as well. */
	if (res == -EOPNOTSUPP && req->type == VIRTIO_BLK_T_WRITE_ZEROES &&
	    (req->mode & FALLOC_FL_ZERO_RANGE)) {
		req->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		return true;
	}
	if (!is_data || res <= 0)
		return false;
	iov_advance(req->iov, &req->first, &req->nr, (uint64_t)res);
	req->offset += (uint64_t)res;
	req->todo -= (uint64_t)res;
	choose_way(&blk_of(req->queue)->file, req);
	return req->todo;
}

static void request_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct blk_request *req = container_of(op, struct blk_request, op);
	struct virtio_queue *queue = req->queue;
	bool is_data = req->type == VIRTIO_BLK_T_IN || req->type == VIRTIO_BLK_T_OUT;
	uint8_t status = VIRTIO_BLK_S_OK;
	bool more;

	queue_trace_complete(&queue->trace, queue->ring->wake_tsc, req->head, res);
	end_piece(queue, req, res);
	more = !queue->stopping && goes_on(req, res);
	if (req->bounces) {
		struct bounce_turn *next = bounce_pass(bounce_of(queue), more);

		if (next)
			submit(queue, container_of(next, struct blk_request, turn));
	} else if (more) {
		submit(queue, req);
	}
	if (more)
		return;
	/* The driver has reset the queue: nothing of it is to be told, or the guest's memory touched. */
	if (queue->stopping) {
		virtio_queue_release(queue);
		return;
	}
	if (!is_data && res == -EOPNOTSUPP) {
		status = VIRTIO_BLK_S_UNSUPP;
	} else if (res < 0 || (is_data && req->todo)) {
		log_failure(blk_of(queue), req, res);
		status = VIRTIO_BLK_S_IOERR;
	}
	finish(queue, req, status);
	virtio_queue_release(queue);
}

static void begin(struct virtio_queue *queue, struct blk_request *req)
{
	req->op.done = request_done;
	virtio_queue_hold(queue);
	if (!req->bounces || bounce_enter(bounce_of(queue), &req->turn))
		submit(queue, req);
}

/* Those in flight end as soon as the file lets them; those that wait for the buffer never begin. */
static void cancel(struct virtio_queue *queue)
{
	struct blk_request *requests = blk_of(queue)->request + queue->index * queue->max_size;

	for (unsigned i = 0; i < queue->vq.size; i++)
		ring_cancel(queue->ring, &requests[i].op);
	for (unsigned n = bounce_dismiss(bounce_of(queue)); n; n--)
		virtio_queue_release(queue);
}

/* Each buffer, not only their sum: a device takes no part of its block from one and the rest from the next. */
static bool is_aligned(const struct blk_request *req, const struct blk_file *file)
{
	uint64_t bases = 0, lengths = 0;

	for (unsigned i = 0; i < req->nr; i++) {
		bases |= (uintptr_t)req->iov[i].iov_base;
		lengths |= req->iov[i].iov_len;
	}
	return !((bases | lengths) & (file->memory_align - 1)) &&
	       !(lengths & (file->direct_size - 1));
}

static void read_or_write(struct virtio_queue *queue, struct blk_request *req, uint64_t sector)
{
	struct virtio_blk *blk = blk_of(queue);
	const struct blk_file *file = &blk->file;

	req->todo = iov_size(req->iov, req->nr);
	if (sector > UINT64_MAX / SECTOR || !range_fits(sector * SECTOR, req->todo, file->size) ||
	    (sector * SECTOR | req->todo) % file->block_size ||
	    (req->type == VIRTIO_BLK_T_OUT && file->readonly)) {
		finish(queue, req, VIRTIO_BLK_S_IOERR);
		return;
	}
	req->offset = sector * SECTOR;
	if (!req->todo) {
		finish(queue, req, VIRTIO_BLK_S_OK);
		return;
	}
	choose_way(file, req);
	req->bounces = req->fd == file->fd && !is_aligned(req, file);
	begin(queue, req);
}

static void discard_or_zero(struct virtio_queue *queue, struct blk_request *req)
{
	const struct blk_file *file = &blk_of(queue)->file;
	bool zero = req->type == VIRTIO_BLK_T_WRITE_ZEROES;
	struct virtio_blk_discard_write_zeroes range = { 0 };
	uint64_t sectors;

	if (!file->can_discard || iov_size(req->iov, req->nr) != sizeof(range)) {
		finish(queue, req, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	iov_gather(req->iov, req->nr, &range, sizeof(range));
	/* 5.2.6.2: reserved flags, and unmap where it has no meaning. */
	if (range.flags & ~(zero ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0U)) {
		finish(queue, req, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	sectors = range.num_sectors;
	if (sectors > MAX_DISCARD_SECTORS || range.sector > UINT64_MAX / SECTOR ||
	    !range_fits(range.sector * SECTOR, sectors * SECTOR, file->size)) {
		finish(queue, req, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (!sectors) {
		finish(queue, req, VIRTIO_BLK_S_OK);
		return;
	}
	req->offset = range.sector * SECTOR;
	req->todo = sectors * SECTOR;
	req->mode = FALLOC_FL_KEEP_SIZE |
		    (zero && !range.flags ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE);
	begin(queue, req);
}

static void dispatch(struct virtio_queue *queue, struct blk_request *req, uint64_t sector)
{
	struct virtio_blk *blk = blk_of(queue);

	switch (req->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		read_or_write(queue, req, sector);
		break;
	case VIRTIO_BLK_T_FLUSH:
		req->offset = req->todo = 0;
		begin(queue, req);
		break;
	case VIRTIO_BLK_T_GET_ID:
		iov_scatter(req->iov, req->nr, blk->serial, sizeof(blk->serial));
		finish(queue, req, VIRTIO_BLK_S_OK);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		discard_or_zero(queue, req);
		break;
	default:
		finish(queue, req, VIRTIO_BLK_S_UNSUPP);
	}
}

/* A header to read, data either way, a byte for the status at the end: 5.2.6. Buffers may be cut anywhere. */
static bool parse(struct blk_request *req, const struct virtqueue_chain *chain, struct iovec *iov,
		  uint64_t *sector)
{
	struct virtio_blk_outhdr header;
	unsigned first = 0, nr = chain->nr_out;
	struct iovec *last;

	if (chain->out_len < sizeof(header) || !chain->in_len || chain->in_len > UINT32_MAX)
		return false;
	iov_gather(iov, nr, &header, sizeof(header));
	iov_advance(iov, &first, &nr, sizeof(header));
	last = &iov[chain->nr_out + chain->nr_in - 1];
	last->iov_len--;
	req->status = (uint8_t *)last->iov_base + last->iov_len;
	req->in_len = (uint32_t)chain->in_len;
	req->type = header.type;
	*sector = header.sector;
	if (req->type == VIRTIO_BLK_T_IN || req->type == VIRTIO_BLK_T_GET_ID) {
		first = chain->nr_out;
		nr = chain->nr_in - !last->iov_len;
	}
	if (nr > MAX_SEGMENTS)
		return false;
	memcpy(req->iov, iov + first, nr * sizeof(*iov));
	req->first = 0;
	req->nr = nr;
	return true;
}

static void process(struct virtio_queue *queue)
{
	struct blk_request *requests = blk_of(queue)->request + queue->index * queue->max_size;
	struct iovec iov[MAX_BUFFERS];
	struct virtqueue_chain chain;

	while (virtio_queue_next(queue, &chain, iov, MAX_BUFFERS)) {
		struct blk_request *req = &requests[chain.head];
		uint64_t sector;

		req->head = chain.head;
		req->queue = queue;
		req->fd = blk_of(queue)->file.fd;
		req->bounces = false;
		if (!parse(req, &chain, iov, &sector)) {
			queue->vq.broken = true;
			virtio_device_violation(queue->dev, "a request without header or status");
			return;
		}
		dispatch(queue, req, sector);
	}
}

static void queue_start(struct virtio_queue *queue)
{
	const struct blk_file *file = &blk_of(queue)->file;

	ring_register_file(queue->ring, file->fd);
	if (file->cached >= 0)
		ring_register_file(queue->ring, file->cached);
}

static void queue_stopped(struct virtio_queue *queue)
{
	const struct blk_file *file = &blk_of(queue)->file;

	ring_unregister_file(queue->ring, file->fd);
	if (file->cached >= 0)
		ring_unregister_file(queue->ring, file->cached);
}

static void blk_free(struct virtio_device *dev)
{
	struct virtio_blk *blk = container_of(dev, struct virtio_blk, dev);

	while (blk->nr_bounces)
		bounce_destroy(&blk->bounce[--blk->nr_bounces]);
	free(blk->bounce);
	free(blk->request);
	blk_file_close(&blk->file);
	free(blk);
}

static const struct virtio_device_ops blk_ops = {
	.process = process,
	.start = queue_start,
	.stopped = queue_stopped,
	.cancel = cancel,
	.free = blk_free,
};

static uint64_t features(const struct blk_file *file, unsigned nr_queues)
{
	uint64_t f = 1ULL << VIRTIO_BLK_F_SIZE_MAX | 1ULL << VIRTIO_BLK_F_SEG_MAX |
		     1ULL << VIRTIO_BLK_F_BLK_SIZE | 1ULL << VIRTIO_BLK_F_TOPOLOGY |
		     1ULL << VIRTIO_BLK_F_FLUSH;

	if (nr_queues > 1)
		f |= 1ULL << VIRTIO_BLK_F_MQ;
	if (file->readonly)
		f |= 1ULL << VIRTIO_BLK_F_RO;
	if (file->can_discard)
		f |= 1ULL << VIRTIO_BLK_F_DISCARD | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
	return f;
}

static void fill_config(struct virtio_blk *blk, const struct virtio_blk_options *options)
{
	const struct blk_file *file = &blk->file;
	unsigned shift = (unsigned)__builtin_ctz(file->physical_size / file->block_size);
	uint32_t unit = file->discard_unit / SECTOR;

	blk->config = (struct virtio_blk_config){
		.capacity = file->size / SECTOR,
		.size_max = SIZE_MAX_TOLD,
		/* A queue takes no longer chain than it has entries. */
		.seg_max = options->entries > MAX_BUFFERS ? MAX_SEGMENTS : options->entries - 2U,
		.blk_size = file->block_size,
		.physical_block_exp = (uint8_t)shift,
		.min_io_size = (uint16_t)(file->physical_size / file->block_size),
		.opt_io_size = file->optimal_size / file->block_size,
		.num_queues = (uint16_t)options->nr_queues,
		.max_discard_sectors = MAX_DISCARD_SECTORS,
		.max_discard_seg = MAX_DISCARD_SEGMENTS,
		.discard_sector_alignment = unit,
		.max_write_zeroes_sectors = MAX_DISCARD_SECTORS,
		.max_write_zeroes_seg = MAX_DISCARD_SEGMENTS,
		.write_zeroes_may_unmap = 1,
	};
}

static int make_requests(struct virtio_blk *blk, const struct virtio_blk_options *options)
{
	unsigned nr = options->nr_queues;
	int r = 0;

	blk->request = calloc((size_t)nr * options->entries, sizeof(*blk->request));
	blk->bounce = calloc(nr, sizeof(*blk->bounce));
	if (!blk->request || !blk->bounce)
		return -ENOMEM;
	while (!r && blk->file.direct && !blk->file.is_cached && blk->nr_bounces < nr) {
		r = bounce_init(&blk->bounce[blk->nr_bounces], blk->file.memory_align);
		blk->nr_bounces += !r;
	}
	return r;
}

int virtio_blk_create(const struct virtio_blk_options *options, const struct device_site *site,
		      struct virtio_pci **out, struct error *err)
{
	const struct virtio_pci_config pci = {
		.type = VIRTIO_ID_BLOCK,
		.class_code = CLASS_DISK,
		.site = site,
	};
	const char *serial = options->serial ? options->serial : options->id;
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	int r;

	if (!blk)
		return error_set(err, -ENOMEM, "disk %s", options->file.path);
	r = host_open(site->host, &blk_file_source, &options->file, &blk->file, err);
	if (r)
		goto fail;
	/* Need not end in 0: 5.2.6. */
	memcpy(blk->serial, serial, strnlen(serial, sizeof(blk->serial)));
	fill_config(blk, options);
	blk->dev.ops = &blk_ops;
	blk->dev.id = options->id;
	blk->dev.mem = site->mem;
	blk->dev.features = features(&blk->file, options->nr_queues);
	blk->dev.config = &blk->config;
	blk->dev.config_size = sizeof(blk->config);
	r = make_requests(blk, options);
	if (!r)
		r = virtio_device_init(&blk->dev, options->nr_queues, options->entries);
	if (r) {
		error_set(err, r, "disk %s: queues", options->file.path);
		goto fail;
	}
	r = virtio_pci_init(&blk->pci, &blk->dev, &pci, err);
	if (r)
		goto fail;
	*out = &blk->pci;
	return 0;
fail:
	virtio_device_destroy(&blk->dev);
	blk_free(&blk->dev);
	return r;
}

void virtio_blk_describe(const struct virtio_pci *vp)
{
	const struct virtio_blk *blk = container_of(vp, struct virtio_blk, pci);
	const struct blk_file *file = &blk->file;

	char cached[80] = "";

	if (file->is_cached)
		snprintf(cached, sizeof(cached),
			 " (by the page cache, as blocks of %u are not its own)", file->block_size);
	else if (file->cached >= 0)
		snprintf(cached, sizeof(cached), " (what is no block of %u by the page cache)",
			 file->direct_size);
	log_info(
		"disk %s: %llu MiB in blocks of %u (%s), guest 0000:%02x:%02x.0, %u queues%s%s%s%s",
		blk->dev.id, (unsigned long long)(file->size / MIB), file->block_size,
		file->block_why, vp->pci.bus->number, vp->pci.slot, blk->dev.nr_queues,
		file->readonly ? ", read-only" : "", file->direct ? ", direct I/O" : "", cached,
		file->can_discard ? ", discard" : "");
}
