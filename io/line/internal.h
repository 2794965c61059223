/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the line share: line.c (queues, life), transfer.c (reading and writing), peer.c (pseudo terminals and
 * sockets, which come and go), terminal.c (raw mode, size). Everything on the ring's thread, not locked, unless it says
 * otherwise.
 */
#ifndef IO_LINE_INTERNAL_H
#define IO_LINE_INTERNAL_H

#include "io/line/line.h"

#define LINE_OUT_MASK (LINE_OUT_SIZE - 1)
#define LINE_IN_MASK  (LINE_IN_SIZE - 1)

/**
 * line_lock - take the user's lock
 * @line: started
 */
void line_lock(struct line *line);

/**
 * line_unlock - release it
 * @line: locked
 */
void line_unlock(struct line *line);

/**
 * line_changed - tell the user, unless it has closed the line
 * @line: locked
 */
void line_changed(struct line *line);

/**
 * line_settle - look whether the line waits for an operation that has just ended
 * @line: started; the last thing a callback does with it, since the user may free it
 */
void line_settle(struct line *line);

/**
 * line_has_peers - whether it can be opened and left again
 * @line: opened
 *
 * Any thread. Return: true for pseudo terminals and sockets.
 */
bool line_has_peers(const struct line *line);

/**
 * line_start_output - write what lies in one piece in the queue, or let the user wake the ring again
 * @line: started; nothing is being written
 */
void line_start_output(struct line *line);

/**
 * line_start_input - read, if there is somebody, room for it and nothing in flight
 * @line: started
 */
void line_start_input(struct line *line);

/**
 * line_open_pty - a new pseudo terminal, in raw mode, and what tells of its being opened
 * @line: gets descriptors and path
 * @host: who opens it
 * @err: filled on failure
 *
 * As line_open(). Return: 0; -errno.
 */
int line_open_pty(struct line *line, const struct host *host, struct error *err);

/**
 * line_open_socket - a listening socket at the line's path
 * @line: gets descriptors
 * @host: who opens it
 * @err: filled on failure
 *
 * As line_open(). Return: 0; -errno; -EADDRINUSE; -ENAMETOOLONG.
 */
int line_open_socket(struct line *line, const struct host *host, struct error *err);

/**
 * line_await_peer - wait for somebody to open it, or begin at once when somebody has
 * @line: nobody is there, nothing of an earlier one is in flight
 */
void line_await_peer(struct line *line);

/**
 * line_lose_peer - it failed or has ended: discard output, and wait for the next one
 * @line: somebody was there
 */
void line_lose_peer(struct line *line);

/**
 * line_close_peer - close what line_open_pty() and line_open_socket() opened; remove the socket's file
 * @line: closed
 *
 * Main thread.
 */
void line_close_peer(struct line *line);

/**
 * line_make_raw - put a terminal into raw mode; line_forget_terminal() puts it back
 * @fd: descriptor
 *
 * Main thread. Return: whether it is a terminal.
 */
bool line_make_raw(int fd);

/**
 * line_forget_terminal - put the terminal back, for good
 *
 * Main thread.
 */
void line_forget_terminal(void);

#endif
