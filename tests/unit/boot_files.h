/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tests of core/boot share: files made of bytes, guest memory to load them into.
 */
#ifndef TESTS_UNIT_BOOT_FILES_H
#define TESTS_UNIT_BOOT_FILES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/fd.h"
#include "core/boot/boot.h"
#include "core/kvm/layout.h"
#include "tests/fake/memory.h"

#define LOAD	(16 * MIB) /* where the images want to lie */
#define FD_PATH 32

static const struct boot_machine machine = {
	.rsdp = LAYOUT_ACPI,
	.ecam_base = LAYOUT_ECAM,
	.ecam_size = LAYOUT_ECAM_SIZE,
};

/**
 * payload_byte - what images are filled with
 * @i: position
 *
 * Return: a byte that is seldom 0.
 */
static inline uint8_t payload_byte(size_t i)
{
	return (uint8_t)(i * 31 + i / 256 + 1);
}

/**
 * file_new - a file in memory
 * @bytes: its contents
 * @size: of @bytes
 * @path: receives a path that opens it while the descriptor is open
 *
 * Return: its descriptor.
 */
static inline int file_new(const void *bytes, size_t size, char path[FD_PATH])
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, size), 0);
	snprintf(path, FD_PATH, "/proc/self/fd/%d", fd);
	return fd;
}

/**
 * init_bytes - boot_init() a kernel made of bytes; a refusal must name the file, say why and what to do
 * @boot: as boot_init()
 * @bytes: the kernel file
 * @size: of @bytes
 * @cmdline: as boot_init()
 * @err: receives the error
 *
 * Return: as boot_init().
 */
static inline int init_bytes(struct boot *boot, const void *bytes, size_t size, const char *cmdline,
			     struct error *err)
{
	char path[FD_PATH];
	int fd = file_new(bytes, size, path);
	int r;

	*err = (struct error){ 0 };
	r = boot_init(boot, path, NULL, cmdline, err);
	if (r) {
		char object[FD_PATH + 8];

		snprintf(object, sizeof(object), "kernel %s", path);
		assert_string_equal(err->object, object);
		assert_int_equal(err->code, r);
		assert_true(err->reason[0] && err->remedy[0]);
	}
	close(fd);
	return r;
}

/**
 * expect_refused - check that boot_init() refuses a kernel
 * @bytes: the kernel file
 * @size: of @bytes
 * @code: -errno it must return
 * @reason: what the reason must hold
 */
static inline void expect_refused(const void *bytes, size_t size, int code, const char *reason)
{
	struct boot boot;
	struct error err;

	assert_int_equal(init_bytes(&boot, bytes, size, NULL, &err), code);
	if (!strstr(err.reason, reason))
		fail_msg("\"%s\" does not say \"%s\"", err.reason, reason);
}

/**
 * open_bytes - boot_init() a kernel that must be taken
 * @boot: as boot_init()
 * @bytes: the kernel file
 * @size: of @bytes
 */
static inline void open_bytes(struct boot *boot, const void *bytes, size_t size)
{
	struct error err;

	if (init_bytes(boot, bytes, size, "console=ttyS0", &err))
		fail_msg("%s: %s", err.object, err.reason);
}

/* Guest memory */

/**
 * mem_new - guest memory, not touched yet
 * @size: bytes
 *
 * Return: the memory, to be destroyed.
 */
static inline struct guest_mem mem_new(uint64_t size)
{
	const struct guest_mem_config config = ONE_ZONE(size);
	struct guest_mem mem;

	assert_int_equal(guest_mem_init(&mem, &config, NULL), 0);
	return mem;
}

/**
 * mem_add - one more region, of which nothing but its place may be used
 * @mem: from mem_new(); to be destroyed with one region
 * @gpa: above all other regions
 * @size: bytes
 */
static inline void mem_add(struct guest_mem *mem, uint64_t gpa, uint64_t size)
{
	assert_true(mem->nr_regions < GUEST_MEM_MAX_REGIONS);
	mem->region[mem->nr_regions++] = (struct guest_region){ { gpa }, size, NULL };
}

/**
 * at - the host address of a guest address
 * @mem: guest memory
 * @gpa: the guest address
 *
 * Return: the address; NULL when it is not RAM.
 */
static inline void *at(const struct guest_mem *mem, uint64_t gpa)
{
	return guest_mem_ptr(mem, (gpa_t){ gpa }, 1);
}

/**
 * load - boot_load() what must fit
 * @boot: opened
 * @mem: guest memory
 * @entry: receives the entry state
 */
static inline void load(struct boot *boot, const struct guest_mem *mem, struct vcpu_entry *entry)
{
	struct error err = { 0 };

	if (boot_load(boot, mem, &machine, entry, &err))
		fail_msg("%s: %s", err.object, err.reason);
}

#endif
