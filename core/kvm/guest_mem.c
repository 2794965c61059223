/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/guest_mem.h"

#include <errno.h>
#include <string.h>

#include "core/base/log.h"

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

static int bind_part(const struct guest_zone_config *config, const struct guest_region *part,
		     struct error *err)
{
	struct error why = { 0 };
	int r = memory_bind(part->va, part->size, config->node, config->is_strict, &why);

	if (r && config->is_strict) {
		if (err)
			*err = why;
		return r;
	}
	if (r)
		log_warning("zone %s: %s: %s; the kernel chooses the node", config->id, why.object,
			    why.reason);
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
			r = bind_part(config, part, err);
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
	if (r)
		return r;
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

/* Says which page it is, if the kernel does; some are not to be asked, in containers for instance. */
static int refuse_elsewhere(const struct guest_zone *zone, const struct memory_on_node *on,
			    struct error *err)
{
	uint64_t offset;
	int where;

	error_set(err, -EXDEV, "zone %s", zone->config.id);
	error_reason(err, "%llu MiB are on node %u, not on %d",
		     (unsigned long long)(on->size / MIB), on->node, zone->config.node);
	for (unsigned i = 0; i < zone->nr_parts; i++) {
		const struct guest_region *part = &zone->part[i];

		if (memory_find_elsewhere(part->va, part->size, zone->source.page_size,
					  zone->config.node, &offset, &where) == 1) {
			error_reason(
				err,
				"%llu MiB are on node %u, not on %d; the first page is that of "
				"guest address 0x%llx",
				(unsigned long long)(on->size / MIB), on->node, zone->config.node,
				(unsigned long long)(part->gpa.v + offset));
			break;
		}
	}
	return error_remedy(err, "a file's pages stay where they were first used: take one that is "
				 "empty or not in the page cache");
}

/* A mapping that reaches into the next zone is counted here: the two would not be one with different nodes. */
static void count_mapping(void *opaque, const void *start, unsigned node, uint64_t size)
{
	struct guest_mem *mem = opaque;

	for (unsigned i = 0; i < mem->nr_zones; i++) {
		struct guest_zone *zone = &mem->zone[i];

		for (unsigned p = 0; p < zone->nr_parts; p++) {
			const char *va = zone->part[p].va;

			if ((const char *)start >= va &&
			    (const char *)start < va + zone->part[p].size)
				memory_census_add(&zone->census, node, size);
		}
	}
}

static int check_zone(const struct guest_zone *zone, struct error *err)
{
	for (unsigned i = 0; i < zone->census.nr && zone->config.is_strict; i++) {
		if ((int)zone->census.on[i].node != zone->config.node)
			return refuse_elsewhere(zone, &zone->census.on[i], err);
	}
	return 0;
}

int guest_mem_check(struct guest_mem *mem, struct error *err)
{
	int r;

	for (unsigned i = 0; i < mem->nr_zones; i++)
		mem->zone[i].census.nr = 0;
	r = memory_each_mapping(count_mapping, mem);
	if (r)
		return r == -ENOENT ? 0 : error_set(err, r, "numa_maps of guest memory");
	for (unsigned i = 0; i < mem->nr_zones && !r; i++)
		r = check_zone(&mem->zone[i], err);
	return r;
}

static unsigned list_parts(const struct guest_mem *mem, bool strict, struct memory_part *part)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < mem->nr_zones; i++) {
		const struct guest_zone *zone = &mem->zone[i];

		if (!zone->config.populate || zone->config.is_strict != strict)
			continue;
		for (unsigned p = 0; p < zone->nr_parts; p++) {
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
	/* What need not be on its node may take pages of another: not those that somebody else has to have. */
	r = memory_populate(part, list_parts(mem, true, part), options, err);
	if (!r)
		r = memory_populate(part, list_parts(mem, false, part), options, err);
	if (!r)
		r = guest_mem_check(mem, err);
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
