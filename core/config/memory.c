/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/config/option.h"
#include "core/schema/foreign.h"

#define SIZE_STEP  (2 * MIB)
#define MEMORY_MIN (64 * MIB)
#define MEMORY_MAX (1ULL << 52) /* an x86-64 physical address has at most 52 bits */

/* Linux has at most 1,024 nodes on x86-64 (CONFIG_NODES_SHIFT). */
#define MAX_HOST_NODE 1023

static int check_backing(const struct schema_values *values, const struct config_backing *backing,
			 struct error *err)
{
	uint64_t page = backing->hugepage_size;

	if (schema_given(values, "hugepage_size") && !backing->hugepages) {
		schema_refuse("hugepage_size", err, "given without hugepages=on");
		return error_remedy(err, "add hugepages=on");
	}
	if (schema_given(values, "hugepage_size") && (page < SIZE_STEP || !is_pow2(page))) {
		schema_refuse("hugepage_size", err, "\"%s\" is no power of two, or less than 2 MiB",
			      schema_given(values, "hugepage_size"));
		return error_remedy(err, "use 2M or 1G, or leave it out for the host's default");
	}
	if (backing->mergeable && (backing->shared || backing->hugepages)) {
		schema_refuse("mergeable", err, "given beside %s=on",
			      backing->shared ? "shared" : "hugepages");
		return error_remedy(err,
				    "KSM merges private pages of the ordinary size only; leave "
				    "one of the two out");
	}
	return 0;
}

/* @text: the size as typed, or the default; @what: the step in words */
static int check_multiple(const struct schema_values *values, uint64_t size, const char *text,
			  uint64_t step, const char *what, struct error *err)
{
	uint64_t down = align_down(size, step) / MIB, up = align_up(size, step) / MIB;

	if (size % step == 0)
		return 0;
	schema_refuse("size", err, "\"%s\" is not a multiple of %s", text, what);
	if (!down)
		return error_remedy(err, "write size=%lluM", (unsigned long long)up);
	return error_remedy(err, "write size=%lluM or size=%lluM", (unsigned long long)down,
			    (unsigned long long)up);
}

/* @min: less is refused */
static int check_size(const struct schema_values *values, uint64_t size, uint64_t min,
		      const struct config_backing *backing, struct error *err)
{
	const char *text = schema_given(values, "size") ? schema_given(values, "size") : "512M";
	char page[64];
	int r;

	if (size < min) {
		schema_refuse("size", err, "\"%s\" is less than %llu MiB", text, min / MIB);
		return error_remedy(err, "write at least size=%lluM", min / MIB);
	}
	if (size > MEMORY_MAX) {
		schema_refuse("size", err, "\"%s\" is more than x86-64 can address (4,096 TiB)",
			      text);
		return error_remedy(err, "give the guest less than the host has");
	}
	r = check_multiple(values, size, text, SIZE_STEP, "2 MiB", err);
	if (r || !backing->hugepage_size)
		return r;
	snprintf(page, sizeof(page), "hugepage_size=%s", schema_given(values, "hugepage_size"));
	return check_multiple(values, size, text, backing->hugepage_size, page, err);
}

/* Beside zones, which say all that --memory could, Cloud Hypervisor wants size=0; so it is taken, but not needed. */
static int check_beside_zones(const struct schema_values *values, const struct config *config,
			      uint64_t size, struct error *err)
{
	const struct schema *schema = values->schema;

	for (unsigned i = 1; schema->key[i].name; i++) {
		/* JSON has all of it, as it is by default. */
		if (!values->value[i] || (config->is_json && schema->key[i].preset &&
					  !strcmp(values->value[i], schema->key[i].preset)))
			continue;
		schema_refuse(schema->key[i].name, err, "given beside %s",
			      config->is_json ? "zones" : "--memory-zone");
		return error_remedy(err, "say it of each zone");
	}
	if (!schema_given(values, "size") || !size)
		return 0;
	schema_refuse("size", err, "given beside %s", config->is_json ? "zones" : "--memory-zone");
	if (config->is_json)
		return error_remedy(err,
				    "the zones have sizes of their own: write 0, or leave it out");
	return error_remedy(err, "the zones have sizes of their own: write size=0 here, or leave "
				 "--memory out");
}

