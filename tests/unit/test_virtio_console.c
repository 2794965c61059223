/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio console, with a real ring; only KVM is not there. */
#include <errno.h>
#include <fcntl.h>
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
#include <unistd.h>

#include <cmocka.h>

#include <linux/sockios.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_pci.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "io/console/console.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/virtio_driver.h"
#include "tests/unit/within.h"

#define RECEIVEQ      0
#define TRANSMITQ     1
#define BUFFER	      (DRIVER_DATA + 0x10000)
#define COMMON(field) (DRIVER_COMMON + offsetof(struct virtio_pci_common_cfg, field))
#define EVENT_IDX     (1ULL << VIRTIO_RING_F_EVENT_IDX)

struct fixture {
	struct driver driver;
	struct virtio_pci *console; /* started */
	char dir[32], path[64];
	int client;
	unsigned quits; /* atomic */
	unsigned config_interrupts;
};

static void on_quit(void *opaque)
{
	__atomic_fetch_add(&((struct fixture *)opaque)->quits, 1, __ATOMIC_RELAXED);
}

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.client = -1;
	strcpy(f.dir, "/tmp/torc-console-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	snprintf(f.path, sizeof(f.path), "%s/path", f.dir);
	*state = &f;
	fake_kvm_reset();
	if (driver_init(&f.driver))
		return -1;
	f.driver.site.quit = on_quit;
	f.driver.site.opaque = &f;
	return 0;
}

static void create(struct fixture *f, enum line_mode mode)
{
	const struct virtio_console_options options = {
		.id = "__console",
		.line = { .mode = mode, .path = f->path },
	};

	assert_int_equal(virtio_console_create(&options, &f->driver.site, &f->console, NULL), 0);
	driver_attach(&f->driver, f->console);
	virtio_console_start(f->console);
}

/* As the machine does at its end. */
static void end(struct fixture *f)
{
	if (f->console) {
		virtio_pci_reset(f->console, -1, -1);
		assert_true(virtio_console_close(f->console, -1));
	}
	f->console = NULL;
	driver_detach(&f->driver);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	end(f);
	driver_destroy(&f->driver);
	fd_close(&f->client);
	unlink(f->path);
	assert_int_equal(rmdir(f->dir), 0);
	return 0;
}

static void start(struct fixture *f)
{
	driver_start(&f->driver, EVENT_IDX, VIRTIO_CONSOLE_NR_QUEUES);
}

