/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/blk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/virtio/blk_format.h"

#define SECTOR 512
#define PAGE   4096

static int open_error(int r, const char *path, bool readonly, bool direct, struct error *err)
{
	error_set(err, r, "disk %s", path);
	if (r == -ENOENT)
		error_remedy(err, "check the path");
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
	file->physical_size = physical;
	file->memory_align = file->direct ? (uint32_t)block : 1;
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
	file->block_size = SECTOR;
	file->memory_align = 1;
	if (file->direct) {
		/* Kernels before 6.1 do not say; a page is enough for every filesystem. */
		file->block_size = is_pow2(offset) && offset > SECTOR ? offset
				   : offset			      ? SECTOR
								      : PAGE;
		file->memory_align = is_pow2(memory) ? memory : PAGE;
	}
	file->physical_size = (uint32_t)st->st_blksize;
	file->discard_unit = (uint32_t)st->st_blksize;
	/* A hole behind the end changes nothing, and says whether there can be holes. */
	file->can_discard = !file->readonly &&
			    !fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				       (off_t)align_up(file->size, PAGE), PAGE);
}

static int describe(struct blk_file *file, const char *path, struct error *err)
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
	if (!is_pow2(file->physical_size) || file->physical_size < file->block_size)
		file->physical_size = file->block_size;
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

int blk_file_open(struct blk_file *file, const char *path, bool readonly, bool direct, bool is_raw,
		  struct error *err)
{
	struct blk_file f = { .readonly = readonly, .direct = direct };
	/* O_NONBLOCK: a FIFO is to be refused, not waited for. */
	int flags = (readonly ? O_RDONLY : O_RDWR) | (direct ? O_DIRECT : 0) | O_CLOEXEC |
		    O_NONBLOCK;
	int r;

	f.fd = open(path, flags);
	if (f.fd < 0)
		return open_error(-errno, path, readonly, direct, err);
	r = describe(&f, path, err);
	if (!r && !is_raw)
		r = check_format(&f, path, err);
	if (!r)
		r = lock(&f, path, err);
	if (!r && !is_in_memory(&f) && fcntl(f.fd, F_SETFL, flags & ~O_NONBLOCK))
		r = error_set(err, -errno, "disk %s", path);
	if (r) {
		fd_close(&f.fd);
		return r;
	}
	*file = f;
	return 0;
}

void blk_file_close(struct blk_file *file)
{
	struct flock unlock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	/* A ring that had it registered may keep it open a while: before Linux 6.4 for up to a second. */
	if (file->size) {
		fcntl(file->fd, F_OFD_SETLK, &unlock);
		fd_close(&file->fd);
	}
	file->size = 0;
}
