/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vmm/config_option.h"
#include "core/vmm/config_value.h"

#define SIZE_STEP  (2 * MIB)
#define MEMORY_MIN (64 * MIB)
#define MEMORY_MAX (1ULL << 52) /* an x86-64 physical address has at most 52 bits */

/* Linux has at most 1,024 nodes on x86-64 (CONFIG_NODES_SHIFT). */
#define MAX_HOST_NODE 1023

/* Those of --memory; --memory-zone has a few more. */
enum {
	KEY_SIZE,
	KEY_SHARED,
	KEY_MERGEABLE,
	KEY_PREFAULT,
	KEY_HUGEPAGES,
	KEY_HUGEPAGE_SIZE,
	KEY_THP,
	NR_MEMORY_KEYS,
	ZONE_ID = NR_MEMORY_KEYS,
	ZONE_HOST_NODE,
	ZONE_FILE
};

#define MEMORY_KEYS                                                                         \
	[KEY_SIZE] = CONFIG_KEY("size"), [KEY_SHARED] = CONFIG_KEY("shared"),               \
	[KEY_MERGEABLE] = CONFIG_KEY("mergeable"), [KEY_PREFAULT] = CONFIG_KEY("prefault"), \
	[KEY_HUGEPAGES] = CONFIG_KEY("hugepages"),                                          \
	[KEY_HUGEPAGE_SIZE] = CONFIG_KEY("hugepage_size"), [KEY_THP] = CONFIG_KEY("thp")

static const struct config_key_set memory_keys = {
	.bare = true,
	.key = {
		MEMORY_KEYS,
		CONFIG_FOREIGN("hotplug_method", CONFIG_NEEDS_MEMORY_HOTPLUG, "acpi"),
		CONFIG_KEYS_OF_MEMORY_HOTPLUG,
		CONFIG_FOREIGN("reserve", "a reservation of swap space", "off"),
	},
};

static const struct config_key_set zone_keys = {
	.key = {
		MEMORY_KEYS,
		[ZONE_ID] = CONFIG_KEY("id"),
		[ZONE_HOST_NODE] = CONFIG_KEY("host_numa_node"),
		[ZONE_FILE] = CONFIG_KEY("file"),
		CONFIG_KEYS_OF_MEMORY_HOTPLUG,
		CONFIG_FOREIGN("reserve", "a reservation of swap space", "off"),
	},
};

static int check_backing(const struct config_pairs *pairs, const struct config_backing *backing,
			 struct error *err)
{
	uint64_t page = backing->hugepage_size;

	if (pairs->value[KEY_HUGEPAGE_SIZE] && !backing->hugepages) {
		config_pairs_refuse(pairs, KEY_HUGEPAGE_SIZE, err, "given without hugepages=on");
		return error_remedy(err, "add hugepages=on");
	}
	if (pairs->value[KEY_HUGEPAGE_SIZE] && (page < SIZE_STEP || !is_pow2(page))) {
		config_pairs_refuse(pairs, KEY_HUGEPAGE_SIZE, err,
				    "\"%s\" is no power of two, or less than 2 MiB",
				    pairs->value[KEY_HUGEPAGE_SIZE]);
		return error_remedy(err, "use 2M or 1G, or leave it out for the host's default");
	}
	if (backing->mergeable && (backing->shared || backing->hugepages)) {
		config_pairs_refuse(pairs, KEY_MERGEABLE, err, "given beside %s=on",
				    backing->shared ? "shared" : "hugepages");
		return error_remedy(err,
				    "KSM merges private pages of the ordinary size only; leave "
				    "one of the two out");
	}
	return 0;
}

static int read_backing(const struct config_pairs *pairs, struct config_backing *backing,
			struct error *err)
{
	const struct {
		unsigned key;
		bool *to;
	} toggle[] = {
		{ KEY_SHARED, &backing->shared },	{ KEY_MERGEABLE, &backing->mergeable },
		{ KEY_PREFAULT, &backing->prefault },	{ KEY_THP, &backing->thp },
		{ KEY_HUGEPAGES, &backing->hugepages },
	};
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(toggle) && !r; i++)
		r = config_pairs_toggle(pairs, toggle[i].key, toggle[i].to, err);
	if (!r)
		r = config_pairs_size(pairs, KEY_HUGEPAGE_SIZE, &backing->hugepage_size, err);
	return r ? r : check_backing(pairs, backing, err);
}

/* @text: the size as typed, or the default; @what: the step in words */
static int check_multiple(const struct config_pairs *pairs, uint64_t size, const char *text,
			  uint64_t step, const char *what, struct error *err)
{
	uint64_t down = align_down(size, step) / MIB, up = align_up(size, step) / MIB;

	if (size % step == 0)
		return 0;
	config_pairs_refuse(pairs, KEY_SIZE, err, "\"%s\" is not a multiple of %s", text, what);
	if (!down)
		return error_remedy(err, "write size=%lluM", (unsigned long long)up);
	return error_remedy(err, "write size=%lluM or size=%lluM", (unsigned long long)down,
			    (unsigned long long)up);
}

/* @min: less is refused */
static int check_size(const struct config_pairs *pairs, uint64_t size, uint64_t min,
		      const struct config_backing *backing, struct error *err)
{
	const char *text = pairs->value[KEY_SIZE] ? pairs->value[KEY_SIZE] : "512M";
	char page[64];
	int r;

	if (size < min) {
		config_pairs_refuse(pairs, KEY_SIZE, err, "\"%s\" is less than %llu MiB", text,
				    min / MIB);
		return error_remedy(err, "write at least size=%lluM", min / MIB);
	}
	if (size > MEMORY_MAX) {
		config_pairs_refuse(pairs, KEY_SIZE, err,
				    "\"%s\" is more than x86-64 can address (4,096 TiB)", text);
		return error_remedy(err, "give the guest less than the host has");
	}
	r = check_multiple(pairs, size, text, SIZE_STEP, "2 MiB", err);
	if (r || !backing->hugepage_size)
		return r;
	snprintf(page, sizeof(page), "hugepage_size=%s", pairs->value[KEY_HUGEPAGE_SIZE]);
	return check_multiple(pairs, size, text, backing->hugepage_size, page, err);
}

