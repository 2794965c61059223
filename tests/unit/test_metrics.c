/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus's text: what it says, and the socket that serves it, on a real ring. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/trace.h"
#include "core/kvm/vcpu.h"
#include "core/vmm/metrics.h"

#define HZ 1000000000 /* a cycle is a nanosecond */

static char path[64];

struct server {
	struct ring ring;
	struct metrics metrics;
	pthread_t thread;
	int result;
	bool is_ready, is_stopped; /* atomic */
};

static struct server server;

static void make_objects(void)
{
	struct trace_object *vcpu = trace_object(TRACE_VCPU, "vcpu0");
	struct trace_object *queue = trace_object(TRACE_QUEUE, "di\"sk\\0 queue 1");

	trace_count(vcpu, VCPU_EXIT_PIO, 3);
	trace_count(queue, TRACE_QUEUE_REQUESTS, 100);
	for (unsigned i = 1; i <= 100; i++)
		trace_record(queue, TRACE_QUEUE_LATENCY, i);
	trace_publish("test", HZ);
}

static int setup(void **state)
{
	assert_int_equal(trace_init(NULL), 0);
	make_objects();
	return 0;
}

static int teardown(void **state)
{
	trace_destroy();
	return 0;
}

static void assert_has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no line \"%s\"", line);
}

static void check_text(const char *text)
{
	assert_has(text, "# TYPE torc_vcpu_exits_total counter\n");
	assert_has(text, "\ntorc_vcpu_exits_total{vcpu=\"vcpu0\",reason=\"pio\"} 3\n");
	assert_has(text, "\ntorc_vcpu_exits_total{vcpu=\"vcpu0\",reason=\"mmio\"} 0\n");
	assert_has(text, "\ntorc_queue_requests_total{queue=\"di\\\"sk\\\\0 queue 1\"} 100\n");
	assert_has(text, "# TYPE torc_queue_latency_seconds summary\n");
	assert_has(text,
		   "latency_seconds{queue=\"di\\\"sk\\\\0 queue 1\",quantile=\"0.5\"} 5e-08\n");
	assert_has(text, "queue 1\",quantile=\"0.99\"} 9.9e-08\n");
	assert_has(text, "queue 1\",quantile=\"1\"} 1e-07\n");
	assert_has(text, "latency_seconds_sum{queue=\"di\\\"sk\\\\0 queue 1\"} 5.05e-06\n");
	assert_has(text, "latency_seconds_count{queue=\"di\\\"sk\\\\0 queue 1\"} 100\n");
	/* What has recorded nothing has no quantiles. */
	assert_null(strstr(text, "torc_queue_device_seconds{"));
}

static void counters_and_quantiles_are_printed(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	metrics_print(out, NULL);
	fclose(out);
	check_text(text);
	/* Every line is a comment or has a name, labels and a number. */
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, "# HELP torc_", 12) || !strncmp(line, "# TYPE torc_", 12))
			continue;
		assert_int_equal(strncmp(line, "torc_", 5), 0);
		assert_non_null(strstr(line, "\"} "));
	}
	free(text);
}

static void *serve(void *arg)
{
	server.result = ring_init(&server.ring, 8, NULL);
	if (!server.result)
		server.result = metrics_start(&server.metrics, &server.ring, NULL, path,
					      LISTENER_MODE, NULL);
	/* Pairs with start_server(). */
	store_release(&server.is_ready, true);
	if (!server.result)
		ring_run(&server.ring);
	/* ring_stop() has done with it. Pairs with stop_server(). */
	while (!load_acquire(&server.is_stopped))
		sched_yield();
	ring_destroy(&server.ring);
	metrics_destroy(&server.metrics);
	return NULL;
}

static int start_server(void **state)
{
	setup(state);
	snprintf(path, sizeof(path), "/tmp/torc-metrics.%d", (int)getpid());
	memset(&server, 0, sizeof(server));
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
	/* Pairs with serve(). */
	while (!load_acquire(&server.is_ready))
		;
	assert_int_equal(server.result, 0);
	return 0;
}

static void end_server(void)
{
	ring_stop(&server.ring);
	/* Pairs with serve(). */
	store_release(&server.is_stopped, true);
	pthread_join(server.thread, NULL);
}

static int stop_server(void **state)
{
	end_server();
	assert_int_equal(access(path, F_OK), -1);
	return teardown(state);
}

static int call(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* All that comes; freed by the caller. */
static char *receive(int fd)
{
	size_t size = MIB, n = 0;
	char *text = calloc(1, size);
	ssize_t r;

	while ((r = read(fd, text + n, size - 1 - n)) > 0)
		n += (size_t)r;
	assert_int_equal(r, 0);
	close(fd);
	return text;
}

static void get_is_answered_as_http(void **state)
{
	static const char get[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

	for (unsigned i = 0; i < 3; i++) {
		int fd = call();
		char *text;

		assert_int_equal(write(fd, get, sizeof(get) - 1), sizeof(get) - 1);
		text = receive(fd);
		assert_int_equal(strncmp(text, "HTTP/1.0 200 OK\r\n", 17), 0);
		assert_has(text, "\r\n\r\n# HELP torc_vcpu_exits_total");
		check_text(text);
		free(text);
	}
}

static void who_sends_nothing_is_answered_too(void **state)
{
	int fd = call();
	char *text;

	shutdown(fd, SHUT_WR);
	text = receive(fd);
	assert_int_equal(strncmp(text, "# HELP torc_", 12), 0);
	check_text(text);
	free(text);
	/* Not even that. */
	text = receive(call());
	check_text(text);
	free(text);
}

static void who_goes_away_does_not_keep_others_waiting(void **state)
{
	char *text;

	for (unsigned i = 0; i < 5; i++)
		close(call());
	text = receive(call());
	check_text(text);
	free(text);
}

/* More than the socket holds, of which nothing is taken. */
static void who_does_not_read_is_given_up(void **state)
{
	char name[TRACE_NAME_SIZE];
	int lazy;
	char *text;

	for (unsigned i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "disk%u queue 0", i);
		trace_object(TRACE_QUEUE, name);
	}
	lazy = call();
	shutdown(lazy, SHUT_WR);
	text = receive(call());
	check_text(text);
	free(text);
	close(lazy);
}

static void a_ring_may_end_while_somebody_is_served(void **state)
{
	int fd = call();

	usleep(20000);
	end_server();
	close(fd);
	assert_int_equal(access(path, F_OK), -1);
}

#define WITH_SERVER(f) cmocka_unit_test_setup_teardown(f, start_server, stop_server)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counters_and_quantiles_are_printed, setup,
						teardown),
		WITH_SERVER(get_is_answered_as_http),
		WITH_SERVER(who_sends_nothing_is_answered_too),
		WITH_SERVER(who_goes_away_does_not_keep_others_waiting),
		WITH_SERVER(who_does_not_read_is_given_up),
		cmocka_unit_test_setup_teardown(a_ring_may_end_while_somebody_is_served,
						start_server, teardown),
	};

	signal(SIGPIPE, SIG_IGN); /* as torc does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
