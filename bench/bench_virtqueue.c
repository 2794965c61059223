/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests per second from virtqueue to ring to virtqueue, with a thread that plays the guest: it keeps as many
 * requests in flight as the argument says and looks for used ones all the time. "ring" is torc as it is; "epoll" serves
 * the same queue by epoll_wait() and preadv(); "ring-traced" is torc while events are recorded. Backends: "null" is
 * /dev/null, so that all is there but the device's own time; "file" is read past the page cache, 4 KiB at random
 * places, also by torc with guest memory registered; "none" does not leave the queue. One core each for guest and
 * server: cpu_ns is the server's time per request, waits its system calls for waiting and submitting. The stages are
 * the parts of it, each alone and in batches: the queue's side, a read by the ring from the page cache, and beside that
 * the bare system call.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include "bench/bench.h"
#include "core/base/bits.h"
#include "core/base/fd.h"
#include "io/disk/blk.h"
#include "io/ring/ring_memory.h"
#include "io/virtio/device.h"
#include "io/virtio/pci.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/virtio_driver.h"

#define FILE_SIZE   (64 * MIB)
#define BLOCK	    4096
#define MAX_DEPTH   32
#define EVENT_IDX   (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define HEADERS	    DRIVER_DATA
#define STATUSES    (DRIVER_DATA + 0x1000)
#define BUFFERS	    (DRIVER_DATA + 0x10000)
#define BUFFERS_MAX 3 /* of a request */

struct null_request {
	struct ring_op op;
	struct virtio_queue *queue;
	uint16_t head;
	struct iovec iov;
};

/* A device that reads nothing: from /dev/null, or not even that. */
struct null_device {
	struct virtio_device dev;
	struct virtio_pci pci;
	int fd; /* negative: none */
	struct null_request request[DRIVER_QUEUE_SIZE];
};

/* The same queue, served the way that torc does not. */
struct epoll_server {
	struct virtqueue vq;
	int kick_fd, call_fd, stop_fd, file_fd; /* the last may be none: negative */
	int length;				/* what a read gives */
	pthread_t thread;
	uint64_t nr_waits;
};

struct guest {
	struct driver driver;
	unsigned depth;
	uint64_t random;
	int kick_fd; /* of the epoll server; -1: ring the device's doorbell */
	bool is_traced;
};

