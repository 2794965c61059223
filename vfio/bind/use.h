/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Use: what the host itself needs a device for, so that it must not lose it.
 *
 * File systems, swap and volumes on its drives, processes that have them open, addresses of its network interfaces and what
 * is on top of them, virtual functions of it. Any thread.
 */
#ifndef VFIO_BIND_USE_H
#define VFIO_BIND_USE_H

#include <stdbool.h>

#include "vfio/bind/host.h"

struct vfio_use {
	char what[256];	  /* "nvme0n1p1 is mounted on /srv" */
	char remedy[256]; /* what ends it */
};

/**
 * vfio_use_find - whether the host uses a device
 * @paths: where to look
 * @device: from vfio_host_find()
 * @out: receives the first use found; untouched when there is none
 *
 * Return: true when it does.
 */
bool vfio_use_find(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
		   struct vfio_use *out);

#endif
