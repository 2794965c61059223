/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/fd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A sysfs attribute is at most a page. */
#define SMALL_FILE 4096

void fd_close(int *fd)
{
	int saved = errno;

	/* Linux frees the descriptor even when close(2) fails, so there is nothing to retry. */
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

ssize_t fd_read_all(int fd, void *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)buf + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t fd_pread_all(int fd, void *buf, size_t size, uint64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buf + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fd_write_all(int fd, const void *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, (const char *)buf + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

int fd_list(int **out, unsigned *nr)
{
	DIR *dir = opendir("/proc/self/fd");
	int *list = NULL, r = dir ? 0 : -errno;
	const struct dirent *entry;
	unsigned n = 0, room = 0;

	while (!r && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		if (n == room) {
			int *more = realloc(list, (room += 64) * sizeof(*list));

			if (!more) {
				r = -ENOMEM;
				break;
			}
			list = more;
		}
		list[n++] = fd;
	}
	if (dir)
		closedir(dir);
	if (r) {
		free(list);
		return r;
	}
	*out = list;
	*nr = n;
	return 0;
}

int fd_open(const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}

int fd_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void fd_eventfd_signal(int fd)
{
	uint64_t one = 1;

	/* EAGAIN means that the counter is full, so the reader is signalled anyway. */
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

uint64_t fd_eventfd_drain(int fd)
{
	uint64_t count;
	ssize_t n;

	do
		n = read(fd, &count, sizeof(count));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(count) ? count : 0;
}

int file_read_line(const char *path, char *buf, size_t size)
{
	char text[SMALL_FILE];
	const char *newline;
	size_t len;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = fd_read_all(fd, text, sizeof(text));
	fd_close(&fd);
	if (n < 0)
		return (int)n;
	newline = memchr(text, '\n', (size_t)n);
	len = newline ? (size_t)(newline - text) : (size_t)n;
	if (len > size - 1)
		len = size - 1;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return 0;
}

int file_read_i64(const char *path, int64_t *out)
{
	char line[64];
	const char *digits;
	char *end;
	long long v;
	int r;

	r = file_read_line(path, line, sizeof(line));
	if (r)
		return r;
	/* strtoll's base 0 would read a leading 0 as octal. */
	digits = line + (line[0] == '-');
	errno = 0;
	v = strtoll(line, &end,
		    digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') ? 16 : 10);
	if (end == line || errno)
		return -EINVAL;
	while (isspace((unsigned char)*end))
		end++;
	/* A line cut to fit would read as another number. */
	if (*end || strlen(line) == sizeof(line) - 1)
		return -EINVAL;
	*out = v;
	return 0;
}
