/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reset: how a device gets back to the state after power-on.
 *
 * The kernel resets a function by itself where it can: by a function level reset, by power management, or by resetting
 * a bus that it is alone on. Failing that, a hot reset of the bus takes all functions there along, so that all of them
 * have to be this machine's. Main thread.
 * Source: <linux/vfio.h>, VFIO_DEVICE_RESET, VFIO_DEVICE_PCI_HOT_RESET; Documentation/ABI/testing/sysfs-bus-pci,
 * reset_method.
 */
#ifndef VFIO_PCI_RESET_H
#define VFIO_PCI_RESET_H

#include <stdbool.h>

#include "vfio/pci/device.h"

/**
 * vfio_reset_run - reset a device by what there is
 * @device: opened; what it has of the guest's is off
 * @name: VFIO_RESET_NAME_SIZE bytes: receives what it was: "flr", "pm", "bus", "hot reset of 2 functions"; "none", also
 *	where that failed
 *
 * The kernel puts the configuration space of each function back as it was.
 * The guest uses none of the machine's devices meanwhile.
 * Return: 0; -ENOTTY there is no reset; -EPERM only a hot reset, which would take a function along that is not this
 * machine's; -errno.
 */
int vfio_reset_run(const struct vfio_device *device, char *name);

/**
 * vfio_reset_describe - by which method the kernel resets the function alone
 * @device: opened; can be reset so
 * @name: VFIO_RESET_NAME_SIZE bytes: receives it
 */
void vfio_reset_describe(const struct vfio_device *device, char *name);

/**
 * vfio_reset_groups - the groups of all functions that a hot reset affects
 * @ioas: has the machine's groups
 * @dependent: functions that are affected
 * @nr: of them
 * @fds: room for VFIO_IOAS_MAX_GROUPS; receives their descriptors, each once and no other's: the kernel takes no more than
 *	there are functions
 *
 * Return: how many; -EPERM one of them is not the machine's.
 */
int vfio_reset_groups(const struct vfio_ioas *ioas,
		      const struct vfio_pci_dependent_device *dependent, unsigned nr, int32_t *fds);

#endif
