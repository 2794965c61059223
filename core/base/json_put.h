/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JSON put: members of objects, for what tools print. Over jansson, whose integers have 64 bits.
 *
 * Each function takes the NULL of an object that ran out of memory, so that only the end has to be looked at. Any thread.
 */
#ifndef CORE_BASE_JSON_PUT_H
#define CORE_BASE_JSON_PUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/error.h"

/**
 * json_put_string - a text as a value
 * @text: bytes that are no UTF-8 become question marks, as JSON cannot have them
 *
 * Return: to be given back; NULL out of memory.
 */
json_t *json_put_string(const char *text);

/**
 * json_put_text - a member that is a text
 * @object: gets it
 * @key: its name
 * @text: as json_put_string()'s
 */
void json_put_text(json_t *object, const char *key, const char *text);

/**
 * json_put_some - likewise, or null for ""
 * @object: gets it
 * @key: its name
 * @text: likewise
 */
void json_put_some(json_t *object, const char *key, const char *text);

/**
 * json_put_integer - a member that is a whole number
 * @object: gets it
 * @key: its name
 * @value: exact
 */
void json_put_integer(json_t *object, const char *key, int64_t value);

/**
 * json_put_count - a member that says how many
 * @object: gets it
 * @key: its name
 * @value: what is more than INT64_MAX becomes that
 */
void json_put_count(json_t *object, const char *key, uint64_t value);

/**
 * json_put_real - a member that is a number
 * @object: gets it
 * @key: its name
 * @value: finite
 */
void json_put_real(json_t *object, const char *key, double value);

/**
 * json_put_bool - a member that is true or false
 * @object: gets it
 * @key: its name
 * @value: which
 */
void json_put_bool(json_t *object, const char *key, bool value);

/**
 * json_put_null - a member that is null
 * @object: gets it
 * @key: its name
 */
void json_put_null(json_t *object, const char *key);

/**
 * json_put_object - a member that is an object
 * @object: gets it, and owns it
 * @key: its name
 *
 * Return: borrowed, empty; NULL out of memory.
 */
json_t *json_put_object(json_t *object, const char *key);

/**
 * json_put_array - a member that is an array
 * @object: gets it, and owns it
 * @key: its name
 *
 * Return: borrowed, empty; NULL out of memory.
 */
json_t *json_put_array(json_t *object, const char *key);

/**
 * json_put_item - one object more in an array
 * @array: gets it, and owns it
 *
 * Return: borrowed, empty; NULL out of memory.
 */
json_t *json_put_item(json_t *array);

/**
 * json_put_out - write a value and a newline
 * @value: may be NULL, which is an error
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int json_put_out(const json_t *value, FILE *out, struct error *err);

#endif
