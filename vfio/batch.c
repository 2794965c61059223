/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/batch.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "vfio/pci.h"

/*
 * A burst ends when nothing changed for BATCH_QUIET_NS, and is cut at BATCH_MAX_NS: drivers that test their interrupt
 * after requesting it wait for 50 ms at least.
 */
#define BATCH_QUIET_NS 10000000ULL
#define BATCH_MAX_NS   40000000ULL

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void commit(struct vfio_batch *batch)
{
	int r = irq_commit(batch->irq);

	if (r) {
		if (!batch->failing)
			log_error("KVM_SET_GSI_ROUTING: %s; trying again", strerror(-r));
		batch->failing = true;
		batch->dirty = true;
		return;
	}
	batch->failing = false;
	batch->dirty = false;
	for (struct vfio_pci *vp = batch->devices; vp; vp = vp->next)
		vfio_msix_attach(vp);
}

static void batch_work(struct ring_work *work)
{
	struct vfio_batch *batch = container_of(work, struct vfio_batch, work);

	if (!batch->timer.active) {
		commit(batch);
		ring_timeout(batch->ring, &batch->timer, BATCH_QUIET_NS);
	} else if (!batch->dirty) {
		batch->dirty = true;
		batch->dirty_since_ns = now_ns();
	}
}

static void batch_timer(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct vfio_batch *batch = container_of(op, struct vfio_batch, timer);
	uint64_t now = now_ns();

	if (res == -ECANCELED || !batch->dirty)
		return;
	/* Pairs with the store in vfio_batch_changed(). */
	if (now - load_acquire(&batch->changed_ns) >= BATCH_QUIET_NS ||
	    now - batch->dirty_since_ns >= BATCH_MAX_NS)
		commit(batch);
	ring_timeout(batch->ring, op, BATCH_QUIET_NS);
}

void vfio_batch_init(struct vfio_batch *batch, struct ring *ring, struct irq_table *irq)
{
	memset(batch, 0, sizeof(*batch));
	batch->ring = ring;
	batch->irq = irq;
	batch->work.run = batch_work;
	batch->timer.done = batch_timer;
}

void vfio_batch_add(struct vfio_batch *batch, struct vfio_pci *vp)
{
	vp->next = batch->devices;
	batch->devices = vp;
}

void vfio_batch_remove(struct vfio_batch *batch, struct vfio_pci *vp)
{
	for (struct vfio_pci **link = &batch->devices; *link; link = &(*link)->next) {
		if (*link != vp)
			continue;
		*link = vp->next;
		return;
	}
}

void vfio_batch_changed(struct vfio_batch *batch)
{
	/* Pairs with the load in batch_timer(). */
	store_release(&batch->changed_ns, now_ns());
	ring_post(batch->ring, &batch->work);
}
