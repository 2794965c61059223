/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of guests: huge pages, and what the kernel does to pages behind their back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "vfio/tool/check_internal.h"

/* "node 0: 512 of 2 MiB (500 free)"; a node without any is left out. Returns the bytes that are free. */
static uint64_t describe_node(const struct topology_node *node, char *text, size_t size)
{
	size_t used = strlen(text);
	uint64_t left = 0;
	bool first = true;

	for (unsigned i = 0; i < node->nr_pools && used < size; i++) {
		const struct topology_pool *pool = &node->pool[i];
		bool is_gib = pool->page_size >= GIB;

		left += pool->free * pool->page_size;
		if (!pool->total)
			continue;
		if (first)
			used += (size_t)snprintf(text + used, size - used,
						 "%snode %u:", used ? "; " : "", node->id);
		if (used >= size)
			break;
		used += (size_t)snprintf(
			text + used, size - used, "%s %" PRIu64 " of %llu %s (%" PRIu64 " free)",
			first ? "" : ",", pool->total,
			(unsigned long long)(pool->page_size / (is_gib ? GIB : MIB)),
			is_gib ? "GiB" : "MiB", pool->free);
		first = false;
	}
	return left;
}

void check_more_pages(const struct check_host *host, struct vfio_check_finding *f, unsigned node)
{
	static const char file[] = "hugepages/hugepages-2048kB/nr_hugepages";

	/* Of each node when there are nodes. */
	if (check_exists(host, "sys/devices/system/node"))
		check_now(f, "echo PAGES > /sys/devices/system/node/node%u/%s", node, file);
	else
		check_now(f, "echo PAGES > /sys/kernel/mm/%s", file);
}

void check_hugepages(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f)
{
	const struct topology *t = &host->topology;
	char text[400] = "";
	uint64_t left = 0;
	bool pools = false;

	if (host->topology_error) {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s: %s", host->topology_why.object,
			  host->topology_why.reason);
		return;
	}
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		left += describe_node(&t->node[i], text, sizeof(text));
		pools |= t->node[i].nr_pools > 0;
	}
	if (!pools) {
		check_say(f, VFIO_CHECK_BETTER, "this kernel has none (CONFIG_HUGETLBFS)");
		return;
	}
	if (text[0] && left) {
		check_say(f, VFIO_CHECK_OK, "%s", text);
		return;
	}
	check_say(f, VFIO_CHECK_BETTER, "%s%s", text[0] ? "all are in use: " : "none",
		  text[0] ? text : " on any node");
	for (unsigned i = 0; i < t->nr_nodes; i++) {
		if (t->node[i].memory)
			check_more_pages(host, f, t->node[i].id);
	}
	if (check_has_flag(host, "pdpe1gb"))
		check_lasting(f, CHECK_KERNEL, "hugepagesz=1G hugepages=GIB");
	else
		check_lasting(f, CHECK_KERNEL, "hugepages=PAGES");
}

void check_thp(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	char text[64], shared[128] = "";

	if (check_lacks(host, "sys/kernel/mm/transparent_hugepage")) {
		check_say(f, VFIO_CHECK_BETTER,
			  "this kernel has none (CONFIG_TRANSPARENT_HUGEPAGE)");
		return;
	}
	if (!check_need(host, f, text, sizeof(text), "%s", path + 1))
		return;
	if (strstr(text, "[always]") || strstr(text, "[madvise]")) {
		check_read(host, shared, sizeof(shared),
			   "sys/kernel/mm/transparent_hugepage/shmem_enabled");
		check_say(f, VFIO_CHECK_OK, "%s, and torc asks for them%s",
			  strstr(text, "[always]") ? "always" : "madvise",
			  strstr(shared, "[never]") || strstr(shared, "[deny]")
				  ? "; but none with shared=on (shmem_enabled)"
				  : "");
	} else if (strstr(text, "[never]")) {
		check_say(f, VFIO_CHECK_BETTER, "never");
		check_sysfs(f, path, "madvise");
	} else {
		check_say(f, VFIO_CHECK_UNKNOWN, "%s is \"%s\"", path, text);
	}
}

void check_numa_balancing(const struct check_host *host, const struct vfio_inspect *device,
			  struct vfio_check_finding *f)
{
	char text[32];

	if (host->topology_error || host->topology.nr_nodes < 2)
		return;
	if (check_lacks(host, "proc/sys/kernel/numa_balancing")) {
		check_say(f, VFIO_CHECK_OK, "this kernel has none");
		return;
	}
	if (!check_need(host, f, text, sizeof(text), "proc/sys/kernel/numa_balancing"))
		return;
	/* 1: NUMA_BALANCING_NORMAL; 2: memory tiering; Documentation/admin-guide/sysctl/kernel.rst. */
	if (!strcmp(text, "0")) {
		check_say(f, VFIO_CHECK_OK, "off");
		return;
	}
	check_say(f, VFIO_CHECK_BETTER, "on (%s)", text);
	check_sysctl(f, "kernel.numa_balancing", "0");
}

void check_ksm(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f)
{
	char text[32];

	if (check_lacks(host, "sys/kernel/mm/ksm")) {
		check_say(f, VFIO_CHECK_OK, "this kernel has none");
		return;
	}
	if (!check_need(host, f, text, sizeof(text), "sys/kernel/mm/ksm/run"))
		return;
	/* 0: stopped; 1: running; 2: stopped, what was merged is taken apart. */
	if (strcmp(text, "1") != 0) {
		check_say(f, VFIO_CHECK_OK, "off");
		return;
	}
	check_say(f, VFIO_CHECK_BETTER, "on; ksmtuned, where it runs, turns it on again");
	check_now(f, "echo 2 > /sys/kernel/mm/ksm/run");
	check_lasting(f, CHECK_TMPFILES_FILE, "w /sys/kernel/mm/ksm/run - - - - 0");
}
