/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Vhost: the kernel's virtqueues for network devices, /dev/vhost-net; nothing else in torc calls ioctl(2) on it.
 *
 * One descriptor has two vrings, 0 to receive and 1 to transmit, and a kernel thread that moves packets between them and
 * a TAP descriptor. A vring runs while it has a backend. All return 0 or a non-negative result, or -errno. Any thread of
 * the process that owns the descriptor; the kernel serialises the calls.
 * Source: linux/vhost.h; drivers/vhost/net.c and vhost.c say what is checked when.
 */
#ifndef IO_VIRTIO_VHOST_H
#define IO_VIRTIO_VHOST_H

#include <stdint.h>

#include <linux/vhost.h>

#include "core/base/host.h"

/**
 * vhost_net_open - open /dev/vhost-net
 * @host: who opens it; NULL: the calling thread
 * @err: filled on failure with the module to load or the permission to get
 *
 * Return: the descriptor; -ENOENT, -ENODEV no such driver; -EACCES, -EPERM; -errno.
 */
int vhost_net_open(const struct host *host, struct error *err);

/**
 * vhost_set_owner - VHOST_SET_OWNER: it works in the calling process's memory from then on, with a thread of its own
 * @fd: without an owner
 *
 * Return: 0; -EBUSY it has one; -ENOMEM; -EAGAIN no thread more is allowed.
 */
int vhost_set_owner(int fd);

/**
 * vhost_get_features - VHOST_GET_FEATURES
 * @fd: any
 * @features: receives 1 << VIRTIO_F_*, VIRTIO_RING_F_*, VIRTIO_NET_F_*, VHOST_F_*, VHOST_NET_F_*
 *
 * Return: 0; -errno, @features untouched.
 */
int vhost_get_features(int fd, uint64_t *features);

/**
 * vhost_set_features - VHOST_SET_FEATURES: what the driver has accepted of them
 * @fd: owned
 * @features: without VHOST_NET_F_VIRTIO_NET_HDR the backend makes and takes the packets' headers
 *
 * Return: 0; -EOPNOTSUPP one that it does not have.
 */
int vhost_set_features(int fd, uint64_t features);

/**
 * vhost_set_mem_table - VHOST_SET_MEM_TABLE: where guest memory lies in the owner's
 * @fd: owned
 * @memory: all of it
 *
 * Return: 0; -E2BIG too many regions; -EFAULT; -ENOMEM.
 */
int vhost_set_mem_table(int fd, const struct vhost_memory *memory);

/**
 * vhost_set_vring_num - VHOST_SET_VRING_NUM: how many entries a vring has
 * @fd: owned
 * @state: index and number
 *
 * Return: 0; -EBUSY it has a backend; -EINVAL.
 */
int vhost_set_vring_num(int fd, const struct vhost_vring_state *state);

/**
 * vhost_set_vring_base - VHOST_SET_VRING_BASE: which available entry is the next one
 * @fd: owned
 * @state: index and entry
 *
 * The used ring goes on where its index in guest memory is. Return: 0; -EBUSY it has a backend; -EINVAL.
 */
int vhost_set_vring_base(int fd, const struct vhost_vring_state *state);

/**
 * vhost_set_vring_addr - VHOST_SET_VRING_ADDR: where a vring lies
 * @fd: owned, its memory and the vring's number set
 * @addr: index and the owner's addresses of the three areas
 *
 * Where it has no backend it is not looked at before it gets one. Return: 0; -EINVAL not aligned.
 */
int vhost_set_vring_addr(int fd, const struct vhost_vring_addr *addr);

/**
 * vhost_set_vring_kick - VHOST_SET_VRING_KICK: whose signal says that there are chains; it is never read
 * @fd: owned
 * @file: index and eventfd
 *
 * Return: 0; -errno.
 */
int vhost_set_vring_kick(int fd, const struct vhost_vring_file *file);

/**
 * vhost_set_vring_call - VHOST_SET_VRING_CALL: what to signal when the driver wants an interrupt
 * @fd: owned
 * @file: index and eventfd
 *
 * Return: 0; -errno.
 */
int vhost_set_vring_call(int fd, const struct vhost_vring_file *file);

/**
 * vhost_set_vring_err - VHOST_SET_VRING_ERR: what to signal when a chain cannot be served
 * @fd: owned
 * @file: index and eventfd
 *
 * Return: 0; -errno.
 */
int vhost_set_vring_err(int fd, const struct vhost_vring_file *file);

/**
 * vhost_net_set_backend - VHOST_NET_SET_BACKEND: run a vring, or stop it
 * @fd: owned
 * @file: index and TAP descriptor; -1 stops it, and returns when guest memory is not touched for it any more
 *
 * Return: 0; -EFAULT the vring is not set up; -ENOTSOCK no TAP descriptor; -EINVAL its interface is gone;
 * -ENOMEM.
 */
int vhost_net_set_backend(int fd, const struct vhost_vring_file *file);

#endif
