/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Holder: who has a file open.
 *
 * For messages, to tell a living user of a VFIO group from one that is on its way out, and to find who uses a disk without
 * the kernel's knowing it. Of a process that is being killed the kernel shows no files any more, even if it has not closed
 * all of them; of other users' only root sees them. Any thread.
 */
#ifndef VFIO_BIND_HOLDER_H
#define VFIO_BIND_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "vfio/bind/host.h"

/** A process that has a disk open. */
struct vfio_holder {
	int pid;
	char disk[64]; /* "nvme0n1", a partition of one, "ng0n1" */
};

/** All of them. Zeroes to begin with, vfio_holders_destroy() in the end. */
struct vfio_holders {
	bool is_read;
	struct vfio_holder *holder;
	size_t nr;
};

/**
 * vfio_find_holder - another process that has a file open
 * @file: its path, as the links in /proc/PID/fd show it
 *
 * Return: the pid; 0 when there is none, or none that may be seen.
 */
int vfio_find_holder(const char *file);

/**
 * vfio_find_disk_holder - another process that has a disk open, and not only for a moment as udev has
 * @paths: where to look; @paths->holders, which is there, is filled if it is not yet
 * @disk: "nvme0n1"
 *
 * Return: the pid; 0 when there is none, or none that may be seen.
 */
int vfio_find_disk_holder(const struct vfio_host_paths *paths, const char *disk);

/**
 * vfio_holders_destroy - free what is in there
 * @holders: zeroes, or filled
 */
void vfio_holders_destroy(struct vfio_holders *holders);

#endif
