/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/block_use.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "core/base/fd.h"

/* In place: proc(5) writes blanks, tabs, newlines and backslashes as a backslash and three octal digits. */
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

/* Whether a mount's source is a device, by whatever name: btrfs on a volume of device mapper has a name of that. */
static bool is_node_of(const char *source, const char *number)
{
	unsigned major, minor;
	struct stat st;

	return !strncmp(source, "/dev/", 5) && sscanf(number, "%u:%u", &major, &minor) == 2 &&
	       !stat(source, &st) && S_ISBLK(st.st_mode) && st.st_rdev == makedev(major, minor);
}

/* A line of mountinfo: "36 35 259:1 / /srv rw - ext4 /dev/nvme0n1p1 rw"; proc_pid_mountinfo(5). */
static bool is_mount_of(const char *line, const char *number, const char *node,
			char point[PATH_MAX])
{
	const char *dash = strstr(line, " - ");
	char numbers[32], source[256] = "";

	if (!dash || sscanf(line, "%*s %*s %31s %*s %4095s", numbers, point) != 2)
		return false;
	sscanf(dash, " - %*s %255s", source);
	unescape(point);
	unescape(source);
	/* btrfs shows a number of its own. */
	return !strcmp(numbers, number) || !strcmp(source, node) || is_node_of(source, number);
}

static bool is_mounted(const char *proc, const char *number, const char *node, char point[PATH_MAX])
{
	char path[PATH_MAX], *line = NULL;
	bool found = false;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
	file = fopen(path, "re");
	while (file && !found && getline(&line, &room, file) > 0)
		found = is_mount_of(line, number, node, point);
	free(line);
	if (file)
		fclose(file);
	return found;
}

static bool is_swap(const char *proc, const char *node)
{
	char path[PATH_MAX], line[512];
	size_t len = strlen(node);
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/swaps", proc);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, node, len) && (line[len] == ' ' || line[len] == '\t');
	if (file)
		fclose(file);
	return found;
}

/* The first entry of a folder. */
static bool first_entry(const char *path, char name[64])
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = entry->d_name[0] != '.';
		if (found)
			snprintf(name, 64, "%.63s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Whether a path is short, and a shell takes it as it is. */
static bool is_plain(const char *path)
{
	return strlen(path) <= 150 && !path[strcspn(path, " \t\n\\'\"$&*?;|<>()[]{}~#!`")];
}

bool block_use_find(const char *sysfs, const char *proc, const char *name, struct block_use *out)
{
	char path[PATH_MAX], number[32] = "", node[300], point[PATH_MAX], holder[64],
			     volume[100] = "";

	snprintf(path, sizeof(path), "%s/class/block/%s/dev", sysfs, name);
	file_read_line(path, number, sizeof(number));
	snprintf(node, sizeof(node), "/dev/%s", name);
	if (is_mounted(proc, number, node, point)) {
		snprintf(out->what, sizeof(out->what), "%.64s is mounted on %.150s", name, point);
		/* As it can be typed. */
		snprintf(out->remedy, sizeof(out->remedy), "umount %.200s",
			 is_plain(point) ? point : node);
		return true;
	}
	if (is_swap(proc, node)) {
		snprintf(out->what, sizeof(out->what), "%.64s is swap space", name);
		snprintf(out->remedy, sizeof(out->remedy), "swapoff %.200s", node);
		return true;
	}
	snprintf(path, sizeof(path), "%s/class/block/%s/holders", sysfs, name);
	if (!first_entry(path, holder))
		return false;
	snprintf(path, sizeof(path), "%s/class/block/%s/dm/name", sysfs, holder);
	file_read_line(path, volume, sizeof(volume));
	snprintf(out->what, sizeof(out->what), "%.64s is part of %s%s%s%s", name, holder,
		 *volume ? " (" : "", volume, *volume ? ")" : "");
	snprintf(out->remedy, sizeof(out->remedy), "take it out of %s", holder);
	return true;
}