/* Beside zones, which say all that --memory could, Cloud Hypervisor wants size=0; so it is taken, but not needed. */
static int check_beside_zones(const struct config_pairs *pairs, uint64_t size, struct error *err)
{
	for (unsigned key = KEY_SIZE + 1; key < NR_MEMORY_KEYS; key++) {
		if (!pairs->value[key])
			continue;
		config_pairs_refuse(pairs, key, err, "given beside --memory-zone");
		return error_remedy(err, "say it of each zone");
	}
	if (!pairs->value[KEY_SIZE] || !size)
		return 0;
	config_pairs_refuse(pairs, KEY_SIZE, err, "given beside --memory-zone");
	return error_remedy(err, "the zones have sizes of their own: write size=0 here, or leave "
				 "--memory out");
}

static int read_memory(const struct config_pairs *pairs, bool has_zones,
		       struct config_memory *memory, struct error *err)
{
	int r = config_pairs_size(pairs, KEY_SIZE, &memory->size, err);

	if (!r && has_zones)
		return check_beside_zones(pairs, memory->size, err);
	if (!r)
		r = read_backing(pairs, &memory->backing, err);
	return r ? r : check_size(pairs, memory->size, MEMORY_MIN, &memory->backing, err);
}

int config_set_memory(struct config *config, const char *value, struct error *err)
{
	struct config_memory memory = config->memory;
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &memory_keys, err);

	if (r)
		return r;
	r = read_memory(&pairs, config->nr_zones, &memory, err);
	config_pairs_destroy(&pairs);
	if (!r)
		config->memory = memory;
	return r;
}

static int refuse_missing(const char *key, const char *example, struct error *err)
{
	error_set(err, -EINVAL, "key %s", key);
	error_reason(err, "missing");
	return error_remedy(err, "a zone has an id and a size: %s", example);
}

static int check_zone(const struct config *config, const struct config_pairs *pairs,
		      struct error *err)
{
	const char *id = pairs->value[ZONE_ID];

	if (!id)
		return refuse_missing("id", "add id=mem0", err);
	if (!pairs->value[KEY_SIZE])
		return refuse_missing("size", "add size=512M", err);
	for (unsigned i = 0; i < config->nr_zones; i++) {
		if (strcmp(config->zone[i].id, id) != 0)
			continue;
		config_pairs_refuse(pairs, ZONE_ID, err, "%s is taken by the zone of %llu MiB", id,
				    config->zone[i].size / MIB);
		return error_remedy(err, "give each zone an id of its own");
	}
	if (config->nr_zones == CONFIG_MAX_ZONES) {
		error_set(err, -EINVAL, "zone %s", id);
		error_reason(err, "more than %u zones", CONFIG_MAX_ZONES);
		return error_remedy(err, "make fewer and larger ones");
	}
	return 0;
}

static int read_zone(const struct config_pairs *pairs, struct config_zone *zone, struct error *err)
{
	unsigned node = 0;
	int r = config_pairs_size(pairs, KEY_SIZE, &zone->size, err);

	if (!r)
		r = read_backing(pairs, &zone->backing, err);
	if (!r)
		r = check_size(pairs, zone->size, SIZE_STEP, &zone->backing, err);
	if (!r)
		r = config_pairs_unsigned(pairs, ZONE_HOST_NODE, 0, MAX_HOST_NODE, &node, err);
	if (r)
		return r;
	zone->host_node = pairs->value[ZONE_HOST_NODE] ? (int)node : -1;
	if (!zone->backing.hugepages || !pairs->value[ZONE_FILE])
		return 0;
	config_pairs_refuse(pairs, KEY_HUGEPAGES, err, "given beside file");
	return error_remedy(err, "leave it out: the pages of a file are those of its file system; "
				 "in a hugetlbfs they are huge");
}

int config_set_zone(struct config *config, const char *value, struct error *err)
{
	struct config_zone zone = { .backing = { .thp = true } };
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &zone_keys, err);

	if (r)
		return r;
	r = check_zone(config, &pairs, err);
	if (!r)
		r = read_zone(&pairs, &zone, err);
	if (!r)
		r = config_copy_string(&zone.id, pairs.value[ZONE_ID], err);
	if (!r && pairs.value[ZONE_FILE])
		r = config_copy_string(&zone.file, pairs.value[ZONE_FILE], err);
	config_pairs_destroy(&pairs);
	if (r)
		free(zone.id);
	else
		config->zone[config->nr_zones++] = zone;
	return r;
}

int config_finish_memory(struct config *config, struct error *err)
{
	uint64_t size = 0;

	if (!config->nr_zones)
		return 0;
	for (unsigned i = 0; i < config->nr_zones; i++)
		size += config->zone[i].size;
	config->memory.size = size;
	if (size >= MEMORY_MIN && size <= MEMORY_MAX)
		return 0;
	error_set(err, -EINVAL, "option --memory-zone");
	if (size < MEMORY_MIN) {
		error_reason(err, "the zones have %llu MiB in all, less than %llu MiB", size / MIB,
			     MEMORY_MIN / MIB);
		return error_remedy(err, "make one larger");
	}
	error_reason(err, "the zones have more than x86-64 can address (4,096 TiB)");
	return error_remedy(err, "give the guest less than the host has");
}
