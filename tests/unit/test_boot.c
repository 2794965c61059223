/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/boot_files.h"
#include "tests/unit/within.h"

#define SETUP	1536 /* two sectors and the boot sector */
#define PAYLOAD 8192
#define IMAGE	(SETUP + PAYLOAD)

struct image {
	uint8_t bytes[IMAGE];
	struct setup_header *h;
};

/* A bzImage as small as one can be; tests then damage it. */
static void image_init(struct image *image)
{
	static const struct setup_header header = {
		.setup_sects = SETUP / 512 - 1,
		.syssize = PAYLOAD / 16,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb, /* to 0x26c, the header's end */
		.header = 0x53726448,
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.setup_data = 0x1234,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 2 * MIB,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
		.cmdline_size = 2047,
		.pref_address = LOAD,
		.init_size = 4 * MIB,
	};

	memset(image->bytes, 0xcc, SETUP);
	for (size_t i = 0; i < PAYLOAD; i++)
		image->bytes[SETUP + i] = payload_byte(i);
	image->h = (void *)(image->bytes + 0x1f1);
	*image->h = header;
}

/* The same with an initramfs of @size bytes, each 0x55. */
static void open_with_initramfs(struct boot *boot, const struct image *image, uint64_t size)
{
	char kernel[FD_PATH], initramfs[FD_PATH];
	int kfd = file_new(image->bytes, IMAGE, kernel);
	int ifd = file_new("", 0, initramfs);
	uint8_t mark = 0x55;

	assert_int_equal(ftruncate(ifd, (off_t)size), 0);
	assert_int_equal(pwrite(ifd, &mark, 1, 0), 1);
	assert_int_equal(pwrite(ifd, &mark, 1, (off_t)size - 1), 1);
	assert_int_equal(boot_init(boot, kernel, initramfs, NULL, NULL), 0);
	close(kfd);
	close(ifd);
}

static const struct boot_params *params(const struct guest_mem *mem)
{
	return at(mem, LAYOUT_ZERO_PAGE);
}

/* bzImage */

static void expect_loaded(const struct guest_mem *mem, const struct vcpu_entry *entry)
{
	const uint64_t *gdt = at(mem, LAYOUT_GDT);

	assert_int_equal(entry->mode, VCPU_ENTRY_LONG64);
	assert_int_equal(entry->rip, LOAD + 0x200);
	assert_int_equal(entry->rsi, LAYOUT_ZERO_PAGE);
	assert_int_equal(entry->cr3, LAYOUT_PAGETABLES);
	for (size_t i = 0; i < PAYLOAD; i++)
		assert_int_equal(((uint8_t *)at(mem, LOAD))[i], payload_byte(i));
	assert_string_equal(at(mem, LAYOUT_CMDLINE), "console=ttyS0");
	assert_int_equal(gdt[0], 0);
	assert_int_equal(gdt[2] >> 40, 0x00af9b); /* long mode code */
	assert_int_equal(gdt[3] >> 40, 0x00cf93);
}

