/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>

#include "tests/unit/boot_files.h"

#define ELF_SIZE 4096

struct elf_image {
	uint8_t bytes[ELF_SIZE];
	Elf64_Ehdr *eh;
	Elf64_Phdr *ph; /* text, data with bss, notes */
};

struct note {
	Elf64_Nhdr h;
	char name[4];
	uint32_t desc[2];
};

#define TEXT  0x400
#define DATA  0x800
#define NOTES 0x300
#define BSS   0x5000

static void elf_init(struct elf_image *elf)
{
	static const struct note notes[] = {
		{ { 4, 8, 6 }, "Xen", { 1, 2 } },  /* another type */
		{ { 4, 8, 18 }, "GNU", { 3, 4 } }, /* another owner */
		{ { 4, 8, 18 }, "Xen", { LOAD + 0x10, 0 } },
	};
	static const Elf64_Phdr phdrs[] = {
		{ .p_type = PT_LOAD,
		  .p_offset = TEXT,
		  .p_paddr = LOAD,
		  .p_filesz = 0x400,
		  .p_memsz = 0x400 },
		{ .p_type = PT_LOAD,
		  .p_offset = DATA,
		  .p_paddr = LOAD + 0x1000,
		  .p_filesz = 0x800,
		  .p_memsz = BSS },
		{ .p_type = PT_NOTE, .p_offset = NOTES, .p_filesz = sizeof(notes), .p_align = 4 },
	};

	memset(elf->bytes, 0, sizeof(elf->bytes));
	elf->eh = (void *)elf->bytes;
	elf->ph = (void *)(elf->bytes + sizeof(Elf64_Ehdr));
	*elf->eh = (Elf64_Ehdr){
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = ARRAY_SIZE(phdrs),
	};
	memcpy(elf->ph, phdrs, sizeof(phdrs));
	memcpy(elf->bytes + NOTES, notes, sizeof(notes));
	for (size_t i = TEXT; i < ELF_SIZE; i++)
		elf->bytes[i] = payload_byte(i);
}

static void expect_elf_refused(const struct elf_image *elf, const char *reason)
{
	expect_refused(elf->bytes, ELF_SIZE, -ENOEXEC, reason);
}

static void expect_pvh_loaded(const struct guest_mem *mem, const struct vcpu_entry *entry)
{
	const uint8_t *data = at(mem, LOAD + 0x1000);
	const uint64_t *gdt = at(mem, LAYOUT_GDT);

	assert_int_equal(entry->mode, VCPU_ENTRY_PROTECTED);
	assert_int_equal(entry->rip, LOAD + 0x10);
	assert_int_equal(entry->rbx, LAYOUT_ZERO_PAGE);
	for (size_t i = 0; i < 0x400; i++)
		assert_int_equal(((uint8_t *)at(mem, LOAD))[i], payload_byte(TEXT + i));
	for (size_t i = 0; i < 0x800; i++)
		assert_int_equal(data[i], payload_byte(DATA + i));
	for (size_t i = 0x800; i < BSS; i++)
		assert_int_equal(data[i], 0);
	assert_int_equal(gdt[2] >> 40, 0x00cf9b); /* 32-bit code */
	assert_int_equal(gdt[3] >> 40, 0x00cf93);
}

