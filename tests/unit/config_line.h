/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Config lines: command lines for the tests of core/config/config.h, as one string each.
 */
#ifndef TESTS_UNIT_CONFIG_LINE_H
#define TESTS_UNIT_CONFIG_LINE_H

#include <stddef.h>

#include "core/base/error.h"
#include "core/config/config.h"

/** A line that is refused, and parts of the error. */
struct bad_line {
	const char *line, *object, *reason, *remedy;
};

/**
 * line_parse - config_parse() of "torc" and a line
 * @config: as for config_parse()
 * @line: cut at blanks; '' is an empty word, ~ stands for a blank within one
 * @err: as for config_parse()
 *
 * The words are gone when it returns, so that a sanitizer sees what points into them.
 * Return: config_parse()'s.
 */
int line_parse(struct config *config, const char *line, struct error *err);

/**
 * line_good - line_parse() that fails the test when the line is refused
 * @line: as for line_parse()
 *
 * Return: to be destroyed.
 */
struct config line_good(const char *line);

/**
 * line_expect_bad - fail the test unless each line is refused as a usage error that has these parts
 * @row: the lines
 * @n: their number
 * @prefix: goes in front of each
 */
void line_expect_bad(const struct bad_line *row, size_t n, const char *prefix);

#endif
