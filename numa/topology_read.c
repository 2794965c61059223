/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/topology.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "numa/topology_text.h"
#include "numa/topology_zones.h"

/* Where the host is described, and what is made of it. */
struct reader {
	const char *sysfs;
	const char *proc;
	char *zoneinfo;
	struct topology *topology;
	struct error *err;
};

struct path {
	char text[PATH_MAX];
};

__attribute__((format(printf, 1, 2))) static struct path path_of(const char *fmt, ...)
{
	struct path path;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path.text, sizeof(path.text), fmt, ap);
	va_end(ap);
	return path;
}

static int refuse(struct reader *reader, const struct path *path, const char *reason)
{
	error_set(reader->err, -EINVAL, "%s", path->text);
	return error_reason(reader->err, "%s", reason);
}

static int read_text(struct reader *reader, const struct path *path, char **out)
{
	int r = topology_text_read(path->text, out);

	return r ? error_set(reader->err, r, "%s", path->text) : 0;
}

static int read_list(struct reader *reader, struct path path, cpu_set_t *out)
{
	char *text;
	int r = read_text(reader, &path, &text);

	if (r)
		return r;
	if (!topology_text_list(text, out))
		r = refuse(reader, &path, "not a list of numbers such as 0-3,8");
	free(text);
	return r;
}

/* The first of the CPUs that share a core with @cpu, itself included. */
static int read_core(struct reader *reader, unsigned cpu)
{
	/* The second is what it was called before Linux 5.3. */
	static const char *const name[] = { "core_cpus_list", "thread_siblings_list" };
	struct topology *topology = reader->topology;
	cpu_set_t core;
	int r = 0;

	CPU_ZERO(&core);
	for (unsigned i = 0; i < ARRAY_SIZE(name); i++) {
		struct path path = path_of("%s/devices/system/cpu/cpu%u/topology/%s", reader->sysfs,
					   cpu, name[i]);

		if (access(path.text, F_OK))
			continue;
		r = read_list(reader, path, &core);
		break;
	}
	if (r)
		return r;
	CPU_AND(&core, &core, &topology->online);
	CPU_SET(cpu, &core);
	for (unsigned first = 0; topology->core[cpu] < 0; first++) {
		if (CPU_ISSET(first, &core))
			topology->core[cpu] = (int)first;
	}
	return 0;
}

static int read_cpus(struct reader *reader)
{
	struct topology *topology = reader->topology;
	int r = read_list(reader, path_of("%s/devices/system/cpu/online", reader->sysfs),
			  &topology->online);

	for (unsigned cpu = 0; !r && cpu < CPU_SETSIZE; cpu++) {
		topology->core[cpu] = -1;
		if (CPU_ISSET(cpu, &topology->online))
			r = read_core(reader, cpu);
	}
	return r;
}

/* What this process may use. */
static int read_allowed(struct reader *reader, cpu_set_t *nodes)
{
	struct path path = path_of("%s/self/status", reader->proc);
	struct topology *topology = reader->topology;
	const char *cpus, *mems;
	char *text;
	int r = read_text(reader, &path, &text);

	if (r)
		return r;
	cpus = topology_text_find(text, "Cpus_allowed_list");
	mems = topology_text_find(text, "Mems_allowed_list");
	if (!cpus || !topology_text_list(cpus, &topology->allowed))
		r = refuse(reader, &path, "Cpus_allowed_list is missing, or no list");
	/* A kernel without cpusets has no such line, and no limit. */
	if (!mems)
		memset(nodes, 0xff, sizeof(*nodes));
	else if (!topology_text_list(mems, nodes))
		r = refuse(reader, &path, "Mems_allowed_list is no list");
	free(text);
	CPU_AND(&topology->allowed, &topology->allowed, &topology->online);
	return r;
}

static int read_pool(struct reader *reader, const struct path *dir, uint64_t page_kib,
		     struct topology_node *node)
{
	static const char *const name[] = { "nr_hugepages", "free_hugepages" };
	unsigned at = node->nr_pools;
	int64_t count[2];

	for (unsigned i = 0; i < ARRAY_SIZE(name); i++) {
		struct path path =
			path_of("%s/hugepages-%" PRIu64 "kB/%s", dir->text, page_kib, name[i]);
		int r = file_read_i64(path.text, &count[i]);

		if (r)
			return error_set(reader->err, r, "%s", path.text);
		if (count[i] < 0)
			return refuse(reader, &path, "a negative number of pages");
	}
	if (node->nr_pools == TOPOLOGY_MAX_POOLS) {
		error_set(reader->err, -E2BIG, "%s", dir->text);
		return error_reason(reader->err, "more than %d sizes of huge pages",
				    TOPOLOGY_MAX_POOLS);
	}
	for (; at && node->pool[at - 1].page_size > page_kib * KIB; at--)
		node->pool[at] = node->pool[at - 1];
	node->pool[at] = (struct topology_pool){
		.page_size = page_kib * KIB,
		.total = (uint64_t)count[0],
		.free = (uint64_t)count[1],
	};
	node->nr_pools++;
	return 0;
}

/* Of a kernel or node without huge pages there is no directory. */
static int read_pools(struct reader *reader, struct path path, struct topology_node *node)
{
	DIR *dir = opendir(path.text);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : error_set(reader->err, -errno, "%s", path.text);
	while (!r && (entry = readdir(dir))) {
		uint64_t page_kib;
		int end = 0;

		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB%n", &page_kib, &end) == 1 &&
		    end && !entry->d_name[end])
			r = read_pool(reader, &path, page_kib, node);
	}
	closedir(dir);
	return r;
}

