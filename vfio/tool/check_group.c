/* SPDX-License-Identifier: Apache-2.0 */
/* Whether VFIO gives a device out: its driver, its group and what isolates it from others. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "vfio/tool/check_internal.h"

#define CONFIG_SIZE 4096

void check_driver(const struct check_host *host, const struct vfio_inspect *device,
		  struct vfio_check_finding *f)
{
	const struct vfio_host_device *d = &device->host;
	struct vfio_verdict verdict;

	if (device->is_bridge) {
		check_say(f, VFIO_CHECK_IN_THE_WAY, "a bridge, which stays with the host");
		return;
	}
	if (vfio_host_is_bound(d)) {
		check_say(f, VFIO_CHECK_OK, "%s", d->driver[0] ? d->driver : "none");
		return;
	}
	/* Without a group it cannot be bound; that is said of the group. */
	if (d->group < 0) {
		check_say(f, VFIO_CHECK_FACT, "%s", d->driver[0] ? d->driver : "none");
		return;
	}
	vfio_inspect_judge(host->paths, device, &verdict);
	if (!verdict.is_assignable) {
		check_say(f, VFIO_CHECK_IN_THE_WAY, "%s has it, and the host needs it: %s",
			  d->driver[0] ? d->driver : "no driver", verdict.reason);
		if (verdict.remedy[0])
			check_now(f, "%s", verdict.remedy);
		return;
	}
	/* It can be had, by either of these. */
	if (d->driver[0])
		check_say(f, VFIO_CHECK_FACT,
			  "the host's driver %s has it, until it is bound to vfio-pci", d->driver);
	else
		check_say(f, VFIO_CHECK_FACT, "no driver has it, until it is bound to vfio-pci");
	check_now(f, "torc-vfio bind %s", d->bdf);
	check_lasting(f, "torc's command line", "--device path=/sys/bus/pci/devices/%s/,bind=on",
		      d->bdf);
}