static void bzimage_is_loaded_at_its_preferred_address(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	const struct boot_params *bp = params(&mem);
	struct vcpu_entry entry;
	struct image image;
	struct boot boot;

	image_init(&image);
	open_bytes(&boot, image.bytes, IMAGE);
	load(&boot, &mem, &entry);
	expect_loaded(&mem, &entry);
	assert_int_equal(bp->hdr.header, 0x53726448);
	assert_int_equal(bp->hdr.type_of_loader, 0xff);
	assert_int_equal(bp->hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	assert_int_equal(bp->hdr.code32_start, LOAD);
	assert_int_equal(bp->hdr.setup_data, 0);
	assert_int_equal(bp->hdr.ramdisk_image, 0);
	assert_int_equal(bp->hdr.ramdisk_size, 0);
	assert_int_equal(bp->acpi_rsdp_addr, LAYOUT_ACPI);
	assert_int_equal(bp->sentinel, 0);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void reboot_loads_everything_again(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct boot_params first;
	struct image image;
	struct boot boot;

	image_init(&image);
	open_bytes(&boot, image.bytes, IMAGE);
	load(&boot, &mem, &entry);
	first = *params(&mem);
	memset(mem.region[0].va, 0xee, mem.region[0].size);
	load(&boot, &mem, &entry);
	expect_loaded(&mem, &entry);
	assert_memory_equal(&first, params(&mem), sizeof(first));
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void first_load_touches_no_memory_it_need_not(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	uint8_t resident[64 * MIB / 4096];
	struct vcpu_entry entry;
	unsigned pages = 0;
	struct image image;
	struct boot boot;

	image_init(&image);
	open_bytes(&boot, image.bytes, IMAGE);
	load(&boot, &mem, &entry);
	assert_int_equal(mincore(mem.region[0].va, mem.region[0].size, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++)
		pages += resident[i] & 1;
	assert_within(pages, 1, 16);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void page_tables_map_4_gib_one_to_one(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct image image;
	struct boot boot;

	image_init(&image);
	open_bytes(&boot, image.bytes, IMAGE);
	load(&boot, &mem, &entry);
	for (uint64_t va = 0; va < 4 * GIB; va += 2 * MIB) {
		const uint64_t *table = at(&mem, entry.cr3);
		uint64_t e = table[va >> 39];

		assert_int_equal(e & 3, 3);
		table = at(&mem, align_down(e, 4096));
		e = table[va >> 30];
		assert_int_equal(e & 0x83, 3);
		table = at(&mem, align_down(e, 4096));
		assert_int_equal(table[(va >> 21) & 511], va | 0x83);
	}
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void fields_behind_the_header_stay_zero(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct image image;
	struct boot boot;

	image_init(&image);
	image.h->jump = 0x62eb; /* the header ends at 0x264, with init_size */
	image.h->handover_offset = image.h->kernel_info_offset = 0xcccccccc;
	open_bytes(&boot, image.bytes, IMAGE);
	load(&boot, &mem, &entry);
	assert_int_equal(params(&mem)->hdr.init_size, 4 * MIB);
	assert_int_equal(params(&mem)->hdr.handover_offset, 0);
	assert_int_equal(params(&mem)->hdr.kernel_info_offset, 0);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void no_setup_sectors_means_four(void **state)
{
	struct image image;
	struct boot boot;

	image_init(&image);
	image.h->setup_sects = 0;
	image.h->syssize = (IMAGE - 5 * 512) / 16;
	open_bytes(&boot, image.bytes, IMAGE);
	assert_int_equal(boot.bzimage.offset, 5 * 512);
	boot_destroy(&boot);
}

static void address_is_aligned_for_relocatable_kernels_only(void **state)
{
	struct image image;
	struct boot boot;

	image_init(&image);
	image.h->pref_address = LOAD + 4096;
	open_bytes(&boot, image.bytes, IMAGE);
	assert_int_equal(boot.bzimage.load, LOAD + 2 * MIB);
	boot_destroy(&boot);
	image.h->relocatable_kernel = 0;
	open_bytes(&boot, image.bytes, IMAGE);
	assert_int_equal(boot.bzimage.load, LOAD + 4096);
	boot_destroy(&boot);
}

static void bzimage_cut_anywhere_is_refused(void **state)
{
	struct image image;
	struct boot boot;
	struct error err;

	image_init(&image);
	for (size_t size = 0; size < IMAGE; size += size < 2048 ? 1 : 97)
		assert_int_equal(init_bytes(&boot, image.bytes, size, NULL, &err), -ENOEXEC);
	expect_refused(image.bytes, IMAGE - 1, -ENOEXEC, "should have 9728 bytes, it has 9727");
}

/* As a kernel with an EFI stub: a PE32+ header with a signature of 100 bytes behind the kernel. */
static void bzimage_cut_in_its_signature_is_truncated(void **state)
{
	static const size_t pe = 0x40;
	struct image image;
	uint8_t *bytes = image.bytes;
	struct boot boot;

	image_init(&image);
	memset(bytes, 0, 0x1f1);
	memcpy(bytes, "MZ", 2);
	put_le(bytes + 0x3c, 4, pe);
	memcpy(bytes + pe, "PE\0", 4);
	put_le(bytes + pe + 24, 2, 0x20b);
	put_le(bytes + pe + 24 + 108, 4, 6);
	put_le(bytes + pe + 24 + 112 + 32, 4, IMAGE);
	put_le(bytes + pe + 24 + 112 + 36, 4, 100);
	expect_refused(bytes, IMAGE, -ENOEXEC, "should have 9828 bytes, it has 9728");
	/* None: too few directories, another kind of image, a header beyond the first bytes. */
	put_le(bytes + pe + 24 + 108, 4, 4);
	open_bytes(&boot, bytes, IMAGE);
	boot_destroy(&boot);
	put_le(bytes + pe + 24 + 108, 4, 5);
	expect_refused(bytes, IMAGE, -ENOEXEC, "truncated");
	put_le(bytes + pe + 24, 2, 0x10b);
	open_bytes(&boot, bytes, IMAGE);
	boot_destroy(&boot);
	put_le(bytes + 0x3c, 4, 0xfffffff0);
	open_bytes(&boot, bytes, IMAGE);
	boot_destroy(&boot);
}

static void sizes_in_the_header_are_checked(void **state)
{
	struct image image;

	image_init(&image);
	image.h->syssize = 0xffffffff;
	expect_refused(image.bytes, IMAGE, -ENOEXEC, "truncated");
	image.h->syssize = 0x20;
	expect_refused(image.bytes, IMAGE, -ENOEXEC, "no kernel");
	image.h->syssize = 0;
	expect_refused(image.bytes, IMAGE, -ENOEXEC, "no kernel");
	image_init(&image);
	image.h->setup_sects = 255;
	expect_refused(image.bytes, IMAGE, -ENOEXEC, "truncated");
	image_init(&image);
	image.h->jump = 0x10eb;
	expect_refused(image.bytes, IMAGE, -ENOEXEC, "too early");
}

static void unsuitable_kernels_are_refused(void **state)
{
	struct image image;

	image_init(&image);
	image.h->version = 0x20a;
	expect_refused(image.bytes, IMAGE, -EINVAL, "boot protocol 2.10");
	image_init(&image);
	image.h->xloadflags = 0;
	expect_refused(image.bytes, IMAGE, -EINVAL, "32-bit");
	image_init(&image);
	image.h->loadflags = 0;
	expect_refused(image.bytes, IMAGE, -EINVAL, "zImage");
}

static void absurd_placements_are_refused(void **state)
{
	static const uint64_t addresses[] = { 0, MIB - 1, 4 * GIB, UINT64_MAX, 1ULL << 63 };
	struct image image;

	image_init(&image);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		image.h->pref_address = addresses[i];
		expect_refused(image.bytes, IMAGE, -ENOEXEC, "preferred address");
	}
	image_init(&image);
	image.h->kernel_alignment = 0;
	expect_refused(image.bytes, IMAGE, -ENOEXEC, "power of two");
	image.h->kernel_alignment = 3 * MIB;
	expect_refused(image.bytes, IMAGE, -ENOEXEC, "power of two");
}

static void kernel_needs_its_init_size(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry = { .rip = 42 };
	struct error err = { 0 };
	struct image image;
	struct boot boot;

	image_init(&image);
	image.h->init_size = 48 * MIB;
	open_bytes(&boot, image.bytes, IMAGE);
	load(&boot, &mem, &entry);
	boot_destroy(&boot);
	image.h->init_size = 48 * MIB + 1;
	open_bytes(&boot, image.bytes, IMAGE);
	entry.rip = 42;
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, &err), -ENOSPC);
	assert_string_equal(err.reason, "needs RAM up to 65 MiB, the guest has 64 MiB");
	assert_string_equal(err.remedy, "--memory size=66M or more");
	assert_int_equal(entry.rip, 42);
	boot_destroy(&boot);
	image.h->init_size = 0xffffffff;
	open_bytes(&boot, image.bytes, IMAGE);
	err = (struct error){ 0 };
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, &err), -ENOSPC);
	assert_non_null(strstr(err.remedy, "3072 MiB"));
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void kernel_does_not_go_on_into_another_region(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct error err = { 0 };
	struct image image;
	struct boot boot;

	image_init(&image);
	image.h->init_size = 48 * MIB + 1;
	open_bytes(&boot, image.bytes, IMAGE);
	mem_add(&mem, 64 * MIB, GIB);
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, &err), -ENOSPC);
	assert_string_equal(err.reason,
			    "needs RAM up to 65 MiB, the guest's first zone has 64 MiB");
	assert_string_equal(err.remedy, "--memory-zone: size=66M or more for the first zone");
	boot_destroy(&boot);
	mem.nr_regions = 1;
	guest_mem_destroy(&mem);
}

static void command_line_may_have_what_the_kernel_takes(void **state)
{
	char cmdline[LAYOUT_CMDLINE_MAX + 1];
	struct image image;
	struct boot boot;
	struct error err;

	image_init(&image);
	memset(cmdline, 'c', sizeof(cmdline));
	cmdline[2047] = 0;
	assert_int_equal(init_bytes(&boot, image.bytes, IMAGE, cmdline, &err), 0);
	boot_destroy(&boot);
	cmdline[2047] = 'c';
	cmdline[2048] = 0;
	assert_int_equal(init_bytes(&boot, image.bytes, IMAGE, cmdline, &err), -EINVAL);
	assert_non_null(strstr(err.reason, "2047 bytes, this one has 2048"));
	cmdline[2048] = 'c';
	cmdline[LAYOUT_CMDLINE_MAX] = 0;
	image.h->cmdline_size = 0xffffffff;
	assert_int_equal(init_bytes(&boot, image.bytes, IMAGE, cmdline, &err), -EINVAL);
	cmdline[LAYOUT_CMDLINE_MAX - 1] = 0;
	assert_int_equal(init_bytes(&boot, image.bytes, IMAGE, cmdline, &err), 0);
	boot_destroy(&boot);
}

/* Initramfs */

static uint64_t initramfs_at(struct image *image, uint64_t size, uint64_t mem_size)
{
	struct guest_mem mem = mem_new(mem_size);
	const struct boot_params *bp = params(&mem);
	struct vcpu_entry entry;
	struct boot boot;
	uint64_t gpa;

	open_with_initramfs(&boot, image, size);
	load(&boot, &mem, &entry);
	gpa = bp->hdr.ramdisk_image;
	assert_int_equal(bp->hdr.ramdisk_size, size);
	assert_int_equal(bp->ext_ramdisk_image | bp->ext_ramdisk_size, 0);
	assert_int_equal(gpa % 4096, 0);
	assert_int_equal(*(uint8_t *)at(&mem, gpa), 0x55);
	assert_int_equal(*(uint8_t *)at(&mem, gpa + size - 1), 0x55);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
	return gpa;
}

static void initramfs_lies_as_high_as_it_may(void **state)
{
	struct image image;

	image_init(&image);
	assert_int_equal(initramfs_at(&image, 5000, 64 * MIB), 64 * MIB - 8192);
	assert_int_equal(initramfs_at(&image, 4096, 5 * GIB), 2 * GIB - 4096);
	image.h->initrd_addr_max = 0x2ffffff;
	assert_int_equal(initramfs_at(&image, 4096, 64 * MIB), 48 * MIB - 4096);
	image.h->initrd_addr_max = 0xffffffff;
	assert_int_equal(initramfs_at(&image, 4096, 5 * GIB), 3 * GIB - 4096);
}

static void initramfs_stays_within_the_first_region(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct image image;
	struct boot boot;

	image_init(&image);
	open_with_initramfs(&boot, &image, 4096);
	mem_add(&mem, 64 * MIB, GIB);
	load(&boot, &mem, &entry);
	assert_int_equal(params(&mem)->hdr.ramdisk_image, 64 * MIB - 4096);
	boot_destroy(&boot);
	mem.nr_regions = 1;
	guest_mem_destroy(&mem);
}

static void initramfs_may_fill_all_between_kernel_and_limit(void **state)
{
	struct image image;

	image_init(&image);
	assert_int_equal(initramfs_at(&image, 44 * MIB, 64 * MIB), LOAD + 4 * MIB);
}

static void initramfs_goes_above_its_limit_only_where_the_kernel_allows(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct error err = { 0 };
	struct image image;
	struct boot boot;

	image_init(&image);
	image.h->initrd_addr_max = 0x17fffff;
	assert_int_equal(initramfs_at(&image, 8 * MIB, 64 * MIB), 56 * MIB);
	image.h->xloadflags = XLF_KERNEL_64;
	open_with_initramfs(&boot, &image, 8 * MIB);
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, &err), -ENOSPC);
	assert_non_null(strstr(err.remedy, "below 24 MiB"));
	boot_destroy(&boot);
	image.h->initrd_addr_max = 0xffffff; /* below the kernel */
	open_with_initramfs(&boot, &image, 1);
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, NULL), -ENOSPC);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void initramfs_that_does_not_fit_says_need_and_have(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry;
	struct error err = { 0 };
	struct image image;
	struct boot boot;

	image_init(&image);
	open_with_initramfs(&boot, &image, 44 * MIB + 1);
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, &err), -ENOSPC);
	assert_non_null(strstr(err.object, "initramfs /proc/self/fd/"));
	assert_string_equal(err.reason,
			    "needs 45 MiB, 44 MiB are free between the kernel and 64 MiB");
	assert_string_equal(err.remedy, "--memory size=66M or more");
	boot_destroy(&boot);
	open_with_initramfs(&boot, &image, 1ULL << 40);
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, &err), -ENOSPC);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

