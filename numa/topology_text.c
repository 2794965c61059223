/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/topology_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

int topology_text_read(const char *path, char **out)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	if (!file)
		return -errno;
	/* None of these files holds a NUL: this reads to the end. */
	n = getdelim(&text, &size, '\0', file);
	if (n < 0 && !feof(file))
		r = -errno;
	else if (n < 0)
		*text = '\0'; /* an empty file; the buffer is there all the same */
	fclose(file);
	if (r)
		free(text);
	else
		*out = text;
	return r;
}

/* A number at *@p, which moves behind it. */
static bool take_number(const char **p, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)**p))
		return false;
	*out = strtoul(*p, &end, 10);
	*p = end;
	return true;
}

static bool is_end(char c)
{
	return !c || c == '\n';
}

bool topology_text_list(const char *text, cpu_set_t *out)
{
	const char *p = text;
	cpu_set_t set;

	CPU_ZERO(&set);
	while (!is_end(*p)) {
		unsigned long first, last;

		/* A comma between two ranges: neither before the first nor after the last. */
		if (p != text && *p++ != ',')
			return false;
		if (!take_number(&p, &first))
			return false;
		last = first;
		if (*p == '-') {
			p++;
			if (!take_number(&p, &last) || last < first)
				return false;
		}
		for (; first <= last && first < CPU_SETSIZE; first++)
			CPU_SET(first, &set);
	}
	*out = set;
	return true;
}

const char *topology_text_find(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = text; (p = strstr(p, key)); p += len) {
		if ((p == text || isspace((unsigned char)p[-1])) && p[len] == ':')
			return p + len + 1 + strspn(p + len + 1, " \t");
	}
	return NULL;
}

bool topology_text_size(const char *text, const char *key, uint64_t *out)
{
	const char *value = topology_text_find(text, key);
	unsigned long kib;

	if (!value || !take_number(&value, &kib) || strncmp(value, " kB", 3) != 0 ||
	    !is_end(value[3]) || kib > UINT64_MAX / KIB)
		return false;
	*out = kib * KIB;
	return true;
}
