/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind/bind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "vfio/bind/bind_internal.h"
#include "vfio/bind/bind_sys.h"
#include "vfio/bind/use.h"

int vfio_bind_begin(struct vfio_bind_op *op, const struct vfio_bind *bind, struct error *err)
{
	sigset_t all;
	int r;

	op->bind = bind;
	op->paths = bind->paths;
	r = vfio_journal_open(&op->journal, bind->paths, err);
	if (r)
		return r;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &op->old_mask);
	return 0;
}

void vfio_bind_end(struct vfio_bind_op *op)
{
	vfio_journal_close(&op->journal);
	sigprocmask(SIG_SETMASK, &op->old_mask, NULL);
}

int vfio_bind_read_override(const struct vfio_host_device *device, char *text, size_t size)
{
	char path[PATH_MAX + 64];
	int r = file_read_line(vfio_host_file(device, "driver_override", path), text, size);

	if (!r && !strcmp(text, "(null)"))
		text[0] = '\0';
	return r;
}

int vfio_bind_write(const struct vfio_host_device *device, const char *name, const char *text,
		    struct error *err)
{
	char path[PATH_MAX + 64];
	int r = bind_sys_write(vfio_host_file(device, name, path), text);

	if (!r)
		return 0;
	error_set(err, r, "device %s: %s", device->bdf, name);
	return r == -EACCES || r == -EPERM ? error_remedy(err, "run it as root") : r;
}

