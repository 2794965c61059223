/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bind internal: what binding, putting back and virtual functions share.
 *
 * Private to bind.c, restore.c and vfs.c.
 */
#ifndef VFIO_BIND_BIND_INTERNAL_H
#define VFIO_BIND_BIND_INTERNAL_H

#include <signal.h>
#include <stdbool.h>

#include "vfio/bind/bind.h"
#include "vfio/bind/journal.h"

#define VFIO_PCI "vfio-pci"

/** One change of the host: has the journal, and no signal interrupts it. */
struct vfio_bind_op {
	const struct vfio_bind *bind;
	const struct vfio_host_paths *paths;
	struct vfio_journal journal;
	sigset_t old_mask;
};

/**
 * vfio_bind_begin - wait for the journal, then hold signals back
 * @op: embedded; vfio_bind_end() it on success
 * @bind: how
 * @err: filled on failure
 *
 * Return: 0; -errno.
 */
int vfio_bind_begin(struct vfio_bind_op *op, const struct vfio_bind *bind, struct error *err);

/**
 * vfio_bind_end - let others have the journal, and signals come
 * @op: begun
 */
void vfio_bind_end(struct vfio_bind_op *op);

/**
 * vfio_bind_read_override - what a device's driver_override says
 * @device: from vfio_host_find()
 * @text: receives it, "" for nothing
 * @size: of @text
 *
 * Return: 0; -errno.
 */
int vfio_bind_read_override(const struct vfio_host_device *device, char *text, size_t size);

/**
 * vfio_bind_write - write to a file of a device
 * @device: from vfio_host_find()
 * @name: of the file
 * @text: what to write
 * @err: filled on failure
 *
 * Return: 0; -errno.
 */
int vfio_bind_write(const struct vfio_host_device *device, const char *name, const char *text,
		    struct error *err);

/**
 * vfio_bind_modprobe - load a module
 * @paths: where the kernel says which program does it
 * @module: name or alias
 *
 * Return: 0; -ENOENT, -ENODEV, -errno as bind_sys_modprobe().
 */
int vfio_bind_modprobe(const struct vfio_host_paths *paths, const char *module);

/**
 * vfio_bind_find_entry - the entry of a device from this boot
 * @op: begun
 * @bdf: the device
 * @out: receives the entry; all zero when there is none
 * @err: filled on failure
 *
 * Return: 0; -EINVAL a damaged one; -errno.
 */
int vfio_bind_find_entry(struct vfio_bind_op *op, const char *bdf, struct vfio_journal_entry *out,
			 struct error *err);

/**
 * vfio_bind_restore_group - put back what is recorded of a group's drivers
 * @op: begun
 * @device: one of the group
 * @err: filled on failure; the rest of the group is put back nevertheless
 *
 * Nobody has the group on return. Return: 0, also when nothing is recorded; -EBUSY a process has it; -errno.
 */
int vfio_bind_restore_group(struct vfio_bind_op *op, const struct vfio_host_device *device,
			    struct error *err);

/**
 * vfio_bind_restore_vfs - put back what is recorded of a device's virtual functions
 * @op: begun
 * @device: from vfio_host_find()
 * @err: filled on failure
 *
 * Return: 0, also when nothing is recorded; -EBUSY the host or a process uses one; -errno.
 */
int vfio_bind_restore_vfs(struct vfio_bind_op *op, const struct vfio_host_device *device,
			  struct error *err);

#endif
