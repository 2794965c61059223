/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/topology.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/fd.h"

const struct topology_node *topology_find(const struct topology *topology, int id)
{
	for (unsigned i = 0; i < topology->nr_nodes; i++) {
		if (id >= 0 && topology->node[i].id == (unsigned)id)
			return &topology->node[i];
	}
	return NULL;
}

const struct topology_pool *topology_pool(const struct topology_node *node, uint64_t page_size)
{
	for (unsigned i = 0; i < node->nr_pools; i++) {
		if (node->pool[i].page_size == page_size)
			return &node->pool[i];
	}
	return NULL;
}

int topology_device_node(const char *device_dir)
{
	char dir[PATH_MAX], path[PATH_MAX + 16];
	int64_t node;

	snprintf(dir, sizeof(dir), "%s", device_dir);
	for (;;) {
		char *slash;

		snprintf(path, sizeof(path), "%s/numa_node", dir);
		/* The first directory without the file is above the root bus. */
		if (file_read_i64(path, &node))
			return -1;
		if (node >= 0)
			return (int)node;
		slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			return -1;
		*slash = '\0';
	}
}
