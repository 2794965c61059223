/* SPDX-License-Identifier: Apache-2.0 */
/* The input is what a driver left in memory: two bytes of set-up, then the three areas and what follows them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "io/virtio/queue.h"
#include "tests/fake/memory.h"
#include "tests/fuzz/check.h"

#define MEMORY	  (16 * MIB)
#define AREAS	  0x1000ULL
#define AREA	  0x400ULL /* room for 64 entries of each */
#define MAX_INPUT 0x2000
#define MAX_IOV	  32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_chain(const struct guest_mem *mem, const struct virtqueue_chain *chain,
			const struct iovec *iov)
{
	const char *base = mem->region[0].va;
	uint64_t out = 0, in = 0;

	CHECK(chain->nr_out + chain->nr_in <= MAX_IOV);
	for (unsigned i = 0; i < chain->nr_out + chain->nr_in; i++) {
		CHECK(iov[i].iov_len);
		CHECK(range_fits((uint64_t)((const char *)iov[i].iov_base - base), iov[i].iov_len,
				 MEMORY));
		*(i < chain->nr_out ? &out : &in) += iov[i].iov_len;
	}
	CHECK(out == chain->out_len && in == chain->in_len);
}

/* Every other chain is given back at once, the others at the end. */
static void serve(struct virtqueue *vq)
{
	uint16_t held[64];
	unsigned nr_held = 0, taken = 0;
	struct virtqueue_chain chain;
	struct iovec iov[MAX_IOV];

	while (taken < 1000 && virtqueue_pop(vq, &chain, iov, MAX_IOV) > 0) {
		check_chain(vq->mem, &chain, iov);
		CHECK(chain.head < vq->size && vq->nr_in_flight <= vq->size);
		for (unsigned i = 0; i < nr_held; i++)
			CHECK(held[i] != chain.head);
		if (taken++ % 2)
			held[nr_held++] = chain.head;
		else
			virtqueue_push(vq, chain.head, 1);
		virtqueue_publish(vq);
		virtqueue_request_kick(vq);
	}
	while (nr_held)
		virtqueue_push(vq, held[--nr_held], 0);
	virtqueue_publish(vq);
	CHECK(!vq->nr_in_flight);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest_mem mem;
	const struct guest_mem_config mem_config = ONE_ZONE(MEMORY);
	struct virtqueue_config config = {
		.desc = { AREAS },
		.avail = { AREAS + AREA },
		.used = { AREAS + 2 * AREA },
	};
	struct virtqueue vq = { 0 };

	if (!mem.size)
		CHECK(!guest_mem_init(&mem, &mem_config, NULL));
	if (size < 2 || size > MAX_INPUT)
		return 0;
	memset((char *)mem.region[0].va + AREAS, 0, MAX_INPUT);
	memcpy((char *)mem.region[0].va + AREAS, data + 2, size - 2);
	config.size = (uint16_t)(1U << data[0] % 7);
	if (virtqueue_start(&vq, &mem, &config, (uint64_t)data[1] << VIRTIO_RING_F_INDIRECT_DESC))
		return 0;
	serve(&vq);
	virtqueue_stop(&vq);
	return 0;
}
