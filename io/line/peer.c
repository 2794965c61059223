/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/line/internal.h"

/* How long to wait before accepting again when that failed. */
#define RETRY_NS 1000000000ULL

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == LINE_MAX_SOCKET_PATH + 1,
	       "unix(7)");

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
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

int line_open_pty(struct line *line, struct error *err)
{
	struct termios raw;
	int r;

	line->out_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (line->out_fd < 0)
		return pty_error(err, line->name, "/dev/ptmx");
	if (grantpt(line->out_fd) || unlockpt(line->out_fd) ||
	    ptsname_r(line->out_fd, line->pty, sizeof(line->pty)) ||
	    tcgetattr(line->out_fd, &raw)) {
		r = pty_error(err, line->name, "/dev/ptmx");
		goto close_fds;
	}
	/* The guest has a terminal driver of its own. */
	cfmakeraw(&raw);
	line->peer_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (tcsetattr(line->out_fd, TCSANOW, &raw) || open_and_leave_slave(line->pty) ||
	    line->peer_fd < 0 || inotify_add_watch(line->peer_fd, line->pty, IN_OPEN) < 0) {
		r = pty_error(err, line->name, line->pty);
		goto close_fds;
	}
	line->in_fd = line->out_fd;
	line->out_owned = true;
	log_info("%s: pseudo terminal %s", line->name, line->pty);
	return 0;
close_fds:
	fd_close(&line->peer_fd);
	fd_close(&line->out_fd);
	return r;
}

/* Sockets */

/* Return: 0 a process that is gone has left it; -EADDRINUSE somebody listens; -EEXIST it is something else; -errno. */
static int check_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, r = -EADDRINUSE;

	if (lstat(addr->sun_path, &st))
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: so many wait for it already. */
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) && errno != EAGAIN)
		r = errno == ECONNREFUSED ? 0 : -errno;
	fd_close(&fd);
	return r;
}

static int replace_socket(const struct line *line, int fd, const struct sockaddr_un *addr,
			  struct error *err)
{
	int r = check_stale(addr);

	if (!r && unlink(line->path) && errno != ENOENT)
		r = -errno;
	if (!r && bind(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		r = -errno;
	if (!r)
		return 0;
	error_set(err, r, "%s socket=%s", line->name, line->path);
	if (r == -EEXIST) {
		error_reason(err, "it exists and is no socket");
		error_remedy(err, "remove it, or name another path");
	} else if (r == -EADDRINUSE) {
		error_reason(err, "a process listens on it");
		error_remedy(err, "end that process, or name another path");
	}
	return r;
}

static int bind_socket(struct line *line, int fd, struct error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int r = 0;

	if (strlen(line->path) > LINE_MAX_SOCKET_PATH) {
		error_set(err, -ENAMETOOLONG, "%s socket=%s", line->name, line->path);
		return error_remedy(err, "use a path of at most %d bytes", LINE_MAX_SOCKET_PATH);
	}
	memcpy(addr.sun_path, line->path, strlen(line->path));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		r = errno == EADDRINUSE
			    ? replace_socket(line, fd, &addr, err)
			    : error_set(err, -errno, "%s socket=%s", line->name, line->path);
	if (r)
		return r;
	if (listen(fd, 1) || lstat(line->path, &st)) {
		r = error_set(err, -errno, "%s socket=%s", line->name, line->path);
		unlink(line->path);
		return r;
	}
	line->socket_dev = st.st_dev;
	line->socket_ino = st.st_ino;
	return 0;
}

int line_open_socket(struct line *line, struct error *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return error_set(err, -errno, "%s socket", line->name);
	r = bind_socket(line, fd, err);
	if (r) {
		fd_close(&fd);
		return r;
	}
	line->peer_fd = fd;
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

void line_close_peer(struct line *line)
{
	struct stat st;

	/* Somebody may have put another one in its place. */
	if (line->mode == LINE_SOCKET && !lstat(line->path, &st) && st.st_dev == line->socket_dev &&
	    st.st_ino == line->socket_ino)
		unlink(line->path);
	fd_close(&line->peer_fd);
}
