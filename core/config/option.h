/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Config options: which there are, and how the value of each goes into a struct config.
 *
 * Private to config*.c; main thread.
 */
#ifndef CORE_CONFIG_OPTION_H
#define CORE_CONFIG_OPTION_H

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>

#include "core/base/error.h"
#include "core/config/config.h"

struct config_option {
	const char *name;    /* without the dashes */
	const char *example; /* a value that would do */
	const char *value;   /* how one is shown where it has no row: "PATH" */
	const char *summary; /* for --help */
	/* For torc(1), as a key's help: what stands before its keys, and, from a second paragraph on, behind them. */
	const char *manual;
	const char *examples; /* for torc(1), a line each; NULL: with @example */
	bool many;	      /* may occur several times, with several values each */
	bool empty;	      /* "" is a value */
	bool late;	      /* set when the others are, as it depends on them */
	bool beside;	      /* may be given beside --config, which has all the others */
	const char *
		row; /* of config_vm_schema, or of its memory's, that reads a value; NULL: @set does */
	/* One value into @config, which keeps what is allocated. 0; -EINVAL; -ENOMEM. NULL: by the row alone. */
	int (*set)(struct config *config, const char *value, struct error *err);
};

#define CONFIG_NR_OPTIONS 19

extern const struct config_option config_options[CONFIG_NR_OPTIONS];

/** An option without a value. */
struct config_flag {
	const char
		*name; /* without the dashes; NULL: it has a letter only, as in Cloud Hypervisor */
	int code;      /* its letter, or what getopt_long() is to return for it */
	const char *summary;
	const char *manual; /* for torc(1) */
};

#define CONFIG_NR_FLAGS 5
/* getopt_long's values for those that have no letter. */
#define CONFIG_DRY_RUN	    255
#define CONFIG_PRINT_CONFIG 254

extern const struct config_flag config_flags[CONFIG_NR_FLAGS];

/**
 * config_find_row - what JSON has for an option
 * @option: its name
 *
 * Return: the row of config_vm_schema, or of its memory's; NULL.
 */
const struct schema_key *config_find_row(const char *option);

/**
 * config_is_long_option - whether a word is an option in full; getopt_long takes beginnings too
 * @word: with its dashes, perhaps with "=VALUE"
 *
 * Return: whether it is.
 */
bool config_is_long_option(const char *word);

/**
 * config_refuse_long - say that there is no such option, or not yet
 * @word: with its dashes, perhaps with "=VALUE"
 * @err: not NULL; filled
 *
 * Return: -EINVAL.
 */
int config_refuse_long(const char *word, struct error *err);

/**
 * config_refuse_letter - say what is wrong where getopt_long returned '?'
 * @word: has a letter that is no option, which is in optopt; or is --help=VALUE
 * @err: not NULL; filled
 *
 * Return: -EINVAL.
 */
int config_refuse_letter(const char *word, struct error *err);

/**
 * config_copy_string - keep a value
 * @to: the copy's place; what it held is freed
 * @value: as typed
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int config_copy_string(char **to, const char *value, struct error *err);

/**
 * config_id_owner - who has an id
 * @config: as read so far
 * @id: may be NULL, which nobody has
 *
 * Return: the path of the device or disk that was given it; NULL.
 */
const char *config_id_owner(const struct config *config, const char *id);

/**
 * config_admit - admit() of the lists of devices, each of whose members begins with its id
 * @list: the row; its noun is what one is called
 * @one: the member to be
 * @context: the configuration as read so far
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_admit(const struct schema_key *list, const void *one, const void *context,
		 struct error *err);

/**
 * config_default_ids - give devices that have none an id
 * @config: all of it was read
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int config_default_ids(struct config *config, struct error *err);

/**
 * config_count_slots - how many devices there are of all kinds
 * @config: as read so far
 *
 * Return: console and entropy device included.
 */
unsigned config_count_slots(const struct config *config);

/**
 * config_check_slots - whether one more device fits onto the guest's bus
 * @config: as read so far
 * @kind: "device" and the like, for the error
 * @path: of the one more
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_check_slots(const struct config *config, const char *kind, const char *path,
		       struct error *err);

/**
 * config_finish_slots - whether all devices fit onto the guest's bus
 * @config: all of it was read
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_finish_slots(const struct config *config, struct error *err);

/**
 * config_set_cpus - the value of --cpus
 * @config: gets the vCPUs and on which CPUs they may run
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_set_cpus(struct config *config, const char *value, struct error *err);

/**
 * config_set_numa - a value of --numa
 * @config: has all zones and vCPUs; gets one node more, in the order of their ids
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_set_numa(struct config *config, const char *value, struct error *err);

/**
 * config_set_serial - the value of --serial
 * @config: gets what the serial port is connected to
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_set_serial(struct config *config, const char *value, struct error *err);

/**
 * config_set_console - the value of --console
 * @config: gets what the virtio console is connected to
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_set_console(struct config *config, const char *value, struct error *err);

/**
 * config_finish_memory - add the zones up
 * @config: every option is read; gets the size of the memory
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL when that is too little or too much.
 */
int config_finish_memory(struct config *config, struct error *err);

/**
 * config_finish_numa - whether the nodes fit together
 * @config: every option is read; gets the distances that were not given
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL for a hole in the numbers, and what is in no node.
 */
int config_finish_numa(struct config *config, struct error *err);

/**
 * config_finish_lines - who gets standard input and output
 * @config: every option is read; the serial port yields to the console where it has only the default
 * @serial_given: whether --serial was
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL when both are to have the same.
 */
int config_finish_lines(struct config *config, bool serial_given, struct error *err);

/**
 * config_set_row - a value of an option that has a row
 * @config: gets one more of a list, or what is said of a struct
 * @option: its name
 * @value: as typed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM; what the schema's check() returns.
 */
int config_set_row(struct config *config, const char *option, const char *value, struct error *err);

/* The schemas of options, and of a whole VM. */
extern const struct schema config_vm_schema, config_cpus_schema, config_memory_schema,
	config_zone_schema, config_numa_schema, config_rng_schema, config_platform_schema,
	config_metrics_schema;

/**
 * config_read_file - a whole VM from a file of JSON
 * @config: preset
 * @path: borrowed
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_read_file(struct config *config, const char *path, struct error *err);

/**
 * config_read_vm - a whole VM from JSON
 * @config: preset; gets all that the object says, and the keys that torc does not know
 * @object: Cloud Hypervisor's VmConfig
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_read_vm(struct config *config, const json_t *object, struct error *err);

/**
 * config_write_vm - a whole VM to JSON
 * @config: read
 *
 * Return: to be given back; NULL when a text is not UTF-8, or out of memory.
 */
json_t *config_write_vm(const struct config *config);

#endif
