/* SPDX-License-Identifier: Apache-2.0 */
#include "core/schema/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/internal.h"

#define MAX_PATH 128

/* What reading an object needs on the way down. */
struct reading {
	const void *context;
	const struct schema_unknown *unknown;
	char path[MAX_PATH]; /* "disks[0]." */
	struct error *err;
};

static int read_object(struct reading *reading, const struct schema *schema,
		       const struct schema_source *source, const json_t *object, void *out);

static const char *name_of(const struct schema_key *key)
{
	return key->json ?: key->name;
}

static const char *const wanted[] = {
	[SCHEMA_BOOL] = "true or false",
	[SCHEMA_UINT] = "a whole number",
	[SCHEMA_SIZE] = "a number of bytes",
	[SCHEMA_STRING] = "a string",
	[SCHEMA_WORD] = "a string",
	[SCHEMA_MODE] = "a string of octal digits",
	[SCHEMA_MAC] = "a string",
	[SCHEMA_IPV4] = "a string",
	[SCHEMA_CPUS] = "an array of numbers",
	[SCHEMA_BITS] = "an array of numbers",
	[SCHEMA_FDS] = "an array of numbers",
	[SCHEMA_AFFINITY] = "an array of objects with a number and host_cpus, an array of numbers",
	[SCHEMA_DISTANCES] = "an array of objects with the numbers destination and distance",
	[SCHEMA_NAMES] = "an array of strings without commas and brackets",
	[SCHEMA_TOPOLOGY] =
		("an object with the numbers threads_per_core, cores_per_die, dies_per_package and "
		 "packages"),
	[SCHEMA_STRUCT] = "an object",
	[SCHEMA_LIST] = "an array of objects",
};

static int refuse_type(const struct schema_key *key, struct error *err)
{
	schema_refuse(name_of(key), err, "not of the right type");
	return error_remedy(err, "write %s", wanted[key->kind]);
}

/* What one of an array's is, as it would be typed. */
typedef bool (*put_fn)(FILE *text, const struct schema_key *key, const json_t *one);

/* "[1,2]" of an array. */
static bool put_array(FILE *text, const struct schema_key *key, const json_t *array, put_fn put)
{
	const json_t *one;
	size_t i;

	if (!json_is_array(array))
		return false;
	fputc('[', text);
	json_array_foreach(array, i, one)
	{
		fputs(i ? "," : "", text);
		if (!put(text, key, one))
			return false;
	}
	fputc(']', text);
	return true;
}

static bool put_number(FILE *text, const struct schema_key *key, const json_t *number)
{
	return json_is_integer(number) &&
	       fprintf(text, "%lld", (long long)json_integer_value(number)) > 0;
}

/* "0@[1,2]" of {"vcpu": 0, "host_cpus": [1, 2]}. */
static bool put_affinity(FILE *text, const struct schema_key *key, const json_t *one)
{
	return put_number(text, key, json_object_get(one, key->noun)) && fputc('@', text) >= 0 &&
	       put_array(text, key, json_object_get(one, SCHEMA_HOST_CPUS), put_number);
}

static bool put_distance(FILE *text, const struct schema_key *key, const json_t *one)
{
	return put_number(text, key, json_object_get(one, SCHEMA_DESTINATION)) &&
	       fputc('@', text) >= 0 &&
	       put_number(text, key, json_object_get(one, SCHEMA_DISTANCE));
}

static bool put_name(FILE *text, const struct schema_key *key, const json_t *name)
{
	return json_is_string(name) && !strpbrk(json_string_value(name), ",[]") &&
	       fputs(json_string_value(name), text) >= 0;
}

static bool put_topology(FILE *text, const struct schema_key *key, const json_t *object)
{
	for (unsigned i = 0; schema_topology_part[i]; i++) {
		fputs(i ? ":" : "", text);
		if (!put_number(text, key, json_object_get(object, schema_topology_part[i])))
			return false;
	}
	return true;
}

static bool put_word(FILE *text, const struct schema_key *key, const json_t *value)
{
	const char *word = json_string_value(value);

	for (unsigned i = 0; word && key->words[i].text; i++) {
		if (key->words[i].json && !strcmp(word, key->words[i].json)) {
			word = key->words[i].text;
			break;
		}
	}
	return word && fputs(word, text) >= 0;
}

/* As it would be typed. Whether it can be: what it means is the reader's to say. */
static bool put_text(FILE *text, const struct schema_key *key, const json_t *value)
{
	switch (key->kind) {
	case SCHEMA_BOOL:
		return json_is_boolean(value) &&
		       fputs(json_is_true(value) ? "on" : "off", text) >= 0;
	case SCHEMA_UINT:
	case SCHEMA_SIZE:
		return put_number(text, key, value);
	case SCHEMA_STRING:
	case SCHEMA_MODE:
	case SCHEMA_MAC:
	case SCHEMA_IPV4:
		return json_is_string(value) && fputs(json_string_value(value), text) >= 0;
	case SCHEMA_WORD:
		return put_word(text, key, value);
	case SCHEMA_CPUS:
	case SCHEMA_BITS:
	case SCHEMA_FDS:
		return put_array(text, key, value, put_number);
	case SCHEMA_AFFINITY:
		return json_is_string(value) && key->words
			       ? put_word(text, key, value)
			       : put_array(text, key, value, put_affinity);
	case SCHEMA_DISTANCES:
		return put_array(text, key, value, put_distance);
	case SCHEMA_NAMES:
		return put_array(text, key, value, put_name);
	case SCHEMA_TOPOLOGY:
		return put_topology(text, key, value);
	default:
		return false;
	}
}

