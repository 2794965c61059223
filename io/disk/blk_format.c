/* SPDX-License-Identifier: Apache-2.0 */
#include "io/disk/blk_format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"

#define BLOCK  4096 /* that O_DIRECT can read anywhere */
#define FOOTER 512  /* of a VHD, behind its data */

/* A mark of characters, the last one of which may be 0. */
#define MARK(text) (text), sizeof(text) - 1

static const struct {
	const char *name, *mark;
	size_t size;
	bool is_footer;
} formats[] = {
	{ "qcow2", MARK("QFI\xfb"), false },
	{ "QED", MARK("QED\0"), false },
	{ "VHDX", MARK("vhdxfile"), false },
	{ "VMDK", MARK("KDMV"), false },
	{ "VMDK", MARK("COWD"), false },
	/* Names the files that have the data. */
	{ "VMDK", MARK("# Disk DescriptorFile"), false },
	{ "VDI", MARK("<<< "), false },
	{ "Parallels", MARK("WithoutFreeSpace"), false },
	{ "Parallels", MARK("WithouFreSpacExt"), false },
	{ "VHD", MARK("conectix"), false },
	{ "VHD", MARK("conectix"), true },
};

/* @at is a multiple of BLOCK. Zeroes where there is nothing. */
static void read_block(int fd, uint64_t at, char *block)
{
	ssize_t n = pread(fd, block, BLOCK, (off_t)at);

	if (n < BLOCK)
		memset(block + (n > 0 ? n : 0), 0, BLOCK - (size_t)(n > 0 ? n : 0));
}

const char *blk_format(int fd)
{
	char first[BLOCK] __attribute__((aligned(BLOCK)));
	char last[BLOCK] __attribute__((aligned(BLOCK)));
	/* All of it: what is behind the last whole block of a disk may be the footer. */
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t footer = size < FOOTER ? 0 : (uint64_t)size - FOOTER;

	read_block(fd, 0, first);
	read_block(fd, align_down(footer, BLOCK), last);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const char *at = formats[i].is_footer ? last + footer % BLOCK : first;

		/* A footer that the end of a block cuts is none: it is whole sectors behind the beginning. */
		if (formats[i].is_footer && footer % FOOTER)
			continue;
		if (!memcmp(at, formats[i].mark, formats[i].size))
			return formats[i].name;
	}
	return NULL;
}

unsigned blk_format_gpt(int fd)
{
	char blocks[2 * BLOCK] __attribute__((aligned(BLOCK)));

	read_block(fd, 0, blocks);
	read_block(fd, BLOCK, blocks + BLOCK);
	for (unsigned size = 512; size <= BLOCK; size *= 2) {
		if (!memcmp(blocks + size, "EFI PART", 8))
			return size;
	}
	return 0;
}
