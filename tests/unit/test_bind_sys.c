/* SPDX-License-Identifier: Apache-2.0 */
/* What a program that torc starts has of torc. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vfio/bind/bind_sys.h"

/* In place of modprobe; the module is a file to write to. */
static const char script[] = "#!/bin/sh\nexec cat /proc/self/status >\"$3\"\n";

static unsigned long signals(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	assert_non_null(line);
	return strtoul(line + strlen(name), NULL, 16);
}

static void modprobe_has_its_signals(void **state)
{
	char dir[64], program[96], out[96], status[8192];
	sigset_t all, old;
	FILE *file;
	size_t n;

	snprintf(dir, sizeof(dir), "%s/torc-bind-sys.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(program, sizeof(program), "%s/modprobe", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	file = fopen(program, "we");
	assert_non_null(file);
	fwrite(script, 1, sizeof(script) - 1, file);
	fclose(file);
	assert_int_equal(chmod(program, 0700), 0);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(bind_sys_modprobe(program, out), 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	file = fopen(out, "re");
	assert_non_null(file);
	n = fread(status, 1, sizeof(status) - 1, file);
	fclose(file);
	status[n] = '\0';
	assert_int_equal(signals(status, "SigBlk:"), 0);
	assert_int_equal(signals(status, "SigIgn:") & 1UL << (SIGPIPE - 1), 0);
	unlink(program);
	unlink(out);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modprobe_has_its_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
