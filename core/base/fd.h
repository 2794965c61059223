/* SPDX-License-Identifier: Apache-2.0 */
/**
 * File descriptors: close once, whole reads and writes, eventfds, small files of sysfs and procfs.
 *
 * Every descriptor torc opens is close-on-exec. Any thread.
 */
#ifndef CORE_BASE_FD_H
#define CORE_BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * fd_close - close a descriptor and forget it
 * @fd: may hold -1; holds -1 afterwards
 */
void fd_close(int *fd);

/**
 * fd_read_all - read until a buffer is full or the file ends
 * @fd: readable
 * @buf: @size bytes
 * @size: bytes wanted
 *
 * Return: bytes read, less than @size only at the end of the file; -errno.
 */
ssize_t fd_read_all(int fd, void *buf, size_t size);

/**
 * fd_pread_all - the same from an offset, the file position unchanged
 * @fd: seekable
 * @buf: @size bytes
 * @size: bytes wanted
 * @offset: where to start
 *
 * Return: bytes read, less than @size only at the end of the file; -errno.
 */
ssize_t fd_pread_all(int fd, void *buf, size_t size, uint64_t offset);

/**
 * fd_write_all - write a whole buffer
 * @fd: writable
 * @buf: @size bytes
 * @size: bytes
 *
 * Return: 0; -errno.
 */
int fd_write_all(int fd, const void *buf, size_t size);

/**
 * fd_list - the descriptors that are open
 * @out: receives an array to be freed; untouched on failure
 * @nr: receives its length; likewise
 *
 * Those of threads that open and close meanwhile may be in it or not. Return: 0; -ENOMEM; -errno of opendir(3).
 */
int fd_list(int **out, unsigned *nr);

/**
 * fd_open - open(2), close-on-exec
 * @path: as there
 * @flags: as there
 * @mode: of a file that is made
 *
 * Any thread. Devices open what they need of the host by core/base/host.h instead. Return: the descriptor; -errno.
 */
int fd_open(const char *path, int flags, mode_t mode);

/**
 * fd_eventfd - a new non-blocking, close-on-exec eventfd with counter 0
 *
 * Return: the descriptor; -errno.
 */
int fd_eventfd(void);

/**
 * fd_eventfd_signal - add 1 to an eventfd
 * @fd: an eventfd
 */
void fd_eventfd_signal(int fd);

/**
 * fd_eventfd_drain - read and clear an eventfd's counter
 * @fd: a non-blocking eventfd
 *
 * Return: the counter, 0 when it was not signalled.
 */
uint64_t fd_eventfd_drain(int fd);

/**
 * file_read_line - the first line of a small text file, without the newline
 * @path: the file
 * @buf: receives the line, NUL-terminated, cut to fit; untouched on failure
 * @size: of @buf, at least 1
 *
 * Return: 0; -errno of open(2) or read(2).
 */
int file_read_line(const char *path, char *buf, size_t size);

/**
 * file_read_i64 - a small text file that holds one integer (decimal, or hexadecimal after 0x)
 * @path: the file
 * @out: receives it; untouched on failure
 *
 * Return: 0; -errno; -EINVAL when it holds something else.
 */
int file_read_i64(const char *path, int64_t *out);

#endif
