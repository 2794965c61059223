/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pci/pci.h"

#include "core/base/bits.h"
#include "core/pci/bar.h"

#define ADDRESS_ENABLE	 0x80000000U
#define ADDRESS_WRITABLE 0x80fffffcU /* the rest is reserved and reads 0 (PCI 3.0, 3.2.2.3.2) */

#define PORT_ADDRESS 0 /* offsets from 0xcf8 */
#define PORT_RESET   1
#define PORT_DATA    4

/* What a read gives that nobody answers. */
static uint32_t all_ones(unsigned size)
{
	return size < 4 ? (1U << (8 * size)) - 1 : UINT32_MAX;
}

/* One dword and byte enables are all that a configuration transaction can carry. */
static bool access_is_valid(unsigned offset, unsigned size)
{
	if (size != 1 && size != 2 && size != 4)
		return false;
	return offset < PCI_CONFIG_SIZE && offset % 4 + size <= 4;
}

/* The buses do not change while a vCPU runs. */
static struct pci_bus *find_bus(struct pci_bus *first, unsigned bdf)
{
	struct pci_bus *bus = first;

	while (bus && bus->number != bdf >> 8)
		bus = bus->next;
	return bus;
}

static struct pci_device *find_function(const struct pci_bus *bus, unsigned bdf)
{
	return bdf & 7 ? NULL : bus->device[bdf >> 3 & (PCI_NR_DEVICES - 1)];
}

static uint32_t device_read(struct pci_device *dev, unsigned offset, unsigned size)
{
	uint32_t value = (uint32_t)get_le(dev->data + offset, size);
	uint32_t live = (uint32_t)get_le(dev->live + offset, size);

	if (live)
		value = (value & ~live) | (dev->ops->config_read(dev, offset, size) & live);
	return value;
}

static void device_write(struct pci_device *dev, unsigned offset, unsigned size, uint32_t value)
{
	uint32_t old = (uint32_t)get_le(dev->data + offset, size);
	uint32_t live = (uint32_t)get_le(dev->live + offset, size);
	uint32_t wmask = (uint32_t)get_le(dev->wmask + offset, size) & ~live;
	uint32_t new = (old & ~wmask) | (value & wmask);
	bool is_decode = pci_bar_is_decode_register(offset & ~3U);

	put_le(dev->data + offset, size, new);
	if (live)
		dev->ops->config_write(dev, offset, size, value, live);
	if (is_decode && new != old)
		pci_bar_update(dev);
	/* BARs are core/pci's alone; the command register has more in it than decoding. */
	if (wmask && (!is_decode || offset < 8) && dev->ops->config_written)
		dev->ops->config_written(dev, offset, size);
}

uint32_t pci_config_read(struct pci_bus *bus, unsigned bdf, unsigned offset, unsigned size)
{
	uint32_t value = all_ones(size);
	struct pci_device *dev;

	bus = find_bus(bus, bdf);
	if (!bus || !access_is_valid(offset, size))
		return value;
	pthread_mutex_lock(&bus->lock);
	dev = find_function(bus, bdf);
	if (dev)
		value = device_read(dev, offset, size);
	pthread_mutex_unlock(&bus->lock);
	return value;
}

void pci_config_write(struct pci_bus *bus, unsigned bdf, unsigned offset, unsigned size,
		      uint32_t value)
{
	struct pci_device *dev;

	bus = find_bus(bus, bdf);
	if (!bus || !access_is_valid(offset, size))
		return;
	pthread_mutex_lock(&bus->lock);
	dev = find_function(bus, bdf);
	if (dev)
		device_write(dev, offset, size, value);
	pthread_mutex_unlock(&bus->lock);
}

static uint32_t get_address(struct pci_bus *bus)
{
	uint32_t address;

	pthread_mutex_lock(&bus->lock);
	address = bus->config_address;
	pthread_mutex_unlock(&bus->lock);
	return address;
}

/* Only a dword access to the whole register is one to it; narrower ones are other ports. */
static uint32_t address_port_read(struct pci_bus *bus, unsigned offset, unsigned size)
{
	uint32_t value = all_ones(size);

	pthread_mutex_lock(&bus->lock);
	if (offset == PORT_ADDRESS && size == 4)
		value = bus->config_address;
	else if (offset == PORT_RESET && size == 1)
		value = bus->reset_port;
	pthread_mutex_unlock(&bus->lock);
	return value;
}

static void address_port_write(struct pci_bus *bus, unsigned offset, unsigned size, uint32_t value)
{
	bool reset = offset == PORT_RESET && size == 1;

	pthread_mutex_lock(&bus->lock);
	if (offset == PORT_ADDRESS && size == 4)
		bus->config_address = value & ADDRESS_WRITABLE;
	else if (reset)
		bus->reset_port = (uint8_t)value;
	pthread_mutex_unlock(&bus->lock);
	if (reset && bus->reset_port_write)
		bus->reset_port_write(bus->reset_port_opaque, (uint8_t)value);
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pci_bus *bus = opaque;
	uint32_t address;

	if (offset < PORT_DATA)
		return address_port_read(bus, (unsigned)offset, size);
	address = get_address(bus);
	if (!(address & ADDRESS_ENABLE))
		return all_ones(size);
	return pci_config_read(bus, (address >> 8) & 0xffff,
			       (address & 0xfc) + (unsigned)offset - PORT_DATA, size);
}

static void port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct pci_bus *bus = opaque;
	uint32_t address;

	if (offset < PORT_DATA) {
		address_port_write(bus, (unsigned)offset, size, (uint32_t)value);
		return;
	}
	address = get_address(bus);
	if (address & ADDRESS_ENABLE)
		pci_config_write(bus, (address >> 8) & 0xffff,
				 (address & 0xfc) + (unsigned)offset - PORT_DATA, size,
				 (uint32_t)value);
}

const struct iobus_ops pci_port_ops = { .read = port_read, .write = port_write };

/* Offset: bus << 20 | device << 15 | function << 12 | register (PCI Express 5.0, 7.2.2). */
static uint64_t ecam_read(void *opaque, uint64_t offset, unsigned size)
{
	unsigned bdf = (unsigned)(offset >> 12);
	unsigned reg = (unsigned)(offset & (PCI_CONFIG_SIZE - 1));
	uint64_t low, high;

	if (size != 8)
		return pci_config_read(opaque, bdf, reg, size);
	if (reg % 8)
		return UINT64_MAX;
	low = pci_config_read(opaque, bdf, reg, 4);
	high = pci_config_read(opaque, bdf, reg + 4, 4);
	return high << 32 | low;
}

static void ecam_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	unsigned bdf = (unsigned)(offset >> 12);
	unsigned reg = (unsigned)(offset & (PCI_CONFIG_SIZE - 1));

	if (size != 8) {
		pci_config_write(opaque, bdf, reg, size, (uint32_t)value);
		return;
	}
	if (reg % 8)
		return;
	pci_config_write(opaque, bdf, reg, 4, (uint32_t)value);
	pci_config_write(opaque, bdf, reg + 4, 4, (uint32_t)(value >> 32));
}

const struct iobus_ops pci_ecam_ops = { .read = ecam_read, .write = ecam_write };
