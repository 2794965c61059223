/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Device: an open VFIO PCI device: its regions, their mappings, its interrupts, its reset.
 *
 * A thin layer over the kernel's interface, without any guest state; that is in pci.h. Opened and closed by the
 * main thread; region accesses and interrupt set-up also by vCPU threads.
 * Source: <linux/vfio.h>.
 */
#ifndef VFIO_PCI_DEVICE_H
#define VFIO_PCI_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vfio.h>

#include "core/base/error.h"
#include "vfio/bind/host.h"
#include "vfio/dma/ioas.h"

#define VFIO_MAX_AREAS 8

struct vfio_range {
	uint64_t offset; /* in the region */
	uint64_t size;
};

struct vfio_region {
	uint64_t size;	   /* 0: absent */
	uint64_t offset;   /* in the device's descriptor */
	uint32_t flags;	   /* VFIO_REGION_INFO_FLAG_* */
	unsigned nr_areas; /* what the kernel lets be mapped */
	struct vfio_range area[VFIO_MAX_AREAS];
};

struct vfio_irq {
	unsigned count;
	uint32_t flags; /* VFIO_IRQ_INFO_* */
};

struct vfio_device {
	struct vfio_host_device host;
	struct vfio_ioas *ioas;
	struct vfio_group *group;
	int fd;
	bool can_reset; /* VFIO_DEVICE_RESET works */
	struct vfio_region region[VFIO_PCI_NUM_REGIONS];
	struct vfio_irq irq[VFIO_PCI_NUM_IRQS];
};

/**
 * vfio_device_open - open a device through its group
 * @device: embedded; untouched on failure
 * @host: checked by vfio_host_check()
 * @ioas: outlives the device
 * @err: filled on failure
 *
 * The helper's thread. Return: 0; -EBUSY; -ENODEV; -errno.
 */
int vfio_device_open(struct vfio_device *device, const struct vfio_host_device *host,
		     struct vfio_ioas *ioas, struct error *err);

/**
 * vfio_device_close - close it and give its group back
 * @device: opened or zeroed; its mappings are gone
 */
void vfio_device_close(struct vfio_device *device);

/**
 * vfio_device_read - read from a region
 * @device: opened
 * @region: VFIO_PCI_*_REGION_INDEX
 * @offset: in the region
 * @buf: @size bytes; all ones on failure
 * @size: bytes
 *
 * Return: 0; -errno, -EIO when cut short.
 */
int vfio_device_read(const struct vfio_device *device, unsigned region, uint64_t offset, void *buf,
		     unsigned size);

/**
 * vfio_device_write - write to a region
 * @device: opened
 * @region: VFIO_PCI_*_REGION_INDEX
 * @offset: in the region
 * @buf: @size bytes
 * @size: bytes
 *
 * Return: 0; -errno, -EIO when cut short.
 */
int vfio_device_write(const struct vfio_device *device, unsigned region, uint64_t offset,
		      const void *buf, unsigned size);

/**
 * vfio_device_reset - reset the function (FLR, or what the kernel chose instead)
 * @device: opened
 *
 * Return: 0; -ENOTTY when it has no reset; -errno.
 */
int vfio_device_reset(const struct vfio_device *device);

/**
 * vfio_device_set_irqs - give interrupts their eventfds
 * @device: opened
 * @index: VFIO_PCI_*_IRQ_INDEX
 * @start: first interrupt of the index
 * @fds: eventfds, -1 for none
 * @nr: how many
 *
 * Return: 0; -EINVAL; -ENOSPC the host has too few vectors; -errno.
 */
int vfio_device_set_irqs(const struct vfio_device *device, unsigned index, unsigned start,
			 const int32_t *fds, unsigned nr);

/**
 * vfio_device_set_intx_unmask - unmask INTx whenever an eventfd is signalled
 * @device: opened; INTx has its eventfd
 * @fd: eventfd, which the kernel reads
 *
 * VFIO masks INTx each time it signals. An unmasked INTx that is still asserted is signalled again.
 * Return: 0; -errno.
 */
int vfio_device_set_intx_unmask(const struct vfio_device *device, int32_t fd);

/**
 * vfio_device_disable_irqs - switch an index off, MSI-X for example
 * @device: opened
 * @index: VFIO_PCI_*_IRQ_INDEX
 *
 * Return: 0; -errno.
 */
int vfio_device_disable_irqs(const struct vfio_device *device, unsigned index);

#endif
