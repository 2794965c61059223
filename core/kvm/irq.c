/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/irq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/kvm/layout.h"

/* A table longer than this serves no device and would cost memory. */
#define IRQ_MAX_GSIS 4096U

static struct kvm_irq_routing_entry *route_of(struct irq_table *irq, int gsi)
{
	uint32_t entry = irq->entry_of_gsi[gsi];

	return entry ? &irq->routing->entries[entry - 1] : NULL;
}

static struct kvm_irq_routing_entry *route_add(struct irq_table *irq, int gsi)
{
	struct kvm_irq_routing_entry *entry = &irq->routing->entries[irq->routing->nr++];

	memset(entry, 0, sizeof(*entry));
	entry->gsi = (uint32_t)gsi;
	irq->entry_of_gsi[gsi] = irq->routing->nr;
	return entry;
}

/* The last entry takes the place of the one that goes. KVM may keep that until the next commit: nothing uses it. */
static void route_remove(struct irq_table *irq, int gsi)
{
	struct kvm_irq_routing_entry *entry = route_of(irq, gsi);
	struct kvm_irq_routing_entry *last = &irq->routing->entries[irq->routing->nr - 1];

	if (!entry)
		return;
	*entry = *last;
	irq->entry_of_gsi[last->gsi] = irq->entry_of_gsi[gsi];
	irq->entry_of_gsi[gsi] = 0;
	irq->routing->nr--;
}

int irq_table_init(struct irq_table *irq, int vm_fd, struct error *err)
{
	int limit = kvm_check_extension(vm_fd, KVM_CAP_IRQ_ROUTING);

	memset(irq, 0, sizeof(*irq));
	if (limit < LAYOUT_GSI_IOAPIC_PINS)
		return error_set(err, -ENOTSUP, "KVM_CAP_IRQ_ROUTING");
	irq->nr_gsis = (unsigned)limit < IRQ_MAX_GSIS ? (unsigned)limit : IRQ_MAX_GSIS;
	irq->routing =
		calloc(1, sizeof(*irq->routing) + irq->nr_gsis * sizeof(irq->routing->entries[0]));
	irq->entry_of_gsi = calloc(irq->nr_gsis, sizeof(*irq->entry_of_gsi));
	irq->used = calloc(irq->nr_gsis, sizeof(*irq->used));
	if (!irq->routing || !irq->entry_of_gsi || !irq->used) {
		irq_table_destroy(irq);
		return error_set(err, -ENOMEM, "GSI routing table");
	}
	irq->vm_fd = vm_fd;
	irq->can_resample = kvm_check_extension(vm_fd, KVM_CAP_IRQFD_RESAMPLE) > 0;
	pthread_mutex_init(&irq->lock, NULL);
	/* KVM_CREATE_IRQCHIP made the same routes (and the PIC's), so these need no commit of their own. */
	for (int pin = 0; pin < LAYOUT_GSI_IOAPIC_PINS; pin++) {
		struct kvm_irq_routing_entry *entry = route_add(irq, pin);

		entry->type = KVM_IRQ_ROUTING_IRQCHIP;
		entry->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		entry->u.irqchip.pin = (uint32_t)pin;
		irq->used[pin] = 1;
	}
	return 0;
}

void irq_table_destroy(struct irq_table *irq)
{
	if (irq->vm_fd)
		pthread_mutex_destroy(&irq->lock);
	free(irq->routing);
	free(irq->entry_of_gsi);
	free(irq->used);
	memset(irq, 0, sizeof(*irq));
}

int irq_alloc(struct irq_table *irq)
{
	int gsi = -ENOSPC;

	pthread_mutex_lock(&irq->lock);
	for (unsigned i = LAYOUT_GSI_IOAPIC_PINS; i < irq->nr_gsis; i++) {
		if (irq->used[i])
			continue;
		irq->used[i] = 1;
		gsi = (int)i;
		break;
	}
	pthread_mutex_unlock(&irq->lock);
	return gsi;
}

void irq_free(struct irq_table *irq, int gsi)
{
	pthread_mutex_lock(&irq->lock);
	route_remove(irq, gsi);
	irq->used[gsi] = 0;
	pthread_mutex_unlock(&irq->lock);
}

bool irq_set_msi(struct irq_table *irq, int gsi, uint64_t address, uint32_t data)
{
	struct kvm_irq_routing_msi msi = {
		.address_lo = (uint32_t)address,
		/* KVM refuses the whole table for an id bit that no APIC has. */
		.address_hi = (uint32_t)(address >> 32) & ~0xffU,
		.data = data,
	};
	struct kvm_irq_routing_entry *entry;
	bool changed;

	pthread_mutex_lock(&irq->lock);
	entry = route_of(irq, gsi);
	changed = !entry || memcmp(&entry->u.msi, &msi, sizeof(msi));
	if (changed) {
		if (!entry)
			entry = route_add(irq, gsi);
		entry->type = KVM_IRQ_ROUTING_MSI;
		entry->u.msi = msi;
		irq->dirty = true;
	}
	pthread_mutex_unlock(&irq->lock);
	return changed;
}

int irq_commit(struct irq_table *irq)
{
	int r = 0;

	pthread_mutex_lock(&irq->lock);
	if (irq->dirty) {
		r = kvm_set_gsi_routing(irq->vm_fd, irq->routing);
		irq->nr_commits++;
		irq->dirty = r != 0;
	}
	pthread_mutex_unlock(&irq->lock);
	return r;
}

bool irq_committed(struct irq_table *irq)
{
	bool dirty;

	pthread_mutex_lock(&irq->lock);
	dirty = irq->dirty;
	pthread_mutex_unlock(&irq->lock);
	return !dirty;
}

int irq_attach(struct irq_table *irq, int gsi, int fd)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)fd, .gsi = (uint32_t)gsi };

	return kvm_irqfd(irq->vm_fd, &irqfd);
}

int irq_attach_level(struct irq_table *irq, int gsi, int fd, int resample_fd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = (uint32_t)gsi,
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
		.resamplefd = (uint32_t)resample_fd,
	};

	return irq->can_resample ? kvm_irqfd(irq->vm_fd, &irqfd) : -EOPNOTSUPP;
}

int irq_detach(struct irq_table *irq, int gsi, int fd)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = (uint32_t)gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	return kvm_irqfd(irq->vm_fd, &irqfd);
}

void irq_set_line(struct irq_table *irq, int gsi, bool level)
{
	kvm_irq_line(irq->vm_fd, (unsigned)gsi, level);
}

void irq_share_line(struct irq_table *irq, int gsi, bool level)
{
	pthread_mutex_lock(&irq->lock);
	if (level ? !irq->nr_asserted[gsi]++ : !--irq->nr_asserted[gsi])
		kvm_irq_line(irq->vm_fd, (unsigned)gsi, level);
	pthread_mutex_unlock(&irq->lock);
}
