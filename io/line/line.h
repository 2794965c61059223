/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Line: what the host's end of a guest's serial port or console is connected to.
 *
 * Two byte queues between a user (the UART, the virtio console) and a ring: output that the ring writes out, input that
 * the ring has read. Room for output ends while the other end is slow, so that it slows the guest and loses nothing;
 * input is not read while its queue is full. Both queues belong to the user's lock, or, for a user that is called on
 * the ring's thread only, to that thread. Everything else belongs to the ring's thread.
 *
 * A terminal on standard input is put into raw mode: every key goes to the guest, Ctrl-C and Ctrl-Z included. As in
 * QEMU, Ctrl-A is an escape: Ctrl-A x ends torc, Ctrl-A Ctrl-A sends one Ctrl-A; with any other key both go to the
 * guest. Input that is no terminal passes unchanged.
 *
 * A terminal or file that fails (EPIPE, EIO, ENOSPC) is reported once and output discarded from then on. A pseudo
 * terminal or socket that nobody has open discards output until somebody opens it (again); a socket has one client at a
 * time, others wait for their turn. The process has to ignore SIGPIPE.
 */
#ifndef IO_LINE_LINE_H
#define IO_LINE_LINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/host.h"
#include "core/base/listener.h"
#include "io/ring/ring.h"

enum line_mode {
	LINE_OFF,    /* no device at all */
	LINE_NULL,   /* a device whose output goes nowhere */
	LINE_TTY,    /* standard input and output */
	LINE_PTY,    /* a pseudo terminal */
	LINE_FILE,   /* output to a file, no input */
	LINE_SOCKET, /* a listening unix stream socket */
};

#define LINE_OUT_SIZE	     65536U /* a power of two */
#define LINE_IN_SIZE	     4096U  /* a power of two */
#define LINE_MAX_READ	     1024U
#define LINE_MAX_SOCKET_PATH LISTENER_MAX_PATH

struct line_config {
	enum line_mode mode;
	const char *path; /* of LINE_FILE and LINE_SOCKET; outlives the line */
	mode_t access;	  /* of that file or socket; 0: LISTENER_MODE */
};

/** Who uses a line. The callbacks run on the ring's thread. */
struct line_user {
	/* There is more input, or more room for output; locked. */
	void (*changed)(void *opaque);
	/* Ctrl-A x; may be NULL. */
	void (*quit)(void *opaque);
	/* The kernel owns nothing of the line any more; see line_close(). */
	void (*closed)(void *opaque);
	void *opaque;
	pthread_mutex_t *lock; /* NULL: the user is on the ring's thread only */
};

struct line {
	const char *name; /* for messages */
	enum line_mode mode;
	const char *path;
	mode_t access;	   /* of its file or socket; */
	bool access_given; /* of a file that is there already, too */
	bool opened;
	struct line_user user;

	/* The queues: the user's lock. Indices are free-running. */
	uint8_t *out; /* LINE_OUT_SIZE bytes; NULL: there is never anybody */
	uint32_t out_head, out_tail;
	bool out_busy; /* the ring will look at the queue again by itself */
	bool out_off;  /* output is discarded: it failed, or nobody is there */
	uint8_t in[LINE_IN_SIZE];
	uint32_t in_head, in_tail;
	bool in_busy; /* a read or poll is in flight */
	bool in_end;  /* nothing more will come, or nobody is there */

	/* The ring's thread. */
	struct ring *ring;     /* NULL: not started */
	struct ring_work work; /* starts what can be started */
	struct ring_op out_op, in_op;
	struct ring_op peer_op;	 /* waits for somebody to open a pseudo terminal or socket */
	struct ring_op deadline; /* of line_close() */
	uint8_t read[LINE_MAX_READ];
	bool in_escape; /* Ctrl-A was the last key */
	bool closing, closed;

