/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN_DESC  16
#define ALIGN_AVAIL 2
#define ALIGN_USED  4

#define BITS_PER_WORD 64

/* Behind the last ring entry; 2.7.6 and 2.7.8. */
static uint16_t *used_event(const struct virtqueue *vq)
{
	return &vq->avail->ring[vq->size];
}

static uint16_t *avail_event(const struct virtqueue *vq)
{
	return (uint16_t *)(void *)&vq->used->ring[vq->size];
}

int virtqueue_start(struct virtqueue *vq, const struct guest_mem *mem,
		    const struct virtqueue_config *config, uint64_t features)
{
	uint16_t size = config->size;
	void *desc, *avail, *used;
	uint64_t *in_flight;

	if (!is_pow2(size) || size > VIRTQUEUE_MAX_SIZE || config->desc.v % ALIGN_DESC ||
	    config->avail.v % ALIGN_AVAIL || config->used.v % ALIGN_USED)
		return -EINVAL;
	desc = guest_mem_ptr(mem, config->desc, 16ULL * size);
	avail = guest_mem_ptr(mem, config->avail, 6 + 2ULL * size);
	used = guest_mem_ptr(mem, config->used, 6 + 8ULL * size);
	if (!desc || !avail || !used)
		return -EFAULT;
	in_flight = calloc((size + BITS_PER_WORD - 1U) / BITS_PER_WORD, sizeof(*in_flight));
	if (!in_flight)
		return -ENOMEM;
	*vq = (struct virtqueue){
		.mem = mem,
		.size = size,
		.event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
		.indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1,
		.desc = desc,
		.avail = avail,
		.used = used,
		.in_flight = in_flight,
	};
	return 0;
}

void virtqueue_stop(struct virtqueue *vq)
{
	free(vq->in_flight);
	memset(vq, 0, sizeof(*vq));
}

static bool test_and_set_in_flight(struct virtqueue *vq, uint16_t head)
{
	uint64_t bit = 1ULL << head % BITS_PER_WORD;
	uint64_t *word = &vq->in_flight[head / BITS_PER_WORD];
	bool was = *word & bit;

	*word |= bit;
	return was;
}

/* Where the descriptors of a chain are: the queue's own table, or the indirect one of 2.7.5.3. */
struct table {
	const struct vring_desc *desc;
	uint32_t size;
	bool is_indirect;
};

static int add_buffer(struct virtqueue *vq, struct virtqueue_chain *chain, struct iovec *iov,
		      unsigned max, const struct vring_desc *desc)
{
	unsigned n = chain->nr_out + chain->nr_in;
	bool writable = desc->flags & VRING_DESC_F_WRITE;
	void *va;

	/* 2.7.4.2: what the device writes comes last. */
	if (!writable && chain->nr_in)
		return -EINVAL;
	if (!desc->len)
		return 0;
	va = guest_mem_ptr(vq->mem, (gpa_t){ desc->addr }, desc->len);
	if (!va)
		return -EFAULT;
	if (n == max)
		return -E2BIG;
	iov[n] = (struct iovec){ .iov_base = va, .iov_len = desc->len };
	if (writable) {
		chain->nr_in++;
		chain->in_len += desc->len;
	} else {
		chain->nr_out++;
		chain->out_len += desc->len;
	}
	return 0;
}

static int enter_indirect(struct virtqueue *vq, struct table *table, const struct vring_desc *desc)
{
	/* 2.7.5.3.1: only if negotiated, not within another, not with NEXT, no longer than the queue. */
	if (!vq->indirect || table->is_indirect || desc->flags & VRING_DESC_F_NEXT || !desc->len ||
	    desc->len % sizeof(*desc) || desc->len / sizeof(*desc) > vq->size)
		return -EINVAL;
	table->desc = guest_mem_ptr(vq->mem, (gpa_t){ desc->addr }, desc->len);
	if (!table->desc)
		return -EFAULT;
	table->size = desc->len / (uint32_t)sizeof(*desc);
	table->is_indirect = true;
	return 0;
}

