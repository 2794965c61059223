/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind/use.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/block_use.h"
#include "core/base/fd.h"
#include "vfio/bind/bind_sys.h"
#include "vfio/bind/holder.h"

__attribute__((format(printf, 2, 3))) static void set_what(struct vfio_use *out, const char *fmt,
							   ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->what, sizeof(out->what), fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 2, 3))) static void set_remedy(struct vfio_use *out, const char *fmt,
							     ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->remedy, sizeof(out->remedy), fmt, ap);
	va_end(ap);
}

/* Whether the directory that a link leads to lies in a folder. */
static bool leads_into(const char *link, const char *folder)
{
	size_t len = strlen(folder);
	char target[PATH_MAX];

	return len && realpath(link, target) && !strncmp(target, folder, len) && target[len] == '/';
}

/* The first entry of a folder that begins so. */
static bool first_entry(const char *path, const char *prefix, char name[64])
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		found = entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix));
		if (found)
			snprintf(name, 64, "%.63s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* @name: a disk or a partition of one. */
static bool block_in_use(const struct vfio_host_paths *paths, const char *name,
			 struct vfio_use *out)
{
	char path[PATH_MAX];
	struct block_use use;

	if (block_use_find(paths->sysfs, paths->proc, name, &use)) {
		set_what(out, "%s", use.what);
		set_remedy(out, "%s", use.remedy);
		return true;
	}
	snprintf(path, sizeof(path), "%s/%s", paths->dev, name);
	if (!bind_sys_is_claimed(path))
		return false;
	set_what(out, "the kernel has exclusive use of %s", name);
	set_remedy(out, "unmount or export what lies on /dev/%s, in other mount namespaces as well",
		   name);
	return true;
}

/* @name: of a disk, a partition, or an NVMe namespace's node for commands. What is open so the kernel does not protect. */
static bool node_is_open(const struct vfio_host_paths *paths, const char *name,
			 struct vfio_use *out)
{
	int pid = vfio_find_disk_holder(paths, name);
	char path[PATH_MAX], comm[64] = "?";

	if (!pid)
		return false;
	snprintf(path, sizeof(path), "%s/%d/comm", paths->proc, pid);
	file_read_line(path, comm, sizeof(comm));
	set_what(out, "process %d (%s) has /dev/%s open", pid, comm, name);
	set_remedy(out, "kill %d, or have it close the disk", pid);
	return true;
}

static bool has_default_route(const struct vfio_host_paths *paths, const char *name)
{
	char path[PATH_MAX], line[512], interface[64], destination[16];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/net/route", paths->proc);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%63s %15s", interface, destination) == 2 &&
			!strcmp(interface, name) && !strcmp(destination, "00000000");
	if (file)
		fclose(file);
	return found;
}

static bool interface_in_use(const struct vfio_host_paths *paths, const char *name,
			     struct vfio_use *out)
{
	char path[PATH_MAX], target[PATH_MAX], address[64], upper[64];

	snprintf(path, sizeof(path), "%s/class/net/%s/master", paths->sysfs, name);
	if (realpath(path, target)) {
		set_what(out, "interface %s is part of %.100s", name, strrchr(target, '/') + 1);
		set_remedy(out, "ip link set %s nomaster", name);
		return true;
	}
	/* A VLAN, macvlan or ipvlan, of this network namespace. */
	snprintf(path, sizeof(path), "%s/class/net/%s", paths->sysfs, name);
	if (first_entry(path, "upper_", upper)) {
		set_what(out, "interface %s carries %s", name, upper + strlen("upper_"));
		set_remedy(out, "ip link delete %s", upper + strlen("upper_"));
		return true;
	}
	if (has_default_route(paths, name)) {
		set_what(out, "the default route goes through interface %s", name);
		set_remedy(out, "give the host another way out first");
		return true;
	}
	/* Another host's interfaces are not here. */
	if (!paths->dev[0] || !bind_sys_address(name, address, sizeof(address)))
		return false;
	set_what(out, "interface %s is up and has address %s", name, address);
	set_remedy(out, "ip address flush dev %s", name);
	return true;
}

/* Asks @in_use of everything in a class of sysfs that lies in one of two folders. */
static bool class_in_use(const struct vfio_host_paths *paths, const char *class, const char *folder,
			 const char *folder2,
			 bool (*in_use)(const struct vfio_host_paths *, const char *,
					struct vfio_use *),
			 struct vfio_use *out)
{
	char path[PATH_MAX], link[PATH_MAX + 300];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/%s", paths->sysfs, class);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.' &&
		    (leads_into(link, folder) || leads_into(link, folder2)))
			found = in_use(paths, entry->d_name, out);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* With native multipath a drive's disks lie in its subsystem, which has a link to each of its controllers. */
static void find_subsystem(const struct vfio_host_paths *paths,
			   const struct vfio_host_device *device, char folder[PATH_MAX])
{
	char path[PATH_MAX + 64], link[PATH_MAX + 400], controller[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	folder[0] = '\0';
	if (!first_entry(vfio_host_file(device, "nvme", path), "", controller))
		return;
	snprintf(path, sizeof(path), "%s/class/nvme-subsystem", paths->sysfs);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(link, sizeof(link), "%s/%s/%s", path, entry->d_name, controller);
		found = entry->d_name[0] != '.' && !access(link, F_OK);
		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		if (found && !realpath(link, folder))
			folder[0] = '\0';
	}
	if (dir)
		closedir(dir);
}

static bool find_use(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
		     struct vfio_use *out)
{
	char subsystem[PATH_MAX];

	find_subsystem(paths, device, subsystem);
	/* Who has what open takes longest to find. */
	return class_in_use(paths, "block", device->dir, subsystem, block_in_use, out) ||
	       class_in_use(paths, "net", device->dir, "", interface_in_use, out) ||
	       class_in_use(paths, "block", device->dir, subsystem, node_is_open, out) ||
	       class_in_use(paths, "nvme-generic", device->dir, subsystem, node_is_open, out);
}

bool vfio_use_find(const struct vfio_host_paths *paths, const struct vfio_host_device *device,
		   struct vfio_use *out)
{
	struct vfio_holders holders = { .is_read = false };
	struct vfio_host_paths once = *paths;
	char path[PATH_MAX + 64];
	int64_t numvfs = 0;
	bool found;

	file_read_i64(vfio_host_file(device, "sriov_numvfs", path), &numvfs);
	if (numvfs > 0) {
		set_what(out, "it has %d virtual functions", (int)numvfs);
		set_remedy(out, "torc-vfio vfs %s 0", device->bdf);
		return true;
	}
	if (!once.holders)
		once.holders = &holders;
	found = find_use(&once, device, out);
	vfio_holders_destroy(&holders);
	return found;
}
