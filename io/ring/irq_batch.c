/* SPDX-License-Identifier: Apache-2.0 */
#include "io/ring/irq_batch.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/clock.h"
#include "core/base/log.h"

/*
 * A burst ends when nothing changed for BATCH_QUIET_NS, and is cut at BATCH_MAX_NS: drivers that test their interrupt
 * after requesting it wait for 50 ms at least.
 */
#define BATCH_QUIET_NS 10000000ULL
#define BATCH_MAX_NS   40000000ULL

static void commit(struct irq_batch *batch)
{
	int r = irq_commit(batch->irq);

	if (r) {
		if (!batch->failing)
			log_guest_error("KVM_SET_GSI_ROUTING: %s; trying again", strerror(-r));
		batch->failing = true;
		batch->dirty = true;
		return;
	}
	batch->failing = false;
	batch->dirty = false;
	pthread_mutex_lock(&batch->lock);
	for (struct irq_client *client = batch->clients; client; client = client->next)
		client->attach(client);
	pthread_mutex_unlock(&batch->lock);
}

static void batch_work(struct ring_work *work)
{
	struct irq_batch *batch = container_of(work, struct irq_batch, work);

	if (!batch->timer.active) {
		commit(batch);
		ring_timeout(batch->ring, &batch->timer, BATCH_QUIET_NS);
	} else if (!batch->dirty) {
		batch->dirty = true;
		batch->dirty_since_ns = clock_ns(CLOCK_MONOTONIC);
	}
}

static void batch_timer(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct irq_batch *batch = container_of(op, struct irq_batch, timer);
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (res == -ECANCELED || !batch->dirty)
		return;
	/* Pairs with the store in irq_batch_changed(). */
	if (now - load_acquire(&batch->changed_ns) >= BATCH_QUIET_NS ||
	    now - batch->dirty_since_ns >= BATCH_MAX_NS)
		commit(batch);
	ring_timeout(batch->ring, op, BATCH_QUIET_NS);
}

void irq_batch_init(struct irq_batch *batch, struct ring *ring, struct irq_table *irq)
{
	memset(batch, 0, sizeof(*batch));
	pthread_mutex_init(&batch->lock, NULL); /* cannot fail without attributes */
	batch->ring = ring;
	batch->irq = irq;
	batch->work.run = batch_work;
	batch->timer.done = batch_timer;
}

void irq_batch_destroy(struct irq_batch *batch)
{
	pthread_mutex_destroy(&batch->lock);
}

void irq_batch_add(struct irq_batch *batch, struct irq_client *client)
{
	pthread_mutex_lock(&batch->lock);
	client->next = batch->clients;
	batch->clients = client;
	pthread_mutex_unlock(&batch->lock);
}

void irq_batch_remove(struct irq_batch *batch, struct irq_client *client)
{
	pthread_mutex_lock(&batch->lock);
	for (struct irq_client **link = &batch->clients; *link; link = &(*link)->next) {
		if (*link == client) {
			*link = client->next;
			break;
		}
	}
	pthread_mutex_unlock(&batch->lock);
}

void irq_batch_changed(struct irq_batch *batch)
{
	/* Pairs with the load in batch_timer(). */
	store_release(&batch->changed_ns, clock_ns(CLOCK_MONOTONIC));
	ring_post(batch->ring, &batch->work);
}
