/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "numa/memory.h"

#define QUERY_PAGES 512 /* in one move_pages(2) */

void memory_census_add(struct memory_census *census, unsigned node, uint64_t size)
{
	unsigned i = 0;

	while (i < census->nr && census->on[i].node != node)
		i++;
	if (i == MEMORY_MAX_NODES)
		return;
	if (i == census->nr)
		census->on[census->nr++] = (struct memory_on_node){ .node = node };
	census->on[i].size += size;
}

/* "7f00 default anon=515 N1=512 N0=3 kernelpagesize_kB=4": where it starts, pages by node, their size. */
static void take_line(char *line,
		      void (*seen)(void *opaque, const void *start, unsigned node, uint64_t size),
		      void *opaque)
{
	const void *start = (const void *)(uintptr_t)strtoull(line, NULL, 16);
	const char *unit = strstr(line, "kernelpagesize_kB=");
	uint64_t page = unit ? strtoull(strchr(unit, '=') + 1, NULL, 10) * KIB : 4 * KIB;
	char *save = NULL;

	for (char *word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		unsigned node;
		uint64_t pages;

		if (sscanf(word, "N%u=%" SCNu64, &node, &pages) == 2)
			seen(opaque, start, node, pages * page);
	}
}

int memory_each_mapping(void (*seen)(void *opaque, const void *start, unsigned node, uint64_t size),
			void *opaque)
{
	FILE *file = fopen("/proc/self/numa_maps", "re");
	char *line = NULL;
	size_t room = 0;

	if (!file)
		return -errno;
	while (getline(&line, &room, file) > 0)
		take_line(line, seen, opaque);
	free(line);
	fclose(file);
	return 0;
}

int memory_find_elsewhere(const void *va, uint64_t size, uint64_t page_size, int node,
			  uint64_t *offset, int *where)
{
	const char *start = va;
	void *page[QUERY_PAGES];
	int status[QUERY_PAGES];

	for (uint64_t at = 0; at < size;) {
		uint64_t first = at;
		unsigned n = 0;

		for (; n < QUERY_PAGES && at < size; n++, at += page_size)
			page[n] = (void *)(uintptr_t)(start + at);
		if (move_pages(0, n, page, NULL, status, 0))
			return -errno;
		for (unsigned i = 0; i < n; i++) {
			/* Negative: not present. */
			if (status[i] < 0 || status[i] == node)
				continue;
			*offset = first + i * page_size;
			*where = status[i];
			return 1;
		}
	}
	return 0;
}