static int text_of(const struct schema_key *key, const json_t *value, char **out, struct error *err)
{
	size_t size;
	FILE *text = open_memstream(out, &size);
	bool fits;

	if (!text)
		return error_set(err, -ENOMEM, "JSON");
	fits = put_text(text, key, value);
	if (fclose(text))
		return error_set(err, -ENOMEM, "JSON");
	return fits ? 0 : refuse_type(key, err);
}

/* Whether @value is @usual as far as it says anything: members may be missing, or null. */
static bool says_no_more(const json_t *value, const json_t *usual)
{
	const char *name;
	json_t *member;

	if (!json_is_object(value) || !json_is_object(usual))
		return json_is_null(value) || json_equal(value, usual);
	json_object_foreach((json_t *)(uintptr_t)value, name, member)
	{
		const json_t *same = json_object_get(usual, name);

		if (!json_is_null(member) && (!same || !says_no_more(member, same)))
			return false;
	}
	return true;
}

/* What is usual is JSON, or a string or number as it is typed. */
static bool is_usual(const char *usual, const json_t *value, const char *text)
{
	json_t *parsed = usual && *usual == '{' ? json_loads(usual, 0, NULL) : NULL;
	bool is_same = usual && (parsed ? says_no_more(value, parsed) : !strcmp(usual, text));

	json_decref(parsed);
	return is_same;
}

/* A key of Cloud Hypervisor's: taken if it says what torc does, or what its clients send always. */
static int take_foreign(const struct schema_key *key, const json_t *value, struct error *err)
{
	const char *string = json_is_true(value)    ? "on"
			     : json_is_false(value) ? "off"
						    : json_string_value(value);
	char *dump = string ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	struct schema_key named = *key;
	int r;

	if (!string && !dump)
		return error_set(err, -ENOMEM, "JSON");
	if (is_usual(key->usual, value, string ?: dump)) {
		free(dump);
		return 0;
	}
	named.name = name_of(key);
	r = schema_refuse_foreign(&named, string ?: dump, err);
	free(dump);
	return r;
}

static int read_struct(struct reading *reading, const struct schema_key *key, const json_t *value,
		       void *member)
{
	char path[MAX_PATH];
	int r;

	if (!json_is_object(value))
		return refuse_type(key, reading->err);
	memcpy(path, reading->path, sizeof(path));
	snprintf(reading->path, sizeof(path), "%.60s%.30s.", path, name_of(key));
	r = read_object(reading, key->of, NULL, value, member);
	memcpy(reading->path, path, sizeof(path));
	return r ? error_set(reading->err, r, "%s", name_of(key)) : 0;
}

struct json_source {
	struct schema_source source;
	struct reading *reading;
	const json_t *value;
};

static int read_member(const struct schema_source *source, const struct schema *schema, void *out,
		       const void *context, struct error *err)
{
	const struct json_source *json = (const struct json_source *)source;

	return read_object(json->reading, schema, source, json->value, out);
}

static int refuse_element(struct error *err)
{
	error_set(err, -EINVAL, "value");
	error_reason(err, "not of the right type");
	return error_remedy(err, "write an object");
}

static int read_list(struct reading *reading, const struct schema_key *key, const json_t *array,
		     void *out)
{
	char path[MAX_PATH];
	const json_t *value;
	size_t i;
	int r = 0;

	if (!json_is_array(array))
		return refuse_type(key, reading->err);
	memcpy(path, reading->path, sizeof(path));
	json_array_foreach(array, i, value)
	{
		struct json_source source = { { .read = read_member }, reading, value };

		snprintf(reading->path, sizeof(path), "%.60s%.30s[%zu].", path, name_of(key), i);
		r = json_is_object(value)
			    ? schema_add(key, &source.source, out, reading->context, reading->err)
			    : refuse_element(reading->err);
		if (r)
			break;
	}
	memcpy(reading->path, path, sizeof(path));
	return r ? error_set(reading->err, r, "%s[%zu]", name_of(key), i) : 0;
}

static void tell(const struct reading *reading, const char *within, const char *name)
{
	char path[3 * MAX_PATH];

	snprintf(path, sizeof(path), "%s%s%.100s", reading->path, within, name);
	if (reading->unknown)
		reading->unknown->tell(reading->unknown->opaque, path);
}

static void tell_unknown(const struct reading *reading, const struct schema *schema,
			 const json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		unsigned i = 0;

		while (i < schema_count(schema) && (schema->key[i].flags & SCHEMA_TYPED ||
						    strcmp(name, name_of(&schema->key[i])) != 0))
			i++;
		if (i == schema_count(schema))
			tell(reading, "", name);
	}
}

