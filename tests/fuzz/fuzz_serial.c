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
#include "tests/fuzz/check.h"

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

struct setup {
	struct ring ring;
	struct serial s;
	int type_fd, take_fd;
	int saved_in, saved_out;
	bool irq;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_irq(void *opaque, bool level)
{
	struct setup *setup = opaque;

	CHECK(setup->irq != level);
	setup->irq = level;
}

static void open_line(struct setup *setup, bool escape)
{
	static const struct serial_config config = { .line.mode = LINE_TTY };
	int in[2], out[2];

	setup->saved_in = dup(STDIN_FILENO);
	setup->saved_out = dup(STDOUT_FILENO);
	CHECK(!pipe(in) && !pipe(out));
	CHECK(dup2(in[0], STDIN_FILENO) == STDIN_FILENO);
	CHECK(dup2(out[1], STDOUT_FILENO) == STDOUT_FILENO);
	close(in[0]);
	close(out[1]);
	setup->type_fd = in[1];
	setup->take_fd = out[0];
	CHECK(!fcntl(in[1], F_SETFL, O_NONBLOCK) && !fcntl(out[0], F_SETFL, O_NONBLOCK));
	ring_init(&setup->ring, 8, NULL);
	CHECK(!serial_init(&setup->s, &config, &setup->ring, on_irq, setup, NULL));
	setup->s.line.raw = escape;
}

static void close_line(struct setup *setup)
{
	serial_destroy(&setup->s);
	CHECK(!setup->ring.nr_active);
	dup2(setup->saved_in, STDIN_FILENO);
	dup2(setup->saved_out, STDOUT_FILENO);
	fd_close(&setup->saved_in);
	fd_close(&setup->saved_out);
	fd_close(&setup->type_fd);
	fd_close(&setup->take_fd);
}

static void write_register(struct setup *setup, unsigned reg, uint8_t value)
{
	serial_write(&setup->s, reg, 1, value);
	/* Nothing may be shown on the wire that the registers do not show. */
	CHECK(!setup->irq || (setup->s.mcr & UART_MCR_OUT2));
}

static void step(struct setup *setup, uint8_t what, uint8_t value)
{
	unsigned reg = what & 7;
	char buf[4096];

	switch (what & 0x38) {
	case STEP_WRITE:
		write_register(setup, reg, value);
		break;
	case STEP_READ:
		CHECK(serial_read(&setup->s, reg, 2) >> 8 == 0xff);
		break;
	case STEP_TYPE:
		if (setup->type_fd >= 0)
			(void)!write(setup->type_fd, &value, 1);
		break;
	case STEP_TURN:
		fake_ring_turn(&setup->ring);
		if (value & 1)
			fake_ring_expire(&setup->ring);
		break;
	case STEP_TAKE:
		if (setup->take_fd >= 0)
			(void)!read(setup->take_fd, buf, sizeof(buf));
		break;
	case STEP_BURST:
		for (unsigned i = 0; i < 256; i++)
			write_register(setup, reg, value);
		break;
	case STEP_CLOSE:
		fd_close(value & 1 ? &setup->type_fd : &setup->take_fd);
		break;
	case STEP_RESET:
		serial_reset(&setup->s);
		CHECK(!setup->irq);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct log_config quiet = { .level = LOG_LEVEL_ERROR };
	struct setup setup = { 0 };

	if (!size)
		return 0;
	signal(SIGPIPE, SIG_IGN);
	log_open(&quiet, NULL);
	open_line(&setup, data[0] & 1);
	for (size_t i = 1; i + 1 < size; i += 2)
		step(&setup, data[i], data[i + 1]);
	close_line(&setup);
	return 0;
}
