/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/print_bash.h"

#include "core/config/option.h"
#include "core/config/torc_bash.h"
#include "core/schema/help.h"

static const struct schema_key *row_of(const struct config_option *option)
{
	return option->row ? config_find_row(option->name) : NULL;
}

static void put_names(FILE *out)
{
	fputs("_torc_options=(", out);
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++)
		fprintf(out, "--%s ", config_options[i].name);
	for (unsigned i = 0; i < CONFIG_NR_FLAGS; i++) {
		if (config_flags[i].code < 128)
			fprintf(out, "-%c ", config_flags[i].code);
		if (config_flags[i].name)
			fprintf(out, "--%s ", config_flags[i].name);
	}
	fputs(")\n_torc_many=\"", out);
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++) {
		if (config_options[i].many)
			fprintf(out, "--%s ", config_options[i].name);
	}
	fputs("\"\n", out);
}

/* Global, as completions are sourced by a function. */
static void put_values(bool has_keys, FILE *out)
{
	fprintf(out, "declare -gA %s=(\n", has_keys ? "_torc_keys" : "_torc_values");
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++) {
		const struct schema_key *row = row_of(&config_options[i]);

		if (!!row != has_keys)
			continue;
		fprintf(out, "\t[--%s]='", config_options[i].name);
		if (row)
			schema_put_pairs(row->of, out);
		else
			fputs(config_options[i].value, out);
		fputs("'\n", out);
	}
	fputs(")\n", out);
}

void config_print_bash(FILE *out)
{
	fputs(TORC_BASH "\n", out);
	put_names(out);
	put_values(true, out);
	put_values(false, out);
}
