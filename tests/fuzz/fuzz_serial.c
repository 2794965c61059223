/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte is 1 for a line with the escape key; after it the input is a list of steps of two bytes:
 * what to do (below) and a value. Links the fake ring.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/serial/serial.h"
#include "tests/fake/ring.h"

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* The low three bits of a step name the register; the others: */
enum step {
	STEP_WRITE = 0x00,
	STEP_READ = 0x08,
	STEP_TYPE = 0x10,  /* a key */
	STEP_TURN = 0x18,  /* of the ring */
	STEP_TAKE = 0x20,  /* some output */
	STEP_BURST = 0x28, /* 256 writes */
	STEP_CLOSE = 0x30, /* one end of the line: the value's low bit */
	STEP_RESET = 0x38,
};

struct line {
	struct ring ring;
	struct serial s;
	int type_fd, take_fd;
	int saved_in, saved_out;
	bool irq;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_irq(void *opaque, bool level)
{
	struct line *line = opaque;

	CHECK(line->irq != level);
	line->irq = level;
}

static void open_line(struct line *line, bool escape)
{
	static const struct serial_config config = { .mode = SERIAL_TTY };
	int in[2], out[2];

	line->saved_in = dup(STDIN_FILENO);
	line->saved_out = dup(STDOUT_FILENO);
	CHECK(!pipe(in) && !pipe(out));
	CHECK(dup2(in[0], STDIN_FILENO) == STDIN_FILENO);
	CHECK(dup2(out[1], STDOUT_FILENO) == STDOUT_FILENO);
	close(in[0]);
	close(out[1]);
	line->type_fd = in[1];
	line->take_fd = out[0];
	CHECK(!fcntl(in[1], F_SETFL, O_NONBLOCK) && !fcntl(out[0], F_SETFL, O_NONBLOCK));
	ring_init(&line->ring, 8, NULL);
	CHECK(!serial_init(&line->s, &config, &line->ring, on_irq, line, NULL));
	line->s.raw = escape;
}

static void close_line(struct line *line)
{
	serial_destroy(&line->s);
	CHECK(!line->ring.nr_active);
	dup2(line->saved_in, STDIN_FILENO);
	dup2(line->saved_out, STDOUT_FILENO);
	fd_close(&line->saved_in);
	fd_close(&line->saved_out);
	fd_close(&line->type_fd);
	fd_close(&line->take_fd);
}

static void write_register(struct line *line, unsigned reg, uint8_t value)
{
	serial_write(&line->s, reg, 1, value);
	/* Nothing may be shown on the wire that the registers do not show. */
	CHECK(!line->irq || (line->s.mcr & UART_MCR_OUT2));
}

static void step(struct line *line, uint8_t what, uint8_t value)
{
	unsigned reg = what & 7;
	char buf[4096];

	switch (what & 0x38) {
	case STEP_WRITE:
		write_register(line, reg, value);
		break;
	case STEP_READ:
		CHECK(serial_read(&line->s, reg, 2) >> 8 == 0xff);
		break;
	case STEP_TYPE:
		if (line->type_fd >= 0)
			(void)!write(line->type_fd, &value, 1);
		break;
	case STEP_TURN:
		fake_ring_turn(&line->ring);
		if (value & 1)
			fake_ring_expire(&line->ring);
		break;
	case STEP_TAKE:
		if (line->take_fd >= 0)
			(void)!read(line->take_fd, buf, sizeof(buf));
		break;
	case STEP_BURST:
		for (unsigned i = 0; i < 256; i++)
			write_register(line, reg, value);
		break;
	case STEP_CLOSE:
		fd_close(value & 1 ? &line->type_fd : &line->take_fd);
		break;
	case STEP_RESET:
		serial_reset(&line->s);
		CHECK(!line->irq);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct log_config quiet = { .level = LOG_LEVEL_ERROR };
	struct line line = { 0 };

	if (!size)
		return 0;
	signal(SIGPIPE, SIG_IGN);
	log_open(&quiet, NULL);
	open_line(&line, data[0] & 1);
	for (size_t i = 1; i + 1 < size; i += 2)
		step(&line, data[i], data[i + 1]);
	close_line(&line);
	return 0;
}