/* With output to come, a byte of input tells when the line has taken the connection, and discards no more. */
static void connect_client(struct fixture *f, bool for_output)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int unread = 1;

	f->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(addr.sun_path, f->path);
	assert_int_equal(connect(f->client, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (!for_output)
		return;
	assert_int_equal(write(f->client, "!", 1), 1);
	for (unsigned i = 0; i < 60000 && unread; i++) {
		usleep(1000);
		assert_int_equal(ioctl(f->client, SIOCOUTQ, &unread), 0);
	}
	assert_int_equal(unread, 0);
}

static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

static void put_pattern(struct fixture *f, uint64_t addr, uint64_t size, uint64_t from)
{
	uint8_t *bytes = driver_ptr(&f->driver, addr);

	for (uint64_t i = 0; i < size; i++)
		bytes[i] = pattern(from + i);
}

static void expect_pattern(const uint8_t *bytes, uint64_t size, uint64_t from)
{
	for (uint64_t i = 0; i < size; i++)
		assert_int_equal(bytes[i], pattern(from + i));
}

static void expect_sent(struct fixture *f, uint64_t size)
{
	uint8_t *bytes = malloc(size);

	assert_non_null(bytes);
	assert_int_equal(fd_read_all(f->client, bytes, size), size);
	expect_pattern(bytes, size, 0);
	free(bytes);
}

static void send_chain(struct fixture *f, const struct driver_buffer *buffers, unsigned nr)
{
	driver_add(&f->driver, TRANSMITQ, buffers, nr);
	driver_kick(&f->driver, TRANSMITQ);
}

static void expect_done(struct fixture *f, unsigned queue, uint32_t len)
{
	struct vring_used_elem elem;

	assert_true(driver_wait(&f->driver, queue, &elem));
	assert_int_equal(elem.len, len);
}

static uint16_t used_index(struct fixture *f, unsigned queue)
{
	/* Pairs with virtqueue_publish(). */
	return load_acquire(&f->driver.queue[queue].used->idx);
}

static bool needs_reset(struct fixture *f)
{
	for (unsigned n = 0; n < 500000; n++) {
		if (driver_read(&f->driver, COMMON(device_status), 1) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return true;
		usleep(100);
	}
	return false;
}

/* Output */

static void output_arrives_whole_and_in_order(void **state)
{
	struct fixture *f = *state;
	uint64_t sent = 0;

	create(f, LINE_SOCKET);
	connect_client(f, true);
	start(f);
	for (unsigned i = 0; i < 300; i++) {
		const struct driver_buffer buffers[] = {
			{ BUFFER, i, false },
			{ BUFFER + 0x1000, 1, false },
		};

		put_pattern(f, BUFFER, i, sent);
		put_pattern(f, BUFFER + 0x1000, 1, sent + i);
		send_chain(f, buffers, 2);
		expect_done(f, TRANSMITQ, 0);
		sent += i + 1;
	}
	expect_sent(f, sent);
}

/* A chain may hold far more than all buffers on the way; it is given back when the last of it was taken. */
static void slow_reader_keeps_the_chain(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = 4 * MIB;
	const struct driver_buffer buffers[] = {
		{ BUFFER, (uint32_t)size - 5, false },
		{ BUFFER + size - 5, 5, false },
	};

	create(f, LINE_SOCKET);
	connect_client(f, true);
	start(f);
	put_pattern(f, BUFFER, size, 0);
	send_chain(f, buffers, 2);
	usleep(100000);
	assert_int_equal(used_index(f, TRANSMITQ), 0);
	expect_sent(f, size);
	expect_done(f, TRANSMITQ, 0);
}

static void output_to_nobody_is_taken(void **state)
{
	static const enum line_mode modes[] = { LINE_NULL, LINE_PTY, LINE_SOCKET };
	struct fixture *f = *state;
	/* More than guest memory, since the same is named again and again. */
	struct driver_buffer buffers[100];

	for (unsigned i = 0; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = (struct driver_buffer){ BUFFER, 16 * MIB, false };
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		create(f, modes[i]);
		start(f);
		for (unsigned n = 0; n < 300; n++) {
			send_chain(f, buffers, ARRAY_SIZE(buffers));
			expect_done(f, TRANSMITQ, 0);
		}
		end(f);
	}
}

static void file_gets_what_is_queued_at_the_end(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer buffer = { BUFFER, 50000, false };
	uint8_t *bytes = calloc(1, 60000);
	int fd;

	create(f, LINE_FILE);
	start(f);
	put_pattern(f, BUFFER, 50000, 0);
	send_chain(f, &buffer, 1);
	expect_done(f, TRANSMITQ, 0);
	end(f);
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_read_all(fd, bytes, 60000), 50000);
	expect_pattern(bytes, 50000, 0);
	fd_close(&fd);
	free(bytes);
}

/* Input */

static void input_fills_a_buffer_at_once(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer buffers[] = {
		{ BUFFER, 300, true },
		{ BUFFER + 0x1000, 4096, true },
	};
	uint8_t text[1000];

	create(f, LINE_SOCKET);
	connect_client(f, false);
	start(f);
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = pattern(i);
	for (unsigned i = 0; i < 50; i++) {
		driver_add(&f->driver, RECEIVEQ, buffers, 2);
		driver_kick(&f->driver, RECEIVEQ);
		assert_int_equal(write(f->client, text, sizeof(text)), sizeof(text));
		expect_done(f, RECEIVEQ, sizeof(text));
		expect_pattern(driver_ptr(&f->driver, BUFFER), 300, 0);
		expect_pattern(driver_ptr(&f->driver, BUFFER + 0x1000), 700, 300);
	}
}

static void input_waits_for_the_driver_and_its_buffers(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer buffer = { BUFFER, 100, true };
	uint64_t written = 0, received = 0;
	uint8_t text[100];

	create(f, LINE_SOCKET);
	connect_client(f, false);
	fcntl(f->client, F_SETFL, O_NONBLOCK);
	for (;;) { /* until no more goes in */
		ssize_t n;

		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = pattern(written + i);
		n = write(f->client, text, sizeof(text));
		if (n <= 0)
			break;
		written += (uint64_t)n;
	}
	assert_true(written > LINE_IN_SIZE);
	start(f);
	while (received < written) {
		struct vring_used_elem elem;

		driver_add(&f->driver, RECEIVEQ, &buffer, 1);
		driver_kick(&f->driver, RECEIVEQ);
		assert_true(driver_wait(&f->driver, RECEIVEQ, &elem));
		assert_within(elem.len, 1, 100);
		expect_pattern(driver_ptr(&f->driver, BUFFER), elem.len, received);
		received += elem.len;
	}
	assert_int_equal(received, written);
}

/* Plugs a new terminal into standard input and output. Return: its master. */
static int plug_terminal(int saved[2])
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	fflush(stdout);
	saved[0] = dup(STDIN_FILENO);
	saved[1] = dup(STDOUT_FILENO);
	dup2(slave, STDIN_FILENO);
	dup2(slave, STDOUT_FILENO);
	close(slave);
	return master;
}

