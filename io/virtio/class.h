/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Class: what is the same of all kinds of virtio devices, for their struct device_class.
 */
#ifndef IO_VIRTIO_CLASS_H
#define IO_VIRTIO_CLASS_H

#include "core/device/device.h"
#include "io/virtio/pci.h"

/**
 * virtio_class_opened - what open() ends with
 * @device: its self and pci are set
 * @vp: was made for it
 * @per_ring: queues in a row that one ring serves; the next ones get the next ring
 */
void virtio_class_opened(struct device *device, struct virtio_pci *vp, unsigned per_ring);

/**
 * virtio_class_of - the PCI function of a device
 * @device: OPEN or later
 *
 * Return: as given to virtio_class_opened().
 */
struct virtio_pci *virtio_class_of(const struct device *device);

/**
 * virtio_class_is_abandoned - whether nobody is left to finish what it has in flight
 * @device: OPEN or later
 *
 * Return: whether a ring of it has failed.
 */
bool virtio_class_is_abandoned(const struct device *device);

/**
 * virtio_class_reset - reset() and stop() of struct device_class
 * @device: on its bus, or taken off
 * @hurry_fd: as there
 * @timeout_ms: as there
 *
 * Return: as there; -EIO a ring of it has failed.
 */
int virtio_class_reset(struct device *device, int hurry_fd, int timeout_ms);

/**
 * virtio_class_close - close() of struct device_class
 * @device: as there
 */
void virtio_class_close(struct device *device);

#endif
