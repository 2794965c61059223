/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Errors: what failed (object), why (reason and -errno), what the reader can do (remedy).
 *
 * The function that detects a failure fills a struct error that its caller owns; on the way up callers only
 * put the object in front. Whoever handles it prints it once: "PROGRAM: OBJECT: REASON" and "  remedy: REMEDY".
 * A struct error belongs to one thread at a time. Every function takes NULL for "the caller does not care".
 */
#ifndef CORE_BASE_ERROR_H
#define CORE_BASE_ERROR_H

#include <stdbool.h>
#include <stdio.h>

struct error {
	int code;	   /* -errno; 0 while nothing is recorded */
	bool usage;	   /* the command line is at fault: exit status 2 */
	bool guest;	   /* the guest is: exit status 3 */
	char object[512];  /* "device 0000:01:00.0: group 7" */
	char reason[512];  /* "in use by another process" */
	char remedy[1024]; /* may hold several lines; empty when there is none */
};

/**
 * error_set - record a failure, or put one more object in front of a recorded one
 * @err: may be NULL; untouched fields of an earlier error stay as they are
 * @code: -errno; the reason becomes strerror() of it until error_reason() says better
 * @fmt: the object, printf style, without a trailing colon
 *
 * Return: @code, so that callers can write `return error_set(...)`.
 */
int error_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * error_reason - say why in words, replacing strerror()
 * @err: may be NULL; error_set() was called on it
 * @fmt: printf style, no trailing full stop
 *
 * Return: the recorded code; when @err is NULL, the code of this thread's last error_set().
 */
int error_reason(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * error_remedy - say what the reader can do about it
 * @err: may be NULL; error_set() was called on it
 * @fmt: printf style; lines separated by '\n'
 *
 * Return: the recorded code; when @err is NULL, the code of this thread's last error_set().
 */
int error_remedy(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * error_print - write the whole error to a stream
 * @err: a recorded error
 * @out: usually stderr
 *
 * Who recorded no remedy knows none that fits better than what is usual for the code.
 */
void error_print(const struct error *err, FILE *out);

/**
 * error_nearest - the candidate that a mistyped word most likely meant
 * @word: what was typed
 * @candidates: @n strings; may hold NULLs, which are passed over
 * @n: their number
 *
 * Edit distance, at most a third of the longer word's length (at least 1).
 * Return: one of @candidates, or NULL when none is near.
 */
const char *error_nearest(const char *word, const char *const *candidates, size_t n);

#endif
