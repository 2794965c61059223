/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/clock.h"
#include "core/base/fd.h"

/* Lines that a guest may cause at once. */
#define GUEST_BURST 64
#define GUEST_NS    1000000000 /* until there is another one */

#define MESSAGE_SIZE 2048
/* A byte becomes at most six (\u00NN); the rest of a line is far below 256. */
#define LINE_SIZE (6 * MESSAGE_SIZE + 256)

static struct {
	enum log_level level;
	bool json;
	int fd;
	bool started;
	struct timespec start;
} sink = { .level = LOG_LEVEL_WARNING, .fd = STDERR_FILENO };

static const char *const level_name[] = { "error", "warning", "notice", "info", "debug" };

static void sink_replace(int fd, enum log_level level, bool json)
{
	int old = sink.fd;

	sink.level = level;
	sink.json = json;
	sink.fd = fd;
	if (old != STDERR_FILENO)
		fd_close(&old);
}

int log_open(const struct log_config *config, struct error *err)
{
	int fd = STDERR_FILENO;

	if (config->path) {
		fd = open(config->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0)
			return error_set(err, -errno, "log file %s", config->path);
	}
	if (!sink.started)
		clock_gettime(CLOCK_MONOTONIC, &sink.start);
	sink.started = true;
	sink_replace(fd, config->level, config->json);
	return 0;
}

void log_close(void)
{
	sink_replace(STDERR_FILENO, LOG_LEVEL_WARNING, false);
}

bool log_enabled(enum log_level level)
{
	return level <= sink.level;
}

static void uptime(long *seconds, long *usec)
{
	struct timespec now;

	*seconds = *usec = 0;
	if (!sink.started)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	*seconds = now.tv_sec - sink.start.tv_sec;
	*usec = (now.tv_nsec - sink.start.tv_nsec) / 1000;
	if (now.tv_nsec < sink.start.tv_nsec) {
		(*seconds)--;
		*usec = (now.tv_nsec - sink.start.tv_nsec + 1000000000) / 1000;
	}
}

/*
 * Length of the printable character at @s: 1 for ASCII, 2 to 4 for well-formed UTF-8, 0 for everything else,
 * control characters (C1 ones too: terminals obey them) included.
 */
static unsigned printable(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;

	if (n == 1)
		return u[0] >= 0x20 && u[0] != 0x7f;
	if (n == 0 || u[0] > 0xf4)
		return 0;
	for (unsigned i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Unicode 15, table 3-7: overlong forms, surrogates, beyond U+10FFFF; and C1. */
	if ((u[0] == 0xc2 && u[1] < 0xa0) || (u[0] == 0xe0 && u[1] < 0xa0) ||
	    (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
	    (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return n;
}

/* @out has room for six times the text and a NUL. Return: bytes written, NUL excluded. */
static size_t escape(char *out, const char *text, bool json)
{
	char *p = out;

	while (*text) {
		unsigned n = printable(text);

		if (json && (*text == '"' || *text == '\\'))
			*p++ = '\\';
		if (!n) {
			p += sprintf(p, json ? "\\u%04x" : "\\x%02x",
				     (unsigned)(unsigned char)*text);
			text++;
			continue;
		}
		memcpy(p, text, n);
		p += n;
		text += n;
	}
	*p = '\0';
	return (size_t)(p - out);
}

static size_t format_text(char *line, enum log_level level, const char *message)
{
	long seconds, usec;
	size_t n;

	uptime(&seconds, &usec);
	n = (size_t)sprintf(line, "[%4ld.%06ld] %s: ", seconds, usec, level_name[level]);
	n += escape(line + n, message, false);
	line[n++] = '\n';
	return n;
}

static size_t format_json(char *line, enum log_level level, const char *message)
{
	char thread[17] = "";
	long seconds, usec;
	size_t n;

	uptime(&seconds, &usec);
	prctl(PR_GET_NAME, thread);
	n = (size_t)sprintf(line, "{\"ts\":%ld.%06ld,\"level\":\"%s\",\"thread\":\"", seconds, usec,
			    level_name[level]);
	n += escape(line + n, thread, true);
	n += (size_t)sprintf(line + n, "\",\"message\":\"");
	n += escape(line + n, message, true);
	n += (size_t)sprintf(line + n, "\"}\n");
	return n;
}

static void print_line(enum log_level level, const char *fmt, va_list ap)
{
	char message[MESSAGE_SIZE], line[LINE_SIZE];
	int saved = errno;
	size_t n;

	vsnprintf(message, sizeof(message), fmt, ap);
	n = sink.json ? format_json(line, level, message) : format_text(line, level, message);
	/* There is nowhere to report a failure to. */
	(void)fd_write_all(sink.fd, line, n);
	errno = saved;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	print_line(level, fmt, ap);
	va_end(ap);
}

static struct {
	pthread_mutex_t lock;
	unsigned left, nr_left_out;
	uint64_t refill_ns; /* when @left was last added to, CLOCK_MONOTONIC */
} guest_lines = { .lock = PTHREAD_MUTEX_INITIALIZER, .left = GUEST_BURST };

/* Return: whether another one may be logged; @left_out: how many were not since the last that was. */
static bool take_guest_line(unsigned *left_out)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), more;
	bool may;

	pthread_mutex_lock(&guest_lines.lock);
	more = (now - guest_lines.refill_ns) / GUEST_NS;
	if (more) {
		guest_lines.refill_ns = now;
		guest_lines.left = more < GUEST_BURST - guest_lines.left
					   ? guest_lines.left + (unsigned)more
					   : GUEST_BURST;
	}
	may = guest_lines.left;
	guest_lines.left -= may;
	*left_out = guest_lines.nr_left_out;
	guest_lines.nr_left_out = may ? 0 : guest_lines.nr_left_out + 1;
	pthread_mutex_unlock(&guest_lines.lock);
	return may;
}

void log_guest_line(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	unsigned left_out;
	va_list ap;

	if (!log_enabled(level) || !take_guest_line(&left_out))
		return;
	errno = saved;
	if (left_out)
		log_warning("guest: %u lines about what it does were left out", left_out);
	va_start(ap, fmt);
	print_line(level, fmt, ap);
	va_end(ap);
}

void log_error_struct(const struct error *err)
{
	char remedy[2 * sizeof(err->remedy)];
	size_t n = 0;

	for (const char *p = err->remedy; *p; p++) {
		if (*p == '\n')
			remedy[n++] = ';';
		remedy[n++] = *p == '\n' ? ' ' : *p;
	}
	remedy[n] = '\0';
	log_line(LOG_LEVEL_ERROR, "%s%s%s%s%s", err->object, err->object[0] ? ": " : "",
		 err->reason, n ? "; remedy: " : "", remedy);
}
