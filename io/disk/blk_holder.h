/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Who has a block device: it, a partition of it, or the disk that it is a partition of; and who makes one of a file.
 */
#ifndef IO_DISK_BLK_HOLDER_H
#define IO_DISK_BLK_HOLDER_H

#include <stddef.h>
#include <sys/types.h>

#include "core/base/block_use.h"

/**
 * blk_holder - what the host does with a block device, with a part of it or with the whole
 * @dev: its number
 * @out: receives the first use found; untouched when there is none
 *
 * Return: true when anything was found.
 */
bool blk_holder(dev_t dev, struct block_use *out);

/**
 * blk_holder_loop - the loop device that a file is
 * @fd: of a regular file
 * @name: receives "loop0"
 * @size: of @name
 *
 * Return: true when there is one.
 */
bool blk_holder_loop(int fd, char *name, size_t size);

#endif
