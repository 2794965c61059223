/* SPDX-License-Identifier: Apache-2.0 */
/* A value of each kind, from text to the member of a struct. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include "core/base/bits.h"
#include "core/schema/internal.h"

void schema_store(const struct schema_key *key, void *to, uint64_t value)
{
	const uint8_t byte = (uint8_t)value;
	const uint16_t word = (uint16_t)value;
	const uint32_t dword = (uint32_t)value;

	switch (key->size) {
	case 1:
		memcpy(to, &byte, sizeof(byte));
		break;
	case 2:
		memcpy(to, &word, sizeof(word));
		break;
	case 4:
		memcpy(to, &dword, sizeof(dword));
		break;
	default:
		memcpy(to, &value, sizeof(value));
	}
}

uint64_t schema_load(const struct schema_key *key, const void *from)
{
	uint32_t dword;
	uint16_t word;
	uint64_t value;

	switch (key->size) {
	case 1:
		return *(const uint8_t *)from;
	case 2:
		memcpy(&word, from, sizeof(word));
		return word;
	case 4:
		memcpy(&dword, from, sizeof(dword));
		return dword;
	default:
		memcpy(&value, from, sizeof(value));
		return value;
	}
}

/* A row that has something to say of its limits says it instead. */
static int refuse(const struct schema_values *values, unsigned i, const struct error *why,
		  struct error *err)
{
	const char *remedy = values->schema->key[i].remedy;

	schema_refuse(values->schema->key[i].name, err, "%s", why->reason);
	return error_remedy(err, "%s", remedy ? remedy : why->remedy);
}

int schema_take_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct error *err)
{
	const char *digits = text + (*text == '-');
	uint64_t v = 0;

	if (!*digits || digits[strspn(digits, "0123456789")])
		error_reason(err, "\"%s\" is not a whole number", text);
	else if (digits != text)
		error_reason(err, "%s is negative", text);
	else {
		bool fits = true;

		for (; *digits && fits; digits++)
			fits = !__builtin_mul_overflow(v, 10, &v) &&
			       !__builtin_add_overflow(v, (unsigned)(*digits - '0'), &v);
		if (fits && v >= min && v <= max) {
			*out = v;
			return 0;
		}
		error_reason(err, "%s is too %s", text, fits && v < min ? "small" : "large");
	}
	error_remedy(err, "give a number from %llu to %llu", (unsigned long long)min,
		     (unsigned long long)max);
	return -EINVAL;
}

static int take_pow2(const struct schema_values *values, unsigned i, uint64_t *out,
		     struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];
	struct error why = { .code = -EINVAL };

	if (schema_take_uint(values->value[i], 1, key->max, out, &why))
		schema_refuse(key->name, err, "%s", why.reason);
	else if (is_pow2(*out) && *out >= key->min)
		return 0;
	else
		schema_refuse(key->name, err, "%llu is no power of two, or less than %llu",
			      (unsigned long long)*out, (unsigned long long)key->min);
	return error_remedy(err, "use %llu, %llu, %llu and so on up to %llu",
			    (unsigned long long)key->min, 2 * (unsigned long long)key->min,
			    4 * (unsigned long long)key->min, (unsigned long long)key->max);
}

static int take_uint(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];
	struct error why = { .code = -EINVAL };
	uint64_t v;
	int r;

	if (key->flags & SCHEMA_POW2) {
		r = take_pow2(values, i, &v, err);
	} else {
		r = schema_take_uint(values->value[i], key->min, key->max, &v, &why);
		if (r)
			refuse(values, i, &why, err);
	}
	if (!r)
		schema_store(key, to, v);
	return r;
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

static int take_size(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const char *why = parse_size(values->value[i], to);

	if (!why)
		return 0;
	schema_refuse(values->schema->key[i].name, err, "\"%s\" %s", values->value[i], why);
	return error_remedy(err, "a size is a whole number of bytes, or one followed by K, M, G "
				 "or T: 512M");
}

static int take_bool(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const char *text = values->value[i], *name = values->schema->key[i].name;
	bool on = !strcmp(text, "on") || !strcmp(text, "true");

	if (on || !strcmp(text, "off") || !strcmp(text, "false")) {
		*(bool *)to = on;
		return 0;
	}
	schema_refuse(values->schema->key[i].name, err, "\"%s\" is neither on nor off", text);
	return error_remedy(err, "write %s=on or %s=off", name, name);
}

static int take_string(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];
	char **string = to, *copy;

	if (key->max && strlen(values->value[i]) > key->max) {
		schema_refuse(values->schema->key[i].name, err, "%s has more than %llu characters",
			      values->value[i], (unsigned long long)key->max);
		return error_remedy(err, "shorten it");
	}
	copy = strdup(values->value[i]);
	if (!copy)
		return error_set(err, -ENOMEM, "value");
	free(*string);
	*string = copy;
	return 0;
}

/* The row's words that are taken, with commas between; and for error_nearest(). */
static unsigned list_words(const struct schema_word *words, char list[128], const char *names[16])
{
	unsigned n = 0;

	*list = '\0';
	for (; words->text; words++) {
		size_t used = strlen(list);

		if (words->reason)
			continue;
		snprintf(list + used, 128 - used, "%s%s", used ? ", " : "", words->text);
		names[n++] = words->text;
	}
	return n;
}

