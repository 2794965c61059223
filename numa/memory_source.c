/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/memfd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

static int open_memfd(const char *name, uint64_t page_size, uint64_t size, struct error *err)
{
	unsigned flags = MFD_CLOEXEC;
	char cut[200]; /* longer ones are refused */
	int fd, r;

	snprintf(cut, sizeof(cut), "%s", name);
	if (page_size)
		flags |= MFD_HUGETLB | (unsigned)__builtin_ctzll(page_size) << MFD_HUGE_SHIFT;
	fd = memfd_create(cut, flags);
	if (fd >= 0 && !ftruncate(fd, (off_t)size))
		return fd;
	r = -errno;
	fd_close(&fd);
	error_set(err, r, "zone %s: memfd", name);
	/* What the kernel says to a size that it does not have. */
	if (page_size && (r == -ENODEV || r == -EINVAL)) {
		error_reason(err, "the host has no huge pages of %llu MiB",
			     (unsigned long long)(page_size / MIB));
		error_remedy(err, "ls /sys/kernel/mm/hugepages lists what it has");
	}
	return r;
}

/* What a file system has room for, that the file does not have already. */
static int check_room(int fd, const struct stat *st, const char *path, uint64_t size,
		      struct error *err)
{
	uint64_t have = (uint64_t)st->st_blocks * 512, room;
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return error_set(err, -errno, "file %s", path);
	room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	/* A tmpfs without limit says 0. */
	if (have >= size || size - have <= room || !fs.f_blocks)
		return 0;
	error_set(err, -ENOSPC, "file %s", path);
	error_reason(err, "needs %llu MiB more, its file system has %llu MiB free",
		     (unsigned long long)((size - have) / MIB), (unsigned long long)(room / MIB));
	return error_remedy(err, "free some, or take another file system");
}

/* Space on hugetlbfs is the pool's pages: those are counted when they are mapped. */
static int grow(int fd, const char *path, uint64_t size, bool is_hugetlbfs, struct error *err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return error_set(err, -errno, "file %s", path);
	/* A device, as /dev/dax0.0, has the size it has. */
	if (S_ISCHR(st.st_mode))
		return 0;
	if (!S_ISREG(st.st_mode)) {
		error_set(err, -EINVAL, "file %s", path);
		error_reason(err, "neither a file nor a folder");
		return error_remedy(err, "name a file on hugetlbfs or tmpfs, or such a folder");
	}
	r = is_hugetlbfs ? 0 : check_room(fd, &st, path, size, err);
	if (!r && (uint64_t)st.st_size < size && ftruncate(fd, (off_t)size))
		r = error_set(err, -errno, "file %s: make it %llu MiB long", path,
			      (unsigned long long)(size / MIB));
	return r;
}

static int open_file(const char *path, uint64_t size, int *out, uint64_t *page_size,
		     struct error *err)
{
	/* A folder first: that is what it fails for, whatever else may be wrong. */
	int fd = open(path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600), r;
	bool is_new = false;
	struct statfs fs;

	if (fd < 0)
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT) {
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		is_new = fd >= 0;
	}
	if (fd < 0) {
		r = error_set(err, -errno, "file %s", path);
		return error_remedy(err, "name a file or a folder that torc may write to");
	}
	r = fstatfs(fd, &fs) ? error_set(err, -errno, "file %s", path) : 0;
	if (!r && fs.f_type == HUGETLBFS_MAGIC)
		*page_size = (uint64_t)fs.f_bsize;
	if (!r && size % *page_size) {
		r = error_set(err, -EINVAL, "file %s", path);
		error_reason(err, "the size of %llu MiB is no multiple of its pages of %llu MiB",
			     (unsigned long long)(size / MIB),
			     (unsigned long long)(*page_size / MIB));
		error_remedy(err, "give the zone a multiple of these");
	}
	if (!r)
		r = grow(fd, path, size, fs.f_type == HUGETLBFS_MAGIC, err);
	if (!r) {
		*out = fd;
		return 0;
	}
	fd_close(&fd);
	if (is_new)
		unlink(path);
	return r;
}

int memory_source_open(struct memory_source *source, const char *name,
		       const struct memory_backing *backing, uint64_t size, struct error *err)
{
	struct memory_source s = {
		.name = name,
		.fd = -1,
		.page_size = backing->page_size ? backing->page_size : 4 * KIB,
		.shared = backing->shared,
		.thp = backing->thp,
		.mergeable = backing->mergeable,
	};
	int r = 0;

	if (size % s.page_size) {
		r = error_set(err, -EINVAL, "zone %s", name);
		error_reason(err, "its %llu MiB are no multiple of the huge pages of %llu MiB",
			     (unsigned long long)(size / MIB),
			     (unsigned long long)(s.page_size / MIB));
		return error_remedy(err, "ask for a multiple, or for smaller pages");
	}
	if (backing->file) {
		r = open_file(backing->file, size, &s.fd, &s.page_size, err);
		if (r)
			return error_set(err, r, "zone %s", name);
	} else if (backing->page_size || backing->shared) {
		s.fd = open_memfd(name, backing->page_size, size, err);
		r = s.fd < 0 ? s.fd : 0;
		/* Nobody else has the memfd: shared costs nothing and never copies a page. */
		s.shared = true;
	}
	if (!r)
		*source = s;
	return r;
}

void memory_source_close(struct memory_source *source)
{
	fd_close(&source->fd);
}
