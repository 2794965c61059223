/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "core/boot/internal.h"
#include "core/kvm/layout.h"

/* Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header" and "64-bit Boot Protocol". */
#define HEADER_OFFSET	   0x1f1
#define HEADER_JUMP_TARGET 0x202 /* the header ends this plus the byte before it further on */
#define HEADER_MIN_END	   0x264 /* with init_size */
#define SECTOR		   512
#define PROTOCOL_MIN	   0x20c
#define ENTRY64_OFFSET	   0x200
#define LOADER_UNDEFINED   0xff
#define VGA_NORMAL	   0xffff

/*
 * The same file is a PE image where the kernel has an EFI stub, and its signature follows the kernel. PE format,
 * "MS-DOS Stub", "Optional Header Data Directories": offsets from the file's start, from "PE\0\0" for PE32+.
 */
#define DOS_PE_OFFSET	      0x3c
#define PE_OPTIONAL	      24
#define PE32_PLUS	      0x20b
#define PE_NR_DIRECTORIES     (PE_OPTIONAL + 108)
#define PE_CERTIFICATES	      (PE_OPTIONAL + 112 + 4 * 8) /* offset in the file, size */
#define PE_CERTIFICATES_INDEX 4

#define PTE_TABLE  0x3	/* present, writable */
#define PTE_PAGE2  0x83 /* the same, 2 MiB page */
#define PT_ENTRIES 512

_Static_assert(offsetof(struct boot_params, hdr) == HEADER_OFFSET, "boot.rst");
_Static_assert(sizeof(struct boot_params) == 4096, "boot.rst");

#define REMEDY_TRUNCATED "copy the file again; it is incomplete or damaged"

static int truncated(const struct boot *boot, struct error *err, uint64_t need)
{
	return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_TRUNCATED,
				 "truncated bzImage: it should have %lu bytes, it has %lu", need,
				 boot->kernel.size);
}

static int check_kind(const struct boot *boot, const struct setup_header *h, size_t end,
		      struct error *err)
{
	if (h->version < PROTOCOL_MIN)
		return boot_kernel_error(boot, err, -EINVAL, "take Linux 3.8 or later",
					 "boot protocol %u.%02u, torc needs 2.12 or later",
					 h->version >> 8, h->version & 0xff);
	if (end < HEADER_MIN_END)
		return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_TRUNCATED,
					 "its setup header ends at 0x%zx, too early", end);
	if (!(h->loadflags & LOADED_HIGH))
		return boot_kernel_error(boot, err, -EINVAL, "take a bzImage",
					 "a zImage, which loads below 1 MiB");
	if (!(h->xloadflags & XLF_KERNEL_64))
		return boot_kernel_error(boot, err, -EINVAL, "take an x86-64 kernel",
					 "a 32-bit kernel without a 64-bit entry point");
	return 0;
}

/* Where the kernel will run: boot.rst at pref_address and init_size. */
static int check_placement(const struct boot *boot, struct boot_bzimage *bz, struct error *err)
{
	const struct setup_header *h = &bz->header;

	if (h->relocatable_kernel && !is_pow2(h->kernel_alignment))
		return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_TRUNCATED,
					 "alignment 0x%x is not a power of two",
					 h->kernel_alignment);
	if (h->pref_address < LAYOUT_HIGH_RAM || h->pref_address >= 4 * GIB)
		return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_TRUNCATED,
					 "preferred address 0x%llx is not between 1 MiB and 4 GiB",
					 h->pref_address);
	/* A kernel moved lower would move itself back up, so there is nothing to gain below. */
	bz->load = h->relocatable_kernel ? align_up(h->pref_address, h->kernel_alignment)
					 : h->pref_address;
	bz->mem_size = h->init_size > bz->size ? h->init_size : bz->size;
	return 0;
}

static int check_cmdline(const struct boot *boot, const struct setup_header *h, struct error *err)
{
	size_t max = LAYOUT_CMDLINE_MAX - 1;
	size_t len = strlen(boot->cmdline);

	if (h->cmdline_size < max)
		max = h->cmdline_size;
	if (len <= max)
		return 0;
	return boot_kernel_error(boot, err, -EINVAL, "shorten --cmdline",
				 "takes a command line of %zu bytes, this one has %zu", max, len);
}

/* End in the file of a PE image's signatures; 0 when there are none. */
static uint64_t signatures_end(const uint8_t *head, size_t size)
{
	uint64_t pe = get_le(head + DOS_PE_OFFSET, 4);

	if (memcmp(head, "MZ", 2) || !range_fits(pe, PE_CERTIFICATES + 8, size) ||
	    memcmp(head + pe, "PE\0", 4) || get_le(head + pe + PE_OPTIONAL, 2) != PE32_PLUS ||
	    get_le(head + pe + PE_NR_DIRECTORIES, 4) <= PE_CERTIFICATES_INDEX)
		return 0;
	return get_le(head + pe + PE_CERTIFICATES, 4) + get_le(head + pe + PE_CERTIFICATES + 4, 4);
}

