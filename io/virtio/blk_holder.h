/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the host does with a block device: why it cannot be a guest's. Sources: Linux's proc(5), mountinfo and swaps;
 * Documentation/ABI/testing/sysfs-block.
 */
#ifndef IO_VIRTIO_BLK_HOLDER_H
#define IO_VIRTIO_BLK_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * blk_holder - who has a block device, a partition of it, or the disk that it is a partition of
 * @dev: its number
 * @text: receives what the host does with it: "vdb1 is mounted at /srv"
 * @size: of @text
 *
 * Return: whether anything was found; what other mount namespaces have is not.
 */
bool blk_holder(dev_t dev, char *text, size_t size);

#endif
