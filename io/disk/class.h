/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Class: a virtio block device as a device of the machine. It is configured by a struct virtio_blk_options.
 */
#ifndef IO_DISK_CLASS_H
#define IO_DISK_CLASS_H

#include "core/device/device.h"
#include "core/schema/schema.h"

extern const struct device_class disk_class;

/** What can be said of one. */
extern const struct schema disk_schema;

#endif
