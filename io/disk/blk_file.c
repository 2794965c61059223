/* SPDX-License-Identifier: Apache-2.0 */
#include "io/disk/blk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/disk/blk_format.h"
#include "io/disk/blk_holder.h"

#define PAGE	  4096
#define MAX_FOLIO 65536 /* the largest block that Linux has a filesystem keep its pages in */

/* @dev: its number, 0 if not known. */
static int refuse_used(const char *path, dev_t dev, struct error *err)
{
	struct block_use use;

	error_set(err, -EBUSY, "disk %s", path);
	if (dev && blk_holder(dev, &use)) {
		error_reason(err, "in use: %s", use.what);
		return error_remedy(err, "%s, or add readonly=on", use.remedy);
	}
	error_reason(err,
		     "in use: the kernel or another program has it, or a part of it, for itself");
	return error_remedy(
		err,
		"end that program (fuser -v %s shows it), unmount or export what lies on it, in other mount "
		"namespaces as well, or add readonly=on",
		path);
}

static int open_error(int r, const char *path, bool readonly, bool direct, struct error *err)
{
	struct stat st;

	error_set(err, r, "disk %s", path);
	if (r == -ENOENT)
		error_remedy(err, "check the path");
	/* Linux may keep who writes from a mounted device already as it is opened. */
	else if (r == -EBUSY && !stat(path, &st) && S_ISBLK(st.st_mode))
		refuse_used(path, st.st_rdev, err);
	else if ((r == -EACCES || r == -EROFS || r == -EPERM) && !readonly)
		error_remedy(err, "give torc write access to it, or add readonly=on");
	else if (r == -EINVAL && direct) {
		error_reason(err, "its filesystem has no direct I/O");
		error_remedy(err, "leave direct=on out");
	}
	return r;
}

/* Of this open file, so that it goes with torc however that ends. */
static int lock(const struct blk_file *file, const char *path, struct error *err)
{
	struct flock lock = { .l_type = file->readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(file->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno != EAGAIN && errno != EACCES) {
		/* Some network filesystems have no locks. */
		log_warning("disk %s: cannot be locked: %s", path, strerror(errno));
		return 0;
	}
	error_set(err, -EBUSY, "disk %s", path);
	error_reason(err, "in use: another torc, or another disk of this one, has locked it");
	return error_remedy(
		err, "end that one, or give each guest a copy; with readonly=on all may share it");
}

static void read_sysfs(dev_t dev, const char *name, uint32_t *value)
{
	char path[128];
	int64_t n;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), name);
	/* A partition's limits are its disk's. */
	if (file_read_i64(path, &n)) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../%s", major(dev), minor(dev),
			 name);
		if (file_read_i64(path, &n))
			return;
	}
	if (n > 0 && n <= UINT32_MAX)
		*value = (uint32_t)n;
}

static int describe_device(struct blk_file *file, const struct stat *st)
{
	uint32_t discard_max = 0;
	int block = 0;
	unsigned physical = 0;

	if (ioctl(file->fd, BLKGETSIZE64, &file->size) || ioctl(file->fd, BLKSSZGET, &block) ||
	    ioctl(file->fd, BLKPBSZGET, &physical))
		return -errno;
	file->block_size = (uint32_t)block;
	strcpy(file->block_why, "the device's");
	file->physical_size = physical;
	file->memory_align = file->direct_size = file->direct ? (uint32_t)block : 1;
	read_sysfs(st->st_rdev, "queue/optimal_io_size", &file->optimal_size);
	read_sysfs(st->st_rdev, "queue/discard_granularity", &file->discard_unit);
	read_sysfs(st->st_rdev, "queue/discard_max_bytes", &discard_max);
	file->can_discard = discard_max && !file->readonly;
	return 0;
}

