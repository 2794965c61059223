/* SPDX-License-Identifier: Apache-2.0 */
/* The file of Prometheus's text: whole at any time, replaced at its interval, with the last numbers at the end. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/trace.h"
#include "core/vmm/metrics_file.h"

#define STEP_NS	  20000000ULL
#define MAX_STEPS 6000 /* two minutes, of which it should take a second */

static char folder[32], path[64], temporary[80];
static struct ring ring;
static struct metrics_file file;
static struct trace_object *queue;

static int setup(void **state)
{
	strcpy(folder, "/tmp/torc-metrics.XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/torc.prom", folder);
	snprintf(temporary, sizeof(temporary), "%s.%d", path, (int)getpid());
	assert_int_equal(trace_init(NULL), 0);
	queue = trace_object(TRACE_QUEUE, "disk0 queue 0");
	trace_publish("test", 1000000000);
	memset(&file, 0, sizeof(file));
	return ring_init(&ring, 8, NULL);
}

static void finish(void)
{
	ring_destroy(&ring);
	metrics_file_finish(&file);
}

static int teardown(void **state)
{
	unlink(path);
	assert_int_equal(access(temporary, F_OK), -1);
	assert_int_equal(rmdir(folder), 0);
	trace_destroy();
	return 0;
}

/* The requests that a text tells of; it is whole. */
static unsigned long requests_in(int fd)
{
	static const char name[] = "\ntorc_queue_requests_total{queue=\"disk0 queue 0\"} ";
	static char text[MIB];
	ssize_t size = fd_pread_all(fd, text, sizeof(text) - 1, 0);
	const char *line;

	assert_true(size > 0);
	text[size] = '\0';
	assert_int_equal(strncmp(text, "# HELP torc_vcpu_exits_total", 28), 0);
	assert_non_null(strstr(text, "\n# TYPE torc_vector_forward_seconds summary\n"));
	assert_int_equal(text[size - 1], '\n');
	line = strstr(text, name);
	assert_non_null(line);
	return strtoul(line + sizeof(name) - 1, NULL, 10);
}

static unsigned long requests(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned long n;

	assert_true(fd >= 0);
	n = requests_in(fd);
	close(fd);
	return n;
}

static void stepped(struct ring_op *op, int32_t res, uint32_t flags)
{
}

/* The ring turns until the file has this; not at all if it has it already. */
static void wait_for(unsigned long n)
{
	struct ring_op step = { .done = stepped };

	for (unsigned i = 0; i < MAX_STEPS && (access(path, F_OK) || requests() != n); i++) {
		ring_timeout(&ring, &step, STEP_NS);
		ring_wait(&ring, &step);
	}
	assert_int_equal(requests(), n);
}

static void it_is_replaced_at_the_interval_and_left_at_the_end(void **state)
{
	int first;

	trace_count(queue, TRACE_QUEUE_REQUESTS, 1);
	assert_int_equal(metrics_file_start(&file, &ring, NULL, path, 0644, 1, NULL), 0);
	assert_int_equal(requests(), 1);
	first = open(path, O_RDONLY | O_CLOEXEC);
	trace_count(queue, TRACE_QUEUE_REQUESTS, 1);
	assert_int_equal(requests(), 1);
	wait_for(2);
	/* Who has begun to read goes on with the text as it was. */
	assert_int_equal(requests_in(first), 1);
	close(first);
	trace_count(queue, TRACE_QUEUE_REQUESTS, 1);
	wait_for(3);
	trace_count(queue, TRACE_QUEUE_REQUESTS, 1);
	finish();
	assert_int_equal(requests(), 4);
}

static void others_may_read_it_whatever_the_umask(void **state)
{
	mode_t mask = umask(077);
	struct stat st;

	assert_int_equal(metrics_file_start(&file, &ring, NULL, path, 0644, 1, NULL), 0);
	umask(mask);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	finish();
}

static void what_a_killed_one_left_is_no_obstacle(void **state)
{
	int fd = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(metrics_file_start(&file, &ring, NULL, path, 0644, 1, NULL), 0);
	assert_int_equal(requests(), 0);
	finish();
}

static void a_failure_is_made_up_for(void **state)
{
	char away[48];

	assert_int_equal(metrics_file_start(&file, &ring, NULL, path, 0644, 1, NULL), 0);
	snprintf(away, sizeof(away), "%s.away", folder);
	assert_int_equal(rename(folder, away), 0);
	for (unsigned i = 0; i < MAX_STEPS && !file.failed; i++) {
		struct ring_op step = { .done = stepped };

		ring_timeout(&ring, &step, STEP_NS);
		ring_wait(&ring, &step);
	}
	assert_true(file.failed);
	assert_int_equal(rename(away, folder), 0);
	trace_count(queue, TRACE_QUEUE_REQUESTS, 5);
	wait_for(5);
	assert_false(file.failed);
	finish();
}

static void something_else_is_left_alone(void **state)
{
	struct error err = { 0 };
	struct stat st;

	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(metrics_file_start(&file, &ring, NULL, path, 0644, 1, &err), -EEXIST);
	assert_non_null(strstr(err.object, path));
	assert_string_equal(err.reason, "it exists and is no regular file");
	finish();
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_replaced_at_the_interval_and_left_at_the_end),
		TEST(others_may_read_it_whatever_the_umask),
		TEST(what_a_killed_one_left_is_no_obstacle),
		TEST(a_failure_is_made_up_for),
		TEST(something_else_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
