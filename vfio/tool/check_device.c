/* SPDX-License-Identifier: Apache-2.0 */
/* What a device loses where it is: its link, its node, its sleep, its reset. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "numa/affinity.h"
#include "vfio/tool/check_internal.h"

#define CLASS_DISPLAY 0x03

struct link {
	double speed; /* GT/s of a lane */
	int width;    /* lanes */
};

/* "16.0 GT/s PCIe" and "4"; what has no link says "Unknown" and 0, or nothing. */
static bool read_link(const char *dir, const char *which, struct link *out)
{
	char path[PATH_MAX + 32], text[64];
	struct link link;
	int64_t width;

	snprintf(path, sizeof(path), "%s/%s_link_speed", dir, which);
	if (file_read_line(path, text, sizeof(text)) || sscanf(text, "%lf GT/s", &link.speed) != 1)
		return false;
	snprintf(path, sizeof(path), "%s/%s_link_width", dir, which);
	if (file_read_i64(path, &width) || width < 1 || width > 32)
		return false;
	link.width = (int)width;
	*out = link;
	return true;
}

/* GB/s in each direction: 8b/10b up to 5 GT/s, 128b/130b up to 32, flits of 256 bytes with 242 of data above. */
static double bandwidth(const struct link *link)
{
	double code = link->speed <= 5.0    ? 8.0 / 10.0
		      : link->speed <= 32.0 ? 128.0 / 130.0
					    : 242.0 / 256.0;

	return link->speed * link->width * code / 8;
}

static bool is_less(const struct link *a, const struct link *b)
{
	return bandwidth(a) < bandwidth(b) * 0.999;
}

static bool go_up(char *dir)
{
	char *slash = strrchr(dir, '/');

	if (!slash || slash == dir)
		return false;
	*slash = '\0';
	return true;
}

/* Why a link is not what its device is capable of: @dir is the device's. */
static void say_slow(const struct vfio_inspect *device, const char *dir, const struct link *now,
		     const struct link *most, struct vfio_check_finding *f)
{
	char up[PATH_MAX];
	struct link port;
	bool is_slot = false;

	snprintf(up, sizeof(up), "%s", dir);
	if (go_up(up) && read_link(up, "max", &port))
		is_slot = (port.width <= now->width || now->width == most->width) &&
			  (port.speed <= now->speed || now->speed >= most->speed);
	else
		port.width = 0;
	check_say(
		f, VFIO_CHECK_BETTER,
		"%.1f GT/s x%d, %.1f GB/s; the device is capable of %.1f GT/s x%d, %.1f GB/s%s%s%s",
		now->speed, now->width, bandwidth(now), most->speed, most->width, bandwidth(most),
		is_slot	     ? "; its slot gives no more: "
		: port.width ? "; its slot could give more: "
			     : "",
		port.width ? strrchr(up, '/') + 1 : "",
		device->class >> 16 == CLASS_DISPLAY ? "; GPUs slow their links down when idle"
						     : "");
	if (is_slot)
		check_lasting(f, "hardware", "a slot of x%d and %.1f GT/s", most->width,
			      most->speed);
	else
		check_lasting(f, "hardware",
			      "seat it again; look at riser, cable, and the firmware's bifurcation "
			      "and link speed of the slot");
}

/* The narrowest link above a device's own; false when none is narrower. */
static bool find_bottleneck(const char *dir, const struct link *own, struct link *narrow,
			    char *port, size_t size)
{
	char up[PATH_MAX];
	bool found = false;
	struct link link;

	snprintf(up, sizeof(up), "%s", dir);
	*narrow = *own;
	while (go_up(up) && strrchr(up, '/')) {
		if (!read_link(up, "current", &link) || !is_less(&link, narrow))
			continue;
		*narrow = link;
		snprintf(port, size, "%.15s", strrchr(up, '/') + 1);
		found = true;
	}
	return found;
}

void check_link(const struct check_host *host, const struct vfio_inspect *device,
		struct vfio_check_finding *f)
{
	char path[PATH_MAX + 64], dir[PATH_MAX], port[16];
	struct link now, most, narrow;

	/* A virtual function has the link of its physical one. */
	if (!device->physfn[0] || !realpath(vfio_host_file(&device->host, "physfn", path), dir))
		snprintf(dir, sizeof(dir), "%s", device->host.dir);
	if (!read_link(dir, "max", &most))
		return;
	if (!read_link(dir, "current", &now)) {
		check_say(f, VFIO_CHECK_UNKNOWN, "the device does not say how it was trained");
		return;
	}
	if (is_less(&now, &most)) {
		say_slow(device, dir, &now, &most, f);
	} else if (find_bottleneck(dir, &now, &narrow, port, sizeof(port))) {
		check_say(f, VFIO_CHECK_BETTER,
			  "%.1f GT/s x%d, %.1f GB/s, but behind %s, whose link has %.1f GT/s x%d, "
			  "%.1f GB/s",
			  now.speed, now.width, bandwidth(&now), port, narrow.speed, narrow.width,
			  bandwidth(&narrow));
		check_lasting(f, "hardware", "a slot that is not behind %s", port);
	} else {
		check_say(f, VFIO_CHECK_OK, "%.1f GT/s x%d, %.1f GB/s: all it is capable of",
			  now.speed, now.width, bandwidth(&now));
	}
}