static int check_memory(const struct schema_values *values, void *out, const void *context,
			struct error *err)
{
	const struct config *config = context;
	const struct config_memory *memory = &config->memory;
	int r;

	if (config->nr_zones)
		return check_beside_zones(values, config, memory->size, err);
	r = check_backing(values, &memory->backing, err);
	return r ? r : check_size(values, memory->size, MEMORY_MIN, &memory->backing, err);
}

static int check_zone(const struct schema_values *values, void *out, const void *context,
		      struct error *err)
{
	const struct config *config = context;
	const struct config_zone *zone = out;
	int r;

	for (unsigned i = 0; i < config->nr_zones; i++) {
		if (strcmp(config->zone[i].id, zone->id) != 0)
			continue;
		schema_refuse("id", err, "%s is taken by the zone of %llu MiB", zone->id,
			      config->zone[i].size / MIB);
		return error_remedy(err, "give each zone an id of its own");
	}
	if (config->nr_zones == CONFIG_MAX_ZONES) {
		error_set(err, -EINVAL, "zone %s", zone->id);
		error_reason(err, "more than %u zones", CONFIG_MAX_ZONES);
		return error_remedy(err, "make fewer and larger ones");
	}
	r = check_backing(values, &zone->backing, err);
	if (!r)
		r = check_size(values, zone->size, SIZE_STEP, &zone->backing, err);
	if (r || !zone->backing.hugepages || !zone->file)
		return r;
	schema_refuse("hugepages", err, "given beside file");
	return error_remedy(err, "leave it out: the pages of a file are those of its file system; "
				 "in a hugetlbfs they are huge");
}

/* clang-format off */
#define KEYS_OF_BACKING(type, backing) \
	{ "shared", SCHEMA_BOOL, SCHEMA_MEMBER(type, backing.shared), .preset = "off", \
	  .help = "Make it a memfd, which other processes can map. Most hosts have no transparent huge pages for that. The " \
	    "default is off: private anonymous memory." }, \
	{ "mergeable", SCHEMA_BOOL, SCHEMA_MEMBER(type, backing.mergeable), .preset = "off", \
	  .help = "Let KSM, if the host runs it, merge pages with equal ones of other guests. Only private ordinary pages can " \
	    "be merged, and what a `--device` has pinned is not. The default is off." }, \
	{ "prefault", SCHEMA_BOOL, SCHEMA_MEMBER(type, backing.prefault), .preset = "off", \
	  .help = "Make all pages present before the guest starts. The default is off, and a page is made when the guest first " \
	    "touches it; but with a `--device` all pages are present and pinned in any case." }, \
	{ "hugepages", SCHEMA_BOOL, SCHEMA_MEMBER(type, backing.hugepages), .preset = "off", \
	  .help = "Take it from the host's pool of huge pages. Where there are too few, torc does not start, and prints the " \
	    "line that reserves them (see EXAMPLES). Those that have to be on one node are all taken before the guest " \
	    "starts. The default is off." }, \
	{ "hugepage_size", SCHEMA_SIZE, .value = "2M|1G", SCHEMA_MEMBER(type, backing.hugepage_size), .flags = SCHEMA_OR_ZERO, \
	  .min = SIZE_STEP, .step = SIZE_STEP, \
	  .help = "Of which size those are. `size` must be a multiple of it. The default is the size that the host has by " \
	    "default." }, \
	{ "thp", SCHEMA_BOOL, SCHEMA_MEMBER(type, backing.thp), .preset = "on", \
	  .help = "Whether the host may back ordinary pages with transparent huge pages, which is the default." }

