/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/error.h"
#include "core/base/fd.h"
#include "core/base/histogram.h"
#include "core/base/json_put.h"
#include "core/base/log.h"
#include "tests/unit/within.h"

static void ranges_do_not_overflow(void **state)
{
	assert_true(range_fits(4, 4, 8));
	assert_true(range_fits(8, 0, 8));
	assert_false(range_fits(5, 4, 8));
	assert_false(range_fits(9, 0, 8));
	assert_false(range_fits(UINT64_MAX, 2, 8));
	assert_false(range_fits(1, UINT64_MAX, UINT64_MAX));
	assert_true(ranges_overlap(0, 2, 1, 1));
	assert_true(ranges_overlap(1, 1, 0, UINT64_MAX));
	assert_false(ranges_overlap(0, 1, 1, 1));
	assert_false(ranges_overlap(5, 0, 0, 10));
	assert_int_equal(align_up(4097, 4096), 8192);
	assert_int_equal(align_down(8191, 4096), 4096);
	assert_false(is_pow2(0));
	assert_true(is_pow2(1ULL << 63));
}

static void error_records_object_reason_and_code(void **state)
{
	struct error err = { 0 };

	assert_int_equal(error_set(&err, -ENOENT, "file %s", "a"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.object, "file a");
	assert_string_equal(err.reason, "No such file or directory");
	assert_string_equal(err.remedy, "");
	assert_int_equal(error_reason(&err, "gone"), -ENOENT);
	assert_int_equal(error_remedy(&err, "make %d", 1), -ENOENT);
	assert_string_equal(err.reason, "gone");
	assert_string_equal(err.remedy, "make 1");
}

static void error_puts_outer_objects_in_front(void **state)
{
	struct error err = { 0 };

	error_set(&err, -EBUSY, "group 7");
	error_reason(&err, "in use");
	error_remedy(&err, "stop it");
	assert_int_equal(error_set(&err, -EIO, "device %s", err.object), -EIO);
	assert_string_equal(err.object, "device group 7: group 7");
	assert_string_equal(err.reason, "in use");
	assert_string_equal(err.remedy, "stop it");
	assert_int_equal(err.code, -EBUSY);
}

static void error_cuts_long_objects_at_the_end(void **state)
{
	struct error err = { 0 };
	char text[600];

	for (size_t n = 505; n <= 515; n++) {
		memset(text, 'x', n);
		text[n] = '\0';
		memset(&err, 0, sizeof(err));
		error_set(&err, -EIO, "inner");
		error_set(&err, -EIO, "%s", text);
		assert_true(strlen(err.object) <= sizeof(err.object) - 1);
		assert_memory_equal(err.object, text, 505);
		if (n == 505)
			assert_string_equal(err.object + n, ": inne");
		if (n >= 511)
			assert_int_equal(strlen(err.object), 511);
	}
}

static void error_accepts_null(void **state)
{
	assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(error_reason(NULL, "x"), -EIO);
	assert_int_equal(error_remedy(NULL, "x"), -EIO);
}

static void error_prints_object_reason_and_every_line_of_the_remedy(void **state)
{
	struct error err = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	program_invocation_short_name = (char[]){ "torc" };
	error_set(&err, -EPERM, "ring");
	error_remedy(&err, "one\ntwo");
	error_print(&err, out);
	fclose(out);
	assert_string_equal(text, "torc: ring: Operation not permitted\n"
				  "  remedy: one\n"
				  "          two\n");
	free(text);
}

static void nearest_word_is_found_within_a_third_of_the_length(void **state)
{
	const char *const words[] = { "kernel", NULL, "memory", "cpus", "serial" };
	size_t n = ARRAY_SIZE(words);
	char huge[300];

	assert_string_equal(error_nearest("memry", words, n), "memory");
	assert_string_equal(error_nearest("memory", words, n), "memory");
	assert_string_equal(error_nearest("cpsu", words, n), "cpus");
	assert_string_equal(error_nearest("kernell", words, n), "kernel");
	assert_string_equal(error_nearest("karnol", words, n), "kernel");
	assert_null(error_nearest("karnoo", words, n));
	assert_null(error_nearest("network", words, n));
	assert_null(error_nearest("", words, n));
	assert_null(error_nearest("memory", words, 0));
	memset(huge, 'm', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_null(error_nearest(huge, words, n));
}

static void fd_close_forgets_the_descriptor(void **state)
{
	int fd = fd_eventfd();
	int copy = fd;

	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	errno = EXDEV;
	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fcntl(copy, F_GETFD), -1);
	fd_close(&fd);
	assert_int_equal(fd, -1);
}

static void eventfd_counts_signals_until_drained(void **state)
{
	int fd = fd_eventfd();

	assert_int_equal(fd_eventfd_drain(fd), 0);
	fd_eventfd_signal(fd);
	fd_eventfd_signal(fd);
	assert_int_equal(fd_eventfd_drain(fd), 2);
	assert_int_equal(fd_eventfd_drain(fd), 0);
	fd_close(&fd);
}

static void make_file(char *path, const char *text)
{
	int fd;

	strcpy(path, "/tmp/test_base.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	fd_close(&fd);
}

static void reads_continue_to_the_end_of_the_file(void **state)
{
	char path[64], buf[16];
	int fds[2], fd;

	make_file(path, "0123456789");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_read_all(fd, buf, 4), 4);
	assert_int_equal(fd_pread_all(fd, buf, sizeof(buf), 7), 3);
	assert_memory_equal(buf, "789", 3);
	assert_int_equal(fd_read_all(fd, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "456789", 6);
	assert_int_equal(fd_write_all(fd, "x", 1), -EBADF);
	fd_close(&fd);
	unlink(path);
	assert_int_equal(fd_read_all(-1, buf, 1), -EBADF);

	/* A packet socket gives one packet to each read(2). */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(fd_write_all(fds[1], "abc", 3), 0);
	assert_int_equal(fd_write_all(fds[1], "de", 2), 0);
	fd_close(&fds[1]);
	assert_int_equal(fd_read_all(fds[0], buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "abcde", 5);
	fd_close(&fds[0]);
}

static void first_line_is_cut_to_fit(void **state)
{
	char path[64], buf[8] = "before";

	make_file(path, "hello\nworld\n");
	assert_int_equal(file_read_line(path, buf, sizeof(buf)), 0);
	assert_string_equal(buf, "hello");
	assert_int_equal(file_read_line(path, buf, 3), 0);
	assert_string_equal(buf, "he");
	assert_int_equal(file_read_line(path, buf, 1), 0);
	assert_string_equal(buf, "");
	unlink(path);
	strcpy(buf, "before");
	assert_int_equal(file_read_line(path, buf, sizeof(buf)), -ENOENT);
	assert_string_equal(buf, "before");
}

static void integers_are_decimal_or_hexadecimal_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t v;
	} cases[] = {
		{ "0\n", 0, 0 },
		{ "-1\n", 0, -1 },
		{ "010\n", 0, 10 },
		{ "0x8086\n", 0, 0x8086 },
		{ "-0x10", 0, -16 },
		{ "42 \n", 0, 42 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "\n", -EINVAL, 0 },
		{ "12a", -EINVAL, 0 },
		{ "a", -EINVAL, 0 },
		{ "1                                                                    2", -EINVAL,
		  0 },
	};
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t v = 77;

		make_file(path, cases[i].text);
		assert_int_equal(file_read_i64(path, &v), cases[i].r);
		assert_int_equal(v, cases[i].r ? 77 : cases[i].v);
		unlink(path);
	}
}