static int walk(struct virtqueue *vq, struct virtqueue_chain *chain, struct iovec *iov,
		unsigned max)
{
	struct table table = { .desc = vq->desc, .size = vq->size };
	uint32_t i = chain->head;

	/* A chain has no more buffers than the queue entries, so a longer one is a loop. */
	for (uint32_t n = 0; n <= vq->size; n++) {
		struct vring_desc desc;
		int r;

		if (i >= table.size)
			return -EINVAL;
		/* Once: the driver may change it at any time. */
		memcpy(&desc, (const void *)&table.desc[i], sizeof(desc));
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			r = enter_indirect(vq, &table, &desc);
			if (r)
				return r;
			i = 0;
			continue;
		}
		r = add_buffer(vq, chain, iov, max, &desc);
		if (r || !(desc.flags & VRING_DESC_F_NEXT))
			return r;
		i = desc.next;
	}
	return -EINVAL;
}

static int broken(struct virtqueue *vq, int r)
{
	vq->broken = true;
	return r;
}

int virtqueue_pop(struct virtqueue *vq, struct virtqueue_chain *chain, struct iovec *iov,
		  unsigned max)
{
	uint16_t idx, head;
	int r;

	if (vq->broken)
		return -EINVAL;
	/* Pairs with the driver's barrier between writing the ring entry and the index. */
	idx = load_acquire(&vq->avail->idx);
	if (idx == vq->next_avail)
		return 0;
	if ((uint16_t)(idx - vq->next_avail) > vq->size)
		return broken(vq, -EINVAL);
	head = READ_ONCE(vq->avail->ring[vq->next_avail & (vq->size - 1U)]);
	if (head >= vq->size || test_and_set_in_flight(vq, head))
		return broken(vq, -EINVAL);
	*chain = (struct virtqueue_chain){ .head = head };
	r = walk(vq, chain, iov, max);
	if (r) {
		vq->in_flight[head / BITS_PER_WORD] &= ~(1ULL << head % BITS_PER_WORD);
		return broken(vq, r);
	}
	vq->next_avail++;
	vq->nr_in_flight++;
	return 1;
}

bool virtqueue_has_chains(const struct virtqueue *vq)
{
	return !vq->broken && READ_ONCE(vq->avail->idx) != vq->next_avail;
}

void virtqueue_push(struct virtqueue *vq, uint16_t head, uint32_t len)
{
	struct vring_used_elem *elem = &vq->used->ring[vq->next_used & (vq->size - 1U)];

	WRITE_ONCE(elem->id, head);
	WRITE_ONCE(elem->len, len);
	vq->next_used++;
	vq->nr_in_flight--;
	vq->in_flight[head / BITS_PER_WORD] &= ~(1ULL << head % BITS_PER_WORD);
}

bool virtqueue_publish(struct virtqueue *vq)
{
	uint16_t old = vq->published;

	if (old == vq->next_used)
		return false;
	/* Pairs with the driver's read of idx before the elements. */
	store_release(&vq->used->idx, vq->next_used);
	vq->published = vq->next_used;
	/* Pairs with the driver's barrier between asking for an interrupt and looking at idx once more. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->event_idx)
		return vring_need_event(READ_ONCE(*used_event(vq)), vq->next_used, old);
	return !(READ_ONCE(vq->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

void virtqueue_suppress_kicks(struct virtqueue *vq)
{
	/* With EVENT_IDX the event that was asked for last has passed, and that is all that it takes: 2.7.10. */
	if (!vq->event_idx)
		WRITE_ONCE(vq->used->flags, VRING_USED_F_NO_NOTIFY);
}

bool virtqueue_request_kick(struct virtqueue *vq)
{
	if (vq->event_idx)
		WRITE_ONCE(*avail_event(vq), vq->next_avail);
	else
		WRITE_ONCE(vq->used->flags, 0);
	/* Pairs with the driver's barrier between writing idx and deciding whether to notify. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return READ_ONCE(vq->avail->idx) != vq->next_avail;
}
