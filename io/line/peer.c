/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/line/internal.h"

/* How long to wait before accepting again when that failed. */
#define RETRY_NS 1000000000ULL

static void peer_came(struct line *line)
{
	log_debug("%s: opened", line->name);
	line_lock(line);
	line->out_off = false;
	line->in_end = false;
	line_unlock(line);
	line_start_input(line);
}

void line_lose_peer(struct line *line)
{
	log_debug("%s: left", line->name);
	line_lock(line);
	line->out_off = true;
	line->in_end = true;
	line_changed(line);
	line_unlock(line);
	/* What waits for a client that has only shut down one direction ends, too. */
	if (line->mode == LINE_SOCKET)
		shutdown(line->out_fd, SHUT_RDWR);
	ring_cancel(line->ring, &line->in_op);
	if (line->out_op.active)
		ring_cancel(line->ring, &line->out_op);
	else
		line_start_output(line); /* forgets what is queued */
}

/* Pseudo terminals: the master reports a hangup while nobody has the slave open. */

static bool pty_is_open(const struct line *line)
{
	struct pollfd pfd = { .fd = line->out_fd };

	return poll(&pfd, 1, 0) == 0;
}

/* Somebody has opened the slave. The watch stays armed, also while somebody has it. */
static void watch_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct line *line = container_of(op, struct line, peer_op);
	char events[512];

	while (read(line->peer_fd, events, sizeof(events)) > 0)
		;
	if (!op->active && !line->closing)
		ring_poll(line->ring, op, line->peer_fd);
	line_settle(line);
}

static int pty_error(struct error *err, const char *name, const char *what)
{
	int r = error_set(err, -errno, "%s pty: %s", name, what);

	if (r == -EMFILE)
		return error_remedy(err, "sysctl -w fs.inotify.max_user_instances=1024");
	if (r == -ENOSPC)
		return error_remedy(err, "sysctl -w kernel.pty.max=8192");
	return r;
}

/* The master is told of a hangup only once somebody has left. */
static int open_and_leave_slave(const char *path)
{
	int fd = fd_open(path, O_RDWR | O_NOCTTY, 0);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* A new one, in raw mode, and what tells of its being opened. */
struct pty {
	int fd, watch;
	char path[sizeof(((struct line *)NULL)->pty)];
};

/* @what: the line's name. */
static int open_pty(const void *what, void *result, struct error *err)
{
	const char *name = what;
	struct pty pty = { .watch = -1 };
	struct termios raw;
	int r;

	pty.fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (pty.fd < 0)
		return pty_error(err, name, "/dev/ptmx");
	if (grantpt(pty.fd) || unlockpt(pty.fd) || ptsname_r(pty.fd, pty.path, sizeof(pty.path)) ||
	    tcgetattr(pty.fd, &raw)) {
		r = pty_error(err, name, "/dev/ptmx");
		goto close_fds;
	}
	/* The guest has a terminal driver of its own. */
	cfmakeraw(&raw);
	pty.watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (tcsetattr(pty.fd, TCSANOW, &raw) || open_and_leave_slave(pty.path) || pty.watch < 0 ||
	    inotify_add_watch(pty.watch, pty.path, IN_OPEN) < 0) {
		r = pty_error(err, name, pty.path);
		goto close_fds;
	}
	*(struct pty *)result = pty;
	return 0;
close_fds:
	fd_close(&pty.watch);
	fd_close(&pty.fd);
	return r;
}

static const struct host_source pty_source = { "pseudo terminal", open_pty };

int line_open_pty(struct line *line, const struct host *host, struct error *err)
{
	struct pty pty;
	int r = host_open(host, &pty_source, line->name, &pty, err);

	if (r)
		return r;
	line->in_fd = line->out_fd = pty.fd;
	line->out_owned = true;
	line->peer_fd = pty.watch;
	memcpy(line->pty, pty.path, sizeof(line->pty));
	log_info("%s: pseudo terminal %s", line->name, line->pty);
	return 0;
}

/* Sockets */

struct socket {
	char what[64];
	const char *path;
	mode_t access;
};

/* @result: a struct listener, but for its path. */
static int open_socket(const void *what, void *result, struct error *err)
{
	const struct socket *socket = what;

	return listener_open(result, socket->what, socket->path, socket->access, 1, err);
}

static const struct host_source socket_source = { "socket", open_socket };

int line_open_socket(struct line *line, const struct host *host, struct error *err)
{
	struct socket socket = { .path = line->path, .access = line->access };
	int r;

	snprintf(socket.what, sizeof(socket.what), "%s socket", line->name);
	r = host_open(host, &socket_source, &socket, &line->listener, err);
	if (r)
		return r;
	line->listener.path = line->path;
	line->peer_fd = line->listener.fd;
	line->out_owned = true;
	log_info("%s: socket %s", line->name, line->path);
	return 0;
}

static void accept_retry(struct ring_op *op, int32_t res, uint32_t flags)
{
	line_settle(container_of(op, struct line, peer_op));
}

static void accept_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct line *line = container_of(op, struct line, peer_op);

	if (res >= 0) {
		line->in_fd = line->out_fd = res;
		if (!line->closing)
			peer_came(line);
	} else if (res != -ECANCELED && !line->closing) {
		if (!line->peer_failed)
			log_warning("%s: accept: %s", line->name, strerror(-res));
		line->peer_failed = true;
		op->done = accept_retry;
		ring_timeout(line->ring, op, RETRY_NS);
	}
	line_settle(line);
}

void line_await_peer(struct line *line)
{
	if (line->mode == LINE_PTY && !line->peer_op.active) {
		line->peer_op.done = watch_done;
		ring_poll(line->ring, &line->peer_op, line->peer_fd);
	}
	if (line->mode == LINE_PTY) {
		if (pty_is_open(line))
			peer_came(line);
		return;
	}
	fd_close(&line->out_fd);
	line->in_fd = -1;
	if (line->peer_op.active)
		return;
	line->peer_op.done = accept_done;
	ring_accept(line->ring, &line->peer_op, line->peer_fd);
}

void line_abandon(struct line *line)
{
	line_forget_terminal();
	if (line->mode == LINE_SOCKET)
		listener_close(&line->listener);
}

void line_close_peer(struct line *line)
{
	if (line->mode == LINE_SOCKET && line->peer_fd >= 0) {
		listener_close(&line->listener);
		line->peer_fd = -1;
	}
	fd_close(&line->peer_fd);
}
