/* SPDX-License-Identifier: Apache-2.0 */
#include "io/line/line.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/line/internal.h"

#define DRAIN_NS 1000000000ULL

void line_lock(struct line *line)
{
	if (line->user.lock)
		pthread_mutex_lock(line->user.lock);
}

void line_unlock(struct line *line)
{
	if (line->user.lock)
		pthread_mutex_unlock(line->user.lock);
}

void line_changed(struct line *line)
{
	if (!line->closing)
		line->user.changed(line->user.opaque);
}

bool line_has_peers(const struct line *line)
{
	return line->mode == LINE_PTY || line->mode == LINE_SOCKET;
}

/* Queues */

/* Locked. A user on the ring's thread is served at the end of the turn, with all that it adds until then. */
static void wake(struct line *line)
{
	if (line->user.lock)
		ring_post(line->ring, &line->work);
	else
		ring_defer(line->ring, &line->work);
}

uint32_t line_room(const struct line *line)
{
	return line->out_off ? LINE_OUT_SIZE : LINE_OUT_SIZE - (line->out_tail - line->out_head);
}

/* Copies into a queue in at most two pieces. */
static void put_bytes(uint8_t *queue, uint32_t at, uint32_t size, const uint8_t *data, uint32_t n)
{
	uint32_t first = n < size - at ? n : size - at;

	memcpy(queue + at, data, first);
	memcpy(queue, data + first, n - first);
}

uint32_t line_send(struct line *line, const void *data, uint32_t size)
{
	uint32_t room = line_room(line), n = size < room ? size : room;

	if (line->out_off)
		return size;
	if (!n)
		return 0;
	put_bytes(line->out, line->out_tail & LINE_OUT_MASK, LINE_OUT_SIZE, data, n);
	line->out_tail += n;
	/* The ring is woken for the first bytes only; it takes the rest with it. */
	if (!line->out_busy) {
		line->out_busy = true;
		wake(line);
	}
	return n;
}

uint32_t line_pending(const struct line *line)
{
	return line->in_tail - line->in_head;
}

uint32_t line_receive(struct line *line, void *data, uint32_t size)
{
	uint32_t pending = line_pending(line), n = size < pending ? size : pending;
	uint32_t at = line->in_head & LINE_IN_MASK;
	uint32_t first = n < LINE_IN_SIZE - at ? n : LINE_IN_SIZE - at;

	if (!n)
		return 0;
	memcpy(data, line->in + at, first);
	memcpy((uint8_t *)data + first, line->in, n - first);
	line->in_head += n;
	/* Reading had stopped because the queue was full. */
	if (n == pending && !line->in_busy && !line->in_end && !line->closing)
		wake(line);
	return n;
}

/* Opening */

static int file_open(struct line *line, const struct host *host, struct error *err)
{
	struct stat st;
	int r;
	/* O_NONBLOCK: opening a FIFO without a reader must fail, not wait. */
	int fd = host_open_file(host, line->path,
				O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_NONBLOCK,
				LISTENER_MODE);

	if (fd < 0) {
		r = error_set(err, fd, "%s file=%s", line->name, line->path);
		if (r == -ENXIO) {
			error_reason(err, "a FIFO that no process reads");
			error_remedy(err, "start the reader first");
		}
		return r;
	}
	/* From here on the ring waits where the file is slow; see tty_open() for terminals. */
	if (fstat(fd, &st) || (!isatty(fd) && fcntl(fd, F_SETFL, 0)) ||
	    (line->access_given && S_ISREG(st.st_mode) && fchmod(fd, line->access))) {
		r = error_set(err, -errno, "%s file=%s", line->name, line->path);
		fd_close(&fd);
		return r;
	}
	line->out_fd = fd;
	line->out_owned = true;
	line->out_regular = S_ISREG(st.st_mode);
	return 0;
}

/*
 * A terminal is written to by a non-blocking description of our own: on a blocking one that has room for a part, newer
 * kernels (seen with 6.18) wait within io_uring_enter(2) until all has been written, and the ring with it.
 */
