/* SPDX-License-Identifier: Apache-2.0 */
/* torc-vfio: which devices can be given to a guest, and giving them to vfio-pci and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/command.h"
#include "vfio/bind/bind.h"
#include "vfio/tool/check.h"
#include "vfio/tool/show.h"

#define TOOL	   "torc-vfio"
#define EXIT_UNFIT 1 /* something is in the way */

static const char usage[] =
	"Usage: torc-vfio list [--json] [--sys DIR] [--proc DIR] [--dev DIR]\n"
	"       torc-vfio inspect [--json] [--sys DIR] [--proc DIR] [--dev DIR] BDF\n"
	"       torc-vfio bind [--force] BDF...\n"
	"       torc-vfio unbind BDF...\n"
	"       torc-vfio vfs BDF N\n"
	"       torc-vfio recover\n"
	"       torc-vfio check [--json] [--sys DIR] [--proc DIR] [--dev DIR] [BDF...]\n"
	"Say which PCI devices can be given to a guest, bind them to vfio-pci, put them back,\n"
	"and say whether the host is fit for that.\n"
	"\n"
	"  list           every device: IOMMU group, NUMA node, driver, resets, and whether it\n"
	"                 can be given to a guest, or why not\n"
	"  inspect        a device's interrupts, BARs, resets, virtual functions and group\n"
	"  bind           give devices to vfio-pci, each with its whole IOMMU group\n"
	"  unbind         put them back to what they were\n"
	"  vfs            have N virtual functions of a device, which no driver takes\n"
	"  recover        put back everything that no process uses, also after a crash\n"
	"  check          what of the host and its devices is in the way of a guest or costs it\n"
	"                 speed, and what changes that; exit status 1 if something is in the way\n"
	"\n"
	"  --json         print JSON\n"
	"  --force        bind what the host uses, too\n"
	"  --sys DIR      the host to list, inspect or check is the one whose /sys this is\n"
	"  --proc DIR     likewise its /proc\n"
	"  --dev DIR      likewise its /dev\n"
	"  -h, --help     print this and exit\n"
	"  -V, --version  print the version and exit\n"
	"\n"
	"BDF is a device's address, such as 0000:01:00.0 or 01:00.0. See torc-vfio(1).\n";

/* Options, by bit. */
enum {
	JSON = 1,
	FORCE = 2,
	SYS = 4,
	PROC = 8,
	DEV = 16,
	PATHS = SYS | PROC | DEV,
};

static const char *const option_names[] = { "--json", "--force", "--sys", "--proc", "--dev", NULL };

struct options {
	unsigned given;
	struct vfio_host_paths paths; /* of the host to look at */
	bool *is_unfit;		      /* receives whether something is in the way */
};

static unsigned given(const void *options)
{
	return ((const struct options *)options)->given;
}

static void report(const char *bdf, const char *text)
{
	printf("%s: %s\n", bdf, text);
}

static const struct vfio_bind host_bind = { &vfio_host_paths, report };

static int check_folder(const char *option, const char *path, struct error *err)
{
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return 0;
	error_set(err, -ENOENT, "option %s %s", option, path);
	error_reason(err, "no such folder");
	return error_remedy(err, "name what the host to look at has there, or a copy of it");
}

/* What is not there would be looked at as a host that has nothing. */
static int check_paths(const struct options *o, struct error *err)
{
	int r = o->given & SYS ? check_folder("--sys", o->paths.sysfs, err) : 0;

	if (!r && o->given & PROC)
		r = check_folder("--proc", o->paths.proc, err);
	return !r && o->given & DEV ? check_folder("--dev", o->paths.dev, err) : r;
}

static int run_list(const void *options, char **arg, int nr, struct error *err)
{
	const struct options *o = options;
	int r = check_paths(o, err);

	return r ? r : vfio_show_list(&o->paths, o->given & JSON, stdout, err);
}