static void describe_file(struct blk_file *file, const struct stat *st)
{
	struct statx sx = { 0 };
	uint32_t memory = 0, offset = 0;

#ifdef STATX_DIOALIGN
	if (file->direct && !statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) &&
	    (sx.stx_mask & STATX_DIOALIGN)) {
		memory = sx.stx_dio_mem_align;
		offset = sx.stx_dio_offset_align;
	}
#endif
	file->size = (uint64_t)st->st_size;
	/* Images are made for 512, whatever their storage has. */
	file->block_size = BLK_FILE_MIN_BLOCK;
	strcpy(file->block_why, "as of any file");
	file->memory_align = file->direct_size = 1;
	if (file->direct) {
		/* Kernels before 6.1 do not say; a page is enough for every filesystem. */
		file->direct_size = is_pow2(offset) ? offset : PAGE;
		file->memory_align = is_pow2(memory) ? memory : PAGE;
	}
	file->physical_size = (uint32_t)st->st_blksize;
	file->discard_unit = (uint32_t)st->st_blksize;
	file->can_discard = !file->readonly;
}

/*
 * A hole behind the end changes nothing, and says whether there can be holes. The file is locked: nobody has made it
 * longer since it was looked at.
 */
static void probe_holes(struct blk_file *file)
{
	struct stat st;

	if (!file->can_discard || file->is_device)
		return;
	file->can_discard = !fstat(file->fd, &st) &&
			    !fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				       (off_t)align_up((uint64_t)st.st_size, PAGE), PAGE);
}

/* Where the guest's blocks are smaller than those that direct I/O takes, and pages of the page cache are of both ways. */
static void keep_ways_apart(struct blk_file *file, uint64_t block)
{
	if (file->block_size >= file->direct_size)
		return;
	/*
	 * A device's pages stay as they are while a direct write is on its way, and are written back with what they had.
	 * A filesystem drops them once more behind it; where it has pages larger than the device's blocks, all of one
	 * goes the same way.
	 */
	file->is_cached = file->is_device;
	if (!file->is_device && is_pow2(block) && block > file->direct_size && block <= MAX_FOLIO)
		file->direct_size = (uint32_t)block;
}

static int describe(struct blk_file *file, const char *path, unsigned block_size, struct error *err)
{
	struct stat st;
	int r = 0;

	if (fstat(file->fd, &st))
		return error_set(err, -errno, "disk %s", path);
	file->is_device = S_ISBLK(st.st_mode);
	if (!file->is_device && !S_ISREG(st.st_mode)) {
		error_set(err, -EINVAL, "disk %s", path);
		error_reason(err, "neither a regular file nor a block device");
		return error_remedy(err, "give a raw image or a block device");
	}
	if (file->is_device)
		r = describe_device(file, &st);
	else
		describe_file(file, &st);
	if (r)
		return error_set(err, r, "disk %s", path);
	if (block_size) {
		/* A device discards no less than a block of its own. */
		file->can_discard &= !file->is_device || block_size >= file->block_size;
		file->block_size = block_size;
		strcpy(file->block_why, "as asked for");
	}
	if (file->is_device && file->block_size > BLK_FILE_MAX_BLOCK) {
		error_set(err, -EOPNOTSUPP, "disk %s", path);
		error_reason(err, "has blocks of %u bytes, and guests take at most %u",
			     file->block_size, BLK_FILE_MAX_BLOCK);
		return error_remedy(err, "add logical_block_size=%u", BLK_FILE_MAX_BLOCK);
	}
	keep_ways_apart(file, (uint64_t)st.st_blksize);
	if (!is_pow2(file->physical_size) || file->physical_size < file->block_size)
		file->physical_size = file->block_size;
	if (file->physical_size < file->direct_size)
		file->physical_size = file->direct_size;
	if (file->discard_unit < file->block_size)
		file->discard_unit = file->block_size;
	if (file->size % file->block_size)
		log_warning(
			"disk %s: its last %llu bytes are no whole block of %u and cannot be reached",
			path, (unsigned long long)(file->size % file->block_size),
			file->block_size);
	file->size = align_down(file->size, file->block_size);
	if (file->size)
		return 0;
	error_set(err, -EINVAL, "disk %s", path);
	error_reason(err, "smaller than a block of %u bytes", file->block_size);
	return error_remedy(err, "make it larger: truncate -s SIZE %s", path);
}

