/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/claim.h"

#include <errno.h>
#include <fcntl.h>

#include "core/base/fd.h"

/* Behind the last CPU. */
#define MUTEX_BYTE CPU_SETSIZE

static int lock(int fd, int command, short type, off_t byte)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int r;

	do {
		r = fcntl(fd, command, &lock);
	} while (r && errno == EINTR);
	return r ? -errno : 0;
}

int claim_open(struct claim *claim, const char *path)
{
	int r;

	claim->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (claim->fd < 0)
		return -errno;
	r = lock(claim->fd, F_OFD_SETLKW, F_WRLCK, MUTEX_BYTE);
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
