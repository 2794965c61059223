/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/json_put.h"
#include "vfio/tool/check_internal.h"
#include "vfio/tool/show_json.h"

#define NAME_COLUMNS 23 /* of names and of what stands below them */
#define LEAST_TEXT   30 /* columns; where there are fewer, nothing is wrapped */

static const char *const heading[VFIO_CHECK_VERDICTS] = {
	[VFIO_CHECK_IN_THE_WAY] = "In the way",
	[VFIO_CHECK_BETTER] = "Could be better",
	[VFIO_CHECK_UNKNOWN] = "Not known",
	[VFIO_CHECK_FACT] = "To know",
	[VFIO_CHECK_OK] = "Ok",
};

/* What a word of a sentence takes, and the blanks before it. */
struct word {
	int blanks, length;
};

static struct word next_word(const char *text)
{
	struct word word = { (int)strspn(text, " "), 0 };

	word.length = (int)strcspn(text + word.blanks, " ");
	return word;
}

/* A sentence from the column it starts at; further lines start there, too. */
static void print_wrapped(const char *text, unsigned width, FILE *out)
{
	int room = width >= NAME_COLUMNS + LEAST_TEXT ? (int)width - NAME_COLUMNS : -1, used = 0;
	struct word word;

	for (; *text; text += word.blanks + word.length) {
		word = next_word(text);
		if (room > 0 && used && used + word.blanks + word.length > room) {
			fprintf(out, "\n%*s", NAME_COLUMNS, "");
			used = 0;
		} else if (used) {
			fprintf(out, "%*s", word.blanks, "");
			used += word.blanks;
		}
		fprintf(out, "%.*s", word.length, text + word.blanks);
		used += word.length;
	}
	fputc('\n', out);
}

/* What is to be typed stays in one piece. */
static void print_lines(const char *label, const char *text, FILE *out)
{
	while (*text) {
		int length = (int)strcspn(text, "\n");

		fprintf(out, "    %-*s%.*s\n", NAME_COLUMNS - 4, label, length, text);
		text += length + (text[length] == '\n');
		label = "";
	}
}

/* The lines of a file are below its name. */
static void print_lasting(const struct vfio_check_finding *f, unsigned width, FILE *out)
{
	char text[sizeof(f->where) + sizeof(f->line) + 2];

	fprintf(out, "    %-*s", NAME_COLUMNS - 4, f->now[0] ? "to last" : "change");
	if (f->where[0] == '/') {
		fprintf(out, "%s:\n", f->where);
		print_lines("", f->line, out);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", f->where, f->line);
	print_wrapped(text, strcmp(f->where, CHECK_KERNEL) ? width : 0, out);
}

static void print_finding(const struct vfio_check_finding *f, unsigned width, FILE *out)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s%s", f->bdf, f->bdf[0] ? " " : "", f->name);
	fprintf(out, "  %-*s", NAME_COLUMNS - 2, name);
	if (strlen(name) >= NAME_COLUMNS - 2)
		fprintf(out, "\n%*s", NAME_COLUMNS, "");
	print_wrapped(f->reason, width, out);
	if (f->cost[0] &&
	    (f->verdict == VFIO_CHECK_IN_THE_WAY || f->verdict == VFIO_CHECK_BETTER)) {
		fprintf(out, "    %-*s", NAME_COLUMNS - 4, "matters");
		print_wrapped(f->cost, width, out);
	}
	print_lines("now", f->now, out);
	if (f->where[0])
		print_lasting(f, width, out);
}

void vfio_check_print(const struct vfio_check_report *report, unsigned width, FILE *out)
{
	for (size_t i = 0; i < report->nr; i++) {
		const struct vfio_check_finding *f = &report->finding[i];

		if (!i || f->verdict != report->finding[i - 1].verdict)
			fprintf(out, "%s%s\n", i ? "\n" : "", heading[f->verdict]);
		print_finding(f, width, out);
	}
	fprintf(out, "\n%u in the way, %u could be better, %u ok",
		report->count[VFIO_CHECK_IN_THE_WAY], report->count[VFIO_CHECK_BETTER],
		report->count[VFIO_CHECK_OK]);
	if (report->count[VFIO_CHECK_FACT])
		fprintf(out, ", %u to know", report->count[VFIO_CHECK_FACT]);
	if (report->count[VFIO_CHECK_UNKNOWN])
		fprintf(out, ", %u not known", report->count[VFIO_CHECK_UNKNOWN]);
	fputc('\n', out);
}

/* A string for each line. */
static void add_lines(json_t *object, const char *key, const char *text)
{
	json_t *array = json_put_array(object, key);

	while (*text) {
		size_t length = strcspn(text, "\n");
		char line[sizeof(((struct vfio_check_finding *)0)->line)];

		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		json_array_append_new(array, json_put_string(line));
		text += length + (text[length] == '\n');
	}
}

static json_t *finding_json(const struct vfio_check_finding *f)
{
	json_t *object = json_object(), *lasting;

	json_put_text(object, "check", f->name);
	json_put_some(object, "bdf", f->bdf);
	json_put_text(object, "verdict", vfio_check_word(f->verdict));
	json_put_text(object, "reason", f->reason);
	json_put_some(object, "matters", f->cost);
	add_lines(object, "now", f->now);
	if (!f->where[0]) {
		json_put_null(object, "lasting");
		return object;
	}
	lasting = json_put_object(object, "lasting");
	json_put_text(lasting, "where", f->where);
	add_lines(lasting, "lines", f->line);
	return object;
}

int vfio_check_print_json(const struct vfio_check_report *report, FILE *out, struct error *err)
{
	json_t *object = json_object();
	json_t *array = json_put_array(object, "checks");
	json_t *summary = json_put_object(object, "summary");
	int r;

	for (size_t i = 0; i < report->nr; i++)
		json_array_append_new(array, finding_json(&report->finding[i]));
	for (unsigned i = 0; i < VFIO_CHECK_VERDICTS; i++)
		json_put_integer(summary, vfio_check_word(i), report->count[i]);
	r = json_put_out(summary ? object : NULL, out, err);
	json_decref(object);
	return r;
}
