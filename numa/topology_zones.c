/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/topology_zones.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

#define PAGE (4 * KIB)

/* Of one zone, in pages. */
struct zone {
	uint64_t low, high;
	uint64_t managed;
	uint64_t
		protection; /* the most that it keeps from allocations that could do with a higher zone */
};

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* "protection: (0, 1815, 24000)" */
static uint64_t largest(const char *p)
{
	uint64_t max = 0;

	while (*p && *p != '\n') {
		char *end;
		uint64_t n = strtoul(p, &end, 10);

		if (n > max)
			max = n;
		p = end == p ? p + 1 : end;
	}
	return max;
}

/* Behind @key, if the line begins with it; else NULL. */
static const char *skip(const char *line, const char *key)
{
	size_t length = strlen(key);

	return strncmp(line, key, length) ? NULL : line + length;
}

static void read_line(const char *line, struct zone *zone)
{
	const char *value;

	line += strspn(line, " ");
	/* With the blank: the lists of each CPU have a "high:" too. */
	if ((value = skip(line, "low ")))
		zone->low = strtoul(value, NULL, 10);
	else if ((value = skip(line, "high ")))
		zone->high = strtoul(value, NULL, 10);
	else if ((value = skip(line, "managed ")))
		zone->managed = strtoul(value, NULL, 10);
	else if ((value = skip(line, "protection:")))
		zone->protection = largest(value);
}

static void add_zone(struct topology_reserve *reserve, const struct zone *zone)
{
	uint64_t kept = zone->protection + zone->high;

	reserve->free += min(kept, zone->managed) * PAGE;
	reserve->low += zone->low * PAGE;
}

struct topology_reserve topology_zones_reserve(const char *text, unsigned node)
{
	struct topology_reserve reserve = { 0 };
	struct zone zone = { 0 };
	bool inside = false;

	while (*text) {
		const char *id = skip(text, "Node ");

		if (id) {
			add_zone(&reserve, &zone);
			zone = (struct zone){ 0 };
			inside = strtoul(id, NULL, 10) == node;
		} else if (inside) {
			read_line(text, &zone);
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	add_zone(&reserve, &zone);
	return reserve;
}

/* Of what can be dropped, half may have to stay, or as much as keeps the kernel from reclaiming. */
static uint64_t droppable(const struct topology_reserve *reserve, uint64_t size)
{
	return size - min(size / 2, reserve->low);
}

uint64_t topology_zones_available(const struct topology_reserve *reserve, uint64_t free,
				  uint64_t cache, uint64_t slab)
{
	uint64_t droppable_size = droppable(reserve, cache) + droppable(reserve, slab);

	/* What is missing of the reserve has to come from the rest. */
	if (free + droppable_size < reserve->free)
		return 0;
	return free + droppable_size - reserve->free;
}
