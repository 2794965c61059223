/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bind: devices from the host's drivers to vfio-pci, and back.
 *
 * By driver_override, which takes this device and no other of its kind, and for an IOMMU group as a whole, since VFIO gives
 * it to one process as a whole. What a device was like is in the journal before it is changed, so that whatever happens in
 * between, vfio_unbind() and vfio_recover() put it back; both do what is left to do and may be interrupted and repeated.
 * Signals wait while a device is being changed. Main thread, with the rights of root.
 * Source: Linux Documentation/ABI/testing/sysfs-bus-pci.
 */
#ifndef VFIO_BIND_BIND_H
#define VFIO_BIND_BIND_H

#include <stdbool.h>

#include "core/base/error.h"
#include "vfio/bind/host.h"

struct vfio_bind {
	const struct vfio_host_paths *paths;
	/* What became of a device: "0000:01:00.0", "from nvme to vfio-pci". */
	void (*report)(const char *bdf, const char *text);
};

/**
 * vfio_bind_check - whether a device's group could be bound
 * @paths: where to look
 * @device: from vfio_host_find()
 * @err: filled on failure: what the host uses, and how to end that
 *
 * Changes nothing. Return: 0; -ENODEV no IOMMU group; -EINVAL a bridge; -EBUSY the host uses a device of the group.
 */
int vfio_bind_check(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
		    struct error *err);

/**
 * vfio_bind - give a device's group to vfio-pci, bridges aside
 * @bind: how
 * @device: from vfio_host_find()
 * @force: even if the host uses it
 * @hold: NULL; or receives a descriptor that, while it is open, keeps vfio_recover() of other processes from putting the
 *        group back; -1 when nothing had to be changed
 * @err: filled on failure; what was changed is put back then
 *
 * Return: 0; as vfio_bind_check(); -ENOENT no vfio-pci; -EIO vfio-pci did not take a device; -errno.
 */
int vfio_bind(const struct vfio_bind *bind, const struct vfio_host_device *device, bool force,
	      int *hold, struct error *err);

/**
 * vfio_unbind - put a device's group back to what it was before vfio_bind(), and a device's virtual functions
 * @bind: how
 * @device: from vfio_host_find()
 * @err: filled on failure
 *
 * Return: 0, also when there is nothing to put back; -EBUSY a process has it; -EPERM vfio-pci has it, and not from us;
 * -EIO its driver did not take it; -errno.
 */
int vfio_unbind(const struct vfio_bind *bind, const struct vfio_host_device *device,
		struct error *err);

/**
 * vfio_recover - put back everything that no process uses
 * @bind: how; what is in use is reported
 * @err: filled on failure; the rest is put back nevertheless
 *
 * What an earlier boot recorded is forgotten: the reboot has put it back. Return: 0; -EIO; -errno.
 */
int vfio_recover(const struct vfio_bind *bind, struct error *err);

/**
 * vfio_set_vfs - have this many virtual functions
 * @bind: how
 * @device: from vfio_host_find(), with its own driver
 * @nr: 0 to what the device can have
 * @err: filled on failure
 *
 * No driver takes those that are new. Those that were there go. Return: 0; -ENOTSUP no SR-IOV; -ERANGE too many;
 * -EBUSY the host or a process uses one; -errno of the device's driver.
 */
int vfio_set_vfs(const struct vfio_bind *bind, const struct vfio_host_device *device, unsigned nr,
		 struct error *err);

#endif
