/* SPDX-License-Identifier: Apache-2.0 */
/* "key=value,key=[a,b]" cut into the values of its keys, and what is refused by name on the way. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/internal.h"

unsigned schema_count(const struct schema *schema)
{
	unsigned n = 0;

	while (n < SCHEMA_MAX_KEYS && schema->key[n].name)
		n++;
	return n;
}

static bool is_typed(const struct schema_key *key)
{
	return key->kind < SCHEMA_STRUCT && !(key->flags & SCHEMA_JSON);
}

/* Only keys that would be accepted are worth suggesting. */
static const char *nearest_key(const struct schema *schema, const char *word)
{
	const char *names[SCHEMA_MAX_KEYS];
	unsigned n = schema_count(schema);

	for (unsigned i = 0; i < n; i++)
		names[i] = schema->key[i].needs || !is_typed(&schema->key[i]) ? NULL
									      : schema->key[i].name;
	return error_nearest(word, names, n);
}

/* @is_pair: or the first; what has no value may be what stands behind a comma in another's. */
static int refuse_unknown(const struct schema *schema, const char *word, bool is_pair,
			  struct error *err)
{
	const char *nearest = nearest_key(schema, word);
	char list[128] = "";

	error_set(err, -EINVAL, "key %s", word);
	error_reason(err, "unknown");
	if (nearest)
		return error_remedy(err, "did you mean %s?", nearest);
	for (unsigned i = 0; i < schema_count(schema); i++) {
		size_t used = strlen(list);

		if (!schema->key[i].needs && is_typed(&schema->key[i]))
			snprintf(list + used, sizeof(list) - used, "%s%s=", used ? ", " : "",
				 schema->key[i].name);
	}
	if (is_pair)
		return error_remedy(err, "it takes %s", list);
	return error_remedy(
		err,
		"it takes %s; a value that has a comma goes between double quotes: '%s=\"a,b\"'",
		list, schema->key[0].name);
}

static bool is_harmless(const char *harmless, const char *value)
{
	if (!harmless || !value)
		return false;
	if (!strcmp(value, "false"))
		value = "off";
	if (!strcmp(value, "true"))
		value = "on";
	for (const char *word = harmless; word; word = strchr(word, '|')) {
		word += *word == '|';
		if (strcspn(word, "|") == strlen(value) && !strncmp(word, value, strlen(value)))
			return true;
	}
	return false;
}

/* A key of Cloud Hypervisor's. */
int schema_refuse_foreign(const struct schema_key *key, const char *value, struct error *err)
{
	if (is_harmless(key->harmless, value))
		return 0;
	error_set(err, -EINVAL, "key %s", key->name);
	error_reason(err, "not supported yet: it needs %s", key->needs);
	if (key->harmless)
		return error_remedy(err, "leave it out, or write %s=%.*s", key->name,
				    (int)strcspn(key->harmless, "|"), key->harmless);
	return error_remedy(err, "leave it out");
}

int schema_read_pair(const struct schema *schema, const char *pair, void *out, struct error *err)
{
	struct schema_values values = { .schema = schema };
	size_t len = strcspn(pair, "=");

	for (unsigned i = 0; i < schema_count(schema); i++) {
		const struct schema_key *key = &schema->key[i];

		if (strlen(key->name) != len || memcmp(key->name, pair, len) != 0)
			continue;
		values.value[i] = pair[len] ? pair + len + 1 : "";
		return key->needs ? schema_refuse_foreign(key, values.value[i], err)
				  : schema_read_value(&values, i, out, err);
	}
	return 1;
}

/* A word without '=' that cannot be meant as a key. */
static bool is_bare(const struct schema *schema, const char *word)
{
	if (!schema->bare || strchr(word, '='))
		return false;
	for (unsigned i = 0; i < schema_count(schema); i++) {
		if (!strcmp(word, schema->key[i].name) && is_typed(&schema->key[i]))
			return false;
	}
	return (*word >= '0' && *word <= '9') || !nearest_key(schema, word);
}

static int set_value(struct schema_values *values, const char *key, size_t len, const char *value,
		     struct error *err)
{
	const struct schema *schema = values->schema;
	char word[128];