static struct histogram h, h2;

static void histogram_of_nothing_is_empty(void **state)
{
	histogram_init(&h);
	assert_int_equal(h.count, 0);
	assert_int_equal(histogram_percentile(&h, 0), 0);
	assert_int_equal(histogram_percentile(&h, 50), 0);
	assert_int_equal(histogram_percentile(&h, 100), 0);
}

static void zeroed_memory_is_an_empty_histogram(void **state)
{
	memset(&h, 0, sizeof(h));
	memset(&h2, 0, sizeof(h2));
	histogram_merge(&h, &h2);
	histogram_record(&h2, 7);
	histogram_record(&h2, 9);
	assert_int_equal(h2.min, 7);
	histogram_merge(&h, &h2);
	assert_int_equal(h.min, 7);
	memset(&h2, 0, sizeof(h2));
	histogram_merge(&h, &h2);
	assert_int_equal(h.min, 7);
	assert_int_equal(h.count, 2);
}

static void small_values_are_exact(void **state)
{
	histogram_init(&h);
	for (uint64_t v = 1; v <= 100; v++)
		histogram_record(&h, v);
	assert_int_equal(h.count, 100);
	assert_int_equal(h.sum, 5050);
	assert_int_equal(h.min, 1);
	assert_int_equal(h.max, 100);
	for (unsigned p = 1; p <= 100; p++)
		assert_int_equal(histogram_percentile(&h, p), p);
	assert_int_equal(histogram_percentile(&h, 0), 1);
	assert_int_equal(histogram_percentile(&h, 0.5), 1);
	assert_int_equal(histogram_percentile(&h, 50.5), 51);
}

