/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Schema: what can be configured, said once, a row for each key.
 *
 * A schema is a constant table whose rows say what a key is called, what values it takes and which member of a struct
 * they go to. From the rows come the readers of "key=value,key=[a,b]". What one row cannot say, how keys go together, is the
 * schema's check(). Errors name the key as their object; whoever knows what it is a key of puts that in front.
 *
 * Commas within square brackets belong to the value, as in Cloud Hypervisor's affinity=[0@[2,3]], and so does everything
 * within double quotes. Pure, any thread.
 */
#ifndef CORE_SCHEMA_SCHEMA_H
#define CORE_SCHEMA_SCHEMA_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

#define SCHEMA_MAX_KEYS	 48
#define SCHEMA_MAX_FDS	 32
#define SCHEMA_MAX_NODES 16

/** What a value is, and the type of the member that it goes to; how it is typed, and what it is in JSON. */
enum schema_kind {
	SCHEMA_BOOL,   /* bool: on, off, true, false; a boolean */
	SCHEMA_UINT,   /* an unsigned integer of any size, from min to max */
	SCHEMA_SIZE,   /* uint64_t: bytes, with K, M, G or T; a number */
	SCHEMA_STRING, /* char *: at most max characters, if there is a max */
	SCHEMA_WORD,   /* an unsigned integer of any size: an index of words */
	SCHEMA_MODE,   /* mode_t: of a file, in octal digits; a string of these */
	SCHEMA_MAC,    /* struct schema_mac */
	SCHEMA_IPV4,   /* struct in_addr */
	SCHEMA_CPUS,   /* cpu_set_t: "[0-3,5]" or "0-3"; an array of numbers */
	SCHEMA_BITS,   /* an unsigned integer: a bit for each of "[0,2]", at most max; likewise */
	SCHEMA_AFFINITY, /* struct schema_affinities: "[0@[1,3-5],1@[2]]", numbers up to max, or one of words */
	SCHEMA_FDS,	  /* struct schema_fds: "3" or "[3,4]"; an array of numbers */
	SCHEMA_DISTANCES, /* unsigned[SCHEMA_MAX_NODES]: "[1@20,2@30]", distances from min to max */
	SCHEMA_NAMES,	  /* struct schema_names: "[a,b]" or "a"; an array of strings */
	SCHEMA_TOPOLOGY,  /* unsigned[4]: "1:4:1:1", each from min to max; an object */
	/* In JSON only; on a command line these are options of their own. */
	SCHEMA_STRUCT, /* a struct with a schema of its own: an object */
	SCHEMA_LIST, /* a pointer to at most max such structs, and an unsigned that counts them; SCHEMA_MEMBERS() */
};

enum {
	SCHEMA_REQUIRED = 1,
	/* A UINT, and no less than min, which is told so rather than that it is too small. */
	SCHEMA_POW2 = 2,
	/* A UINT or SIZE that may be missing, which is -1, or 0. */
	SCHEMA_OR_NONE = 4,
	SCHEMA_OR_ZERO = 8,
	/* In JSON only, as STRUCT and LIST are; on a command line only. */
	SCHEMA_JSON = 16,
	SCHEMA_TYPED = 32,
	/* A STRING that may be "". */
	SCHEMA_EMPTY = 64,
};

struct schema_mac {
	uint8_t byte[6];
	bool is_set;
};

/** "0@[1,3-5]": something with a number, and the CPUs it may run on. */
struct schema_affinity {
	unsigned index;
	cpu_set_t cpus;
};

struct schema_affinities {
	struct schema_affinity *list; /* nr of them, no index twice */
	unsigned nr;
	unsigned word; /* an index of the row's words, where those are */
};

struct schema_fds {
	unsigned nr;
	int fd[SCHEMA_MAX_FDS];
};

struct schema_names {
	char **name;
	unsigned nr;
};

/** A word that a key takes, or one that it does not, for which there is more to say than that. */
struct schema_word {
	const char *text;
	const char *json;	     /* as JSON has it; NULL: as text */
	const char *reason, *remedy; /* why not, and what else; NULL: it is taken */
	bool is_silent;		     /* taken, and not shown: what is so anyway */
};

struct schema_key {
	const char *name;
	enum schema_kind kind;
	/* Of the member; SCHEMA_MEMBER(). */
	size_t offset, size;
	uint64_t min, max;
	/* Of a SIZE, for the description, as min and max of one are: what it is a multiple of. Its schema's check() refuses others. */
	uint64_t step;
	/* How its value is shown where that is not as of its kind: "FILE"; of a LIST of devices, how ids begin that nobody gave. */
	const char *value;
	/*
	 * What it is for, for people. `code`, *argument*, page(1); a paragraph to a line, or "- code: text" for one of a list.
	 */
	const char *help;
	/* The default as it is typed; NULL: the member is left as it is. */
	const char *preset;
	/* Up to one whose text is NULL. */
	const struct schema_word *words;
	unsigned flags;
	/* Of BITS, what a number is of: "BAR"; of AFFINITY, what JSON calls it: "vcpu". */
	const char *noun;
	/* Where what is REQUIRED is missing, or a value is out of limits; NULL: by the kind. */
	const char *remedy;
	/* What JSON calls it; NULL: as name. */
	const char *json;
	/* Of STRUCT and LIST; and of a LIST the offset of its counter. They are freed with it. */
	const struct schema *of;
	size_t count;
	/*
	 * Of a LIST: what else there is to say of one more member than its schema's check() does. May be NULL. Return: as
	 * check().
	 */
	int (*admit)(const struct schema_key *list, const void *one, const void *context,
		     struct error *err);
	/* One of Cloud Hypervisor's that torc has not: what it would need; NULL: torc's own. */
	const char *needs;
	/* With @needs: the value that asks for what torc does, or values with a bar between; NULL: none. */
	const char *harmless;
	/* Likewise, in JSON: Cloud Hypervisor's default, which its clients send. */
	const char *usual;
};

