/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/config/option.h"
#include "core/schema/foreign.h"

#define MODES "off, null, tty, pty, file=PATH or socket=PATH"

/* As typed; those with a path end in "=". */
static const char *const mode_name[] = {
	[LINE_OFF] = "off", [LINE_NULL] = "null",  [LINE_TTY] = "tty",
	[LINE_PTY] = "pty", [LINE_FILE] = "file=", [LINE_SOCKET] = "socket=",
};

/* What may stand behind the first word. */
static const struct schema line_schema = {
	.key =
		(const struct schema_key[]){
			{ "mode", SCHEMA_MODE, SCHEMA_MEMBER(struct line_config, access) },
			SCHEMA_KEYS_OF_PCI,
			SCHEMA_FOREIGN("id", "a choice of the console's name", NULL),
			{ .name = NULL },
		},
};

static bool takes_path(enum line_mode mode)
{
	return mode == LINE_FILE || mode == LINE_SOCKET;
}

static int refuse_no_path(const char *value, enum line_mode mode, struct error *err)
{
	error_set(err, -EINVAL, "value %s", value);
	error_reason(err, "names no %s", mode == LINE_FILE ? "file" : "socket");
	return error_remedy(err, "write %sPATH", mode_name[mode]);
}

static int refuse_unknown(const char *value, struct error *err)
{
	const char *nearest = error_nearest(value, mode_name, ARRAY_SIZE(mode_name));

	error_set(err, -EINVAL, "value %s", value);
	error_reason(err, "unknown");
	if (nearest)
		return error_remedy(err, "did you mean %s?", nearest);
	return error_remedy(err, "use " MODES);
}

static int check_path(const char *value, enum line_mode mode, const char *path, struct error *err)
{
	size_t len = strlen(path);

	if (!len)
		return refuse_no_path(value, mode, err);
	if (mode != LINE_SOCKET || len <= LINE_MAX_SOCKET_PATH)
		return 0;
	error_set(err, -EINVAL, "value %s", value);
	error_reason(err, "a socket's path has at most %d bytes, this one has %zu",
		     LINE_MAX_SOCKET_PATH, len);
	return error_remedy(err, "name one in a folder closer to the root");
}

static int parse_line(const char *value, enum line_mode *mode, const char **path, struct error *err)
{
	for (unsigned i = 0; i < ARRAY_SIZE(mode_name); i++) {
		enum line_mode m = (enum line_mode)i;
		size_t len = strlen(mode_name[i]);

		if (takes_path(m) && strlen(value) == len - 1 &&
		    !strncmp(value, mode_name[i], len - 1))
			return refuse_no_path(value, m, err);
		if (takes_path(m) ? strncmp(value, mode_name[i], len) != 0
				  : strcmp(value, mode_name[i]) != 0)
			continue;
		*mode = m;
		*path = takes_path(m) ? value + len : NULL;
		return takes_path(m) ? check_path(value, m, *path, err) : 0;
	}
	return refuse_unknown(value, err);
}

/* Takes the keys that torc knows off the end; any other comma belongs to a path, as does what is between double quotes. */
static int cut_keys(char *value, struct line_config *line, struct error *err)
{
	const char *quote = strrchr(value, '"');
	char *comma;

	while ((comma = strrchr(value, ',')) != NULL && (!quote || comma > quote)) {
		mode_t before = line->access;
		int r = schema_read_pair(&line_schema, comma + 1, line, err);

		if (r)
			return r < 0 ? error_set(err, r, "value %s", value) : 0;
		if (before && !strncmp(comma, ",mode=", 6)) {
			error_set(err, -EINVAL, "value %s: key mode", value);
			error_reason(err, "given twice");
			return error_remedy(err, "leave one of them out");
		}
		*comma = '\0';
	}
	return 0;
}

static int set_line(struct line_config *line, const char *text, struct error *err)
{
	struct line_config found = { .mode = LINE_OFF };
	char *value = strdup(text), *copy = NULL;
	int r = value ? cut_keys(value, &found, err) : error_set(err, -ENOMEM, "value");

	if (!r)
		r = schema_unquote(value, err);
	if (!r)
		r = parse_line(value, &found.mode, &found.path, err);
	if (!r && found.access && !found.path) {
		r = error_set(err, -EINVAL, "value %s: key mode", text);
		error_reason(err, "there is no file or socket that it could be of");
		error_remedy(err, "leave it out");
	}
	if (!r && found.path)
		r = config_copy_string(&copy, found.path, err);
	if (!r) {
		found.path = copy;
		*line = found;
	}
	free(value);
	return r;
}

int config_set_serial(struct config *config, const char *value, struct error *err)
{
	return set_line(&config->serial, value, err);
}

int config_set_console(struct config *config, const char *value, struct error *err)
{
	struct line_config line = { .mode = LINE_OFF };
	int r = set_line(&line, value, err);

	if (!r && line.mode != LINE_OFF)
		r = config_check_slots(config, "console", value, err);
	if (r)
		free((void *)(uintptr_t)line.path);
	else
		config->console = line;
	return r;
}

int config_finish_lines(struct config *config, bool serial_given, struct error *err)
{
	const struct line_config *console = &config->console, *serial = &config->serial;

	/* As in Cloud Hypervisor, whoever asks for the console on the terminal gets it. */
	if (console->mode == LINE_TTY && !serial_given)
		config->serial.mode = LINE_NULL;
	if (console->mode == LINE_TTY && serial->mode == LINE_TTY) {
		error_set(err, -EINVAL,
			  config->is_json ? "key console" : "option --console: value tty");
		error_reason(err, "the serial port has standard input and output already");
		if (config->is_json)
			return error_remedy(err, "give one of them another mode: Null, for one");
		return error_remedy(err, "write --serial null, or leave --serial out");
	}
	if (takes_path(console->mode) && takes_path(serial->mode) &&
	    !strcmp(console->path, serial->path)) {
		error_set(err, -EINVAL,
			  config->is_json ? "key console: %s%s" : "option --console: value %s%s",
			  mode_name[console->mode], console->path);
		error_reason(err, "the serial port has it already");
		return error_remedy(err, "name another path, or write null for one of them");
	}
	return 0;
}
