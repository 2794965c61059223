/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define EXIT_FAILED  1
#define MAX_COMMANDS 16 /* of one tool */
#define MAX_WORDS    32 /* likewise */
#define MAX_NAME     64 /* of an option, as it is printed */

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

/* @word: "--name" or "--name=value"; @nearest: whose name it only begins, or NULL */
static int refuse_word(const struct command_set *set, const char *word, const char *nearest,
		       struct error *err)
{
	const char *names[MAX_WORDS];
	char name[MAX_NAME];
	size_t nr = 0;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	for (; set->words[nr].name && nr < MAX_WORDS; nr++)
		names[nr] = set->words[nr].name;
	command_refuse(set->tool, "option ", name, "unknown", err);
	if (!nearest)
		nearest = error_nearest(name + 2, names, nr);
	if (nearest)
		error_remedy(err, "did you mean --%s?", nearest);
	return COMMAND_WRONG_OPTION;
}

static bool is_whole(const char *word, const struct option *option)
{
	size_t length = strlen(option->name);

	return !strncmp(word + 2, option->name, length) && strchr("=", word[2 + length]);
}

int command_option(const struct command_set *set, int argc, char **argv, struct error *err)
{
	const struct option *option = NULL;
	int index = -1, c;
	const char *word;

	opterr = 0;
	c = getopt_long(argc, argv, set->letters, set->words, &index);
	if (c == -1)
		return c;
	word = optarg && optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1];
	if (index >= 0)
		option = &set->words[index];
	if (c != ':' && c != '?')
		return !option || is_whole(word, option)
			       ? c
			       : refuse_word(set, word, option->name, err);
	/* A word that is unknown leaves 0 there; one whose value is wrong, what it is to give; a letter, itself. */
	if (!optopt)
		return refuse_word(set, word, NULL, err);
	for (index = 0; set->words[index].name && !strncmp(word, "--", 2); index++) {
		if (set->words[index].val == optopt)
			option = &set->words[index];
	}
	if (option && !is_whole(word, option))
		return refuse_word(set, word, option->name, err);
	if (option)
		command_refuse(set->tool, "option --", option->name,
			       c == ':' ? "has no value" : "takes no value", err);
	else
		command_refuse(set->tool, "option -", (const char[]){ (char)optopt, '\0' },
			       c == ':' ? "has no value" : "unknown", err);
	return COMMAND_WRONG_OPTION;
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
