/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues that the kernel's vhost-net serves, with one descriptor of it for each pair. Doorbells are its kicks, and what
 * it signals is the vector's eventfd, so that a packet passes between the guest and the interface without torc. A queue
 * that has no vector signals an eventfd of its own, which the ring turns into the slow interrupt.
 *
 * The control queue stays on its ring. A pair that the driver does not use has no backend: to detach its descriptor from
 * the interface would not stop vhost-net from going on with the packets that it has taken already.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/base/fd.h"
#include "io/net/net_internal.h"
#include "io/virtio/vhost.h"

/* What the vrings have to know of; the rest is between the driver, the interface and torc. */
#define VRING_FEATURES                                                  \
	(1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_RING_F_EVENT_IDX | \
	 1ULL << VIRTIO_RING_F_INDIRECT_DESC | 1ULL << VIRTIO_NET_F_MRG_RXBUF)

static struct net_vhost *vhost_of(const struct virtio_queue *queue)
{
	return &net_of(queue)->vhost[queue->index / 2];
}

static struct net_vring *vring_of(const struct virtio_queue *queue)
{
	return &vhost_of(queue)->vring[queue->index % 2];
}

/* Device locked. */
static int set_backend(struct net_vring *vring, bool on)
{
	const struct virtio_queue *queue = vring->queue;
	struct net_vhost *vhost = vhost_of(queue);
	const struct vhost_vring_file file = {
		.index = queue->index % 2,
		.fd = on ? net_of(queue)->tap.fd[queue->index / 2] : -1,
	};
	int r;

	if (on == vring->has_backend || (on && !vring->is_set_up))
		return 0;
	r = vhost_net_set_backend(vhost->fd, &file);
	if (!r)
		vring->has_backend = on;
	if (!r || on)
		return r;
	/* Guest memory may be used for something else from now on, so it has to end at any price. */
	fd_close(&vhost->fd);
	vhost->vring[0].has_backend = vhost->vring[1].has_backend = false;
	return r;
}

static void call_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct net_vring *vring = container_of(op, struct net_vring, call_op);
	struct virtio_queue *queue = vring->queue;

	if (res > 0 && !queue->stopping)
		queue->dev->transport->slow_interrupt(queue->dev, queue);
	virtio_queue_poll_again(queue, op, vring->call_fd);
}

static void error_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct net_vring *vring = container_of(op, struct net_vring, error_op);
	struct virtio_queue *queue = vring->queue;

	if (res > 0 && !queue->stopping && vring->is_set_up) {
		int r;

		pthread_mutex_lock(&queue->dev->lock);
		r = set_backend(vring, false);
		vring->is_set_up = false;
		pthread_mutex_unlock(&queue->dev->lock);
		if (r)
			net_failed(net_of(queue), "VHOST_NET_SET_BACKEND", r);
		if (tap_is_there(&net_of(queue)->tap)) {
			virtio_device_violation(queue->dev, "vhost-net cannot serve a chain");
		} else {
			net_failed(net_of(queue), "vhost-net", -ENODEV);
			virtio_device_fail(queue->dev);
		}
	}
	virtio_queue_poll_again(queue, op, vring->error_fd);
}

/* Where it lies. */
static int set_place(const struct net_vring *vring, const char **what)
{
	const struct virtqueue *vq = &vring->queue->vq;
	const unsigned index = vring->queue->index % 2;
	const int fd = vhost_of(vring->queue)->fd;
	const struct vhost_vring_state num = { index, vq->size }, base = { index, 0 };
	const struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = (uintptr_t)vq->desc,
		.avail_user_addr = (uintptr_t)vq->avail,
		.used_user_addr = (uintptr_t)vq->used,
	};
	int r;

	*what = "VHOST_SET_VRING_NUM";
	r = vhost_set_vring_num(fd, &num);
	if (r)
		return r;
	*what = "VHOST_SET_VRING_BASE";
	r = vhost_set_vring_base(fd, &base);
	if (r)
		return r;
	*what = "VHOST_SET_VRING_ADDR";
	return vhost_set_vring_addr(fd, &addr);
}

/* How it and the driver tell each other. */
static int set_signals(const struct net_vring *vring, const char **what)
{
	const struct virtio_queue *queue = vring->queue;
	const unsigned index = queue->index % 2;
	const int fd = vhost_of(queue)->fd;
	const bool is_fast = queue->interrupt_fd >= 0;
	const struct vhost_vring_file kick = { index, queue->kick_fd };
	const struct vhost_vring_file call = { index,
					       is_fast ? queue->interrupt_fd : vring->call_fd };
	const struct vhost_vring_file err = { index, vring->error_fd };
	int r;

	*what = "VHOST_SET_VRING_KICK";
	r = vhost_set_vring_kick(fd, &kick);
	if (r)
		return r;
	*what = "VHOST_SET_VRING_CALL";
	r = vhost_set_vring_call(fd, &call);
	if (r)
		return r;
	*what = "VHOST_SET_VRING_ERR";
	return vhost_set_vring_err(fd, &err);
}

/* Device locked. */
static int begin(struct net_vring *vring, const char **what)
{
	const struct virtio_queue *queue = vring->queue;
	int r = vhost_of(queue)->error;

	*what = "VHOST_SET_FEATURES";
	if (!r)
		r = set_place(vring, what);
	if (!r)
		r = set_signals(vring, what);
	if (r)
		return r;
	vring->is_set_up = true;
	/* The others begin when the driver asks for them. */
	if (queue->index / 2 >= net_of(queue)->nr_wanted_pairs)
		return 0;
	*what = "VHOST_NET_SET_BACKEND";
	return set_backend(vring, true);
}

