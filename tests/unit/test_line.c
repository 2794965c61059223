/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo terminals and sockets behind a line, with a real ring on the test's thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/line/line.h"
#include "tests/unit/within.h"

#define TURN_NS	 2000000ULL
#define PATIENCE 30000 /* turns: 60 s */

struct fixture {
	struct ring ring;
	struct ring_op timer;
	struct line line;
	char dir[32], path[64];
	unsigned nr_changed, nr_closed;
};

static void on_changed(void *opaque)
{
	((struct fixture *)opaque)->nr_changed++;
}

static void on_closed(void *opaque)
{
	((struct fixture *)opaque)->nr_closed++;
}

static void on_time(struct ring_op *op, int32_t res, uint32_t flags)
{
}

static void turn(struct fixture *f)
{
	f->timer.done = on_time;
	ring_timeout(&f->ring, &f->timer, TURN_NS);
	ring_wait(&f->ring, &f->timer);
}

/* Turns until a condition holds. */
#define AWAIT(f, condition)                                           \
	do {                                                          \
		for (unsigned i_ = 0; i_ < PATIENCE && !(condition);) \
			i_++, turn(f);                                \
		assert_true(condition);                               \
	} while (0)

static void settle(struct fixture *f)
{
	for (unsigned i = 0; i < 20; i++)
		turn(f);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/torc-line-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	assert_int_equal(ring_init(&f->ring, 32, NULL), 0);
	*state = f;
	return 0;
}

static void close_line(struct fixture *f)
{
	if (f->line.ring && !line_close(&f->line)) {
		AWAIT(f, f->nr_closed == 1);
		assert_true(f->line.closed);
	}
	line_destroy(&f->line);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close_line(f);
	assert_int_equal(f->ring.nr_active, 1); /* its own */
	ring_destroy(&f->ring);
	unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static void start(struct fixture *f, enum line_mode mode)
{
	const struct line_config config = { .mode = mode, .path = f->path };
	const struct line_user user = {
		.changed = on_changed,
		.closed = on_closed,
		.opaque = f,
	};

	assert_int_equal(line_open(&f->line, "serial", &config, NULL, NULL), 0);
	line_start(&f->line, &f->ring, &user);
	settle(f);
}

static void send_text(struct fixture *f, const char *text)
{
	assert_int_equal(line_send(&f->line, text, (uint32_t)strlen(text)), strlen(text));
}

static void expect_input(struct fixture *f, const char *text)
{
	char got[64] = "";

	AWAIT(f, line_pending(&f->line) >= strlen(text));
	assert_int_equal(line_receive(&f->line, got, sizeof(got)), strlen(text));
	assert_string_equal(got, text);
}

static size_t take(int fd, char *buf, size_t size)
{
	ssize_t n = read(fd, buf, size);

	return n < 0 ? 0 : (size_t)n;
}

static void expect_output(struct fixture *f, int fd, const char *text)
{
	char got[64] = "";
	size_t n = 0;

	AWAIT(f, (n += take(fd, got + n, sizeof(got) - 1 - n)) >= strlen(text));
	assert_string_equal(got, text);
}

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* As much as the line takes. */
static uint64_t fill(struct fixture *f, uint64_t sent)
{
	for (unsigned quiet = 0; quiet < 20; quiet++) {
		uint8_t data[777];
		uint32_t n;

		for (unsigned i = 0; i < sizeof(data); i++)
			data[i] = pattern(sent + i);
		n = line_send(&f->line, data, sizeof(data));
		sent += n;
		if (n)
			quiet = 0;
		else
			turn(f);
	}
	assert_int_equal(line_room(&f->line), 0);
	return sent;
}

static void expect_pattern(struct fixture *f, int fd, uint64_t size)
{
	char data[5000];
	uint64_t got = 0;
	unsigned idle = 0;

	while (got < size) {
		size_t n = take(fd, data, sizeof(data));

		for (size_t i = 0; i < n; i++)
			assert_int_equal((uint8_t)data[i], pattern(got++));
		idle = n ? 0 : idle + 1;
		assert_true(idle < PATIENCE);
		turn(f);
	}
	assert_int_equal(got, size);
}

/* Nobody is there: any amount is taken at once, and forgotten. */
static void expect_discarded(struct fixture *f)
{
	static const char data[2 * LINE_OUT_SIZE];

	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(line_send(&f->line, data, sizeof(data)), sizeof(data));
		turn(f);
	}
	AWAIT(f, !f->line.out_op.active);
}

/* Pseudo terminals */

