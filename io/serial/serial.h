/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Serial: a 16550A on a line.
 *
 * vCPU threads call serial_read() and serial_write() (concurrently: a mutex guards the registers and the line's queues;
 * it is held for no system call that can block). The line's other end belongs to the main ring's thread. The transmitter
 * is infinitely fast while the line has room for a FIFO; then THRE clears, so a slow reader slows the guest and loses
 * nothing. Input waits in the line while the receive FIFO is full, so it never overruns (except in loopback, where the
 * guest feeds itself).
 * Source: National Semiconductor PC16550D data sheet.
 */
#ifndef IO_SERIAL_SERIAL_H
#define IO_SERIAL_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "io/line/line.h"
#include "io/ring/ring.h"

struct serial_config {
	struct line_config line;
	void (*quit)(void *opaque); /* Ctrl-A x, on the ring's thread; NULL: ignored */
};

#define SERIAL_FIFO 16

struct serial {
	pthread_mutex_t lock;
	struct line line;
	/* registers; what LSR and IIR show is derived from the rest */
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t msr_delta;
	bool overrun;
	bool thr_full;	  /* the line had no room for a FIFO when it was last looked at */
	bool thr_pending; /* THRE interrupt not yet acknowledged */
	uint8_t rx[SERIAL_FIFO];
	unsigned rx_head, rx_count;
	bool irq_level;
	void (*set_irq)(void *opaque, bool level);
	void (*quit)(void *opaque);
	void *opaque;
};

/**
 * serial_init - a UART in its reset state, its line open
 * @s: embedded; untouched on failure
 * @config: what the line is connected to
 * @ring: the main ring; outlives @s
 * @set_irq: called with the line's level when it changes, with the lock held; must not call back
 * @opaque: for @set_irq and @config->quit
 * @err: filled on failure
 *
 * Main thread, the ring's. Return: 0; what line_open() returns.
 */
int serial_init(struct serial *s, const struct serial_config *config, struct ring *ring,
		void (*set_irq)(void *opaque, bool level), void *opaque, struct error *err);

/**
 * serial_destroy - write out what is queued (for a second at most) and close the line
 * @s: initialised or zeroed; no vCPU runs any more
 *
 * Runs the ring until its own operations have ended. Main thread, not from within a callback.
 */
void serial_destroy(struct serial *s);

/**
 * serial_reset - registers as after power-on; the line and what is queued on it stay
 * @s: no vCPU runs
 */
void serial_reset(struct serial *s);

/**
 * serial_read - a guest's read of a register
 * @opaque: the struct serial
 * @offset: 0 to 7
 * @size: only the low byte is defined; wider reads fill the rest with ones
 *
 * vCPU threads. Return: the value.
 */
uint64_t serial_read(void *opaque, uint64_t offset, unsigned size);

/**
 * serial_write - a guest's write to a register
 * @opaque: the struct serial
 * @offset: 0 to 7
 * @size: only the low byte counts
 * @value: the value
 *
 * vCPU threads.
 */
void serial_write(void *opaque, uint64_t offset, unsigned size, uint64_t value);

#endif