static void unplug_terminal(int master, const int saved[2])
{
	dup2(saved[0], STDIN_FILENO);
	dup2(saved[1], STDOUT_FILENO);
	close(saved[0]);
	close(saved[1]);
	close(master);
}

/* Also while the guest has no driver for it. */
static void escape_x_quits(void **state)
{
	struct fixture *f = *state;
	int saved[2], master = plug_terminal(saved);

	create(f, LINE_TTY);
	assert_int_equal(write(master, "abc\001x", 5), 5);
	for (unsigned i = 0; i < 60000 && !__atomic_load_n(&f->quits, __ATOMIC_RELAXED); i++)
		usleep(1000);
	end(f);
	unplug_terminal(master, saved);
	assert_int_equal(f->quits, 1);
}

/* Size */

static void on_interrupt(void *opaque, uint64_t address, uint32_t data)
{
	((struct fixture *)opaque)->config_interrupts += data == 0;
}

static unsigned offered_features(struct fixture *f)
{
	driver_write(&f->driver, COMMON(device_feature_select), 4, 0);
	return (unsigned)driver_read(&f->driver, COMMON(device_feature), 4);
}

static void expect_size(struct fixture *f, unsigned cols, unsigned rows)
{
	assert_int_equal(driver_read(&f->driver, DRIVER_CONFIG, 2), cols);
	assert_int_equal(driver_read(&f->driver, DRIVER_CONFIG + 2, 2), rows);
}

static void size_of_the_terminal_is_told(void **state)
{
	struct fixture *f = *state;
	const struct winsize first = { .ws_row = 24, .ws_col = 80 };
	const struct winsize second = { .ws_row = 33, .ws_col = 99 };
	int saved[2], master = plug_terminal(saved);
	uint64_t generation;

	assert_int_equal(ioctl(master, TIOCSWINSZ, &first), 0);
	create(f, LINE_TTY);
	unplug_terminal(dup(master), saved);
	assert_true(offered_features(f) >> VIRTIO_CONSOLE_F_SIZE & 1);
	assert_false(offered_features(f) >> VIRTIO_CONSOLE_F_MULTIPORT & 1);
	generation = driver_read(&f->driver, COMMON(config_generation), 1);
	assert_int_equal(ioctl(master, TIOCSWINSZ, &second), 0);
	virtio_console_resize(f->console); /* before there is a driver */
	assert_int_not_equal(driver_read(&f->driver, COMMON(config_generation), 1), generation);
	assert_int_equal(ioctl(master, TIOCSWINSZ, &first), 0);
	virtio_console_resize(f->console);
	start(f);
	driver_enable_msix(&f->driver);
	expect_size(f, 80, 24);
	generation = driver_read(&f->driver, COMMON(config_generation), 1);
	virtio_console_resize(f->console); /* to what it is */
	fake_kvm_deliver(on_interrupt, f);
	assert_int_equal(f->config_interrupts, 0);
	assert_int_equal(ioctl(master, TIOCSWINSZ, &second), 0);
	virtio_console_resize(f->console);
	fake_kvm_deliver(on_interrupt, f);
	assert_int_equal(f->config_interrupts, 1);
	expect_size(f, 99, 33);
	assert_int_not_equal(driver_read(&f->driver, COMMON(config_generation), 1), generation);
	end(f);
	close(master);
}

/* Nobody tells of it, so it is looked at when something is typed. */
static void size_of_a_pseudo_terminal_is_noticed(void **state)
{
	struct fixture *f = *state;
	const struct winsize size = { .ws_row = 33, .ws_col = 99 };
	int fd;

	create(f, LINE_PTY);
	assert_true(offered_features(f) >> VIRTIO_CONSOLE_F_SIZE & 1);
	start(f);
	expect_size(f, 0, 0);
	fd = open(virtio_console_pty(f->console), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TIOCSWINSZ, &size), 0);
	assert_int_equal(write(fd, "x", 1), 1);
	for (unsigned i = 0; i < 60000 && !driver_read(&f->driver, DRIVER_CONFIG, 2); i++)
		usleep(1000);
	expect_size(f, 99, 33);
	close(fd);
}

static void what_is_no_terminal_has_no_size(void **state)
{
	struct fixture *f = *state;

	create(f, LINE_FILE);
	assert_false(offered_features(f) >> VIRTIO_CONSOLE_F_SIZE & 1);
	assert_string_equal(virtio_console_pty(f->console), "");
	virtio_console_resize(f->console);
	expect_size(f, 0, 0);
}

