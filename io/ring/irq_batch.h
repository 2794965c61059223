/* SPDX-License-Identifier: Apache-2.0 */
/**
 * IRQ batch: collects changes of interrupt routes of all devices into few commits.
 *
 * A guest unmasks the vectors of a device one after the other. The first change is committed at once; those that
 * follow are collected until none came for a while, so that a burst costs two KVM_SET_GSI_ROUTING. No interrupt is lost
 * meanwhile: a vector's eventfd keeps what arrives, and attaching it as an irqfd delivers that.
 * Any thread may add, remove and report changes; commits and attach() are the main thread's.
 */
#ifndef IO_RING_IRQ_BATCH_H
#define IO_RING_IRQ_BATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/kvm/irq.h"
#include "io/ring/ring.h"

/** Somebody with routes; embedded. */
struct irq_client {
	/* Every route set before the last irq_batch_changed() may be committed: attach what can be. Main thread. */
	void (*attach)(struct irq_client *client);
	struct irq_client *next;
};

struct irq_batch {
	struct ring *ring;
	struct irq_table *irq;
	pthread_mutex_t lock; /* of the list; taken before those of its clients */
	struct irq_client *clients;
	struct ring_work work;
	struct ring_op timer;
	bool failing; /* the last commit did, and it was logged */
	bool dirty;   /* something waits for the timer */
	uint64_t dirty_since_ns;
	uint64_t changed_ns; /* of the last change; atomic */
};

/**
 * irq_batch_init - an empty batch
 * @batch: embedded
 * @ring: the main ring
 * @irq: the VM's table
 */
void irq_batch_init(struct irq_batch *batch, struct ring *ring, struct irq_table *irq);

/**
 * irq_batch_destroy - nobody takes part any more
 * @batch: initialised; its ring runs nothing of it any more
 */
void irq_batch_destroy(struct irq_batch *batch);

/**
 * irq_batch_add - take part
 * @batch: the batch
 * @client: stays until irq_batch_remove()
 */
void irq_batch_add(struct irq_batch *batch, struct irq_client *client);

/**
 * irq_batch_remove - no longer
 * @batch: the batch
 * @client: added, or not; not from within its attach()
 */
void irq_batch_remove(struct irq_batch *batch, struct irq_client *client);

/**
 * irq_batch_changed - a route changed, or a client wants to be called for another reason
 * @batch: the batch
 */
void irq_batch_changed(struct irq_batch *batch);

#endif