static int open_slave(struct fixture *f)
{
	int fd = open(f->line.pty, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	AWAIT(f, !f->line.out_off);
	return fd;
}

static void close_slave(struct fixture *f, int *fd)
{
	fd_close(fd);
	AWAIT(f, f->line.out_off);
}

static void pty_carries_both_ways(void **state)
{
	struct fixture *f = *state;
	struct termios t;
	int fd;

	start(f, LINE_PTY);
	fd = open_slave(f);
	send_text(f, "hello\n");
	expect_output(f, fd, "hello\n"); /* no carriage return is added */
	assert_int_equal(write(fd, "a\003\r", 3), 3);
	expect_input(f, "a\003\r");
	assert_int_equal(tcgetattr(fd, &t), 0);
	assert_int_equal(t.c_lflag & (ECHO | ICANON | ISIG), 0);
	fd_close(&fd);
}

static void pty_discards_while_nobody_has_it(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, LINE_PTY);
	expect_discarded(f);
	for (unsigned i = 0; i < 3; i++) {
		fd = open_slave(f);
		send_text(f, "back");
		expect_output(f, fd, "back");
		assert_int_equal(write(fd, "in", 2), 2);
		expect_input(f, "in");
		close_slave(f, &fd);
		expect_discarded(f);
	}
}

/* However soon: a close and an open that the line hears of together. */
static void pty_reopened_at_once_goes_on(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, LINE_PTY);
	fd = open_slave(f);
	for (unsigned i = 0; i < 50; i++) {
		fd_close(&fd);
		fd = open(f->line.pty, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		assert_true(fd >= 0);
		if (i & 1)
			turn(f);
	}
	settle(f);
	AWAIT(f, !f->line.out_off);
	send_text(f, "still");
	expect_output(f, fd, "still");
	fd_close(&fd);
}

static void pty_that_is_not_read_holds_the_guest(void **state)
{
	struct fixture *f = *state;
	uint64_t sent;
	int fd;

	start(f, LINE_PTY);
	fd = open_slave(f);
	sent = fill(f, 0);
	expect_pattern(f, fd, sent);
	assert_true(f->nr_changed > 0);
	fill(f, 0);
	close_slave(f, &fd); /* which frees it */
	expect_discarded(f);
}

static void pty_ends_while_it_is_not_read(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, LINE_PTY);
	fd = open_slave(f);
	fill(f, 0);
	close_line(f);
	fd_close(&fd);
}

/* Also when it was not being written to yet. */
static void pty_ends_right_after_output(void **state)
{
	static const char data[LINE_OUT_SIZE];
	struct fixture *f = *state;
	int fd;

	start(f, LINE_PTY);
	fd = open_slave(f);
	assert_int_equal(line_send(&f->line, data, LINE_OUT_SIZE), LINE_OUT_SIZE);
	close_line(f);
	fd_close(&fd);
}

static void pty_has_a_size(void **state)
{
	struct fixture *f = *state;
	const struct winsize size = { .ws_row = 33, .ws_col = 99 };
	uint16_t cols = 1, rows = 1;
	int fd;

	start(f, LINE_PTY);
	assert_true(line_size(&f->line, &cols, &rows));
	assert_int_equal(cols | rows, 0);
	fd = open_slave(f);
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	assert_true(line_size(&f->line, &cols, &rows));
	assert_int_equal(cols, 99);
	assert_int_equal(rows, 33);
	fd_close(&fd);
}

/* The terminal */

/* No carriage returns are added. */
static void raw_output(int fd)
{
	struct termios t;

	assert_int_equal(tcgetattr(fd, &t), 0);
	t.c_oflag &= ~(tcflag_t)OPOST;
	assert_int_equal(tcsetattr(fd, TCSANOW, &t), 0);
}

/* One that stands still must not make the ring do so. */
static void terminal_that_is_not_read_holds_the_guest(void **state)
{
	struct fixture *f = *state;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int saved_in = dup(STDIN_FILENO), saved_out = dup(STDOUT_FILENO), slave;
	uint64_t sent;

	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	fflush(stdout);
	dup2(slave, STDIN_FILENO);
	dup2(slave, STDOUT_FILENO);
	start(f, LINE_TTY);
	raw_output(slave);
	sent = fill(f, 0);
	expect_pattern(f, master, sent);
	assert_int_equal(write(master, "\003", 1), 1);
	expect_input(f, "\003");
	assert_false(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK); /* others have it, too */
	close_line(f);
	dup2(saved_in, STDIN_FILENO);
	dup2(saved_out, STDOUT_FILENO);
	close(saved_in);
	close(saved_out);
	close(slave);
	close(master);
}

/* Sockets */

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int open_client(struct fixture *f)
{
	int fd = connect_to(f->path);

	AWAIT(f, !f->line.out_off);
	return fd;
}

