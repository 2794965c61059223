/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pci/msix.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"

#define VECTOR_MASKED PCI_MSIX_ENTRY_CTRL_MASKBIT
#define ADDRESS_MASK  0xfffffffcU /* dword-aligned; bits 1:0 read 0 */

static void clear_vectors(struct pci_msix *msix)
{
	for (unsigned i = 0; i < msix->nr_vectors; i++)
		msix->vector[i] = (struct pci_msix_vector){ .control = VECTOR_MASKED };
}

int pci_msix_init(struct pci_msix *msix, unsigned nr_vectors, const struct pci_msix_ops *ops,
		  void *opaque)
{
	struct pci_msix_vector *vector;
	int r;

	if (!nr_vectors || nr_vectors > PCI_MSIX_MAX_VECTORS)
		return -EINVAL;
	vector = calloc(nr_vectors, sizeof(*vector));
	if (!vector)
		return -ENOMEM;
	*msix = (struct pci_msix){
		.ops = ops,
		.opaque = opaque,
		.nr_vectors = nr_vectors,
		.vector = vector,
	};
	r = pthread_mutex_init(&msix->lock, NULL);
	if (r) {
		free(vector);
		*msix = (struct pci_msix){ .vector = NULL };
		return -r;
	}
	clear_vectors(msix);
	return 0;
}

void pci_msix_destroy(struct pci_msix *msix)
{
	if (!msix->vector)
		return;
	pthread_mutex_destroy(&msix->lock);
	free(msix->vector);
	msix->vector = NULL;
	msix->nr_vectors = 0;
}

static bool same_message(const struct msi_message *a, const struct msi_message *b)
{
	return a->address == b->address && a->data == b->data;
}

/* Tells the owner what changed for one vector, if anything did. */
static void vector_update(struct pci_msix *msix, unsigned i)
{
	struct pci_msix_vector *v = &msix->vector[i];
	bool deliverable = msix->enabled && !msix->function_masked && !(v->control & VECTOR_MASKED);

	if (!deliverable) {
		if (!v->deliverable)
			return;
		v->deliverable = false;
		msix->ops->disable(msix->opaque, i);
		return;
	}
	if (v->deliverable && same_message(&v->msg, &v->delivered))
		return;
	v->deliverable = true;
	v->delivered = v->msg;
	msix->ops->enable(msix->opaque, i, &v->msg);
}

static void set_function_state(struct pci_msix *msix, bool enabled, bool function_masked)
{
	bool was_enabled = msix->enabled;

	if (enabled == was_enabled && function_masked == msix->function_masked)
		return;
	msix->enabled = enabled;
	msix->function_masked = function_masked;
	if (enabled && !was_enabled && msix->ops->switched)
		msix->ops->switched(msix->opaque, true);
	for (unsigned i = 0; i < msix->nr_vectors; i++)
		vector_update(msix, i);
	if (!enabled && was_enabled && msix->ops->switched)
		msix->ops->switched(msix->opaque, false);
}

void pci_msix_reset(struct pci_msix *msix)
{
	pthread_mutex_lock(&msix->lock);
	set_function_state(msix, false, false);
	clear_vectors(msix);
	pthread_mutex_unlock(&msix->lock);
}

void pci_msix_set_control(struct pci_msix *msix, uint16_t control)
{
	pthread_mutex_lock(&msix->lock);
	set_function_state(msix, control & PCI_MSIX_FLAGS_ENABLE, control & PCI_MSIX_FLAGS_MASKALL);
	pthread_mutex_unlock(&msix->lock);
}

void pci_msix_set_vector(struct pci_msix *msix, unsigned vector, const struct msi_message *msg,
			 bool masked)
{
	pthread_mutex_lock(&msix->lock);
	msix->vector[vector].msg = *msg;
	msix->vector[vector].control = masked ? VECTOR_MASKED : 0;
	vector_update(msix, vector);
	pthread_mutex_unlock(&msix->lock);
}

static bool naturally_aligned(uint64_t offset, unsigned size)
{
	return is_pow2(size) && size <= 8 && !(offset & (size - 1));
}

static uint32_t vector_get_dword(const struct pci_msix_vector *v, unsigned offset)
{
	switch (offset) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		return (uint32_t)v->msg.address;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		return (uint32_t)(v->msg.address >> 32);
	case PCI_MSIX_ENTRY_DATA:
		return v->msg.data;
	default:
		return v->control;
	}
}

static void vector_set_dword(struct pci_msix_vector *v, unsigned offset, uint32_t value)
{
	uint64_t low = v->msg.address & UINT32_MAX;
	uint64_t high = v->msg.address & ~(uint64_t)UINT32_MAX;

	switch (offset) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		v->msg.address = high | (value & ADDRESS_MASK);
		break;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		v->msg.address = (uint64_t)value << 32 | low;
		break;
	case PCI_MSIX_ENTRY_DATA:
		v->msg.data = value;
		break;
	default:
		v->control = value & VECTOR_MASKED; /* the other bits are reserved */
		break;
	}
}

uint64_t pci_msix_table_read(struct pci_msix *msix, uint64_t offset, unsigned size)
{
	const struct pci_msix_vector *v;
	unsigned field = offset % PCI_MSIX_ENTRY_SIZE;
	uint64_t value;

	if (!naturally_aligned(offset, size))
		return size < 8 ? (1ULL << (8 * size)) - 1 : UINT64_MAX;
	if (offset / PCI_MSIX_ENTRY_SIZE >= msix->nr_vectors)
		return 0;
	pthread_mutex_lock(&msix->lock);
	v = &msix->vector[offset / PCI_MSIX_ENTRY_SIZE];
	value = vector_get_dword(v, field & ~3U);
	if (size == 8)
		value |= (uint64_t)vector_get_dword(v, field + 4) << 32;
	pthread_mutex_unlock(&msix->lock);
	if (size < 4)
		value = value >> (8 * (field & 3)) & ((1U << (8 * size)) - 1);
	return value;
}

void pci_msix_table_write(struct pci_msix *msix, uint64_t offset, unsigned size, uint64_t value)
{
	unsigned field = offset % PCI_MSIX_ENTRY_SIZE;
	unsigned i;

	if (size < 4 || !naturally_aligned(offset, size) ||
	    offset / PCI_MSIX_ENTRY_SIZE >= msix->nr_vectors)
		return;
	i = (unsigned)(offset / PCI_MSIX_ENTRY_SIZE);
	pthread_mutex_lock(&msix->lock);
	vector_set_dword(&msix->vector[i], field, (uint32_t)value);
	if (size == 8)
		vector_set_dword(&msix->vector[i], field + 4, (uint32_t)(value >> 32));
	/* Once for both halves: the owner never sees half of a qword write. */
	vector_update(msix, i);
	pthread_mutex_unlock(&msix->lock);
}

uint64_t pci_msix_pba_read(struct pci_msix *msix, uint64_t offset, unsigned size)
{
	uint64_t bits = 0;
	unsigned first;

	if (size > 8 || offset >= PCI_MSIX_MAX_VECTORS / 8)
		return 0;
	first = (unsigned)offset * 8;
	pthread_mutex_lock(&msix->lock);
	for (unsigned i = first; i < first + 8 * size && i < msix->nr_vectors; i++) {
		/* What can be delivered at once is never pending (PCI Express 5.0, 6.1.4.5). */
		if (msix->enabled && !msix->vector[i].deliverable &&
		    msix->ops->pending(msix->opaque, i))
			bits |= 1ULL << (i - first);
	}
	pthread_mutex_unlock(&msix->lock);
	return bits;
}
