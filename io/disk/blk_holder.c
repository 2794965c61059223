/* SPDX-License-Identifier: Apache-2.0 */
#include "io/disk/blk_holder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/base/fd.h"

static bool is_partition(const char *folder, const char *name)
{
	char path[PATH_MAX + 300];

	snprintf(path, sizeof(path), "%s/%s/partition", folder, name);
	return !access(path, F_OK);
}

static bool is_used(const char *name, struct block_use *out)
{
	return block_use_find("/sys", "/proc", name, out);
}

bool blk_holder(dev_t dev, struct block_use *out)
{
	char link[64], folder[PATH_MAX], whole[PATH_MAX];
	struct dirent *entry;
	bool found;
	DIR *dir;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	if (!realpath(link, folder))
		return false;
	found = is_used(strrchr(folder, '/') + 1, out);
	strcpy(whole, folder);
	*strrchr(whole, '/') = '\0';
	if (!found && is_partition(folder, "."))
		found = is_used(strrchr(whole, '/') + 1, out);
	dir = found ? NULL : opendir(folder);
	while (dir && !found && (entry = readdir(dir)))
		found = *entry->d_name != '.' && is_partition(folder, entry->d_name) &&
			is_used(entry->d_name, out);
	if (dir)
		closedir(dir);
	return found;
}

static bool is_made_of(const char *loop, const struct stat *image)
{
	char path[PATH_MAX], backing[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", loop);
	return !file_read_line(path, backing, sizeof(backing)) && !stat(backing, &st) &&
	       st.st_dev == image->st_dev && st.st_ino == image->st_ino;
}

bool blk_holder_loop(int fd, char *name, size_t size)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	struct stat image;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = !strncmp(entry->d_name, "loop", 4) && !fstat(fd, &image) &&
			is_made_of(entry->d_name, &image);
		if (found)
			snprintf(name, size, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}