/* Memory map */

static void expect_map(uint64_t mem_size, const struct boot_e820_entry *want, unsigned n)
{
	struct guest_mem mem = mem_new(mem_size);
	struct vcpu_entry entry;
	struct image image;
	struct boot boot;

	image_init(&image);
	open_bytes(&boot, image.bytes, IMAGE);
	load(&boot, &mem, &entry);
	assert_int_equal(params(&mem)->e820_entries, n);
	for (unsigned i = 0; i < n; i++) {
		const struct boot_e820_entry *e = &params(&mem)->e820_table[i];

		assert_int_equal(e->addr, want[i].addr);
		assert_int_equal(e->addr + e->size, want[i].size); /* ends, for reading */
		assert_int_equal(e->type, want[i].type);
	}
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
}

static void memory_map_names_ram_acpi_and_ecam(void **state)
{
	struct boot_e820_entry want[] = {
		{ 0, 0x9fc00, 1 },
		{ 0x9fc00, 0xa0000, 2 },
		{ 0xe0000, 0x100000, 3 },
		{ 0x100000, 64 * MIB, 1 },
		{ 0xe8000000, 0xe8100000, 2 },
		{ 0xfffbc000, 0xfffc0000, 2 },
		{ 4 * GIB, 6 * GIB, 1 },
	};

	expect_map(64 * MIB, want, 6);
	want[3].size = 3 * GIB;
	expect_map(3 * GIB, want, 6);
	expect_map(5 * GIB, want, 7);
}