static void rounding_does_not_move_a_percentile(void **state)
{
	histogram_init(&h);
	for (unsigned i = 0; i < 999; i++)
		histogram_record(&h, 1);
	histogram_record(&h, 100);
	assert_int_equal(histogram_percentile(&h, 99.9), 1);
	assert_int_equal(histogram_percentile(&h, 99.91), 100);
}

/* Two other values around it keep min and max from clamping the answer. */
static void check_error_of(uint64_t value)
{
	uint64_t got, off;

	histogram_init(&h);
	histogram_record(&h, 0);
	histogram_record(&h, value);
	histogram_record(&h, UINT64_MAX);
	got = histogram_percentile(&h, 50);
	off = got > value ? got - value : value - got;
	assert_true(off <= value / 100);
}

static void large_values_are_within_one_percent(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t v = 1ULL << bit;

		check_error_of(v);
		check_error_of(v - 1);
		check_error_of(v + v / 2);
		check_error_of(v + (v - 1));
		check_error_of(v + v / 3);
		check_error_of(v + v / 64 - 1); /* the top of the widest bucket */
	}
	histogram_init(&h);
	histogram_record(&h, UINT64_MAX);
	assert_int_equal(h.bucket[HISTOGRAM_BUCKETS - 1], 1);
	assert_int_equal(histogram_percentile(&h, 50), UINT64_MAX);
}

static void merge_adds_up(void **state)
{
	histogram_init(&h);
	histogram_init(&h2);
	histogram_merge(&h, &h2);
	assert_int_equal(h.count, 0);
	assert_true(h.min == UINT64_MAX);
	histogram_record(&h, 10);
	histogram_record(&h2, 20);
	histogram_record(&h2, 5);
	histogram_merge(&h, &h2);
	assert_int_equal(h.count, 3);
	assert_int_equal(h.sum, 35);
	assert_int_equal(h.min, 5);
	assert_int_equal(h.max, 20);
	assert_int_equal(histogram_percentile(&h, 50), 10);
	assert_int_equal(h2.count, 2);
}

struct log_file {
	char path[64];
	char text[16384];
};

static void log_start(struct log_file *file, enum log_level level, bool json)
{
	struct log_config config = { .level = level, .json = json, .path = file->path };

	make_file(file->path, "");
	assert_int_equal(log_open(&config, NULL), 0);
}

