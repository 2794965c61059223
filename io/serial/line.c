/* SPDX-License-Identifier: Apache-2.0 */
#include "io/serial/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "io/serial/internal.h"

#define ESCAPE_KEY 0x01 /* Ctrl-A */

/* How long to leave a full non-blocking descriptor alone: the ring polls for input only. */
#define RETRY_NS 5000000ULL
#define DRAIN_NS 1000000000ULL

#define OUT_MASK (SERIAL_OUT_SIZE - 1)

/*
 * The terminal's settings before torc changed them. The only state outside of struct serial: a
 * signal handler has nothing else to find it by.
 */
static struct termios saved_termios;
static int terminal_raw;

static void in_start(struct serial *s);
static void out_start(struct serial *s);

/* Ends the ring_run() of serial_destroy() once the kernel owns nothing of this line. */
static void settle(struct serial *s)
{
	if (!s->closing)
		return;
	if (!s->out_op.active)
		ring_cancel(s->ring, &s->deadline);
	if (!s->out_op.active && !s->in_op.active && !s->deadline.active)
		ring_stop(s->ring);
}

bool line_has_room(const struct serial *s)
{
	return !s->out || s->out_failed ||
	       SERIAL_OUT_SIZE - (s->out_tail - s->out_head) >= SERIAL_FIFO;
}

void line_send(struct serial *s, uint8_t byte)
{
	if (!s->out || s->out_failed || s->out_tail - s->out_head == SERIAL_OUT_SIZE)
		return;
	s->out[s->out_tail++ & OUT_MASK] = byte;
	/* The ring is woken for the first byte only; it takes the rest with it. */
	if (!s->out_busy) {
		s->out_busy = true;
		ring_post(s->ring, &s->work);
	}
}

bool line_receive(struct serial *s, uint8_t *byte)
{
	if (!s->in_count)
		return false;
	*byte = s->in[s->in_head++];
	if (!--s->in_count && !s->in_busy && !s->in_end)
		ring_post(s->ring, &s->work);
	return true;
}

/* Output */

static void out_fail(struct serial *s, int r)
{
	bool had_room;

	log_warning("serial: output: %s; it is discarded from now on", strerror(-r));
	pthread_mutex_lock(&s->lock);
	had_room = line_has_room(s);
	s->out_failed = true;
	s->out_busy = false;
	s->out_head = s->out_tail;
	uart_line_changed(s, had_room);
	pthread_mutex_unlock(&s->lock);
}

static void out_retry(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct serial *s = container_of(op, struct serial, out_op);

	out_start(s);
	settle(s);
}

static void out_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct serial *s = container_of(op, struct serial, out_op);
	bool had_room;

	if (res == -EAGAIN || res == -EINTR) {
		op->done = out_retry;
		ring_timeout(s->ring, op, RETRY_NS);
	} else if (res > 0) {
		pthread_mutex_lock(&s->lock);
		had_room = line_has_room(s);
		s->out_head += (uint32_t)res;
		s->out_offset += (uint32_t)res;
		uart_line_changed(s, had_room);
		pthread_mutex_unlock(&s->lock);
		out_start(s);
	} else if (res != -ECANCELED) {
		out_fail(s, res ? res : -EIO);
	}
	settle(s);
}

/* Writes what lies in one piece in the queue, or lets the vCPUs wake the ring again. */
static void out_start(struct serial *s)
{
	uint32_t at, n;

	pthread_mutex_lock(&s->lock);
	at = s->out_head & OUT_MASK;
	n = s->out_tail - s->out_head;
	if (n > SERIAL_OUT_SIZE - at)
		n = SERIAL_OUT_SIZE - at;
	if (s->out_failed)
		n = 0;
	s->out_busy = n;
	pthread_mutex_unlock(&s->lock);
	if (!n)
		return;
	s->out_op.done = out_done;
	ring_write(s->ring, &s->out_op, s->out_fd, s->out + at, n,
		   s->out_regular ? s->out_offset : UINT64_MAX);
}

