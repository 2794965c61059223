/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Schema, mdoc: help of keys as mdoc(7), the language of manual pages. Any thread.
 */
#ifndef CORE_SCHEMA_MDOC_H
#define CORE_SCHEMA_MDOC_H

#include <stdio.h>

#include "core/schema/schema.h"

/**
 * schema_mdoc_text - paragraphs
 * @text: as a key's help; NULL: none
 * @out: where to
 */
void schema_mdoc_text(const char *text, FILE *out);

/**
 * schema_mdoc_value - how something is typed, "[,mode=MODE]": small letters as they are, capitals as arguments
 * @value: the syntax
 * @out: where to; behind a macro, without the end of the line
 */
void schema_mdoc_value(const char *value, FILE *out);

/**
 * schema_mdoc_keys - the keys that can be typed, as a list
 * @schema: borrowed
 * @out: where to
 */
void schema_mdoc_keys(const struct schema *schema, FILE *out);

#endif