#define NEEDED "a zone has an id and a size: add "

const struct schema config_zone_schema = {
	.check = check_zone,
	.key = (const struct schema_key[]){
		{ "id", SCHEMA_STRING, .value = "NAME", SCHEMA_MEMBER(struct config_zone, id), .flags = SCHEMA_REQUIRED,
		  .remedy = NEEDED "id=mem0",
		  .help = "Names the zone for `--numa` and for messages." },
		{ "size", SCHEMA_SIZE, SCHEMA_MEMBER(struct config_zone, size), .flags = SCHEMA_REQUIRED,
		  .min = SIZE_STEP, .max = MEMORY_MAX, .step = SIZE_STEP,
		  .remedy = NEEDED "size=512M",
		  .help = "A multiple of 2 MiB; all zones together have at least 64 MiB." },
		KEYS_OF_BACKING(struct config_zone, backing),
		{ "host_numa_node", SCHEMA_UINT, SCHEMA_MEMBER(struct config_zone, host_node),
		  .max = MAX_HOST_NODE, .flags = SCHEMA_OR_NONE,
		  .help = "Take the memory from this node of the host and from no other. If the node has too little, torc does not "
		    "start. The default is as `numa` of `--platform` says." },
		{ "file", SCHEMA_STRING, .value = "PATH", SCHEMA_MEMBER(struct config_zone, file),
		  .help = "Map this file, or a new one without a name in this directory, say of a hugetlbfs or a tmpfs. What the guest "
		    "writes goes to the file with `shared=on` only. Not with `hugepages=on`: the file system says what the pages "
		    "are." },
		SCHEMA_FOREIGN("hotplug_size", SCHEMA_NEEDS_MEMORY_HOTPLUG, "0", .flags = SCHEMA_TYPED),
		SCHEMA_FOREIGN("hotplugged_size", SCHEMA_NEEDS_MEMORY_HOTPLUG, "0"),
		/* As of the memory. */
		{ "hotplug_size", SCHEMA_SIZE, SCHEMA_MEMBER(struct config_zone, hotplug_size), .flags = SCHEMA_JSON | SCHEMA_OR_ZERO },
		SCHEMA_FOREIGN("reserve", "a reservation of swap space", "off"),
		{ .name = NULL },
	},
};

const struct schema config_memory_schema = {
	.bare = true,
	.check = check_memory,
	.key = (const struct schema_key[]){
		{ "size", SCHEMA_SIZE, SCHEMA_MEMBER(struct config, memory.size), .preset = "512M",
		  .max = MEMORY_MAX, .step = SIZE_STEP,
		  .help = "A multiple of 2 MiB and at least 64 MiB; the default is 512M. The size alone does as well." },
		KEYS_OF_BACKING(struct config, memory.backing),
		{ "zones", SCHEMA_LIST, SCHEMA_MEMBERS(struct config, zone, nr_zones), .max = CONFIG_MAX_ZONES,
		  .of = &config_zone_schema },
		SCHEMA_FOREIGN("hotplug_method", SCHEMA_NEEDS_MEMORY_HOTPLUG, "acpi", .usual = "Acpi"),
		SCHEMA_FOREIGN("hotplug_size", SCHEMA_NEEDS_MEMORY_HOTPLUG, "0", .flags = SCHEMA_TYPED),
		SCHEMA_FOREIGN("hotplugged_size", SCHEMA_NEEDS_MEMORY_HOTPLUG, "0"),
		/* How much there might be later clients say always. */
		{ "hotplug_size", SCHEMA_SIZE, SCHEMA_MEMBER(struct config, hotplug_size), .flags = SCHEMA_JSON | SCHEMA_OR_ZERO },
		SCHEMA_FOREIGN("reserve", "a reservation of swap space", "off"),
		{ .name = NULL },
	},
};
/* clang-format on */

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