/* Input */

static void in_finish(struct serial *s, int r)
{
	if (r < 0)
		log_warning("serial: input: %s; no more is read", strerror(-r));
	pthread_mutex_lock(&s->lock);
	s->in_busy = false;
	s->in_end = true;
	pthread_mutex_unlock(&s->lock);
}

/*
 * Takes the escapes out of what lies from in[1] on. The result starts at in[0]: a Ctrl-A held back
 * from the last read may make it one byte longer.
 */
static unsigned in_filter(struct serial *s, unsigned n, bool *quit)
{
	unsigned count = 0;

	for (unsigned i = 1; i <= n; i++) {
		uint8_t key = s->in[i];

		if (!s->in_escape && key == ESCAPE_KEY) {
			s->in_escape = true;
			continue;
		}
		if (s->in_escape && key == 'x') {
			*quit = true;
		} else {
			if (s->in_escape && key != ESCAPE_KEY)
				s->in[count++] = ESCAPE_KEY;
			s->in[count++] = key;
		}
		s->in_escape = false;
	}
	return count;
}

static void in_take(struct serial *s, unsigned n)
{
	unsigned head = 1, count = n;
	bool quit = false, again;

	if (s->raw) {
		head = 0;
		count = in_filter(s, n, &quit);
	}
	pthread_mutex_lock(&s->lock);
	s->in_head = head;
	s->in_count = count;
	uart_line_changed(s, line_has_room(s));
	again = !s->in_count;
	s->in_busy = again;
	pthread_mutex_unlock(&s->lock);
	if (again)
		in_start(s);
	if (quit && s->quit)
		s->quit(s->opaque);
}

/* A non-blocking descriptor is readable now: end the poll, its op is needed for the read. */
static void in_polled(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct serial *s = container_of(op, struct serial, in_op);

	if (op->active)
		ring_cancel(s->ring, op);
	else if (!s->closing && res < 0 && res != -ECANCELED)
		in_finish(s, res);
	else if (!s->closing)
		in_start(s);
	settle(s);
}

static void in_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct serial *s = container_of(op, struct serial, in_op);

	if (s->closing) {
		settle(s);
	} else if (res == -EAGAIN) {
		op->done = in_polled;
		ring_poll(s->ring, op, s->in_fd);
	} else if (res == -EINTR) {
		in_start(s);
	} else if (res <= 0) {
		in_finish(s, res);
	} else {
		in_take(s, (unsigned)res);
	}
}

/* in_busy is set: in[] is the kernel's from here on. in[0] stays free for in_filter(). */
static void in_start(struct serial *s)
{
	s->in_op.done = in_done;
	ring_read(s->ring, &s->in_op, s->in_fd, s->in + 1, sizeof(s->in) - 1, UINT64_MAX);
}

/* A vCPU has queued the first byte of output, or taken the last one of input. */
static void line_work(struct ring_work *work)
{
	struct serial *s = container_of(work, struct serial, work);
	bool read;

	pthread_mutex_lock(&s->lock);
	read = s->in_fd >= 0 && !s->in_count && !s->in_busy && !s->in_end && !s->closing;
	if (read)
		s->in_busy = true;
	pthread_mutex_unlock(&s->lock);
	if (read)
		in_start(s);
	if (!s->out_op.active)
		out_start(s);
}

/* Set-up and tear-down */

/* Without ISIG Ctrl-C reaches the guest; OPOST stays, so that torc's own messages stay readable. */
static bool terminal_make_raw(int fd)
{
	struct termios raw;

	if (!isatty(fd) || tcgetattr(fd, &saved_termios))
		return false;
	raw = saved_termios;
	raw.c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	raw.c_cflag |= CS8;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	/* Before the change, so that a signal in between undoes it; pairs with the exchange. */
	store_release(&terminal_raw, 1);
	tcsetattr(fd, TCSANOW, &raw);
	return true;
}

