/* SPDX-License-Identifier: Apache-2.0 */
/**
 * NVMe VF: queues and interrupts for the virtual functions of an NVMe drive.
 *
 * A drive with flexible resources makes its virtual functions without any, offline; the physical function hands them out
 * by Virtualization Management. Main thread, with the rights of root.
 * Source: NVM Express Base Specification 2.0, 5.30 and 8.26.
 */
#ifndef VFIO_BIND_NVME_VF_H
#define VFIO_BIND_NVME_VF_H

#include "vfio/bind/host.h"

/**
 * vfio_nvme_vf_start - share a drive's flexible resources out among its virtual functions, and put them online
 * @paths: of the host
 * @device: a physical function with its own driver; nothing is done for one that is no NVMe drive, or that does not manage
 *          virtual functions
 * @nr: how many of its virtual functions there are, at least 1
 * @err: filled on failure
 *
 * Return: 0; -EIO the drive refuses; -errno.
 */
int vfio_nvme_vf_start(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
		       unsigned nr, struct error *err);

#endif
