/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pci/reset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/base/bits.h"

void vfio_reset_describe(const struct vfio_device *device, char *name)
{
	const char *method = device->host.reset;

	snprintf(name, VFIO_RESET_NAME_SIZE, "%s", *method ? method : "by the kernel");
}

static const struct vfio_group *find_group(const struct vfio_ioas *ioas, uint32_t id)
{
	for (unsigned i = 0; i < VFIO_IOAS_MAX_GROUPS; i++) {
		if (ioas->group[i].users && ioas->group[i].id == (int)id)
			return &ioas->group[i];
	}
	return NULL;
}

static bool has_fd(const int32_t *fds, int nr, int fd)
{
	while (nr--) {
		if (fds[nr] == fd)
			return true;
	}
	return false;
}

int vfio_reset_groups(const struct vfio_ioas *ioas,
		      const struct vfio_pci_dependent_device *dependent, unsigned nr, int32_t *fds)
{
	int n = 0;

	for (unsigned i = 0; i < nr; i++) {
		const struct vfio_group *group = find_group(ioas, dependent[i].group_id);

		if (!group)
			return -EPERM;
		if (!has_fd(fds, n, group->fd))
			fds[n++] = group->fd;
	}
	return n;
}

/* What a hot reset affects, the device included; to be freed. NULL: there is no hot reset. */
static struct vfio_pci_hot_reset_info *read_affected(const struct vfio_device *device)
{
	struct vfio_pci_hot_reset_info probe = { .argsz = sizeof(probe) }, *info;
	size_t size;

	/* Without room for any it says how many there are. */
	if (!ioctl(device->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &probe) || errno != ENOSPC)
		return NULL;
	size = sizeof(*info) + probe.count * sizeof(info->devices[0]);
	info = calloc(1, size);
	if (!info)
		return NULL;
	info->argsz = (uint32_t)size;
	if (!ioctl(device->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info))
		return info;
	free(info);
	return NULL;
}

static int run_hot_reset(const struct vfio_device *device,
			 const struct vfio_pci_hot_reset_info *info)
{
	struct vfio_pci_hot_reset *reset;
	int r;

	reset = calloc(1, sizeof(*reset) + VFIO_IOAS_MAX_GROUPS * sizeof(reset->group_fds[0]));
	if (!reset)
		return -ENOMEM;
	/* No group goes while the kernel has its descriptor. */
	pthread_mutex_lock(&device->ioas->lock);
	r = vfio_reset_groups(device->ioas, info->devices, info->count, reset->group_fds);
	if (r >= 0) {
		reset->count = (uint32_t)r;
		reset->argsz =
			(uint32_t)(sizeof(*reset) + reset->count * sizeof(reset->group_fds[0]));
		r = ioctl(device->fd, VFIO_DEVICE_PCI_HOT_RESET, reset) ? -errno : 0;
	}
	pthread_mutex_unlock(&device->ioas->lock);
	free(reset);
	return r;
}

int vfio_reset_run(const struct vfio_device *device, char *name)
{
	struct vfio_pci_hot_reset_info *info;
	int r;

	strcpy(name, "none");
	if (device->can_reset) {
		r = vfio_device_reset(device);
		if (!r)
			vfio_reset_describe(device, name);
		return r;
	}
	info = read_affected(device);
	if (!info)
		return -ENOTTY;
	r = run_hot_reset(device, info);
	if (!r)
		snprintf(name, VFIO_RESET_NAME_SIZE, "hot reset of %u function%s", info->count,
			 info->count == 1 ? "" : "s");
	free(info);
	return r;
}
