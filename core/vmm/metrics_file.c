/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/metrics_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/vmm/metrics.h"

#define NS_PER_S 1000000000ULL

static int write_text(const char *path, mode_t mode, const struct metrics_source *source)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;
	FILE *out;

	if (fd < 0)
		return -errno;
	out = fchmod(fd, mode) ? NULL : fdopen(fd, "w");
	if (!out) {
		r = -errno;
		close(fd);
		return r;
	}
	metrics_print(out, source);
	r = ferror(out) ? -EIO : 0;
	errno = 0;
	if (fclose(out) && !r)
		r = errno ? -errno : -EIO;
	return r;
}

static int replace(const struct metrics_file *file)
{
	int r;

	/* A torc with this process id was killed while it wrote. */
	if (unlink(file->new_path) && errno != ENOENT)
		return -errno;
	r = write_text(file->new_path, file->mode, file->source);
	if (!r && rename(file->new_path, file->path))
		r = -errno;
	if (r)
		unlink(file->new_path);
	return r;
}

static void replace_later(struct metrics_file *file)
{
	int r = replace(file);

	if (r && !file->failed)
		log_warning("--metrics: %s: %s; trying again every %u s", file->path, strerror(-r),
			    file->interval_s);
	file->failed = r;
}

static void time_is_up(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct metrics_file *file = container_of(op, struct metrics_file, timer);

	if (res != -ETIME)
		return;
	replace_later(file);
	ring_timeout(file->ring, op, file->interval_s * NS_PER_S);
}

/* rename(2) would replace a socket or a device, too. */
static int check_path(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) || S_ISREG(st.st_mode))
		return 0;
	error_set(err, -EEXIST, "option --metrics: path=%s", path);
	error_reason(err, "it exists and is no regular file");
	return error_remedy(err, "remove it, or name another path");
}

int metrics_file_start(struct metrics_file *file, struct ring *ring,
		       const struct metrics_source *source, const char *path, mode_t mode,
		       unsigned interval_s, struct error *err)
{
	int r = check_path(path, err);

	if (r)
		return r;
	*file = (struct metrics_file){
		.interval_s = interval_s,
		.source = source,
		.path = path,
		.mode = mode,
	};
	if (asprintf(&file->new_path, "%s.%d", path, (int)getpid()) < 0)
		return error_set(err, -ENOMEM, "option --metrics: path=%s", path);
	r = replace(file);
	if (r) {
		free(file->new_path);
		file->new_path = NULL;
		error_set(err, r, "option --metrics: path=%s", path);
		return error_remedy(err, "name a file in a folder that exists, in which torc may "
					 "make and replace files");
	}
	file->ring = ring;
	file->timer.done = time_is_up;
	ring_timeout(ring, &file->timer, interval_s * NS_PER_S);
	return 0;
}

void metrics_file_finish(struct metrics_file *file)
{
	if (file->ring)
		replace_later(file);
	free(file->new_path);
	*file = (struct metrics_file){ 0 };
}