static void log_finish(struct log_file *file)
{
	ssize_t n;
	int fd;

	log_close();
	fd = open(file->path, O_RDONLY | O_CLOEXEC);
	n = fd_read_all(fd, file->text, sizeof(file->text) - 1);
	assert_true(n >= 0);
	file->text[n] = '\0';
	fd_close(&fd);
	unlink(file->path);
}

static void log_prints_text_of_enabled_levels_only(void **state)
{
	struct log_file file;
	double seconds;

	log_start(&file, LOG_LEVEL_INFO, false);
	assert_true(log_enabled(LOG_LEVEL_INFO));
	assert_false(log_enabled(LOG_LEVEL_DEBUG));
	errno = EXDEV;
	log_info("hello %d", 1);
	assert_int_equal(errno, EXDEV);
	log_debug("not this");
	log_finish(&file);
	assert_int_equal(sscanf(file.text, "[%lf] info: hello 1\n", &seconds), 1);
	assert_true(seconds >= 0 && seconds < 3600);
	assert_string_equal(strchr(file.text, ']'), "] info: hello 1\n");
	assert_non_null(strchr(file.text, '.'));
	assert_false(log_enabled(LOG_LEVEL_INFO));
	assert_true(log_enabled(LOG_LEVEL_WARNING));
}

static void log_shows_control_bytes(void **state)
{
	struct log_file file;

	log_start(&file, LOG_LEVEL_WARNING, false);
	log_warning("a\x1b[2J\nb\x7f \xc3\xa4 \xc2\x9b \xff \xe2\x82");
	log_finish(&file);
	assert_string_equal(
		strchr(file.text, ']'),
		"] warning: a\\x1b[2J\\x0ab\\x7f \xc3\xa4 \\xc2\\x9b \\xff \\xe2\\x82\n");
}

static void log_json_is_escaped(void **state)
{
	struct log_file file;
	char name[17] = "";

	prctl(PR_GET_NAME, name);
	prctl(PR_SET_NAME, "vcpu\"0");
	log_start(&file, LOG_LEVEL_ERROR, true);
	log_error("say \"a\\b\"\n\x80");
	log_finish(&file);
	prctl(PR_SET_NAME, name);
	assert_memory_equal(file.text, "{\"ts\":", 6);
	assert_string_equal(strchr(file.text, ','),
			    ",\"level\":\"error\",\"thread\":\"vcpu\\\"0\","
			    "\"message\":\"say \\\"a\\\\b\\\"\\u000a\\u0080\"}\n");
}

static void log_cuts_long_messages(void **state)
{
	struct log_file file;
	char text[5000];

	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_start(&file, LOG_LEVEL_ERROR, true);
	log_error("%s", text);
	log_finish(&file);
	assert_int_equal(strlen(strstr(file.text, "\\u0001")), 2047 * 6 + strlen("\"}\n"));
}

static unsigned count_lines(const char *text, const char *with)
{
	unsigned n = 0;

	for (const char *p = strstr(text, with); p; p = strstr(p + 1, with))
		n++;
	return n;
}

static void guest_cannot_fill_the_log(void **state)
{
	time_t begin = time(NULL), took;
	struct log_file file;

	log_start(&file, LOG_LEVEL_WARNING, false);
	for (unsigned i = 0; i < 1000; i++)
		log_guest_warning("caused by the guest");
	log_warning("torc's own");
	/* In a second there is room for one more, which comes behind the number of those that were left out. */
	do {
		usleep(100000);
		log_guest_error("much later");
		took = time(NULL) - begin;
	} while (took < 2);
	log_finish(&file);
	assert_within(count_lines(file.text, "caused by the guest"), 64, 64 + took + 1);
	assert_within(count_lines(file.text, "much later"), 1, took + 1);
	assert_within(count_lines(file.text, "lines about what it does were left out"), 1,
		      took + 1);
	assert_int_equal(count_lines(file.text, "torc's own"), 1);
}

