/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/dma/ioas.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "core/base/fd.h"
#include "core/base/log.h"
#include "vfio/bind/holder.h"

int vfio_ioas_init(struct vfio_ioas *ioas, const struct vfio_ioas_ops *ops, const struct host *host,
		   struct error *err)
{
	int r;

	memset(ioas, 0, sizeof(*ioas));
	ioas->ops = ops;
	ioas->host = host;
	ioas->fd = -1;
	r = ops->open(ioas, err);
	if (r)
		ioas->ops = NULL;
	else
		pthread_mutex_init(&ioas->lock, NULL);
	return r;
}

void vfio_ioas_destroy(struct vfio_ioas *ioas)
{
	if (!ioas->ops)
		return;
	while (ioas->nr_maps) {
		struct vfio_ioas_map *map = &ioas->map[--ioas->nr_maps];
		int r = ioas->ops->unmap(ioas, map->iova, map->size);

		/* Closing it takes all of them back. */
		if (r)
			log_warning("DMA map at 0x%llx: VFIO_IOMMU_UNMAP_DMA: %s",
				    (unsigned long long)map->iova.v, strerror(-r));
	}
	fd_close(&ioas->fd);
	pthread_mutex_destroy(&ioas->lock);
	ioas->ops = NULL;
}

static int group_open_error(int r, int id, const char *path, struct error *err)
{
	char comm_path[64], comm[64] = "?";
	int holder;

	error_set(err, r, "IOMMU group %d (%s)", id, path);
	switch (r) {
	case -EBUSY:
		holder = vfio_find_holder(path);
		if (!holder) {
			error_reason(err, "in use by another process");
			return error_remedy(err, "fuser -v %s names it", path);
		}
		snprintf(comm_path, sizeof(comm_path), "/proc/%d/comm", holder);
		file_read_line(comm_path, comm, sizeof(comm));
		error_reason(err, "in use by another process: pid %d (%s)", holder, comm);
		return error_remedy(err, "end it first");
	case -EACCES:
	case -EPERM:
		return error_remedy(err, "run torc as root, or: chown $USER %s", path);
	case -ENOENT:
		return error_remedy(err, "modprobe vfio-pci, and bind the device to it");
	default:
		return r;
	}
}

/* @what: a group's number; @result: its descriptor. */
static int open_group(const void *what, void *result, struct error *err)
{
	int id = *(const int *)what, fd;
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", id);
	fd = fd_open(path, O_RDWR, 0);
	if (fd < 0)
		return group_open_error(fd, id, path, err);
	*(int *)result = fd;
	return 0;
}

static const struct host_source group_source = { "IOMMU group", open_group };

static struct vfio_group *free_group(struct vfio_ioas *ioas)
{
	for (unsigned i = 0; i < VFIO_IOAS_MAX_GROUPS; i++) {
		if (!ioas->group[i].users)
			return &ioas->group[i];
	}
	return NULL;
}

int vfio_ioas_get_group(struct vfio_ioas *ioas, int id, struct vfio_group **out, struct error *err)
{
	struct vfio_group *group;
	int r;

	for (unsigned i = 0; i < VFIO_IOAS_MAX_GROUPS; i++) {
		group = &ioas->group[i];
		if (!group->users || group->id != id)
			continue;
		group->users++;
		*out = group;
		return 0;
	}
	group = free_group(ioas);
	if (!group)
		return error_set(err, -ENOSPC, "IOMMU group %d", id);
	r = host_open(ioas->host, &group_source, &id, &group->fd, err);
	if (r)
		return r;
	group->id = id;
	r = ioas->ops->attach(ioas, group, err);
	if (r) {
		fd_close(&group->fd);
		return r;
	}
	pthread_mutex_lock(&ioas->lock);
	group->users = 1;
	pthread_mutex_unlock(&ioas->lock);
	ioas->nr_groups++;
	*out = group;
	return 0;
}

void vfio_ioas_put_group(struct vfio_ioas *ioas, struct vfio_group *group)
{
	pthread_mutex_lock(&ioas->lock);
	if (--group->users) {
		pthread_mutex_unlock(&ioas->lock);
		return;
	}
	ioas->ops->detach(ioas, group);
	fd_close(&group->fd);
	pthread_mutex_unlock(&ioas->lock);
	ioas->nr_groups--;
	/* The kernel drops all mappings with the last group. */
	if (!ioas->nr_groups)
		ioas->nr_maps = 0;
}

static bool may_lock_any_amount(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data))
		return false;
	return data[0].effective & (1U << CAP_IPC_LOCK);
}

int vfio_memlock_check(uint64_t size, struct error *err)
{
	struct rlimit limit;

	if (may_lock_any_amount() || getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur)
		return 0;
	error_set(err, -ENOMEM, "locked memory (RLIMIT_MEMLOCK)");
	error_reason(
		err,
		"guest memory for passed-through devices needs %llu KiB, the limit is %llu KiB",
		(unsigned long long)(size / KIB), (unsigned long long)(limit.rlim_cur / KIB));
	return error_remedy(
		err,
		"ulimit -l %llu (as root, or raise memlock in /etc/security/limits.conf, or "
		"LimitMEMLOCK= in the service)",
		(unsigned long long)(size / KIB));
}

int vfio_ioas_map(struct vfio_ioas *ioas, void *va, uint64_t size, iova_t iova, struct error *err)
{
	int r;

	if (ioas->nr_maps == VFIO_IOAS_MAX_MAPS)
		return error_set(err, -ENOSPC, "DMA map");
	r = ioas->ops->map(ioas, va, size, iova);
	ioas->nr_map_calls++;
	if (!r) {
		ioas->map[ioas->nr_maps++] = (struct vfio_ioas_map){ iova, size };
		return 0;
	}
	error_set(err, r, "DMA map of %llu MiB at 0x%llx", (unsigned long long)(size / MIB),
		  (unsigned long long)iova.v);
	if (r == -ENOMEM)
		error_remedy(err, "raise the locked-memory limit (ulimit -l %llu) or free memory",
			     (unsigned long long)(size / KIB));
	else if (r == -EINVAL && iova.v + size - 1 > vfio_ioas_last_iova(ioas)) {
		error_reason(err, "the IOMMU's addresses end at 0x%llx",
			     (unsigned long long)vfio_ioas_last_iova(ioas));
		error_remedy(err, "ask for less guest memory");
	} else if (r == -EINVAL)
		error_remedy(err,
			     "the IOMMU reserves part of this range; ask for less guest memory");
	return r;
}

int vfio_ioas_unmap(struct vfio_ioas *ioas, iova_t iova)
{
	for (unsigned i = 0; i < ioas->nr_maps; i++) {
		int r;

		if (ioas->map[i].iova.v != iova.v)
			continue;
		r = ioas->ops->unmap(ioas, iova, ioas->map[i].size);
		if (!r)
			ioas->map[i] = ioas->map[--ioas->nr_maps];
		return r;
	}
	return -ENOENT;
}

uint64_t vfio_ioas_page_sizes(struct vfio_ioas *ioas)
{
	return ioas->ops->page_sizes(ioas);
}

uint64_t vfio_ioas_last_iova(struct vfio_ioas *ioas)
{
	return ioas->ops->last_iova(ioas);
}