/* As many regions as there may be: one each GiB, a hole in front of the second, then around the device window. */
static void memory_map_names_every_region_in_order(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	const struct boot_e820_entry *e = params(&mem)->e820_table;
	unsigned n, ram = 0;
	struct vcpu_entry entry;
	struct image image;
	struct boot boot;

	image_init(&image);
	open_bytes(&boot, image.bytes, IMAGE);
	for (unsigned i = 1; i < GUEST_MEM_MAX_REGIONS; i++)
		mem_add(&mem, (i < 3 ? i : i + 1) * GIB, GIB / 2);
	load(&boot, &mem, &entry);
	n = params(&mem)->e820_entries;
	assert_int_equal(n, GUEST_MEM_MAX_REGIONS + 5);
	for (unsigned i = 0; i < n; i++) {
		if (i)
			assert_true(e[i].addr >= e[i - 1].addr + e[i - 1].size);
		if (e[i].type != 1 || e[i].addr < GIB)
			continue;
		ram++;
		assert_int_equal(e[i].addr, mem.region[ram].gpa.v);
		assert_int_equal(e[i].size, mem.region[ram].size);
	}
	assert_int_equal(ram, GUEST_MEM_MAX_REGIONS - 1);
	boot_destroy(&boot);
	mem.nr_regions = 1;
	guest_mem_destroy(&mem);
}

