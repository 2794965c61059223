/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Vectors: the MSI-X or MSI vectors of a device of the machine, from the guest's table to KVM's irqfds.
 *
 * core/pci/msix.h says which of them the guest can receive now; those are routed and attached here, in batches; only a
 * message that changes while its vector is in use is not put off. What signals a vector's eventfd (a ring, the kernel's
 * vhost, a physical device through VFIO) need not know of any of it: a signal that comes while the vector is masked waits
 * there and is delivered when it is attached.
 *
 * Made and destroyed by the main thread, which attaches too; the guest's changes come from vCPU threads. The lock of the
 * guest's half guards everything, and is held when the ops are called.
 */
#ifndef CORE_DEVICE_VECTORS_H
#define CORE_DEVICE_VECTORS_H

#include <stdbool.h>

#include "core/kvm/irq_vector.h"
#include "core/pci/msix.h"
#include "io/ring/irq_batch.h"

/** What a kind of device has to add. Any of them may be NULL. */
struct device_vectors_ops {
	/* The guest can receive it: take what it needs of the host, if it has not. Return: 0; -errno, which is reported. */
	int (*take)(void *opaque, unsigned vector);
	/* Whether something signals it, so that it can be attached. NULL: it is always so. */
	bool (*is_armed)(void *opaque, unsigned vector);
	/* Some are wanted and may not be armed yet: have them armed, at the end of a batch. Main thread. */
	void (*arm)(void *opaque);
	/* They were switched on, before any is taken; or off, when none is attached any more. */
	void (*switched)(void *opaque, bool on);
};

struct device_vectors {
	struct pci_msix guest;
	struct irq_vector *vector; /* guest.nr_vectors of them; NULL: the device has none */
	struct irq_table *irq;
	struct irq_batch *batch;
	struct irq_client client; /* of @batch */
	const char *id;		  /* for the log */
	const struct device_vectors_ops *ops;
	void *opaque;
};

struct device_vectors_config {
	unsigned nr;
	struct irq_table *irq;
	struct irq_batch *batch;
	const char *id;
	const struct device_vectors_ops *ops;
	void *opaque; /* for @ops */
};

/**
 * device_vectors_init - all off and masked
 * @v: embedded
 * @config: what they belong to, which outlives them; how many the guest sees
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int device_vectors_init(struct device_vectors *v, const struct device_vectors_config *config);

/**
 * device_vectors_take - get a vector's eventfd and GSI, if it has none yet
 * @v: initialised; locked, or not seen by the guest yet
 * @vector: its number
 *
 * Return: as irq_vector_take(); a failure is reported.
 */
int device_vectors_take(struct device_vectors *v, unsigned vector);

/**
 * device_vectors_release - detach all and give back what they have
 * @v: initialised; locked, or no vCPU runs
 */
void device_vectors_release(struct device_vectors *v);

/**
 * device_vectors_destroy - switch them off and give everything back
 * @v: initialised or zeroed; no vCPU runs
 */
void device_vectors_destroy(struct device_vectors *v);

#endif
