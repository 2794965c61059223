/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Schema, JSON: the same rows read from objects and written to them.
 *
 * A value is turned into what would be typed, so that one reader of each kind judges both. null is as not given. Any thread.
 */
#ifndef CORE_SCHEMA_JSON_H
#define CORE_SCHEMA_JSON_H

#include <jansson.h>

#include "core/schema/schema.h"

/** Told of keys that no row has, as "disks[0].speed". */
struct schema_unknown {
	void (*tell)(void *opaque, const char *path);
	void *opaque;
};

/**
 * schema_read_json - read an object
 * @schema: borrowed
 * @object: as parsed
 * @out: as schema_read()'s
 * @context: for the schema's check(), and for those of the schemas within
 * @unknown: NULL: they are passed over
 * @err: not NULL; filled on failure: "disks[0]: key path"
 *
 * Return: 0; -EINVAL; -ENOMEM; what check() returns.
 */
int schema_read_json(const struct schema *schema, const json_t *object, void *out,
		     const void *context, const struct schema_unknown *unknown, struct error *err);

/**
 * schema_write_json - the object that schema_read_json() would read the same from
 * @schema: borrowed
 * @from: read
 *
 * What may be missing, and is, is left out. Return: to be given back; NULL when a string is not UTF-8, or out of memory.
 */
json_t *schema_write_json(const struct schema *schema, const void *from);

/**
 * schema_describe - what schema_read_json() takes, as JSON Schema has it, and OpenAPI 3
 * @schema: borrowed
 * @preset: by schema_preset(); where defaults are taken from
 *
 * What torc does not have is not in it. What may be null is "nullable", as OpenAPI 3.0 has it. Return: to be given back; NULL, or incomplete, when out of memory.
 */
json_t *schema_describe(const struct schema *schema, const void *preset);

#endif
