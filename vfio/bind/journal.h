/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Journal: what the host's devices were like before torc changed them.
 *
 * A folder with a file for each device, named by its address. A file is complete and on the disk before the device is
 * changed, and goes once the device is as it was. Lines of "key=value"; the boot that the file belongs to is one of them,
 * since a reboot undoes all that is recorded. Whoever has the journal open has it alone: the folder is locked. Nobody but
 * root may open anything of it, as a lock takes no more than that.
 */
#ifndef VFIO_BIND_JOURNAL_H
#define VFIO_BIND_JOURNAL_H

#include <stdbool.h>

#include "core/base/error.h"
#include "vfio/bind/host.h"

struct vfio_journal {
	int dir;	  /* the folder, locked */
	char boot_id[40]; /* of this boot */
};

struct vfio_journal_entry {
	char bdf[16];
	char boot_id[40];
	bool has_driver;    /* the next two are recorded */
	char driver[64];    /* "" for none */
	char override[256]; /* of the file driver_override; "" for none */
	bool has_vfs;	    /* the next two are recorded */
	int numvfs;	    /* of the file sriov_numvfs */
	int autoprobe;	    /* of the file sriov_drivers_autoprobe */
};

/**
 * vfio_journal_open - open the journal, and wait for those who have it
 * @journal: embedded; untouched on failure
 * @paths: where it is; the folder is made if it is not there
 * @err: filled on failure
 *
 * Return: 0; -EACCES and the like of mkdir(2), open(2); -EBUSY a process has it, and for too long; -errno.
 */
int vfio_journal_open(struct vfio_journal *journal, const struct vfio_host_paths *paths,
		      struct error *err);

/**
 * vfio_journal_close - let others have it
 * @journal: open
 */
void vfio_journal_close(struct vfio_journal *journal);

/**
 * vfio_journal_read - the entry of a device
 * @journal: open
 * @bdf: the device
 * @out: receives the entry, of this boot or an earlier one; untouched on failure
 * @err: filled on failure
 *
 * Return: 0; -ENOENT there is none; -EINVAL a damaged one; -errno.
 */
int vfio_journal_read(const struct vfio_journal *journal, const char *bdf,
		      struct vfio_journal_entry *out, struct error *err);

/**
 * vfio_journal_write - record an entry of this boot, in place of one that is there
 * @journal: open
 * @entry: its boot id does not count
 * @err: filled on failure
 *
 * The entry is on the disk on return. Return: 0; -EINVAL a value with a newline; -errno.
 */
int vfio_journal_write(const struct vfio_journal *journal, const struct vfio_journal_entry *entry,
		       struct error *err);

/**
 * vfio_journal_remove - forget a device
 * @journal: open
 * @bdf: the device; may have no entry
 * @err: filled on failure
 *
 * Return: 0; -errno.
 */
int vfio_journal_remove(const struct vfio_journal *journal, const char *bdf, struct error *err);

/**
 * vfio_journal_list - the devices that have entries
 * @journal: open
 * @out: receives an array of addresses, to be freed
 * @nr: receives its length
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -errno.
 */
int vfio_journal_list(const struct vfio_journal *journal, char (**out)[16], unsigned *nr,
		      struct error *err);

/**
 * vfio_journal_hold - keep a device from being put back for as long as this process lives
 * @journal: open
 * @bdf: has an entry
 * @paths: of the host; says how long to wait for whoever has the entry alone
 * @err: filled on failure
 *
 * Return: a descriptor, which holds it until it is closed; -EBUSY; -errno.
 */
int vfio_journal_hold(const struct vfio_journal *journal, const char *bdf,
		      const struct vfio_host_paths *paths, struct error *err);

/**
 * vfio_journal_is_held - whether a process has taken hold of a device
 * @journal: open
 * @bdf: may have no entry
 *
 * Return: true when one has.
 */
bool vfio_journal_is_held(const struct vfio_journal *journal, const char *bdf);

#endif
