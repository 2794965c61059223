/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "vfio/bind/bind.h"
#include "vfio/bind/bind_internal.h"
#include "vfio/bind/bind_sys.h"
#include "vfio/bind/holder.h"

/* A process that was killed takes a while to let go of a device: its pinned memory is unpinned first. */
#define MAX_PAUSES 250 /* of 20 ms */

/* By the driver itself, since the kernel's choice may be another; loaded if it was unloaded meanwhile. */
static int bind_driver(struct vfio_bind_op *op, const struct vfio_host_device *device,
		       const char *driver, struct error *err)
{
	char path[PATH_MAX + 128], name[PATH_MAX + 64], alias[512];
	struct vfio_host_device now;
	int r;

	snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s/bind", op->paths->sysfs, driver);
	if (access(path, F_OK) &&
	    !file_read_line(vfio_host_file(device, "modalias", name), alias, sizeof(alias)))
		vfio_bind_modprobe(op->paths, alias);
	/* Loading it may have bound it. */
	r = vfio_host_find(device->dir, &now, err);
	if (r || !strcmp(now.driver, driver))
		return r;
	r = bind_sys_write(path, device->bdf);
	if (!r)
		return 0;
	error_set(err, r, "device %s: bind to %s", device->bdf, driver);
	return error_remedy(err, "dmesg | grep %s", device->bdf);
}

/* Each step looks at what is there, so that it does not matter where an earlier attempt ended. */
static int restore_device(struct vfio_bind_op *op, const struct vfio_host_device *device,
			  struct vfio_journal_entry *entry, struct error *err)
{
	bool is_ours = vfio_host_is_bound(device) && strcmp(device->driver, entry->driver) != 0;
	char override[sizeof(entry->override)], text[160];
	int r = 0;

	if (is_ours)
		r = vfio_bind_write(device, "driver/unbind", device->bdf, err);
	if (!r && vfio_bind_read_override(device, override, sizeof(override)) == 0 &&
	    !strcmp(override, VFIO_PCI))
		r = vfio_bind_write(device, "driver_override",
				    entry->override[0] ? entry->override : "\n", err);
	/* One that somebody has given another driver keeps it. */
	if (!r && entry->driver[0] && (is_ours || !device->driver[0]))
		r = bind_driver(op, device, entry->driver, err);
	if (r)
		return r;
	snprintf(text, sizeof(text), "back to %s", entry->driver[0] ? entry->driver : "no driver");
	op->bind->report(device->bdf, text);
	entry->has_driver = false;
	return entry->has_vfs ? vfio_journal_write(&op->journal, entry, err)
			      : vfio_journal_remove(&op->journal, device->bdf, err);
}

static bool any_held(struct vfio_bind_op *op, const struct vfio_host_device *members, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (vfio_journal_is_held(&op->journal, members[i].bdf))
			return true;
	}
	return false;
}

/* A descriptor of the group, with which nobody else gets at it; -1 when VFIO has none of its devices. */
static int take_group(struct vfio_bind_op *op, const struct vfio_host_device *device,
		      const struct vfio_host_device *members, unsigned nr, int *fd,
		      struct error *err)
{
	char path[PATH_MAX];
	int holder = 0;

	snprintf(path, sizeof(path), "%s/vfio/%d", op->paths->dev, device->group);
	for (unsigned i = 0; i < MAX_PAUSES && !holder; i++) {
		int r = any_held(op, members, nr) ? -EBUSY : bind_sys_open_group(path);

		if (r != -EBUSY && r != -ENOENT && r < 0)
			return error_set(err, r, "device %s: %s", device->bdf, path);
		if (r != -EBUSY) {
			*fd = r >= 0 ? r : -1;
			return 0;
		}
		holder = vfio_find_holder(path);
		bind_sys_pause();
	}
	error_set(err, -EBUSY, "device %s: IOMMU group %d", device->bdf, device->group);
	if (holder)
		error_reason(err, "in use by process %d", holder);
	else
		error_reason(err, "in use by a process");
	return error_remedy(err, "end it first");
}

static int restore_members(struct vfio_bind_op *op, const struct vfio_host_device *members,
			   unsigned nr, struct error *err)
{
	int result = 0;

	for (unsigned i = 0; i < nr; i++) {
		struct vfio_journal_entry entry;
		struct error why = { 0 };
		int r = vfio_bind_find_entry(op, members[i].bdf, &entry, &why);

		if (!r && entry.has_driver)
			r = restore_device(op, &members[i], &entry, &why);
		if (r && !result && err)
			*err = why;
		result = result ? result : r;
	}
	return result;
}

