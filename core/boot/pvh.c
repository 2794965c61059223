/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fd.h"
#include "core/boot/internal.h"
#include "core/kvm/layout.h"

/* Xen public interface: elfnote.h. */
#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define MAX_PHDRS 128
#define MAX_NOTES (64 * KIB)

#define REMEDY_DAMAGED "copy the file again; it is incomplete or damaged"
#define REMEDY_PVH     "build it with CONFIG_PVH=y, or give the bzImage (vmlinuz)"

/* Xen public interface: arch-x86/hvm/start_info.h, version 1. All values little-endian. */
#define START_INFO_MAGIC 0x336ec578

struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist;
	uint64_t cmdline;
	uint64_t rsdp;
	uint64_t memmap;
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct start_module {
	uint64_t addr;
	uint64_t size;
	uint64_t cmdline;
	uint64_t reserved;
};

/* @type is that of an E820 map. */
struct start_memmap {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

_Static_assert(sizeof(struct start_info) == 56, "start_info.h");
_Static_assert(sizeof(struct start_module) == 32, "start_info.h");
_Static_assert(sizeof(struct start_memmap) == 24, "start_info.h");

struct start_page {
	struct start_info info;
	struct start_module module;
};

_Static_assert(sizeof(struct start_page) <= LAYOUT_PVH_MEMMAP - LAYOUT_ZERO_PAGE, "layout.h");
/* What is left up to LAYOUT_PAGETABLES is the stack's. */
_Static_assert(E820_MAX * sizeof(struct start_memmap) <= 2 * KIB, "layout.h");

/* A file whose program headers are read one by one; 32-bit ones are widened. */
struct elf {
	bool is64;
	uint64_t phoff;
	unsigned phentsize;
	unsigned phnum;
};

static int damaged(const struct boot *boot, struct error *err, const char *what)
{
	return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_DAMAGED, "damaged ELF file: %s", what);
}

static int read_exact(const struct boot *boot, void *buf, size_t size, uint64_t offset,
		      struct error *err)
{
	ssize_t n = fd_pread_all(boot->kernel.fd, buf, size, offset);

	if (n < 0)
		return error_set(err, (int)n, "kernel %s", boot->kernel.path);
	return (size_t)n == size ? 0 : damaged(boot, err, "it ends too early");
}

static int elf_check(const struct boot *boot, const uint8_t *head, size_t size, struct elf *elf,
		     struct error *err)
{
	unsigned min_phentsize;
	Elf32_Ehdr e32;
	Elf64_Ehdr e64;

	if (size < sizeof(e64))
		return damaged(boot, err, "it ends within its header");
	memcpy(&e32, head, sizeof(e32));
	memcpy(&e64, head, sizeof(e64));
	if (head[EI_DATA] != ELFDATA2LSB || (e64.e_machine != EM_X86_64 && e64.e_machine != EM_386))
		return boot_kernel_error(boot, err, -ENOEXEC, "give an x86 kernel",
					 "an ELF file for another machine than x86");
	if (head[EI_CLASS] == ELFCLASS64) {
		*elf = (struct elf){ true, e64.e_phoff, e64.e_phentsize, e64.e_phnum };
		min_phentsize = sizeof(Elf64_Phdr);
	} else if (head[EI_CLASS] == ELFCLASS32) {
		*elf = (struct elf){ false, e32.e_phoff, e32.e_phentsize, e32.e_phnum };
		min_phentsize = sizeof(Elf32_Phdr);
	} else {
		return damaged(boot, err, "neither 32-bit nor 64-bit");
	}
	if (!elf->phnum || elf->phnum > MAX_PHDRS)
		return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_PVH,
					 "%u program headers, torc takes 1 to %u", elf->phnum,
					 MAX_PHDRS);
	if (elf->phentsize < min_phentsize ||
	    !range_fits(elf->phoff, (uint64_t)elf->phentsize * elf->phnum, boot->kernel.size))
		return damaged(boot, err, "its program headers lie outside of it");
	return 0;
}

static int elf_phdr(const struct boot *boot, const struct elf *elf, unsigned i, Elf64_Phdr *ph,
		    struct error *err)
{
	uint64_t offset = elf->phoff + (uint64_t)i * elf->phentsize;
	Elf32_Phdr p32;
	int r;

