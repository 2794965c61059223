/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pci/bar.h"

#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/log.h"

unsigned pci_bar_register(unsigned bar)
{
	return bar == PCI_ROM_BAR ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar;
}

bool pci_bar_is_decode_register(unsigned offset)
{
	return offset == PCI_COMMAND || offset == PCI_ROM_ADDRESS ||
	       (offset >= PCI_BASE_ADDRESS_0 && offset <= PCI_BASE_ADDRESS_5);
}

/* The low bits that tell the guest what the BAR is (PCI 3.0, 6.2.5.1). */
static uint32_t bar_flags(const struct pci_bar *bar)
{
	uint32_t prefetch = bar->prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0;

	switch (bar->kind) {
	case PCI_BAR_IO:
		return PCI_BASE_ADDRESS_SPACE_IO;
	case PCI_BAR_MEM32:
		return PCI_BASE_ADDRESS_MEM_TYPE_32 | prefetch;
	case PCI_BAR_MEM64:
		return PCI_BASE_ADDRESS_MEM_TYPE_64 | prefetch;
	case PCI_BAR_NONE:
		break;
	}
	return 0;
}

static void bar_init_register(struct pci_device *dev, unsigned i)
{
	const struct pci_bar *bar = &dev->bar[i];
	unsigned reg = pci_bar_register(i);
	unsigned size = bar->kind == PCI_BAR_MEM64 ? 8 : 4;
	bool rom = i == PCI_ROM_BAR;

	if (bar->kind == PCI_BAR_NONE)
		return;
	/* Sizing is nothing but this: address bits below the size do not change. An I/O BAR's upper
	 * half is writable as well; beyond the window it decodes nothing. */
	put_le(dev->wmask + reg, size, ~(bar->size - 1) | (rom ? PCI_ROM_ADDRESS_ENABLE : 0));
	put_le(dev->data + reg, size, rom ? 0 : bar_flags(bar));
}

void pci_bar_init_registers(struct pci_device *dev)
{
	for (unsigned i = 0; i < PCI_MAX_MAPPABLE; i++) {
		unsigned reg = pci_bar_register(i);

		memset(dev->data + reg, 0, 4);
		memset(dev->wmask + reg, 0, 4);
		memset(dev->live + reg, 0, 4);
	}
	for (unsigned i = 0; i < PCI_MAX_MAPPABLE; i++)
		bar_init_register(dev, i);
}

void pci_bar_set_address(struct pci_device *dev, unsigned i, uint64_t addr)
{
	unsigned reg = pci_bar_register(i);
	unsigned size = dev->bar[i].kind == PCI_BAR_MEM64 ? 8 : 4;
	uint64_t flags = get_le(dev->data + reg, size) & (dev->bar[i].size - 1);

	put_le(dev->data + reg, size, addr | flags);
}

static bool window_holds(const struct pci_window *window, uint64_t addr, uint64_t size)
{
	return addr >= window->base && range_fits(addr - window->base, size, window->size);
}

bool pci_bar_in_window(const struct pci_bus *bus, enum pci_bar_kind kind, uint64_t addr,
		       uint64_t size)
{
	switch (kind) {
	case PCI_BAR_IO:
		return window_holds(&bus->io, addr, size);
	case PCI_BAR_MEM64:
		if (window_holds(&bus->mem64, addr, size))
			return true;
		return window_holds(&bus->mem32, addr, size);
	case PCI_BAR_MEM32:
		return window_holds(&bus->mem32, addr, size);
	case PCI_BAR_NONE:
		break;
	}
	return false;
}

/* Whether the guest has enabled a BAR, and where it put it. */
static bool bar_wanted(const struct pci_device *dev, unsigned i, uint64_t *addr)
{
	const struct pci_bar *bar = &dev->bar[i];
	unsigned reg = pci_bar_register(i);
	unsigned size = bar->kind == PCI_BAR_MEM64 ? 8 : 4;
	unsigned decode = bar->kind == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	uint64_t value;

	if (bar->kind == PCI_BAR_NONE || !(dev->data[PCI_COMMAND] & decode))
		return false;
	value = get_le(dev->data + reg, size);
	if (i == PCI_ROM_BAR && !(value & PCI_ROM_ADDRESS_ENABLE))
		return false;
	*addr = value & ~(bar->size - 1);
	return true;
}

