/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/requests.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "tests/fuzz/check.h"

#define MAX_CHAIN 48
#define MAX_TOTAL 100 /* buffers of all chains; fewer than there are descriptors */

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t next(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static uint8_t take_buffer(struct driver *d, struct input *in, struct driver_buffer *buffer,
			   uint64_t *at)
{
	uint8_t flags = next(in);
	uint32_t len = next(in);
	size_t n;

	len |= (uint32_t)next(in) << 8;
	if (!(flags & REQUESTS_SAME))
		*at += 0x10000;
	*buffer = (struct driver_buffer){
		.addr = *at + (flags & REQUESTS_ODD ? 1 : 0) +
			(flags & REQUESTS_OUTSIDE ? DRIVER_MEMORY : 0),
		.len = len,
		.writable = flags & REQUESTS_WRITABLE,
	};
	if (flags & (REQUESTS_WRITABLE | REQUESTS_OUTSIDE))
		return flags;
	n = len < in->size ? len : in->size;
	memcpy(driver_ptr(d, buffer->addr), in->data, n);
	in->data += n;
	in->size -= n;
	return flags;
}

/* Adds what the input says; how many chains. */
static unsigned add_chains(struct driver *d, unsigned queue, struct input *in, bool *is_head)
{
	struct driver_buffer chain[MAX_CHAIN];
	uint64_t at = DRIVER_DATA;
	unsigned n = 0, total = 0, nr_chains = 0;

	while (in->size && total++ < MAX_TOTAL) {
		uint8_t flags = take_buffer(d, in, &chain[n++], &at);

		if (flags & REQUESTS_LAST || n == MAX_CHAIN || !in->size || total == MAX_TOTAL) {
			is_head[driver_add(d, queue, chain, n)] = true;
			nr_chains++;
			n = 0;
		}
	}
	return nr_chains;
}

void requests_run(struct driver *d, uint64_t features, unsigned nr_queues, const uint8_t *data,
		  size_t size)
{
	struct input in = { data, size };
	bool is_head[DRIVER_QUEUE_SIZE] = { false };
	unsigned queue = next(&in) % nr_queues, nr;
	const struct driver_queue *q = &d->queue[queue];

	driver_prepare(d, features, nr_queues);
	nr = add_chains(d, queue, &in, is_head);
	driver_go(d);
	driver_reset(d);
	CHECK(q->used->idx <= nr);
	for (unsigned i = 0; i < q->used->idx; i++) {
		uint32_t id = q->used->ring[i].id;

		CHECK(id < q->size && is_head[id]);
		is_head[id] = false;
	}
}