static bool any_recorded(struct vfio_bind_op *op, const struct vfio_host_device *members,
			 unsigned nr)
{
	struct vfio_journal_entry entry;

	for (unsigned i = 0; i < nr; i++) {
		if (vfio_bind_find_entry(op, members[i].bdf, &entry, NULL) || entry.has_driver)
			return true;
	}
	return false;
}

int vfio_bind_restore_group(struct vfio_bind_op *op, const struct vfio_host_device *device,
			    struct error *err)
{
	struct vfio_host_device *members;
	unsigned nr;
	int fd = -1;
	int r = vfio_host_members(device, &members, &nr, err);

	if (r)
		return r;
	/* Even with nothing recorded: whoever asks is about to take it away. */
	if (any_recorded(op, members, nr) || vfio_host_is_bound(device)) {
		r = take_group(op, device, members, nr, &fd, err);
		if (!r)
			r = restore_members(op, members, nr, err);
		fd_close(&fd);
	}
	free(members);
	return r;
}

int vfio_unbind(const struct vfio_bind *bind, const struct vfio_host_device *device,
		struct error *err)
{
	struct vfio_host_device now;
	struct vfio_bind_op op;
	int r = vfio_bind_begin(&op, bind, err);

	if (r)
		return r;
	if (device->group >= 0)
		r = vfio_bind_restore_group(&op, device, err);
	if (!r)
		r = vfio_bind_restore_vfs(&op, device, err);
	vfio_bind_end(&op);
	if (!r)
		r = vfio_host_find(device->dir, &now, err);
	if (r || strcmp(now.driver, VFIO_PCI) != 0)
		return r;
	error_set(err, -EPERM, "device %s", device->bdf);
	error_reason(err, "bound to " VFIO_PCI ", but not by torc: what it was like is not known");
	return error_remedy(err,
			    "echo > /sys/bus/pci/devices/%s/driver_override\n"
			    "echo %s > /sys/bus/pci/devices/%s/driver/unbind\n"
			    "echo %s > /sys/bus/pci/drivers_probe",
			    device->bdf, device->bdf, device->bdf, device->bdf);
}

/* Drivers first: the virtual functions that go with the second pass have to be free by then. */
static int recover_entry(struct vfio_bind_op *op, const char *bdf, bool vfs, struct error *err)
{
	struct vfio_host_device device;
	struct vfio_journal_entry entry;
	int r = vfio_bind_find_entry(op, bdf, &entry, err);

	if (r)
		return r;
	if (!entry.has_driver && !entry.has_vfs)
		/* Of an earlier boot, or put back since the list was made. */
		return vfio_journal_remove(&op->journal, bdf, err);
	if (vfio_host_lookup(op->paths, bdf, &device, NULL)) {
		op->bind->report(bdf, "is gone, and forgotten");
		return vfio_journal_remove(&op->journal, bdf, err);
	}
	if (vfs)
		return vfio_bind_restore_vfs(op, &device, err);
	return entry.has_driver ? vfio_bind_restore_group(op, &device, err) : 0;
}

static int recover_all(struct vfio_bind_op *op, char (*list)[16], unsigned nr, bool vfs,
		       struct error *err)
{
	int result = 0;

	for (unsigned i = 0; i < nr; i++) {
		struct error why = { 0 };
		int r = recover_entry(op, list[i], vfs, &why);

		if (r == -EBUSY) {
			op->bind->report(list[i], why.reason);
			continue;
		}
		if (r && !result && err)
			*err = why;
		result = result ? result : r;
	}
	return result;
}

int vfio_recover(const struct vfio_bind *bind, struct error *err)
{
	struct vfio_bind_op op;
	char(*list)[16] = NULL;
	unsigned nr = 0;
	int r = vfio_bind_begin(&op, bind, err);

	if (r)
		return r;
	r = vfio_journal_list(&op.journal, &list, &nr, err);
	if (!r) {
		int second;

		r = recover_all(&op, list, nr, false, err);
		second = recover_all(&op, list, nr, true, r ? NULL : err);
		r = r ? r : second;
	}
	free(list);
	vfio_bind_end(&op);
	return r;
}
