/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vmm/config_option.h"

#define FIRST_OPTION 256 /* getopt_long's value for config_options[0], above every letter */
#define NR_FLAGS     2

/* The long options without a value; -v has no long name, as in Cloud Hypervisor. */
static const struct option flags[NR_FLAGS] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
};

/* Cloud Hypervisor's, which torc does not have yet. */
static const char *const not_yet[] = {
	"api-socket",
	"balloon",
	"dbus-object-path",
	"dbus-service-name",
	"dbus-system-bus",
	"debug-console",
	"event-monitor",
	"firmware",
	"fs",
	"fw-cfg-config",
	"gdb",
	"generic-vhost-user",
	"host-data",
	"igvm",
	"ivshmem",
	"landlock",
	"landlock-rules",
	"memory-zone",
	"no-shutdown",
	"numa",
	"pci-segment",
	"pmem",
	"pvmemcontrol",
	"pvpanic",
	"rate-limit-group",
	"restore",
	"seccomp",
	"sgx-epc",
	"tpm",
	"user-device",
	"vdpa",
	"vsock",
	"watchdog",
};

struct parser {
	struct config config;
	const struct config_option *option; /* whose further values may follow, or NULL */
	uint32_t seen;			    /* a bit for each of config_options */
	unsigned verbose;
};

static void list_long_names(const char *names[CONFIG_NR_OPTIONS + NR_FLAGS])
{
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++)
		names[i] = config_options[i].name;
	for (unsigned i = 0; i < NR_FLAGS; i++)
		names[CONFIG_NR_OPTIONS + i] = flags[i].name;
}

/* Whether a word is an option in full, perhaps with "=VALUE"; getopt_long takes beginnings too. */
static bool is_long_option(const char *word)
{
	const char *names[CONFIG_NR_OPTIONS + NR_FLAGS];
	size_t len = strcspn(word + 2, "=");

	list_long_names(names);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == len && !memcmp(names[i], word + 2, len))
			return true;
	}
	return false;
}

/* @dashed: as printed, @name: as compared */
static int refuse_unknown(const char *dashed, const char *name, struct error *err)
{
	const char *names[CONFIG_NR_OPTIONS + NR_FLAGS], *nearest;

	error_set(err, -EINVAL, "option %s", dashed);
	for (unsigned i = 0; i < ARRAY_SIZE(not_yet); i++) {
		if (strcmp(name, not_yet[i]) != 0)
			continue;
		error_reason(err, "not supported yet");
		return error_remedy(err, "leave it out; torc --help lists what there is");
	}
	error_reason(err, "unknown");
	list_long_names(names);
	nearest = error_nearest(name, names, ARRAY_SIZE(names));
	if (nearest)
		return error_remedy(err, "did you mean --%s?", nearest);
	return error_remedy(err, "torc --help lists the options");
}

static int refuse_long(const char *word, struct error *err)
{
	char name[64];
	size_t len = strcspn(word, "=");

	snprintf(name, sizeof(name), "%.*s", len < sizeof(name) ? (int)len : 63, word);
	return refuse_unknown(name, name + 2, err);
}

/* getopt_long's '?': a letter that is no option, or --help=VALUE. */
static int refuse_letter(const char *word, struct error *err)
{
	char dashed[] = { '-', (char)optopt, '\0' };

	if (word[1] != '-')
		return refuse_unknown(dashed, word + 1, err);
	error_set(err, -EINVAL, "option %.*s", (int)strcspn(word, "="), word);
	error_reason(err, "takes no value");
	return error_remedy(err, "write it without the = and what follows");
}

static int refuse_missing_value(const struct config_option *option, const char *next,
				struct error *err)
{
	error_set(err, -EINVAL, "option --%s", option->name);
	error_reason(err, "has no value");
	if (next)
		return error_remedy(err,
				    "put a value between it and %s; one that starts with a "
				    "dash is written --%s=VALUE",
				    next, option->name);
	return error_remedy(err, "for example --%s %s", option->name, option->example);
}

static int refuse_stray(const char *word, struct error *err)
{
	error_set(err, -EINVAL, "word %s", word);
	error_reason(err, "belongs to no option");
	return error_remedy(err, "name its option in front of it: --kernel PATH");
}

static int take_value(struct parser *p, const struct config_option *option, const char *value,
		      struct error *err)
{
	uint32_t bit = 1U << (option - config_options);
	int r;

	p->option = option;
	if ((p->seen & bit) && !option->many) {
		error_set(err, -EINVAL, "option --%s", option->name);
		error_reason(err, "given twice");
		return error_remedy(err, "leave one of them out");
	}
	p->seen |= bit;
	if (!*value && !option->empty) {
		error_set(err, -EINVAL, "option --%s", option->name);
		error_reason(err, "has an empty value");
		return error_remedy(err, "for example --%s %s", option->name, option->example);
	}
	r = option->set(&p->config, value, err);
	return r ? error_set(err, r, "option --%s", option->name) : 0;
}

/* A word that is not an option: one more value of the option before it. */
static int take_word(struct parser *p, const char *word, struct error *err)
{
	if (!p->option)
		return refuse_stray(word, err);
	if (p->option->many)
		return take_value(p, p->option, word, err);
	error_set(err, -EINVAL, "option --%s", p->option->name);
	error_reason(err, "takes one value, and \"%s\" is a second one", word);
	return error_remedy(err, "quote a value that holds blanks, or name the option of the word");
}

/* @code: what getopt_long returned; @word: what it looked at */
static int take_option(struct parser *p, int code, const char *word, bool separate,
		       struct error *err)
{
	const struct config_option *option;

