/* SPDX-License-Identifier: Apache-2.0 */
/** What the files of core/schema share: text.c cuts values into those of keys, value.c reads each, schema.c does all of it. */
#ifndef CORE_SCHEMA_INTERNAL_H
#define CORE_SCHEMA_INTERNAL_H

#include <jansson.h>

#include "core/schema/schema.h"

/**
 * schema_count - how many rows a schema has
 * @schema: borrowed
 *
 * Return: at most SCHEMA_MAX_KEYS.
 */
unsigned schema_count(const struct schema *schema);

/**
 * schema_cut - cut a value into those of its keys
 * @values: untouched on failure; its text is to be freed afterwards
 * @schema: what may occur in it
 * @text: as typed; copied
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int schema_cut(struct schema_values *values, const struct schema *schema, const char *text,
	       struct error *err);

/* What JSON calls the parts of AFFINITY and DISTANCES. */
#define SCHEMA_HOST_CPUS   "host_cpus"
#define SCHEMA_DESTINATION "destination"
#define SCHEMA_DISTANCE	   "distance"

/* Of TOPOLOGY, in the order in which they are typed; up to NULL. */
extern const char *const schema_topology_part[];

/** Where a member of a list is read from. */
struct schema_source {
	int (*read)(const struct schema_source *source, const struct schema *schema, void *out,
		    const void *context, struct error *err);
	const char *text;
	const void *members; /* that the list has already; schema_add() fills it in */
	unsigned nr_members;
};

/**
 * schema_add - read one more member of a list
 * @list: the LIST row
 * @source: what reads it; its members are filled in
 * @out: the struct that the row is of
 * @context: for the checks
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM; what check() returns.
 */
int schema_add(const struct schema_key *list, struct schema_source *source, void *out,
	       const void *context, struct error *err);

/**
 * schema_refuse_foreign - say what torc would need to have a key of Cloud Hypervisor's, unless its value asks for what torc does
 * @key: has @needs
 * @value: NULL: none
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int schema_refuse_foreign(const struct schema_key *key, const char *value, struct error *err);

/**
 * schema_read_value - read the value of one key
 * @values: has it; a key that was not given is left as it is
 * @key: index of the row
 * @out: the struct; its member is untouched on failure
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int schema_read_value(const struct schema_values *values, unsigned key, void *out,
		      struct error *err);

/**
 * schema_take_list - the lists among the kinds; as schema_read_value()
 * @values: has the value
 * @key: index of the row
 * @to: the member
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int schema_take_list(const struct schema_values *values, unsigned key, void *to, struct error *err);

/**
 * schema_free_names - free them
 * @names: read, or zeroed
 */
void schema_free_names(struct schema_names *names);

/**
 * schema_take_uint - a decimal number on its own
 * @text: digits only
 * @min: the least value
 * @max: the greatest value
 * @out: untouched on failure
 * @err: not NULL; gets reason and remedy only
 *
 * Return: 0; -EINVAL.
 */
int schema_take_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out,
		     struct error *err);

/**
 * schema_load - the number in a member
 * @key: whose
 * @from: the member
 *
 * Return: it.
 */
uint64_t schema_load(const struct schema_key *key, const void *from);

/**
 * schema_store - put a number into a member
 * @key: whose
 * @to: the member
 * @value: fits into it
 */
void schema_store(const struct schema_key *key, void *to, uint64_t value);

/**
 * schema_write_value - the value of a key that is neither a string nor has members
 * @key: the row
 * @from: the struct
 *
 * Return: to be given back; NULL for what is not there.
 */
json_t *schema_write_value(const struct schema_key *key, const void *from);

#endif
