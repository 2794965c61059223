/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/blk_holder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/base/fd.h"

#define SYS_BLOCK "/sys/dev/block"

/* The device that a path is a node of; 0: of none. */
static dev_t device_of(const char *path)
{
	struct stat st;

	/* Not whatever a filesystem's source may name: a server that does not answer, for instance. */
	if (strncmp(path, "/dev/", 5) != 0 || stat(path, &st) || !S_ISBLK(st.st_mode))
		return 0;
	return st.st_rdev;
}

/* In place: proc(5) writes blanks, tabs, newlines and backslashes as \\ and three octal digits. */
static void unescape(char *path)
{
	char *out = path;

	for (const char *c = path; *c; c++) {
		unsigned code;

		if (*c == '\\' && sscanf(c + 1, "%3o", &code) == 1) {
			*out++ = (char)code;
			c += 3;
		} else {
			*out++ = *c;
		}
	}
	*out = '\0';
}

/* "36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/root rw"; some filesystems have a number of their own. */
static bool is_mounted(dev_t dev, char *at, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (file && !found && getline(&line, &room, file) > 0) {
		char mount[PATH_MAX], source[PATH_MAX];
		const char *rest = strstr(line, " - ");
		unsigned ma, mi;

		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &ma, &mi, mount) != 3)
			continue;
		found = makedev(ma, mi) == dev ||
			(rest && sscanf(rest, " - %*s %4095s", source) == 1 &&
			 device_of(source) == dev);
		if (found) {
			unescape(mount);
			snprintf(at, size, "mounted at %s", mount);
		}
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static bool is_swap(dev_t dev, char *text, size_t size)
{
	FILE *file = fopen("/proc/swaps", "re");
	char line[PATH_MAX + 64];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		found = device_of(line) == dev;
	}
	if (file)
		fclose(file);
	if (found)
		snprintf(text, size, "used for swap");
	return found;
}

/* A volume of the device mapper or of md, or a cache. @folder: of the device in sysfs */
static bool is_part(const char *folder, char *text, size_t size)
{
	char path[PATH_MAX], name[128];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/holders", folder);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		found = true;
		snprintf(path, sizeof(path), "%s/holders/%s/dm/name", folder, entry->d_name);
		if (file_read_line(path, name, sizeof(name)) < 0)
			*name = '\0';
		snprintf(text, size, "a part of %s%s%s%s", entry->d_name, *name ? " (" : "", name,
			 *name ? ")" : "");
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool read_number(const char *folder, dev_t *dev)
{
	char path[PATH_MAX], text[32];
	unsigned ma, mi;

	snprintf(path, sizeof(path), "%s/dev", folder);
	if (file_read_line(path, text, sizeof(text)) < 0 || sscanf(text, "%u:%u", &ma, &mi) != 2)
		return false;
	*dev = makedev(ma, mi);
	return true;
}

/* One device, alone. @folder: of it in sysfs, by whatever name */
static bool is_held(const char *folder, char *text, size_t size)
{
	char what[PATH_MAX + 32], name[64] = "it", real[PATH_MAX];
	dev_t dev;

	if (!read_number(folder, &dev) ||
	    (!is_mounted(dev, what, sizeof(what)) && !is_swap(dev, what, sizeof(what)) &&
	     !is_part(folder, what, sizeof(what))))
		return false;
	if (realpath(folder, real))
		snprintf(name, sizeof(name), "%s", strrchr(real, '/') + 1);
	snprintf(text, size, "%s is %s", name, what);
	return true;
}

bool blk_holder(dev_t dev, char *text, size_t size)
{
	char folder[64], other[PATH_MAX];
	struct dirent *entry;
	int64_t number;
	bool found;
	DIR *dir;

	snprintf(folder, sizeof(folder), SYS_BLOCK "/%u:%u", major(dev), minor(dev));
	found = is_held(folder, text, size);
	snprintf(other, sizeof(other), "%s/partition", folder);
	if (!found && !file_read_i64(other, &number)) {
		snprintf(other, sizeof(other), "%s/..", folder);
		found = is_held(other, text, size);
	}
	dir = found ? NULL : opendir(folder);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(other, sizeof(other), "%s/%s/partition", folder, entry->d_name);
		if (*entry->d_name == '.' || file_read_i64(other, &number))
			continue;
		snprintf(other, sizeof(other), "%s/%s", folder, entry->d_name);
		found = is_held(other, text, size);
	}
	if (dir)
		closedir(dir);
	return found;
}
