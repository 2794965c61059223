/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the host uses a block device for: a file system, swap, a part of a volume. Sources: Linux's proc(5), mountinfo and
 * swaps; Documentation/ABI/testing/sysfs-block. Any thread.
 */
#ifndef CORE_BASE_BLOCK_USE_H
#define CORE_BASE_BLOCK_USE_H

#include <stdbool.h>

struct block_use {
	char what[256];	  /* "nvme0n1p1 is mounted on /srv" */
	char remedy[256]; /* what ends it */
};

/**
 * block_use_find - whether the host uses a disk or a partition, alone
 * @sysfs: "/sys"
 * @proc: "/proc"
 * @name: as the kernel calls it
 * @out: receives the first use found; untouched when there is none
 *
 * What other mount namespaces have is not seen. Return: true when it does.
 */
bool block_use_find(const char *sysfs, const char *proc, const char *name, struct block_use *out);

#endif
