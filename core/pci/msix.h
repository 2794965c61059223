/* SPDX-License-Identifier: Apache-2.0 */
/**
 * MSI-X: the table and pending bits as the guest sees them, and which vectors may be delivered.
 *
 * A vector is delivered while MSI-X is enabled and neither the function nor the vector is masked.
 * The owner learns of changes only: enable() when a vector becomes deliverable or its message
 * changes while it is, disable() when it no longer is. A deliverable vector whose message did not
 * change causes no call.
 *
 * Table and PBA accesses come from vCPU threads and serialise on a mutex, under which the ops are
 * called. Lock order: the PCI bus's lock (pci_msix_set_control() is called under it), then this
 * one: an op must not access configuration space, nor call back here.
 * Source: PCI Express 5.0, 7.7.2 (capability), 6.1.4.
 */
#ifndef CORE_PCI_MSIX_H
#define CORE_PCI_MSIX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PCI_MSIX_MAX_VECTORS 2048

struct msi_message {
	uint64_t address;
	uint32_t data;
};

struct pci_msix_ops {
	void (*enable)(void *opaque, unsigned vector, const struct msi_message *msg);
	void (*disable)(void *opaque, unsigned vector);
	/* Whether an interrupt waits; asked for masked vectors only, while MSI-X is enabled. */
	bool (*pending)(void *opaque, unsigned vector);
	/* The enable bit changed; before any enable(), after every disable(). May be NULL. */
	void (*switched)(void *opaque, bool enabled);
};

struct pci_msix_vector {
	struct msi_message msg;
	uint32_t control;	      /* bit 0: masked */
	bool deliverable;	      /* enable() was called */
	struct msi_message delivered; /* with this */
};

struct pci_msix {
	pthread_mutex_t lock;
	const struct pci_msix_ops *ops;
	void *opaque;
	unsigned nr_vectors;
	bool enabled;
	bool function_masked;
	struct pci_msix_vector *vector;
};

/**
 * pci_msix_init - all vectors masked, MSI-X disabled
 * @msix: embedded
 * @nr_vectors: 1 to PCI_MSIX_MAX_VECTORS
 * @ops: constant
 * @opaque: for @ops
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int pci_msix_init(struct pci_msix *msix, unsigned nr_vectors, const struct pci_msix_ops *ops,
		  void *opaque);

/**
 * pci_msix_destroy - free; calls no op
 * @msix: initialised or zeroed
 */
void pci_msix_destroy(struct pci_msix *msix);

/**
 * pci_msix_reset - as after pci_msix_init(); deliverable vectors are disabled first
 * @msix: initialised
 */
void pci_msix_reset(struct pci_msix *msix);

/**
 * pci_msix_set_control - the guest wrote the capability's message control word
 * @msix: initialised
 * @control: the word: bit 15 enable, bit 14 function mask; the size is ignored
 */
void pci_msix_set_control(struct pci_msix *msix, uint16_t control);

/**
 * pci_msix_set_vector - a guest changed a vector by other means than the table
 * @msix: initialised
 * @vector: below nr_vectors
 * @msg: its message
 * @masked: its mask bit
 *
 * For MSI, whose one message and mask register serve all vectors: the same rules deliver them.
 */
void pci_msix_set_vector(struct pci_msix *msix, unsigned vector, const struct msi_message *msg,
			 bool masked);

/**
 * pci_msix_table_read - a guest's read of the table
 * @msix: initialised
 * @offset: from the start of the table; beyond its end reads 0
 * @size: 1, 2, 4 or 8
 *
 * Return: the value; all ones for an access that is not naturally aligned.
 */
uint64_t pci_msix_table_read(struct pci_msix *msix, uint64_t offset, unsigned size);

/**
 * pci_msix_table_write - a guest's write to the table
 * @msix: initialised
 * @offset: from the start of the table; beyond its end is dropped
 * @size: 4 or 8; others, and unaligned ones, are dropped
 * @value: the value
 */
void pci_msix_table_write(struct pci_msix *msix, uint64_t offset, unsigned size, uint64_t value);

/**
 * pci_msix_pba_read - a guest's read of the pending bits
 * @msix: initialised
 * @offset: from the start of the array; beyond its end reads 0
 * @size: 1, 2, 4 or 8
 *
 * Return: the bits.
 */
uint64_t pci_msix_pba_read(struct pci_msix *msix, uint64_t offset, unsigned size);

#endif
