/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Log: leveled lines, as text or JSON, to stderr or to a file.
 *
 * One sink for the process, the only state that is not owned by an object. Any thread may log; a line is one
 * write(2), so lines of several threads do not mix. Text: "[   0.001234] warning: message" (seconds
 * since log_open). JSON: {"ts":SECONDS.USEC,"level":"warning","thread":"vcpu0","message":"..."}, escaped.
 * Control bytes in a message are shown as \xNN in text, since guests can influence what is logged.
 *
 * What a guest can cause again and again is logged by log_guest_*(): all of that has one budget, 64 lines and one more
 * each second; how many were left out is told when there is room.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <stdbool.h>

#include "core/base/error.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE, /* what a user wants to know of a run that goes well */
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

struct log_config {
	enum log_level level; /* the least severe level that is printed */
	bool json;
	const char *path; /* NULL: stderr; otherwise appended to, created with 0600 */
};

/**
 * log_open - start to log as configured
 * @config: copied
 * @err: filled on failure
 *
 * Before the first call warnings and errors go to stderr as text. May be called again; the old sink is closed.
 * Main thread, before others start. Return: 0; -errno of open(2).
 */
int log_open(const struct log_config *config, struct error *err);

/**
 * log_close - go back to stderr and close the file
 */
void log_close(void);

/**
 * log_enabled - whether a line of this level would be printed
 * @level: of the line
 *
 * Any thread. Return: true when it would.
 */
bool log_enabled(enum log_level level);

/**
 * log_line - log one line; use the macros below
 * @level: its level
 * @fmt: printf style, without a trailing newline; cut at 2,047 bytes
 *
 * Any thread; keeps errno.
 */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * log_guest_line - log one line, unless the guest has caused too many; use the macros below
 * @level: its level
 * @fmt: as log_line()
 *
 * Any thread; keeps errno.
 */
void log_guest_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * log_error_struct - log a recorded error as one line at error level, remedy included
 * @err: a recorded error
 */
void log_error_struct(const struct error *err);

#define log_error(...)	       log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...)       log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	       log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	       log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_guest_error(...)   log_guest_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_guest_warning(...) log_guest_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_guest_info(...)    log_guest_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                          \
	do {                                                    \
		if (log_enabled(LOG_LEVEL_DEBUG))               \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
