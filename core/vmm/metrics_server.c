/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"

/* How long somebody may ask, and, at least, take the answer; and how long to wait after a failure. */
#define TIMEOUT_NS 1000000000ULL

static const char http_head[] = "HTTP/1.0 200 OK\r\n"
				"Content-Type: text/plain; version=0.0.4\r\n"
				"Connection: close\r\n\r\n";

static void accept_next(struct metrics *metrics);

/* The timer goes first. */
static void end_connection(struct metrics *metrics)
{
	free(metrics->text);
	metrics->text = NULL;
	fd_close(&metrics->fd);
	if (metrics->timer.active)
		ring_cancel(metrics->ring, &metrics->timer);
	else
		accept_next(metrics);
}

static void write_rest(struct metrics *metrics)
{
	ring_write(metrics->ring, &metrics->op, metrics->fd, metrics->text + metrics->sent,
		   (unsigned)(metrics->size - metrics->sent), UINT64_MAX);
}

static void write_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct metrics *metrics = container_of(op, struct metrics, op);

	if (res > 0)
		metrics->sent += (size_t)res;
	if ((res > 0 || res == -EINTR) && metrics->sent < metrics->size)
		write_rest(metrics);
	else
		end_connection(metrics);
}

static void answer(struct metrics *metrics, bool is_http)
{
	FILE *out = open_memstream(&metrics->text, &metrics->size);

	if (!out) {
		end_connection(metrics);
		return;
	}
	if (is_http)
		fputs(http_head, out);
	metrics_print(out, metrics->source);
	if (fclose(out)) {
		end_connection(metrics);
		return;
	}
	metrics->sent = 0;
	metrics->is_late = false;
	metrics->op.done = write_done;
	write_rest(metrics);
}

static void read_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct metrics *metrics = container_of(op, struct metrics, op);

	answer(metrics, res >= 4 && !memcmp(metrics->request, "GET ", 4));
}

static void time_is_up(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct metrics *metrics = container_of(op, struct metrics, timer);

	if (metrics->fd < 0) {
		accept_next(metrics);
		return;
	}
	if (res != -ETIME)
		return;
	/* Again, as a cancellation misses what is just on its way to another thread. */
	ring_timeout(metrics->ring, op, TIMEOUT_NS);
	if (metrics->text && !metrics->is_late) {
		metrics->is_late = true;
		return;
	}
	/* The rest of an answer is given up, whatever the write says. */
	if (metrics->text)
		metrics->sent = metrics->size;
	ring_cancel(metrics->ring, &metrics->op);
}

static void accept_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct metrics *metrics = container_of(op, struct metrics, op);

	if (res == -ECANCELED)
		return;
	ring_timeout(metrics->ring, &metrics->timer, TIMEOUT_NS);
	if (res < 0) {
		log_warning("--metrics: accept: %s", strerror(-res));
		return;
	}
	metrics->fd = res;
	op->done = read_done;
	ring_read(metrics->ring, op, metrics->fd, metrics->request, sizeof(metrics->request),
		  UINT64_MAX);
}

static void accept_next(struct metrics *metrics)
{
	metrics->op.done = accept_done;
	ring_accept(metrics->ring, &metrics->op, metrics->listener.fd);
}

int metrics_start(struct metrics *metrics, struct ring *ring, const struct metrics_source *source,
		  const char *path, mode_t mode, struct error *err)
{
	int r = listener_open(&metrics->listener, "option --metrics: path", path, mode, 8, err);

	if (r)
		return r;
	metrics->ring = ring;
	metrics->source = source;
	metrics->fd = -1;
	metrics->timer.done = time_is_up;
	accept_next(metrics);
	return 0;
}

void metrics_destroy(struct metrics *metrics)
{
	if (metrics->ring)
		listener_close(&metrics->listener);
	metrics->ring = NULL;
}
