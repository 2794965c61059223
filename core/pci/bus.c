/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pci/pci.h"

#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/pci/bar.h"

#define HOST_BRIDGE_VENDOR 0x1b36 /* the generic PCI Express host bridge that guests know */
#define HOST_BRIDGE_DEVICE 0x0008
#define HOST_BRIDGE_CLASS  0x0600

#define DECODE_BITS (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
/* Write 1 to clear (PCI 3.0, 6.2.3); nothing here sets them. */
#define STATUS_ERROR_BITS                                                                \
	(PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT | \
	 PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY)

static const struct pci_device_ops host_bridge_ops; /* no BARs, no live bits */

int pci_bus_init(struct pci_bus *bus, const struct pci_bus_config *config)
{
	struct pci_device *bridge = &bus->host_bridge;
	int r;

	*bus = (struct pci_bus){
		.io = config->io,
		.mem32 = config->mem32,
		.mem64 = config->mem64,
	};
	if (config->first) {
		struct pci_bus *last = config->first;

		while (last->next)
			last = last->next;
		bus->number = (uint8_t)(last->number + 1);
		last->next = bus;
	}
	r = pthread_mutex_init(&bus->lock, NULL);
	if (r)
		return -r;
	pci_device_init(bridge, &host_bridge_ops, "host-bridge");
	put_le(bridge->data + PCI_VENDOR_ID, 2, HOST_BRIDGE_VENDOR);
	put_le(bridge->data + PCI_DEVICE_ID, 2, HOST_BRIDGE_DEVICE);
	put_le(bridge->data + PCI_CLASS_DEVICE, 2, HOST_BRIDGE_CLASS);
	return pci_bus_add(bus, bridge, 0, NULL);
}

void pci_bus_destroy(struct pci_bus *bus)
{
	if (!bus->host_bridge.bus)
		return;
	for (unsigned slot = 0; slot < PCI_NR_DEVICES; slot++) {
		struct pci_device *dev = bus->device[slot];

		if (!dev)
			continue;
		pci_bar_unmap_all(dev);
		dev->bus = NULL;
		bus->device[slot] = NULL;
	}
	pthread_mutex_destroy(&bus->lock);
}

/* What the guest must find whatever the owner copied, from a physical device for instance. */
static void normalise_header(struct pci_device *dev)
{
	uint64_t status = get_le(dev->data + PCI_STATUS, 2);

	pci_bar_init_registers(dev);
	dev->data[PCI_COMMAND] &= (uint8_t)~DECODE_BITS;
	dev->live[PCI_COMMAND] &= (uint8_t)~DECODE_BITS;
	dev->wmask[PCI_COMMAND] |= DECODE_BITS;
	put_le(dev->data + PCI_STATUS, 2, status & ~(uint64_t)STATUS_ERROR_BITS);
	put_le(dev->wmask + PCI_STATUS, 2, 0);
	/* One function per slot: a multifunction bit would make the guest probe seven more. */
	dev->data[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_NORMAL;
	dev->wmask[PCI_HEADER_TYPE] = 0;
	dev->live[PCI_HEADER_TYPE] = 0;
}

static int find_slot(const struct pci_bus *bus, int slot)
{
	if (slot >= PCI_NR_DEVICES)
		return -EINVAL;
	if (slot >= 0)
		return bus->device[slot] ? -EEXIST : slot;
	for (slot = 0; slot < PCI_NR_DEVICES; slot++) {
		if (!bus->device[slot])
			return slot;
	}
	return -ENOSPC;
}

static int no_slot(const struct pci_bus *bus, const struct pci_device *dev, int slot, int r,
		   struct error *err)
{
	error_set(err, r, "device %s: PCI slot", dev->name);
	if (dev->bus)
		error_reason(err, "it has %d already", dev->slot);
	else if (r == -EEXIST)
		error_reason(err, "%d is taken by %s", slot, bus->device[slot]->name);
	else if (r == -ENOSPC)
		error_reason(err, "all %d are taken", PCI_NR_DEVICES - 1);
	else
		error_reason(err, "%d is above %d", slot, PCI_NR_DEVICES - 1);
	return r;
}

int pci_bus_add(struct pci_bus *bus, struct pci_device *dev, int slot, struct error *err)
{
	/* Only this thread changes the table; what vCPUs see of it changes under the lock. */
	int r = dev->bus ? -EINVAL : find_slot(bus, slot);

	if (r < 0)
		return no_slot(bus, dev, slot, r, err);
	normalise_header(dev);
	memcpy(dev->reset_data, dev->data, sizeof(dev->data));
	for (unsigned i = 0; i < PCI_MAX_MAPPABLE; i++)
		dev->bar[i].mapped = dev->bar[i].failed = false;
	dev->slot = (uint8_t)r;
	dev->bus = bus;
	pthread_mutex_lock(&bus->lock);
	bus->device[r] = dev;
	pthread_mutex_unlock(&bus->lock);
	return 0;
}

void pci_bus_remove(struct pci_device *dev)
{
	struct pci_bus *bus = dev->bus;

	if (!bus)
		return;
	pthread_mutex_lock(&bus->lock);
	bus->device[dev->slot] = NULL;
	if (pci_bar_unmap_all(dev))
		pci_bar_map_waiting(bus, NULL);
	dev->bus = NULL;
	pthread_mutex_unlock(&bus->lock);
}

uint32_t pci_bus_fixed_slots(struct pci_bus *bus)
{
	uint32_t fixed = 0;

	pthread_mutex_lock(&bus->lock);
	for (unsigned slot = 0; slot < PCI_NR_DEVICES; slot++) {
		if (bus->device[slot] && !bus->device[slot]->removable)
			fixed |= 1U << slot;
	}
	pthread_mutex_unlock(&bus->lock);
	return fixed;
}

void pci_bus_reset(struct pci_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	for (unsigned slot = 0; slot < PCI_NR_DEVICES; slot++) {
		struct pci_device *dev = bus->device[slot];

		if (!dev)
			continue;
		pci_bar_unmap_all(dev);
		memcpy(dev->data, dev->reset_data, sizeof(dev->data));
	}
	bus->config_address = 0;
	bus->reset_port = 0;
	pthread_mutex_unlock(&bus->lock);
}
