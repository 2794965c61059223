/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/json_put.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

json_t *json_put_string(const char *text)
{
	json_t *value = json_string(text);
	char *copy = value ? NULL : strdup(text);

	for (char *c = copy; c && *c; c++)
		*c = *c & 0x80 ? '?' : *c;
	if (copy)
		value = json_string(copy);
	free(copy);
	return value;
}

void json_put_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_put_string(text));
}

void json_put_some(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, *text ? json_put_string(text) : json_null());
}

void json_put_integer(json_t *object, const char *key, int64_t value)
{
	json_object_set_new(object, key, json_integer(value));
}

void json_put_count(json_t *object, const char *key, uint64_t value)
{
	json_put_integer(object, key, (int64_t)(value < INT64_MAX ? value : INT64_MAX));
}

void json_put_real(json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, json_real(value));
}

void json_put_bool(json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

void json_put_null(json_t *object, const char *key)
{
	json_object_set_new(object, key, json_null());
}

json_t *json_put_object(json_t *object, const char *key)
{
	json_object_set_new(object, key, json_object());
	return json_object_get(object, key);
}

json_t *json_put_array(json_t *object, const char *key)
{
	json_object_set_new(object, key, json_array());
	return json_object_get(object, key);
}

json_t *json_put_item(json_t *array)
{
	json_array_append_new(array, json_object());
	return json_array_size(array) ? json_array_get(array, json_array_size(array) - 1) : NULL;
}

int json_put_out(const json_t *value, FILE *out, struct error *err)
{
	/* 15 digits: what was 0.3 is not to be 0.29999999999999999. */
	if (!value || json_dumpf(value, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)))
		return error_set(err, -ENOMEM, "JSON");
	fputc('\n', out);
	return 0;
}