static void pvh_kernel_is_loaded_and_again_on_reboot(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct elf_image elf;
	struct boot boot;

	elf_init(&elf);
	open_bytes(&boot, elf.bytes, ELF_SIZE);
	assert_int_equal(boot.kind, BOOT_KERNEL_PVH);
	load(&boot, &mem, &entry);
	expect_pvh_loaded(&mem, &entry);
	memset(mem.region[0].va, 0xee, mem.region[0].size);
	load(&boot, &mem, &entry);
	expect_pvh_loaded(&mem, &entry);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void pvh_start_info_follows_the_interface(void **state)
{
	struct guest_mem mem = mem_new(5 * GIB);
	const uint8_t *info = at(&mem, LAYOUT_ZERO_PAGE);
	char kernel[FD_PATH], initramfs[FD_PATH];
	const uint8_t *module, *map;
	struct vcpu_entry entry;
	struct elf_image elf;
	struct boot boot;
	int kfd, ifd;

	elf_init(&elf);
	kfd = file_new(elf.bytes, ELF_SIZE, kernel);
	ifd = file_new("initramfs", 9, initramfs);
	assert_int_equal(boot_init(&boot, kernel, initramfs, "quiet", NULL), 0);
	load(&boot, &mem, &entry);
	assert_int_equal(get_le(info, 4), 0x336ec578);
	assert_int_equal(get_le(info + 4, 4), 1);
	assert_int_equal(get_le(info + 8, 4), 0);
	assert_int_equal(get_le(info + 12, 4), 1);
	assert_string_equal(at(&mem, get_le(info + 24, 8)), "quiet");
	assert_int_equal(get_le(info + 32, 8), LAYOUT_ACPI);
	module = at(&mem, get_le(info + 16, 8));
	assert_int_equal(get_le(module, 8), 3 * GIB - 4096);
	assert_int_equal(get_le(module + 8, 8), 9);
	assert_memory_equal(at(&mem, 3 * GIB - 4096), "initramfs", 9);
	assert_int_equal(get_le(info + 48, 4), 7);
	map = at(&mem, get_le(info + 40, 8));
	assert_int_equal(get_le(map + 3 * 24, 8), MIB);
	assert_int_equal(get_le(map + 3 * 24 + 8, 8), 3 * GIB - MIB);
	assert_int_equal(get_le(map + 3 * 24 + 16, 4), 1);
	assert_int_equal(get_le(map + 6 * 24, 8), 4 * GIB);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
	close(kfd);
	close(ifd);
}

static void pvh_memory_map_has_every_region(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	const uint8_t *info = at(&mem, LAYOUT_ZERO_PAGE);
	struct vcpu_entry entry;
	struct elf_image elf;
	const uint8_t *map;
	struct boot boot;

	elf_init(&elf);
	open_bytes(&boot, elf.bytes, ELF_SIZE);
	for (unsigned i = 1; i < GUEST_MEM_MAX_REGIONS; i++)
		mem_add(&mem, (i < 3 ? i : i + 1) * GIB, GIB / 2);
	load(&boot, &mem, &entry);
	assert_int_equal(get_le(info + 48, 4), GUEST_MEM_MAX_REGIONS + 5);
	map = at(&mem, get_le(info + 40, 8));
	assert_int_equal(get_le(map + 3 * 24 + 8, 8), 63 * MIB);
	assert_int_equal(get_le(map + 4 * 24, 8), GIB); /* behind a hole */
	assert_int_equal(get_le(map + 4 * 24 + 8, 8), GIB / 2);
	assert_int_equal(get_le(map + 4 * 24 + 16, 4), 1);
	boot_destroy(&boot);
	mem.nr_regions = 1;
	guest_mem_destroy(&mem);
}

static void without_initramfs_there_is_no_module(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	const uint8_t *info = at(&mem, LAYOUT_ZERO_PAGE);
	struct vcpu_entry entry;
	struct elf_image elf;
	struct boot boot;

	elf_init(&elf);
	open_bytes(&boot, elf.bytes, ELF_SIZE);
	load(&boot, &mem, &entry);
	assert_int_equal(get_le(info + 12, 4), 0);
	assert_int_equal(get_le(info + 16, 8), 0);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void elf32_kernel_is_loaded(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct elf_image elf;
	struct boot boot;
	Elf32_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1 },
		.e_machine = EM_386,
		.e_phoff = sizeof(Elf32_Ehdr),
		.e_phentsize = sizeof(Elf32_Phdr),
		.e_phnum = 3,
	};

	elf_init(&elf);
	for (unsigned i = 0; i < 3; i++) {
		Elf64_Phdr p;
		Elf32_Phdr p32;

		memcpy(&p, &elf.ph[i], sizeof(p));
		p32 = (Elf32_Phdr){
			.p_type = p.p_type,
			.p_offset = (Elf32_Off)p.p_offset,
			.p_paddr = (Elf32_Addr)p.p_paddr,
			.p_filesz = (Elf32_Word)p.p_filesz,
			.p_memsz = (Elf32_Word)p.p_memsz,
			.p_align = (Elf32_Word)p.p_align,
		};
		memcpy(elf.bytes + sizeof(eh) + i * sizeof(p32), &p32, sizeof(p32));
	}
	memcpy(elf.bytes, &eh, sizeof(eh));
	open_bytes(&boot, elf.bytes, ELF_SIZE);
	load(&boot, &mem, &entry);
	expect_pvh_loaded(&mem, &entry);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void elf_cut_anywhere_is_refused(void **state)
{
	struct elf_image elf;
	struct boot boot;
	struct error err;

	elf_init(&elf);
	for (size_t size = 0; size < ELF_SIZE; size++)
		assert_int_equal(init_bytes(&boot, elf.bytes, size, NULL, &err), -ENOEXEC);
}

static void elf_headers_with_absurd_values_are_refused(void **state)
{
	struct elf_image elf;

	elf_init(&elf);
	elf.eh->e_machine = EM_AARCH64;
	expect_elf_refused(&elf, "another machine");
	elf_init(&elf);
	elf.eh->e_ident[EI_CLASS] = 7;
	expect_elf_refused(&elf, "neither 32-bit nor 64-bit");
	elf_init(&elf);
	elf.eh->e_phoff = UINT64_MAX - 8;
	expect_elf_refused(&elf, "outside");
	elf_init(&elf);
	elf.eh->e_phentsize = 8;
	expect_elf_refused(&elf, "outside");
	elf_init(&elf);
	elf.eh->e_phnum = 0;
	expect_elf_refused(&elf, "program headers");
	elf.eh->e_phnum = 0xffff;
	expect_elf_refused(&elf, "program headers");
}

static void elf_segments_with_absurd_values_are_refused(void **state)
{
	struct elf_image elf;

	elf_init(&elf);
	elf.ph[0].p_filesz = 0x401;
	expect_elf_refused(&elf, "larger in the file");
	elf_init(&elf);
	elf.ph[0].p_offset = UINT64_MAX - 0x10;
	expect_elf_refused(&elf, "outside");
	elf_init(&elf);
	elf.ph[0].p_filesz = elf.ph[0].p_memsz = UINT64_MAX - 0x10;
	expect_elf_refused(&elf, "outside");
	elf_init(&elf);
	elf.ph[0].p_paddr = UINT64_MAX - 0x10;
	expect_elf_refused(&elf, "not within");
	elf_init(&elf);
	elf.ph[0].p_memsz = UINT64_MAX;
	expect_elf_refused(&elf, "not within");
	elf_init(&elf);
	elf.ph[0].p_paddr = 0x1000;
	expect_elf_refused(&elf, "not within");
	elf_init(&elf);
	elf.ph[0].p_paddr += 4 * MIB;
	expect_elf_refused(&elf, "in no segment");
}

static void elf_with_too_many_segments_is_refused(void **state)
{
	struct elf_image elf;

	elf_init(&elf);
	elf.eh->e_phoff = 0x400;
	elf.eh->e_phnum = BOOT_PVH_MAX_SEGMENTS + 2;
	memcpy(elf.bytes + 0x400, &elf.ph[2], sizeof(Elf64_Phdr));
	for (unsigned i = 1; i < elf.eh->e_phnum; i++)
		memcpy(elf.bytes + 0x400 + i * sizeof(Elf64_Phdr), &elf.ph[0], sizeof(Elf64_Phdr));
	expect_elf_refused(&elf, "more than 32");
}

static void elf_notes_with_absurd_values_are_refused(void **state)
{
	static const uint32_t sizes[] = { 0xffffffff, 0xfffffffd, 0x80000000, 1000 };
	struct elf_image elf;
	struct note *notes;

	elf_init(&elf);
	elf.ph[2].p_offset = UINT64_MAX - 4;
	expect_elf_refused(&elf, "notes lie outside");
	elf_init(&elf);
	elf.ph[2].p_filesz = 4;
	expect_elf_refused(&elf, "without a PVH entry");
	elf.ph[2].p_filesz = 0;
	expect_elf_refused(&elf, "without a PVH entry");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		elf_init(&elf);
		notes = (void *)(elf.bytes + NOTES);
		notes[0].h.n_namesz = sizes[i];
		expect_elf_refused(&elf, "without a PVH entry");
		notes[0].h.n_namesz = 4;
		notes[0].h.n_descsz = sizes[i];
		expect_elf_refused(&elf, "without a PVH entry");
	}
}

