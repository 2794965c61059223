/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims on CPUs, by descriptors of their own as processes have them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "numa/claim.h"

static char path[] = "/tmp/torc-claim-XXXXXX";

static int setup(void **state)
{
	int fd = mkstemp(path);

	close(fd);
	return fd < 0;
}

static int teardown(void **state)
{
	return unlink(path);
}

static cpu_set_t set_of(unsigned a, unsigned b)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(a, &set);
	CPU_SET(b, &set);
	return set;
}

static void others_see_what_one_has_claimed(void **state)
{
	struct claim one, other;
	cpu_set_t mine = set_of(3, 1000), all = set_of(3, 4), none, seen;

	CPU_SET(1000, &all);
	CPU_ZERO(&none);
	assert_int_equal(claim_open(&one, path), 0);
	claim_take(&one, &mine);
	assert_int_equal(claim_open(&other, path), 0);
	seen = claim_read(&other, &all);
	assert_true(CPU_EQUAL(&seen, &mine));
	claim_take(&other, &none);
	/* One's own are not in one's way. */
	seen = claim_read(&one, &all);
	assert_true(CPU_EQUAL(&seen, &none));
	claim_close(&one);
	seen = claim_read(&other, &all);
	assert_true(CPU_EQUAL(&seen, &none));
	claim_close(&other);
}

static void claims_end_with_the_process(void **state)
{
	cpu_set_t mine = set_of(0, 1), seen;
	struct claim claim;
	pid_t child = fork();

	if (!child) {
		if (!claim_open(&claim, path))
			claim_take(&claim, &mine);
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(claim_open(&claim, path), 0);
	seen = claim_read(&claim, &mine);
	assert_int_equal(CPU_COUNT(&seen), 0);
	claim_close(&claim);
}

static void the_next_one_waits_until_cpus_are_claimed(void **state)
{
	cpu_set_t mine = set_of(0, 1), seen;
	struct claim claim;
	int status;
	pid_t child;

	assert_int_equal(claim_open(&claim, path), 0);
	child = fork();
	if (!child) {
		struct claim next;

		/* A descriptor of its own: the inherited one has the parent's locks. */
		if (claim_open(&next, path))
			_exit(2);
		seen = claim_read(&next, &mine);
		_exit(!CPU_EQUAL(&seen, &mine));
	}
	usleep(50000);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	claim_take(&claim, &mine);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	claim_close(&claim);
}

static void one_that_never_decides_does_not_stop_others(void **state)
{
	struct claim stuck, claim;

	assert_int_equal(claim_open(&stuck, path), 0);
	assert_int_equal(claim_open(&claim, path), -ETIMEDOUT);
	assert_int_equal(claim.fd, -1);
	claim_close(&stuck);
}

static void without_a_file_nobody_has_any(void **state)
{
	cpu_set_t mine = set_of(0, 1), seen;
	struct claim claim;

	assert_int_equal(claim_open(&claim, "/nonexistent/file"), -ENOENT);
	seen = claim_read(&claim, &mine);
	assert_int_equal(CPU_COUNT(&seen), 0);
	claim_take(&claim, &mine);
	claim_close(&claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_see_what_one_has_claimed),
		cmocka_unit_test(claims_end_with_the_process),
		cmocka_unit_test(the_next_one_waits_until_cpus_are_claimed),
		cmocka_unit_test(one_that_never_decides_does_not_stop_others),
		cmocka_unit_test(without_a_file_nobody_has_any),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
