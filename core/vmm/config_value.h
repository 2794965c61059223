/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Config values: "key=value,key=[a,b]" cut into pairs, and the numbers, sizes and switches in them.
 *
 * Commas within square brackets belong to the value, as in Cloud Hypervisor's affinity=[0@[2,3]].
 * The functions here name the key as the error's object; the option's name is put in front by
 * whoever knows it. Pure, any thread.
 */
#ifndef CORE_VMM_CONFIG_VALUE_H
#define CORE_VMM_CONFIG_VALUE_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"

#define CONFIG_MAX_KEYS 32

/* One that has @needs is Cloud Hypervisor's only. */
struct config_key {
	const char *name;
	const char *needs; /* what torc would need to have it; NULL for a key of torc's */
	/* With @needs: the value that asks for what torc does, or values with a bar between; NULL: none. */
	const char *harmless;
};

#define CONFIG_KEY(key)       \
	{                     \
		.name = (key) \
	}
#define CONFIG_FOREIGN(key, lacking, same_as_none)                            \
	{                                                                     \
		.name = (key), .needs = (lacking), .harmless = (same_as_none) \
	}

/* What several options of Cloud Hypervisor's take, and torc does not. */
#define CONFIG_NEEDS_CONFIDENTIAL   "confidential guests"
#define CONFIG_NEEDS_MEMORY_HOTPLUG "memory hotplug"
#define CONFIG_NEEDS_RATES	    "rate limits"
#define CONFIG_NEEDS_SEGMENTS	    "a second PCI segment"
#define CONFIG_NEEDS_VHOST_USER	    "vhost-user"
#define CONFIG_NEEDS_VIOMMU	    "a virtual IOMMU"

#define CONFIG_KEYS_OF_PCI                                                         \
	CONFIG_FOREIGN("iommu", CONFIG_NEEDS_VIOMMU, "off"),                       \
		CONFIG_FOREIGN("pci_device_id", "a choice of the PCI slot", NULL), \
		CONFIG_FOREIGN("pci_segment", CONFIG_NEEDS_SEGMENTS, "0")
#define CONFIG_KEYS_OF_VHOST_USER                                     \
	CONFIG_FOREIGN("vhost_user", CONFIG_NEEDS_VHOST_USER, "off"), \
		CONFIG_FOREIGN("socket", CONFIG_NEEDS_VHOST_USER, NULL)
#define CONFIG_KEYS_OF_RATES                                                    \
	CONFIG_FOREIGN("bw_size", CONFIG_NEEDS_RATES, NULL),                    \
		CONFIG_FOREIGN("bw_one_time_burst", CONFIG_NEEDS_RATES, NULL),  \
		CONFIG_FOREIGN("bw_refill_time", CONFIG_NEEDS_RATES, NULL),     \
		CONFIG_FOREIGN("ops_size", CONFIG_NEEDS_RATES, NULL),           \
		CONFIG_FOREIGN("ops_one_time_burst", CONFIG_NEEDS_RATES, NULL), \
		CONFIG_FOREIGN("ops_refill_time", CONFIG_NEEDS_RATES, NULL)
#define CONFIG_KEYS_OF_MEMORY_HOTPLUG                                     \
	CONFIG_FOREIGN("hotplug_size", CONFIG_NEEDS_MEMORY_HOTPLUG, "0"), \
		CONFIG_FOREIGN("hotplugged_size", CONFIG_NEEDS_MEMORY_HOTPLUG, "0")

/** The keys that an option's value may hold. */
struct config_key_set {
	bool bare;     /* a first word without '=' is the value of key 0: --cpus 4 */
	bool defaults; /* a key without value is as one that is not given: --net tap=,mac= */
	struct config_key key[CONFIG_MAX_KEYS]; /* ends early at a NULL name */
};

struct config_pairs {
	const struct config_key_set *keys;  /* borrowed */
	char *text;			    /* what the values point into */
	const char *value[CONFIG_MAX_KEYS]; /* in the order of the keys; NULL: not given */
};

/**
 * config_value_unquote - take the double quotes away, in place; within others, two of them are one
 * @text: changed
 * @err: filled on failure
 *
 * Return: 0; -EINVAL one is not closed.
 */
int config_value_unquote(char *text, struct error *err);

/**
 * config_pairs_parse - cut a value into its pairs
 * @pairs: untouched on failure; config_pairs_destroy() it afterwards
 * @text: as typed; copied
 * @keys: what may occur in it; must outlive @pairs
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL unknown key, key given twice, key without value, key that torc does not have
 * yet, stray comma, brackets that do not match; -ENOMEM.
 */
int config_pairs_parse(struct config_pairs *pairs, const char *text,
		       const struct config_key_set *keys, struct error *err);

/**
 * config_pairs_destroy - free the copy
 * @pairs: parsed
 */
void config_pairs_destroy(struct config_pairs *pairs);

