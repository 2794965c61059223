/* SPDX-License-Identifier: Apache-2.0 */
/**
 * I/O address space: what passed-through devices can reach by DMA.
 *
 * One per machine, shared by all of its devices. The ops hide the kernel's interface: type 1 version 2 containers
 * and groups now. A group is opened when its first device is and closed with its last. Main thread only, but for maps:
 * those are made and undone by one thread at a time, which the caller sees to.
 * Source: Documentation/driver-api/vfio.rst, <linux/vfio.h>.
 */
#ifndef VFIO_DMA_IOAS_H
#define VFIO_DMA_IOAS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bits.h"
#include "core/base/host.h"

#define VFIO_IOAS_MAX_GROUPS 32
#define VFIO_IOAS_MAX_MAPS   256 /* regions of guest memory, at most 17; pieces of BARs */

struct vfio_ioas;

struct vfio_group {
	int id;
	int fd;
	unsigned users;
};

struct vfio_ioas_ops {
	int (*open)(struct vfio_ioas *ioas, struct error *err);
	int (*attach)(struct vfio_ioas *ioas, struct vfio_group *group, struct error *err);
	void (*detach)(struct vfio_ioas *ioas, struct vfio_group *group);
	int (*map)(struct vfio_ioas *ioas, void *va, uint64_t size, iova_t iova);
	int (*unmap)(struct vfio_ioas *ioas, iova_t iova, uint64_t size);
	uint64_t (*page_sizes)(struct vfio_ioas *ioas);
	uint64_t (*last_iova)(struct vfio_ioas *ioas);
};

struct vfio_ioas_map {
	iova_t iova;
	uint64_t size;
};

struct vfio_ioas {
	const struct vfio_ioas_ops *ops;
	const struct host *host; /* opens it and its groups; NULL: the calling thread */
	int fd;
	bool has_iommu; /* a group is attached and the IOMMU model set */
	pthread_mutex_t
		lock; /* of the groups: they come and go on one thread, a reset needs them on another */
	struct vfio_group group[VFIO_IOAS_MAX_GROUPS];
	unsigned nr_groups;
	struct vfio_ioas_map map[VFIO_IOAS_MAX_MAPS];
	unsigned nr_maps;
	unsigned nr_map_calls; /* VFIO_IOMMU_MAP_DMA */
};

/** Containers and groups, IOMMU type 1 version 2. */
extern const struct vfio_ioas_ops vfio_type1_ops;

/**
 * vfio_ioas_init - an empty address space
 * @ioas: embedded
 * @ops: &vfio_type1_ops
 * @host: who opens it and its groups; NULL: the calling thread
 * @err: filled on failure
 *
 * Return: 0; -ENOENT, -EACCES of /dev/vfio/vfio; -ENOTSUP no type 1 version 2.
 */
int vfio_ioas_init(struct vfio_ioas *ioas, const struct vfio_ioas_ops *ops, const struct host *host,
		   struct error *err);

/**
 * vfio_ioas_destroy - unmap everything and close; no device is open any more
 * @ioas: initialised or zeroed
 */
void vfio_ioas_destroy(struct vfio_ioas *ioas);

/**
 * vfio_ioas_get_group - open an IOMMU group and attach it, or take another reference
 * @ioas: the address space
 * @id: number of the group
 * @out: receives it; vfio_ioas_put_group() it; untouched on failure
 * @err: filled on failure; names the process that holds the group when it can
 *
 * Return: 0; -EBUSY in use by another process; -EACCES; -EPERM not viable; -errno.
 */
int vfio_ioas_get_group(struct vfio_ioas *ioas, int id, struct vfio_group **out, struct error *err);

/**
 * vfio_ioas_put_group - give a reference back; the last one detaches and closes
 * @ioas: the address space
 * @group: from vfio_ioas_get_group(); its devices are closed
 */
void vfio_ioas_put_group(struct vfio_ioas *ioas, struct vfio_group *group);

/**
 * vfio_ioas_map - make host memory reachable by the devices
 * @ioas: with a group attached
 * @va: page-aligned; borrowed, must outlive the mapping
 * @size: bytes, non-zero multiple of the IOMMU page size
 * @iova: [iova, iova + size) must be free
 * @err: filled on failure
 *
 * Pins the pages. All or nothing.
 * Return: 0; -EINVAL alignment, or a range the IOMMU reserves; -EEXIST overlap; -ENOMEM locked-memory limit; -ENOSPC.
 * Source: <linux/vfio.h>, VFIO_IOMMU_MAP_DMA.
 */
MUST_CHECK int vfio_ioas_map(struct vfio_ioas *ioas, void *va, uint64_t size, iova_t iova,
			     struct error *err);

/**
 * vfio_ioas_unmap - undo a vfio_ioas_map()
 * @ioas: the address space
 * @iova: as it was mapped
 *
 * Return: 0; -ENOENT it is not mapped; -errno of the kernel: devices reach that memory still, so it may not be freed.
 */
MUST_CHECK int vfio_ioas_unmap(struct vfio_ioas *ioas, iova_t iova);

/**
 * vfio_ioas_page_sizes - how large the IOMMU's pages may be
 * @ioas: with a group attached
 *
 * Which of them a mapping got is the kernel's secret: the largest ones that its physical pages allow.
 * Return: a bit for each size in bytes; 0 when the kernel does not tell. Source: VFIO_IOMMU_GET_INFO.
 */
uint64_t vfio_ioas_page_sizes(struct vfio_ioas *ioas);

/**
 * vfio_ioas_last_iova - how far the IOMMU reaches
 * @ioas: with a group attached
 *
 * Return: the last address that can be mapped; UINT64_MAX when the kernel does not tell.
 * Source: <linux/vfio.h>, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE.
 */
uint64_t vfio_ioas_last_iova(struct vfio_ioas *ioas);

/**
 * vfio_memlock_check - whether this process may pin so much
 * @size: bytes
 * @err: filled on failure with need, have and the command that raises the limit
 *
 * Return: 0; -ENOMEM.
 */
int vfio_memlock_check(uint64_t size, struct error *err);

#endif
