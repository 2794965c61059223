/* SPDX-License-Identifier: Apache-2.0 */
/**
 * IRQ: the VM's whole GSI routing table, and what is attached to its GSIs.
 *
 * GSIs 0 to 23 are the I/O APIC's pins; above that, one per MSI vector in use. Changes of routes are collected
 * and reach KVM with irq_commit(), one KVM_SET_GSI_ROUTING however many there were. Any thread may call any
 * function; a mutex guards the table. Nothing here is on a data path: an attached eventfd is delivered by KVM.
 */
#ifndef CORE_KVM_IRQ_H
#define CORE_KVM_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "core/base/bits.h"
#include "core/base/error.h"
#include "core/kvm/layout.h"

struct irq_table {
	int vm_fd;
	pthread_mutex_t lock;
	unsigned nr_gsis;		 /* KVM's limit */
	struct kvm_irq_routing *routing; /* room for nr_gsis entries: what KVM has, or is to get */
	uint32_t *entry_of_gsi;		 /* index in routing->entries, plus one; 0: no route */
	uint8_t *used;			 /* per GSI: allocated */
	unsigned nr_asserted[LAYOUT_GSI_IOAPIC_PINS]; /* by irq_share_line() */
	bool can_resample;			      /* KVM_CAP_IRQFD_RESAMPLE */
	bool dirty;
	uint64_t nr_commits; /* KVM_SET_GSI_ROUTING calls */
};

/**
 * irq_table_init - routes for the I/O APIC's pins
 * @irq: embedded
 * @vm_fd: a VM with an irqchip; outlives @irq
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -errno of KVM.
 */
int irq_table_init(struct irq_table *irq, int vm_fd, struct error *err);

/**
 * irq_table_destroy - free; the VM is about to go
 * @irq: initialised or zeroed
 */
void irq_table_destroy(struct irq_table *irq);

/**
 * irq_alloc - take a GSI for an MSI vector
 * @irq: the table
 *
 * Return: the GSI; -ENOSPC.
 */
int irq_alloc(struct irq_table *irq);

/**
 * irq_free - give a GSI back; its route goes with the next commit
 * @irq: the table
 * @gsi: from irq_alloc(), nothing attached
 */
void irq_free(struct irq_table *irq, int gsi);

/**
 * irq_set_msi - route a GSI to a message
 * @irq: the table
 * @gsi: from irq_alloc()
 * @address: the message's
 * @data: the message's
 *
 * In force after irq_commit(). Return: whether the route changed, so that a commit is necessary.
 */
bool irq_set_msi(struct irq_table *irq, int gsi, uint64_t address, uint32_t data);

/**
 * irq_commit - give KVM the table if it changed
 * @irq: the table
 *
 * Return: 0; -errno of KVM_SET_GSI_ROUTING, the change stays pending.
 */
MUST_CHECK int irq_commit(struct irq_table *irq);

/**
 * irq_committed - whether KVM has every route as it was set last
 * @irq: the table
 *
 * Return: true when no commit is outstanding.
 */
bool irq_committed(struct irq_table *irq);

/**
 * irq_attach - make KVM deliver an eventfd as a GSI (irqfd)
 * @irq: the table
 * @gsi: routed and committed
 * @fd: eventfd; a signal it already holds is delivered at once
 *
 * Return: 0; -EBUSY @fd is attached already; -errno.
 */
MUST_CHECK int irq_attach(struct irq_table *irq, int gsi, int fd);

/**
 * irq_attach_level - make KVM assert an I/O APIC pin when an eventfd is signalled, and drop it at the guest's EOI
 * @irq: the table
 * @gsi: 0 to 23; others may share it, as these do and as irq_share_line() does: the line is high while one asserts it
 * @fd: eventfd; a signal it already holds is delivered at once
 * @resample_fd: eventfd that KVM signals at the EOI, so that a device which still asserts the line says so again
 *
 * Ended by irq_detach(), which drops the line too.
 * Return: 0; -EOPNOTSUPP KVM cannot; -EBUSY @fd is attached already; -errno.
 */
MUST_CHECK int irq_attach_level(struct irq_table *irq, int gsi, int fd, int resample_fd);

/**
 * irq_detach - stop it; signals stay in the eventfd from now on
 * @irq: the table
 * @gsi: as attached
 * @fd: as attached
 *
 * Return: 0; -errno.
 */
int irq_detach(struct irq_table *irq, int gsi, int fd);

/**
 * irq_set_line - set the level of an I/O APIC pin that one device has for itself
 * @irq: the table
 * @gsi: 0 to 23
 * @level: of the line
 */
void irq_set_line(struct irq_table *irq, int gsi, bool level);

/**
 * irq_share_line - assert an I/O APIC pin that several devices have, or no longer
 * @irq: the table
 * @gsi: 0 to 23
 * @level: of this device's output, which has changed; the line is high while one of them is
 */
void irq_share_line(struct irq_table *irq, int gsi, bool level);

#endif
