/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Schema, help: how its keys are typed, for people and for completion. Any thread.
 */
#ifndef CORE_SCHEMA_HELP_H
#define CORE_SCHEMA_HELP_H

#include <stdio.h>

#include "core/schema/schema.h"

/**
 * schema_put_value - what may stand behind a key, "on|off" or "N"
 * @key: the row
 * @out: where to
 */
void schema_put_value(const struct schema_key *key, FILE *out);

/**
 * schema_put_syntax - how a value of the schema is typed: "path=FILE[,readonly=on|off]"
 * @schema: borrowed
 * @out: where to; a line break is where a line may be broken
 */
void schema_put_syntax(const struct schema *schema, FILE *out);

/**
 * schema_put_pairs - the keys that can be typed, with what may stand behind each: "path=FILE readonly=on|off"
 * @schema: borrowed
 * @out: where to
 */
void schema_put_pairs(const struct schema *schema, FILE *out);

/**
 * schema_is_typed - whether a key can be typed, and is torc's
 * @key: the row
 *
 * Return: whether it is.
 */
bool schema_is_typed(const struct schema_key *key);

#endif
