/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Show: devices for people and, as JSON, for programs; of torc-vfio only.
 *
 * Main thread.
 */
#ifndef VFIO_TOOL_SHOW_H
#define VFIO_TOOL_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "vfio/bind/host.h"

/**
 * vfio_show_list - every PCI device, a line each
 * @paths: of the host
 * @json: as an array of objects instead
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -errno.
 */
int vfio_show_list(const struct vfio_host_paths *paths, bool json, FILE *out, struct error *err);

/**
 * vfio_show_device - all there is to know of a device
 * @paths: of the host
 * @bdf: its address
 * @json: as an object instead
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOENT no such device; -EINVAL not an address; -ENOMEM; -errno.
 */
int vfio_show_device(const struct vfio_host_paths *paths, const char *bdf, bool json, FILE *out,
		     struct error *err);

#endif