	int in_fd, out_fd;   /* -1: none */
	bool out_owned;	     /* @out_fd is ours to close, and may be @in_fd as well */
	bool out_regular;    /* @out_offset counts */
	bool raw;	     /* standard input is a terminal in raw mode */
	int peer_fd;	     /* listening socket, or inotify on the pseudo terminal; -1: none */
	bool peer_failed;    /* reported */
	uint64_t out_offset; /* of a regular file */
	char pty[32];	     /* path of the pseudo terminal's slave */
	struct listener listener; /* of a socket */
};

/**
 * line_open - open a line
 * @line: embedded; untouched on failure
 * @name: "serial" and the like, for messages; borrowed
 * @config: mode and path
 * @host: who opens its file, pseudo terminal or socket; NULL: the calling thread
 * @err: filled on failure
 *
 * Puts a terminal on standard input into raw mode. A file is created with LISTENER_MODE, or what @config has, and
 * truncated. A socket's file that nobody listens on is replaced. Main thread, or the helper for a device.
 * Return: 0; -errno of open(2) and the like; -ENXIO a FIFO that nobody reads; -EADDRINUSE a socket that somebody listens
 * on, or another kind of file; -ENAMETOOLONG; -ENOMEM.
 */
int line_open(struct line *line, const char *name, const struct line_config *config,
	      const struct host *host, struct error *err);

/**
 * line_start - begin to read and write
 * @line: opened; stays in place
 * @ring: the calling thread's
 * @user: copied
 */
void line_start(struct line *line, struct ring *ring, const struct line_user *user);

/**
 * line_room - how many bytes line_send() takes
 * @line: locked
 *
 * Return: bytes, LINE_OUT_SIZE at most and when output is discarded.
 */
uint32_t line_room(const struct line *line);

/**
 * line_send - queue output
 * @line: started, locked
 * @data: @size bytes
 * @size: bytes
 *
 * Return: bytes taken, line_room() at most; all of them when output is discarded.
 */
uint32_t line_send(struct line *line, const void *data, uint32_t size);

/**
 * line_pending - how many bytes line_receive() has
 * @line: locked
 *
 * Return: bytes.
 */
uint32_t line_pending(const struct line *line);

/**
 * line_receive - take input
 * @line: started, locked
 * @data: receives at most @size bytes
 * @size: bytes
 *
 * Return: bytes, 0 when there are none.
 */
uint32_t line_receive(struct line *line, void *data, uint32_t size);

/**
 * line_size - the size of the terminal behind a line
 * @line: opened
 * @cols: columns; untouched when there is none
 * @rows: rows; likewise
 *
 * Any thread. Return: whether there is a terminal; a new pseudo terminal has the size 0 by 0.
 */
bool line_size(const struct line *line, uint16_t *cols, uint16_t *rows);

/**
 * line_close - write out what is queued (for a second at most) and end everything in flight
 * @line: started; the user's `changed` is not called any more
 *
 * The ring's thread; the ring has to go on running. Return: true when that has been done; false when the user's
 * `closed` will be called.
 */
bool line_close(struct line *line);

/**
 * line_destroy - restore the terminal, close and free
 * @line: closed, or never started, or zeroed
 *
 * Main thread.
 */
void line_destroy(struct line *line);

/**
 * line_abandon - the terminal is put back and the socket's file removed, of a line whose ring does nothing any more
 * @line: open; never destroyed afterwards
 *
 * For a process that ends. Any thread.
 */
void line_abandon(struct line *line);

/**
 * line_resume_terminal - put the terminal into raw mode again, as SIGCONT asks for
 *
 * Does nothing when there is none, or it is another's: torc is in the background. Any thread.
 * Return: false when it is, and this is to be tried again: who gets the terminal back without having been stopped hears of
 * nothing.
 */
bool line_resume_terminal(void);

/**
 * line_lend_terminal - put the terminal back until line_resume_terminal()
 *
 * Any thread.
 */
void line_lend_terminal(void);

/**
 * line_restore_terminal - put the terminal back, from a signal handler or atexit too
 *
 * Async-signal-safe; does nothing when no terminal is in raw mode.
 */
void line_restore_terminal(void);

#endif