/*
 * A file on tmpfs waits for nothing but its pages in swap, yet since Linux 6.5 does not say so (FMODE_NOWAIT), and
 * io_uring would have worker threads read it. O_NONBLOCK says it as well. A device's node is on a tmpfs, too, where that
 * would have its requests fail.
 */
static bool is_in_memory(const struct blk_file *file)
{
	struct statfs fs;

	return !file->is_device && !fstatfs(file->fd, &fs) && fs.f_type == TMPFS_MAGIC;
}

/* A guest looks for the table in the second block, finds none, and has no partitions. */
static void check_partitions(const struct blk_file *file, const char *path)
{
	unsigned size = blk_format_gpt(file->fd);

	if (size && size != file->block_size)
		log_warning(
			"disk %s: its partition table is for blocks of %u bytes, the guest sees "
			"blocks of %u, %s; with logical_block_size=%u it finds its partitions",
			path, size, file->block_size, file->block_why, size);
}

/* A guest would take it as it is, and its first write destroy it. */
static int check_format(const struct blk_file *file, const char *path, struct error *err)
{
	const char *format = blk_format(file->fd);

	if (!format)
		return 0;
	if (file->readonly) {
		log_warning(
			"disk %s: looks like a %s image, of which the guest sees the bytes as they are; "
			"image_type=raw if they are meant",
			path, format);
		return 0;
	}
	error_set(err, -EINVAL, "disk %s", path);
	error_reason(err, "looks like a %s image, which the guest's first write would destroy",
		     format);
	return error_remedy(
		err,
		"convert it: qemu-img convert -O raw %s disk.raw; or add image_type=raw if its "
		"bytes are meant",
		path);
}

/* The node that the kernel names a device by; "" where there is none. */
static void name_own_node(dev_t dev, char *node, size_t size)
{
	char uevent[64], line[128];
	FILE *text;

	*node = '\0';
	snprintf(uevent, sizeof(uevent), "/sys/dev/block/%u:%u/uevent", major(dev), minor(dev));
	text = fopen(uevent, "re");
	while (text && fgets(line, sizeof(line), text)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "DEVNAME=", 8))
			snprintf(node, size, "/dev/%s", line + 8);
	}
	if (text)
		fclose(text);
}

/* A lock is of a file, and a device may have many: the one that everybody finds. */
static void take_own_node(struct blk_file *file, int flags)
{
	struct stat given, own;
	char node[160];
	int fd;

	if (fstat(file->fd, &given) || !S_ISBLK(given.st_mode))
		return;
	name_own_node(given.st_rdev, node, sizeof(node));
	if (stat(node, &own) || !S_ISBLK(own.st_mode) || own.st_rdev != given.st_rdev ||
	    (own.st_dev == given.st_dev && own.st_ino == given.st_ino))
		return;
	fd = fd_open(node, flags, 0);
	if (fd < 0)
		return;
	if (fstat(fd, &own) || own.st_rdev != given.st_rdev) {
		close(fd);
		return;
	}
	close(file->fd);
	file->fd = fd;
}

/* What a descriptor is of, opened once more; by its path in a jail without /proc, if it is still the same. */
static int open_again(int fd, const char *path, int flags)
{
	struct stat first, second;
	char own[64];
	int again;

	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	again = fd_open(own, flags, 0);
	if (again != -ENOENT)
		return again;
	again = fd_open(path, flags, 0);
	if (again < 0 ||
	    (!fstat(fd, &first) && !fstat(again, &second) && first.st_dev == second.st_dev &&
	     first.st_ino == second.st_ino && first.st_rdev == second.st_rdev))
		return again;
	close(again);
	return -ENOENT;
}

