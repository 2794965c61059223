/* SPDX-License-Identifier: Apache-2.0 */
#include "core/schema/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/internal.h"

const char *const schema_topology_part[] = { "threads_per_core", "cores_per_die",
					     "dies_per_package", "packages", NULL };

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
		const struct schema_key *key = &schema->key[i];

		if (key->kind == SCHEMA_STRUCT && !key->needs) {
			r = schema_preset(key->of, member_of(key, out));
			continue;
		}
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

static int read_with(const struct schema *schema, const struct schema_source *source, void *out,
		     const void *context, struct error *err)
{
	struct schema_values values;
	int r = schema_cut(&values, schema, source->text, err);

	if (r)
		return r;
	values.members = source->members;
	values.nr_members = source->nr_members;
	r = read_values(&values, out, context, err);
	free(values.text);
	return r;
}

int schema_read(const struct schema *schema, const char *text, void *out, const void *context,
		struct error *err)
{
	const struct schema_source source = { .text = text };

	return read_with(schema, &source, out, context, err);
}

static void free_list(const struct schema_key *key, void *out)
{
	unsigned *count = (unsigned *)((char *)out + key->count);
	void **list = member_of(key, out);

	while (*count)
		schema_free(key->of, (char *)*list + --*count * key->size);
	free(*list);
	*list = NULL;
}

void schema_free_names(struct schema_names *names)
{
	while (names->nr)
		free(names->name[--names->nr]);
	free(names->name);
	names->name = NULL;
}

void schema_free(const struct schema *schema, void *out)
{
	for (unsigned i = 0; i < schema_count(schema); i++) {
		const struct schema_key *key = &schema->key[i];
		void *member = member_of(key, out);

		if (key->needs)
			continue;
		switch (key->kind) {
		case SCHEMA_STRING:
			free(*(char **)member);
			*(char **)member = NULL;
			break;
		case SCHEMA_AFFINITY:
			free(((struct schema_affinities *)member)->list);
			*(struct schema_affinities *)member = (struct schema_affinities){ 0 };
			break;
		case SCHEMA_NAMES:
			schema_free_names(member);
			break;
		case SCHEMA_STRUCT:
			schema_free(key->of, member);
			break;
		case SCHEMA_LIST:
			free_list(key, out);
			break;
		default:
			break;
		}
	}
}

const struct schema_key *schema_find(const struct schema *schema, const char *name)
{
	for (unsigned i = 0; i < schema_count(schema); i++) {
		if (!strcmp(schema->key[i].name, name))
			return &schema->key[i];
	}
	return NULL;
}

static int append(const struct schema_key *list, const void *one, void *out, struct error *err)
{
	unsigned *count = (unsigned *)((char *)out + list->count);
	void **members = member_of(list, out);
	void *longer = reallocarray(*members, *count + 1, list->size);

	if (!longer)
		return error_set(err, -ENOMEM, "value");
	*members = longer;
	memcpy((char *)longer + (*count)++ * list->size, one, list->size);
	return 0;
}

int schema_add(const struct schema_key *list, struct schema_source *source, void *out,
	       const void *context, struct error *err)
{
	unsigned *count = (unsigned *)((char *)out + list->count);
	/* Read beside the list, which a check looks at. */
	void *one = calloc(1, list->size);
	int r;

	if (!one)
		return error_set(err, -ENOMEM, "value");
	source->members = *(void **)member_of(list, out);
	source->nr_members = *count;
	r = schema_preset(list->of, one);
	if (r)
		error_set(err, r, "value");
	else
		r = source->read(source, list->of, one, context, err);
	if (!r && list->admit)
		r = list->admit(list, one, context, err);
	if (!r && *count == list->max) {
		r = schema_refuse(list->name, err, "more than %llu", (unsigned long long)list->max);
		error_remedy(err, "leave one out");
	}
	if (!r)
		r = append(list, one, out, err);
	if (r)
		schema_free(list->of, one);
	free(one);
	return r;
}

static int read_text(const struct schema_source *source, const struct schema *schema, void *out,
		     const void *context, struct error *err)
{
	return read_with(schema, source, out, context, err);
}

int schema_add_text(const struct schema_key *list, const char *text, void *out, const void *context,
		    struct error *err)
{
	struct schema_source source = { .read = read_text, .text = text };

	return schema_add(list, &source, out, context, err);
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
