/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind/holder.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether a process has a file open, by its /proc/PID/fd links. */
static bool process_holds(const char *pid, const char *file)
{
	char path[PATH_MAX], link[PATH_MAX], target[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/%.20s/fd/%.20s", pid, entry->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = !strcmp(target, file);
	}
	if (dir)
		closedir(dir);
	return found;
}

int vfio_find_holder(const char *file)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int holder = 0;

	while (dir && !holder && (entry = readdir(dir))) {
		int pid = atoi(entry->d_name);

		if (pid > 0 && pid != getpid() && process_holds(entry->d_name, file))
			holder = pid;
	}
	if (dir)
		closedir(dir);
	return holder;
}
