/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/print_man.h"

#include <string.h>

#include "core/config/option.h"
#include "core/schema/mdoc.h"

/* A line each, as typed. */
static void put_examples(const char *text, FILE *out)
{
	fputs(".Pp\n", out);
	while (*text) {
		size_t n = strcspn(text, "\n");

		fputs(".Dl ", out);
		for (size_t i = 0; i < n; i++) {
			if (text[i] == '"')
				fputs("\\(dq", out);
			else if (text[i] == '-')
				fputs("\\-", out);
			else
				fputc(text[i], out);
		}
		fputc('\n', out);
		text += n + (text[n] == '\n');
	}
}

static void put_option(const struct config_option *option, FILE *out)
{
	const struct schema_key *row = option->row ? config_find_row(option->name) : NULL;
	size_t before = row ? strcspn(option->manual, "\n") : strlen(option->manual);
	const char *behind = option->manual + before;
	char example[256], head[1024];

	fprintf(out, ".It Fl \\-%s ", option->name);
	if (row)
		fputs("Ar key Ns = Ns Ar value Ns No [,...]", out);
	else
		schema_mdoc_value(option->value, out);
	fputs(option->many ? " No ...\n" : "\n", out);
	snprintf(head, sizeof(head), "%.*s", (int)before, option->manual);
	schema_mdoc_text(row ? head : option->manual, out);
	if (row)
		schema_mdoc_keys(row->of, out);
	if (*behind) {
		fputs(".Pp\n", out);
		schema_mdoc_text(behind + 1, out);
	}
	snprintf(example, sizeof(example), "--%s %s", option->name, option->example);
	put_examples(option->examples ?: example, out);
}

static void put_flag(const struct config_flag *flag, FILE *out)
{
	char example[64];

	fputs(".It Fl ", out);
	if (flag->code < 128)
		fprintf(out, "%c%s", flag->code, flag->name ? " , " : "");
	if (flag->name)
		fprintf(out, "\\-%s", flag->name);
	fputc('\n', out);
	schema_mdoc_text(flag->manual, out);
	if (flag->name)
		snprintf(example, sizeof(example), "--%s", flag->name);
	else
		snprintf(example, sizeof(example), "-%c", flag->code);
	put_examples(example, out);
}

void config_print_man(FILE *out)
{
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++)
		put_option(&config_options[i], out);
	for (unsigned i = 0; i < CONFIG_NR_FLAGS; i++)
		put_flag(&config_flags[i], out);
}
