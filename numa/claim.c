/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "core/base/fd.h"

/* Behind the last CPU. */
#define MUTEX_BYTE   CPU_SETSIZE
#define TRY_EVERY_NS 10000000
#define TRIES	     100

static int lock(int fd, int command, short type, off_t byte)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int r;

	do {
		r = fcntl(fd, command, &lock);
	} while (r && errno == EINTR);
	return r ? -errno : 0;
}

/* Whoever looks and decides takes milliseconds; one that was stopped meanwhile must not stop all others. */
static int lock_mutex(int fd)
{
	const struct timespec pause = { .tv_nsec = TRY_EVERY_NS };
	int r = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		r = lock(fd, F_OFD_SETLK, F_WRLCK, MUTEX_BYTE);
		if (r != -EAGAIN && r != -EACCES)
			return r;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

int claim_open(struct claim *claim, const char *path)
{
	int r;

	claim->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (claim->fd < 0)
		return -errno;
	r = lock_mutex(claim->fd);
	if (r)
		fd_close(&claim->fd);
	return r;
}

cpu_set_t claim_read(const struct claim *claim, const cpu_set_t *cpus)
{
	cpu_set_t taken;

	CPU_ZERO(&taken);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && claim->fd >= 0; cpu++) {
		struct flock lock = { .l_type = F_WRLCK, .l_start = cpu, .l_len = 1 };

		if (CPU_ISSET(cpu, cpus) && !fcntl(claim->fd, F_OFD_GETLK, &lock) &&
		    lock.l_type != F_UNLCK)
			CPU_SET(cpu, &taken);
	}
	return taken;
}

void claim_take(const struct claim *claim, const cpu_set_t *cpus)
{
	if (claim->fd < 0)
		return;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, cpus))
			lock(claim->fd, F_OFD_SETLK, F_WRLCK, cpu);
	}
	lock(claim->fd, F_OFD_SETLK, F_UNLCK, MUTEX_BYTE);
}

void claim_close(struct claim *claim)
{
	fd_close(&claim->fd);
}
