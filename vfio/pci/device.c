/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pci/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

static void add_area(struct vfio_region *region, uint64_t offset, uint64_t size)
{
	if (size && region->nr_areas < VFIO_MAX_AREAS && range_fits(offset, size, region->size))
		region->area[region->nr_areas++] = (struct vfio_range){ offset, size };
}

/* The capability chain of a region: offsets from the start of @info, checked against its size. */
static void read_caps(struct vfio_region *region, const struct vfio_region_info *info)
{
	const char *base = (const char *)info;
	uint32_t offset = info->cap_offset;
	bool sparse = false;

	while (offset && range_fits(offset, sizeof(struct vfio_info_cap_header), info->argsz)) {
		const struct vfio_info_cap_header *header = (const void *)(base + offset);

		if (header->id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
			const struct vfio_region_info_cap_sparse_mmap *cap = (const void *)header;

			sparse = true;
			for (uint32_t i = 0; i < cap->nr_areas; i++)
				add_area(region, cap->areas[i].offset, cap->areas[i].size);
		}
		offset = header->next > offset ? header->next : 0;
	}
	if (!sparse && region->flags & VFIO_REGION_INFO_FLAG_MMAP)
		add_area(region, 0, region->size);
}

static int read_region(struct vfio_device *device, unsigned index)
{
	struct vfio_region *region = &device->region[index];
	struct vfio_region_info probe = { .argsz = sizeof(probe), .index = index };
	struct vfio_region_info *info;
	int r = 0;

	/* Regions of other device types have higher numbers; a plain device answers EINVAL for VGA. */
	if (ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &probe))
		return errno == EINVAL ? 0 : -errno;
	info = calloc(1, probe.argsz > sizeof(probe) ? probe.argsz : sizeof(probe));
	if (!info)
		return -ENOMEM;
	*info = probe;
	if (ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, info)) {
		r = -errno;
	} else {
		region->size = info->size;
		region->offset = info->offset;
		region->flags = info->flags;
		if (info->size)
			read_caps(region, info);
	}
	free(info);
	return r;
}

static int read_info(struct vfio_device *device, struct error *err)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int r = ioctl(device->fd, VFIO_DEVICE_GET_INFO, &info) ? -errno : 0;

	if (r)
		return error_set(err, r, "VFIO_DEVICE_GET_INFO");
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI)) {
		error_set(err, -ENODEV, "VFIO_DEVICE_GET_INFO");
		return error_reason(err, "not a PCI device");
	}
	device->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	for (unsigned i = 0; i < info.num_regions && i < VFIO_PCI_NUM_REGIONS && !r; i++)
		r = read_region(device, i);
	if (r)
		return error_set(err, r, "VFIO_DEVICE_GET_REGION_INFO");
	for (unsigned i = 0; i < info.num_irqs && i < VFIO_PCI_NUM_IRQS; i++) {
		struct vfio_irq_info irq = { .argsz = sizeof(irq), .index = i };

		/* ERR and REQ are refused where the device cannot have them. */
		if (ioctl(device->fd, VFIO_DEVICE_GET_IRQ_INFO, &irq))
			continue;
		device->irq[i] = (struct vfio_irq){ .count = irq.count, .flags = irq.flags };
	}
	return 0;
}

struct wanted {
	int group; /* its descriptor */
	char bdf[sizeof(((struct vfio_host_device *)NULL)->bdf)];
};

/* @result: the device's descriptor. */
static int open_fd(const void *what, void *result, struct error *err)
{
	const struct wanted *wanted = what;
	int fd = ioctl(wanted->group, VFIO_GROUP_GET_DEVICE_FD, wanted->bdf);

	if (fd < 0)
		return -errno;
	*(int *)result = fd;
	return 0;
}

static const struct host_source device_source = { "VFIO device", open_fd };

int vfio_device_open(struct vfio_device *device, const struct vfio_host_device *host,
		     struct vfio_ioas *ioas, struct error *err)
{
	struct vfio_device d = { .host = *host, .ioas = ioas };
	struct wanted wanted;
	int r = vfio_ioas_get_group(ioas, host->group, &d.group, err);

	if (r)
		goto fail;
	wanted.group = d.group->fd;
	memcpy(wanted.bdf, host->bdf, sizeof(wanted.bdf));
	r = host_open(ioas->host, &device_source, &wanted, &d.fd, err);
	if (r) {
		error_set(err, r, "open through VFIO group %d", host->group);
		goto put_group;
	}
	r = read_info(&d, err);
	if (r)
		goto close_fd;
	*device = d;
	return 0;

close_fd:
	fd_close(&d.fd);
put_group:
	vfio_ioas_put_group(ioas, d.group);
fail:
	return error_set(err, r, "device %s", host->bdf);
}

void vfio_device_close(struct vfio_device *device)
{
	if (!device->ioas)
		return;
	fd_close(&device->fd);
	vfio_ioas_put_group(device->ioas, device->group);
	memset(device, 0, sizeof(*device));
}

int vfio_device_read(const struct vfio_device *device, unsigned region, uint64_t offset, void *buf,
		     unsigned size)
{
	const struct vfio_region *info = &device->region[region];
	ssize_t n = -1;

	errno = EINVAL;
	if (range_fits(offset, size, info->size))
		n = pread(device->fd, buf, size, (off_t)(info->offset + offset));
	if (n == (ssize_t)size)
		return 0;
	memset(buf, 0xff, size);
	return n < 0 ? -errno : -EIO;
}

int vfio_device_write(const struct vfio_device *device, unsigned region, uint64_t offset,
		      const void *buf, unsigned size)
{
	const struct vfio_region *info = &device->region[region];
	ssize_t n = -1;

	errno = EINVAL;
	if (range_fits(offset, size, info->size))
		n = pwrite(device->fd, buf, size, (off_t)(info->offset + offset));
	if (n == (ssize_t)size)
		return 0;
	return n < 0 ? -errno : -EIO;
}

int vfio_device_reset(const struct vfio_device *device)
{
	if (!device->can_reset)
		return -ENOTTY;
	return ioctl(device->fd, VFIO_DEVICE_RESET) ? -errno : 0;
}

/* What the kernel does on a signal of each eventfd, or signals it for: @action. */
static int set_eventfds(const struct vfio_device *device, uint32_t action, unsigned index,
			unsigned start, const int32_t *fds, unsigned nr)
{
	size_t size = sizeof(struct vfio_irq_set) + nr * sizeof(*fds);
	struct vfio_irq_set *set = calloc(1, size);
	int r;

	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | action;
	set->index = index;
	set->start = start;
	set->count = nr;
	memcpy(set->data, fds, nr * sizeof(*fds));
	r = ioctl(device->fd, VFIO_DEVICE_SET_IRQS, set);
	if (r < 0)
		r = -errno;
	else if (r > 0)
		r = -ENOSPC; /* the host has only so many vectors left; none was enabled */
	free(set);
	return r;
}

int vfio_device_set_irqs(const struct vfio_device *device, unsigned index, unsigned start,
			 const int32_t *fds, unsigned nr)
{
	return set_eventfds(device, VFIO_IRQ_SET_ACTION_TRIGGER, index, start, fds, nr);
}

int vfio_device_set_intx_unmask(const struct vfio_device *device, int32_t fd)
{
	return set_eventfds(device, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_PCI_INTX_IRQ_INDEX, 0, &fd, 1);
}

int vfio_device_disable_irqs(const struct vfio_device *device, unsigned index)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};

	return ioctl(device->fd, VFIO_DEVICE_SET_IRQS, &set) ? -errno : 0;
}
