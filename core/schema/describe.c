/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/internal.h"
#include "core/schema/json.h"

static json_t *integer(uint64_t min, uint64_t max)
{
	json_t *type = json_pack("{s:s, s:s, s:I}", "type", "integer", "format", "int64", "minimum",
				 (json_int_t)min);

	if (max && max <= INT64_MAX)
		json_object_set_new(type, "maximum", json_integer((json_int_t)max));
	return type;
}

static json_t *array(json_t *items)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

/* All of them integers, and all there. */
static json_t *integers(const char *const name[], uint64_t min, uint64_t max)
{
	json_t *type = json_pack("{s:s, s:{}, s:[]}", "type", "object", "properties", "required");

	for (; *name; name++) {
		json_object_set_new(json_object_get(type, "properties"), *name, integer(min, max));
		json_array_append_new(json_object_get(type, "required"), json_string(*name));
	}
	return type;
}

static json_t *string(const char *what, const char *is)
{
	return what ? json_pack("{s:s, s:s}", "type", "string", what, is)
		    : json_pack("{s:s}", "type", "string");
}

static json_t *words(const struct schema_key *key)
{
	json_t *type = json_pack("{s:s, s:[]}", "type", "string", "enum");

	for (const struct schema_word *word = key->words; word->text; word++) {
		if (!word->reason)
			json_array_append_new(json_object_get(type, "enum"),
					      json_string(word->json ?: word->text));
	}
	return type;
}

static json_t *affinity(const struct schema_key *key)
{
	json_t *one = integers((const char *const[]){ key->noun, NULL }, 0, key->max), *all;

	json_object_set_new(json_object_get(one, "properties"), SCHEMA_HOST_CPUS,
			    array(integer(0, 0)));
	json_array_append_new(json_object_get(one, "required"), json_string(SCHEMA_HOST_CPUS));
	all = array(one);
	return key->words ? json_pack("{s:[o, o]}", "anyOf", words(key), all) : all;
}

static json_t *list(const struct schema_key *key)
{
	void *one = calloc(1, key->size);
	json_t *type = NULL;

	if (one && !schema_preset(key->of, one))
		type = array(schema_describe(key->of, one));
	if (type)
		json_object_set_new(type, "maxItems", json_integer((json_int_t)key->max));
	if (one)
		schema_free(key->of, one);
	free(one);
	return type;
}

static json_t *describe(const struct schema_key *key, const void *preset)
{
	static const char *const distance[] = { SCHEMA_DESTINATION, SCHEMA_DISTANCE, NULL };
	json_t *type;

	switch (key->kind) {
	case SCHEMA_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case SCHEMA_UINT:
		return integer(key->min, key->max);
	case SCHEMA_SIZE:
		type = integer(key->min, key->max);
		if (key->step)
			json_object_set_new(type, "multipleOf",
					    json_integer((json_int_t)key->step));
		return type;
	case SCHEMA_STRING:
		type = string(NULL, NULL);
		if (key->max)
			json_object_set_new(type, "maxLength", json_integer((json_int_t)key->max));
		return type;
	case SCHEMA_WORD:
		return words(key);
	case SCHEMA_MODE:
		return string("pattern", "^(?=.{1,4}$)0*[1-7][0-7]{0,2}$");
	case SCHEMA_MAC:
		return string("pattern", "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$");
	case SCHEMA_IPV4:
		return string("format", "ipv4");
	case SCHEMA_CPUS:
	case SCHEMA_BITS:
		return array(integer(0, key->kind == SCHEMA_BITS ? key->max : 0));
	case SCHEMA_AFFINITY:
		return affinity(key);
	case SCHEMA_DISTANCES:
		return array(integers(distance, 0, key->max));
	case SCHEMA_NAMES:
		return array(string(NULL, NULL));
	case SCHEMA_TOPOLOGY:
		return integers(schema_topology_part, key->min, key->max);
	case SCHEMA_STRUCT:
		return schema_describe(key->of, (const char *)preset + key->offset);
	case SCHEMA_LIST:
		return list(key);
	case SCHEMA_FDS:
		return array(integer(3, 65535));
	}
	return NULL;
}

json_t *schema_describe(const struct schema *schema, const void *preset)
{
	json_t *type = json_pack("{s:s, s:{}}", "type", "object", "properties");
	json_t *required = json_array();

	for (unsigned i = 0; i < schema_count(schema); i++) {
		const struct schema_key *key = &schema->key[i];
		const char *name = key->json ?: key->name;
		json_t *one;

		if (key->needs || key->flags & SCHEMA_TYPED)
			continue;
		one = describe(key, preset);
		/* Which is Markdown, as OpenAPI has it. */
		if (key->help)
			json_object_set_new(one, "description", json_string(key->help));
		if (key->preset)
			json_object_set_new(one, "default", schema_write_value(key, preset));
		json_object_set_new(json_object_get(type, "properties"), name, one);
		if (key->flags & SCHEMA_REQUIRED)
			json_array_append_new(required, json_string(name));
		else
			json_object_set_new(one, "nullable", json_true());
	}
	if (json_array_size(required))
		json_object_set(type, "required", required);
	json_decref(required);
	return type;
}
