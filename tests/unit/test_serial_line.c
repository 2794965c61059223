/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <termios.h>

#include "tests/unit/serial_fixture.h"
#include "tests/unit/within.h"

/* Transmitter */

static void output_arrives_in_order_with_one_wake_up(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[64];

	for (const char *p = "hello, world\n"; *p; p++)
		wr(f, UART_TX, (uint8_t)*p);
	assert_non_null(f->ring.posted);
	assert_null(f->ring.posted->next);
	fake_ring_settle(&f->ring);
	assert_int_equal(take(f, buf, sizeof(buf)), 13);
	assert_memory_equal(buf, "hello, world\n", 13);
}

static void ring_that_is_writing_is_not_woken(void **state)
{
	static const uint8_t page[4096];
	uint8_t got[sizeof(page)];
	struct fixture *f = *state;

	assert_int_equal(fcntl(f->out_fd, F_SETPIPE_SZ, sizeof(page)), sizeof(page));
	assert_int_equal(write(STDOUT_FILENO, page, sizeof(page)), sizeof(page));
	wr(f, UART_TX, 'a');
	fake_ring_settle(&f->ring);
	assert_true(f->s.line.out_op.active);
	wr(f, UART_TX, 'b');
	assert_null(f->ring.posted);
	assert_int_equal(take(f, got, sizeof(got)), sizeof(page));
	for (char want = 'a'; want <= 'b'; want++) { /* a pipe of one page takes one write */
		fake_ring_settle(&f->ring);
		assert_int_equal(take(f, got, sizeof(got)), 1);
		assert_int_equal(got[0], want);
	}
}

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* Sends while THRE is set, a FIFO at a time as drivers do. */
static uint64_t send_until_full(struct fixture *f, uint64_t sent)
{
	while (rd(f, UART_LSR) & UART_LSR_THRE) {
		for (unsigned i = 0; i < SERIAL_FIFO; i++)
			wr(f, UART_TX, pattern(sent++));
		if (sent % 4096 == 0)
			fake_ring_settle(&f->ring);
	}
	return sent;
}

static uint64_t drain(struct fixture *f, uint64_t got)
{
	uint8_t buf[4096];
	size_t n;

	while ((n = take(f, buf, sizeof(buf)))) {
		for (size_t i = 0; i < n; i++)
			assert_int_equal(buf[i], pattern(got++));
		fake_ring_settle(&f->ring);
		if (fake_ring_expire(&f->ring)) /* a retry */
			fake_ring_settle(&f->ring);
	}
	return got;
}

static void slow_reader_holds_the_guest_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t sent = 0, got = 0;

	wr(f, UART_MCR, UART_MCR_OUT2);
	wr(f, UART_IER, UART_IER_THRI);
	for (unsigned round = 0; round < 3; round++) {
		sent = send_until_full(f, sent);
		assert_true(sent - got >= LINE_OUT_SIZE - SERIAL_FIFO);
		assert_false(rd(f, UART_LSR) & (UART_LSR_THRE | UART_LSR_TEMT));
		assert_false(f->irq);
		got = drain(f, got);
		assert_int_equal(got, sent);
		assert_true(f->irq); /* room again */
		assert_int_equal(rd(f, UART_IIR), UART_IIR_THRI);
	}
}

static void bytes_sent_into_a_full_line_are_dropped(void **state)
{
	struct fixture *f = *state;
	uint64_t sent = send_until_full(f, 0);

	for (unsigned i = 0; i < 1000; i++)
		wr(f, UART_TX, pattern(sent + (i < SERIAL_FIFO ? i : 99)));
	assert_within(drain(f, 0), sent, sent + SERIAL_FIFO);
}

static void full_non_blocking_output_is_tried_again(void **state)
{
	struct fixture *f = *state;
	uint64_t sent;

	plug_pipes(f);
	fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
	start(f, LINE_TTY, NULL);
	sent = send_until_full(f, 0);
	assert_int_equal(drain(f, 0), sent);
}

static void closed_output_is_discarded(void **state)
{
	struct fixture *f = *state;

	fd_close(&f->out_fd);
	wr(f, UART_MCR, UART_MCR_OUT2);
	wr(f, UART_IER, UART_IER_THRI);
	for (unsigned i = 0; i < 3 * LINE_OUT_SIZE; i++) {
		wr(f, UART_TX, 'x');
		if (i % 1000 == 0)
			fake_ring_settle(&f->ring);
	}
	assert_true(rd(f, UART_LSR) & UART_LSR_THRE);
	assert_int_equal(rd(f, UART_IIR), UART_IIR_THRI);
	type(f, "i", 1); /* input goes on */
	expect_received(f, "i");
}