/* Other files */

static void files_that_are_no_kernel_are_refused(void **state)
{
	uint8_t noise[4096];

	for (unsigned seed = 0; seed < 64; seed++) {
		srand(seed);
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)rand();
		expect_refused(noise, sizeof(noise), -ENOEXEC, "neither a bzImage nor an ELF file");
	}
	expect_refused("ten bytes.", 10, -ENOEXEC, "neither a bzImage nor an ELF file");
	expect_refused("\177ELF", 4, -ENOEXEC, "damaged");
	expect_refused("", 0, -ENOEXEC, "empty");
	expect_refused("\x1f\x8b\x08", 3, -ENOEXEC, "gzip");
	expect_refused("\x28\xb5\x2f\xfd", 4, -ENOEXEC, "zstd");
}

static void expect_path_refused(const char *kernel, const char *initramfs, int code)
{
	struct boot boot, before;
	struct error err = { 0 };
	const char *what = initramfs ? "initramfs" : "kernel";

	memset(&boot, 0x5a, sizeof(boot));
	before = boot;
	assert_int_equal(boot_init(&boot, kernel, initramfs, NULL, &err), code);
	assert_memory_equal(&boot, &before, sizeof(boot));
	assert_memory_equal(err.object, what, strlen(what));
	assert_non_null(strstr(err.object, initramfs ? initramfs : kernel));
	assert_true(err.reason[0] && err.remedy[0]);
}

