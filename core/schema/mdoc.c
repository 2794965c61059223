/* SPDX-License-Identifier: Apache-2.0 */
#include "core/schema/mdoc.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/schema/help.h"
#include "core/schema/internal.h"

/* Of a text that goes out word by word. */
struct writer {
	FILE *out;
	bool in_line; /* words may follow in this line */
};

/* Dashes as they are typed, and what would be taken for a macro or a delimiter as it is. */
static void put_escaped(const char *text, size_t n, FILE *out)
{
	if (!islower(*text) && !isdigit(*text) && *text != '-' && *text != '/')
		fputs("\\&", out);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '-')
			fputs("\\-", out);
		else if (text[i] == '"')
			fputs("\\(dq", out);
		else if (text[i] == '\\')
			fputs("\\e", out);
		else
			fputc(text[i], out);
	}
}

static void end_line(struct writer *w)
{
	if (w->in_line)
		fputc('\n', w->out);
	w->in_line = false;
}

/* What follows without a blank: delimiters are arguments of their own, anything else is a word. */
static void put_suffix(struct writer *w, const char *text, size_t n)
{
	size_t word = 0;

	while (word < n && !strchr(",.;:)", text[word]))
		word++;
	if (word) {
		fputs(" Ns No ", w->out);
		put_escaped(text, word, w->out);
	}
	for (size_t i = word; i < n; i++)
		fprintf(w->out, " %c", text[i]);
	fputc('\n', w->out);
}

/* "(`a b`,": @mark is the pair of marks, @at the first of them. Return: behind the word. */
static const char *put_marked(struct writer *w, const char *word, const char *at, const char *macro)
{
	const char *end = strchr(at + 1, *at);
	size_t suffix;
	bool is_phrase;

	if (!end)
		abort();
	suffix = strcspn(end + 1, " \n");
	end_line(w);
	fputc('.', w->out);
	if (at > word) {
		fputs("Pf ", w->out);
		put_escaped(word, (size_t)(at - word), w->out);
		fputc(' ', w->out);
	}
	is_phrase = memchr(at, ' ', (size_t)(end - at));
	fprintf(w->out, "%s %s", macro, is_phrase ? "\"" : "");
	put_escaped(at + 1, (size_t)(end - at - 1), w->out);
	fputs(is_phrase ? "\"" : "", w->out);
	put_suffix(w, end + 1, suffix);
	return end + 1 + suffix;
}

/* "chmod(1)," */
static bool put_page(struct writer *w, const char *word, size_t n)
{
	size_t name = strspn(word, "abcdefghijklmnopqrstuvwxyz-_");

	if (!name || name + 3 > n || word[name] != '(' || !isdigit(word[name + 1]) ||
	    word[name + 2] != ')')
		return false;
	end_line(w);
	fprintf(w->out, ".Xr %.*s %c", (int)name, word, word[name + 1]);
	put_suffix(w, word + name + 3, n - name - 3);
	return true;
}

/* A sentence begins a line, as the formatter wants it. */
static void put_word(struct writer *w, const char *word, size_t n)
{
	if (put_page(w, word, n))
		return;
	if (w->in_line)
		fputc(' ', w->out);
	else if (*word == '.' || *word == '\'')
		fputs("\\&", w->out);
	fprintf(w->out, "%.*s", (int)n, word);
	w->in_line = true;
	if (strchr(".:", word[n - 1]))
		end_line(w);
}

static void put_paragraph(const char *text, const char *end, FILE *out)
{
	struct writer w = { .out = out };

	while (text < end) {
		size_t n = strcspn(text, " \n");
		const char *mark = text + strcspn(text, "`*");

		if (mark < text + n && (*mark == '`' || isalpha(mark[1]))) {
			text = put_marked(&w, text, mark, *mark == '`' ? "Li" : "Ar");
		} else {
			put_word(&w, text, n);
			text += n;
		}
		text += *text == ' ';
	}
	end_line(&w);
}

/* "- code: text" */
static const char *put_item(const char *text, const char *end, FILE *out)
{
	const char *colon = strchr(text, ':');

	fputs(".It Cm ", out);
	fprintf(out, "%.*s", (int)strcspn(text + 2, "=:"), text + 2);
	if (strcspn(text, "=") < (size_t)(colon - text))
		fputs(" Ns = Ns Ar path", out);
	fputc('\n', out);
	put_paragraph(colon + 2, end, out);
	return end;
}

void schema_mdoc_text(const char *text, FILE *out)
{
	bool in_list = false, is_first = true;

	while (text && *text) {
		const char *end = text + strcspn(text, "\n");
		bool is_item = !strncmp(text, "- ", 2);

		if (is_item && !in_list)
			fputs(".Bl -tag -width Ds -compact\n", out);
		else if (!is_item && in_list)
			fputs(".El\n", out);
		in_list = is_item;
		if (is_item) {
			put_item(text, end, out);
		} else {
			fputs(is_first ? "" : ".Pp\n", out);
			put_paragraph(text, end, out);
		}
		is_first = false;
		text = end + (*end == '\n');
	}
	if (in_list)
		fputs(".El\n", out);
}

void schema_mdoc_value(const char *value, FILE *out)
{
	const char *space = "";

	while (*value) {
		size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyz_0123456789");

		/* "2M" is no argument. */
		n += isdigit(*value) && isupper(value[n]);
		if (n) {
			fprintf(out, "%sCm %.*s", space, (int)n, value);
		} else if (isupper(*value)) {
			n = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
			fprintf(out, "%sAr ", space);
			for (size_t i = 0; i < n; i++)
				fputc(tolower(value[i]), out);
		} else {
			n = strspn(value, "|[],=@:.-");
			n = n ? n : 1;
			fprintf(out, "%sNo ", space);
			put_escaped(value, n, out);
		}
		value += n;
		space = " Ns ";
	}
}

void schema_mdoc_keys(const struct schema *schema, FILE *out)
{
	char *value;
	size_t size;

	fputs(".Bl -tag -width Ds\n", out);
	for (unsigned i = 0; i < schema_count(schema); i++) {
		const struct schema_key *key = &schema->key[i];
		FILE *text;

		if (!schema_is_typed(key))
			continue;
		text = open_memstream(&value, &size);
		if (!text)
			break;
		schema_put_value(key, text);
		fclose(text);
		fprintf(out, ".It Cm %s Ns = Ns ", key->name);
		schema_mdoc_value(value, out);
		fputc('\n', out);
		schema_mdoc_text(key->help, out);
		free(value);
	}
	fputs(".El\n", out);
}
