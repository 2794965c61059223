/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Serial: a 16550A and what its line is connected to.
 *
 * vCPU threads call serial_read() and serial_write() (concurrently: a mutex guards the registers; it
 * is held for no system call that can block). The line's other end belongs to the main ring's
 * thread: output goes into a byte queue that the ring writes out, input that the ring reads goes
 * into the receive FIFO. The transmitter is infinitely fast while the queue has room for a FIFO; then
 * THRE clears, so a slow reader slows the guest and loses nothing. Input is held back while the
 * receive FIFO is full, so it never overruns (except in loopback, where the guest feeds itself).
 *
 * A terminal on standard input is put into raw mode: every key goes to the guest, Ctrl-C and Ctrl-Z
 * included. As in QEMU, Ctrl-A is an escape: Ctrl-A x ends torc, Ctrl-A Ctrl-A sends one Ctrl-A;
 * with any other key both go to the guest. Input that is no terminal passes unchanged.
 *
 * A line that fails (EPIPE, EIO, ENOSPC) is reported once and its output discarded from then on.
 * The process has to ignore SIGPIPE.
 * Source: National Semiconductor PC16550D data sheet.
 */
#ifndef IO_SERIAL_SERIAL_H
#define IO_SERIAL_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "io/ring/ring.h"

enum serial_mode {
	SERIAL_OFF,  /* no device at all */
	SERIAL_NULL, /* a device whose output goes nowhere */
	SERIAL_TTY,  /* standard input and output */
	SERIAL_FILE, /* output to a file, no input */
};

struct serial_config {
	enum serial_mode mode;
	const char *path;	    /* SERIAL_FILE */
	void (*quit)(void *opaque); /* Ctrl-A x, on the ring's thread; NULL: ignored */
};

#define SERIAL_FIFO	16
#define SERIAL_OUT_SIZE 65536U /* a power of two */

struct serial {
	pthread_mutex_t lock;
	enum serial_mode mode;
	/* registers; what LSR and IIR show is derived from the rest */
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t msr_delta;
	bool overrun;
	bool thr_pending; /* THRE interrupt not yet acknowledged */
	uint8_t rx[SERIAL_FIFO];
	unsigned rx_head, rx_count;
	bool irq_level;
	void (*set_irq)(void *opaque, bool level);
	void (*quit)(void *opaque);
	void *opaque;
	/* the line; indices and flags under the lock, the rest belongs to the ring's thread */
	struct ring *ring;
	struct ring_work work; /* starts what can be started */
	struct ring_op out_op, in_op;
	struct ring_op deadline; /* of serial_destroy() */
	uint8_t *out;		 /* SERIAL_OUT_SIZE bytes; NULL: output goes nowhere */
	uint32_t out_head;	 /* free-running; the ring's */
	uint32_t out_tail;	 /* free-running; the vCPUs' */
	bool out_busy;		 /* the ring will look at the queue again by itself */
	bool out_failed;	 /* reported; output is discarded */
	uint8_t in[256];
	unsigned in_head, in_count; /* read from the line, not yet in the FIFO */
	bool in_busy;		    /* @in is the kernel's */
	bool in_end;		    /* nothing more will come */
	bool in_escape;		    /* Ctrl-A was the last key */
	int in_fd, out_fd;	    /* -1: none */
	bool out_owned;		    /* @out_fd is ours to close */
	bool out_regular;	    /* @out_offset counts */
	uint64_t out_offset;
	bool raw;     /* standard input is a terminal in raw mode */
	bool closing; /* in serial_destroy() */
};

/**
 * serial_init - a UART in its reset state, its line open
 * @s: embedded; untouched on failure
 * @config: mode and path
 * @ring: the main ring; outlives @s
 * @set_irq: called with the line's level when it changes, with the lock held; must not call back
 * @opaque: for @set_irq and @config->quit
 * @err: filled on failure
 *
 * Puts a terminal on standard input into raw mode. A file is created with 0644 and truncated. Main
 * thread, the ring's. Return: 0; -errno of open(2); -ENXIO a FIFO that nobody reads; -ENOMEM.
 */
int serial_init(struct serial *s, const struct serial_config *config, struct ring *ring,
		void (*set_irq)(void *opaque, bool level), void *opaque, struct error *err);

/**
 * serial_destroy - write out what is queued (for a second at most), restore the terminal, close
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

/**
 * serial_restore_terminal - put the terminal back, from a signal handler or atexit too
 *
 * Async-signal-safe; does nothing when no terminal is in raw mode.
 */
void serial_restore_terminal(void);

#endif
