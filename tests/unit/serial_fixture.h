/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tests of io/serial share: a UART on a fake ring, its line in the hands of the test.
 */
#ifndef TESTS_UNIT_SERIAL_FIXTURE_H
#define TESTS_UNIT_SERIAL_FIXTURE_H

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
#include <unistd.h>

#include <cmocka.h>

#include <linux/serial_reg.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "io/serial/serial.h"
#include "tests/fake/ring.h"

/* A UART whose line is a pair of pipes in the place of standard input and output. */
struct fixture {
	struct ring ring;
	struct serial s;
	int type_fd; /* what is written here arrives as input */
	int out_fd;  /* what the guest sends can be read here */
	int saved_in, saved_out;
	bool irq;
	unsigned raised; /* rising edges */
	unsigned quits;
};

/**
 * on_irq - count interrupts; a level must be reported only when it changes
 * @opaque: the fixture
 * @level: of the line
 */
static inline void on_irq(void *opaque, bool level)
{
	struct fixture *f = opaque;

	assert_int_not_equal(f->irq, level);
	f->irq = level;
	f->raised += level;
}

/**
 * on_quit - count uses of the escape key
 * @opaque: the fixture
 */
static inline void on_quit(void *opaque)
{
	((struct fixture *)opaque)->quits++;
}

/**
 * rd - read a register
 * @f: the fixture
 * @reg: its offset
 *
 * Return: the value.
 */
static inline uint8_t rd(struct fixture *f, unsigned reg)
{
	return (uint8_t)serial_read(&f->s, reg, 1);
}

/**
 * wr - write a register
 * @f: the fixture
 * @reg: its offset
 * @value: the value
 */
static inline void wr(struct fixture *f, unsigned reg, unsigned value)
{
	serial_write(&f->s, reg, 1, value);
}

/**
 * type - put keys into the line and let the ring do all it can
 * @f: the fixture
 * @keys: @n bytes
 * @n: their number
 */
static inline void type(struct fixture *f, const void *keys, size_t n)
{
	assert_int_equal(write(f->type_fd, keys, n), n);
	fake_ring_settle(&f->ring);
}

/**
 * take - read what the guest has sent
 * @f: the fixture
 * @buf: @size bytes
 * @size: bytes at most
 *
 * Return: bytes read, 0 when there are none.
 */
static inline size_t take(struct fixture *f, uint8_t *buf, size_t size)
{
	ssize_t n = read(f->out_fd, buf, size);

	return n < 0 ? 0 : (size_t)n;
}

/**
 * expect_received - check that the guest can read exactly this
 * @f: the fixture
 * @text: what it must be
 */
static inline void expect_received(struct fixture *f, const char *text)
{
	for (; *text; text++) {
		assert_true(rd(f, UART_LSR) & UART_LSR_DR);
		assert_int_equal(rd(f, UART_RX), (uint8_t)*text);
		fake_ring_settle(&f->ring);
	}
	assert_false(rd(f, UART_LSR) & UART_LSR_DR);
}

/**
 * fixture_new - a fixture without a line
 *
 * Return: the fixture; teardown() frees it.
 */
static inline struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	ring_init(&f->ring, 8, NULL);
	f->type_fd = f->out_fd = -1;
	fflush(stdout);
	f->saved_in = dup(STDIN_FILENO);
	f->saved_out = dup(STDOUT_FILENO);
	return f;
}

/**
 * start - open the UART and its line
 * @f: the fixture
 * @mode: as in struct line_config
 * @path: as in struct line_config
 */
static inline void start(struct fixture *f, enum line_mode mode, const char *path)
{
	struct serial_config config = { .line = { .mode = mode, .path = path }, .quit = on_quit };

	assert_int_equal(serial_init(&f->s, &config, &f->ring, on_irq, f, NULL), 0);
	fake_ring_settle(&f->ring);
}

/**
 * plug_pipes - make pipes standard input and output
 * @f: the fixture
 */
static inline void plug_pipes(struct fixture *f)
{
	int in[2], out[2];

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	close(in[0]);
	close(out[1]);
	f->type_fd = in[1];
	f->out_fd = out[0];
	fcntl(f->out_fd, F_SETFL, O_NONBLOCK);
}

/**
 * teardown - destroy everything; no operation may be left
 * @state: holds the fixture
 *
 * Return: 0.
 */
static inline int teardown(void **state)
{
	struct fixture *f = *state;

	serial_destroy(&f->s);
	assert_int_equal(f->ring.nr_active, 0);
	ring_destroy(&f->ring);
	dup2(f->saved_in, STDIN_FILENO);
	dup2(f->saved_out, STDOUT_FILENO);
	close(f->saved_in);
	close(f->saved_out);
	fd_close(&f->type_fd);
	fd_close(&f->out_fd);
	free(f);
	return 0;
}

/**
 * setup_pipes - a UART whose line is a pair of pipes
 * @state: receives the fixture
 *
 * Return: 0.
 */
static inline int setup_pipes(void **state)
{
	struct fixture *f = fixture_new();

	plug_pipes(f);
	start(f, LINE_TTY, NULL);
	*state = f;
	return 0;
}

/**
 * setup_unplugged - a fixture whose test opens the line itself
 * @state: receives the fixture
 *
 * Return: 0.
 */
static inline int setup_unplugged(void **state)
{
	*state = fixture_new();
	return 0;
}

#define PIPES(name)	cmocka_unit_test_setup_teardown(name, setup_pipes, teardown)
#define UNPLUGGED(name) cmocka_unit_test_setup_teardown(name, setup_unplugged, teardown)

#endif
