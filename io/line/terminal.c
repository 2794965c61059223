/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/line/internal.h"

/*
 * The terminal's settings before torc changed them, and torc's own. The only state outside of struct line: a signal
 * handler has nothing else to find it by.
 */
static pthread_mutex_t lock =
	PTHREAD_MUTEX_INITIALIZER; /* but for a signal handler, which takes what it finds */
static struct termios saved_termios, raw_termios;
static int terminal_raw;
static int terminal_fd = -1; /* that is to be raw while torc runs; -1: none */

static void enter_raw(void)
{
	/* Before the change, so that a signal in between undoes it; pairs with the exchange. */
	store_release(&terminal_raw, 1);
	tcsetattr(terminal_fd, TCSANOW, &raw_termios);
	/* As it came out, to be compared with. */
	tcgetattr(terminal_fd, &raw_termios);
}

static bool is_raw(const struct termios *now)
{
	return now->c_iflag == raw_termios.c_iflag && now->c_oflag == raw_termios.c_oflag &&
	       now->c_cflag == raw_termios.c_cflag && now->c_lflag == raw_termios.c_lflag;
}

/* Without ISIG Ctrl-C reaches the guest; OPOST stays, so that torc's own messages stay readable. */
bool line_make_raw(int fd)
{
	struct termios *raw = &raw_termios;

	pthread_mutex_lock(&lock);
	if (!isatty(fd) || tcgetattr(fd, &saved_termios)) {
		pthread_mutex_unlock(&lock);
		return false;
	}
	*raw = saved_termios;
	raw->c_iflag &=
		~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
	raw->c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	raw->c_cflag |= CS8;
	raw->c_cc[VMIN] = 1;
	raw->c_cc[VTIME] = 0;
	terminal_fd = fd;
	enter_raw();
	pthread_mutex_unlock(&lock);
	return true;
}

/* Whether the terminal is another's now. One that controls no session, or another one, has no foreground that torc sees. */
static bool in_background(void)
{
	pid_t foreground = tcgetpgrp(terminal_fd);

	return foreground >= 0 && foreground != getpgrp();
}

/* What a shell has set meanwhile is what it wants to have back at the end. */
bool line_resume_terminal(void)
{
	struct termios now;
	bool is_over = true;

	pthread_mutex_lock(&lock);
	if (terminal_fd >= 0 && in_background()) {
		/* Changing it from there would stop torc. */
		is_over = false;
	} else if (terminal_fd >= 0 && !tcgetattr(terminal_fd, &now)) {
		if (!is_raw(&now)) {
			store_release(&terminal_raw, 0);
			saved_termios = now;
		}
		enter_raw();
	}
	pthread_mutex_unlock(&lock);
	return is_over;
}

void line_lend_terminal(void)
{
	pthread_mutex_lock(&lock);
	line_restore_terminal();
	pthread_mutex_unlock(&lock);
}

void line_forget_terminal(void)
{
	pthread_mutex_lock(&lock);
	line_restore_terminal();
	terminal_fd = -1;
	pthread_mutex_unlock(&lock);
}

void line_restore_terminal(void)
{
	struct termios now;
	sigset_t ttou, old;
	int saved = errno;

	if (!__atomic_exchange_n(&terminal_raw, 0, __ATOMIC_ACQ_REL))
		return;
	/* Who has it now has made of it what it wants. */
	if (in_background() && !tcgetattr(terminal_fd, &now) && !is_raw(&now)) {
		errno = saved;
		return;
	}
	/* From the background tcsetattr(3) would stop the process. */
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	tcsetattr(terminal_fd, TCSANOW, &saved_termios);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
}

bool line_size(const struct line *line, uint16_t *cols, uint16_t *rows)
{
	struct winsize size;

	if (line->mode != LINE_TTY && line->mode != LINE_PTY)
		return false;
	/* What the user looks at first: standard input may be another terminal, or none. */
	if (ioctl(line->out_fd, TIOCGWINSZ, &size) && ioctl(line->in_fd, TIOCGWINSZ, &size))
		return false;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return true;
}
