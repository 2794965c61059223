/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Host: what sysfs says of a PCI device, and whether it can be given to a guest.
 *
 * Reads only; changes nothing. Everything is found from the device's own directory, so a test can pass a tree of
 * its own. Any thread.
 */
#ifndef VFIO_HOST_H
#define VFIO_HOST_H

#include <limits.h>

#include "core/base/error.h"

struct vfio_host_device {
	char bdf[16];	    /* "0000:01:00.0" */
	char dir[PATH_MAX]; /* its directory, resolved */
	char driver[64];    /* "" when none is bound */
	int group;	    /* IOMMU group; -1: none */
	int node;	    /* NUMA node; -1: unknown */
};

/**
 * vfio_host_find - look a device up
 * @path: its sysfs directory or a link to it, as the user gave it
 * @out: receives the facts; untouched on failure
 * @err: filled on failure
 *
 * Return: 0; -ENOENT no such directory; -EINVAL not a PCI device.
 */
int vfio_host_find(const char *path, struct vfio_host_device *out, struct error *err);

/**
 * vfio_host_check - whether it can be opened: vfio-pci bound, its group viable
 * @device: from vfio_host_find()
 * @err: filled on failure with what is in the way and the commands that change it
 *
 * Return: 0; -ENODEV no IOMMU group; -EBUSY its own driver is bound, or another device of its group has one.
 */
int vfio_host_check(const struct vfio_host_device *device, struct error *err);

#endif
