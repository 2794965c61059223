/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pci/hotplug.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REGISTER_INSERTED 0
#define REGISTER_LEAVING  4
#define REGISTER_EJECT	  8

int pci_hotplug_init(struct pci_hotplug *hp, struct pci_bus *first,
		     const struct pci_hotplug_ops *ops, void *opaque)
{
	unsigned nr = 0;

	for (const struct pci_bus *bus = first; bus; bus = bus->next)
		nr++;
	*hp = (struct pci_hotplug){
		.slots = calloc(nr, sizeof(*hp->slots)),
		.nr_buses = nr,
		.ops = ops,
		.opaque = opaque,
	};
	if (!hp->slots)
		return -ENOMEM;
	pthread_mutex_init(&hp->lock, NULL); /* cannot fail without attributes */
	return 0;
}

void pci_hotplug_destroy(struct pci_hotplug *hp)
{
	if (!hp->slots)
		return;
	pthread_mutex_destroy(&hp->lock);
	free(hp->slots);
	*hp = (struct pci_hotplug){ .slots = NULL };
}

unsigned pci_hotplug_size(const struct pci_hotplug *hp)
{
	return hp->nr_buses * PCI_HOTPLUG_STRIDE;
}

/* The caller holds the lock. */
static void update_irq(struct pci_hotplug *hp)
{
	uint32_t any = 0;

	for (unsigned i = 0; i < hp->nr_buses; i++)
		any |= hp->slots[i].inserted | hp->slots[i].leaving;
	if (hp->level == !!any)
		return;
	hp->level = !!any;
	hp->ops->set_irq(hp->opaque, hp->level);
}

/* A function has come or gone: what was said of the slot before is not about what is there now. */
static void renew_slot(struct pci_hotplug *hp, const struct pci_bus *bus, unsigned slot,
		       bool inserted)
{
	struct pci_hotplug_slots *slots = &hp->slots[bus->number];
	uint32_t bit = 1U << slot;

	pthread_mutex_lock(&hp->lock);
	slots->inserted &= ~bit;
	slots->leaving &= ~bit;
	slots->ejected &= ~bit;
	if (inserted)
		slots->inserted |= bit;
	update_irq(hp);
	pthread_mutex_unlock(&hp->lock);
}

int pci_hotplug_add(struct pci_hotplug *hp, struct pci_bus *bus, struct pci_device *dev,
		    struct error *err)
{
	int r = pci_bus_check_room(bus, dev, err);

	if (!r)
		r = pci_bus_add(bus, dev, -1, err);
	if (!r)
		renew_slot(hp, bus, dev->slot, true);
	return r;
}

void pci_hotplug_ask(struct pci_hotplug *hp, const struct pci_device *dev)
{
	pthread_mutex_lock(&hp->lock);
	hp->slots[dev->bus->number].leaving |= 1U << dev->slot;
	update_irq(hp);
	pthread_mutex_unlock(&hp->lock);
}

bool pci_hotplug_take_ejected(struct pci_hotplug *hp, const struct pci_device *dev)
{
	struct pci_hotplug_slots *slots = &hp->slots[dev->bus->number];
	uint32_t bit = 1U << dev->slot;
	bool ejected;

	pthread_mutex_lock(&hp->lock);
	ejected = slots->ejected & bit;
	slots->ejected &= ~bit;
	pthread_mutex_unlock(&hp->lock);
	return ejected;
}

void pci_hotplug_remove(struct pci_hotplug *hp, struct pci_device *dev)
{
	const struct pci_bus *bus = dev->bus;

	pci_bus_remove(dev);
	renew_slot(hp, bus, dev->slot, false);
}

void pci_hotplug_reset(struct pci_hotplug *hp)
{
	pthread_mutex_lock(&hp->lock);
	memset(hp->slots, 0, hp->nr_buses * sizeof(*hp->slots));
	update_irq(hp);
	pthread_mutex_unlock(&hp->lock);
}

static uint32_t read_register(struct pci_hotplug *hp, uint32_t *slots)
{
	uint32_t value;

	pthread_mutex_lock(&hp->lock);
	value = *slots;
	*slots = 0;
	update_irq(hp);
	pthread_mutex_unlock(&hp->lock);
	return value;
}

/* Nothing but a dword access to a register is one to it. */
static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pci_hotplug *hp = opaque;
	struct pci_hotplug_slots *slots = &hp->slots[offset / PCI_HOTPLUG_STRIDE];

	if (size != 4)
		return UINT64_MAX;
	switch (offset % PCI_HOTPLUG_STRIDE) {
	case REGISTER_INSERTED:
		return read_register(hp, &slots->inserted);
	case REGISTER_LEAVING:
		return read_register(hp, &slots->leaving);
	case REGISTER_EJECT:
		return 0;
	default:
		return UINT64_MAX;
	}
}

static void port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_hotplug *hp = opaque;

	if (size != 4 || offset % PCI_HOTPLUG_STRIDE != REGISTER_EJECT)
		return;
	pthread_mutex_lock(&hp->lock);
	hp->slots[offset / PCI_HOTPLUG_STRIDE].ejected |= (uint32_t)value;
	pthread_mutex_unlock(&hp->lock);
	hp->ops->ejected(hp->opaque);
}

const struct iobus_ops pci_hotplug_port_ops = { .read = port_read, .write = port_write };