static void paths_that_are_no_files_are_refused(void **state)
{
	char dir[] = "/tmp/torc-boot-XXXXXX", path[64], kernel[FD_PATH], empty[FD_PATH];
	struct image image;
	int fd, empty_fd;

	image_init(&image);
	fd = file_new(image.bytes, IMAGE, kernel);
	empty_fd = file_new("", 0, empty);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_path_refused("/nonexistent", NULL, -ENOENT);
	expect_path_refused("/", NULL, -EISDIR);
	expect_path_refused("/dev/null", NULL, -EINVAL);
	expect_path_refused(path, NULL, -EINVAL);
	expect_path_refused(kernel, "/nonexistent", -ENOENT);
	expect_path_refused(kernel, "/", -EISDIR);
	expect_path_refused(kernel, path, -EINVAL);
	expect_path_refused(kernel, empty, -EINVAL);
	unlink(path);
	rmdir(dir);
	close(fd);
	close(empty_fd);
}

static void unreadable_file_is_refused(void **state)
{
	char path[] = "/tmp/torc-boot-XXXXXX";
	int fd = mkstemp(path);
	bool root = geteuid() == 0;

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	expect_path_refused(path, NULL, -EACCES);
	if (root)
		assert_int_equal(seteuid(0), 0);
	close(fd);
	unlink(path);
}

static void file_that_shrinks_later_is_an_error(void **state)
{
	struct guest_mem mem = mem_new(64 * MIB);
	struct vcpu_entry entry = { .rip = 42 };
	struct error err = { 0 };
	char path[FD_PATH];
	struct image image;
	struct boot boot;
	int fd;

	image_init(&image);
	fd = file_new(image.bytes, IMAGE, path);
	assert_int_equal(boot_init(&boot, path, NULL, NULL, NULL), 0);
	assert_int_equal(ftruncate(fd, SETUP + 10), 0);
	assert_int_equal(boot_load(&boot, &mem, &machine, &entry, &err), -EIO);
	assert_non_null(strstr(err.reason, "shorter"));
	assert_int_equal(entry.rip, 42);
	boot_destroy(&boot);
	guest_mem_destroy(&mem);
	close(fd);
}

static void destroy_takes_a_zeroed_struct(void **state)
{
	struct boot boot = { 0 };

	boot_destroy(&boot);
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bzimage_is_loaded_at_its_preferred_address),
		cmocka_unit_test(reboot_loads_everything_again),
		cmocka_unit_test(first_load_touches_no_memory_it_need_not),
		cmocka_unit_test(page_tables_map_4_gib_one_to_one),
		cmocka_unit_test(fields_behind_the_header_stay_zero),
		cmocka_unit_test(no_setup_sectors_means_four),
		cmocka_unit_test(address_is_aligned_for_relocatable_kernels_only),
		cmocka_unit_test(bzimage_cut_anywhere_is_refused),
		cmocka_unit_test(bzimage_cut_in_its_signature_is_truncated),
		cmocka_unit_test(sizes_in_the_header_are_checked),
		cmocka_unit_test(unsuitable_kernels_are_refused),
		cmocka_unit_test(absurd_placements_are_refused),
		cmocka_unit_test(kernel_needs_its_init_size),
		cmocka_unit_test(kernel_does_not_go_on_into_another_region),
		cmocka_unit_test(command_line_may_have_what_the_kernel_takes),
		cmocka_unit_test(initramfs_lies_as_high_as_it_may),
		cmocka_unit_test(initramfs_stays_within_the_first_region),
		cmocka_unit_test(initramfs_may_fill_all_between_kernel_and_limit),
		cmocka_unit_test(initramfs_goes_above_its_limit_only_where_the_kernel_allows),
		cmocka_unit_test(initramfs_that_does_not_fit_says_need_and_have),
		cmocka_unit_test(memory_map_names_ram_acpi_and_ecam),
		cmocka_unit_test(memory_map_names_every_region_in_order),
		cmocka_unit_test(files_that_are_no_kernel_are_refused),
		cmocka_unit_test(paths_that_are_no_files_are_refused),
		cmocka_unit_test(unreadable_file_is_refused),
		cmocka_unit_test(file_that_shrinks_later_is_an_error),
		cmocka_unit_test(destroy_takes_a_zeroed_struct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