static bool is_among(const char *name, const char *const *names)
{
	while (*names && strcmp(name, *names) != 0)
		names++;
	return *names;
}

static void tell_unknown_members(const struct reading *reading, const char *within,
				 const json_t *object, const char *const *known)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if (!is_among(name, known))
			tell(reading, within, name);
	}
}

/* Within a value that is made of objects and no schema's. */
static void tell_unknown_within(const struct reading *reading, const struct schema_key *key,
				const json_t *value)
{
	const char *const affinity[] = { key->noun, SCHEMA_HOST_CPUS, NULL };
	static const char *const distance[] = { SCHEMA_DESTINATION, SCHEMA_DISTANCE, NULL };
	char within[MAX_PATH];
	const json_t *one;
	size_t i;

	snprintf(within, sizeof(within), "%.30s.", name_of(key));
	if (key->kind == SCHEMA_TOPOLOGY)
		tell_unknown_members(reading, within, value, schema_topology_part);
	if (key->kind != SCHEMA_AFFINITY && key->kind != SCHEMA_DISTANCES)
		return;
	json_array_foreach(value, i, one)
	{
		snprintf(within, sizeof(within), "%.30s[%zu].", name_of(key), i);
		tell_unknown_members(reading, within, one,
				     key->kind == SCHEMA_AFFINITY ? affinity : distance);
	}
}

/*
 * null; and [] of numbers or names, as of a node without CPUs, for which a command line has no word; and "" where a key
 * without a value is as one that is not given.
 */
static bool is_nothing(const struct schema *schema, const struct schema_key *key,
		       const json_t *value)
{
	if (!value || json_is_null(value))
		return true;
	if (schema->defaults && json_is_string(value) && !json_string_length(value))
		return true;
	if (!json_is_array(value) || json_array_size(value) || key->needs)
		return false;
	switch (key->kind) {
	case SCHEMA_CPUS:
	case SCHEMA_BITS:
	case SCHEMA_AFFINITY:
	case SCHEMA_DISTANCES:
	case SCHEMA_NAMES:
		return true;
	default:
		return false;
	}
}

static int read_key(struct reading *reading, struct schema_values *values, char **text, unsigned i,
		    const json_t *value, void *out)
{
	const struct schema_key *key = &values->schema->key[i];
	int r;

	if (is_nothing(values->schema, key, value) || key->flags & SCHEMA_TYPED) {
		if (!(key->flags & SCHEMA_REQUIRED))
			return 0;
		schema_refuse(name_of(key), reading->err, "missing");
		return error_remedy(reading->err, "%s", key->remedy);
	}
	if (key->needs)
		return take_foreign(key, value, reading->err);
	if (key->kind == SCHEMA_STRUCT)
		return read_struct(reading, key, value, (char *)out + key->offset);
	if (key->kind == SCHEMA_LIST)
		return read_list(reading, key, value, out);
	tell_unknown_within(reading, key, value);
	r = text_of(key, value, text, reading->err);
	if (!r && !**text && !(key->flags & SCHEMA_EMPTY)) {
		schema_refuse(name_of(key), reading->err, "has no value");
		return error_remedy(reading->err, "write one, or leave it out");
	}
	if (r)
		return r;
	values->value[i] = *text;
	r = schema_read_value(values, i, out, reading->err);
	/* Units are typed only. */
	return r && key->kind == SCHEMA_SIZE ? error_remedy(reading->err, "write a number of bytes")
					     : r;
}

/* Readers and checks call a key as it is typed. */
static void name_as_json(const struct schema *schema, struct error *err)
{
	for (unsigned i = 0; i < schema_count(schema); i++) {
		const struct schema_key *key = &schema->key[i];

		if (key->json && !strncmp(err->object, "key ", 4) &&
		    !strcmp(err->object + 4, key->name)) {
			snprintf(err->object, sizeof(err->object), "key %s", key->json);
			return;
		}
	}
}

/* @source: of a member of a list; NULL: that is none. */
static int read_object(struct reading *reading, const struct schema *schema,
		       const struct schema_source *source, const json_t *object, void *out)
{
	struct schema_values values = {
		.schema = schema,
		.is_json = true,
		.members = source ? source->members : NULL,
		.nr_members = source ? source->nr_members : 0,
	};
	char *text[SCHEMA_MAX_KEYS] = { NULL };
	int r = 0;

	tell_unknown(reading, schema, object);
	for (unsigned i = 0; i < schema_count(schema) && !r; i++)
		r = read_key(reading, &values, &text[i], i,
			     json_object_get(object, name_of(&schema->key[i])), out);
	if (!r && schema->check)
		r = schema->check(&values, out, reading->context, reading->err);
	for (unsigned i = 0; i < SCHEMA_MAX_KEYS; i++)
		free(text[i]);
	if (r)
		name_as_json(schema, reading->err);
	return r;
}

int schema_read_json(const struct schema *schema, const json_t *object, void *out,
		     const void *context, const struct schema_unknown *unknown, struct error *err)
{
	struct reading reading = { .context = context, .unknown = unknown, .err = err };

	return read_object(&reading, schema, NULL, object, out);
}
