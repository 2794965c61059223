/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a disk image is when it is not raw, by the marks that formats have at their beginning or end.
 * Sources: qemu docs/interop/qcow2.txt; MS-VHDX 2.1; "Virtual Hard Disk Image Format" (Microsoft), 3; VMDK 5.0, 4; VDI as
 * VirtualBox writes it.
 */
#ifndef IO_DISK_BLK_FORMAT_H
#define IO_DISK_BLK_FORMAT_H

/**
 * blk_format - the format of an image
 * @fd: of the image, a file or block device; may be open with O_DIRECT; its offset moves
 *
 * Return: its name; NULL where it looks like none of those known, or cannot be read.
 */
const char *blk_format(int fd);

/**
 * blk_format_gpt - the size of the blocks that an image is divided in
 * @fd: of the image, a file or block device; may be open with O_DIRECT
 *
 * UEFI 2.10, 5.3.2: the header of a GUID partition table is in the second block.
 * Return: 512 to 4096; 0 where there is no such table.
 */
unsigned blk_format_gpt(int fd);

#endif
