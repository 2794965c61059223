/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/option.h"

#define FIRST_OPTION 256 /* getopt_long's value for config_options[0], above every letter */

struct late_value {
	const struct config_option *option;
	const char *value;
};

struct parser {
	struct config config;
	const struct config_option *option; /* whose further values may follow, or NULL */
	uint32_t seen;			    /* a bit for each of config_options */
	unsigned verbose;
	struct late_value *late; /* nr_late of them, in order; room for one per word */
	unsigned nr_late;
};

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

static int set_value(struct parser *p, const struct config_option *option, const char *value,
		     struct error *err)
{
	int r = option->set ? option->set(&p->config, value, err)
			    : config_set_row(&p->config, option->name, value, err);

	return r ? error_set(err, r, "option --%s", option->name) : 0;
}

static int take_value(struct parser *p, const struct config_option *option, const char *value,
		      struct error *err)
{
	uint32_t bit = 1U << (option - config_options);

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
	if (!option->late)
		return set_value(p, option, value, err);
	p->late[p->nr_late++] = (struct late_value){ option, value };
	return 0;
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
	if (!strncmp(word, "--", 2) && !config_is_long_option(word))
		return config_refuse_long(word, err);
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
	case CONFIG_DRY_RUN:
		p->config.dry_run = true;
		return 0;
	case CONFIG_PRINT_CONFIG:
		p->config.print = true;
		return 0;
	case ':':
		return refuse_missing_value(&config_options[optopt - FIRST_OPTION], NULL, err);
	case '?':
		return config_refuse_letter(word, err);
	}
	option = &config_options[code - FIRST_OPTION];
	if (separate && optarg[0] == '-' && optarg[1])
		return refuse_missing_value(option, optarg, err);
	return take_value(p, option, optarg, err);
}

static int take_words(struct parser *p, int argc, char **argv, struct error *err)
{
	struct option all[CONFIG_NR_OPTIONS + CONFIG_NR_FLAGS + 1] = { 0 };
	unsigned n = CONFIG_NR_OPTIONS;

	for (int i = 0; i < CONFIG_NR_OPTIONS; i++)
		all[i] = (struct option){ config_options[i].name, required_argument, NULL,
					  FIRST_OPTION + i };
	for (unsigned i = 0; i < CONFIG_NR_FLAGS; i++) {
		if (config_flags[i].name)
			all[n++] = (struct option){ config_flags[i].name, no_argument, NULL,
						    config_flags[i].code };
	}
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

static bool was_given(const struct parser *p, const char *name)
{
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++) {
		if (!strcmp(config_options[i].name, name))
			return p->seen >> i & 1;
	}
	return false;
}

static int set_late_values(struct parser *p, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < p->nr_late && !r; i++)
		r = set_value(p, p->late[i].option, p->late[i].value, err);
	return r;
}

/* The file says all that there is to say of the VM. */
static int read_config(struct parser *p, struct error *err)
{
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++) {
		if (!(p->seen >> i & 1) || config_options[i].beside)
			continue;
		error_set(err, -EINVAL, "option --%s", config_options[i].name);
		error_reason(err, "given beside --config");
		return error_remedy(err,
				    "say it in %s, or leave --config out: --print-config "
				    "writes what options mean",
				    p->config.file);
	}
	return config_read_file(&p->config, p->config.file, err);
}

static int refuse_no_kernel(const struct config *config, struct error *err)
{
	if (config->file) {
		error_set(err, -EINVAL, "config %s: payload: key kernel", config->file);
		error_reason(err, "missing");
		return error_remedy(err, "name a bzImage or PVH ELF kernel");
	}
	error_set(err, -EINVAL, "option --kernel");
	error_reason(err, "missing");
	return error_remedy(err, "name a bzImage or PVH ELF kernel: --kernel "
				 "/boot/vmlinuz\ntorc --help lists the options");
}

static int finish(struct parser *p, struct error *err)
{
	int r;

	if (p->verbose)
		p->config.log.level = p->verbose == 1 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	if (p->config.action != CONFIG_RUN)
		return 0;
	r = p->config.file ? read_config(p, err) : set_late_values(p, err);
	if (r)
		return r;
	if (!p->config.kernel)
		return refuse_no_kernel(&p->config, err);
	r = config_finish_memory(&p->config, err);
	if (!r)
		r = config_finish_numa(&p->config, err);
	if (!r)
		r = config_finish_lines(&p->config, p->config.is_json || was_given(p, "serial"),
					err);
	if (!r)
		r = config_finish_slots(&p->config, err);
	if (r && p->config.file)
		error_set(err, r, "config %s", p->config.file);
	p->config.cpus.max = p->config.cpus.max ?: p->config.cpus.boot;
	for (unsigned i = 0; i < p->config.nr_disks; i++)
		p->config.disk[i].nr_queues = p->config.disk[i].nr_queues ?: p->config.cpus.boot;
	return r ? r : config_default_ids(&p->config, err);
}

int config_parse(struct config *config, int argc, char **argv, struct error *err)
{
	struct error unwanted = { 0 };
	struct parser p = {
		.config = {
			.action = CONFIG_RUN,
			.cmdline = strdup(""),
			.serial = { .mode = LINE_TTY },
			.console = { .mode = LINE_OFF },
			.log = { .level = LOG_LEVEL_NOTICE },
		},
		.late = calloc((size_t)argc + 1, sizeof(*p.late)),
	};
	int r;

	if (!err)
		err = &unwanted;
	r = p.config.cmdline && p.late ? schema_preset(&config_vm_schema, &p.config) : -ENOMEM;
	if (r)
		error_set(err, r, "command line");
	else
		r = take_words(&p, argc, argv, err);
	if (!r)
		r = finish(&p, err);
	free(p.late);
	if (r) {
		err->usage = r == -EINVAL && !p.config.is_json;
		config_destroy(&p.config);
		return r;
	}
	*config = p.config;
	return 0;
}

void config_destroy(struct config *config)
{
	free(config->file);
	free(config->unknown);
	free((void *)(uintptr_t)config->serial.path);
	free((void *)(uintptr_t)config->console.path);
	free((void *)(uintptr_t)config->log.path);
	schema_free(&config_vm_schema, config);
	*config = (struct config){ 0 };
}
