/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "io/line/internal.h"

#define ESCAPE_KEY 0x01 /* Ctrl-A */

/* How long to leave a full non-blocking descriptor alone: the ring polls for input only. */
#define RETRY_NS 5000000ULL

/* Output */

static void out_fail(struct line *line, int r)
{
	if (line_has_peers(line)) {
		line_lose_peer(line);
		return;
	}
	log_warning("%s: output: %s; it is discarded from now on", line->name, strerror(-r));
	line_lock(line);
	line->out_off = true;
	line->out_busy = false;
	line->out_head = line->out_tail;
	line_changed(line);
	line_unlock(line);
}

static void out_retry(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct line *line = container_of(op, struct line, out_op);

	line_start_output(line);
	line_settle(line);
}

static void out_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct line *line = container_of(op, struct line, out_op);

	if (line->out_off) {
		/* Whoever it was meant for has gone, or time is up. */
		line_start_output(line);
	} else if (res == -EAGAIN || res == -EINTR) {
		op->done = out_retry;
		ring_timeout(line->ring, op, RETRY_NS);
	} else if (res > 0) {
		line_lock(line);
		line->out_head += (uint32_t)res;
		line->out_offset += (uint32_t)res;
		line_changed(line);
		line_unlock(line);
		line_start_output(line);
	} else if (res != -ECANCELED) {
		out_fail(line, res ? res : -EIO);
	}
	line_settle(line);
}

void line_start_output(struct line *line)
{
	uint32_t at, n;

	line_lock(line);
	if (line->out_off && !line->closing)
		line->out_head = line->out_tail;
	at = line->out_head & LINE_OUT_MASK;
	n = line->out_tail - line->out_head;
	if (n > LINE_OUT_SIZE - at)
		n = LINE_OUT_SIZE - at;
	if (line->out_off)
		n = 0;
	line->out_busy = n;
	line_unlock(line);
	if (!n)
		return;
	line->out_op.done = out_done;
	ring_write(line->ring, &line->out_op, line->out_fd, line->out + at, n,
		   line->out_regular ? line->out_offset : UINT64_MAX);
}

/* Input */

static void in_finish(struct line *line, int r)
{
	line_lock(line);
	line->in_busy = false;
	line_unlock(line);
	/* Nobody is left to tell; line_settle() goes on. */
	if (line->in_end || line->closing)
		return;
	if (line_has_peers(line)) {
		line_lose_peer(line);
		return;
	}
	if (r < 0)
		log_warning("%s: input: %s; no more is read", line->name, strerror(-r));
	line_lock(line);
	line->in_end = true;
	line_unlock(line);
}

static void in_put(struct line *line, uint8_t byte)
{
	line->in[line->in_tail++ & LINE_IN_MASK] = byte;
}

/* Locked; takes the escapes out. Return: whether Ctrl-A x was among them. */
static bool in_filter(struct line *line, unsigned n)
{
	bool quit = false;

	for (unsigned i = 0; i < n; i++) {
		uint8_t key = line->read[i];

		if (!line->in_escape && key == ESCAPE_KEY) {
			line->in_escape = true;
			continue;
		}
		if (line->in_escape && key == 'x') {
			quit = true;
		} else {
			if (line->in_escape && key != ESCAPE_KEY)
				in_put(line, ESCAPE_KEY);
			in_put(line, key);
		}
		line->in_escape = false;
	}
	return quit;
}

static void in_take(struct line *line, unsigned n)
{
	bool quit = false;

	line_lock(line);
	if (line->raw)
		quit = in_filter(line, n);
	for (unsigned i = 0; i < n && !line->raw; i++)
		in_put(line, line->read[i]);
	line_changed(line);
	line->in_busy = false;
	line_unlock(line);
	line_start_input(line);
	if (quit && line->user.quit)
		line->user.quit(line->user.opaque);
}

/* A non-blocking descriptor is readable now: end the poll, its op is needed for the read. */
static void in_polled(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct line *line = container_of(op, struct line, in_op);

	if (op->active) {
		ring_cancel(line->ring, op);
		return;
	}
	if (line->closing || line->in_end || (res < 0 && res != -ECANCELED)) {
		in_finish(line, res);
	} else {
		line_lock(line);
		line->in_busy = false;
		line_unlock(line);
		line_start_input(line);
	}
	line_settle(line);
}

static void in_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct line *line = container_of(op, struct line, in_op);

	if (res > 0 && !line->closing) {
		in_take(line, (unsigned)res);
	} else if (line->closing || line->in_end) {
		in_finish(line, 0);
	} else if (res == -EAGAIN) {
		op->done = in_polled;
		ring_poll(line->ring, op, line->in_fd);
	} else if (res == -EINTR) {
		in_polled(op, 0, 0);
		return;
	} else {
		in_finish(line, res);
	}
	line_settle(line);
}

void line_start_input(struct line *line)
{
	uint32_t room;
	bool can_read;

	line_lock(line);
	room = LINE_IN_SIZE - line_pending(line);
	can_read = line->in_fd >= 0 && room > 1 && !line->in_busy && !line->in_end &&
		   !line->closing;
	if (can_read)
		line->in_busy = true;
	line_unlock(line);
	if (!can_read)
		return;
	/* A Ctrl-A held back from the last read may come with this one. */
	room--;
	line->in_op.done = in_done;
	ring_read(line->ring, &line->in_op, line->in_fd, line->read,
		  room < LINE_MAX_READ ? room : LINE_MAX_READ, UINT64_MAX);
}