static void tty_open(struct line *line)
{
	line->in_fd = STDIN_FILENO;
	line->out_fd = STDOUT_FILENO;
	if (isatty(STDOUT_FILENO)) {
		/* What this process has already. */
		int fd = host_open_file(NULL, "/proc/self/fd/1", O_WRONLY | O_NOCTTY | O_NONBLOCK,
					0);

		line->out_owned = fd >= 0;
		if (fd >= 0)
			line->out_fd = fd;
	}
	line->raw = line_make_raw(line->in_fd);
}

static int open_other_end(struct line *line, const struct host *host, struct error *err)
{
	switch (line->mode) {
	case LINE_TTY:
		tty_open(line);
		return 0;
	case LINE_PTY:
		return line_open_pty(line, host, err);
	case LINE_FILE:
		return file_open(line, host, err);
	case LINE_SOCKET:
		return line_open_socket(line, host, err);
	case LINE_OFF:
	case LINE_NULL:
		break;
	}
	return 0;
}

int line_open(struct line *line, const char *name, const struct line_config *config,
	      const struct host *host, struct error *err)
{
	struct line n = {
		.name = name,
		.mode = config->mode,
		.path = config->path,
		.access = config->access ? config->access : LISTENER_MODE,
		.access_given = config->access,
		.opened = true,
		.in_fd = -1,
		.out_fd = -1,
		.peer_fd = -1,
	};
	int r;

	if (n.mode != LINE_OFF && n.mode != LINE_NULL) {
		n.out = malloc(LINE_OUT_SIZE);
		if (!n.out)
			return error_set(err, -ENOMEM, "%s output queue", name);
	}
	n.out_off = !n.out || line_has_peers(&n);
	n.in_end = line_has_peers(&n);
	r = open_other_end(&n, host, err);
	if (r)
		free(n.out);
	else
		*line = n;
	return r;
}

/* Running */

/* The user has queued the first bytes of output, or taken the last ones of a full input queue. */
static void line_work(struct ring_work *work)
{
	struct line *line = container_of(work, struct line, work);

	line_start_input(line);
	if (!line->out_op.active)
		line_start_output(line);
	line_settle(line);
}

void line_start(struct line *line, struct ring *ring, const struct line_user *user)
{
	line->ring = ring;
	line->user = *user;
	line->work.run = line_work;
	if (line_has_peers(line))
		line_await_peer(line);
	else
		line_start_input(line);
}

/* Nothing of the line may come back from the kernel, nor from the ring's own lists. */
static bool try_to_finish_close(struct line *line)
{
	if (!line->out_op.active)
		ring_cancel(line->ring, &line->deadline);
	if (line->closed || line->out_op.active || line->in_op.active || line->peer_op.active ||
	    line->deadline.active || line->work.queued)
		return false;
	line->closed = true;
	if (line->out_head != line->out_tail)
		log_warning("%s: %u bytes of output were not taken and are lost", line->name,
			    line->out_tail - line->out_head);
	return true;
}

void line_settle(struct line *line)
{
	if (line->closing) {
		if (try_to_finish_close(line))
			line->user.closed(line->user.opaque);
	} else if (line_has_peers(line) && line->in_end && !line->out_op.active &&
		   !line->in_op.active) {
		line_await_peer(line);
	}
}

static void deadline_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct line *line = container_of(op, struct line, deadline);

	if (res == -ETIME) {
		line_lock(line);
		line->out_off = true;
		line_unlock(line);
		ring_cancel(line->ring, &line->out_op);
	}
	line_settle(line);
}

bool line_close(struct line *line)
{
	line->closing = true;
	ring_cancel(line->ring, &line->in_op);
	ring_cancel(line->ring, &line->peer_op);
	if (!line->out_op.active)
		line_start_output(line);
	if (line->out_op.active) {
		line->deadline.done = deadline_done;
		ring_timeout(line->ring, &line->deadline, DRAIN_NS);
	}
	return try_to_finish_close(line);
}

void line_destroy(struct line *line)
{
	if (!line->opened)
		return;
	if (line->raw)
		line_forget_terminal();
	line_close_peer(line);
	if (line->out_owned)
		fd_close(&line->out_fd);
	/* A ring that failed may still write from it. */
	if (!line->out_op.active)
		free(line->out);
	line->out = NULL;
	line->ring = NULL;
	line->opened = false;
}