void net_vhost_start(struct virtio_queue *queue)
{
	struct virtio_net *net = net_of(queue);
	struct net_vring *vring = vring_of(queue);
	const char *what;
	int r;

	/* There is nothing behind its pointers. */
	if (!queue->vq.size)
		return;
	/* Signals of the time before the last reset. */
	fd_eventfd_drain(vring->call_fd);
	fd_eventfd_drain(vring->error_fd);
	virtio_queue_hold(queue);
	ring_poll(queue->ring, &vring->error_op, vring->error_fd);
	if (queue->interrupt_fd < 0) {
		virtio_queue_hold(queue);
		ring_poll(queue->ring, &vring->call_op, vring->call_fd);
	}
	pthread_mutex_lock(&net->dev.lock);
	r = begin(vring, &what);
	pthread_mutex_unlock(&net->dev.lock);
	if (!r)
		return;
	net_failed(net, what, r);
	virtio_device_fail(&net->dev);
}

void net_vhost_cancel(struct virtio_queue *queue)
{
	struct virtio_net *net = net_of(queue);
	struct net_vring *vring = vring_of(queue);
	int r;

	pthread_mutex_lock(&net->dev.lock);
	r = set_backend(vring, false);
	vring->is_set_up = false;
	pthread_mutex_unlock(&net->dev.lock);
	if (r)
		net_failed(net, "VHOST_NET_SET_BACKEND", r);
	ring_cancel(queue->ring, &vring->call_op);
	ring_cancel(queue->ring, &vring->error_op);
}

int net_vhost_enable(struct virtio_net *net, unsigned pair, bool on)
{
	int r = set_backend(&net->vhost[pair].vring[0], on);
	int r2 = set_backend(&net->vhost[pair].vring[1], on);

	return r ? r : r2;
}

void net_vhost_activate(struct virtio_net *net)
{
	for (unsigned i = 0; i < net->nr_pairs; i++)
		net->vhost[i].error = vhost_set_features(net->vhost[i].fd,
							 net->dev.driver_features & VRING_FEATURES);
}

static int set_memory(int fd, const struct guest_mem *mem)
{
	struct vhost_memory *memory =
		calloc(1, sizeof(*memory) + mem->nr_regions * sizeof(*memory->regions));
	int r;

	if (!memory)
		return -ENOMEM;
	memory->nregions = mem->nr_regions;
	for (unsigned i = 0; i < mem->nr_regions; i++)
		memory->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = mem->region[i].gpa.v,
			.memory_size = mem->region[i].size,
			.userspace_addr = (uintptr_t)mem->region[i].va,
		};
	r = vhost_set_mem_table(fd, memory);
	free(memory);
	return r;
}

static int open_vring(struct net_vring *vring, struct virtio_queue *queue)
{
	queue->offloaded = true;
	vring->queue = queue;
	vring->call_op.done = call_done;
	vring->error_op.done = error_done;
	vring->call_fd = fd_eventfd();
	vring->error_fd = vring->call_fd < 0 ? vring->call_fd : fd_eventfd();
	return vring->error_fd < 0 ? vring->error_fd : 0;
}

/* The features are the same for every pair. */
static int open_pair(struct virtio_net *net, const struct host *host, unsigned pair,
		     uint64_t *features, struct error *err)
{
	struct net_vhost *vhost = &net->vhost[pair];
	const char *what = "eventfd";
	int r = vhost_net_open(host, err);

	if (r < 0)
		return r;
	vhost->fd = r;
	r = open_vring(&vhost->vring[0], &net->dev.queue[2 * pair]);
	if (!r)
		r = open_vring(&vhost->vring[1], &net->dev.queue[2 * pair + 1]);
	if (!r) {
		what = "VHOST_SET_OWNER";
		r = vhost_set_owner(vhost->fd);
	}
	if (!r) {
		what = "VHOST_GET_FEATURES";
		r = vhost_get_features(vhost->fd, features);
	}
	if (!r) {
		what = "VHOST_SET_MEM_TABLE";
		r = set_memory(vhost->fd, net->dev.mem);
	}
	return r ? error_set(err, r, "/dev/vhost-net: %s", what) : 0;
}

int net_vhost_open(struct virtio_net *net, const struct host *host, struct error *err)
{
	uint64_t features = 0;

	net->vhost = calloc(net->nr_pairs, sizeof(*net->vhost));
	if (!net->vhost)
		return error_set(err, -ENOMEM, "vhost-net");
	for (unsigned i = 0; i < net->nr_pairs; i++) {
		struct net_vhost *vhost = &net->vhost[i];

		vhost->fd = -1;
		for (unsigned n = 0; n < 2; n++)
			vhost->vring[n].call_fd = vhost->vring[n].error_fd = -1;
	}
	for (unsigned i = 0; i < net->nr_pairs; i++) {
		int r = open_pair(net, host, i, &features, err);

		if (r)
			return r;
	}
	if (!(features >> VIRTIO_F_VERSION_1 & 1)) {
		error_set(err, -ENOTSUP, "/dev/vhost-net");
		error_reason(err, "it does not know of Virtio 1.0");
		return error_remedy(err, "leave vhost=on out");
	}
	net->dev.features &= features | ~VRING_FEATURES;
	return 0;
}

void net_vhost_close(struct virtio_net *net)
{
	for (unsigned i = 0; net->vhost && i < net->nr_pairs; i++) {
		struct net_vhost *vhost = &net->vhost[i];

		fd_close(&vhost->fd);
		for (unsigned n = 0; n < 2; n++) {
			fd_close(&vhost->vring[n].call_fd);
			fd_close(&vhost->vring[n].error_fd);
		}
	}
	free(net->vhost);
	net->vhost = NULL;
}
