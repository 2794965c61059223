/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/iov.h"

#include <string.h>

uint64_t iov_size(const struct iovec *iov, unsigned nr)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < nr; i++)
		size += iov[i].iov_len;
	return size;
}

void iov_gather(const struct iovec *iov, unsigned nr, void *to, uint64_t size)
{
	uint8_t *p = to;

	for (unsigned i = 0; i < nr && size; i++) {
		uint64_t n = iov[i].iov_len < size ? iov[i].iov_len : size;

		memcpy(p, iov[i].iov_base, n);
		p += n;
		size -= n;
	}
}

void iov_scatter(const struct iovec *iov, unsigned nr, const void *from, uint64_t size)
{
	const uint8_t *p = from;

	for (unsigned i = 0; i < nr && size; i++) {
		uint64_t n = iov[i].iov_len < size ? iov[i].iov_len : size;

		memcpy(iov[i].iov_base, p, n);
		p += n;
		size -= n;
	}
}

void iov_advance(struct iovec *iov, unsigned *first, unsigned *nr, uint64_t n)
{
	while (n) {
		struct iovec *v = &iov[*first];

		if (v->iov_len > n) {
			v->iov_base = (uint8_t *)v->iov_base + n;
			v->iov_len -= n;
			return;
		}
		n -= v->iov_len;
		++*first;
		--*nr;
	}
}
