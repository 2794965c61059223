/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/guest_mem.h"

#include <errno.h>
#include <string.h>

static void add_part(struct guest_mem *mem, struct guest_zone *zone, uint64_t gpa, uint64_t size)
{
	struct guest_region *last = mem->nr_regions ? &mem->region[mem->nr_regions - 1] : NULL;

	zone->part[zone->nr_parts++] = (struct guest_region){ .gpa = { gpa }, .size = size };
	if (last && last->gpa.v + last->size == gpa)
		last->size += size;
	else
		mem->region[mem->nr_regions++] =
			(struct guest_region){ .gpa = { gpa }, .size = size };
	mem->size += size;
	mem->end = gpa + size;
}

/* Puts a zone behind what there is, in two parts where it reaches the gap. */
static int place_zone(struct guest_mem *mem, struct guest_zone *zone, struct error *err)
{
	uint64_t page = zone->source.page_size > 2 * MIB ? zone->source.page_size : 2 * MIB;
	uint64_t size = zone->config.size, at = align_up(mem->end, page);

	/* The highest zone may not wrap around; no address space is that large anyway. */
	if (!size || size % page || size > UINT64_MAX / 4 || at > UINT64_MAX / 4)
		return error_set(err, -EINVAL, "zone %s of %llu bytes", zone->config.id,
				 (unsigned long long)size);
	if (at < GUEST_LOW_END) {
		uint64_t room = GUEST_LOW_END - at, low = size < room ? size : room;

		add_part(mem, zone, at, low);
		at = GUEST_HIGH_START;
		size -= low;
	}
	if (size)
		add_part(mem, zone, at < GUEST_HIGH_START ? GUEST_HIGH_START : at, size);
	return 0;
}

static int map_zone(struct guest_mem *mem, struct guest_zone *zone, struct error *err)
{
	const struct guest_zone_config *config = &zone->config;
	uint64_t offset = 0;
	int r = 0;

	for (unsigned i = 0; i < zone->nr_parts && !r; i++) {
		struct guest_region *part = &zone->part[i];

		part->va = mem->base + part->gpa.v;
		r = memory_map(&zone->source, offset, part->va, part->size, err);
		if (!r && config->node >= 0)
			r = memory_bind(part->va, part->size, config->node, config->is_strict, err);
		offset += part->size;
	}
	return r;
}

static int open_zones(struct guest_mem *mem, const struct guest_mem_config *config,
		      struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < config->nr_zones && !r; i++) {
		struct guest_zone *zone = &mem->zone[i];

		zone->config = config->zone[i];
		r = memory_source_open(&zone->source, zone->config.id, &zone->config.backing,
				       zone->config.size, err);
		if (r)
			break;
		mem->nr_zones++;
		r = place_zone(mem, zone, err);
	}
	return r;
}

static int build(struct guest_mem *mem, const struct guest_mem_config *config, struct error *err)
{
	void *base = NULL;
	int r = open_zones(mem, config, err);

	if (!r)
		r = memory_reserve(mem->end, GIB, &base, err);
	mem->base = base;
	for (unsigned i = 0; i < mem->nr_regions; i++)
		mem->region[i].va = mem->base + mem->region[i].gpa.v;
	for (unsigned i = 0; i < mem->nr_zones && !r; i++)
		r = map_zone(mem, &mem->zone[i], err);
	return r;
}

int guest_mem_init(struct guest_mem *mem, const struct guest_mem_config *config, struct error *err)
{
	struct guest_mem m = { 0 };
	int r = build(&m, config, err);

	if (r)
		guest_mem_destroy(&m);
	else
		*mem = m;
	return r;
}

static int refuse_elsewhere(const struct guest_zone *zone, struct error *err)
{
	for (unsigned i = 0; i < zone->nr_parts; i++) {
		const struct guest_region *part = &zone->part[i];
		uint64_t offset;
		int where;

		if (!memory_find_elsewhere(part->va, part->size, zone->source.page_size,
					   zone->config.node, &offset, &where))
			continue;
		error_set(err, -EXDEV, "zone %s: guest address 0x%llx", zone->config.id,
			  (unsigned long long)(part->gpa.v + offset));
		error_reason(err, "the page is on node %d, not on %d", where, zone->config.node);
		return error_remedy(err, "a file's pages stay where they were first used: take "
					 "one that is empty or not in the page cache");
	}
	return 0;
}

static int check_zone(struct guest_zone *zone, struct error *err)
{
	struct memory_census *census = &zone->census;
	int r = 0;

	for (unsigned i = 0; i < zone->nr_parts && !r; i++)
		r = memory_census_add(census, zone->part[i].va, zone->part[i].size);
	if (r)
		return r == -ENOENT ? 0 : error_set(err, r, "zone %s: numa_maps", zone->config.id);
	for (unsigned i = 0; i < census->nr && zone->config.is_strict; i++) {
		if ((int)census->on[i].node != zone->config.node)
			return refuse_elsewhere(zone, err);
	}
	return 0;
}

static unsigned list_parts(const struct guest_mem *mem, struct memory_part *part)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < mem->nr_zones; i++) {
		const struct guest_zone *zone = &mem->zone[i];

		for (unsigned p = 0; p < zone->nr_parts && zone->config.populate; p++) {
			part[nr++] = (struct memory_part){
				.va = zone->part[p].va,
				.size = zone->part[p].size,
				.page_size = zone->source.page_size,
				.node = zone->config.node,
				.cpus = zone->config.cpus,
			};
		}
	}
	return nr;
}

int guest_mem_populate(struct guest_mem *mem, const struct memory_populate_options *options,
		       struct error *err)
{
	struct memory_part part[GUEST_MEM_MAX_ZONES * GUEST_ZONE_MAX_PARTS];
	int r;

	if (mem->is_populated)
		return 0;
	r = memory_populate(part, list_parts(mem, part), options, err);
	for (unsigned i = 0; i < mem->nr_zones && !r; i++) {
		if (mem->zone[i].config.populate)
			r = check_zone(&mem->zone[i], err);
	}
	mem->is_populated = !r;
	return r;
}

void guest_mem_destroy(struct guest_mem *mem)
{
	memory_unmap(mem->base, mem->end);
	for (unsigned i = 0; i < mem->nr_zones; i++)
		memory_source_close(&mem->zone[i].source);
	memset(mem, 0, sizeof(*mem));
}

void *guest_mem_ptr(const struct guest_mem *mem, gpa_t gpa, uint64_t size)
{
	for (unsigned i = 0; i < mem->nr_regions; i++) {
		const struct guest_region *region = &mem->region[i];

		if (gpa.v >= region->gpa.v && range_fits(gpa.v - region->gpa.v, size, region->size))
			return (char *)region->va + (gpa.v - region->gpa.v);
	}
	return NULL;
}
