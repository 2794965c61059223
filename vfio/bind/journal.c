/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fd.h"

/* Written under this name first; not an address, so it is nobody's entry. */
#define NEW_ENTRY ".new"
#define MAX_ENTRY 1024

#define RETRY_US 20000

static int make_folder(const char *path, mode_t mode)
{
	return mkdir(path, mode) && errno != EEXIST ? -errno : 0;
}

/* An earlier version let everybody read it, and so lock it. */
static int close_to_others(int dir)
{
	struct stat st;

	if (fstat(dir, &st))
		return -errno;
	return st.st_mode & 077 && fchmod(dir, 0700) ? -errno : 0;
}

/* The process that has a lock on a file, by /proc/locks: "1: FLOCK  ADVISORY  WRITE 1234 00:1a:567 0 EOF"; 0: not known. */
static int find_holder(const char *proc, int fd)
{
	char path[PATH_MAX], line[256];
	struct stat st;
	int holder = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/locks", proc);
	file = fstat(fd, &st) ? NULL : fopen(path, "re");
	while (file && !holder && fgets(line, sizeof(line), file)) {
		unsigned major, minor;
		unsigned long inode;
		int pid;

		if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%lu", &pid, &major, &minor, &inode) ==
			    4 &&
		    makedev(major, minor) == st.st_dev && inode == st.st_ino)
			holder = pid;
	}
	if (file)
		fclose(file);
	return holder;
}

/* @fd: of the folder, or of an entry; @how: flock(2)'s */
static int lock(int fd, int how, const struct vfio_host_paths *paths, struct error *err)
{
	uint64_t begin = clock_ns(CLOCK_MONOTONIC);
	char path[PATH_MAX], comm[32] = "?";
	int holder;

	while (flock(fd, how | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set(err, -errno, "lock");
		if (clock_ns(CLOCK_MONOTONIC) - begin >= paths->patience_ms * 1000000ULL)
			goto refuse;
		usleep(RETRY_US);
	}
	return 0;
refuse:
	holder = find_holder(paths->proc, fd);
	error_set(err, -EBUSY, "lock");
	if (!holder) {
		error_reason(err, "another process has it");
		return error_remedy(err, "find it in /proc/locks, and end it");
	}
	snprintf(path, sizeof(path), "%s/%d/comm", paths->proc, holder);
	file_read_line(path, comm, sizeof(comm));
	error_reason(err, "pid %d (%s) has it for longer than %u s", holder, comm,
		     paths->patience_ms / 1000);
	return error_remedy(err, "wait for its end, or end it: kill %d", holder);
}

int vfio_journal_open(struct vfio_journal *journal, const struct vfio_host_paths *paths,
		      struct error *err)
{
	struct vfio_journal j = { .dir = -1 };
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", paths->proc);
	r = file_read_line(path, j.boot_id, sizeof(j.boot_id));
	if (r)
		return error_set(err, r, "%s", path);
	snprintf(path, sizeof(path), "%s/bind", paths->state);
	r = make_folder(paths->state, 0755);
	if (!r)
		r = make_folder(path, 0700);
	if (!r)
		j.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!r && j.dir < 0)
		r = -errno;
	if (!r)
		r = close_to_others(j.dir);
	if (r) {
		error_set(err, r, "journal %s", path);
		if (r == -EACCES || r == -EPERM)
			error_remedy(err, "run it as root");
		else if (r == -EROFS)
			error_remedy(err,
				     "make that folder, or the one above it, one that can be "
				     "written to: mount -t tmpfs tmpfs %s",
				     paths->state);
		goto close;
	}
	r = lock(j.dir, LOCK_EX, paths, err);
	if (r) {
		error_set(err, r, "journal %s", path);
		goto close;
	}
	*journal = j;
	return 0;
close:
	fd_close(&j.dir);
	return r;
}

void vfio_journal_close(struct vfio_journal *journal)
{
	fd_close(&journal->dir);
}

static int damaged(const char *bdf, struct error *err)
{
	error_set(err, -EINVAL, "journal: entry %s", bdf);
	error_reason(err, "damaged");
	return error_remedy(err, "put the device back by hand, then remove the file, which is in "
				 "/var/lib/torc/bind");
}

/* One line of an entry, without its newline. */
static bool parse_line(const char *line, struct vfio_journal_entry *e)
{
	if (sscanf(line, "boot_id=%39s", e->boot_id) == 1)
		return true;
	if (!strncmp(line, "driver=", 7)) {
		e->has_driver = true;
		return snprintf(e->driver, sizeof(e->driver), "%s", line + 7) <
		       (int)sizeof(e->driver);
	}
	if (!strncmp(line, "driver_override=", 16))
		return snprintf(e->override, sizeof(e->override), "%s", line + 16) <
		       (int)sizeof(e->override);
	if (sscanf(line, "sriov_numvfs=%d", &e->numvfs) == 1) {
		e->has_vfs = true;
		return true;
	}
	return sscanf(line, "sriov_drivers_autoprobe=%d", &e->autoprobe) == 1;
}

