/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/guest_mem.h"

#include <errno.h>
#include <string.h>

#include "numa/memory.h"

/* The largest page that can map the region decides how host and guest address must agree. */
static uint64_t region_align(uint64_t size)
{
	return size >= GIB ? GIB : 2 * MIB;
}

static int region_map(struct guest_region *region, const struct guest_mem_config *config,
		      struct error *err)
{
	void *va = NULL;
	/* Both regions start at a multiple of 1 GiB, so alignment alone makes the addresses congruent. */
	int r = memory_map(region->size, region_align(region->size), config->thp, &va, err);

	if (r)
		return r;
	region->va = va;
	return 0;
}

int guest_mem_init(struct guest_mem *mem, const struct guest_mem_config *config, struct error *err)
{
	uint64_t low = config->size < GUEST_LOW_END ? config->size : GUEST_LOW_END;
	struct guest_mem m = { .size = config->size };
	int r = 0;

	if (config->size < 16 * MIB || config->size % MIB)
		return error_set(err, -EINVAL, "guest memory of %llu bytes",
				 (unsigned long long)config->size);
	m.region[0].size = low;
	m.nr_regions = 1;
	if (config->size > low) {
		m.region[1].gpa.v = GUEST_HIGH_START;
		m.region[1].size = config->size - low;
		m.nr_regions = 2;
	}
	for (unsigned i = 0; i < m.nr_regions && !r; i++)
		r = region_map(&m.region[i], config, err);
	if (r)
		guest_mem_destroy(&m);
	else
		*mem = m;
	return r;
}

int guest_mem_populate(const struct guest_mem *mem, const bool *cancel, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < mem->nr_regions && !r; i++)
		r = memory_populate(mem->region[i].va, mem->region[i].size,
				    memory_populate_threads(), cancel, err);
	return r;
}

void guest_mem_destroy(struct guest_mem *mem)
{
	for (unsigned i = 0; i < mem->nr_regions; i++)
		memory_unmap(mem->region[i].va, mem->region[i].size);
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
