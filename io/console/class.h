/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Class: a virtio console as a device of the machine. It is configured by a struct line_config.
 */
#ifndef IO_CONSOLE_CLASS_H
#define IO_CONSOLE_CLASS_H

#include "core/device/device.h"

extern const struct device_class console_class;

#endif
