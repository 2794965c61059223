/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "core/base/fd.h"
#include "vfio/dma/ioas.h"

static int type1_check(int fd, struct error *err)
{
	int version = ioctl(fd, VFIO_GET_API_VERSION);

	if (version != VFIO_API_VERSION) {
		error_set(err, -ENOTSUP, "/dev/vfio/vfio");
		return error_reason(err, "API version %d, torc needs %d", version,
				    VFIO_API_VERSION);
	}
	if (ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0) {
		error_set(err, -ENOTSUP, "/dev/vfio/vfio");
		error_reason(err, "no type 1 version 2 IOMMU");
		return error_remedy(err, "modprobe vfio_iommu_type1");
	}
	return 0;
}

static int type1_open(struct vfio_ioas *ioas, struct error *err)
{
	int r;

	ioas->fd = host_open_file(ioas->host, "/dev/vfio/vfio", O_RDWR, 0);
	if (ioas->fd < 0) {
		r = error_set(err, ioas->fd, "/dev/vfio/vfio");
		return r == -ENOENT || r == -ENODEV
			       ? error_remedy(err, "modprobe vfio-pci vfio_iommu_type1")
			       : r;
	}
	r = type1_check(ioas->fd, err);
	if (r)
		fd_close(&ioas->fd);
	return r;
}

static int type1_attach(struct vfio_ioas *ioas, struct vfio_group *group, struct error *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int r;

	if (ioctl(group->fd, VFIO_GROUP_GET_STATUS, &status))
		return error_set(err, -errno, "IOMMU group %d", group->id);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		error_set(err, -EPERM, "IOMMU group %d", group->id);
		error_reason(err, "not viable: a device in it is bound to a host driver");
		return error_remedy(err, "ls -l /sys/kernel/iommu_groups/%d/devices/*/driver",
				    group->id);
	}
	if (ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &ioas->fd))
		return error_set(err, -errno, "IOMMU group %d: set container", group->id);
	if (!ioas->has_iommu && ioctl(ioas->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) {
		r = error_set(err, -errno, "IOMMU group %d: set IOMMU", group->id);
		ioctl(group->fd, VFIO_GROUP_UNSET_CONTAINER);
		return r;
	}
	ioas->has_iommu = true;
	return 0;
}

static void type1_detach(struct vfio_ioas *ioas, struct vfio_group *group)
{
	ioctl(group->fd, VFIO_GROUP_UNSET_CONTAINER);
	/* A container without groups forgets its IOMMU model. */
	if (ioas->nr_groups == 1)
		ioas->has_iommu = false;
}

static int type1_map(struct vfio_ioas *ioas, void *va, uint64_t size, iova_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uint64_t)(uintptr_t)va,
		.iova = iova.v,
		.size = size,
	};

	return ioctl(ioas->fd, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int type1_unmap(struct vfio_ioas *ioas, iova_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova.v,
		.size = size,
	};

	return ioctl(ioas->fd, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

static uint64_t type1_page_sizes(struct vfio_ioas *ioas)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	if (ioctl(ioas->fd, VFIO_IOMMU_GET_INFO, &info) || !(info.flags & VFIO_IOMMU_INFO_PGSIZES))
		return 0;
	return info.iova_pgsizes;
}

/* Of the ranges in one capability of the information. */
static uint64_t last_of(const struct vfio_iommu_type1_info_cap_iova_range *cap)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < cap->nr_iovas; i++) {
		if (cap->iova_ranges[i].end > last)
			last = cap->iova_ranges[i].end;
	}
	return last;
}

static uint64_t type1_last_iova(struct vfio_ioas *ioas)
{
	union {
		struct vfio_iommu_type1_info info;
		uint8_t bytes[4096];
	} u = { .info.argsz = sizeof(u) };
	uint32_t at;

	if (ioctl(ioas->fd, VFIO_IOMMU_GET_INFO, &u.info) || u.info.argsz > sizeof(u) ||
	    !(u.info.flags & VFIO_IOMMU_INFO_CAPS))
		return UINT64_MAX;
	for (at = u.info.cap_offset; at;) {
		const struct vfio_info_cap_header *cap = (const void *)(u.bytes + at);

		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			return last_of((const void *)cap);
		at = cap->next;
	}
	return UINT64_MAX;
}

const struct vfio_ioas_ops vfio_type1_ops = {
	.open = type1_open,
	.attach = type1_attach,
	.detach = type1_detach,
	.map = type1_map,
	.unmap = type1_unmap,
	.page_sizes = type1_page_sizes,
	.last_iova = type1_last_iova,
};
