/* SPDX-License-Identifier: Apache-2.0 */
/* torc-vfio: which devices can be given to a guest, and giving them to vfio-pci and back. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/error.h"
#include "vfio/bind.h"
#include "vfio/show.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

static const char usage[] =
	"Usage: torc-vfio list [--json]\n"
	"       torc-vfio inspect [--json] BDF\n"
	"       torc-vfio bind [--force] BDF...\n"
	"       torc-vfio unbind BDF...\n"
	"       torc-vfio vfs BDF N\n"
	"       torc-vfio recover\n"
	"Say which PCI devices can be given to a guest, bind them to vfio-pci, put them back.\n"
	"\n"
	"  list           every device: IOMMU group, NUMA node, driver, resets, and whether it\n"
	"                 can be given to a guest, or why not\n"
	"  inspect        a device's interrupts, BARs, resets, virtual functions and group\n"
	"  bind           give devices to vfio-pci, each with its whole IOMMU group\n"
	"  unbind         put them back to what they were\n"
	"  vfs            have N virtual functions of a device, which no driver takes\n"
	"  recover        put back everything that no process uses, also after a crash\n"
	"\n"
	"  --json         print JSON\n"
	"  --force        bind what the host uses, too\n"
	"  -h, --help     print this and exit\n"
	"  -V, --version  print the version and exit\n"
	"\n"
	"BDF is a device's address, such as 0000:01:00.0 or 01:00.0. See torc-vfio(1).\n";

struct options {
	bool json;
	bool force;
};

static void report(const char *bdf, const char *text)
{
	printf("%s: %s\n", bdf, text);
}

static const struct vfio_bind host_bind = { &vfio_host_paths, report };

static int run_list(const struct options *options, char **arg, int nr, struct error *err)
{
	return vfio_show_list(&vfio_host_paths, options->json, stdout, err);
}

static int run_inspect(const struct options *options, char **arg, int nr, struct error *err)
{
	return vfio_show_device(&vfio_host_paths, arg[0], options->json, stdout, err);
}

static int run_bind(const struct options *options, char **arg, int nr, struct error *err)
{
	int r = 0;

	for (int i = 0; i < nr && !r; i++) {
		struct vfio_host_device device;

		r = vfio_host_lookup(&vfio_host_paths, arg[i], &device, err);
		if (!r)
			r = vfio_bind(&host_bind, &device, options->force, NULL, err);
		if (r == -EBUSY && !options->force) {
			char remedy[sizeof(err->remedy)];

			memcpy(remedy, err->remedy, sizeof(remedy));
			error_remedy(err, "%.900s, or bind it with --force", remedy);
		}
	}
	return r;
}

static int run_unbind(const struct options *options, char **arg, int nr, struct error *err)
{
	int r = 0;

	for (int i = 0; i < nr && !r; i++) {
		struct vfio_host_device device;

		r = vfio_host_lookup(&vfio_host_paths, arg[i], &device, err);
		if (!r)
			r = vfio_unbind(&host_bind, &device, err);
	}
	return r;
}

static int run_vfs(const struct options *options, char **arg, int nr, struct error *err)
{
	struct vfio_host_device device;
	unsigned vfs;
	int r, end = 0;

	if (sscanf(arg[1], "%5u%n", &vfs, &end) != 1 || arg[1][end] ||
	    strspn(arg[1], "0123456789") != strlen(arg[1])) {
		error_set(err, -EINVAL, "number %s", arg[1]);
		error_reason(err, "not a number of virtual functions");
		err->usage = true;
		return error_remedy(err, "write a whole number");
	}
	r = vfio_host_lookup(&vfio_host_paths, arg[0], &device, err);
	return r ? r : vfio_set_vfs(&host_bind, &device, vfs, err);
}

static int run_recover(const struct options *options, char **arg, int nr, struct error *err)
{
	return vfio_recover(&host_bind, err);
}

static const struct command {
	const char *name;
	int min, max; /* operands */
	int (*run)(const struct options *options, char **arg, int nr, struct error *err);
	bool json, force; /* the options that it has */
} commands[] = {
	{ "list", 0, 0, run_list, true, false },    { "inspect", 1, 1, run_inspect, true, false },
	{ "bind", 1, 4096, run_bind, false, true }, { "unbind", 1, 4096, run_unbind, false, false },
	{ "vfs", 2, 2, run_vfs, false, false },	    { "recover", 0, 0, run_recover, false, false },
};

static int refuse(struct error *err, const char *what, const char *word, const char *reason)
{
	error_set(err, -EINVAL, "%s%s", what, word);
	error_reason(err, "%s", reason);
	error_remedy(err, "torc-vfio --help");
	err->usage = true;
	return -EINVAL;
}

static const struct command *find_command(const char *name, struct error *err)
{
	const char *names[ARRAY_SIZE(commands)], *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
		names[i] = commands[i].name;
	}
	refuse(err, "command ", name, "unknown");
	nearest = error_nearest(name, names, ARRAY_SIZE(names));
	if (nearest)
		error_remedy(err, "did you mean %s?", nearest);
	return NULL;
}

static int run(const struct options *options, char **arg, int nr, struct error *err)
{
	const struct command *command;

	if (!nr)
		return refuse(err, "command", "", "missing");
	command = find_command(arg[0], err);
	if (!command)
		return -EINVAL;
	if (options->json && !command->json)
		return refuse(err, "option --json: ", command->name, "has no such option");
	if (options->force && !command->force)
		return refuse(err, "option --force: ", command->name, "has no such option");
	if (nr - 1 < command->min)
		return refuse(err, "command ", command->name, "too few operands");
	if (nr - 1 > command->max)
		return refuse(err, "command ", command->name, "too many operands");
	return command->run(options, arg + 1, nr - 1, err);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, 'j' }, { "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ NULL, no_argument, NULL, 0 },
	};
	struct options options = { 0 };
	struct error err = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'j':
			options.json = true;
			break;
		case 'f':
			options.force = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			printf("torc-vfio %s\n", TORC_VERSION);
			return 0;
		default:
			/* getopt_long() has said what is wrong. */
			return EXIT_USAGE;
		}
	}
	if (!run(&options, argv + optind, argc - optind, &err))
		return 0;
	fflush(stdout);
	error_print(&err, stderr);
	return err.usage ? EXIT_USAGE : EXIT_FAILED;
}
