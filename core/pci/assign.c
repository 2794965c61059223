/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pci/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/pci/bar.h"

#define MAX_PLACEMENTS (PCI_NR_DEVICES * PCI_MAX_MAPPABLE)

struct placement {
	struct pci_device *dev;
	unsigned bar;
	const struct pci_window *window;
	uint64_t size; /* alignment too */
	uint64_t addr;
};

static const struct pci_window *choose_window(const struct pci_bus *bus, enum pci_bar_kind kind)
{
	if (kind == PCI_BAR_IO)
		return &bus->io;
	if (kind == PCI_BAR_MEM64 && bus->mem64.size)
		return &bus->mem64;
	return &bus->mem32;
}

static size_t collect_device(const struct pci_bus *bus, struct pci_device *dev,
			     struct placement *placement)
{
	size_t n = 0;

	for (unsigned i = 0; i < PCI_MAX_MAPPABLE; i++) {
		const struct pci_bar *bar = &dev->bar[i];
		/* The host maps pages: a page of its own lets it map a small BAR. */
		uint64_t least = bar->kind == PCI_BAR_IO ? 1 : PCI_PAGE_SIZE;

		if (bar->kind == PCI_BAR_NONE)
			continue;
		placement[n++] = (struct placement){
			.dev = dev,
			.bar = i,
			.window = choose_window(bus, bar->kind),
			.size = bar->size > least ? bar->size : least,
		};
	}
	return n;
}

/* The host bridge has no BAR, so that there is room for @extra with all slots taken. */
static size_t collect(struct pci_bus *bus, struct pci_device *extra, struct placement *placement)
{
	size_t n = extra ? collect_device(bus, extra, placement) : 0;

	for (unsigned slot = 0; slot < PCI_NR_DEVICES; slot++) {
		if (bus->device[slot])
			n += collect_device(bus, bus->device[slot], placement + n);
	}
	return n;
}

/* Largest first, then by slot and BAR, so that addresses are the same in every run. */
static int compare_placements(const void *pa, const void *pb)
{
	const struct placement *a = pa, *b = pb;

	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	if (a->dev->slot != b->dev->slot)
		return a->dev->slot < b->dev->slot ? -1 : 1;
	return a->bar < b->bar ? -1 : 1;
}

static const struct placement *find_overlap(const struct placement *placement, size_t n,
					    const struct placement *p)
{
	for (size_t i = 0; i < n; i++) {
		if (placement[i].window == p->window &&
		    ranges_overlap(placement[i].addr, placement[i].size, p->addr, p->size))
			return &placement[i];
	}
	return NULL;
}

/* The first place for placement[n], given the @n before it. */
static bool place(struct placement *placement, size_t n)
{
	struct placement *p = &placement[n];
	const struct pci_window *window = p->window;

	p->addr = window->base;
	for (;;) {
		const struct placement *other;

		if (p->addr > UINT64_MAX - (p->size - 1))
			return false;
		p->addr = align_up(p->addr, p->size);
		if (p->addr < window->base ||
		    !range_fits(p->addr - window->base, p->size, window->size))
			return false;
		other = find_overlap(placement, n, p);
		if (!other)
			return true;
		p->addr = other->addr + other->size;
	}
}

static const char *window_name(const struct pci_bus *bus, const struct pci_window *window)
{
	if (window == &bus->io)
		return "I/O";
	return window == &bus->mem64 ? "64-bit" : "32-bit";
}

static int no_space(const struct pci_bus *bus, const struct placement *p, struct error *err)
{
	const struct pci_window *window = p->window;

	error_set(err, -ENOSPC, "device %s: BAR %u", p->dev->name, p->bar);
	error_reason(err, "0x%llx bytes do not fit into the %s window of 0x%llx bytes at 0x%llx",
		     (unsigned long long)p->size, window_name(bus, window),
		     (unsigned long long)window->size, (unsigned long long)window->base);
	return -ENOSPC;
}

/* What is where; only kinds and sizes of BARs are looked at, which do not change while a function is on the bus. */
static int plan(struct pci_bus *bus, struct pci_device *extra, struct placement *placement,
		size_t *nr, struct error *err)
{
	size_t n = collect(bus, extra, placement);

	qsort(placement, n, sizeof(placement[0]), compare_placements);
	for (size_t i = 0; i < n; i++) {
		if (!place(placement, i))
			return no_space(bus, &placement[i], err);
	}
	*nr = n;
	return 0;
}

int pci_bus_check_room(struct pci_bus *bus, struct pci_device *dev, struct error *err)
{
	struct placement placement[MAX_PLACEMENTS];
	size_t n;

	return plan(bus, dev, placement, &n, err);
}

int pci_bus_assign(struct pci_bus *bus, struct error *err)
{
	struct placement placement[MAX_PLACEMENTS];
	size_t n;
	int r = plan(bus, NULL, placement, &n, err);

	if (r)
		return r;

	for (unsigned slot = 0; slot < PCI_NR_DEVICES; slot++) {
		struct pci_device *dev = bus->device[slot];

		if (!dev)
			continue;
		pci_bar_unmap_all(dev);
		dev->data[PCI_COMMAND] &= (uint8_t) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	}
	for (size_t i = 0; i < n; i++)
		pci_bar_set_address(placement[i].dev, placement[i].bar, placement[i].addr);
	for (unsigned slot = 0; slot < PCI_NR_DEVICES; slot++) {
		struct pci_device *dev = bus->device[slot];

		if (dev)
			memcpy(dev->reset_data, dev->data, sizeof(dev->data));
	}
	return 0;
}
