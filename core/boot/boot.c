/* SPDX-License-Identifier: Apache-2.0 */
#include "core/boot/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/fd.h"
#include "core/boot/internal.h"

/* Where boot.rst puts the boot sector's signature and "HdrS". */
#define BOOT_FLAG_OFFSET 0x1fe
#define BOOT_HDRS_OFFSET 0x202

#define REMEDY_FORMATS "give a bzImage (vmlinuz) or an ELF vmlinux built with CONFIG_PVH=y"

/* Kernels that someone forgot to unpack. */
static const struct {
	const char *name;
	size_t len;
	uint8_t magic[6];
} packed[] = {
	{ "gzip", 2, { 0x1f, 0x8b } },
	{ "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
	{ "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd } },
	{ "lz4", 4, { 0x04, 0x22, 0x4d, 0x18 } },
	{ "bzip2", 3, { 'B', 'Z', 'h' } },
};

static int file_error(struct error *err, int code, const char *what, const char *path,
		      const char *reason, const char *remedy)
{
	error_set(err, code, "%s %s", what, path);
	if (reason)
		error_reason(err, "%s", reason);
	error_remedy(err, "%s", remedy);
	return code;
}

static int file_open_error(struct error *err, int code, const char *what, const char *path)
{
	if (code == -EACCES)
		return file_error(err, code, what, path, NULL,
				  "make the file readable for the user torc runs as");
	return file_error(err, code, what, path, NULL, "check the path");
}

static int file_open(struct boot_file *file, const char *what, const char *path, struct error *err)
{
	struct stat st;
	int r = 0;
	/* O_NONBLOCK: a FIFO must be refused, not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return file_open_error(err, -errno, what, path);
	if (fstat(fd, &st))
		r = file_open_error(err, -errno, what, path);
	else if (S_ISDIR(st.st_mode))
		r = file_error(err, -EISDIR, what, path, NULL, "give the path of a file");
	else if (!S_ISREG(st.st_mode))
		r = file_error(err, -EINVAL, what, path, "not a regular file",
			       "copy it into a file first");
	if (r)
		goto close_fd;
	file->path = strdup(path);
	if (!file->path) {
		r = error_set(err, -ENOMEM, "%s %s", what, path);
		goto close_fd;
	}
	/* Twice the read-ahead: it will be read once, from front to back. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	file->fd = fd;
	file->size = (uint64_t)st.st_size;
	return 0;

close_fd:
	fd_close(&fd);
	return r;
}

static void file_destroy(struct boot_file *file)
{
	if (!file->path) /* never opened: fd may be a zeroed struct's 0 */
		return;
	fd_close(&file->fd);
	free(file->path);
	*file = (struct boot_file){ .fd = -1 };
}

static int unknown_format(const struct boot *boot, const uint8_t *head, size_t size,
			  struct error *err)
{
	if (!size)
		return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_FORMATS, "the file is empty");
	for (size_t i = 0; i < ARRAY_SIZE(packed); i++)
		if (size >= packed[i].len && !memcmp(head, packed[i].magic, packed[i].len))
			return boot_kernel_error(boot, err, -ENOEXEC,
						 "unpack it first, or give a bzImage (vmlinuz)",
						 "compressed with %s", packed[i].name);
	return boot_kernel_error(boot, err, -ENOEXEC, REMEDY_FORMATS,
				 "neither a bzImage nor an ELF file");
}

static int kernel_check(struct boot *boot, struct error *err)
{
	uint8_t head[BOOT_HEAD] = { 0 };
	ssize_t n = fd_pread_all(boot->kernel.fd, head, sizeof(head), 0);
	size_t size = (size_t)n;

	if (n < 0)
		return error_set(err, (int)n, "kernel %s", boot->kernel.path);
	if (size >= BOOT_HDRS_OFFSET + 4 && !memcmp(head + BOOT_HDRS_OFFSET, "HdrS", 4) &&
	    get_le(head + BOOT_FLAG_OFFSET, 2) == 0xaa55) {
		boot->kind = BOOT_KERNEL_BZIMAGE;
		return bzimage_check(boot, head, size, err);
	}
	if (size >= 4 && !memcmp(head, "\177ELF", 4)) {
		boot->kind = BOOT_KERNEL_PVH;
		return pvh_check(boot, head, size, err);
	}
	return unknown_format(boot, head, size, err);
}

int boot_init(struct boot *boot, const char *kernel, const char *initramfs, const char *cmdline,
	      struct error *err)
{
	struct boot b = { .kernel.fd = -1, .initramfs.fd = -1 };
	int r;

	b.cmdline = strdup(cmdline ? cmdline : "");
	if (!b.cmdline)
		return error_set(err, -ENOMEM, "command line");
	r = file_open(&b.kernel, "kernel", kernel, err);
	if (!r)
		r = kernel_check(&b, err);
	if (!r && initramfs)
		r = file_open(&b.initramfs, "initramfs", initramfs, err);
	if (!r && initramfs && !b.initramfs.size)
		r = file_error(err, -EINVAL, "initramfs", initramfs, "the file is empty",
			       "leave the option out for a guest without initramfs");
	if (r)
		boot_destroy(&b);
	else
		*boot = b;
	return r;
}

void boot_destroy(struct boot *boot)
{
	file_destroy(&boot->initramfs);
	file_destroy(&boot->kernel);
	free(boot->cmdline);
	boot->cmdline = NULL;
}

int boot_load(struct boot *boot, const struct guest_mem *mem, const struct boot_machine *machine,
	      struct vcpu_entry *entry, struct error *err)
{
	bool clear = boot->loaded;

	boot->loaded = true;
	if (boot->kind == BOOT_KERNEL_BZIMAGE)
		return bzimage_load(boot, mem, machine, entry, err);
	return pvh_load(boot, mem, machine, clear, entry, err);
}
