/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Command: what torc's tools share, whose first operand says what to do: torc-vfio list, torc-trace live 1234.
 */
#ifndef CORE_BASE_COMMAND_H
#define CORE_BASE_COMMAND_H

#include <getopt.h>
#include <stddef.h>

#include "core/base/error.h"

#define COMMAND_EXIT_USAGE 2 /* the exit status for a wrong command line */

struct command {
	const char *name;
	int min, max;	  /* operands */
	unsigned options; /* a bit for each that it has */
	int (*run)(const void *options, char **arg, int nr, struct error *err);
};

struct command_set {
	const char *tool;
	const struct command *command;
	size_t nr;
	const char *const
		*option; /* what each bit of struct command's options is called; NULL ends them */
	const char *letters;	    /* getopt_long(3)'s, ':' first; what it gives is for the tool */
	const struct option *words; /* likewise */
};

#define COMMAND_WRONG_OPTION '?' /* what command_option() gives for one that is none */

/**
 * command_refuse - say that the command line is wrong
 * @tool: whose --help helps
 * @what: kind of word, with what comes before it: "command "
 * @word: the word; may be empty
 * @reason: what is wrong with it
 * @err: filled
 *
 * Return: -EINVAL.
 */
int command_refuse(const char *tool, const char *what, const char *word, const char *reason,
		   struct error *err);

/**
 * command_option - the next option of a command line
 * @set: the tool's
 * @argc: main()'s
 * @argv: main()'s; operands are moved behind the options
 * @err: filled when the option is unknown, cut short, lacks its value, or has one that it does not take
 *
 * Leaves its value in optarg, and after the last one the first operand's index in optind. The thread that has main().
 * Return: what @set has for it; -1 there is none left; COMMAND_WRONG_OPTION.
 */
int command_option(const struct command_set *set, int argc, char **argv, struct error *err);

/**
 * command_run - run the command that the operands name
 * @set: the tool's
 * @given: a bit for each option that was given
 * @options: for the command
 * @arg: operands, the command first
 * @nr: how many
 * @err: filled on failure
 *
 * Return: 0; -EINVAL there is no such command, or it has no such option or number of operands; what the command returns.
 */
int command_run(const struct command_set *set, unsigned given, const void *options, char **arg,
		int nr, struct error *err);

/**
 * command_end - print what remains to be said
 * @r: 0, or an error
 * @err: filled if it is one
 *
 * Return: the process's exit status: 0; 1 failed, or standard output cannot be written; 2 the command line is wrong.
 */
int command_end(int r, struct error *err);

#endif
