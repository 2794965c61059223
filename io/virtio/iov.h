/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Iov: buffers in pieces, as chains of descriptors give them. Any thread.
 */
#ifndef IO_VIRTIO_IOV_H
#define IO_VIRTIO_IOV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/**
 * iov_size - bytes in all pieces
 * @iov: @nr pieces
 * @nr: how many
 *
 * Return: the sum.
 */
uint64_t iov_size(const struct iovec *iov, unsigned nr);

/**
 * iov_gather - copy from the pieces, as much as both have
 * @iov: @nr pieces
 * @nr: how many
 * @to: @size bytes
 * @size: at most
 */
void iov_gather(const struct iovec *iov, unsigned nr, void *to, uint64_t size);

/**
 * iov_scatter - copy into the pieces, as much as both have
 * @iov: @nr pieces
 * @nr: how many
 * @from: @size bytes
 * @size: at most
 */
void iov_scatter(const struct iovec *iov, unsigned nr, const void *from, uint64_t size);

/**
 * iov_advance - drop bytes from the front
 * @iov: the pieces, changed
 * @first: of those that are left
 * @nr: how many are left
 * @n: bytes; all of them are there
 */
void iov_advance(struct iovec *iov, unsigned *first, unsigned *nr, uint64_t n);

#endif
