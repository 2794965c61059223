/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Batch: collects changes of interrupt routes of all passed-through devices into few commits.
 *
 * A guest unmasks the vectors of a device one after the other. The first change is committed at once; those that
 * follow are collected until none came for a while, so that a burst costs two KVM_SET_GSI_ROUTING. No interrupt is lost
 * meanwhile: a vector's eventfd keeps what arrives, and attaching it as an irqfd delivers that.
 * vfio_batch_changed() may be called by any thread, everything else by the main thread only.
 */
#ifndef VFIO_BATCH_H
#define VFIO_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kvm/irq.h"
#include "io/ring/ring.h"

struct vfio_pci;

struct vfio_batch {
	struct ring *ring;
	struct irq_table *irq;
	struct vfio_pci *devices;
	struct ring_work work;
	struct ring_op timer;
	bool failing; /* the last commit did, and it was logged */
	bool dirty;   /* something waits for the timer */
	uint64_t dirty_since_ns;
	uint64_t changed_ns; /* of the last change; atomic */
};

/**
 * vfio_batch_init - an empty batch
 * @batch: embedded
 * @ring: the main ring
 * @irq: the VM's table
 */
void vfio_batch_init(struct vfio_batch *batch, struct ring *ring, struct irq_table *irq);

/**
 * vfio_batch_add - take part
 * @batch: the batch
 * @vp: stays until vfio_batch_remove()
 */
void vfio_batch_add(struct vfio_batch *batch, struct vfio_pci *vp);

/**
 * vfio_batch_remove - no longer
 * @batch: the batch
 * @vp: added, or not
 */
void vfio_batch_remove(struct vfio_batch *batch, struct vfio_pci *vp);

/**
 * vfio_batch_changed - a route changed, or a vector wants its host interrupt
 * @batch: the batch
 */
void vfio_batch_changed(struct vfio_batch *batch);

#endif
