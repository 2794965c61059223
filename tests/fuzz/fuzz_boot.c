/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a kernel file; what is accepted is loaded twice, with a small initramfs. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/boot/boot.h"
#include "core/kvm/layout.h"
#include "tests/fake/memory.h"
#include "tests/fuzz/check.h"

#define FD_PATH 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_new(const void *bytes, size_t size, char path[FD_PATH])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(!fd_write_all(fd, bytes, size));
	snprintf(path, FD_PATH, "/proc/self/fd/%d", fd);
	return fd;
}

static void load_twice(struct boot *boot)
{
	static const struct guest_mem_config config = ONE_ZONE(32 * MIB);
	static const struct boot_machine machine = { .rsdp = LAYOUT_ACPI,
						     .ecam_base = LAYOUT_ECAM,
						     .ecam_size = LAYOUT_ECAM_SIZE };
	struct guest_mem mem;

	CHECK(!guest_mem_init(&mem, &config, NULL));
	for (unsigned i = 0; i < 2; i++) {
		struct vcpu_entry entry = { 0 };
		struct error err = { 0 };

		if (boot_load(boot, &mem, &machine, &entry, &err))
			CHECK(err.code < 0 && err.object[0] && err.reason[0] && !entry.rip);
		else
			CHECK(guest_mem_ptr(&mem, (gpa_t){ entry.rip }, 1));
	}
	guest_mem_destroy(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char kernel[FD_PATH], initramfs[FD_PATH];
	int kfd = file_new(data, size, kernel);
	int ifd = file_new("abc", 3, initramfs);
	struct error err = { 0 };
	struct boot boot;

	if (boot_init(&boot, kernel, initramfs, "console=ttyS0", &err)) {
		CHECK(err.code < 0 && err.object[0] && err.reason[0] && err.remedy[0]);
	} else {
		load_twice(&boot);
		boot_destroy(&boot);
	}
	close(kfd);
	close(ifd);
	return 0;
}
