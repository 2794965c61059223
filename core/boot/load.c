/* SPDX-License-Identifier: Apache-2.0 */
#include "core/boot/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "core/base/fd.h"
#include "core/kvm/layout.h"

#define PAGE (4 * KIB)

int boot_kernel_error(const struct boot *boot, struct error *err, int code, const char *remedy,
		      const char *reason, ...)
{
	char text[sizeof(err->reason)];
	va_list ap;

	va_start(ap, reason);
	vsnprintf(text, sizeof(text), reason, ap);
	va_end(ap);
	error_set(err, code, "kernel %s", boot->kernel.path);
	error_reason(err, "%s", text);
	error_remedy(err, "%s", remedy);
	return code;
}

uint64_t boot_low_end(const struct guest_mem *mem)
{
	return mem->nr_regions && !mem->region[0].gpa.v ? mem->region[0].size : 0;
}

/* What is needed is rounded up, what there is, down. */
static uint64_t need_mib(uint64_t bytes)
{
	return align_up(bytes, MIB) / MIB;
}

static uint64_t have_mib(uint64_t bytes)
{
	return bytes / MIB;
}

/* Whether more RAM lies between the first region and the device window: more memory in all does not help then. */
static bool is_split(const struct guest_mem *mem)
{
	return mem->nr_regions > 1 && mem->region[1].gpa.v < GUEST_LOW_END;
}

/* What to do when the guest needs RAM up to @end. */
static void remedy_room(struct error *err, const struct guest_mem *mem, uint64_t end,
			const char *smaller)
{
	if (end > GUEST_LOW_END)
		error_remedy(err, "%s: RAM below the device window ends at %llu MiB", smaller,
			     GUEST_LOW_END / MIB);
	else if (is_split(mem))
		error_remedy(err, "--memory-zone: size=%lluM or more for the first zone",
			     align_up(end, 2 * MIB) / MIB);
	else
		error_remedy(err, "--memory size=%lluM or more", align_up(end, 2 * MIB) / MIB);
}

int boot_check_room(const struct boot *boot, const struct guest_mem *mem, uint64_t end,
		    struct error *err)
{
	uint64_t have = boot_low_end(mem);

	if (end <= have)
		return 0;
	boot_kernel_error(boot, err, -ENOSPC, "",
			  "needs RAM up to %lu MiB, the guest%s has %lu MiB", need_mib(end),
			  is_split(mem) ? "'s first zone" : "", have_mib(have));
	remedy_room(err, mem, end, "take a kernel that is linked lower");
	return -ENOSPC;
}

int boot_read(const char *what, const struct boot_file *file, uint64_t offset,
	      const struct guest_mem *mem, uint64_t gpa, uint64_t size, struct error *err)
{
	void *to = guest_mem_ptr(mem, (gpa_t){ gpa }, size);
	ssize_t n;

	if (!size)
		return 0;
	if (!to)
		return error_set(err, -ENOSPC, "%s %s", what, file->path);
	n = fd_pread_all(file->fd, to, size, offset);
	if (n < 0)
		return error_set(err, (int)n, "%s %s", what, file->path);
	if ((uint64_t)n == size)
		return 0;
	error_set(err, -EIO, "%s %s", what, file->path);
	error_reason(err, "became shorter since torc opened it");
	error_remedy(err, "replace files by renaming a new one over them, not in place");
	return -EIO;
}

int boot_load_initramfs(const struct boot *boot, const struct guest_mem *mem, uint64_t kernel_end,
			uint64_t limit, uint64_t *gpa, struct error *err)
{
	const struct boot_file *file = &boot->initramfs;
	uint64_t start = align_up(kernel_end, PAGE);
	uint64_t end = align_down(limit, PAGE);
	uint64_t at;
	int r;

	if (!file->path) {
		*gpa = 0;
		return 0;
	}
	if (start > end || align_up(file->size, PAGE) > end - start) {
		error_set(err, -ENOSPC, "initramfs %s", file->path);
		error_reason(err, "needs %lu MiB, %lu MiB are free between the kernel and %lu MiB",
			     need_mib(file->size), start > end ? 0 : have_mib(end - start),
			     have_mib(end));
		/* More memory helps only where memory, and not the kernel, is the limit. */
		if (align_down(boot_low_end(mem), PAGE) > end)
			error_remedy(err,
				     "take a smaller initramfs: this kernel wants it below %lu MiB",
				     have_mib(end));
		else
			remedy_room(err, mem, start + align_up(file->size, PAGE),
				    "take a smaller initramfs");
		return -ENOSPC;
	}
	at = end - align_up(file->size, PAGE);
	r = boot_read("initramfs", file, 0, mem, at, file->size, err);
	if (!r)
		*gpa = at;
	return r;
}

void boot_write_low(const struct boot *boot, const struct guest_mem *mem, bool code64)
{
	/* Base 0, limit 4 GiB, accessed: the CPU need not write them. */
	const uint64_t gdt[] = {
		[BOOT_CS / 8] = code64 ? 0x00af9b000000ffff : 0x00cf9b000000ffff,
		[BOOT_DS / 8] = 0x00cf93000000ffff,
	};
	size_t len = strlen(boot->cmdline) + 1;

	/* The kernel starts above 1 MiB and fits, so all of this is RAM. */
	memcpy(guest_mem_ptr(mem, (gpa_t){ LAYOUT_GDT }, sizeof(gdt)), gdt, sizeof(gdt));
	memcpy(guest_mem_ptr(mem, (gpa_t){ LAYOUT_CMDLINE }, len), boot->cmdline, len);
}