/* Ports and memory are different address spaces; the two memory kinds are one. */
static bool same_space(enum pci_bar_kind a, enum pci_bar_kind b)
{
	return (a == PCI_BAR_IO) == (b == PCI_BAR_IO);
}

/* Memory is mapped page by page, so what is smaller takes a whole one. */
static bool overlap(const struct pci_bar *a, uint64_t a_addr, const struct pci_bar *b,
		    uint64_t b_addr)
{
	uint64_t unit = a->kind == PCI_BAR_IO ? 1 : PCI_PAGE_SIZE;

	return same_space(a->kind, b->kind) &&
	       ranges_overlap(align_down(a_addr, unit), align_up(a->size, unit),
			      align_down(b_addr, unit), align_up(b->size, unit));
}

static bool device_occupies(const struct pci_device *dev, const struct pci_bar *bar, uint64_t addr)
{
	for (unsigned i = 0; i < PCI_MAX_MAPPABLE; i++) {
		const struct pci_bar *other = &dev->bar[i];

		if (other->mapped && overlap(other, other->addr, bar, addr))
			return true;
	}
	return false;
}

static bool place_is_free(const struct pci_bus *bus, const struct pci_bar *bar, uint64_t addr)
{
	for (unsigned slot = 0; slot < PCI_NR_DEVICES; slot++) {
		if (bus->device[slot] && device_occupies(bus->device[slot], bar, addr))
			return false;
	}
	return true;
}

static void bar_map(struct pci_device *dev, unsigned i, uint64_t addr)
{
	struct pci_bar *bar = &dev->bar[i];
	int r = dev->ops->bar_map(dev, i, addr);

	if (r) {
		/* The guest can repeat this at will; the log gets one line. */
		if (!bar->failed)
			log_guest_warning("device %s: BAR %u: map at 0x%llx: %s", dev->name, i,
					  (unsigned long long)addr, strerror(-r));
		bar->failed = true;
		return;
	}
	bar->mapped = true;
	bar->failed = false;
	bar->addr = addr;
}

static void bar_unmap(struct pci_device *dev, unsigned i)
{
	struct pci_bar *bar = &dev->bar[i];

	dev->ops->bar_unmap(dev, i, bar->addr);
	bar->mapped = false;
	bar->addr = 0;
}

static void device_map_waiting(struct pci_device *dev)
{
	uint64_t addr;

	for (unsigned i = 0; i < PCI_MAX_MAPPABLE; i++) {
		const struct pci_bar *bar = &dev->bar[i];

		if (!bar->mapped && bar_wanted(dev, i, &addr) &&
		    pci_bar_in_window(dev->bus, bar->kind, addr, bar->size) &&
		    place_is_free(dev->bus, bar, addr))
			bar_map(dev, i, addr);
	}
}

void pci_bar_map_waiting(struct pci_bus *bus, const struct pci_device *only)
{
	for (unsigned slot = 0; slot < PCI_NR_DEVICES; slot++) {
		struct pci_device *dev = bus->device[slot];

		if (dev && (!only || dev == only))
			device_map_waiting(dev);
	}
}

void pci_bar_update(struct pci_device *dev)
{
	bool freed = false;

	for (unsigned i = 0; i < PCI_MAX_MAPPABLE; i++) {
		uint64_t addr = 0;

		if (!dev->bar[i].mapped)
			continue;
		if (bar_wanted(dev, i, &addr) && addr == dev->bar[i].addr)
			continue;
		bar_unmap(dev, i);
		freed = true;
	}
	/* Only a freed place can help another function's BAR. */
	pci_bar_map_waiting(dev->bus, freed ? NULL : dev);
}

bool pci_bar_unmap_all(struct pci_device *dev)
{
	bool any = false;

	for (unsigned i = 0; i < PCI_MAX_MAPPABLE; i++) {
		if (!dev->bar[i].mapped)
			continue;
		bar_unmap(dev, i);
		any = true;
	}
	return any;
}