static void socket_carries_both_ways(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, LINE_SOCKET);
	fd = open_client(f);
	send_text(f, "hello\n");
	expect_output(f, fd, "hello\n");
	assert_int_equal(write(fd, "a\001x\r", 4), 4); /* no escape here */
	expect_input(f, "a\001x\r");
	fd_close(&fd);
}

static void socket_discards_while_there_is_no_client(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, LINE_SOCKET);
	expect_discarded(f);
	for (unsigned i = 0; i < 3; i++) {
		fd = open_client(f);
		send_text(f, "back");
		expect_output(f, fd, "back");
		assert_int_equal(write(fd, "last", 4), 4);
		fd_close(&fd);
		expect_input(f, "last"); /* what it said before it went */
		AWAIT(f, f->line.out_off);
		expect_discarded(f);
	}
}

static void second_client_waits_for_the_first(void **state)
{
	struct fixture *f = *state;
	int first, second;

	start(f, LINE_SOCKET);
	first = open_client(f);
	second = connect_to(f->path);
	assert_int_equal(write(second, "2", 1), 1);
	send_text(f, "one");
	expect_output(f, first, "one");
	settle(f);
	assert_int_equal(line_pending(&f->line), 0);
	fd_close(&first);
	expect_input(f, "2");
	send_text(f, "two");
	expect_output(f, second, "two");
	fd_close(&second);
}

static void client_that_does_not_read_holds_the_guest(void **state)
{
	struct fixture *f = *state;
	uint64_t sent;
	int fd;

	start(f, LINE_SOCKET);
	fd = open_client(f);
	sent = fill(f, 0);
	expect_pattern(f, fd, sent);
	fill(f, 0);
	fd_close(&fd);
	AWAIT(f, f->line.out_off);
	expect_discarded(f);
	fd = open_client(f);
	send_text(f, "new"); /* and nothing that was meant for the first */
	expect_output(f, fd, "new");
	fd_close(&fd);
}

static void input_is_held_back(void **state)
{
	struct fixture *f = *state;
	char data[10 * LINE_IN_SIZE], got[1000];
	uint64_t sent = 0, received = 0;
	uint32_t n;
	int fd;

	start(f, LINE_SOCKET);
	fd = open_client(f);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)pattern(i);
	while (received < sizeof(data)) {
		ssize_t w = write(fd, data + sent, sizeof(data) - sent);

		sent += w > 0 ? (uint64_t)w : 0;
		settle(f);
		assert_within(line_pending(&f->line), 1, LINE_IN_SIZE);
		while ((n = line_receive(&f->line, got, sizeof(got)))) {
			assert_memory_equal(got, data + received, n);
			received += n;
		}
	}
	fd_close(&fd);
}

static void close_writes_out_what_is_queued(void **state)
{
	struct fixture *f = *state;
	uint64_t sent = 0;
	int fd;

	start(f, LINE_SOCKET);
	fd = open_client(f);
	for (; sent < 10000; sent++) {
		uint8_t byte = pattern(sent);

		assert_int_equal(line_send(&f->line, &byte, 1), 1);
	}
	close_line(f);
	expect_pattern(f, fd, sent);
	fd_close(&fd);
}

static void close_waits_for_a_slow_reader(void **state)
{
	struct fixture *f = *state;
	uint64_t sent;
	int fd;

	start(f, LINE_SOCKET);
	fd = open_client(f);
	sent = fill(f, 0);
	assert_false(line_close(&f->line));
	expect_pattern(f, fd, sent);
	AWAIT(f, f->nr_closed == 1);
	f->line.ring = NULL; /* is closed */
	fd_close(&fd);
}

/* A Ctrl-A that was held back comes with the read that fills the queue. */
static void escape_fits_into_a_full_queue(void **state)
{
	struct fixture *f = *state;
	char text[4000 + 1 + 200], got[LINE_IN_SIZE];
	int fd;

	memset(text, 'q', sizeof(text));
	text[4000] = '\001';
	start(f, LINE_SOCKET);
	f->line.raw = true;
	fd = open_client(f);
	assert_int_equal(write(fd, text, 4001), 4001);
	AWAIT(f, line_pending(&f->line) == 4000);
	settle(f);
	assert_int_equal(write(fd, text + 4001, 200), 200);
	AWAIT(f, line_pending(&f->line) >= LINE_IN_SIZE - 1);
	settle(f);
	assert_within(line_pending(&f->line), LINE_IN_SIZE - 1, LINE_IN_SIZE);
	line_receive(&f->line, got, 4001);
	assert_memory_equal(got, text, 4001);
	fd_close(&fd);
	f->line.raw = false;
}

