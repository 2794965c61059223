/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of core/boot share. Main thread only.
 *
 * boot.c opens files and dispatches, load.c puts things into guest memory, bzimage.c and pvh.c
 * know a format each.
 */
#ifndef CORE_BOOT_INTERNAL_H
#define CORE_BOOT_INTERNAL_H

#include <stddef.h>

#include "core/base/bits.h"
#include "core/boot/boot.h"

/* Bytes read from the kernel file to tell what it is; holds any setup and ELF header. */
#define BOOT_HEAD 1024

/* Selectors of the Linux 64-bit boot protocol: __BOOT_CS and __BOOT_DS. */
#define BOOT_CS 0x10
#define BOOT_DS 0x18

/* The stack ends where the page tables start; kernels set up their own at once. */
#define BOOT_STACK_TOP (LAYOUT_PAGETABLES - 16)

/* Every region of RAM, the first in two pieces; two ranges below 1 MiB and two in the device window. */
#define E820_MAX (GUEST_MEM_MAX_REGIONS + 5)

enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3,
};

/**
 * e820_build - the guest's memory map, for boot_params and for PVH alike
 * @mem: guest memory
 * @machine: names the ECAM range
 * @map: receives at most E820_MAX entries, ascending
 *
 * Return: number of entries. Source: ACPI 6.4, 15.
 */
unsigned e820_build(const struct guest_mem *mem, const struct boot_machine *machine,
		    struct boot_e820_entry map[E820_MAX]);

/**
 * boot_kernel_error - record what is wrong with the kernel file
 * @boot: names it
 * @err: may be NULL
 * @code: -errno
 * @remedy: what to do about it
 * @reason: printf style
 *
 * Return: @code.
 */
int boot_kernel_error(const struct boot *boot, struct error *err, int code, const char *remedy,
		      const char *reason, ...) __attribute__((format(printf, 5, 6)));

/**
 * boot_low_end - end of the region of RAM that starts at 0
 * @mem: guest memory
 *
 * Everything that is loaded has to lie below: other regions may follow at once, or behind a hole.
 * Return: a guest physical address, at most GUEST_LOW_END.
 */
uint64_t boot_low_end(const struct guest_mem *mem);

/**
 * boot_check_room - whether the kernel ends within low RAM
 * @boot: names it
 * @mem: guest memory
 * @end: where the kernel ends
 * @err: filled on failure
 *
 * Return: 0; -ENOSPC.
 */
int boot_check_room(const struct boot *boot, const struct guest_mem *mem, uint64_t end,
		    struct error *err);

/**
 * boot_read - read a part of a file straight into guest memory
 * @what: "kernel" or "initramfs", for the error
 * @file: the file
 * @offset: in the file
 * @mem: guest memory
 * @gpa: where it goes
 * @size: bytes; 0 does nothing
 * @err: filled on failure
 *
 * Return: 0; -ENOSPC not RAM; -EIO the file became shorter; -errno of pread(2).
 */
int boot_read(const char *what, const struct boot_file *file, uint64_t offset,
	      const struct guest_mem *mem, uint64_t gpa, uint64_t size, struct error *err);

/**
 * boot_load_initramfs - put the initramfs as high as it may lie
 * @boot: names it; it may have none
 * @mem: guest memory
 * @kernel_end: it must lie above this
 * @limit: and below this, which is at most boot_low_end()
 * @gpa: receives where, 0 when there is none; untouched on failure
 * @err: filled on failure; says need and have
 *
 * Return: 0; -ENOSPC; as boot_read().
 */
int boot_load_initramfs(const struct boot *boot, const struct guest_mem *mem, uint64_t kernel_end,
			uint64_t limit, uint64_t *gpa, struct error *err);

/**
 * boot_write_low - write the command line and a GDT with flat BOOT_CS and BOOT_DS
 * @boot: has the command line
 * @mem: guest memory
 * @code64: whether the code segment is a 64-bit one
 *
 * Source: Intel SDM 3A, 3.4.5.
 */
void boot_write_low(const struct boot *boot, const struct guest_mem *mem, bool code64);

/**
 * bzimage_check - fill boot->bzimage from the file's header
 * @boot: with kernel and cmdline; bzimage is undefined on failure
 * @head: the first bytes of the file, with "HdrS" in place
 * @size: of @head, at most BOOT_HEAD
 * @err: filled on failure
 *
 * Return: as boot_init().
 */
int bzimage_check(struct boot *boot, const uint8_t *head, size_t size, struct error *err);

/**
 * bzimage_load - boot_load() for a bzImage
 * @boot: of kind BOOT_KERNEL_BZIMAGE
 * @mem: guest memory
 * @machine: see boot_load()
 * @entry: receives the entry state; untouched on failure
 * @err: filled on failure
 *
 * Return: as boot_load().
 */
int bzimage_load(const struct boot *boot, const struct guest_mem *mem,
		 const struct boot_machine *machine, struct vcpu_entry *entry, struct error *err);

/**
 * pvh_check - fill boot->pvh from the file's headers
 * @boot: with kernel and cmdline; pvh is undefined on failure
 * @head: the first bytes of the file, with the ELF magic in place
 * @size: of @head, at most BOOT_HEAD
 * @err: filled on failure
 *
 * Return: as boot_init().
 */
int pvh_check(struct boot *boot, const uint8_t *head, size_t size, struct error *err);

/**
 * pvh_load - boot_load() for a PVH ELF file
 * @boot: of kind BOOT_KERNEL_PVH
 * @mem: guest memory
 * @machine: see boot_load()
 * @clear: guest memory is not all zeros
 * @entry: receives the entry state; untouched on failure
 * @err: filled on failure
 *
 * Return: as boot_load().
 */
int pvh_load(const struct boot *boot, const struct guest_mem *mem,
	     const struct boot_machine *machine, bool clear, struct vcpu_entry *entry,
	     struct error *err);

#endif