/* Resets and bad drivers */

static void reset_with_a_chain_half_sent(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer large = { BUFFER, 16 * MIB, false },
				   small = { BUFFER, 10, false };
	char drain[65536];
	uint64_t drained;

	create(f, LINE_SOCKET);
	for (unsigned i = 0; i < 20; i++) {
		connect_client(f, true);
		start(f);
		send_chain(f, &large, 1);
		usleep(i * 200);
		driver_reset(&f->driver);
		/* It goes on with the next driver: what it sends is not what the last one had. */
		put_pattern(f, BUFFER, 10, 0);
		start(f);
		send_chain(f, &small, 1);
		fcntl(f->client, F_SETFL, O_NONBLOCK);
		drained = 0;
		for (unsigned n = 0; n < 60000 && !used_index(f, TRANSMITQ); n++) {
			ssize_t r;

			while ((r = read(f->client, drain, sizeof(drain))) > 0)
				drained += (uint64_t)r;
			usleep(1000);
		}
		assert_true(drained < 8 * MIB); /* what was queued, and nothing of the rest */
		expect_done(f, TRANSMITQ, 0);
		fd_close(&f->client);
	}
}

static void reset_keeps_the_input(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer buffer = { BUFFER, 100, true };

	create(f, LINE_SOCKET);
	connect_client(f, false);
	start(f);
	for (unsigned i = 0; i < 128; i++)
		driver_add(&f->driver, RECEIVEQ, &buffer, 1);
	driver_kick(&f->driver, RECEIVEQ);
	driver_reset(&f->driver);
	assert_int_equal(write(f->client, "keys", 4), 4);
	usleep(50000);
	start(f);
	driver_add(&f->driver, RECEIVEQ, &buffer, 1);
	driver_kick(&f->driver, RECEIVEQ);
	expect_done(f, RECEIVEQ, 4);
	assert_memory_equal(driver_ptr(&f->driver, BUFFER), "keys", 4);
}

static void end_with_a_chain_half_sent(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer large = { BUFFER, 16 * MIB, false };

	create(f, LINE_SOCKET);
	connect_client(f, true);
	start(f);
	send_chain(f, &large, 1);
	usleep(50000);
	end(f); /* within a second, though nobody reads */
	assert_int_equal(access(f->path, F_OK), -1);
}

static void buffers_of_the_wrong_direction(void **state)
{
	struct fixture *f = *state;
	const struct driver_buffer mixed[] = { { BUFFER, 10, false }, { BUFFER, 10, true } };
	const struct driver_buffer readable = { BUFFER, 10, false };
	const struct driver_buffer outside = { DRIVER_MEMORY - 5, 10, false };

	create(f, LINE_SOCKET);
	connect_client(f, false);
	start(f);
	send_chain(f, mixed, 2);
	assert_true(needs_reset(f));
	start(f);
	send_chain(f, &outside, 1);
	assert_true(needs_reset(f));
	start(f);
	assert_false(driver_read(&f->driver, COMMON(device_status), 1) &
		     VIRTIO_CONFIG_S_NEEDS_RESET);
	driver_add(&f->driver, RECEIVEQ, &readable, 1);
	driver_kick(&f->driver, RECEIVEQ);
	assert_int_equal(write(f->client, "x", 1), 1);
	assert_true(needs_reset(f));
}

static void line_that_cannot_be_opened(void **state)
{
	struct fixture *f = *state;
	const struct virtio_console_options options = {
		.id = "__console",
		.line = { .mode = LINE_FILE, .path = "/nonexistent/file" },
	};
	struct virtio_pci *vp = NULL;
	struct error err = { 0 };

	assert_int_equal(virtio_console_create(&options, &f->driver.site, &vp, &err), -ENOENT);
	assert_string_equal(err.object, "console file=/nonexistent/file");
	assert_null(vp);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_arrives_whole_and_in_order),
		TEST(slow_reader_keeps_the_chain),
		TEST(output_to_nobody_is_taken),
		TEST(file_gets_what_is_queued_at_the_end),
		TEST(input_fills_a_buffer_at_once),
		TEST(input_waits_for_the_driver_and_its_buffers),
		TEST(escape_x_quits),
		TEST(size_of_the_terminal_is_told),
		TEST(size_of_a_pseudo_terminal_is_noticed),
		TEST(what_is_no_terminal_has_no_size),
		TEST(reset_with_a_chain_half_sent),
		TEST(reset_keeps_the_input),
		TEST(end_with_a_chain_half_sent),
		TEST(buffers_of_the_wrong_direction),
		TEST(line_that_cannot_be_opened),
	};

	signal(SIGPIPE, SIG_IGN); /* as torc does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