/**
 * config_pairs_refuse - record that a key's value will not do
 * @pairs: parsed
 * @key: index into the key set
 * @err: not NULL; error_remedy() may be called on it afterwards
 * @fmt: the reason, printf style
 *
 * Return: -EINVAL.
 */
int config_pairs_refuse(const struct config_pairs *pairs, unsigned key, struct error *err,
			const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/**
 * config_pairs_unsigned - a key's value as a decimal number
 * @pairs: parsed
 * @key: index into the key set
 * @min: the least value
 * @max: the greatest value
 * @out: untouched when the key was not given, and on failure
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_pairs_unsigned(const struct config_pairs *pairs, unsigned key, unsigned min,
			  unsigned max, unsigned *out, struct error *err);

/**
 * config_pairs_word - a key's value as one of a few words
 * @pairs: parsed
 * @key: index into the key set
 * @words: the @nr words
 * @nr: their number
 * @out: receives an index into @words; untouched when the key was not given, and on failure
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_pairs_word(const struct config_pairs *pairs, unsigned key, const char *const *words,
		      unsigned nr, unsigned *out, struct error *err);

struct config_affinity; /* config.h */

/**
 * config_pairs_affinity - a key's value as "[0@[1,3-5],1@[2]]"
 * @pairs: parsed
 * @key: index into the key set
 * @max: the greatest number before an @
 * @out: receives an array to be freed; untouched when the key was not given, and on failure
 * @nr: receives its length; likewise
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int config_pairs_affinity(const struct config_pairs *pairs, unsigned key, unsigned max,
			  struct config_affinity **out, unsigned *nr, struct error *err);

/**
 * config_check_affinity - whether what is to run on some CPUs is there
 * @pairs: parsed
 * @key: index into the key set
 * @list: from config_pairs_affinity()
 * @nr: its length
 * @boot: how many vCPUs there are, and as many rings
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_check_affinity(const struct config_pairs *pairs, unsigned key,
			  const struct config_affinity *list, unsigned nr, unsigned boot,
			  struct error *err);

/**
 * config_pairs_cpus - a key's value as "[0-3,5]", or "0-3"
 * @pairs: parsed
 * @key: index into the key set
 * @out: receives the set; untouched when the key was not given, and on failure
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_pairs_cpus(const struct config_pairs *pairs, unsigned key, cpu_set_t *out,
		      struct error *err);

/**
 * config_pairs_distances - a key's value as "[1@20,2@30]", or "1@20"
 * @pairs: parsed
 * @key: index into the key set
 * @distance: of CONFIG_MAX_NODES, all 0: receives 10 to 255 at the index of each node named
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_pairs_distances(const struct config_pairs *pairs, unsigned key, unsigned *distance,
			   struct error *err);

/**
 * config_pairs_size - a key's value as bytes: digits, then K, M, G or T for powers of 1,024
 * @pairs: parsed
 * @key: index into the key set
 * @out: untouched when the key was not given, and on failure
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL for anything else, what 64 bits cannot hold included.
 */
int config_pairs_size(const struct config_pairs *pairs, unsigned key, uint64_t *out,
		      struct error *err);

/**
 * config_pairs_toggle - a key's value as on or off (or true or false, as in Cloud Hypervisor)
 * @pairs: parsed
 * @key: index into the key set
 * @out: untouched when the key was not given, and on failure
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_pairs_toggle(const struct config_pairs *pairs, unsigned key, bool *out,
			struct error *err);

/**
 * config_pairs_take_foreign - one pair of a value that is cut by other rules
 * @keys: those that may occur
 * @pair: "key=value"
 * @err: not NULL; filled on failure
 *
 * Return: 1 if its key is none of @keys; 0 if it asks for what torc does anyway; -EINVAL, with the reason, if not.
 */
int config_pairs_take_foreign(const struct config_key_set *keys, const char *pair,
			      struct error *err);

/**
 * config_value_mode - the mode of a file, in octal digits as chmod(1) has it
 * @text: digits only
 * @out: untouched on failure
 * @err: not NULL; gets the reason only, so error_set() must have been called or follow
 *
 * Return: 0; -EINVAL.
 */
int config_value_mode(const char *text, mode_t *out, struct error *err);

/**
 * config_pairs_mode - a key's value as the mode of a file
 * @pairs: parsed
 * @key: index into the key set
 * @out: untouched when the key was not given, and on failure
 * @err: not NULL; filled on failure
 *
 * Return: 0; -EINVAL.
 */
int config_pairs_mode(const struct config_pairs *pairs, unsigned key, mode_t *out,
		      struct error *err);

/**
 * config_value_unsigned - a decimal number on its own
 * @text: digits only
 * @min: the least value
 * @max: the greatest value
 * @out: untouched on failure
 * @err: not NULL; gets the reason only, so error_set() must have been called or follow
 *
 * Return: 0; -EINVAL.
 */
int config_value_unsigned(const char *text, unsigned min, unsigned max, unsigned *out,
			  struct error *err);

#endif