/* What is written to must not be the host's: mounted, swapped to, a part of a volume. */
static int claim(struct blk_file *file, const char *path, struct error *err)
{
	struct stat st;

	if (!file->is_device || file->readonly)
		return 0;
	file->claim = open_again(file->fd, path, O_RDONLY | O_EXCL);
	if (file->claim >= 0)
		return 0;
	if (file->claim != -EBUSY)
		return error_set(err, file->claim, "disk %s", path);
	return refuse_used(path, fstat(file->fd, &st) ? 0 : st.st_rdev, err);
}

/* An image that is a loop device as well is the host's, whatever that device is used for. */
static int check_loops(const struct blk_file *file, const char *path, struct error *err)
{
	char loop[64];

	if (file->is_device || file->readonly || !blk_holder_loop(file->fd, loop, sizeof(loop)))
		return 0;
	error_set(err, -EBUSY, "disk %s", path);
	error_reason(err, "in use: the loop device %s is made of it", loop);
	return error_remedy(
		err, "unmount what lies on it, then losetup -d /dev/%s, or add readonly=on", loop);
}

/* The page cache takes any part of a block: it reads the rest, and lets one writer at a time into a page. */
static int open_cached(struct blk_file *file, const char *path, struct error *err)
{
	int flags = (file->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC;

	if (is_in_memory(file))
		flags |= O_NONBLOCK;
	file->cached = open_again(file->fd, path, flags);
	if (file->cached < 0)
		return error_set(err, file->cached, "disk %s: through the page cache", path);
	/* No more of it than asked for: what is beside may be written past it. */
	posix_fadvise(file->cached, 0, 0, POSIX_FADV_RANDOM);
	return 0;
}

static int open_all(const void *what, void *result, struct error *err)
{
	const struct blk_file_options *options = what;
	struct blk_file f = {
		.readonly = options->readonly, .direct = options->direct, .cached = -1, .claim = -1
	};
	const char *path = options->path;
	/* O_NONBLOCK: a FIFO is to be refused, not waited for. */
	int flags = (f.readonly ? O_RDONLY : O_RDWR) | (f.direct ? O_DIRECT : 0) | O_NONBLOCK;
	int r;

	f.fd = fd_open(path, flags, 0);
	if (f.fd < 0)
		return open_error(f.fd, path, f.readonly, f.direct, err);
	take_own_node(&f, flags);
	r = describe(&f, path, options->block_size, err);
	f.can_discard &= options->sparse;
	if (!r && !options->is_raw)
		r = check_format(&f, path, err);
	if (!r)
		r = lock(&f, path, err);
	if (!r)
		r = claim(&f, path, err);
	if (!r)
		r = check_loops(&f, path, err);
	if (!r)
		probe_holes(&f);
	if (!r)
		check_partitions(&f, path);
	if (!r && f.block_size < f.direct_size)
		r = open_cached(&f, path, err);
	if (!r && !is_in_memory(&f) && fcntl(f.fd, F_SETFL, flags & ~O_NONBLOCK))
		r = error_set(err, -errno, "disk %s", path);
	if (r) {
		fd_close(&f.claim);
		fd_close(&f.cached);
		fd_close(&f.fd);
		return r;
	}
	*(struct blk_file *)result = f;
	return 0;
}

const struct host_source blk_file_source = { "disk", open_all };

void blk_file_close(struct blk_file *file)
{
	struct flock unlock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	/* A ring that had it registered may keep it open a while: before Linux 6.4 for up to a second. */
	if (file->size) {
		fcntl(file->fd, F_OFD_SETLK, &unlock);
		fd_close(&file->claim);
		fd_close(&file->cached);
		fd_close(&file->fd);
	}
	file->size = 0;
}
