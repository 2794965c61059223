/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "core/schema/internal.h"
#include "core/schema/json.h"

static json_t *numbers(const cpu_set_t *set)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, set))
			json_array_append_new(array, json_integer(i));
	}
	return array;
}

static json_t *bits(uint64_t mask)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < 64; i++) {
		if (mask >> i & 1)
			json_array_append_new(array, json_integer(i));
	}
	return array;
}

static json_t *fds(const struct schema_fds *all)
{
	json_t *array = all->nr ? json_array() : NULL;

	for (unsigned i = 0; i < all->nr; i++)
		json_array_append_new(array, json_integer(all->fd[i]));
	return array;
}

static json_t *word(const struct schema_key *key, uint64_t index)
{
	const struct schema_word *found = &key->words[index];

	return json_string(found->json ?: found->text);
}

static json_t *affinity(const struct schema_key *key, const struct schema_affinities *all)
{
	json_t *array;

	if (!all->nr)
		return key->words ? word(key, all->word) : NULL;
	array = json_array();
	for (unsigned i = 0; i < all->nr; i++)
		json_array_append_new(array,
				      json_pack("{s:i, s:o}", key->noun, (int)all->list[i].index,
						SCHEMA_HOST_CPUS, numbers(&all->list[i].cpus)));
	return array;
}

static json_t *distances(const unsigned *distance)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < SCHEMA_MAX_NODES; i++) {
		if (distance[i])
			json_array_append_new(array,
					      json_pack("{s:i, s:i}", SCHEMA_DESTINATION, (int)i,
							SCHEMA_DISTANCE, (int)distance[i]));
	}
	return array;
}

static json_t *names(const struct schema_names *all)
{
	json_t *array = all->nr ? json_array() : NULL;

	for (unsigned i = 0; i < all->nr; i++)
		json_array_append_new(array, json_string(all->name[i]));
	return array;
}

static json_t *topology(const unsigned part[4])
{
	json_t *object = part[0] ? json_object() : NULL;

	for (unsigned i = 0; object && schema_topology_part[i]; i++)
		json_object_set_new(object, schema_topology_part[i], json_integer(part[i]));
	return object;
}

static json_t *mac(const struct schema_mac *m)
{
	return m->is_set ? json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m->byte[0], m->byte[1],
					m->byte[2], m->byte[3], m->byte[4], m->byte[5])
			 : NULL;
}

/* Where there is a default, 0.0.0.0 is not that there is none. */
static json_t *ipv4(const struct schema_key *key, const struct in_addr *address)
{
	char text[INET_ADDRSTRLEN];

	return address->s_addr || key->preset
		       ? json_string(inet_ntop(AF_INET, address, text, sizeof(text)))
		       : NULL;
}

static bool is_missing(const struct schema_key *key, uint64_t value)
{
	const uint64_t none = key->size == 8 ? UINT64_MAX : (1ULL << 8 * key->size) - 1;

	return (key->flags & SCHEMA_OR_NONE && value == none) ||
	       (key->flags & SCHEMA_OR_ZERO && !value);
}

static bool write_object(const struct schema *schema, const void *from, json_t **out);

static bool write_list(const struct schema_key *key, const void *from, json_t **out)
{
	const char *members =
		*(const char *const *)(const void *)((const char *)from + key->offset);
	unsigned nr = *(const unsigned *)((const char *)from + key->count);
	bool written = true;

	*out = nr ? json_array() : NULL;
	for (unsigned i = 0; i < nr && written; i++) {
		json_t *one;

		written = write_object(key->of, members + i * key->size, &one);
		json_array_append_new(*out, one);
	}
	return written;
}

/* What has nothing in it is left out. */
static bool write_struct(const struct schema_key *key, const void *member, json_t **out)
{
	bool written = write_object(key->of, member, out);

	if (!json_object_size(*out)) {
		json_decref(*out);
		*out = NULL;
	}
	return written;
}

/* Bytes that are no UTF-8 cannot be written. */
static bool write_string(const char *text, json_t **out)
{
	*out = text ? json_string(text) : NULL;
	return !text || *out;
}

json_t *schema_write_value(const struct schema_key *key, const void *from)
{
	const void *member = (const char *)from + key->offset;

	switch (key->kind) {
	case SCHEMA_BOOL:
		return json_boolean(*(const bool *)member);
	case SCHEMA_UINT:
	case SCHEMA_SIZE: {
		uint64_t value = schema_load(key, member);

		return is_missing(key, value) ? NULL : json_integer((json_int_t)value);
	}
	case SCHEMA_WORD:
		return word(key, schema_load(key, member));
	case SCHEMA_MODE:
		return *(const mode_t *)member ? json_sprintf("%04o", *(const mode_t *)member)
					       : NULL;
	case SCHEMA_MAC:
		return mac(member);
	case SCHEMA_IPV4:
		return ipv4(key, member);
	case SCHEMA_CPUS:
		return CPU_COUNT((const cpu_set_t *)member) ? numbers(member) : NULL;
	case SCHEMA_BITS:
		return schema_load(key, member) ? bits(schema_load(key, member)) : NULL;
	case SCHEMA_FDS:
		return fds(member);
	case SCHEMA_AFFINITY:
		return affinity(key, member);
	case SCHEMA_DISTANCES:
		return distances(member);
	case SCHEMA_NAMES:
		return names(member);
	case SCHEMA_TOPOLOGY:
		return topology(member);
	default:
		return NULL;
	}
}

static bool write_key(const struct schema_key *key, const void *from, json_t **out)
{
	const void *member = (const char *)from + key->offset;

	switch (key->kind) {
	case SCHEMA_STRING:
		return write_string(*(char *const *)member, out);
	case SCHEMA_STRUCT:
		return write_struct(key, member, out);
	case SCHEMA_LIST:
		return write_list(key, from, out);
	default:
		*out = schema_write_value(key, from);
		return true;
	}
}

static bool write_object(const struct schema *schema, const void *from, json_t **out)
{
	bool written = true;

	*out = json_object();
	for (unsigned i = 0; i < schema_count(schema) && written; i++) {
		const struct schema_key *key = &schema->key[i];
		json_t *value = NULL;

		if (!key->needs && !(key->flags & SCHEMA_TYPED))
			written = write_key(key, from, &value);
		if (value)
			json_object_set_new(*out, key->json ?: key->name, value);
	}
	return written;
}

json_t *schema_write_json(const struct schema *schema, const void *from)
{
	json_t *object;

	if (write_object(schema, from, &object))
		return object;
	json_decref(object);
	return NULL;
}
