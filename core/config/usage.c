/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/config/option.h"
#include "core/schema/help.h"

#define WIDTH 79
#define TEXT  27 /* where explanations begin */

/* Words from column @from on, behind @at columns that are written. */
static void put_text(FILE *out, const char *text, size_t at, size_t from)
{
	if (at + 1 > from) {
		fputc('\n', out);
		at = 0;
	}
	while (*text) {
		size_t word = strcspn(text, " ");

		if (at > from && at + 1 + word > WIDTH) {
			fputc('\n', out);
			at = 0;
		}
		at += (size_t)fprintf(out, "%*s%.*s", at < from ? (int)(from - at) : 1, "",
				      (int)word, text);
		text += word + strspn(text + word, " ");
	}
	fputc('\n', out);
}

/* "--disk path=FILE[,readonly=on|off]" and so on, broken where a line may be. Return: columns written; WIDTH after a break. */
static size_t put_head(FILE *out, const struct config_option *option)
{
	const struct schema_key *row = option->row ? config_find_row(option->name) : NULL;
	size_t at = (size_t)fprintf(out, "  --%s ", option->name), from = at, size;
	bool is_broken = false;
	char *syntax, *rest, *piece;
	FILE *text = open_memstream(&syntax, &size);

	if (!text)
		return at;
	if (row)
		schema_put_syntax(row->of, text);
	else
		fputs(option->value, text);
	fputs(option->many ? "..." : "", text);
	fclose(text);
	rest = syntax;
	while ((piece = strsep(&rest, "\n")) != NULL) {
		if (at > from && at + strlen(piece) > WIDTH) {
			at = (size_t)fprintf(out, "\n%*s", (int)from, "") - 1;
			is_broken = true;
		}
		at += (size_t)fprintf(out, "%s", piece);
	}
	free(syntax);
	return is_broken ? WIDTH : at;
}

void config_usage(FILE *out)
{
	fputs("Usage: torc --kernel PATH [OPTION]...\n"
	      "       torc --config FILE [OPTION]...\n"
	      "Run a Linux guest under KVM, with PCI devices of the host passed through to it.\n\n",
	      out);
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++)
		put_text(out, config_options[i].summary, put_head(out, &config_options[i]), TEXT);
	for (unsigned i = 0; i < CONFIG_NR_FLAGS; i++) {
		const struct config_flag *flag = &config_flags[i];
		size_t at = (size_t)fprintf(out, "  ");

		if (flag->code < 128)
			at += (size_t)fprintf(out, "-%c%s", flag->code, flag->name ? ", " : "");
		if (flag->name)
			at += (size_t)fprintf(out, "--%s", flag->name);
		put_text(out, flag->summary, at, TEXT);
	}
	fputs("\nOn a terminal, Ctrl-A x ends the guest. See torc(1).\n", out);
}