void serial_restore_terminal(void)
{
	sigset_t ttou, old;
	int saved = errno;

	if (!__atomic_exchange_n(&terminal_raw, 0, __ATOMIC_ACQ_REL))
		return;
	/* From the background tcsetattr(3) would stop the process. */
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved_termios);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
}

static int file_open(struct serial *s, const char *path, struct error *err)
{
	struct stat st;
	int r;
	/* O_NONBLOCK: opening a FIFO without a reader must fail, not wait. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);

	if (fd < 0) {
		r = error_set(err, -errno, "serial file=%s", path);
		if (r == -ENXIO) {
			error_reason(err, "a FIFO that no process reads");
			error_remedy(err, "start the reader first");
		}
		return r;
	}
	/* From here on the ring waits where the file is slow. */
	if (fstat(fd, &st) || fcntl(fd, F_SETFL, 0)) {
		r = error_set(err, -errno, "serial file=%s", path);
		fd_close(&fd);
		return r;
	}
	s->out_fd = fd;
	s->out_owned = true;
	s->out_regular = S_ISREG(st.st_mode);
	return 0;
}

static int line_open(struct serial *s, const char *path, struct error *err)
{
	int r = 0;

	s->in_fd = -1;
	s->out_fd = -1;
	if (s->mode != SERIAL_TTY && s->mode != SERIAL_FILE)
		return 0;
	if (s->mode == SERIAL_TTY) {
		s->in_fd = STDIN_FILENO;
		s->out_fd = STDOUT_FILENO;
	} else {
		r = file_open(s, path, err);
	}
	if (r)
		return r;
	s->out = malloc(SERIAL_OUT_SIZE);
	if (s->out)
		return 0;
	if (s->out_owned)
		fd_close(&s->out_fd);
	return error_set(err, -ENOMEM, "serial output queue");
}

int serial_init(struct serial *s, const struct serial_config *config, struct ring *ring,
		void (*set_irq)(void *opaque, bool level), void *opaque, struct error *err)
{
	struct serial n = {
		.mode = config->mode,
		.ring = ring,
		.set_irq = set_irq,
		.quit = config->quit,
		.opaque = opaque,
		.work.run = line_work,
	};
	int r = line_open(&n, config->path, err);

	if (r)
		return r;
	*s = n;
	pthread_mutex_init(&s->lock, NULL);
	serial_reset(s);
	if (s->in_fd >= 0) {
		s->raw = terminal_make_raw(s->in_fd);
		s->in_busy = true;
		in_start(s);
	}
	return 0;
}

static void deadline_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct serial *s = container_of(op, struct serial, deadline);

	if (res == -ETIME) {
		pthread_mutex_lock(&s->lock);
		s->out_failed = true;
		pthread_mutex_unlock(&s->lock);
		ring_cancel(s->ring, &s->out_op);
	}
	settle(s);
}

static void set_irq_nowhere(void *opaque, bool level)
{
}

/* Runs the ring until the kernel owns neither an operation nor a buffer of this line. */
static void line_drain(struct serial *s)
{
	s->closing = true;
	s->set_irq = set_irq_nowhere;
	ring_drain_posted(s->ring);
	ring_cancel(s->ring, &s->in_op);
	if (s->out_op.active) {
		s->deadline.done = deadline_done;
		ring_timeout(s->ring, &s->deadline, DRAIN_NS);
	}
	while (s->out_op.active || s->in_op.active || s->deadline.active)
		if (ring_run(s->ring))
			break;
	if (s->out_head != s->out_tail)
		log_warning("serial: %u bytes of output were not taken and are lost",
			    s->out_tail - s->out_head);
}

void serial_destroy(struct serial *s)
{
	if (!s->ring)
		return;
	line_drain(s);
	if (s->raw)
		serial_restore_terminal();
	if (s->out_owned)
		fd_close(&s->out_fd);
	/* A ring that failed may still write from it. */
	if (!s->out_op.active)
		free(s->out);
	pthread_mutex_destroy(&s->lock);
	s->ring = NULL;
	s->out = NULL;
}
