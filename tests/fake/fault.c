/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/fault.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/base/bits.h"

static unsigned left;	   /* calls until the one that fails, which makes it 0; atomic */
static const char *failed; /* atomic */
static bool is_watched;	   /* atomic */
static const char *seen;   /* likewise: what is_watched is about */

void fault_arm(unsigned nth)
{
	__atomic_store_n(&failed, NULL, __ATOMIC_RELAXED);
	store_release(&left, nth);
}

const char *fault_disarm(void)
{
	store_release(&left, 0);
	return load_acquire(&failed);
}

const char *fault_watch(bool on)
{
	const char *name = load_acquire(&seen);

	store_release(&is_watched, on);
	if (on)
		store_release(&seen, NULL);
	return name;
}

static void look(const char *name)
{
	static const char *const opens[] = { "open", "fopen64", "socket", "bind" };

	for (unsigned i = 0; load_acquire(&is_watched) && i < ARRAY_SIZE(opens); i++) {
		if (!strcmp(name, opens[i]))
			store_release(&seen, opens[i]);
	}
}

static bool fails(const char *name)
{
	unsigned n = load_acquire(&left);

	look(name);
	while (n && !__atomic_compare_exchange_n(&left, &n, n - 1, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
		;
	if (n != 1)
		return false;
	store_release(&failed, name);
	return true;
}

/* A function of the C library with so many parameters, what it returns when it fails, and errno. */
#define WRAP(type, name, bad, error, parameters, arguments) \
	type __real_##name parameters;                      \
	type __wrap_##name parameters;                      \
	type __wrap_##name parameters                       \
	{                                                   \
		if (!fails(#name))                          \
			return __real_##name arguments;     \
		errno = error;                              \
		return bad;                                 \
	}

WRAP(void *, malloc, NULL, ENOMEM, (size_t size), (size))
WRAP(void *, calloc, NULL, ENOMEM, (size_t nr, size_t size), (nr, size))
WRAP(void *, realloc, NULL, ENOMEM, (void *old, size_t size), (old, size))
WRAP(void *, reallocarray, NULL, ENOMEM, (void *old, size_t nr, size_t size), (old, nr, size))
WRAP(char *, strdup, NULL, ENOMEM, (const char *text), (text))
WRAP(void *, mmap64, MAP_FAILED, ENOMEM,
     (void *at, size_t size, int access, int flags, int fd, off_t offset),
     (at, size, access, flags, fd, offset))
WRAP(int, madvise, -1, ENOMEM, (void *at, size_t size, int advice), (at, size, advice))
WRAP(int, memfd_create, -1, EMFILE, (const char *name, unsigned flags), (name, flags))
WRAP(int, ftruncate64, -1, ENOSPC, (int fd, off_t size), (fd, size))
WRAP(int, eventfd, -1, EMFILE, (unsigned count, int flags), (count, flags))
WRAP(int, socket, -1, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(int, bind, -1, ENOSPC, (int fd, const struct sockaddr *address, socklen_t size),
     (fd, address, size))
WRAP(int, listen, -1, ENOMEM, (int fd, int backlog), (fd, backlog))
WRAP(FILE *, fopen64, NULL, EMFILE, (const char *path, const char *mode), (path, mode))
WRAP(int, fstat64, -1, EIO, (int fd, struct stat *st), (fd, st))
WRAP(ssize_t, pread64, -1, EIO, (int fd, void *to, size_t size, off_t offset),
     (fd, to, size, offset))
WRAP(int, pthread_create, EAGAIN, EAGAIN,
     (pthread_t * thread, const pthread_attr_t *attr, void *(*main)(void *), void *arg),
     (thread, attr, main, arg))
WRAP(int, io_uring_queue_init_params, -ENOMEM, ENOMEM,
     (unsigned entries, struct io_uring *ring, struct io_uring_params *params),
     (entries, ring, params))
WRAP(int, io_uring_enable_rings, -ENOMEM, ENOMEM, (struct io_uring * ring), (ring))

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	unsigned mode = 0;
	va_list list;

	if (fails("open")) {
		errno = EMFILE;
		return -1;
	}
	va_start(list, flags);
	if (flags & O_CREAT)
		mode = va_arg(list, unsigned);
	va_end(list);
	return __real_open64(path, flags, mode);
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *arg;

	if (fails("ioctl")) {
		errno = ENOMEM;
		return -1;
	}
	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	return __real_ioctl(fd, request, arg);
}