static int run_inspect(const void *options, char **arg, int nr, struct error *err)
{
	const struct options *o = options;
	int r = check_paths(o, err);

	return r ? r : vfio_show_device(&o->paths, arg[0], o->given & JSON, stdout, err);
}

static int run_bind(const void *options, char **arg, int nr, struct error *err)
{
	bool force = given(options) & FORCE;
	int r = 0;

	for (int i = 0; i < nr && !r; i++) {
		struct vfio_host_device device;

		r = vfio_host_lookup(&vfio_host_paths, arg[i], &device, err);
		if (!r)
			r = vfio_bind(&host_bind, &device, force, NULL, err);
		if (r == -EBUSY && !force) {
			char remedy[sizeof(err->remedy)];

			memcpy(remedy, err->remedy, sizeof(remedy));
			error_remedy(err, "%.900s, or bind it with --force", remedy);
		}
	}
	return r;
}

static int run_unbind(const void *options, char **arg, int nr, struct error *err)
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

static int run_vfs(const void *options, char **arg, int nr, struct error *err)
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

static int run_recover(const void *options, char **arg, int nr, struct error *err)
{
	return vfio_recover(&host_bind, err);
}

/* Columns of the terminal that is written to; 0 when it is none. */
static unsigned columns(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

static int run_check(const void *options, char **arg, int nr, struct error *err)
{
	const struct options *o = options;
	struct vfio_check_report report;
	int r = check_paths(o, err);

	if (!r)
		r = vfio_check(&o->paths, arg, (unsigned)nr, &report, err);
	if (r)
		return r;
	*o->is_unfit = report.count[VFIO_CHECK_IN_THE_WAY];
	if (o->given & JSON)
		r = vfio_check_print_json(&report, stdout, err);
	else
		vfio_check_print(&report, columns(), stdout);
	vfio_check_destroy(&report);
	return r;
}

static const struct command commands[] = {
	{ "list", 0, 0, JSON | PATHS, run_list },
	{ "inspect", 1, 1, JSON | PATHS, run_inspect },
	{ "bind", 1, 4096, FORCE, run_bind },
	{ "unbind", 1, 4096, 0, run_unbind },
	{ "vfs", 2, 2, 0, run_vfs },
	{ "recover", 0, 0, 0, run_recover },
	{ "check", 0, 4096, JSON | PATHS, run_check },
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, JSON },	 { "force", no_argument, NULL, FORCE },
	{ "sys", required_argument, NULL, SYS }, { "proc", required_argument, NULL, PROC },
	{ "dev", required_argument, NULL, DEV }, { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },	 { NULL, no_argument, NULL, 0 },
};

static const struct command_set set = {
	TOOL, commands, ARRAY_SIZE(commands), option_names, ":hV", long_options,
};

/* Takes an option and its value. */
static void take(struct options *o, int option, const char *value)
{
	switch (option) {
	case SYS:
		o->paths.sysfs = value;
		break;
	case PROC:
		o->paths.proc = value;
		break;
	case DEV:
		o->paths.dev = value;
		break;
	}
	o->given |= (unsigned)option;
}

/* Another host's /dev is not this one's. */
static void leave_own_dev(struct options *o)
{
	if (o->given & (SYS | PROC) && !(o->given & DEV))
		o->paths.dev = "";
}

int main(int argc, char **argv)
{
	bool is_unfit = false;
	struct options options = { .paths = vfio_host_paths, .is_unfit = &is_unfit };
	struct error err = { 0 };
	int c, status;

	while ((c = command_option(&set, argc, argv, &err)) != -1) {
		switch (c) {
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			printf(TOOL " %s\n", TORC_VERSION);
			return 0;
		case COMMAND_WRONG_OPTION:
			return command_end(-EINVAL, &err);
		default:
			take(&options, c, optarg);
		}
	}
	leave_own_dev(&options);
	status = command_end(command_run(&set, options.given, &options, argv + optind,
					 argc - optind, &err),
			     &err);
	return status || !is_unfit ? status : EXIT_UNFIT;
}