	if (elf->is64)
		return read_exact(boot, ph, sizeof(*ph), offset, err);
	r = read_exact(boot, &p32, sizeof(p32), offset, err);
	if (!r)
		*ph = (Elf64_Phdr){
			.p_type = p32.p_type,
			.p_offset = p32.p_offset,
			.p_paddr = p32.p_paddr,
			.p_filesz = p32.p_filesz,
			.p_memsz = p32.p_memsz,
			.p_align = p32.p_align,
		};
	return r;
}

static int add_segment(const struct boot *boot, struct boot_pvh *pvh, const Elf64_Phdr *ph,
		       struct error *err)
{
	if (!ph->p_memsz)
		return 0;
	if (pvh->nr_segments == BOOT_PVH_MAX_SEGMENTS)
		return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_PVH,
					 "more than %d loadable segments", BOOT_PVH_MAX_SEGMENTS);
	if (ph->p_filesz > ph->p_memsz)
		return damaged(boot, err, "a segment is larger in the file than in memory");
	if (!range_fits(ph->p_offset, ph->p_filesz, boot->kernel.size))
		return damaged(boot, err, "a segment lies outside of it");
	if (ph->p_paddr < LAYOUT_HIGH_RAM || !range_fits(ph->p_paddr, ph->p_memsz, 4 * GIB))
		return boot_kernel_error(
			boot, err, -ENOEXEC, REMEDY_PVH,
			"segment at 0x%lx, 0x%lx bytes, is not within 1 MiB to 4 GiB", ph->p_paddr,
			ph->p_memsz);
	pvh->segment[pvh->nr_segments++] = (struct boot_segment){
		.offset = ph->p_offset,
		.file_size = ph->p_filesz,
		.gpa = ph->p_paddr,
		.mem_size = ph->p_memsz,
	};
	if (pvh->end < ph->p_paddr + ph->p_memsz)
		pvh->end = ph->p_paddr + ph->p_memsz;
	return 0;
}

/* The PHYS32_ENTRY note among the @size bytes of notes; 0 when it is not there. */
static uint32_t notes_entry(const uint8_t *notes, size_t size, uint64_t align)
{
	size_t pos = 0;

	while (range_fits(pos, sizeof(Elf64_Nhdr), size)) {
		Elf64_Nhdr note;
		uint64_t name = pos + sizeof(note), desc, next;

		memcpy(&note, notes + pos, sizeof(note));
		desc = align_up(name + note.n_namesz, align);
		next = align_up(desc + note.n_descsz, align);
		if (desc + note.n_descsz > size)
			break;
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == sizeof("Xen") &&
		    !memcmp(notes + name, "Xen", sizeof("Xen")) && note.n_descsz >= 4)
			return (uint32_t)get_le(notes + desc, 4);
		pos = next;
	}
	return 0;
}

static int read_notes(const struct boot *boot, const Elf64_Phdr *ph, uint32_t *entry,
		      struct error *err)
{
	uint64_t size = ph->p_filesz < MAX_NOTES ? ph->p_filesz : MAX_NOTES;
	uint8_t *notes;
	int r;

	if (!range_fits(ph->p_offset, ph->p_filesz, boot->kernel.size))
		return damaged(boot, err, "its notes lie outside of it");
	notes = malloc(size ? size : 1);
	if (!notes)
		return error_set(err, -ENOMEM, "kernel %s", boot->kernel.path);
	r = read_exact(boot, notes, size, ph->p_offset, err);
	if (!r && !*entry)
		*entry = notes_entry(notes, size, ph->p_align == 8 ? 8 : 4);
	free(notes);
	return r;
}

static bool in_segment(const struct boot_pvh *pvh, uint64_t gpa)
{
	for (unsigned i = 0; i < pvh->nr_segments; i++)
		if (gpa >= pvh->segment[i].gpa &&
		    gpa - pvh->segment[i].gpa < pvh->segment[i].mem_size)
			return true;
	return false;
}

/* Notes first: a file without the entry point is no kernel for torc, whatever its segments. */
static int read_phdrs(const struct boot *boot, struct boot_pvh *pvh, const struct elf *elf,
		      uint32_t type, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < elf->phnum; i++) {
		Elf64_Phdr ph;

		r = elf_phdr(boot, elf, i, &ph, err);
		if (r || ph.p_type != type)
			continue;
		r = type == PT_LOAD ? add_segment(boot, pvh, &ph, err)
				    : read_notes(boot, &ph, &pvh->entry, err);
	}
	return r;
}