static void socket_is_removed_at_the_end(void **state)
{
	struct fixture *f = *state;

	start(f, LINE_SOCKET);
	assert_int_equal(access(f->path, F_OK), 0);
	close_line(f);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void socket_of_somebody_else_stays(void **state)
{
	struct fixture *f = *state;

	start(f, LINE_SOCKET);
	assert_int_equal(unlink(f->path), 0);
	close(open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	close_line(f);
	assert_int_equal(access(f->path, F_OK), 0);
}

/* Opens what @config says, under the widest or the narrowest umask, and looks at the mode of its file. */
static void has_mode(const struct line_config *config, mode_t mask, mode_t mode)
{
	struct line line = { 0 };
	struct stat st;

	mask = umask(mask);
	assert_int_equal(line_open(&line, "serial", config, NULL, NULL), 0);
	umask(mask);
	assert_int_equal(stat(config->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	line_destroy(&line);
	unlink(config->path);
}

static void umask_does_not_say_who_may_use_it(void **state)
{
	struct fixture *f = *state;
	struct line_config config = { .mode = LINE_SOCKET, .path = f->path };

	for (unsigned i = 0; i < 2; i++) {
		config.mode = i ? LINE_FILE : LINE_SOCKET;
		config.access = 0;
		has_mode(&config, 0, 0600);
		config.access = 0660;
		has_mode(&config, 0, 0660);
		has_mode(&config, 077, 0660);
	}
}

static void refuse(struct fixture *f, int r, const char *reason, const char *remedy)
{
	const struct line_config config = { .mode = LINE_SOCKET, .path = f->path };
	struct error err = { 0 };
	struct line line = { 0 };

	assert_int_equal(line_open(&line, "serial", &config, NULL, &err), r);
	assert_false(line.opened);
	assert_non_null(strstr(err.object, "serial socket="));
	assert_non_null(strstr(err.reason, reason));
	assert_non_null(strstr(err.remedy, remedy));
}

static void stale_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, f->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	refuse(f, -EADDRINUSE, "a process listens on it", "name another path");
	fd_close(&fd);
	start(f, LINE_SOCKET);
	fd = open_client(f);
	fd_close(&fd);
}

static void line_in_use_is_refused_and_unharmed(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, LINE_SOCKET);
	fd = open_client(f);
	refuse(f, -EADDRINUSE, "a process listens on it", "name another path");
	send_text(f, "mine");
	expect_output(f, fd, "mine");
	fd_close(&fd);
}

static void paths_that_can_be_no_socket(void **state)
{
	struct fixture *f = *state;
	char *path = f->path;

	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	refuse(f, -EEXIST, "is no socket", "remove it");
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	snprintf(path, sizeof(f->path), "%s/no/socket", f->dir);
	refuse(f, -ENOENT, "No such file", "");
}

static void longest_path_of_a_socket(void **state)
{
	struct fixture *f = *state;
	char path[LINE_MAX_SOCKET_PATH + 2];
	struct line_config config = { .mode = LINE_SOCKET, .path = path };
	struct error err = { 0 };
	struct line line = { 0 };

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	memcpy(path, f->path, strlen(f->path));
	assert_int_equal(line_open(&line, "serial", &config, NULL, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.remedy, "107"));
	path[sizeof(path) - 2] = '\0';
	assert_int_equal(line_open(&line, "serial", &config, NULL, NULL), 0);
	line_destroy(&line);
	assert_int_equal(access(path, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pty_carries_both_ways),
		TEST(pty_discards_while_nobody_has_it),
		TEST(umask_does_not_say_who_may_use_it),
		TEST(pty_reopened_at_once_goes_on),
		TEST(pty_that_is_not_read_holds_the_guest),
		TEST(pty_ends_while_it_is_not_read),
		TEST(pty_ends_right_after_output),
		TEST(pty_has_a_size),
		TEST(terminal_that_is_not_read_holds_the_guest),
		TEST(socket_carries_both_ways),
		TEST(socket_discards_while_there_is_no_client),
		TEST(second_client_waits_for_the_first),
		TEST(client_that_does_not_read_holds_the_guest),
		TEST(input_is_held_back),
		TEST(close_writes_out_what_is_queued),
		TEST(close_waits_for_a_slow_reader),
		TEST(escape_fits_into_a_full_queue),
		TEST(socket_is_removed_at_the_end),
		TEST(socket_of_somebody_else_stays),
		TEST(stale_socket_is_replaced),
		TEST(line_in_use_is_refused_and_unharmed),
		TEST(paths_that_can_be_no_socket),
		TEST(longest_path_of_a_socket),
	};

	signal(SIGPIPE, SIG_IGN); /* as torc does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