/* An index of the row's words. */
static int find_word(const struct schema_values *values, unsigned i, unsigned *out,
		     struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];
	const char *text = values->value[i], *names[16], *nearest;
	char list[128];
	unsigned nr;

	for (unsigned w = 0; key->words[w].text; w++) {
		const struct schema_word *word = &key->words[w];

		if (!word->reason && !strcmp(text, word->text)) {
			*out = w;
			return 0;
		}
		if (word->reason && !strcasecmp(text, word->text)) {
			schema_refuse(values->schema->key[i].name, err, "%s", word->reason);
			return error_remedy(err, "%s", word->remedy);
		}
	}
	nr = list_words(key->words, list, names);
	schema_refuse(values->schema->key[i].name, err, "\"%s\" is unknown", text);
	nearest = error_nearest(text, names, nr);
	if (key->remedy)
		return error_remedy(err, "%s", key->remedy);
	if (nearest)
		return error_remedy(err, "did you mean %s?", nearest);
	return error_remedy(err, "use one of %s", list);
}

static int take_word(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	unsigned word;
	int r = find_word(values, i, &word, err);

	if (!r)
		schema_store(&values->schema->key[i], to, word);
	return r;
}

static int take_mode(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const char *text = values->value[i];
	size_t len = strspn(text, "01234567");

	if (len && len <= 4 && !text[len] && strtoul(text, NULL, 8) - 1 < 0777) {
		*(mode_t *)to = (mode_t)strtoul(text, NULL, 8);
		return 0;
	}
	schema_refuse(values->schema->key[i].name, err, "\"%s\" is no mode of a file", text);
	return error_remedy(err, "write it in octal digits, as for chmod(1), for example 0660");
}

static int take_mac(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	const char *text = values->value[i];
	struct schema_mac mac = { .is_set = true };
	uint8_t *b = mac.byte;
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &b[0], &b[1], &b[2], &b[3], &b[4],
		   &b[5], &end) != 6 ||
	    end != 17 || text[end]) {
		schema_refuse(values->schema->key[i].name, err, "%s is no MAC address", text);
		return error_remedy(err, "write six bytes in hexadecimal: 02:00:00:00:00:01");
	}
	if (!memcmp(b, (const uint8_t[6]){ 0 }, 6)) {
		schema_refuse(values->schema->key[i].name, err, "%s is nobody's address", text);
		return error_remedy(err, "leave it out for a random one");
	}
	if (b[0] & 1) {
		schema_refuse(values->schema->key[i].name, err, "%s is a group's address", text);
		return error_remedy(err, "make its first byte even");
	}
	*(struct schema_mac *)to = mac;
	return 0;
}

static int take_ipv4(const struct schema_values *values, unsigned i, void *to, struct error *err)
{
	if (inet_pton(AF_INET, values->value[i], to) == 1)
		return 0;
	schema_refuse(values->schema->key[i].name, err, "%s is no IPv4 address", values->value[i]);
	return error_remedy(err, "write four numbers with dots: 192.168.249.1");
}

/* "threads:cores:dies:packages"; how to write it, who knows the product says. */
static int take_topology(const struct schema_values *values, unsigned i, void *to,
			 struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];
	const char *rest = values->value[i];
	unsigned part[4], n = 0;

	for (; rest && n < ARRAY_SIZE(part); n++) {
		size_t len = strcspn(rest, ":");
		struct error why = { .code = -EINVAL };
		char text[32];
		uint64_t v;

		if (len >= sizeof(text))
			break;
		memcpy(text, rest, len);
		text[len] = '\0';
		if (schema_take_uint(text, key->min, key->max, &v, &why))
			return schema_refuse(values->schema->key[i].name, err, "%s", why.reason);
		part[n] = (unsigned)v;
		rest = rest[len] ? rest + len + 1 : NULL;
	}
	if (rest || n < ARRAY_SIZE(part))
		return schema_refuse(values->schema->key[i].name, err, "not four numbers");
	memcpy(to, part, sizeof(part));
	return 0;
}

/* A word, if that is what it can only be, or a list. */
static int take_affinity(const struct schema_values *values, unsigned i, void *to,
			 struct error *err)
{
	struct schema_affinities *list = to;

	if (values->schema->key[i].words && !strchr(values->value[i], '@'))
		return find_word(values, i, &list->word, err);
	return schema_take_list(values, i, to, err);
}

typedef int (*reader)(const struct schema_values *values, unsigned i, void *to, struct error *err);

static const reader readers[] = {
	[SCHEMA_BOOL] = take_bool,
	[SCHEMA_UINT] = take_uint,
	[SCHEMA_SIZE] = take_size,
	[SCHEMA_STRING] = take_string,
	[SCHEMA_WORD] = take_word,
	[SCHEMA_MODE] = take_mode,
	[SCHEMA_MAC] = take_mac,
	[SCHEMA_IPV4] = take_ipv4,
	[SCHEMA_CPUS] = schema_take_list,
	[SCHEMA_BITS] = schema_take_list,
	[SCHEMA_AFFINITY] = take_affinity,
	[SCHEMA_FDS] = schema_take_list,
	[SCHEMA_DISTANCES] = schema_take_list,
	[SCHEMA_NAMES] = schema_take_list,
	[SCHEMA_TOPOLOGY] = take_topology,
};

int schema_read_value(const struct schema_values *values, unsigned i, void *out, struct error *err)
{
	const struct schema_key *key = &values->schema->key[i];

	return values->value[i] ? readers[key->kind](values, i, (char *)out + key->offset, err) : 0;
}