static void failing_with_a_full_queue_frees_the_guest(void **state)
{
	struct fixture *f = *state;

	send_until_full(f, 0);
	wr(f, UART_MCR, UART_MCR_OUT2);
	wr(f, UART_IER, UART_IER_THRI);
	assert_false(f->irq);
	fd_close(&f->out_fd);
	fake_ring_settle(&f->ring);
	assert_true(f->irq);
	assert_true(rd(f, UART_LSR) & UART_LSR_THRE);
}

/* Files */

static void file_is_created_truncated_and_written(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/torc-serial-XXXXXX";
	char text[32] = "";
	struct stat st;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "what was there before", 21), 0);
	start(f, LINE_FILE, path);
	for (unsigned i = 0; i < 2; i++) {
		wr(f, UART_TX, 'a' + i);
		fake_ring_settle(&f->ring);
	}
	assert_int_equal(fd_pread_all(fd, text, sizeof(text), 0), 2);
	assert_string_equal(text, "ab");
	assert_true(rd(f, UART_LSR) & UART_LSR_THRE);
	serial_destroy(&f->s);
	close(fd);
	unlink(path);
	umask(0);
	start(f, LINE_FILE, path);
	umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	unlink(path);
}

static void file_that_cannot_be_opened_is_named(void **state)
{
	struct fixture *f = *state;
	struct serial_config config = { .line = { .mode = LINE_FILE, .path = "/nonexistent/log" } };
	struct error err = { 0 };

	assert_int_equal(serial_init(&f->s, &config, &f->ring, on_irq, f, &err), -ENOENT);
	assert_non_null(strstr(err.object, "/nonexistent/log"));
	assert_null(f->s.line.ring);
}

static void fifo_without_reader_is_refused_at_once(void **state)
{
	struct fixture *f = *state;
	char dir[] = "/tmp/torc-serial-XXXXXX", path[64];
	struct serial_config config = { .line = { .mode = LINE_FILE, .path = path } };
	struct error err = { 0 };

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(serial_init(&f->s, &config, &f->ring, on_irq, f, &err), -ENXIO);
	assert_string_equal(err.reason, "a FIFO that no process reads");
	unlink(path);
	rmdir(dir);
}

static void full_device_is_reported_and_discarded(void **state)
{
	struct fixture *f = *state;

	start(f, LINE_FILE, "/dev/full");
	for (unsigned i = 0; i < 2 * LINE_OUT_SIZE; i++) {
		wr(f, UART_TX, 'x');
		fake_ring_settle(&f->ring);
	}
	assert_true(rd(f, UART_LSR) & UART_LSR_THRE);
}

static void null_takes_everything(void **state)
{
	struct fixture *f = *state;

	start(f, LINE_NULL, NULL);
	for (unsigned i = 0; i < 2 * LINE_OUT_SIZE; i++)
		wr(f, UART_TX, 'x');
	assert_true(rd(f, UART_LSR) & UART_LSR_THRE);
	assert_int_equal(f->ring.nr_active, 0);
	assert_null(f->ring.posted);
}

/* Tear-down */

static void destroy_writes_out_what_is_queued(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[16384];

	for (unsigned i = 0; i < 10000; i++)
		wr(f, UART_TX, pattern(i));
	serial_destroy(&f->s);
	assert_int_equal(take(f, buf, sizeof(buf)), 10000);
	assert_int_equal(buf[9999], pattern(9999));
}

static void destroy_gives_up_on_a_stuck_reader(void **state)
{
	struct fixture *f = *state;

	wr(f, UART_MCR, UART_MCR_OUT2);
	send_until_full(f, 0);
	serial_destroy(&f->s);
	assert_int_equal(f->ring.nr_active, 0);
}

static void destroy_takes_a_zeroed_struct(void **state)
{
	struct fixture *f = *state;

	serial_destroy(&f->s);
	serial_destroy(&f->s);
}

/* Terminal */

static struct termios terminal_of(int fd)
{
	struct termios t;

	assert_int_equal(tcgetattr(fd, &t), 0);
	return t;
}

