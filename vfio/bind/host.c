/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/bind/host.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "numa/topology.h"

const struct vfio_host_paths vfio_host_paths = { "/sys",	  "/proc", "/dev",
						 "/var/lib/torc", 30000,   NULL };

/* The last component of the link DIR/NAME, or "" when there is no such link. */
static void link_name(const char *dir, const char *name, char *out, size_t size)
{
	char path[PATH_MAX + 64], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, size, "%.*s", (int)(size - 1), slash ? slash + 1 : target);
}

static int not_pci(const char *path, struct error *err)
{
	error_set(err, -EINVAL, "device %s", path);
	error_reason(err, "not a PCI device");
	return error_remedy(err,
			    "give its directory, /sys/bus/pci/devices/SEGMENT:BUS:DEVICE.FUNCTION; "
			    "lspci -D lists the devices");
}

/* The first of the methods that sysfs lists is the one that the kernel takes. Before Linux 5.15 there is no list. */
static void read_reset(struct vfio_host_device *device)
{
	char path[PATH_MAX + 64], line[128] = "";

	file_read_line(vfio_host_file(device, "reset_method", path), line, sizeof(line));
	line[strcspn(line, " ")] = '\0';
	snprintf(device->reset, sizeof(device->reset), "%.*s", (int)sizeof(device->reset) - 1,
		 line);
}

int vfio_host_find(const char *path, struct vfio_host_device *out, struct error *err)
{
	struct vfio_host_device d = { .group = -1 };
	char name[64];
	const char *slash;
	int length;

	if (!realpath(path, d.dir)) {
		error_set(err, -errno, "device %s", path);
		return error_remedy(err, "lspci -D lists the devices; the path is "
					 "/sys/bus/pci/devices/SEGMENT:BUS:DEVICE.FUNCTION");
	}
	link_name(d.dir, "subsystem", name, sizeof(name));
	slash = strrchr(d.dir, '/');
	if (strcmp(name, "pci") || !slash)
		return not_pci(path, err);
	length = snprintf(d.bdf, sizeof(d.bdf), "%s", slash + 1);
	if (length < 0 || (size_t)length >= sizeof(d.bdf))
		return not_pci(path, err);
	link_name(d.dir, "driver", d.driver, sizeof(d.driver));
	link_name(d.dir, "iommu_group", name, sizeof(name));
	if (name[0])
		d.group = atoi(name);
	d.node = topology_device_node(d.dir);
	read_reset(&d);
	*out = d;
	return 0;
}

static int find(const void *what, void *result, struct error *err)
{
	return vfio_host_find(what, result, err);
}

const struct host_source vfio_host_source = { "PCI device", find };

/* Hexadecimal digits with ":", ":" and "." between, of these lengths at least; libpci and the kernel write them so. */
static bool is_address(const char *bdf)
{
	unsigned segment, bus, slot, function;
	int end = 0;

	return strspn(bdf, "0123456789abcdefABCDEF:.") == strlen(bdf) && strlen(bdf) < 16 &&
	       sscanf(bdf, "%x:%2x:%2x.%1x%n", &segment, &bus, &slot, &function, &end) == 4 &&
	       !bdf[end];
}

int vfio_host_lookup(const struct vfio_host_paths *paths, const char *bdf,
		     struct vfio_host_device *out, struct error *err)
{
	char full[32], path[PATH_MAX];

	snprintf(full, sizeof(full), "%s%.20s", strlen(bdf) == 7 ? "0000:" : "", bdf);
	if (!is_address(full)) {
		error_set(err, -EINVAL, "device %s", bdf);
		error_reason(err, "not an address of a PCI device");
		return error_remedy(err, "write SEGMENT:BUS:DEVICE.FUNCTION, such as 0000:01:00.0; "
					 "torc-vfio list has them");
	}
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", paths->sysfs, full);
	return vfio_host_find(path, out, err);
}

