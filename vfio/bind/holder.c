/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind/holder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "vfio/bind/bind_sys.h"

#define PAUSES 5 /* of 20 ms: udev looks at a disk for less than that */

/* What is done with each file that each other process has open; true: no more of them. */
typedef bool (*seen_fn)(void *context, int pid, const char *file);

static bool look_at_process(const char *proc, const char *pid, seen_fn seen, void *context)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct dirent *entry;
	bool done = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%.20s/fd", proc, pid);
	dir = opendir(path);
	while (dir && !done && (entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		done = seen(context, atoi(pid), target);
	}
	if (dir)
		closedir(dir);
	return done;
}

static void look(const char *proc, seen_fn seen, void *context)
{
	DIR *dir = opendir(proc);
	struct dirent *entry;
	bool done = false;

	while (dir && !done && (entry = readdir(dir))) {
		int pid = atoi(entry->d_name);

		if (pid > 0 && pid != getpid())
			done = look_at_process(proc, entry->d_name, seen, context);
	}
	if (dir)
		closedir(dir);
}

struct search {
	const char *file;
	int pid;
};

static bool is_sought(void *context, int pid, const char *file)
{
	struct search *search = context;

	if (strcmp(file, search->file) != 0)
		return false;
	search->pid = pid;
	return true;
}

int vfio_find_holder(const char *file)
{
	struct search search = { file, 0 };

	look("/proc", is_sought, &search);
	return search.pid;
}

struct collection {
	const struct vfio_host_paths *paths;
	struct vfio_holders *holders;
};

/* A disk by what /dev calls it; most of what is open there is no disk. */
static bool is_disk(const struct vfio_host_paths *paths, const char *name)
{
	static const char *const classes[] = { "block", "nvme-generic" };
	char path[PATH_MAX];

	if (strchr(name, '/') || !strcmp(name, "null"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		snprintf(path, sizeof(path), "%s/class/%s/%.63s", paths->sysfs, classes[i], name);
		if (!access(path, F_OK))
			return true;
	}
	return false;
}

static bool collect(void *context, int pid, const char *file)
{
	const struct collection *c = context;
	struct vfio_holders *h = c->holders;
	void *grown;

	if (strncmp(file, "/dev/", 5) != 0 || !is_disk(c->paths, file + 5))
		return false;
	grown = realloc(h->holder, (h->nr + 1) * sizeof(*h->holder));
	if (!grown)
		return true;
	h->holder = grown;
	h->holder[h->nr] = (struct vfio_holder){ .pid = pid };
	snprintf(h->holder[h->nr].disk, sizeof(h->holder->disk), "%.63s", file + 5);
	h->nr++;
	return false;
}

static struct vfio_holders collect_all(const struct vfio_host_paths *paths)
{
	struct vfio_holders found = { .is_read = true };
	struct collection c = { paths, &found };

	look(paths->proc, collect, &c);
	return found;
}

/* The pid of who has a disk; any pid, or this one. */
static int holder_of(const struct vfio_holders *h, const char *disk, int pid)
{
	for (size_t i = 0; i < h->nr; i++) {
		if (!strcmp(h->holder[i].disk, disk) && (!pid || h->holder[i].pid == pid))
			return h->holder[i].pid;
	}
	return 0;
}

/* Those that have it a moment later, too. */
static struct vfio_holders collect_lasting(const struct vfio_host_paths *paths)
{
	struct vfio_holders found = collect_all(paths), later;
	size_t nr = 0;

	if (!found.nr)
		return found;
	for (unsigned i = 0; i < PAUSES; i++)
		bind_sys_pause();
	later = collect_all(paths);
	for (size_t i = 0; i < found.nr; i++) {
		if (holder_of(&later, found.holder[i].disk, found.holder[i].pid))
			found.holder[nr++] = found.holder[i];
	}
	found.nr = nr;
	vfio_holders_destroy(&later);
	return found;
}

int vfio_find_disk_holder(const struct vfio_host_paths *paths, const char *disk)
{
	if (!paths->holders->is_read)
		*paths->holders = collect_lasting(paths);
	return holder_of(paths->holders, disk, 0);
}

void vfio_holders_destroy(struct vfio_holders *holders)
{
	free(holders->holder);
	*holders = (struct vfio_holders){ .is_read = false };
}