static void log_prints_a_whole_error_as_one_line(void **state)
{
	struct error err = { 0 };
	struct log_file file;

	error_set(&err, -EIO, "disk");
	error_remedy(&err, "one\ntwo");
	log_start(&file, LOG_LEVEL_ERROR, false);
	log_error_struct(&err);
	log_finish(&file);
	assert_string_equal(strchr(file.text, ']'),
			    "] error: disk: Input/output error; remedy: one; two\n");
}

static void log_open_failure_keeps_the_old_sink(void **state)
{
	struct log_config config = { .level = LOG_LEVEL_DEBUG, .path = "/nonexistent/log" };
	struct error err = { 0 };
	struct log_file file;

	log_start(&file, LOG_LEVEL_INFO, false);
	assert_int_equal(log_open(&config, &err), -ENOENT);
	assert_string_equal(err.object, "log file /nonexistent/log");
	assert_false(log_enabled(LOG_LEVEL_DEBUG));
	log_info("still here");
	log_finish(&file);
	assert_non_null(strstr(file.text, "still here"));
}

/* A path may be any bytes, and what is counted more than a double holds exactly. */
static void json_is_read_again_whatever_is_put(void **state)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *object = json_object();

	json_put_text(object, "path", "/a\xff\xc3/\xc3\xa4\"\n");
	json_put_some(object, "none", "");
	json_put_count(object, "most", UINT64_MAX);
	json_put_count(object, "exact", (1ULL << 53) + 1);
	json_put_real(object, "real", 0.3);
	json_put_text(json_put_item(json_put_array(object, "list")), "u", "\xc3\xa4");
	assert_int_equal(json_put_out(object, out, NULL), 0);
	assert_int_equal(json_put_out(NULL, out, NULL), -ENOMEM);
	fclose(out);
	json_decref(object);
	assert_non_null(strstr(text, ": 0.3,"));
	object = json_loads(text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(object, "path")), "/a\?\?/\?\?\"\n");
	assert_true(json_is_null(json_object_get(object, "none")));
	assert_int_equal(json_integer_value(json_object_get(object, "most")), INT64_MAX);
	assert_int_equal(json_integer_value(json_object_get(object, "exact")), (1LL << 53) + 1);
	assert_int_equal(json_array_size(json_object_get(object, "list")), 1);
	json_decref(object);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_do_not_overflow),
		cmocka_unit_test(error_records_object_reason_and_code),
		cmocka_unit_test(error_puts_outer_objects_in_front),
		cmocka_unit_test(error_cuts_long_objects_at_the_end),
		cmocka_unit_test(error_accepts_null),
		cmocka_unit_test(error_prints_object_reason_and_every_line_of_the_remedy),
		cmocka_unit_test(nearest_word_is_found_within_a_third_of_the_length),
		cmocka_unit_test(fd_close_forgets_the_descriptor),
		cmocka_unit_test(eventfd_counts_signals_until_drained),
		cmocka_unit_test(reads_continue_to_the_end_of_the_file),
		cmocka_unit_test(first_line_is_cut_to_fit),
		cmocka_unit_test(integers_are_decimal_or_hexadecimal_and_nothing_else),
		cmocka_unit_test(histogram_of_nothing_is_empty),
		cmocka_unit_test(zeroed_memory_is_an_empty_histogram),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(rounding_does_not_move_a_percentile),
		cmocka_unit_test(large_values_are_within_one_percent),
		cmocka_unit_test(merge_adds_up),
		cmocka_unit_test(log_prints_text_of_enabled_levels_only),
		cmocka_unit_test(log_shows_control_bytes),
		cmocka_unit_test(log_json_is_escaped),
		cmocka_unit_test(log_cuts_long_messages),
		cmocka_unit_test(guest_cannot_fill_the_log),
		cmocka_unit_test(log_prints_a_whole_error_as_one_line),
		cmocka_unit_test(log_open_failure_keeps_the_old_sink),
		cmocka_unit_test(json_is_read_again_whatever_is_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
