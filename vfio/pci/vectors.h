/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Vectors: the MSI-X or MSI vectors of a passed-through device, on the host's side.
 *
 * core/device/vectors.h routes and attaches what the guest can receive; those vectors are taken in the host and given to
 * VFIO here. Every vector's VFIO eventfd is its irqfd, unless a ring is to see each interrupt (forward.h). A vector is taken
 * when the guest first unmasks it and stays until all are switched off, so that masking it again costs the host nothing.
 *
 * Set up and destroyed by the main thread, which attaches too; the guest's changes come from vCPU threads. The lock of
 * the guest's half guards everything.
 */
#ifndef VFIO_PCI_VECTORS_H
#define VFIO_PCI_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/device/vectors.h"
#include "vfio/pci/device.h"
#include "vfio/pci/forward.h"

struct vfio_vector {
	bool armed;		      /* VFIO signals its eventfd */
	struct vfio_forward *forward; /* NULL: that is the irqfd, too */
	struct trace_object *trace;   /* NULL: never forwarded so far */
};

/** Where vectors are to be traced. */
struct vfio_trace {
	struct ring *(*ring_of)(void *opaque, unsigned vector); /* NULL: they are not */
	void *opaque;
};

struct vfio_vectors {
	const struct vfio_device *device;
	struct device_vectors irqs;
	unsigned index; /* VFIO_PCI_MSIX_IRQ_INDEX or VFIO_PCI_MSI_IRQ_INDEX */
	bool dynamic;	/* vectors can be added while they are on */
	bool held_back; /* the device keeps what it would send by a vector without an eventfd */
	unsigned nr_initial;  /* vectors that VFIO gets when they are switched on */
	bool host_enabled;    /* they are on in the device */
	unsigned nr_host;     /* given to VFIO, where they are not dynamic */
	unsigned nr_limit;    /* the host has no more, as it said when asked */
	uint64_t nr_set_irqs; /* VFIO_DEVICE_SET_IRQS calls */
	struct vfio_trace trace;
	struct vfio_vector *vector; /* NULL: the device has none */
};

struct vfio_vectors_config {
	const struct vfio_device *device;
	const char *id;
	struct irq_table *irq;
	struct irq_batch *batch;
	unsigned index;
	bool held_back;
	struct vfio_trace trace;
	unsigned nr;
};

/**
 * vfio_vectors_init - all off and masked
 * @v: embedded
 * @config: what they belong to, which outlives them; how many the guest sees
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int vfio_vectors_init(struct vfio_vectors *v, const struct vfio_vectors_config *config);

/**
 * vfio_vectors_merge - what forwarding the interrupts took so far
 * @v: initialised or zeroed
 * @into: gets cycles of each added
 */
void vfio_vectors_merge(const struct vfio_vectors *v, struct histogram *into);

/**
 * vfio_vectors_destroy - switch off, give everything back
 * @v: initialised or zeroed; no vCPU runs
 */
void vfio_vectors_destroy(struct vfio_vectors *v);

#endif
