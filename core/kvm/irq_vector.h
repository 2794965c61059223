/* SPDX-License-Identifier: Apache-2.0 */
/**
 * IRQ vector: one MSI vector of a guest's device: an eventfd, and the GSI that KVM delivers its signals as.
 *
 * What signals the eventfd (a physical device through VFIO, a ring) need not know whether the guest wants the interrupt
 * now: while the vector is detached a signal waits in the eventfd, attaching it delivers that. The owner serialises the
 * calls.
 */
#ifndef CORE_KVM_IRQ_VECTOR_H
#define CORE_KVM_IRQ_VECTOR_H

#include <stdbool.h>

#include "core/base/bits.h"
#include "core/kvm/irq.h"

struct irq_vector {
	int fd;	       /* eventfd; -1: not taken */
	int gsi;       /* -1: not taken */
	bool wanted;   /* the guest can receive it; the owner's to set */
	bool attached; /* KVM delivers it */
};

/** A vector that has nothing yet. */
#define IRQ_VECTOR_INIT ((struct irq_vector){ .fd = -1, .gsi = -1 })

/**
 * irq_vector_take - get the eventfd and the GSI, if it has none yet
 * @v: the vector; after a failure it holds what there was
 * @irq: the VM's table
 *
 * Return: 0; -errno of eventfd(2); -ENOSPC no GSI.
 */
MUST_CHECK int irq_vector_take(struct irq_vector *v, struct irq_table *irq);

/**
 * irq_vector_release - detach it and give both back
 * @v: the vector
 * @irq: the VM's table
 */
void irq_vector_release(struct irq_vector *v, struct irq_table *irq);

/**
 * irq_vector_attach - have KVM deliver its signals, those that wait included
 * @v: taken; its route is committed
 * @irq: the VM's table
 *
 * Return: 0, also if it was; -errno of KVM_IRQFD.
 */
MUST_CHECK int irq_vector_attach(struct irq_vector *v, struct irq_table *irq);

/**
 * irq_vector_detach - signals wait from now on
 * @v: the vector
 * @irq: the VM's table
 */
void irq_vector_detach(struct irq_vector *v, struct irq_table *irq);

/**
 * irq_vector_pending - whether a signal waits because the vector is detached
 * @v: the vector
 *
 * Return: true when one does.
 */
bool irq_vector_pending(const struct irq_vector *v);

#endif