/* An estimate: how much of the cache is locked, dirty or in use, nobody knows. */
static int read_node_memory(struct reader *reader, struct path path, struct topology_node *node)
{
	struct topology_reserve reserve = topology_zones_reserve(reader->zoneinfo, node->id);
	uint64_t free_size, active, inactive, slab;
	char *text;
	int r = read_text(reader, &path, &text);

	if (r)
		return r;
	if (topology_text_size(text, "MemTotal", &node->memory) &&
	    topology_text_size(text, "MemFree", &free_size) &&
	    topology_text_size(text, "Active(file)", &active) &&
	    topology_text_size(text, "Inactive(file)", &inactive) &&
	    topology_text_size(text, "SReclaimable", &slab))
		node->available =
			topology_zones_available(&reserve, free_size, active + inactive, slab);
	else
		r = refuse(reader, &path,
			   "a line that a node's meminfo holds is missing, or no size in kB");
	free(text);
	return r;
}

/* One number for each online node, itself included. */
static int read_distances(struct reader *reader, struct path path, struct topology_node *node)
{
	char *text, *p, *end;
	int r = read_text(reader, &path, &text);
	unsigned n = 0;

	if (r)
		return r;
	for (p = text; n < reader->topology->nr_nodes; p = end, n++) {
		node->distance[n] = (unsigned)strtoul(p, &end, 10);
		if (end == p)
			break;
	}
	if (n != reader->topology->nr_nodes || p[strspn(p, " \n")])
		r = refuse(reader, &path, "not one distance for each online node");
	free(text);
	return r;
}

static int read_node(struct reader *reader, const char *nodes, struct topology_node *node)
{
	struct path dir = path_of("%s/node%u", nodes, node->id);
	int r;

	r = read_list(reader, path_of("%s/cpulist", dir.text), &node->cpus);
	CPU_AND(&node->cpus, &node->cpus, &reader->topology->online);
	if (!r)
		r = read_node_memory(reader, path_of("%s/meminfo", dir.text), node);
	if (!r)
		r = read_distances(reader, path_of("%s/distance", dir.text), node);
	if (!r)
		r = read_pools(reader, path_of("%s/hugepages", dir.text), node);
	return r;
}

static int read_nodes(struct reader *reader, const char *nodes, const cpu_set_t *allowed)
{
	struct topology *topology = reader->topology;
	struct path path = path_of("%s/online", nodes);
	cpu_set_t online;
	int r = read_list(reader, path, &online);

	if (r)
		return r;
	for (unsigned id = 0; id < CPU_SETSIZE; id++) {
		if (!CPU_ISSET(id, &online))
			continue;
		if (topology->nr_nodes == TOPOLOGY_MAX_NODES) {
			error_set(reader->err, -E2BIG, "%s", path.text);
			return error_reason(reader->err, "more than %d NUMA nodes",
					    TOPOLOGY_MAX_NODES);
		}
		topology->node[topology->nr_nodes++] = (struct topology_node){
			.id = id,
			.is_allowed = CPU_ISSET(id, allowed),
		};
	}
	if (!topology->nr_nodes)
		return refuse(reader, &path, "no node is online");
	/* Distances are to all nodes, so that their number comes first. */
	for (unsigned i = 0; !r && i < topology->nr_nodes; i++)
		r = read_node(reader, nodes, &topology->node[i]);
	return r;
}

/* A kernel without NUMA: everything is node 0's. */
static int read_flat(struct reader *reader, const char *meminfo)
{
	struct topology *topology = reader->topology;
	struct topology_node *node = &topology->node[0];

	if (!topology_text_size(meminfo, "MemTotal", &node->memory) ||
	    !topology_text_size(meminfo, "MemAvailable", &node->available)) {
		struct path path = path_of("%s/meminfo", reader->proc);

		return refuse(reader, &path, "MemTotal or MemAvailable is missing");
	}
	topology->nr_nodes = 1;
	node->cpus = topology->online;
	node->is_allowed = true;
	node->distance[0] = 10;
	return read_pools(reader, path_of("%s/kernel/mm/hugepages", reader->sysfs), node);
}

static int read_memory(struct reader *reader, const cpu_set_t *allowed)
{
	struct path nodes = path_of("%s/devices/system/node", reader->sysfs);
	struct path meminfo = path_of("%s/meminfo", reader->proc);
	struct path zoneinfo = path_of("%s/zoneinfo", reader->proc);
	char *text;
	int r = read_text(reader, &meminfo, &text);

	if (r)
		return r;
	/* Without huge pages there is no such line, and 0 stays. */
	topology_text_size(text, "Hugepagesize", &reader->topology->default_huge_page);
	r = read_text(reader, &zoneinfo, &reader->zoneinfo);
	if (r)
		goto free_text;
	r = access(nodes.text, F_OK) ? read_flat(reader, text)
				     : read_nodes(reader, nodes.text, allowed);
	free(reader->zoneinfo);
free_text:
	free(text);
	return r;
}

int topology_read(struct topology *topology, const char *sysfs, const char *proc, struct error *err)
{
	struct reader reader = { .sysfs = sysfs, .proc = proc, .err = err };
	cpu_set_t nodes;
	int r;

	/* Too large for the stack of one of torc's threads. */
	reader.topology = calloc(1, sizeof(*topology));
	if (!reader.topology)
		return error_set(err, -ENOMEM, "NUMA topology");
	r = read_cpus(&reader);
	if (!r)
		r = read_allowed(&reader, &nodes);
	if (!r)
		r = read_memory(&reader, &nodes);
	if (!r)
		*topology = *reader.topology;
	free(reader.topology);
	return r;
}
