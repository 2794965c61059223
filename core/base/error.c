/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* Longer words are never suggested: the distance is computed in fixed rows. */
#define NEAREST_MAX_WORD 63

/* Of the last error_set(), for callers without a struct: `return error_remedy(err, ...)` must not say success. */
static _Thread_local int last_code;

int error_set(struct error *err, int code, const char *fmt, ...)
{
	/* Formatted aside, since an argument may point into @err. */
	char front[sizeof(err->object)], reason[sizeof(err->reason)];
	va_list ap;
	size_t n;

	last_code = code;
	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(front, sizeof(front), fmt, ap);
	va_end(ap);
	n = strlen(front);
	if (!err->code) {
		memcpy(err->object, front, n + 1);
		snprintf(err->reason, sizeof(err->reason), "%s",
			 strerror_r(-code, reason, sizeof(reason)));
		err->remedy[0] = '\0';
		err->code = code;
		return code;
	}
	if (n + 2 >= sizeof(err->object)) {
		memcpy(err->object, front, n + 1);
		return code;
	}
	memmove(err->object + n + 2, err->object, sizeof(err->object) - n - 2);
	err->object[sizeof(err->object) - 1] = '\0';
	memcpy(err->object, front, n);
	memcpy(err->object + n, ": ", 2);
	return code;
}

int error_reason(struct error *err, const char *fmt, ...)
{
	char text[sizeof(err->reason)];
	va_list ap;

	if (!err)
		return last_code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(err->reason, text, sizeof(text));
	return err->code;
}

int error_remedy(struct error *err, const char *fmt, ...)
{
	char text[sizeof(err->remedy)];
	va_list ap;

	if (!err)
		return last_code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(err->remedy, text, sizeof(text));
	return err->code;
}

/* For what fails by a system call whose reason says it all. */
static const char *usual_remedy(int code)
{
	switch (-code) {
	case EACCES:
	case EPERM:
		return "run it as a user that may do that, such as root";
	case ENOENT:
	case ENOTDIR:
	case ENODEV:
	case ENXIO:
	case ESRCH:
		return "name one that is there";
	case EEXIST:
		return "remove it, or name another";
	case EISDIR:
		return "name a file";
	case EROFS:
		return "name a place that can be written to, or mount -o remount,rw that one";
	case ENOSPC:
	case EDQUOT:
		return "free space there";
	case ENOMEM:
		return "free memory, or raise the limit on it: ulimit -a";
	case EMFILE:
	case ENFILE:
		return "raise the limit on open files: ulimit -n";
	case EBUSY:
	case ETXTBSY:
		return "end what uses it: lsof";
	case ECANCELED: /* as it was asked to */
	case EPIPE:	/* nobody reads it */
		return "";
	default:
		return "see what the kernel says of it: dmesg | tail";
	}
}

void error_print(const struct error *err, FILE *out)
{
	const char *line = err->remedy[0] ? err->remedy : usual_remedy(err->code);
	const char *label = "  remedy: ";

	if (err->object[0])
		fprintf(out, "%s: %s: %s\n", program_invocation_short_name, err->object,
			err->reason);
	else
		fprintf(out, "%s: %s\n", program_invocation_short_name, err->reason);
	while (*line) {
		size_t n = strcspn(line, "\n");

		fprintf(out, "%s%.*s\n", label, (int)n, line);
		label = "          ";
		line += n + (line[n] == '\n');
	}
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, substitutions, and swaps of neighbours, which are the commonest slip of the fingers. */
static unsigned edit_distance(const char *a, size_t alen, const char *b, size_t blen)
{
	unsigned rows[3][NEAREST_MAX_WORD + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= blen; j++)
		above[j] = j;
	for (unsigned i = 1; i <= alen; i++) {
		unsigned *oldest = before;

		row[0] = i;
		for (unsigned j = 1; j <= blen; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[blen];
}

const char *error_nearest(const char *word, const char *const *candidates, size_t n)
{
	const char *best = NULL;
	unsigned best_distance = 0;
	size_t len = strlen(word);

	if (len > NEAREST_MAX_WORD)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t clen = candidates[i] ? strlen(candidates[i]) : 0;
		size_t limit = (len > clen ? len : clen) / 3;
		unsigned d;

		if (!candidates[i] || clen > NEAREST_MAX_WORD)
			continue;
		d = edit_distance(word, len, candidates[i], clen);
		if (d <= (limit ? limit : 1) && (!best || d < best_distance)) {
			best = candidates[i];
			best_distance = d;
		}
	}
	return best;
}
