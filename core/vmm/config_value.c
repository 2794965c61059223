/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/config_value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned count_keys(const struct config_key_set *keys)
{
	unsigned n = 0;

	while (n < CONFIG_MAX_KEYS && keys->key[n].name)
		n++;
	return n;
}

/* Only keys that would be accepted are worth suggesting. */
static const char *nearest_key(const struct config_key_set *keys, const char *word)
{
	const char *names[CONFIG_MAX_KEYS];
	unsigned n = count_keys(keys);

	for (unsigned i = 0; i < n; i++)
		names[i] = keys->key[i].needs ? NULL : keys->key[i].name;
	return error_nearest(word, names, n);
}

/* @is_pair: or the first; what has no value may be what stands behind a comma in another's. */
static int refuse_unknown(const struct config_key_set *keys, const char *word, bool is_pair,
			  struct error *err)
{
	const char *nearest = nearest_key(keys, word);
	char list[128] = "";

	error_set(err, -EINVAL, "key %s", word);
	error_reason(err, "unknown");
	if (nearest)
		return error_remedy(err, "did you mean %s?", nearest);
	for (unsigned i = 0; i < count_keys(keys); i++) {
		size_t used = strlen(list);

		if (!keys->key[i].needs)
			snprintf(list + used, sizeof(list) - used, "%s%s=", used ? ", " : "",
				 keys->key[i].name);
	}
	if (is_pair)
		return error_remedy(err, "it takes %s", list);
	return error_remedy(
		err,
		"it takes %s; a value that has a comma goes between double quotes: '%s=\"a,b\"'",
		list, keys->key[0].name);
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
static int refuse_foreign(const struct config_key *key, const char *value, struct error *err)
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

int config_pairs_take_foreign(const struct config_key_set *keys, const char *pair,
			      struct error *err)
{
	size_t len = strcspn(pair, "=");

	for (unsigned i = 0; i < count_keys(keys); i++) {
		const struct config_key *key = &keys->key[i];

		if (strlen(key->name) == len && !memcmp(key->name, pair, len))
			return refuse_foreign(key, pair[len] ? pair + len + 1 : NULL, err);
	}
	return 1;
}

/* A word without '=' that cannot be meant as a key. */
static bool is_bare(const struct config_key_set *keys, const char *word)
{
	if (!keys->bare || strchr(word, '='))
		return false;
	for (unsigned i = 0; i < count_keys(keys); i++) {
		if (!strcmp(word, keys->key[i].name))
			return false;
	}
	return (*word >= '0' && *word <= '9') || !nearest_key(keys, word);
}

static int set_pair(struct config_pairs *pairs, const char *key, size_t len, const char *value,
		    struct error *err)
{
	const struct config_key_set *keys = pairs->keys;
	char word[128];