static uint64_t thread_ns(pthread_t thread)
{
	struct timespec ts;
	clockid_t clock;

	if (pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int make_file(void)
{
	char path[] = "/var/tmp/torc-bench.XXXXXX";
	int fd = mkstemp(path);
	void *block = malloc(MIB);

	memset(block, 0x5a, MIB);
	for (unsigned i = 0; i < FILE_SIZE / MIB; i++) {
		if (fd < 0 || write(fd, block, MIB) != (ssize_t)MIB)
			abort();
	}
	free(block);
	fsync(fd);
	unlink(path);
	return fd;
}

/* Request @i: header, 4 KiB, status, in descriptors of its own. */
static void describe(struct guest *guest, unsigned i)
{
	struct vring_desc *desc = &guest->driver.queue[0].desc[BUFFERS_MAX * i];
	uint16_t first = (uint16_t)(BUFFERS_MAX * i);

	desc[0] = (struct vring_desc){ HEADERS + 16 * i, 16, VRING_DESC_F_NEXT,
				       (uint16_t)(first + 1) };
	desc[1] = (struct vring_desc){ BUFFERS + BLOCK * i, BLOCK,
				       VRING_DESC_F_NEXT | VRING_DESC_F_WRITE,
				       (uint16_t)(first + 2) };
	desc[2] = (struct vring_desc){ STATUSES + i, 1, VRING_DESC_F_WRITE, 0 };
}

static void add(struct guest *guest, unsigned head)
{
	struct driver_queue *q = &guest->driver.queue[0];
	struct virtio_blk_outhdr *header =
		driver_ptr(&guest->driver, HEADERS + 16 * (head / BUFFERS_MAX));
	uint16_t idx = q->avail->idx;

	guest->random = guest->random * 6364136223846793005ULL + 1442695040888963407ULL;
	header->type = VIRTIO_BLK_T_IN;
	header->sector = (guest->random >> 33) % (FILE_SIZE / BLOCK) * (BLOCK / 512);
	q->avail->ring[idx % q->size] = (uint16_t)head;
	/* Pairs with virtqueue_pop(). */
	store_release(&q->avail->idx, (uint16_t)(idx + 1));
}

/* As Linux: only if the device asked to be told of one of those that are new. */
static void kick(struct guest *guest, uint16_t old)
{
	struct driver_queue *q = &guest->driver.queue[0];
	uint16_t event;

	/* Pairs with virtqueue_request_kick(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = READ_ONCE(*(uint16_t *)(void *)&q->used->ring[q->size]);
	if (!vring_need_event(event, q->avail->idx, old))
		return;
	if (guest->kick_fd >= 0)
		fd_eventfd_signal(guest->kick_fd);
	else
		driver_kick(&guest->driver, 0);
}

/* Give back what is used, add as many again; how many. */
static unsigned turn(struct guest *guest)
{
	struct driver_queue *q = &guest->driver.queue[0];
	/* Pairs with virtqueue_publish(). */
	uint16_t used = load_acquire(&q->used->idx), old = q->avail->idx;
	unsigned n = 0;

	for (; q->next_used != used; n++)
		add(guest, q->used->ring[q->next_used++ % q->size].id);
	if (!n)
		return 0;
	/* An interrupt for the next one. */
	WRITE_ONCE(q->avail->ring[q->size], q->next_used);
	kick(guest, old);
	return n;
}

static void load(struct guest *guest, struct bench_state *state, pthread_t server,
		 const uint64_t *nr_waits)
{
	uint64_t done = 0, cpu, waits;
	uint16_t old = guest->driver.queue[0].avail->idx;

	for (unsigned i = 0; i < guest->depth; i++) {
		describe(guest, i);
		add(guest, BUFFERS_MAX * i);
	}
	kick(guest, old);
	cpu = thread_ns(server);
	waits = READ_ONCE(*nr_waits);
	/* A batch of requests an iteration, so that the library's clock does not count. */
	while (bench_next(state)) {
		for (unsigned n = 0; n < 256;)
			n += turn(guest);
		done += 256;
	}
	cpu = thread_ns(server) - cpu;
	waits = READ_ONCE(*nr_waits) - waits;
	bench_items(state, (int64_t)done);
	bench_counter(state, "cpu_ns", done ? (double)cpu / (double)done : 0);
	bench_counter(state, "waits", done ? (double)waits / (double)done : 0);
}

static void guest_init(struct guest *guest, int64_t depth)
{
	memset(guest, 0, sizeof(*guest));
	guest->depth = (unsigned)depth;
	guest->kick_fd = -1;
	fake_kvm_reset();
	if (driver_init(&guest->driver))
		abort();
}

static void null_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct null_request *req = container_of(op, struct null_request, op);

	queue_trace_complete(&req->queue->trace, req->queue->ring->wake_tsc, req->head, res);
	virtio_queue_done(req->queue, req->head, 1);
	virtio_queue_release(req->queue);
}

static void null_process(struct virtio_queue *queue)
{
	struct null_device *null = container_of(queue->dev, struct null_device, dev);
	struct virtqueue_chain chain;
	struct iovec iov[8];

	while (virtio_queue_next(queue, &chain, iov, 8)) {
		struct null_request *req = &null->request[chain.head];

		if (null->fd < 0) {
			virtio_queue_done(queue, chain.head, 1);
			continue;
		}
		*req = (struct null_request){ { .done = null_done }, queue, chain.head, iov[1] };
		virtio_queue_hold(queue);
		queue_trace_submit(&queue->trace, chain.head, 0, req->iov.iov_len);
		ring_readv(queue->ring, &req->op, null->fd, &req->iov, 1, 0, 0);
	}
}

static void null_start(struct virtio_queue *queue)
{
	ring_register_file(queue->ring, container_of(queue->dev, struct null_device, dev)->fd);
}

static void null_stopped(struct virtio_queue *queue)
{
	ring_unregister_file(queue->ring, container_of(queue->dev, struct null_device, dev)->fd);
}

static void null_free(struct virtio_device *dev)
{
	struct null_device *null = container_of(dev, struct null_device, dev);

	fd_close(&null->fd);
	free(null);
}

static const struct virtio_device_ops null_ops = {
	.process = null_process,
	.start = null_start,
	.stopped = null_stopped,
	.free = null_free,
};

struct taker {
	struct ring_work work;
	struct ring *ring;
	const struct ring_memory *memory;
	bool done; /* atomic */
};

static void take(struct ring_work *work)
{
	struct taker *taker = container_of(work, struct taker, work);

	if (ring_take_memory(taker->ring, taker->memory))
		abort();
	/* Pairs with the load in take_memory(). */
	store_release(&taker->done, true);
}

static void take_memory(struct guest *guest, struct ring_memory *memory)
{
	const struct guest_region *region = &guest->driver.mem.region[0];
	struct taker taker = {
		.work.run = take,
		.ring = &guest->driver.ring_thread.ring,
		.memory = memory,
	};

	if (ring_memory_init(memory, &(struct iovec){ region->va, region->size }, 1))
		abort();
	ring_post(taker.ring, &taker.work);
	/* Pairs with the store in take(). */
	while (!load_acquire(&taker.done))
		sched_yield();
}

static void run_ring(struct bench_state *state, struct guest *guest, struct virtio_pci *vp)
{
	struct ring_thread *server = &guest->driver.ring_thread;

	/* Constant only for those that record. */
	store_release((uint64_t *)trace_lease, guest->is_traced ? UINT64_MAX : 0);
	driver_attach(&guest->driver, vp);
	driver_enable_msix(&guest->driver);
	driver_start(&guest->driver, EVENT_IDX, 1);
	load(guest, state, server->thread.id, &server->ring.trace->counter[TRACE_RING_CALLS]);
	driver_detach(&guest->driver);
	driver_destroy(&guest->driver);
}

static void run_ring_null(struct bench_state *state, int64_t depth, int fd, bool is_traced)
{
	static struct guest guest;
	struct null_device *null = calloc(1, sizeof(*null));
	struct virtio_pci_config pci = { .type = 2,
					 .class_code = 0x018000,
					 .site = &guest.driver.site };

	guest_init(&guest, depth);
	guest.is_traced = is_traced;
	null->fd = fd;
	null->dev.ops = &null_ops;
	null->dev.id = "null";
	null->dev.mem = &guest.driver.mem;
	if (virtio_device_init(&null->dev, 1, DRIVER_QUEUE_SIZE) ||
	    virtio_pci_init(&null->pci, &null->dev, &pci, NULL))
		abort();
	run_ring(state, &guest, &null->pci);
}

static void ring_none(struct bench_state *state, int64_t depth)
{
	run_ring_null(state, depth, -1, false);
}

static int open_null(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

static void ring_null(struct bench_state *state, int64_t depth)
{
	run_ring_null(state, depth, open_null(), false);
}

static void ring_traced_null(struct bench_state *state, int64_t depth)
{
	run_ring_null(state, depth, open_null(), true);
}

static void run_ring_file(struct bench_state *state, int64_t depth, bool fixed, bool is_traced)
{
	struct ring_memory memory = { 0 };
	static struct guest guest;
	int fd = make_file();
	char path[64];
	struct virtio_blk_options options = {
		.id = "disk",
		.file = { .path = path, .readonly = true, .direct = true },
		.nr_queues = 1,
		.entries = DRIVER_QUEUE_SIZE,
	};
	struct virtio_pci *vp;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	guest_init(&guest, depth);
	guest.is_traced = is_traced;
	if (virtio_blk_create(&options, &guest.driver.site, &vp, NULL))
		abort();
	if (fixed)
		take_memory(&guest, &memory);
	run_ring(state, &guest, vp);
	ring_memory_destroy(&memory);
	close(fd);
}

static void ring_file(struct bench_state *state, int64_t depth)
{
	run_ring_file(state, depth, false, false);
}

static void ring_traced_file(struct bench_state *state, int64_t depth)
{
	run_ring_file(state, depth, false, true);
}

static void ring_fixed_file(struct bench_state *state, int64_t depth)
{
	run_ring_file(state, depth, true, false);
}

static void epoll_request(struct epoll_server *server)
{
	struct virtqueue_chain chain;
	struct iovec iov[8];

	while (virtqueue_pop(&server->vq, &chain, iov, 8) > 0) {
		const struct virtio_blk_outhdr *header = iov[0].iov_base;
		uint32_t len = 1;

		if (server->file_fd >= 0) {
			ssize_t n =
				preadv(server->file_fd, &iov[1], 1, (off_t)header->sector * 512);

			*(uint8_t *)iov[2].iov_base = n == server->length ? 0 : 1;
			len = (uint32_t)n + 1;
		}
		virtqueue_push(&server->vq, chain.head, len);
	}
}

static void *epoll_main(void *arg)
{
	struct epoll_server *server = arg;
	struct epoll_event event = { .events = EPOLLIN, .data.fd = server->kick_fd };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(epoll, EPOLL_CTL_ADD, server->kick_fd, &event);
	event.data.fd = server->stop_fd;
	epoll_ctl(epoll, EPOLL_CTL_ADD, server->stop_fd, &event);
	for (;;) {
		uint64_t count;

		do {
			epoll_request(server);
			if (virtqueue_publish(&server->vq))
				fd_eventfd_signal(server->call_fd);
		} while (virtqueue_request_kick(&server->vq));
		server->nr_waits++;
		if (epoll_wait(epoll, &event, 1, -1) < 1 || event.data.fd == server->stop_fd)
			break;
		if (read(server->kick_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			break;
	}
	close(epoll);
	return NULL;
}

enum backend {
	NONE,
	DEV_NULL,
	O_DIRECT_FILE
};

static void run_epoll(struct bench_state *state, int64_t depth, enum backend backend)
{
	static struct guest guest;
	struct epoll_server server = { .kick_fd = fd_eventfd(),
				       .call_fd = fd_eventfd(),
				       .stop_fd = fd_eventfd(),
				       .file_fd = backend == DEV_NULL ? open_null() : -1,
				       .length = backend == DEV_NULL ? 0 : BLOCK };
	const struct virtqueue_config config = {
		DRIVER_QUEUE_SIZE, { 0x10000 }, { 0x14000 }, { 0x18000 }
	};
	int fd = backend == O_DIRECT_FILE ? make_file() : -1;
	char path[64];

	guest_init(&guest, depth);
	guest.kick_fd = server.kick_fd;
	guest.driver.queue[0] = (struct driver_queue){
		.desc = driver_ptr(&guest.driver, config.desc.v),
		.avail = driver_ptr(&guest.driver, config.avail.v),
		.used = driver_ptr(&guest.driver, config.used.v),
		.size = DRIVER_QUEUE_SIZE,
	};
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (backend == O_DIRECT_FILE)
		server.file_fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (virtqueue_start(&server.vq, &guest.driver.mem, &config, EVENT_IDX) ||
	    (backend != NONE && server.file_fd < 0) ||
	    pthread_create(&server.thread, NULL, epoll_main, &server))
		abort();
	load(&guest, state, server.thread, &server.nr_waits);
	fd_eventfd_signal(server.stop_fd);
	pthread_join(server.thread, NULL);
	virtqueue_stop(&server.vq);
	driver_destroy(&guest.driver);
	fd_close(&server.kick_fd);
	fd_close(&server.call_fd);
	fd_close(&server.stop_fd);
	fd_close(&server.file_fd);
	fd_close(&fd);
}

static void epoll_none(struct bench_state *state, int64_t depth)
{
	run_epoll(state, depth, NONE);
}

static void epoll_null(struct bench_state *state, int64_t depth)
{
	run_epoll(state, depth, DEV_NULL);
}

static void epoll_file(struct bench_state *state, int64_t depth)
{
	run_epoll(state, depth, O_DIRECT_FILE);
}

/* The parts of a request's way, each alone: what the queue, the ring and the interrupt take. */
static void stage_queue(struct bench_state *state, int64_t batch)
{
	static struct guest guest;
	const struct virtqueue_config config = {
		DRIVER_QUEUE_SIZE, { 0x10000 }, { 0x14000 }, { 0x18000 }
	};
	struct virtqueue vq = { 0 };
	struct virtqueue_chain chain;
	struct iovec iov[8];
	int64_t done = 0;

	guest_init(&guest, batch);
	guest.driver.queue[0] = (struct driver_queue){
		.desc = driver_ptr(&guest.driver, config.desc.v),
		.avail = driver_ptr(&guest.driver, config.avail.v),
		.used = driver_ptr(&guest.driver, config.used.v),
		.size = DRIVER_QUEUE_SIZE,
	};
	if (virtqueue_start(&vq, &guest.driver.mem, &config, EVENT_IDX))
		abort();
	for (unsigned i = 0; i < guest.depth; i++)
		describe(&guest, i);
	while (bench_next(state)) {
		for (unsigned i = 0; i < guest.depth; i++)
			add(&guest, BUFFERS_MAX * i);
		while (virtqueue_pop(&vq, &chain, iov, 8) > 0)
			virtqueue_push(&vq, chain.head, BLOCK + 1);
		virtqueue_publish(&vq);
		virtqueue_request_kick(&vq);
		done += batch;
	}
	bench_items(state, done);
	virtqueue_stop(&vq);
	driver_destroy(&guest.driver);
}

struct stage_read {
	struct ring_op op;
	struct iovec iov;
	unsigned *nr_left;
};

static void stage_read_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	--*container_of(op, struct stage_read, op)->nr_left;
}

/* Submission and completion of reads that the page cache has. */
static void stage_ring(struct bench_state *state, int64_t batch)
{
	static struct stage_read reads[MAX_DEPTH];
	struct ring ring;
	char *buffer = malloc(BLOCK);
	int fd = make_file();
	unsigned nr_left = 0;
	int64_t done = 0;

	if (ring_init(&ring, 64, NULL))
		abort();
	ring_register_file(&ring, fd);
	for (unsigned i = 0; i < batch; i++)
		reads[i] = (struct stage_read){ { .done = stage_read_done },
						{ buffer, BLOCK },
						&nr_left };
	while (bench_next(state)) {
		for (unsigned i = 0; i < batch; i++, nr_left++)
			ring_readv(&ring, &reads[i].op, fd, &reads[i].iov, 1, BLOCK * i, 0);
		for (unsigned i = 0; i < batch; i++)
			ring_wait(&ring, &reads[i].op);
		done += batch;
	}
	bench_items(state, done);
	ring_destroy(&ring);
	free(buffer);
	close(fd);
}

static void stage_pread(struct bench_state *state, int64_t batch)
{
	char *buffer = malloc(BLOCK);
	int fd = make_file();
	int64_t done = 0;

	while (bench_next(state)) {
		for (unsigned i = 0; i < batch; i++) {
			if (pread(fd, buffer, BLOCK, BLOCK * i) != BLOCK)
				abort();
		}
		done += batch;
	}
	bench_items(state, done);
	free(buffer);
	close(fd);
}

const bool bench_has_own_clock = false;

const struct bench bench_table[] = {
	{ "ring/null", ring_null, { 1, 32 } },
	{ "ring-traced/null", ring_traced_null, { 1, 32 } },
	{ "epoll/null", epoll_null, { 1, 32 } },
	{ "ring/file", ring_file, { 1, 32 } },
	{ "ring-traced/file", ring_traced_file, { 1, 32 } },
	{ "epoll/file", epoll_file, { 1, 32 } },
	{ "ring-registered/file", ring_fixed_file, { 1, 32 } },
	{ "ring/none", ring_none, { 1, 32 } },
	{ "epoll/none", epoll_none, { 1, 32 } },
	{ "stage/queue", stage_queue, { 1, 32 } },
	{ "stage/ring-read", stage_ring, { 1, 32 } },
	{ "stage/pread", stage_pread, { 1, 32 } },
	{ 0 },
};