static int setup_terminal(void **state)
{
	struct fixture *f = fixture_new();
	int fd;

	f->type_fd = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(f->type_fd >= 0);
	assert_int_equal(grantpt(f->type_fd) | unlockpt(f->type_fd), 0);
	fd = open(ptsname(f->type_fd), O_RDWR | O_NOCTTY);
	assert_true(fd >= 0);
	dup2(fd, STDIN_FILENO);
	close(fd);
	start(f, LINE_TTY, NULL);
	wr(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	*state = f;
	return 0;
}

static void terminal_is_raw_until_destroy(void **state)
{
	struct fixture *f = *state;
	tcflag_t cooked = ECHO | ICANON | ISIG;

	assert_int_equal(terminal_of(STDIN_FILENO).c_lflag & cooked, 0);
	serial_destroy(&f->s);
	assert_int_equal(terminal_of(STDIN_FILENO).c_lflag & cooked, cooked);
}

static void terminal_can_be_restored_from_a_signal_handler(void **state)
{
	tcflag_t cooked = ECHO | ICANON | ISIG;

	line_restore_terminal();
	assert_int_equal(terminal_of(STDIN_FILENO).c_lflag & cooked, cooked);
	line_restore_terminal(); /* once is enough */
}

static void control_c_goes_to_the_guest(void **state)
{
	struct fixture *f = *state;

	type(f, "\003\032\r", 3);
	expect_received(f, "\003\032\r");
}

static void escape_x_quits(void **state)
{
	struct fixture *f = *state;

	type(f, "a\001xb", 4);
	assert_int_equal(f->quits, 1);
	expect_received(f, "ab");
	type(f, "x", 1);
	assert_int_equal(f->quits, 1);
	expect_received(f, "x");
}

static void escape_may_be_split_between_reads(void **state)
{
	struct fixture *f = *state;

	type(f, "\001", 1);
	assert_false(rd(f, UART_LSR) & UART_LSR_DR);
	type(f, "x", 1);
	assert_int_equal(f->quits, 1);
	assert_false(rd(f, UART_LSR) & UART_LSR_DR);
	type(f, "\001", 1);
	type(f, "e", 1);
	expect_received(f, "\001e");
}

static void escape_twice_sends_one(void **state)
{
	struct fixture *f = *state;

	type(f, "\001\001x\001\001\001\001", 7);
	assert_int_equal(f->quits, 0);
	expect_received(f, "\001x\001\001");
}

static void longest_read_after_an_escape_fits(void **state)
{
	struct fixture *f = *state;
	char text[LINE_IN_SIZE + 2] = "\001";

	memset(text + 1, 'q', LINE_IN_SIZE);
	type(f, text, 1);
	type(f, text + 1, LINE_IN_SIZE);
	expect_received(f, text);
}

/* A guest that takes no input any more cannot keep its user from ending it. */
static void escape_works_while_input_waits(void **state)
{
	struct fixture *f = *state;
	char text[SERIAL_FIFO + 101] = "";

	memset(text, 'q', sizeof(text) - 1);
	type(f, text, sizeof(text) - 1);
	type(f, "\001x", 2);
	assert_int_equal(f->quits, 1);
	expect_received(f, text);
}

#define TERMINAL(name) cmocka_unit_test_setup_teardown(name, setup_terminal, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PIPES(output_arrives_in_order_with_one_wake_up),
		PIPES(ring_that_is_writing_is_not_woken),
		PIPES(slow_reader_holds_the_guest_and_loses_nothing),
		PIPES(bytes_sent_into_a_full_line_are_dropped),
		UNPLUGGED(full_non_blocking_output_is_tried_again),
		PIPES(closed_output_is_discarded),
		PIPES(failing_with_a_full_queue_frees_the_guest),
		UNPLUGGED(file_is_created_truncated_and_written),
		UNPLUGGED(file_that_cannot_be_opened_is_named),
		UNPLUGGED(fifo_without_reader_is_refused_at_once),
		UNPLUGGED(full_device_is_reported_and_discarded),
		UNPLUGGED(null_takes_everything),
		PIPES(destroy_writes_out_what_is_queued),
		PIPES(destroy_gives_up_on_a_stuck_reader),
		UNPLUGGED(destroy_takes_a_zeroed_struct),
		TERMINAL(terminal_is_raw_until_destroy),
		TERMINAL(terminal_can_be_restored_from_a_signal_handler),
		TERMINAL(control_c_goes_to_the_guest),
		TERMINAL(escape_x_quits),
		TERMINAL(escape_may_be_split_between_reads),
		TERMINAL(escape_twice_sends_one),
		TERMINAL(longest_read_after_an_escape_fits),
		TERMINAL(escape_works_while_input_waits),
	};

	signal(SIGPIPE, SIG_IGN); /* as torc does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