int pvh_check(struct boot *boot, const uint8_t *head, size_t size, struct error *err)
{
	struct boot_pvh *pvh = &boot->pvh;
	struct elf elf = { 0 };
	int r;

	*pvh = (struct boot_pvh){ 0 };
	r = elf_check(boot, head, size, &elf, err);
	if (!r)
		r = read_phdrs(boot, pvh, &elf, PT_NOTE, err);
	if (!r && !pvh->entry)
		return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_PVH,
					 "an ELF file without a PVH entry point");
	if (!r)
		r = read_phdrs(boot, pvh, &elf, PT_LOAD, err);
	if (r)
		return r;
	if (!in_segment(pvh, pvh->entry))
		return damaged(boot, err, "its PVH entry point is in no segment");
	if (strlen(boot->cmdline) >= LAYOUT_CMDLINE_MAX)
		return boot_kernel_error(boot, err, -EINVAL, "shorten --cmdline",
					 "takes a command line of %llu bytes, this one has %zu",
					 LAYOUT_CMDLINE_MAX - 1, strlen(boot->cmdline));
	return 0;
}

/* Clears first, so that a segment's tail never wipes out what another one has loaded. */
static int load_segments(const struct boot *boot, const struct guest_mem *mem, bool clear,
			 struct error *err)
{
	const struct boot_pvh *pvh = &boot->pvh;
	int r = 0;

	for (unsigned i = 0; clear && i < pvh->nr_segments; i++) {
		const struct boot_segment *s = &pvh->segment[i];
		uint64_t tail = s->mem_size - s->file_size;

		memset(guest_mem_ptr(mem, (gpa_t){ s->gpa + s->file_size }, tail), 0, tail);
	}
	for (unsigned i = 0; !r && i < pvh->nr_segments; i++) {
		const struct boot_segment *s = &pvh->segment[i];

		r = boot_read("kernel", &boot->kernel, s->offset, mem, s->gpa, s->file_size, err);
	}
	return r;
}

static void write_start_info(const struct boot *boot, const struct guest_mem *mem,
			     const struct boot_machine *machine, uint64_t initramfs)
{
	struct start_page *page =
		guest_mem_ptr(mem, (gpa_t){ LAYOUT_ZERO_PAGE }, sizeof(struct start_page));
	struct start_memmap *out = guest_mem_ptr(mem, (gpa_t){ LAYOUT_PVH_MEMMAP },
						 E820_MAX * sizeof(struct start_memmap));
	struct boot_e820_entry map[E820_MAX];
	unsigned n = e820_build(mem, machine, map);

	*page = (struct start_page){
		.info = {
			.magic = START_INFO_MAGIC,
			.version = 1,
			.nr_modules = initramfs ? 1 : 0,
			.modlist = initramfs ?
				LAYOUT_ZERO_PAGE + offsetof(struct start_page, module) : 0,
			.cmdline = LAYOUT_CMDLINE,
			.rsdp = machine->rsdp,
			.memmap = LAYOUT_PVH_MEMMAP,
			.memmap_entries = n,
		},
		.module = { .addr = initramfs, .size = boot->initramfs.size },
	};
	for (unsigned i = 0; i < n; i++)
		out[i] = (struct start_memmap){ map[i].addr, map[i].size, map[i].type, 0 };
}

int pvh_load(const struct boot *boot, const struct guest_mem *mem,
	     const struct boot_machine *machine, bool clear, struct vcpu_entry *entry,
	     struct error *err)
{
	uint64_t initramfs = 0;
	int r;

	r = boot_check_room(boot, mem, boot->pvh.end, err);
	if (!r)
		r = load_segments(boot, mem, clear, err);
	if (!r)
		r = boot_load_initramfs(boot, mem, boot->pvh.end, boot_low_end(mem), &initramfs,
					err);
	if (r)
		return r;
	boot_write_low(boot, mem, false);
	write_start_info(boot, mem, machine, initramfs);
	*entry = (struct vcpu_entry){
		.mode = VCPU_ENTRY_PROTECTED,
		.rip = boot->pvh.entry,
		.rbx = LAYOUT_ZERO_PAGE,
		.rsp = BOOT_STACK_TOP,
	};
	return 0;
}