/* Documentation/ABI/testing/sysfs-bus-pci: /sys/bus/pci/devices/.../link/. */
void check_aspm(const struct check_host *host, const struct vfio_inspect *device,
		struct vfio_check_finding *f)
{
	static const char *const states[] = { "l0s_aspm",  "l1_aspm",	 "l1_1_aspm",
					      "l1_2_aspm", "l1_1_pcipm", "l1_2_pcipm" };
	const char *bdf = device->host.bdf;
	char path[PATH_MAX + 64], name[32], on[128] = "";
	unsigned known = 0;
	int64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		size_t used = strlen(on);

		snprintf(name, sizeof(name), "link/%s", states[i]);
		if (file_read_i64(vfio_host_file(&device->host, name, path), &value))
			continue;
		known++;
		if (!value)
			continue;
		snprintf(on + used, sizeof(on) - used, "%s%s", used ? ", " : "", states[i]);
		check_now(f, "echo 0 > /sys/bus/pci/devices/%s/%s", bdf, name);
	}
	if (!known)
		return;
	if (!on[0]) {
		check_say(f, VFIO_CHECK_OK, "the link does not sleep");
		return;
	}
	check_say(f, VFIO_CHECK_BETTER, "the link may sleep: %s", on);
	check_lasting(f, CHECK_KERNEL, "pcie_aspm.policy=performance");
}

void check_reset(const struct check_host *host, const struct vfio_inspect *device,
		 struct vfio_check_finding *f)
{
	char path[PATH_MAX + 64];

	if (!device->reset[0]) {
		/* The file with the methods came with Linux 5.15; the one that starts a reset is older. */
		if (check_exists(host, "sys/bus/pci/devices/%s/reset", device->host.bdf) &&
		    file_read_line(vfio_host_file(&device->host, "reset_method", path), path, 1))
			check_say(f, VFIO_CHECK_UNKNOWN,
				  "it has a reset, but this kernel does not say which");
		else
			check_say(f, VFIO_CHECK_BETTER, "none");
		return;
	}
	if (!strcmp(device->reset, "pm"))
		check_say(f, VFIO_CHECK_BETTER,
			  "pm alone: D3hot and back, which need not reset all there is");
	else
		check_say(f, VFIO_CHECK_OK, "%s", device->reset);
}

/* Huge pages that are free on a node, and on all. */
static uint64_t free_bytes(const struct topology_node *node)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < node->nr_pools; i++)
		sum += node->pool[i].free * node->pool[i].page_size;
	return sum;
}

static void judge_node(const struct check_host *host, const struct topology_node *node,
		       struct vfio_check_finding *f)
{
	uint64_t all = 0;
	char cpus[128];

	for (unsigned i = 0; i < host->topology.nr_nodes; i++)
		all += free_bytes(&host->topology.node[i]);
	affinity_format(&node->cpus, cpus, sizeof(cpus));
	if (!node->memory) {
		check_say(f, VFIO_CHECK_BETTER, "%u, which has no memory", node->id);
		check_lasting(f, "hardware", "memory in the slots of that socket");
	} else if (!CPU_COUNT(&node->cpus)) {
		check_say(f, VFIO_CHECK_BETTER, "%u, which has no CPUs", node->id);
	} else if (all && !free_bytes(node)) {
		check_say(f, VFIO_CHECK_BETTER, "%u, whose huge pages are all in use or none",
			  node->id);
		check_more_pages(host, f, node->id);
		check_lasting(f, CHECK_KERNEL, "hugepages=%u:PAGES", node->id);
	} else {
		check_say(f, VFIO_CHECK_OK, "%u: CPUs %s, %" PRIu64 " MiB", node->id, cpus,
			  node->memory / (uint64_t)MIB);
	}
}

void check_node(const struct check_host *host, const struct vfio_inspect *device,
		struct vfio_check_finding *f)
{
	const struct topology_node *node;

	if (host->topology_error) {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s: %s", host->topology_why.object,
			  host->topology_why.reason);
		return;
	}
	if (host->topology.nr_nodes == 1) {
		check_say(f, VFIO_CHECK_OK, "the host has one only");
		return;
	}
	node = topology_find(&host->topology, device->host.node);
	if (device->host.node < 0)
		check_say(f, VFIO_CHECK_UNKNOWN, "the firmware does not say (_PXM)");
	else if (!node)
		check_say(f, VFIO_CHECK_UNKNOWN, "%d, which is not online", device->host.node);
	else
		judge_node(host, node, f);
}