	snprintf(word, sizeof(word), "%.*s", (int)(len < sizeof(word) ? len : sizeof(word)), key);
	for (unsigned i = 0; i < count_keys(keys); i++) {
		if (strcmp(word, keys->key[i].name) != 0)
			continue;
		if (keys->key[i].needs)
			return refuse_foreign(&keys->key[i], value, err);
		if (pairs->value[i]) {
			config_pairs_refuse(pairs, i, err, "given twice");
			return error_remedy(err, "leave one of them out");
		}
		if (value && !*value && keys->defaults)
			return 0;
		if (!value || !*value) {
			config_pairs_refuse(pairs, i, err, "has no value");
			return error_remedy(err, "write %s=VALUE", word);
		}
		pairs->value[i] = value;
		return 0;
	}
	return refuse_unknown(keys, word, value || key == pairs->text, err);
}

static int take_piece(struct config_pairs *pairs, const char *piece, bool first, struct error *err)
{
	size_t len = strcspn(piece, "=");

	if (!*piece) {
		error_set(err, -EINVAL, "value");
		error_reason(err, "nothing before or after a comma");
		return error_remedy(err, "separate key=value pairs by single commas");
	}
	if (first && is_bare(pairs->keys, piece)) {
		pairs->value[0] = piece;
		return 0;
	}
	return set_pair(pairs, piece, len, piece[len] ? piece + len + 1 : NULL, err);
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

int config_value_unquote(char *text, struct error *err)
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

int config_pairs_parse(struct config_pairs *pairs, const char *text,
		       const struct config_key_set *keys, struct error *err)
{
	struct config_pairs p = { .keys = keys, .text = strdup(text) };
	char *rest = p.text;

	if (!rest)
		return error_set(err, -ENOMEM, "value");
	while (rest) {
		char *piece = rest;
		int r = cut_piece(&rest, err);

		if (!r)
			r = take_piece(&p, piece, piece == p.text, err);
		if (r) {
			config_pairs_destroy(&p);
			return r;
		}
	}
	*pairs = p;
	return 0;
}

void config_pairs_destroy(struct config_pairs *pairs)
{
	free(pairs->text);
	pairs->text = NULL;
}

int config_pairs_refuse(const struct config_pairs *pairs, unsigned key, struct error *err,
			const char *fmt, ...)
{
	char reason[sizeof(err->reason)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	error_set(err, -EINVAL, "key %s", pairs->keys->key[key].name);
	error_reason(err, "%s", reason);
	return -EINVAL;
}

int config_value_mode(const char *text, mode_t *out, struct error *err)
{
	size_t len = strspn(text, "01234567");

	if (len && len <= 4 && !text[len] && strtoul(text, NULL, 8) - 1 < 0777) {
		*out = (mode_t)strtoul(text, NULL, 8);
		return 0;
	}
	error_reason(err, "\"%s\" is no mode of a file", text);
	error_remedy(err, "write it in octal digits, as for chmod(1), for example 0660");
	return -EINVAL;
}

int config_pairs_mode(const struct config_pairs *pairs, unsigned key, mode_t *out,
		      struct error *err)
{
	struct error why = { .code = -EINVAL };

	if (!pairs->value[key] || !config_value_mode(pairs->value[key], out, &why))
		return 0;
	config_pairs_refuse(pairs, key, err, "%s", why.reason);
	return error_remedy(err, "%s", why.remedy);
}

int config_value_unsigned(const char *text, unsigned min, unsigned max, unsigned *out,
			  struct error *err)
{
	const char *digits = text + (*text == '-');
	uint64_t v = 0;

	if (!*digits || digits[strspn(digits, "0123456789")])
		error_reason(err, "\"%s\" is not a whole number", text);
	else if (digits != text)
		error_reason(err, "%s is negative", text);
	else {
		/* Saturates just above @max, so any number of digits is taken. */
		for (; *digits; digits++) {
			v = v * 10 + (unsigned)(*digits - '0');
			if (v > max)
				v = (uint64_t)max + 1;
		}
		if (v >= min && v <= max) {
			*out = (unsigned)v;
			return 0;
		}
		error_reason(err, "%s is too %s", text, v < min ? "small" : "large");
	}
	error_remedy(err, "give a number from %u to %u", min, max);
	return -EINVAL;
}

int config_pairs_unsigned(const struct config_pairs *pairs, unsigned key, unsigned min,
			  unsigned max, unsigned *out, struct error *err)
{
	struct error why = { .code = -EINVAL };

	if (!pairs->value[key] || !config_value_unsigned(pairs->value[key], min, max, out, &why))
		return 0;
	config_pairs_refuse(pairs, key, err, "%s", why.reason);
	return error_remedy(err, "%s", why.remedy);
}

int config_pairs_word(const struct config_pairs *pairs, unsigned key, const char *const *words,
		      unsigned nr, unsigned *out, struct error *err)
{
	const char *text = pairs->value[key], *nearest;
	char list[128] = "";

	for (unsigned i = 0; text && i < nr; i++) {
		size_t used = strlen(list);

		if (!strcmp(text, words[i])) {
			*out = i;
			return 0;
		}
		snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", words[i]);
	}
	if (!text)
		return 0;
	config_pairs_refuse(pairs, key, err, "\"%s\" is unknown", text);
	nearest = error_nearest(text, words, nr);
	if (nearest)
		return error_remedy(err, "did you mean %s?", nearest);
	return error_remedy(err, "use one of %s", list);
}

static const char *parse_size(const char *text, uint64_t *out)
{
	static const char suffixes[] = "KMGT";
	const char *c = text, *suffix;
	unsigned shift = 0;
	uint64_t v = 0;

	if (*c == '-')
		return "is negative";
	for (; *c >= '0' && *c <= '9'; c++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (unsigned)(*c - '0'), &v))
			return "does not fit into 64 bits";
	}
	if (c == text)
		return "does not start with a number";
	if (*c == '.')
		return "is not a whole number";
	suffix = *c ? strchr(suffixes, *c) : NULL;
	if (*c && (!suffix || c[1]))
		return "has an unknown suffix";
	if (suffix)
		shift = 10 * (unsigned)(suffix - suffixes + 1);
	if (v > UINT64_MAX >> shift)
		return "does not fit into 64 bits";
	*out = v << shift;
	return NULL;
}

int config_pairs_size(const struct config_pairs *pairs, unsigned key, uint64_t *out,
		      struct error *err)
{
	const char *why = pairs->value[key] ? parse_size(pairs->value[key], out) : NULL;

	if (!why)
		return 0;
	config_pairs_refuse(pairs, key, err, "\"%s\" %s", pairs->value[key], why);
	return error_remedy(err, "a size is a whole number of bytes, or one followed by K, M, G "
				 "or T: 512M");
}

int config_pairs_toggle(const struct config_pairs *pairs, unsigned key, bool *out,
			struct error *err)
{
	const char *text = pairs->value[key];

	if (!text)
		return 0;
	if (!strcmp(text, "on") || !strcmp(text, "true")) {
		*out = true;
	} else if (!strcmp(text, "off") || !strcmp(text, "false")) {
		*out = false;
	} else {
		config_pairs_refuse(pairs, key, err, "\"%s\" is neither on nor off", text);
		return error_remedy(err, "write %s=on or %s=off", pairs->keys->key[key].name,
				    pairs->keys->key[key].name);
	}
	return 0;
}
