/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#define DEVICE "/dev/vhost-net"

static int call(int fd, unsigned long request, const void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

int vhost_net_open(const struct host *host, struct error *err)
{
	int r = host_open_file(host, DEVICE, O_RDWR, 0);

	if (r >= 0)
		return r;
	error_set(err, r, DEVICE);
	if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
		error_remedy(err, "modprobe vhost_net # or leave vhost=on out");
	else if (r == -EACCES || r == -EPERM)
		error_remedy(err, "chown $USER " DEVICE " # or leave vhost=on out");
	return r;
}

int vhost_set_owner(int fd)
{
	return call(fd, VHOST_SET_OWNER, NULL);
}

int vhost_get_features(int fd, uint64_t *features)
{
	__u64 f = 0;
	int r = call(fd, VHOST_GET_FEATURES, &f);

	if (!r)
		*features = f;
	return r;
}

int vhost_set_features(int fd, uint64_t features)
{
	const __u64 f = features;

	return call(fd, VHOST_SET_FEATURES, &f);
}

int vhost_set_mem_table(int fd, const struct vhost_memory *memory)
{
	return call(fd, VHOST_SET_MEM_TABLE, memory);
}

int vhost_set_vring_num(int fd, const struct vhost_vring_state *state)
{
	return call(fd, VHOST_SET_VRING_NUM, state);
}

int vhost_set_vring_base(int fd, const struct vhost_vring_state *state)
{
	return call(fd, VHOST_SET_VRING_BASE, state);
}

int vhost_set_vring_addr(int fd, const struct vhost_vring_addr *addr)
{
	return call(fd, VHOST_SET_VRING_ADDR, addr);
}

int vhost_set_vring_kick(int fd, const struct vhost_vring_file *file)
{
	return call(fd, VHOST_SET_VRING_KICK, file);
}

int vhost_set_vring_call(int fd, const struct vhost_vring_file *file)
{
	return call(fd, VHOST_SET_VRING_CALL, file);
}

int vhost_set_vring_err(int fd, const struct vhost_vring_file *file)
{
	return call(fd, VHOST_SET_VRING_ERR, file);
}

int vhost_net_set_backend(int fd, const struct vhost_vring_file *file)
{
	return call(fd, VHOST_NET_SET_BACKEND, file);
}
