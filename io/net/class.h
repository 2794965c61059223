/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Class: a virtio network device as a device of the machine. It is configured by a struct virtio_net_options.
 */
#ifndef IO_NET_CLASS_H
#define IO_NET_CLASS_H

#include "core/device/device.h"
#include "core/schema/schema.h"

extern const struct device_class net_class;

/** What can be said of one. */
extern const struct schema net_schema;

#endif
