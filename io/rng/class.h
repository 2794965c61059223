/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Class: a virtio entropy device as a device of the machine. It is configured by the path of its source.
 */
#ifndef IO_RNG_CLASS_H
#define IO_RNG_CLASS_H

#include "core/device/device.h"

extern const struct device_class rng_class;

#endif
