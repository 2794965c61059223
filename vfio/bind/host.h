/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Host: what sysfs says of a PCI device, and whether it can be given to a guest.
 *
 * Reads only; changes nothing. Everything is found from the device's own directory, so a test can pass a tree of
 * its own. Any thread.
 */
#ifndef VFIO_BIND_HOST_H
#define VFIO_BIND_HOST_H

#include <limits.h>
#include <stdbool.h>

#include "core/base/host.h"

struct vfio_holders;

/** Where the host shows and keeps what binding needs; another tree does as well. */
struct vfio_host_paths {
	const char *sysfs;	      /* "/sys" */
	const char *proc;	      /* "/proc" */
	const char *dev;	      /* "/dev" */
	const char *state;	      /* survives a reboot: "/var/lib/torc" */
	unsigned patience_ms;	      /* to wait for others that have the journal */
	struct vfio_holders *holders; /* who has disks open, for many devices; NULL: of each anew */
};

/** This host's. */
extern const struct vfio_host_paths vfio_host_paths;

#define VFIO_RESET_NAME_SIZE 32

struct vfio_host_device {
	char bdf[16];	    /* "0000:01:00.0" */
	char dir[PATH_MAX]; /* its directory, resolved */
	char driver[64];    /* "" when none is bound */
	int group;	    /* IOMMU group; -1: none */
	int node;	    /* NUMA node; -1: unknown */
	/* How the kernel resets it alone: the first method that it lists; "": it lists none. */
	char reset[VFIO_RESET_NAME_SIZE];
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

/** Of a path, the struct vfio_host_device that vfio_host_find() finds there. */
extern const struct host_source vfio_host_source;

/**
 * vfio_host_lookup - look a device up by its address
 * @paths: where
 * @bdf: "0000:01:00.0"; "01:00.0" is in segment 0
 * @out: receives the facts; untouched on failure
 * @err: filled on failure
 *
 * Return: 0; -ENOENT no such device; -EINVAL not an address.
 */
int vfio_host_lookup(const struct vfio_host_paths *paths, const char *bdf,
		     struct vfio_host_device *out, struct error *err);

/**
 * vfio_host_members - the PCI devices of a device's IOMMU group, itself included
 * @device: in a group
 * @out: receives an array to be freed, in the order of the addresses; untouched on failure
 * @nr: receives its length; likewise
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -errno.
 */
int vfio_host_members(const struct vfio_host_device *device, struct vfio_host_device **out,
		      unsigned *nr, struct error *err);

/**
 * vfio_host_is_bridge - whether it leads to a bus; such ones stay with the host
 * @device: from vfio_host_find()
 *
 * Return: true for host, PCI-to-PCI and CardBus bridges.
 */
bool vfio_host_is_bridge(const struct vfio_host_device *device);

/**
 * vfio_host_is_bound - whether vfio-pci has it, or a driver of its own that VFIO has for it
 * @device: from vfio_host_find(), whose facts count
 *
 * Return: true when it can be opened, as far as the driver goes.
 */
bool vfio_host_is_bound(const struct vfio_host_device *device);

/**
 * vfio_host_is_harmless - whether its driver lets others of its group be given to a guest
 * @device: from vfio_host_find(), whose facts count
 *
 * Return: true for no driver, a VFIO one, and those that do no DMA.
 */
bool vfio_host_is_harmless(const struct vfio_host_device *device);

/**
 * vfio_host_file - the path of a file of a device
 * @device: from vfio_host_find()
 * @name: of the file
 * @path: receives the path
 *
 * Return: @path.
 */
const char *vfio_host_file(const struct vfio_host_device *device, const char *name,
			   char path[PATH_MAX + 64]);

/**
 * vfio_host_check - whether it can be opened: vfio-pci bound, its group viable
 * @device: from vfio_host_find()
 * @err: filled on failure with what is in the way and the commands that change it
 *
 * Return: 0; -ENODEV no IOMMU group; -EBUSY its own driver is bound, or another device of its group has one.
 */
int vfio_host_check(const struct vfio_host_device *device, struct error *err);

#endif
