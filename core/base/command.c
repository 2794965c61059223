/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EXIT_FAILED  1
#define MAX_COMMANDS 16 /* of one tool */

int command_refuse(const char *tool, const char *what, const char *word, const char *reason,
		   struct error *err)
{
	error_set(err, -EINVAL, "%s%s", what, word);
	error_reason(err, "%s", reason);
	error_remedy(err, "%s --help", tool);
	err->usage = true;
	return -EINVAL;
}

static const struct command *find(const struct command_set *set, const char *name,
				  struct error *err)
{
	const char *names[MAX_COMMANDS], *nearest;
	size_t nr = set->nr < MAX_COMMANDS ? set->nr : MAX_COMMANDS;

	for (size_t i = 0; i < nr; i++) {
		if (!strcmp(set->command[i].name, name))
			return &set->command[i];
		names[i] = set->command[i].name;
	}
	command_refuse(set->tool, "command ", name, "unknown", err);
	nearest = error_nearest(name, names, nr);
	if (nearest)
		error_remedy(err, "did you mean %s?", nearest);
	return NULL;
}

int command_run(const struct command_set *set, unsigned given, const void *options, char **arg,
		int nr, struct error *err)
{
	const struct command *command;

	if (!nr)
		return command_refuse(set->tool, "command", "", "missing", err);
	command = find(set, arg[0], err);
	if (!command)
		return -EINVAL;
	for (unsigned i = 0; set->option[i]; i++) {
		if (!(given & ~command->options & 1U << i))
			continue;
		command_refuse(set->tool, "option ", set->option[i], "", err);
		return error_reason(err, "%s has no such option", command->name);
	}
	if (nr - 1 < command->min)
		return command_refuse(set->tool, "command ", command->name, "too few operands",
				      err);
	if (nr - 1 > command->max)
		return command_refuse(set->tool, "command ", command->name, "too many operands",
				      err);
	return command->run(options, arg + 1, nr - 1, err);
}

int command_end(int r, struct error *err)
{
	if ((fflush(stdout) || ferror(stdout)) && !r)
		r = error_set(err, errno ? -errno : -EIO, "standard output");
	if (!r)
		return 0;
	error_print(err, stderr);
	return err->usage ? COMMAND_EXIT_USAGE : EXIT_FAILED;
}