const char *vfio_host_file(const struct vfio_host_device *device, const char *name,
			   char path[PATH_MAX + 64])
{
	snprintf(path, PATH_MAX + 64, "%s/%s", device->dir, name);
	return path;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int vfio_host_members(const struct vfio_host_device *device, struct vfio_host_device **out,
		      unsigned *nr, struct error *err)
{
	struct vfio_host_device *members = NULL;
	struct dirent **entries;
	char folder[PATH_MAX + 64];
	unsigned found = 0;
	int n;

	vfio_host_file(device, "iommu_group/devices", folder);
	n = scandir(folder, &entries, not_hidden, alphasort);
	if (n < 0)
		return error_set(err, -errno, "%s", folder);
	members = calloc((size_t)n + 1, sizeof(*members));
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX + 400];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		/* What is not a PCI device is none that could be bound. */
		if (members && !vfio_host_find(path, &members[found], NULL))
			found++;
		free(entries[i]);
	}
	free(entries);
	if (!members)
		return error_set(err, -ENOMEM, "IOMMU group %d", device->group);
	*out = members;
	*nr = found;
	return 0;
}

bool vfio_host_is_bridge(const struct vfio_host_device *device)
{
	char path[PATH_MAX + 64];
	int64_t class;

	if (file_read_i64(vfio_host_file(device, "class", path), &class))
		return false;
	/* PCI Code and ID Assignment, 1.7: bridge devices: host, PCI-to-PCI, CardBus. */
	return class >> 8 == 0x0600 || class >> 8 == 0x0604 || class >> 8 == 0x0607;
}

static int own_driver(const struct vfio_host_device *device, struct error *err)
{
	error_set(err, -EBUSY, "device %s", device->bdf);
	if (device->driver[0])
		error_reason(err, "bound to the host's driver %s, not to vfio-pci", device->driver);
	else
		error_reason(err, "bound to no driver; torc needs vfio-pci");
	return error_remedy(err, "torc-vfio bind %s", device->bdf);
}

/* vfio-pci, or a driver of its own that VFIO has for the device. */
static bool driver_is_vfio(const char *dir, const char *driver)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/vfio-dev", dir);
	return !strcmp(driver, "vfio-pci") || !access(path, F_OK);
}

bool vfio_host_is_bound(const struct vfio_host_device *device)
{
	return driver_is_vfio(device->dir, device->driver);
}

/* The kernel's own rule (vfio_dev_driver_allowed): no driver, a stub, a bridge's, or a VFIO one. */
static bool driver_harmless(const char *dir, const char *driver)
{
	static const char *const harmless[] = { "", "pci-stub", "pcieport" };

	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (!strcmp(driver, harmless[i]))
			return true;
	}
	return driver_is_vfio(dir, driver);
}

bool vfio_host_is_harmless(const struct vfio_host_device *device)
{
	return driver_harmless(device->dir, device->driver);
}

/* Collects "BDF (driver)" of every device in the way; returns their number. */
static unsigned group_obstacles(const char *devices_dir, char *text, size_t size)
{
	DIR *dir = opendir(devices_dir);
	struct dirent *entry;
	unsigned nr = 0;
	size_t used = 0;

	while (dir && (entry = readdir(dir))) {
		char path[PATH_MAX + 300], driver[64];
		int n;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", devices_dir, entry->d_name);
		link_name(path, "driver", driver, sizeof(driver));
		if (driver_harmless(path, driver))
			continue;
		n = snprintf(text + used, size - used, "%s%s (%s)", nr ? ", " : "", entry->d_name,
			     driver);
		used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
		nr++;
	}
	if (dir)
		closedir(dir);
	return nr;
}

int vfio_host_check(const struct vfio_host_device *device, struct error *err)
{
	char devices[PATH_MAX + 32], text[320] = "";

	if (device->group < 0) {
		error_set(err, -ENODEV, "device %s", device->bdf);
		error_reason(err, "in no IOMMU group");
		return error_remedy(err, "enable the IOMMU in the firmware and boot with "
					 "intel_iommu=on (Intel; AMD's is on by default)");
	}
	if (!vfio_host_is_bound(device))
		return own_driver(device, err);
	snprintf(devices, sizeof(devices), "%s/iommu_group/devices", device->dir);
	if (!group_obstacles(devices, text, sizeof(text)))
		return 0;
	error_set(err, -EBUSY, "device %s: IOMMU group %d", device->bdf, device->group);
	error_reason(err, "not viable, host drivers hold %s", text);
	return error_remedy(err,
			    "torc-vfio bind %s binds these as well, which cannot be isolated from "
			    "it; or unbind their drivers",
			    device->bdf);
}
