/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/host.h"

#include "core/base/fd.h"

int host_open(const struct host *host, const struct host_source *source, const void *what,
	      void *result, struct error *err)
{
	if (host)
		return host->open(host->opaque, source, what, result, err);
	return source->open(what, result, err);
}

struct file {
	const char *path;
	int flags;
	mode_t mode;
};

static int open_file(const void *what, void *result, struct error *err)
{
	const struct file *file = what;
	int fd = fd_open(file->path, file->flags, file->mode);

	if (fd < 0)
		return fd;
	*(int *)result = fd;
	return 0;
}

static const struct host_source file_source = { "file", open_file };

int host_open_file(const struct host *host, const char *path, int flags, mode_t mode)
{
	const struct file file = { path, flags, mode };
	int fd, r = host_open(host, &file_source, &file, &fd, NULL);

	return r ? r : fd;
}
