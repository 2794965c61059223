/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Block file: what a virtio disk's sectors are kept in, a raw image file or a block device.
 *
 * The main thread opens and closes it; rings use its descriptor and constants.
 */
#ifndef IO_DISK_BLK_FILE_H
#define IO_DISK_BLK_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/host.h"

#define BLK_FILE_MIN_BLOCK 512
#define BLK_FILE_MAX_BLOCK 4096 /* that a Linux guest takes: its page */

struct blk_file_options {
	const char *path;    /* of a regular file or a block device; borrowed */
	bool readonly;	     /* do not write to it; several may do that at a time */
	bool direct;	     /* bypass the page cache (O_DIRECT) */
	bool is_raw;	     /* whatever it looks like; else another format is not written to */
	bool sparse;	     /* the guest may give storage back */
	unsigned block_size; /* for the guest, a power of two; 0: a device's own, a file's 512 */
};

struct blk_file {
	int fd;
	int cached; /* for what is less than direct_size: through the page cache; -1: not needed */
	bool is_cached; /* everything goes through it */
	int claim;	/* of a block device that is written to: has it to itself; -1: none */
	bool readonly;
	bool direct;
	bool is_device;
	bool can_discard;
	uint64_t size;		/* bytes, a multiple of block_size */
	uint32_t block_size;	/* the smallest unit of access */
	char block_why[16];	/* why that one, for the log */
	uint32_t direct_size;	/* fd takes multiples of it; 1 unless direct */
	uint32_t physical_size; /* of the medium's own sectors, at least block_size */
	uint32_t optimal_size;	/* of an access; 0: not known */
	uint32_t discard_unit;	/* bytes */
	uint32_t memory_align;	/* of buffers; 1 unless direct */
};

/**
 * Of struct blk_file_options, a struct blk_file that is open and locked.
 *
 * A size that is no multiple of the block size is rounded down, as the rest cannot be reached. 0; -EBUSY locked by another,
 * mounted, or held by the host in another way; -EINVAL neither file nor block device, smaller than a block, or not raw;
 * -errno.
 */
extern const struct host_source blk_file_source;

/**
 * blk_file_close - close it; nothing is in flight
 * @file: open or zeroed
 */
void blk_file_close(struct blk_file *file);

#endif
