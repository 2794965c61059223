/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fd.h"
#include "vfio/bind/bind.h"
#include "vfio/bind/bind_internal.h"
#include "vfio/bind/nvme_vf.h"
#include "vfio/bind/use.h"

static int read_number(const struct vfio_host_device *device, const char *name, int *out)
{
	char path[PATH_MAX + 64];
	int64_t v;
	int r = file_read_i64(vfio_host_file(device, name, path), &v);

	if (!r)
		*out = (int)v;
	return r;
}

static int write_number(const struct vfio_host_device *device, const char *name, int v,
			struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", v);
	return vfio_bind_write(device, name, text, err);
}

/* A function that the host uses, or that a process has, would be torn from it; what is bound to vfio-pci is put back. */
static int release_vfs(struct vfio_bind_op *op, const struct vfio_host_device *device, int numvfs,
		       struct error *err)
{
	int r = 0;

	for (int i = 0; i < numvfs && !r; i++) {
		char path[PATH_MAX + 64], name[32];
		struct vfio_host_device vf;
		struct vfio_use use;

		snprintf(name, sizeof(name), "virtfn%d", i);
		r = vfio_host_find(vfio_host_file(device, name, path), &vf, err);
		if (r)
			return r;
		if (vfio_use_find(op->paths, &vf, &use)) {
			error_set(err, -EBUSY, "device %s: virtual function %s", device->bdf,
				  vf.bdf);
			error_reason(err, "in use by the host: %s", use.what);
			return error_remedy(err, "%s", use.remedy);
		}
		if (vf.group >= 0)
			r = vfio_bind_restore_group(op, &vf, err);
	}
	return r;
}

/* From one number to another that is not 0 the kernel goes by way of 0 only. */
static int change_number(struct vfio_bind_op *op, const struct vfio_host_device *device, int from,
			 int to, struct error *err)
{
	char text[64];
	int r = release_vfs(op, device, from, err);

	if (!r && from)
		r = write_number(device, "sriov_numvfs", 0, err);
	if (!r && to)
		r = write_number(device, "sriov_numvfs", to, err);
	if (r)
		return r;
	snprintf(text, sizeof(text), "from %d to %d virtual functions", from, to);
	op->bind->report(device->bdf, text);
	return 0;
}

static int forget(struct vfio_bind_op *op, struct vfio_journal_entry *entry, struct error *err)
{
	entry->has_vfs = false;
	return entry->has_driver ? vfio_journal_write(&op->journal, entry, err)
				 : vfio_journal_remove(&op->journal, entry->bdf, err);
}

int vfio_bind_restore_vfs(struct vfio_bind_op *op, const struct vfio_host_device *device,
			  struct error *err)
{
	struct vfio_journal_entry entry;
	int now = 0, r = vfio_bind_find_entry(op, device->bdf, &entry, err);

	if (r || !entry.has_vfs)
		return r;
	r = read_number(device, "sriov_numvfs", &now);
	if (r)
		return error_set(err, r, "device %s: sriov_numvfs", device->bdf);
	/* Drivers take those that were there before, as they did then. */
	r = write_number(device, "sriov_drivers_autoprobe", entry.autoprobe, err);
	if (!r && now != entry.numvfs)
		r = change_number(op, device, now, entry.numvfs, err);
	return r ? r : forget(op, &entry, err);
}

static int refuse_sriov(const struct vfio_host_device *device, struct error *err)
{
	error_set(err, -ENOTSUP, "device %s", device->bdf);
	error_reason(err, "no virtual functions: it has no SR-IOV");
	return error_remedy(err, "torc-vfio inspect says what a device has");
}

static int set_number(struct vfio_bind_op *op, const struct vfio_host_device *device, int nr,
		      struct error *err)
{
	struct vfio_journal_entry entry;
	int now = 0, autoprobe = 1, r = vfio_bind_find_entry(op, device->bdf, &entry, err);

	if (!r)
		r = read_number(device, "sriov_numvfs", &now);
	if (!r)
		r = read_number(device, "sriov_drivers_autoprobe", &autoprobe);
	if (r || nr == now)
		return r;
	if (entry.has_vfs && nr == entry.numvfs)
		return vfio_bind_restore_vfs(op, device, err);
	if (!entry.has_vfs) {
		entry.has_vfs = true;
		entry.numvfs = now;
		entry.autoprobe = autoprobe;
		r = vfio_journal_write(&op->journal, &entry, err);
	}
	if (!r)
		r = write_number(device, "sriov_drivers_autoprobe", 0, err);
	if (!r)
		r = change_number(op, device, now, nr, err);
	if (!r && nr)
		r = vfio_nvme_vf_start(op->paths, device, (unsigned)nr, err);
	if (r) {
		/* With the old number this only puts the other file back. */
		vfio_bind_restore_vfs(op, device, NULL);
		return r;
	}
	return write_number(device, "sriov_drivers_autoprobe", entry.autoprobe, err);
}

int vfio_set_vfs(const struct vfio_bind *bind, const struct vfio_host_device *device, unsigned nr,
		 struct error *err)
{
	struct vfio_bind_op op;
	int total = 0, r;

	if (read_number(device, "sriov_totalvfs", &total))
		return refuse_sriov(device, err);
	if (nr > (unsigned)total) {
		error_set(err, -ERANGE, "device %s: %u virtual functions", device->bdf, nr);
		error_reason(err, "it has at most %d", total);
		return error_remedy(err, "ask for 0 to %d", total);
	}
	r = vfio_bind_begin(&op, bind, err);
	if (r)
		return r;
	r = set_number(&op, device, (int)nr, err);
	if (r == -ENOENT || r == -EIO) {
		/* sriov_numvfs_store(): no driver, or one without sriov_configure. */
		error_remedy(err,
			     "only its own driver can make them: bind it to that; dmesg | grep %s",
			     device->bdf);
	}
	vfio_bind_end(&op);
	return r;
}
