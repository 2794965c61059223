/* SPDX-License-Identifier: Apache-2.0 */
/* What spans the devices of all kinds: their ids, and how many there may be. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/config/option.h"

/* The rows of lists of devices, in the order in which their ids are counted. */
#define FOR_EACH_LIST(list)                                                                  \
	for (const struct schema_key *(list) = config_vm_schema.key; (list)->name; (list)++) \
		if ((list)->admit == config_admit)

static const char *id_of(const void *one)
{
	return *(const char *const *)one;
}

/* The first key is what people call it by. */
static const char *name_of(const struct schema_key *list, const void *one)
{
	return *(const char *const *)(const void *)((const char *)one + list->of->key->offset);
}

static unsigned count_of(const struct schema_key *list, const struct config *config)
{
	return *(const unsigned *)(const void *)((const char *)config + list->count);
}

static char *members_of(const struct schema_key *list, const struct config *config)
{
	return *(char *const *)(const void *)((const char *)config + list->offset);
}

static const char *owner_in(const struct schema_key *list, const struct config *config,
			    const char *id)
{
	const char *member = members_of(list, config);

	for (unsigned nr = count_of(list, config); nr; nr--, member += list->size) {
		if (id_of(member) && !strcmp(id_of(member), id))
			return name_of(list, member) ?: "another device";
	}
	return NULL;
}

const char *config_id_owner(const struct config *config, const char *id)
{
	const char *owner = NULL;

	/* The console's and the like, which nobody gives. */
	if (id && !strncmp(id, "__", 2))
		return "torc itself";
	FOR_EACH_LIST(list) {
		if (id && !owner)
			owner = owner_in(list, config, id);
	}
	return owner;
}

int config_admit(const struct schema_key *list, const void *one, const void *context,
		 struct error *err)
{
	const char *owner = config_id_owner(context, id_of(one));

	if (!owner)
		return config_check_slots(context, list->noun, name_of(list, one) ?: "", err);
	schema_refuse("id", err, "%s is taken by %s", id_of(one), owner);
	return error_remedy(err, "give each %s an id of its own, or none", list->noun);
}

/* "_disk0", "_net1" and so on: one count for all kinds, as Cloud Hypervisor's. */
static int default_id(const struct config *config, const char *prefix, unsigned *next, char **id,
		      struct error *err)
{
	char name[32];

	if (*id)
		return 0;
	do {
		snprintf(name, sizeof(name), "%s%u", prefix, (*next)++);
	} while (config_id_owner(config, name));
	return config_copy_string(id, name, err);
}

int config_default_ids(struct config *config, struct error *err)
{
	unsigned next = 0;
	int r = 0;

	FOR_EACH_LIST(list) {
		char *member = members_of(list, config);

		for (unsigned i = 0; i < count_of(list, config) && !r; i++)
			r = default_id(config, list->value, &next,
				       (char **)(void *)(member + i * list->size), err);
	}
	return r;
}

unsigned config_count_slots(const struct config *config)
{
	unsigned nr = (config->rng ? 1U : 0U) + (config->console.mode == LINE_OFF ? 0U : 1U);

	FOR_EACH_LIST(list)
		nr += count_of(list, config);
	return nr;
}

int config_check_slots(const struct config *config, const char *kind, const char *path,
		       struct error *err)
{
	if (config_count_slots(config) < CONFIG_MAX_DEVICES)
		return 0;
	error_set(err, -EINVAL, "%s %s", kind, path);
	error_reason(err, "more than %u devices", CONFIG_MAX_DEVICES);
	return error_remedy(err, "the guest's PCI buses have no slot left; leave one out");
}

int config_finish_slots(const struct config *config, struct error *err)
{
	unsigned nr = config_count_slots(config);

	if (nr <= CONFIG_MAX_DEVICES)
		return 0;
	error_set(err, -EINVAL, "devices");
	error_reason(err, "they are %u, console and entropy device included, of %u at most", nr,
		     CONFIG_MAX_DEVICES);
	return error_remedy(err, "the guest's PCI buses have no slot left; leave one out");
}