static void pvh_kernel_that_does_not_fit_says_need_and_have(void **state)
{
	struct guest_mem mem = mem_new(16 * MIB);
	struct vcpu_entry entry;
	struct error err = { 0 };
	struct elf_image elf;
	struct boot boot;

	elf_init(&elf);
	open_bytes(&boot, elf.bytes, ELF_SIZE);
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, &err), -ENOSPC);
	assert_string_equal(err.reason, "needs RAM up to 17 MiB, the guest has 16 MiB");
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pvh_kernel_is_loaded_and_again_on_reboot),
		cmocka_unit_test(pvh_start_info_follows_the_interface),
		cmocka_unit_test(pvh_memory_map_has_every_region),
		cmocka_unit_test(without_initramfs_there_is_no_module),
		cmocka_unit_test(elf32_kernel_is_loaded),
		cmocka_unit_test(elf_cut_anywhere_is_refused),
		cmocka_unit_test(elf_headers_with_absurd_values_are_refused),
		cmocka_unit_test(elf_segments_with_absurd_values_are_refused),
		cmocka_unit_test(elf_with_too_many_segments_is_refused),
		cmocka_unit_test(elf_notes_with_absurd_values_are_refused),
		cmocka_unit_test(pvh_kernel_that_does_not_fit_says_need_and_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
