/* SPDX-License-Identifier: Apache-2.0 */
#include "core/schema/schema.h"

#include <errno.h>
#include <stdlib.h>

#include "core/schema/internal.h"

static void *member_of(const struct schema_key *key, void *out)
{
	return (char *)out + key->offset;
}

int schema_preset(const struct schema *schema, void *out)
{
	struct schema_values values = { .schema = schema };
	struct error err = { 0 };
	int r = 0;

	for (unsigned i = 0; i < schema_count(schema); i++)
		values.value[i] = schema->key[i].preset;
	for (unsigned i = 0; i < schema_count(schema) && !r; i++) {
		if (schema->key[i].flags & SCHEMA_OR_NONE && !values.value[i])
			schema_store(&schema->key[i], member_of(&schema->key[i], out), UINT64_MAX);
		r = schema_read_value(&values, i, out, &err);
	}
	return r;
}

static int read_values(const struct schema_values *values, void *out, const void *context,
		       struct error *err)
{
	const struct schema *schema = values->schema;
	int r = 0;

	for (unsigned i = 0; i < schema_count(schema) && !r; i++) {
		const struct schema_key *key = &schema->key[i];

		if (values->value[i]) {
			r = schema_read_value(values, i, out, err);
		} else if (key->flags & SCHEMA_REQUIRED) {
			r = schema_refuse(values->schema->key[i].name, err, "missing");
			error_remedy(err, "%s", key->remedy);
		}
	}
	return r || !schema->check ? r : schema->check(values, out, context, err);
}

int schema_read(const struct schema *schema, const char *text, void *out, const void *context,
		struct error *err)
{
	struct schema_values values;
	int r = schema_cut(&values, schema, text, err);

	if (r)
		return r;
	r = read_values(&values, out, context, err);
	free(values.text);
	return r;
}

void schema_free(const struct schema *schema, void *out)
{
	for (unsigned i = 0; i < schema_count(schema); i++) {
		const struct schema_key *key = &schema->key[i];
		void *member = member_of(key, out);

		if (key->needs)
			continue;
		if (key->kind == SCHEMA_STRING) {
			free(*(char **)member);
			*(char **)member = NULL;
		} else if (key->kind == SCHEMA_AFFINITY) {
			free(((struct schema_affinities *)member)->list);
			*(struct schema_affinities *)member = (struct schema_affinities){ 0 };
		} else if (key->kind == SCHEMA_NAMES) {
			struct schema_names *names = member;

			while (names->nr)
				free(names->name[--names->nr]);
			free(names->name);
			names->name = NULL;
		}
	}
}

int schema_check_affinity(const char *key, const struct schema_affinities *list, unsigned boot,
			  struct error *err)
{
	for (unsigned i = 0; i < list->nr; i++) {
		if (list->list[i].index < boot)
			continue;
		schema_refuse(key, err, "%u is not there: the last vCPU is %u", list->list[i].index,
			      boot - 1);
		return error_remedy(err, "leave it out, or write --cpus boot=%u",
				    list->list[i].index + 1);
	}
	return 0;
}