/* An extended capability in a configuration space of 4 KiB; 0: there is none. */
static unsigned find_extended(const uint8_t *config, unsigned id)
{
	unsigned at = PCI_CFG_SPACE_SIZE;

	/* A list that loops ends with the last capability there is room for. */
	for (unsigned nr = 0;
	     nr < CONFIG_SIZE / 8 && at >= PCI_CFG_SPACE_SIZE && at <= CONFIG_SIZE - 8; nr++) {
		uint32_t header = (uint32_t)get_le(config + at, 4);

		if (PCI_EXT_CAP_ID(header) == id)
			return at;
		at = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

/* What kind of PCI Express function it is, PCI_EXP_TYPE_...; -1: conventional PCI. */
static int express_type(const uint8_t *config)
{
	unsigned at = config[PCI_CAPABILITY_LIST] & ~3U;

	if (!(config[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return -1;
	for (unsigned nr = 0;
	     nr < PCI_CFG_SPACE_SIZE / PCI_CAP_SIZEOF && at >= PCI_STD_HEADER_SIZEOF; nr++) {
		if (config[at + PCI_CAP_LIST_ID] == PCI_CAP_ID_EXP)
			return (int)(get_le(config + at + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE) >>
			       4;
		at = config[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
	return -1;
}

/*
 * Whether a port keeps what is behind it apart from the rest, by the kernel's rule: a root or downstream port has ACS, and
 * what it can do of source validation, redirection and upstream forwarding is on; an upstream port need not have it; a
 * bridge to conventional PCI never does. PCI Express Base Specification, 6.12. Returns -errno when its configuration space
 * cannot be read as a whole, which takes root.
 */
static int port_isolates(const char *dir)
{
	const unsigned wanted = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF;
	uint8_t config[CONFIG_SIZE];
	char path[PATH_MAX + 16];
	unsigned at, can;
	int fd, type;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/config", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = fd_read_all(fd, config, sizeof(config));
	fd_close(&fd);
	/* A bridge of conventional PCI has the short one, as has everything without root. */
	if (n != CONFIG_SIZE)
		return n < 0 ? (int)n : n == PCI_CFG_SPACE_SIZE ? 0 : -EACCES;
	type = express_type(config);
	if (type == PCI_EXP_TYPE_UPSTREAM)
		return 1;
	at = find_extended(config, PCI_EXT_CAP_ID_ACS);
	if (!at || (type != PCI_EXP_TYPE_ROOT_PORT && type != PCI_EXP_TYPE_DOWNSTREAM))
		return 0;
	can = (unsigned)get_le(config + at + PCI_ACS_CAP, 2) & wanted;
	return (get_le(config + at + PCI_ACS_CTRL, 2) & can) == can;
}

/* Cuts the last component off; false when what is left is no PCI device. */
static bool go_up(char *dir)
{
	char path[PATH_MAX + 16];
	int64_t vendor;
	char *slash = strrchr(dir, '/');

	if (!slash || slash == dir)
		return false;
	*slash = '\0';
	snprintf(path, sizeof(path), "%s/vendor", dir);
	return !file_read_i64(path, &vendor);
}

/* The ports above a device that do not isolate, " 0000:00:1c.0"; "" for none; returns -errno of one not known. */
static int find_leaks(const struct vfio_host_device *device, char *text, size_t size)
{
	char dir[PATH_MAX];
	size_t used = 0;

	text[0] = '\0';
	memcpy(dir, device->dir, sizeof(dir));
	while (go_up(dir) && used < size) {
		int r = port_isolates(dir);

		if (r < 0)
			return r;
		if (!r)
			used += (size_t)snprintf(text + used, size - used, " %s",
						 strrchr(dir, '/') + 1);
	}
	return 0;
}

static void say_shared(const struct vfio_host_device *device, const char *others,
		       struct vfio_check_finding *f)
{
	char ports[128];
	int r = find_leaks(device, ports, sizeof(ports));

	check_say(f, VFIO_CHECK_BETTER, "%d, with %s: %s%s", device->group, others,
		  r	     ? "whether ports above it lack ACS takes root to see"
		  : ports[0] ? "no ACS, or not on, in the ports above it:"
			     : "the ports above it isolate, the functions of the card do not",
		  r ? "" : ports);
	if (!r && ports[0])
		check_lasting(f, "hardware",
			      "another slot; or turn on ACS in the firmware, where it has that");
}

/* The others of its group: all but bridges, and those whose driver keeps VFIO from giving the group out. */
struct others {
	unsigned nr, nr_obstacles, nr_bridges;
	char text[400], obstacles[400];
};

static void add_other(char *text, size_t size, const struct vfio_host_device *device)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s (%s)", used ? ", " : "", device->bdf,
		 device->driver[0] ? device->driver : "no driver");
}

static void sort_others(const struct vfio_host_device *device,
			const struct vfio_host_device *members, unsigned nr, struct others *o)
{
	for (unsigned i = 0; i < nr; i++) {
		if (!strcmp(members[i].bdf, device->bdf))
			continue;
		if (!vfio_host_is_harmless(&members[i])) {
			o->nr_obstacles++;
			add_other(o->obstacles, sizeof(o->obstacles), &members[i]);
		}
		if (vfio_host_is_bridge(&members[i])) {
			o->nr_bridges++;
			continue;
		}
		o->nr++;
		add_other(o->text, sizeof(o->text), &members[i]);
	}
}

void check_group(const struct check_host *host, const struct vfio_inspect *device,
		 struct vfio_check_finding *f)
{
	const struct vfio_host_device *d = &device->host;
	struct vfio_host_device *members;
	struct others o = { 0 };
	struct error err = { 0 };
	unsigned nr;

	if (d->group < 0) {
		check_say(f, VFIO_CHECK_IN_THE_WAY, "none: %s",
			  host->nr_iommus ? "no IOMMU serves this device"
					  : "without an IOMMU there are no groups");
		return;
	}
	if (vfio_host_members(d, &members, &nr, &err)) {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s: %s", err.object, err.reason);
		return;
	}
	sort_others(d, members, nr, &o);
	free(members);
	if (o.nr_obstacles) {
		check_say(f, VFIO_CHECK_IN_THE_WAY,
			  "%d is not viable: drivers of the host have others of it: %s", d->group,
			  o.obstacles);
		check_now(f, "torc-vfio bind %s # these as well", d->bdf);
	} else if (o.nr) {
		say_shared(d, o.text, f);
	} else {
		check_say(f, VFIO_CHECK_OK, "%d, of it alone%s", d->group,
			  o.nr_bridges ? " but for bridges" : "");
	}
}
