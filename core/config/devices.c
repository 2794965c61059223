/* SPDX-License-Identifier: Apache-2.0 */
/* What spans the devices of all kinds: their ids, and how many there may be. */
#include <errno.h>
#include <string.h>

#include "core/config/option.h"

static const char *id_of(const void *one)
{
	return *(const char *const *)one;
}

/* The first key is what people call it by. */
static const char *name_of(const struct schema_key *list, const void *one)
{
	return *(const char *const *)(const void *)((const char *)one + list->of->key->offset);
}

static const char *owner_in(const struct schema_key *list, const struct config *config,
			    const char *id)
{
	const char *member =
		*(const char *const *)(const void *)((const char *)config + list->offset);
	unsigned nr = *(const unsigned *)(const void *)((const char *)config + list->count);

	for (; nr; nr--, member += list->size) {
		if (id_of(member) && !strcmp(id_of(member), id))
			return name_of(list, member) ?: list->noun;
	}
	return NULL;
}

const char *config_id_owner(const struct config *config, const char *id)
{
	const char *owner = NULL;

	/* The console's and the like, which nobody gives. */
	if (id && !strncmp(id, "__", 2))
		return "torc itself";
	for (const struct schema_key *list = config_vm_schema.key; id && list->name && !owner;
	     list++) {
		if (list->admit == config_admit)
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

unsigned config_count_slots(const struct config *config)
{
	return config->nr_devices + config->nr_disks + config->nr_nets + !!config->rng +
	       (config->console.mode != LINE_OFF);
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