	snprintf(word, sizeof(word), "%.*s", (int)(len < sizeof(word) ? len : sizeof(word)), key);
	for (unsigned i = 0; i < schema_count(schema); i++) {
		if (strcmp(word, schema->key[i].name) != 0 || !is_typed(&schema->key[i]))
			continue;
		if (schema->key[i].needs)
			return schema_refuse_foreign(&schema->key[i], value, err);
		if (values->value[i]) {
			schema_refuse(values->schema->key[i].name, err, "given twice");
			return error_remedy(err, "leave one of them out");
		}
		if (value && !*value && schema->defaults)
			return 0;
		if (!value || !*value) {
			schema_refuse(values->schema->key[i].name, err, "has no value");
			return error_remedy(err, "write %s=VALUE", word);
		}
		values->value[i] = value;
		return 0;
	}
	return refuse_unknown(schema, word, value || key == values->text, err);
}

static int take_piece(struct schema_values *values, const char *piece, bool first,
		      struct error *err)
{
	size_t len = strcspn(piece, "=");

	if (!*piece) {
		error_set(err, -EINVAL, "value");
		error_reason(err, "nothing before or after a comma");
		return error_remedy(err, "separate key=value pairs by single commas");
	}
	if (first && is_bare(values->schema, piece)) {
		values->value[0] = piece;
		return 0;
	}
	return set_value(values, piece, len, piece[len] ? piece + len + 1 : NULL, err);
}

/* Without its double quotes, within which commas and brackets are characters like others; two of them are one. */
static char *unquote(char **from, bool *quoted, char *out)
{
	char *c = *from;

	if (*c != '"') {
		*out++ = *c;
	} else if (*quoted && c[1] == '"') {
		*out++ = *c;
		(*from)++;
	} else {
		*quoted = !*quoted;
	}
	return out;
}

static int refuse_open_quote(struct error *err)
{
	error_set(err, -EINVAL, "value");
	error_reason(err, "a double quote is not closed");
	return error_remedy(err, "close it; one that is meant is written twice, between others: "
				 "'\"a\"\"b\"' is a\"b");
}

int schema_unquote(char *text, struct error *err)
{
	bool quoted = false;
	char *out = text;

	for (char *c = text; *c; c++)
		out = unquote(&c, &quoted, out);
	*out = '\0';
	return quoted ? refuse_open_quote(err) : 0;
}

/* Ends the piece at *@rest with a NUL and moves *@rest to the next one, or to NULL. */
static int cut_piece(char **rest, struct error *err)
{
	unsigned depth = 0;
	bool quoted = false;
	char *c, *out = *rest;

	for (c = *rest; *c && (*c != ',' || depth || quoted); c++) {
		if (*c == '[' && !quoted)
			depth++;
		else if (*c == ']' && !quoted && !depth--)
			goto unbalanced;
		out = unquote(&c, &quoted, out);
	}
	if (quoted)
		return refuse_open_quote(err);
	if (depth)
		goto unbalanced;
	*rest = *c ? c + 1 : NULL;
	*out = '\0';
	return 0;

unbalanced:
	error_set(err, -EINVAL, "value");
	error_reason(err, "square brackets do not match");
	return error_remedy(err, "close each [ with a ]");
}

int schema_cut(struct schema_values *values, const struct schema *schema, const char *text,
	       struct error *err)
{
	struct schema_values v = { .schema = schema, .text = strdup(text) };
	char *rest = v.text;
	int r = 0;

	if (!rest)
		return error_set(err, -ENOMEM, "value");
	while (rest && !r) {
		char *piece = rest;

		r = cut_piece(&rest, err);
		if (!r)
			r = take_piece(&v, piece, piece == v.text, err);
	}
	if (r)
		free(v.text);
	else
		*values = v;
	return r;
}

const char *schema_given(const struct schema_values *values, const char *key)
{
	for (unsigned i = 0; i < schema_count(values->schema); i++) {
		if (!strcmp(values->schema->key[i].name, key))
			return values->value[i];
	}
	return NULL;
}

int schema_refuse(const char *key, struct error *err, const char *fmt, ...)
{
	char reason[sizeof(err->reason)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	error_set(err, -EINVAL, "key %s", key);
	error_reason(err, "%s", reason);
	return -EINVAL;
}