int vfio_journal_read(const struct vfio_journal *journal, const char *bdf,
		      struct vfio_journal_entry *out, struct error *err)
{
	struct vfio_journal_entry e = { 0 };
	char text[MAX_ENTRY + 1], *save = NULL;
	int fd = openat(journal->dir, bdf, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return error_set(err, -errno, "journal: entry %s", bdf);
	n = fd_read_all(fd, text, MAX_ENTRY);
	fd_close(&fd);
	if (n < 0)
		return error_set(err, (int)n, "journal: entry %s", bdf);
	text[n] = '\0';
	snprintf(e.bdf, sizeof(e.bdf), "%s", bdf);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!parse_line(line, &e))
			return damaged(bdf, err);
	}
	if (!e.boot_id[0] || !(e.has_driver || e.has_vfs))
		return damaged(bdf, err);
	*out = e;
	return 0;
}

static int format_entry(const struct vfio_journal_entry *e, const char *boot_id, char *text)
{
	int n = snprintf(text, MAX_ENTRY, "boot_id=%s\n", boot_id);

	/* A driver's name has no newline; the override is whatever somebody wrote. */
	if (strchr(e->override, '\n'))
		return -EINVAL;
	if (e->has_driver)
		n += snprintf(text + n, (size_t)(MAX_ENTRY - n), "driver=%s\ndriver_override=%s\n",
			      e->driver, e->override);
	if (e->has_vfs)
		n += snprintf(text + n, (size_t)(MAX_ENTRY - n),
			      "sriov_numvfs=%d\nsriov_drivers_autoprobe=%d\n", e->numvfs,
			      e->autoprobe);
	return n;
}

/* The new file is on the disk before it has its name, the name before the device is touched. */
static int replace_entry(const struct vfio_journal *journal, const char *bdf, const char *text,
			 size_t size)
{
	int fd = openat(journal->dir, NEW_ENTRY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, size);
	if (!r && fsync(fd))
		r = -errno;
	fd_close(&fd);
	if (!r && renameat(journal->dir, NEW_ENTRY, journal->dir, bdf))
		r = -errno;
	if (!r && fsync(journal->dir))
		r = -errno;
	return r;
}

int vfio_journal_write(const struct vfio_journal *journal, const struct vfio_journal_entry *entry,
		       struct error *err)
{
	char text[MAX_ENTRY];
	int n = format_entry(entry, journal->boot_id, text);
	int r = n < 0 ? n : replace_entry(journal, entry->bdf, text, (size_t)n);

	if (r)
		return error_set(err, r, "journal: entry %s", entry->bdf);
	return 0;
}

int vfio_journal_remove(const struct vfio_journal *journal, const char *bdf, struct error *err)
{
	if (unlinkat(journal->dir, bdf, 0) && errno != ENOENT)
		return error_set(err, -errno, "journal: entry %s", bdf);
	/* Not on the disk yet: at worst the device is put back once more, which changes nothing. */
	return 0;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int vfio_journal_list(const struct vfio_journal *journal, char (**out)[16], unsigned *nr,
		      struct error *err)
{
	struct dirent **entries;
	char(*list)[16];
	int n = scandirat(journal->dir, ".", &entries, not_hidden, alphasort);

	if (n < 0)
		return error_set(err, -errno, "journal");
	list = calloc((size_t)n + 1, sizeof(*list));
	for (int i = 0; i < n; i++) {
		if (list)
			snprintf(list[i], sizeof(list[i]), "%.15s", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (!list)
		return error_set(err, -ENOMEM, "journal");
	*out = list;
	*nr = (unsigned)n;
	return 0;
}

int vfio_journal_hold(const struct vfio_journal *journal, const char *bdf,
		      const struct vfio_host_paths *paths, struct error *err)
{
	int r, fd = openat(journal->dir, bdf, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, -errno, "open");
	r = fchmod(fd, 0600) ? error_set(err, -errno, "mode") : 0;
	/* Shared: two machines may have functions of one group for a moment, until the kernel refuses the second. */
	if (!r)
		r = lock(fd, LOCK_SH, paths, err);
	if (!r)
		return fd;
	fd_close(&fd);
	return r;
}

bool vfio_journal_is_held(const struct vfio_journal *journal, const char *bdf)
{
	int fd = openat(journal->dir, bdf, O_RDONLY | O_CLOEXEC);
	bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;

	fd_close(&fd);
	return held;
}
