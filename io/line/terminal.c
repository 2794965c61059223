/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "io/line/internal.h"

/*
 * The terminal's settings before torc changed them. The only state outside of struct line: a
 * signal handler has nothing else to find it by.
 */
static struct termios saved_termios;
static int terminal_raw;

/* Without ISIG Ctrl-C reaches the guest; OPOST stays, so that torc's own messages stay readable. */
bool line_make_raw(int fd)
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

void line_restore_terminal(void)
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