/* A number that a macro stands for, as typed. */
#define SCHEMA_TEXT(macro) SCHEMA_TEXT_(macro)
#define SCHEMA_TEXT_(text) #text

#define SCHEMA_MEMBER(type, member) \
	.offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)

/* Of a LIST: the size is a struct's, the counter another member. */
#define SCHEMA_MEMBERS(type, member, counter)                                      \
	.offset = offsetof(type, member), .size = sizeof(*((type *)NULL)->member), \
	.count = offsetof(type, counter)

#define SCHEMA_FOREIGN(key, lacking, same_as_none, ...)                                      \
	{                                                                                    \
		.name = (key), .needs = (lacking), .harmless = (same_as_none), ##__VA_ARGS__ \
	}

struct schema_values;

struct schema {
	bool bare;     /* a first word without '=' is the value of key 0: --cpus 4 */
	bool defaults; /* a key without value is as one that is not given: --net tap=,mac= */
	/*
	 * After all keys were read: what spans them. @out: the struct; @context: what the reader was given. May be NULL.
	 * Return: 0; -EINVAL; -ENOMEM; what else schema_read() is to return, with nothing said.
	 */
	int (*check)(const struct schema_values *values, void *out, const void *context,
		     struct error *err);
	const struct schema_key *key; /* at most SCHEMA_MAX_KEYS, up to one whose name is NULL */
};

/** The values of a schema's keys as they were typed. */
struct schema_values {
	const struct schema *schema; /* borrowed */
	bool is_json;		     /* where clients say more than they mean */
	const void *members;	     /* of a member of a LIST: those that it has already */
	unsigned nr_members;
	char *text;			    /* what the values point into */
	const char *value[SCHEMA_MAX_KEYS]; /* in the order of the keys; NULL: not given */
};

/**
 * schema_read - read a value made of keys
 * @schema: borrowed
 * @text: as typed
 * @out: the struct, zeroed or holding what is to stay where a key is not given; schema_free() it, also after a failure
 * @context: for the schema's check()
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL unknown key, key given twice, key without value, key that torc does not have yet, stray comma,
 * brackets that do not match, a value that will not do; -ENOMEM.
 */
int schema_read(const struct schema *schema, const char *text, void *out, const void *context,
		struct error *err);

/**
 * schema_find - a row by its name
 * @schema: borrowed
 * @name: as name
 *
 * Return: the row; NULL.
 */
const struct schema_key *schema_find(const struct schema *schema, const char *name);

/**
 * schema_add_text - read one more member of a list
 * @list: the LIST row
 * @text: as typed
 * @out: the struct that the row is of; untouched on failure
 * @context: for the checks
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM; what check() returns.
 */
int schema_add_text(const struct schema_key *list, const char *text, void *out, const void *context,
		    struct error *err);

/**
 * schema_preset - give members their defaults
 * @schema: borrowed
 * @out: the struct, zeroed
 *
 * Return: 0; -ENOMEM.
 */
int schema_preset(const struct schema *schema, void *out);

/**
 * schema_free - free what members hold
 * @schema: borrowed
 * @out: read, or zeroed
 */
void schema_free(const struct schema *schema, void *out);

/**
 * schema_given - the value of a key
 * @values: of a schema that has it
 * @key: its name
 *
 * Return: as typed; NULL when it was not given.
 */
const char *schema_given(const struct schema_values *values, const char *key);

/**
 * schema_refuse - record that a key's value will not do
 * @key: its name
 * @err: not NULL; error_remedy() may be called on it afterwards
 * @fmt: the reason, printf style
 *
 * Return: -EINVAL.
 */
int schema_refuse(const char *key, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * schema_read_pair - one pair of a value that is cut by other rules
 * @schema: has the keys that may occur
 * @pair: "key=value"
 * @out: the struct; its member is untouched on failure
 * @err: not NULL; filled on failure
 *
 * Return: 1 if the schema has no such key; 0; -EINVAL.
 */
int schema_read_pair(const struct schema *schema, const char *pair, void *out, struct error *err);

/**
 * schema_unquote - take the double quotes away, in place; within others, two of them are one
 * @text: changed
 * @err: filled on failure
 *
 * Return: 0; -EINVAL one is not closed.
 */
int schema_unquote(char *text, struct error *err);

/**
 * schema_check_affinity - whether numbers are there
 * @key: the name of an AFFINITY row
 * @list: read
 * @boot: how many vCPUs there are, and as many rings
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int schema_check_affinity(const char *key, const struct schema_affinities *list, unsigned boot,
			  struct error *err);

#endif
