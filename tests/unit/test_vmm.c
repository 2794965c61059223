/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest whose reset takes some seconds in the helper: meanwhile the process answers who asks for its metrics, takes a
 * signal, and the machine's ring serves its timers, as that of a device which the host wants back.
 *
 * usage: test_vmm GUEST; with the path of a socket for metrics and a descriptor to tell by it is the process of the machine
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/trace.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_run.h"
#include "core/vmm/vmm.h"
#include "tests/unit/config_line.h"
#include "tests/unit/folder.h"
#include "tests/unit/within.h"

#define RESET_MS 3000
#define TIMER_MS 200
/* Of all that is to happen within a reset: half of one, so that it is none that comes only after it. */
#define SOON_MS (RESET_MS / 2)

static const char *guest;
static char folder[] = "/tmp/torc-vmm.XXXXXX";
static char metrics_path[sizeof(folder) + 16];

/* What the process of the machine tells: a byte when the reset begins, one when its timer has expired. */
static int tell_fd;
static struct ring_op timer;

static void timer_expired(struct ring_op *op, int32_t res, uint32_t flags)
{
	assert_int_equal(write(tell_fd, "t", 1), 1);
}

static bool quits; /* the user does, within the reset */

static void take_time(void *arg)
{
	usleep(quits ? 10000 : RESET_MS * 1000);
}

static int init(struct machine *machine, struct error *err)
{
	return 0;
}

static int reset(struct machine *machine, struct error *err)
{
	timer.done = timer_expired;
	if (!quits)
		ring_timeout(&machine->ring, &timer, TIMER_MS * 1000000ULL);
	assert_int_equal(write(tell_fd, "r", 1), 1);
	if (quits)
		machine_quit(machine);
	machine_block(machine, take_time, NULL);
	assert_int_equal(write(tell_fd, "e", 1), 1);
	return 0;
}

static const struct machine_part slow = { "slow", init, NULL, reset };

static void nothing(const struct config *config)
{
}

/* The process of the machine: the part that is slow stands in front of the devices. */
static int run(const char *metrics)
{
	struct error err = { 0 };
	struct config config;
	bool gave_up = true;
	char line[256];
	int r;

	snprintf(
		line, sizeof(line),
		"--kernel %s --memory 64M --serial null --console off --rng src=/dev/urandom --metrics path=%s",
		guest, metrics);
	if (line_parse(&config, line, &err) || trace_init(&err)) {
		error_print(&err, stderr);
		return 10;
	}
	trace_thread_begin("main");
	for (unsigned i = 0; machine_built[i]; i++) {
		if (machine_built[i] == &machine_part_dma)
			machine_built[i] = &slow;
	}
	r = vmm_run(&config, nothing, &gave_up, &err);
	config_destroy(&config);
	if (r)
		error_print(&err, stderr);
	return r || gave_up ? 11 : 0;
}

static uint64_t now_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* The answer, which looks like metrics. */
static const char *ask_metrics(void)
{
	static char text[65536];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = 0, all = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", metrics_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	shutdown(fd, SHUT_WR);
	while ((n = read(fd, text + all, sizeof(text) - 1 - (size_t)all)) > 0)
		all += n;
	close(fd);
	text[all] = '\0';
	assert_true(n == 0 && all > 1000);
	return text;
}

static char next_told(int fd)
{
	char byte = 0;

	assert_int_equal(read(fd, &byte, 1), 1);
	return byte;
}

/* A process of its own, as a sanitizer wants it of one that has threads. */
static pid_t start(const char *what, int fds[2])
{
	char fd[16];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	snprintf(fd, sizeof(fd), "%d", fds[1]);
	pid = fork();
	if (!pid) {
		fcntl(fds[1], F_SETFD, 0);
		execl("/proc/self/exe", "test_vmm", guest, metrics_path, fd, what, NULL);
		_exit(127);
	}
	close(fds[1]);
	return pid;
}

static void a_reset_that_takes_long_holds_up_nobody(void **state)
{
	uint64_t begin, asked, signalled;
	const char *text;
	int fds[2], status;
	pid_t pid;

	pid = start("waits", fds);
	assert_int_equal(next_told(fds[0]), 'r');
	begin = now_ms();
	text = ask_metrics();
	asked = now_ms();
	assert_non_null(strstr(text, "torc_machine_state{state=\"resetting\"} 1\n"));
	assert_non_null(strstr(text, "torc_machine_resets_total 0\n"));
	assert_non_null(strstr(text, "torc_device_state{device=\"__rng\",kind=\"entropy device\","
				     "state=\"running\"} 1\n"));
	assert_within(asked - begin, 0, SOON_MS);
	/* The first of all that comes is the timer, in the middle of the reset. */
	assert_int_equal(next_told(fds[0]), 't');
	assert_within(now_ms() - begin, TIMER_MS / 2, SOON_MS);
	/* The signal is taken at once, though the end has to wait for the helper. */
	kill(pid, SIGTERM);
	signalled = now_ms();
	ask_metrics();
	print_message("metrics after %u ms, and %u ms after SIGTERM\n", (unsigned)(asked - begin),
		      (unsigned)(now_ms() - signalled));
	assert_within(now_ms() - begin, 0, SOON_MS);
	assert_int_equal(next_told(fds[0]), 'e');
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* The machine ends after this reset, before the next one. */
	assert_int_equal(read(fds[0], &status, 1), 0);
	close(fds[0]);
}

/* A guest that resets again and again is not asked once more. */
static void who_quits_within_a_reset_is_heard_after_it(void **state)
{
	char told[4] = "";
	int fds[2], status;
	pid_t pid = start("quits", fds);

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(read(fds[0], told, sizeof(told) - 1) > 0);
	assert_string_equal(told, "re");
	close(fds[0]);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(folder));
	snprintf(metrics_path, sizeof(metrics_path), "%s/metrics", folder);
	return 0;
}

static int teardown(void **state)
{
	return folder_remove(folder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_that_takes_long_holds_up_nobody),
		cmocka_unit_test(who_quits_within_a_reset_is_heard_after_it),
	};

	if (argc != 2 && argc != 5) {
		fprintf(stderr, "usage: test_vmm GUEST\n");
		return 2;
	}
	guest = argv[1];
	if (argc == 5) {
		tell_fd = atoi(argv[3]);
		quits = !strcmp(argv[4], "quits");
		return run(argv[2]);
	}
	if (access("/dev/kvm", R_OK | W_OK)) {
		printf("1..0 # SKIP /dev/kvm cannot be opened\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