int vfio_bind_modprobe(const struct vfio_host_paths *paths, const char *module)
{
	char path[PATH_MAX], modprobe[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/sys/kernel/modprobe", paths->proc);
	r = file_read_line(path, modprobe, sizeof(modprobe));
	return r ? r : bind_sys_modprobe(modprobe, module);
}

int vfio_bind_find_entry(struct vfio_bind_op *op, const char *bdf, struct vfio_journal_entry *out,
			 struct error *err)
{
	struct error why = { 0 };
	int r = vfio_journal_read(&op->journal, bdf, out, &why);

	if (!r && !strcmp(out->boot_id, op->journal.boot_id))
		return 0;
	memset(out, 0, sizeof(*out));
	snprintf(out->bdf, sizeof(out->bdf), "%s", bdf);
	if (!r || r == -ENOENT)
		return 0;
	if (err)
		*err = why;
	return r;
}

/* What has to change its driver. */
static bool needs_binding(const struct vfio_host_device *device)
{
	return !vfio_host_is_bridge(device) && !vfio_host_is_bound(device);
}

static int check_device(const struct vfio_host_device *device, struct error *err)
{
	if (device->group < 0) {
		error_set(err, -ENODEV, "device %s", device->bdf);
		error_reason(err, "in no IOMMU group");
		return error_remedy(err, "enable the IOMMU in the firmware and boot with "
					 "intel_iommu=on (Intel; AMD's is on by default)");
	}
	if (!vfio_host_is_bridge(device))
		return 0;
	error_set(err, -EINVAL, "device %s", device->bdf);
	error_reason(err, "a bridge, which stays with the host");
	return error_remedy(err, "name the devices behind it");
}

static int check_members(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
			 const struct vfio_host_device *members, unsigned nr, struct error *err)
{
	for (unsigned i = 0; i < nr; i++) {
		struct vfio_use use;

		if (vfio_host_is_bridge(&members[i]) && !vfio_host_is_harmless(&members[i])) {
			error_set(err, -EBUSY, "device %s", device->bdf);
			error_reason(err, "shares IOMMU group %d with bridge %s, which %s drives",
				     device->group, members[i].bdf, members[i].driver);
			return error_remedy(err, "echo %s > /sys/bus/pci/drivers/%s/unbind",
					    members[i].bdf, members[i].driver);
		}
		if (!needs_binding(&members[i]) || !vfio_use_find(paths, &members[i], &use))
			continue;
		error_set(err, -EBUSY, "device %s", device->bdf);
		if (!strcmp(members[i].bdf, device->bdf))
			error_reason(err, "in use by the host: %s", use.what);
		else
			error_reason(err, "shares IOMMU group %d with %s, in use by the host: %s",
				     device->group, members[i].bdf, use.what);
		return error_remedy(err, "%s", use.remedy);
	}
	return 0;
}

int vfio_bind_check(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
		    struct error *err)
{
	struct vfio_host_device *members;
	unsigned nr;
	int r = check_device(device, err);

	if (!r)
		r = vfio_host_members(device, &members, &nr, err);
	if (r)
		return r;
	r = check_members(paths, device, members, nr, err);
	free(members);
	return r;
}

static int load_driver(const struct vfio_host_paths *paths, struct error *err)
{
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/bus/pci/drivers/" VFIO_PCI, paths->sysfs);
	if (!access(path, F_OK))
		return 0;
	r = vfio_bind_modprobe(paths, VFIO_PCI);
	if (!r && !access(path, F_OK))
		return 0;
	error_set(err, -ENOENT, "driver " VFIO_PCI);
	error_reason(err, "not loaded, and modprobe cannot load it");
	return error_remedy(err, "modprobe vfio-pci says why; the kernel needs CONFIG_VFIO_PCI");
}

/*
 * An entry that is there is of an earlier bind that has not been put back; it holds what was there before. It does not
 * when the device has got another driver since.
 */
static int record(struct vfio_bind_op *op, const struct vfio_host_device *device, struct error *err)
{
	struct vfio_journal_entry entry;
	char override[sizeof(entry.override)];
	int r = vfio_bind_find_entry(op, device->bdf, &entry, err);

	if (r)
		return r;
	r = vfio_bind_read_override(device, override, sizeof(override));
	if (r)
		return error_set(err, r, "device %s: driver_override", device->bdf);
	if (entry.has_driver && (!strcmp(override, VFIO_PCI) || !device->driver[0]))
		return 0;
	entry.has_driver = true;
	snprintf(entry.driver, sizeof(entry.driver), "%s", device->driver);
	snprintf(entry.override, sizeof(entry.override), "%s", override);
	return vfio_journal_write(&op->journal, &entry, err);
}

static int take(struct vfio_bind_op *op, const struct vfio_host_device *device, struct error *err)
{
	char path[PATH_MAX], text[160];
	struct vfio_host_device now;
	int r = vfio_bind_write(device, "driver_override", VFIO_PCI, err);

	if (!r && device->driver[0])
		r = vfio_bind_write(device, "driver/unbind", device->bdf, err);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/bus/pci/drivers_probe", op->paths->sysfs);
	r = bind_sys_write(path, device->bdf);
	if (r)
		return error_set(err, r, "device %s: %s", device->bdf, path);
	r = vfio_host_find(device->dir, &now, err);
	if (r)
		return r;
	if (strcmp(now.driver, VFIO_PCI) != 0) {
		error_set(err, -EIO, "device %s", device->bdf);
		error_reason(err, VFIO_PCI " did not take it");
		return error_remedy(err, "dmesg | grep %s", device->bdf);
	}
	snprintf(text, sizeof(text), "from %s to " VFIO_PCI,
		 device->driver[0] ? device->driver : "no driver");
	op->bind->report(device->bdf, text);
	return 0;
}

/* Everything is recorded before anything is changed. */
static int bind_members(struct vfio_bind_op *op, const struct vfio_host_device *members,
			unsigned nr, int *hold, struct error *err)
{
	const struct vfio_host_device *first = NULL;
	int r = 0;

	for (unsigned i = 0; i < nr && !r; i++) {
		if (!needs_binding(&members[i]))
			continue;
		r = record(op, &members[i], err);
		first = first ? first : &members[i];
	}
	if (r || !first)
		return r;
	for (unsigned i = 0; i < nr && !r; i++) {
		if (needs_binding(&members[i]))
			r = take(op, &members[i], err);
	}
	if (!r && hold) {
		int fd = vfio_journal_hold(&op->journal, first->bdf, op->paths, err);

		if (fd >= 0)
			*hold = fd;
		else
			r = error_set(err, fd, "device %s: journal", first->bdf);
	}
	if (r)
		vfio_bind_restore_group(op, first, NULL);
	return r;
}

int vfio_bind(const struct vfio_bind *bind, const struct vfio_host_device *device, bool force,
	      int *hold, struct error *err)
{
	struct vfio_host_device *members = NULL;
	struct vfio_bind_op op;
	unsigned nr = 0;
	int held = -1;
	int r = check_device(device, err);

	if (!r)
		r = vfio_bind_begin(&op, bind, err);
	if (r)
		return r;
	r = vfio_host_members(device, &members, &nr, err);
	if (!r && !force)
		r = check_members(op.paths, device, members, nr, err);
	if (!r)
		r = load_driver(op.paths, err);
	if (!r)
		r = bind_members(&op, members, nr, hold ? &held : NULL, err);
	free(members);
	vfio_bind_end(&op);
	if (!r && hold)
		*hold = held;
	return r;
}
