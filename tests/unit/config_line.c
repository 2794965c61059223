/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/config_line.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_WORDS 600

int line_parse(struct config *config, const char *line, struct error *err)
{
	char *argv[MAX_WORDS + 1] = { strdup("torc") }, *copy = strdup(line), *save = NULL;
	int argc = 1, r;

	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < MAX_WORDS);
		argv[argc] = strdup(strcmp(word, "''") ? word : "");
		for (char *c = argv[argc]; *c; c++)
			*c = *c == '~' ? ' ' : *c;
		argc++;
	}
	r = config_parse(config, argc, argv, err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	free(copy);
	return r;
}

struct config line_good(const char *line)
{
	struct error err = { 0 };
	struct config config;

	if (line_parse(&config, line, &err))
		fail_msg("%s: refused: %s: %s", line, err.object, err.reason);
	return config;
}

void line_expect_bad(const struct bad_line *row, size_t n, const char *prefix)
{
	for (size_t i = 0; i < n; i++) {
		struct config config, before;
		struct error err = { 0 };
		char line[1024];

		memset(&config, 0x5a, sizeof(config));
		before = config;
		snprintf(line, sizeof(line), "%s%s", prefix, row[i].line);
		if (line_parse(&config, line, &err) != -EINVAL)
			fail_msg("%s: taken", line);
		if (!strstr(err.object, row[i].object) || !strstr(err.reason, row[i].reason) ||
		    !strstr(err.remedy, row[i].remedy) || !*err.remedy)
			fail_msg("%s: \"%s\", \"%s\", \"%s\"", line, err.object, err.reason,
				 err.remedy);
		assert_int_equal(err.code, -EINVAL);
		assert_true(err.usage);
		assert_memory_equal(&config, &before, sizeof(config));
	}
}