int bzimage_check(struct boot *boot, const uint8_t *head, size_t size, struct error *err)
{
	struct boot_bzimage *bz = &boot->bzimage;
	struct setup_header *h = &bz->header;
	size_t end = HEADER_JUMP_TARGET + head[HEADER_JUMP_TARGET - 1];
	uint64_t need;
	size_t len;
	int r;

	*bz = (struct boot_bzimage){ 0 };
	if (size < HEADER_MIN_END || size < end)
		return truncated(boot, err, end < HEADER_MIN_END ? HEADER_MIN_END : end);
	/* Fields behind the header's end are code, which must not be taken for values. */
	len = end - HEADER_OFFSET;
	memcpy(h, head + HEADER_OFFSET, len < sizeof(*h) ? len : sizeof(*h));
	r = check_kind(boot, h, end, err);
	if (r)
		return r;
	bz->offset = ((h->setup_sects ? h->setup_sects : 4ULL) + 1) * SECTOR;
	bz->size = h->syssize * 16ULL;
	need = signatures_end(head, size);
	if (need < bz->offset + bz->size)
		need = bz->offset + bz->size;
	if (need > boot->kernel.size)
		return truncated(boot, err, need);
	if (bz->size <= ENTRY64_OFFSET)
		return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_TRUNCATED,
					 "there is no kernel in it");
	r = check_placement(boot, bz, err);
	return r ? r : check_cmdline(boot, h, err);
}

/* The low 4 GiB one to one: PML4, PDPT, four page directories with 2 MiB pages. */
static void write_page_tables(const struct guest_mem *mem)
{
	const size_t page = PT_ENTRIES * sizeof(uint64_t);
	uint64_t *table = guest_mem_ptr(mem, (gpa_t){ LAYOUT_PAGETABLES }, 6 * page);
	uint64_t *pdpt = table + PT_ENTRIES;
	uint64_t *pd = pdpt + PT_ENTRIES;

	memset(table, 0, 2 * page);
	table[0] = (LAYOUT_PAGETABLES + page) | PTE_TABLE;
	for (unsigned i = 0; i < 4; i++)
		pdpt[i] = (LAYOUT_PAGETABLES + (2 + i) * page) | PTE_TABLE;
	for (unsigned i = 0; i < 4 * PT_ENTRIES; i++)
		pd[i] = i * 2 * MIB | PTE_PAGE2;
}

static void write_boot_params(const struct boot *boot, const struct guest_mem *mem,
			      const struct boot_machine *machine, uint64_t initramfs)
{
	struct boot_params *bp =
		guest_mem_ptr(mem, (gpa_t){ LAYOUT_ZERO_PAGE }, sizeof(struct boot_params));
	struct boot_e820_entry map[E820_MAX];
	unsigned n = e820_build(mem, machine, map);

	memset(bp, 0, sizeof(*bp));
	bp->hdr = boot->bzimage.header;
	bp->hdr.type_of_loader = LOADER_UNDEFINED;
	bp->hdr.vid_mode = VGA_NORMAL;
	bp->hdr.code32_start = (uint32_t)boot->bzimage.load;
	bp->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	bp->hdr.setup_data = 0;
	bp->hdr.ramdisk_image = (uint32_t)initramfs;
	bp->ext_ramdisk_image = (uint32_t)(initramfs >> 32);
	bp->hdr.ramdisk_size = (uint32_t)boot->initramfs.size;
	bp->ext_ramdisk_size = (uint32_t)(boot->initramfs.size >> 32);
	bp->acpi_rsdp_addr = machine->rsdp;
	bp->e820_entries = (uint8_t)n;
	memcpy(bp->e820_table, map, n * sizeof(map[0]));
}

/*
 * End of the memory in which the initramfs may lie. initrd_addr_max is what a 32-bit loader has to
 * keep to; a kernel that may lie anywhere takes it anywhere too, so where it does not fit below,
 * the end of low RAM counts.
 */
static uint64_t initramfs_limit(const struct boot *boot, uint64_t low_end)
{
	const struct setup_header *h = &boot->bzimage.header;
	uint64_t start = boot->bzimage.load + boot->bzimage.mem_size;
	uint64_t limit = h->initrd_addr_max + 1ULL;

	if (limit >= low_end)
		return low_end;
	if ((h->xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G) &&
	    (limit < start || boot->initramfs.size > limit - start))
		return low_end;
	return limit;
}

int bzimage_load(const struct boot *boot, const struct guest_mem *mem,
		 const struct boot_machine *machine, struct vcpu_entry *entry, struct error *err)
{
	const struct boot_bzimage *bz = &boot->bzimage;
	uint64_t end = bz->load + bz->mem_size;
	uint64_t initramfs = 0;
	int r;

	r = boot_check_room(boot, mem, end, err);
	if (!r)
		r = boot_load_initramfs(boot, mem, end, initramfs_limit(boot, boot_low_end(mem)),
					&initramfs, err);
	if (!r)
		r = boot_read("kernel", &boot->kernel, bz->offset, mem, bz->load, bz->size, err);
	if (r)
		return r;
	boot_write_low(boot, mem, true);
	write_page_tables(mem);
	write_boot_params(boot, mem, machine, initramfs);
	*entry = (struct vcpu_entry){
		.mode = VCPU_ENTRY_LONG64,
		.rip = bz->load + ENTRY64_OFFSET,
		.rsi = LAYOUT_ZERO_PAGE,
		.rsp = BOOT_STACK_TOP,
		.cr3 = LAYOUT_PAGETABLES,
	};
	return 0;
}
