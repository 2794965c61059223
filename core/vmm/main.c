/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/config/config.h"
#include "core/vmm/vmm.h"
#include "io/line/line.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2
#define EXIT_GUEST  3

/*
 * jemalloc: one arena, no thread caches and no background threads. torc allocates at set-up only, so it
 * needs a small heap rather than a scalable one. No huge pages: each would cost 2 MiB for some 100 KiB of use.
 */
const char *malloc_conf
	__attribute__((visibility("default"), used)) = "narenas:1,tcache:false,thp:never";

/* Descriptors that were open when torc began. */
static struct {
	int *fd;
	unsigned nr;
} inherited;

static int exit_status(const struct error *err)
{
	error_print(err, stderr);
	return err->usage ? EXIT_USAGE : err->guest ? EXIT_GUEST : EXIT_FAILED;
}

/* A crash of torc itself must not leave the user's terminal in raw mode. */
static void fatal_handler(int sig)
{
	line_restore_terminal();
	signal(sig, SIG_DFL);
	raise(sig);
}

static bool ends_process(int sig)
{
	switch (sig) {
	case SIGKILL:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGCONT:
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
		return false;
	default:
		return true;
	}
}

/* All that end a process; what the machine takes for its own it does later. One that is ignored stays so. */
static void catch_fatal_signals(void)
{
	const struct sigaction sa = { .sa_handler = fatal_handler };
	struct sigaction old;

	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (ends_process(sig) && !sigaction(sig, NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(sig, &sa, NULL);
	}
	/* A file that may not grow is an error of the write, and so the guest's. */
	signal(SIGXFSZ, SIG_IGN);
}

/* With a standard descriptor closed, the next open() would take its number, and serial input be read from a disk. */
static void open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			abort();
	}
}

/* An eventfd for every vector in use and three descriptors for every vCPU soon exceed the usual soft limit. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

#define VECTORS_OF_DEVICE 2048 /* at most */

/* What the machine opens, but for the vectors of its devices: of those only their drivers know how many they take. */
static unsigned count_descriptors(const struct config *config)
{
	unsigned n = 32 + 3 * config->cpus.boot + 8 * config->nr_devices;

	for (unsigned i = 0; i < config->nr_disks; i++) {
		const struct virtio_blk_options *disk = &config->disk[i];

		n += 3 + 2 * disk->nr_queues;
	}
	for (unsigned i = 0; i < config->nr_nets; i++)
		n += 4 + 5 * config->net[i].tap.nr_pairs;
	return n;
}

/* @others: descriptors that torc was started with. */
static void explain_limit(const struct config *config, unsigned others, struct error *err)
{
	unsigned need = count_descriptors(config) + others;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	error_reason(err, "the limit is %llu open files, and this machine needs %u%s",
		     (unsigned long long)limit.rlim_max, need,
		     config->nr_devices ? " and one for each vector of its devices" : "");
	need += config->nr_devices * VECTORS_OF_DEVICE;
	error_remedy(err, "raise it: ulimit -n %u, or LimitNOFILE=%u in its systemd unit", need,
		     need);
}

static bool is_named(const struct config *config, int fd)
{
	for (unsigned i = 0; i < config->nr_nets; i++) {
		for (unsigned n = 0; n < config->net[i].fds.nr; n++) {
			if (config->net[i].fds.fd[n] == fd)
				return true;
		}
	}
	return fd <= STDERR_FILENO;
}

/* What torc was started with and no option names, for whoever left it open. Paths like /dev/fd/63 have been opened by now. */
static void close_inherited(const struct config *config)
{
	for (unsigned i = 0; i < inherited.nr; i++) {
		if (!is_named(config, inherited.fd[i]))
			close(inherited.fd[i]);
	}
	free(inherited.fd);
	inherited.fd = NULL;
	inherited.nr = 0;
}

static int run_machine(const struct config *config, struct error *err)
{
	unsigned nr_inherited = inherited.nr;
	bool gave_up = false;
	int r = trace_init(err);

	if (r)
		return r;
	trace_thread_begin("main");
	catch_fatal_signals();
	raise_descriptor_limit();
	r = vmm_run(config, close_inherited, &gave_up, err);
	/* Other things are limited, too, and who says EMFILE of them has said what raises that limit. */
	if (r == -EMFILE && !*err->remedy)
		explain_limit(config, nr_inherited, err);
	if (gave_up) {
		if (!r) {
			error_set(err, -EIO, "storage");
			error_reason(err, "does not answer; requests of the guest were given up");
			error_remedy(err, "see what it waits for: the log names the disk");
		}
		/* Rings that still run have all that is not taken apart here. */
		_exit(exit_status(err));
	}
	trace_destroy();
	return r;
}

static int run(const struct config *config)
{
	struct error err = { 0 };
	int r;

	r = config->print ? config_print(config, stdout, &err) : log_open(&config->log, &err);
	if (r)
		return exit_status(&err);
	if (config->unknown)
		log_warning("config %s: not known, and left out: %s", config->file,
			    config->unknown);
	if (config->print)
		return 0;
	r = config->dry_run ? vmm_explain(config, stdout, &err) : run_machine(config, &err);
	log_close();
	return r ? exit_status(&err) : 0;
}

/* What was printed is there, or torc fails. */
static int finish_output(int status)
{
	struct error err = { 0 };

	if (!fflush(stdout) && !ferror(stdout))
		return status;
	error_set(&err, errno ? -errno : -EIO, "standard output");
	error_remedy(&err, "see what takes it: is there room?");
	return exit_status(&err);
}

int main(int argc, char **argv)
{
	struct config config;
	struct error err = { 0 };
	int status = 0;

	open_standard_descriptors();
	if (fd_list(&inherited.fd, &inherited.nr))
		inherited.nr = 0;
	if (config_parse(&config, argc, argv, &err))
		return exit_status(&err);
	switch (config.action) {
	case CONFIG_HELP:
		config_usage(stdout);
		break;
	case CONFIG_VERSION:
		printf("torc %s\n", TORC_VERSION);
		break;
	case CONFIG_SCHEMA:
		config.print_schema(stdout);
		break;
	case CONFIG_RUN:
		status = run(&config);
		break;
	}
	config_destroy(&config);
	return finish_output(status);
}