	if (code == 1)
		return take_word(p, optarg, err);
	if (!strncmp(word, "--", 2) && !is_long_option(word))
		return refuse_long(word, err);
	p->option = NULL;
	switch (code) {
	case 'h':
		p->config.action = CONFIG_HELP;
		return 0;
	case 'V':
		p->config.action = CONFIG_VERSION;
		return 0;
	case 'v':
		p->verbose++;
		return 0;
	case ':':
		return refuse_missing_value(&config_options[optopt - FIRST_OPTION], NULL, err);
	case '?':
		return refuse_letter(word, err);
	}
	option = &config_options[code - FIRST_OPTION];
	if (separate && optarg[0] == '-' && optarg[1])
		return refuse_missing_value(option, optarg, err);
	return take_value(p, option, optarg, err);
}

static int take_words(struct parser *p, int argc, char **argv, struct error *err)
{
	struct option all[CONFIG_NR_OPTIONS + NR_FLAGS + 1] = { 0 };

	for (int i = 0; i < CONFIG_NR_OPTIONS; i++)
		all[i] = (struct option){ config_options[i].name, required_argument, NULL,
					  FIRST_OPTION + i };
	memcpy(&all[CONFIG_NR_OPTIONS], flags, sizeof(flags));
	/* 0 makes glibc forget an earlier parse, the middle of "-vv" included. */
	optind = 0;
	while (p->config.action == CONFIG_RUN) {
		int at = optind ? optind : 1;
		/* '-': words come as code 1, in order; ':': silent, and ':' for a missing value */
		int code = getopt_long(argc, argv, "-:hvV", all, NULL);
		int r;

		if (code == -1)
			break;
		r = take_option(p, code, argv[at], optind - at == 2, err);
		if (r)
			return r;
	}
	/* Only after "--", which ends the options. */
	if (p->config.action == CONFIG_RUN && optind < argc)
		return refuse_stray(argv[optind], err);
	return 0;
}

/* "_disk0" and so on, as Cloud Hypervisor's. */
static int default_id(const struct config *config, const char *kind, unsigned *next, char **id,
		      struct error *err)
{
	char name[32];

	if (*id)
		return 0;
	do {
		snprintf(name, sizeof(name), "_%s%u", kind, (*next)++);
	} while (config_id_owner(config, name));
	return config_copy_string(id, name, err);
}

static int default_ids(struct config *config, struct error *err)
{
	unsigned device = 0, disk = 0, net = 0;
	int r = 0;

	for (unsigned i = 0; i < config->nr_devices && !r; i++)
		r = default_id(config, "vfio", &device, &config->device[i].id, err);
	for (unsigned i = 0; i < config->nr_disks && !r; i++)
		r = default_id(config, "disk", &disk, &config->disk[i].id, err);
	for (unsigned i = 0; i < config->nr_nets && !r; i++)
		r = default_id(config, "net", &net, &config->net[i].id, err);
	return r;
}

static bool was_given(const struct parser *p, const char *name)
{
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++) {
		if (!strcmp(config_options[i].name, name))
			return p->seen >> i & 1;
	}
	return false;
}

static int finish(struct parser *p, struct error *err)
{
	int r;

	if (p->verbose)
		p->config.log.level = p->verbose == 1 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	if (p->config.action != CONFIG_RUN)
		return 0;
	if (!p->config.kernel) {
		error_set(err, -EINVAL, "option --kernel");
		error_reason(err, "missing");
		return error_remedy(err, "name a bzImage or PVH ELF kernel: --kernel "
					 "/boot/vmlinuz\ntorc --help lists the options");
	}
	r = config_finish_lines(&p->config, was_given(p, "serial"), err);
	return r ? r : default_ids(&p->config, err);
}

int config_parse(struct config *config, int argc, char **argv, struct error *err)
{
	struct error unwanted = { 0 };
	struct parser p = {
		.config = {
			.action = CONFIG_RUN,
			.cmdline = strdup(""),
			.cpus = { .boot = 1 },
			.memory = { .size = 512 * MIB, .thp = true },
			.serial = { .mode = LINE_TTY },
			.console = { .mode = LINE_OFF },
			.ring_poll_us = CONFIG_RING_POLL_AUTO,
			.log = { .level = LOG_LEVEL_WARNING },
		},
	};
	int r;

	if (!err)
		err = &unwanted;
	r = p.config.cmdline ? take_words(&p, argc, argv, err)
			     : error_set(err, -ENOMEM, "option --cmdline");
	if (!r)
		r = finish(&p, err);
	if (r) {
		err->usage = r == -EINVAL;
		config_destroy(&p.config);
		return r;
	}
	*config = p.config;
	return 0;
}

void config_destroy(struct config *config)
{
	free(config->kernel);
	free(config->initramfs);
	free(config->cmdline);
	free(config->rng);
	free((void *)(uintptr_t)config->serial.path);
	free((void *)(uintptr_t)config->console.path);
	free((void *)(uintptr_t)config->log.path);
	for (unsigned i = 0; i < config->nr_devices; i++) {
		free(config->device[i].path);
		free(config->device[i].id);
	}
	for (unsigned i = 0; i < config->nr_disks; i++) {
		free(config->disk[i].path);
		free(config->disk[i].id);
		free(config->disk[i].serial);
		free(config->disk[i].affinity);
	}
	for (unsigned i = 0; i < config->nr_nets; i++) {
		free(config->net[i].tap);
		free(config->net[i].id);
	}
	*config = (struct config){ 0 };
}
