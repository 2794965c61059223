/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Boot: puts a kernel, its initramfs and its command line into guest memory as a boot loader would.
 *
 * bzImage by the 64-bit boot protocol (Documentation/arch/x86/boot.rst, protocol 2.12 or later
 * with XLF_KERNEL_64) and ELF with a Xen PHYS32_ENTRY note (PVH, Xen's docs/misc/pvh.pandoc: start
 * info version 1). Files are opened and checked once and stay open; boot_load() may be repeated
 * for every reboot of the guest. What the headers say is kept in memory; the rest is read straight
 * into guest memory each time, so that a file that changes or shrinks later costs an error at
 * worst (a mapping would cost a SIGBUS). Main thread.
 */
#ifndef CORE_BOOT_BOOT_H
#define CORE_BOOT_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include <asm/bootparam.h>

#include "core/base/error.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/vcpu_entry.h"

enum boot_kernel_kind {
	BOOT_KERNEL_BZIMAGE,
	BOOT_KERNEL_PVH,
};

/** A regular file, open for reading. */
struct boot_file {
	char *path; /* NULL: none */
	int fd;
	uint64_t size; /* when it was opened */
};

/** What a bzImage's header says, checked. */
struct boot_bzimage {
	struct setup_header header; /* as in the file; zero behind its end */
	uint64_t offset;	    /* of the 64-bit kernel in the file */
	uint64_t size;		    /* of the 64-bit kernel in the file */
	uint64_t load;		    /* guest physical address it runs at */
	uint64_t mem_size;	    /* what it needs from there on, at least @size */
};

#define BOOT_PVH_MAX_SEGMENTS 32

struct boot_segment {
	uint64_t offset; /* in the file */
	uint64_t file_size;
	uint64_t gpa;
	uint64_t mem_size; /* at least @file_size; the rest is zeros */
};

/** What a PVH ELF file says, checked. */
struct boot_pvh {
	unsigned nr_segments;
	struct boot_segment segment[BOOT_PVH_MAX_SEGMENTS];
	uint32_t entry;
	uint64_t end; /* of the highest segment */
};

struct boot {
	enum boot_kernel_kind kind;
	struct boot_file kernel;
	struct boot_file initramfs;
	char *cmdline;
	bool loaded; /* guest memory is no longer all zeros */
	union {
		struct boot_bzimage bzimage;
		struct boot_pvh pvh;
	};
};

/**
 * boot_init - open and check the files
 * @boot: embedded by the caller; untouched on failure
 * @kernel: path of a bzImage or PVH ELF file
 * @initramfs: path, or NULL
 * @cmdline: may be NULL for an empty one
 * @err: filled on failure: object "kernel PATH", what is wrong with it, what torc takes
 *
 * Every offset and length that boot_load() uses is checked here against the file's size.
 * Return: 0; -errno of open(2); -EISDIR; -ENOEXEC neither bzImage nor PVH ELF, or truncated;
 * -EINVAL not a regular file, too old a protocol, a 32-bit-only kernel, an empty initramfs, or a
 * command line longer than the kernel takes.
 */
int boot_init(struct boot *boot, const char *kernel, const char *initramfs, const char *cmdline,
	      struct error *err);

/**
 * boot_destroy - close and free
 * @boot: initialised or zeroed
 */
void boot_destroy(struct boot *boot);

struct boot_machine {
	uint64_t rsdp;	    /* guest physical address */
	uint64_t ecam_base; /* reserved in the memory map, as MCFG wants it */
	uint64_t ecam_size; /* 0: none */
};

/**
 * boot_load - put everything into guest memory and say how the first vCPU enters
 * @boot: opened files
 * @mem: guest memory, all zeros at the first call; no vCPU may run
 * @machine: what the memory map and the kernel's parameters have to name
 * @entry: receives the entry state; untouched on failure
 * @err: filled on failure
 *
 * The ACPI tables at LAYOUT_ACPI are the caller's to write. Later calls clear what a kernel
 * expects to find clear.
 * Return: 0; -ENOSPC when kernel and initramfs do not fit (says need and have); -EIO a file that
 * became shorter; -errno of pread(2).
 */
int boot_load(struct boot *boot, const struct guest_mem *mem, const struct boot_machine *machine,
	      struct vcpu_entry *entry, struct error *err);

#endif
