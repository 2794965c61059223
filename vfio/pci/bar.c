/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "vfio/pci/pci.h"

/* Accesses to what is not mapped: the MSI-X table, the pending bits, and registers that share a page with them. */
static uint64_t bar_read(void *opaque, uint64_t offset, unsigned size)
{
	const struct vfio_bar *bar = opaque;
	struct vfio_msix *msix = &bar->owner->msix;
	uint8_t data[8];

	if (msix->present && bar->index == msix->table_bar && offset >= msix->table_offset &&
	    range_fits(offset - msix->table_offset, size, msix->table_size))
		return pci_msix_table_read(&msix->vectors.irqs.guest, offset - msix->table_offset,
					   size);
	if (msix->present && bar->index == msix->pba_bar && offset >= msix->pba_offset &&
	    range_fits(offset - msix->pba_offset, size, msix->pba_size))
		return pci_msix_pba_read(&msix->vectors.irqs.guest, offset - msix->pba_offset,
					 size);
	vfio_device_read(&bar->owner->device, bar->index, offset, data, size);
	return get_le(data, size);
}

static void bar_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	const struct vfio_bar *bar = opaque;
	struct vfio_msix *msix = &bar->owner->msix;
	uint8_t data[8];

	if (msix->present && bar->index == msix->table_bar &&
	    ranges_overlap(offset, size, msix->table_offset, msix->table_size)) {
		/* An access that straddles the table's edge reaches neither side. */
		if (offset >= msix->table_offset)
			pci_msix_table_write(&msix->vectors.irqs.guest, offset - msix->table_offset,
					     size, value);
		return;
	}
	if (msix->present && bar->index == msix->pba_bar &&
	    ranges_overlap(offset, size, msix->pba_offset, msix->pba_size))
		return; /* read-only */
	put_le(data, size, value);
	vfio_device_write(&bar->owner->device, bar->index, offset, data, size);
}

static const struct iobus_ops bar_ops = { .read = bar_read, .write = bar_write };

static void add_map(struct vfio_bar *bar, uint64_t start, uint64_t end)
{
	if (start < end && bar->nr_maps < VFIO_BAR_MAX_MAPS)
		bar->map[bar->nr_maps++] =
			(struct vfio_bar_map){ .offset = start, .size = end - start, .slot = -1 };
}

/* Maps [start, end) except the pages that a trapped range touches. */
static void add_map_around(struct vfio_bar *bar, uint64_t start, uint64_t end,
			   const struct vfio_range *trap, unsigned nr_traps)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (unsigned i = 0; i < nr_traps; i++) {
		uint64_t from = align_down(trap[i].offset, page);
		uint64_t to = align_up(trap[i].offset + trap[i].size, page);

		if (to <= start || from >= end)
			continue;
		add_map_around(bar, start, from, trap + i + 1, nr_traps - i - 1);
		start = to;
	}
	add_map(bar, start, end);
}

static void plan_maps(struct vfio_bar *bar)
{
	const struct vfio_region *region = &bar->owner->device.region[bar->index];
	const struct vfio_msix *msix = &bar->owner->msix;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct vfio_range trap[2];
	unsigned nr = 0;

	if (msix->present && msix->table_bar == bar->index)
		trap[nr++] = (struct vfio_range){ msix->table_offset, msix->table_size };
	if (msix->present && msix->pba_bar == bar->index)
		trap[nr++] = (struct vfio_range){ msix->pba_offset, msix->pba_size };
	for (unsigned i = 0; i < region->nr_areas; i++) {
		uint64_t start = align_up(region->area[i].offset, page);
		/* A BAR below a page has the whole page to itself on the host, or it could not be mapped. */
		uint64_t end = align_up(region->area[i].offset + region->area[i].size, page);

		add_map_around(bar, start, end, trap, nr);
	}
}

static int map_bar(struct vfio_bar *bar, struct error *err)
{
	const struct vfio_device *device = &bar->owner->device;
	const struct vfio_region *region = &device->region[bar->index];
	int prot = (region->flags & VFIO_REGION_INFO_FLAG_READ ? PROT_READ : 0) |
		   (region->flags & VFIO_REGION_INFO_FLAG_WRITE ? PROT_WRITE : 0);
	uint64_t align = region->size < GIB ? region->size : GIB;
	char *base;

	if (!(bar->owner->unmapped_bars >> bar->index & 1))
		plan_maps(bar);
	if (!bar->nr_maps)
		return 0;
	/* Congruent with any guest address the BAR can have, so that large pages can map it. */
	bar->reserved_size = align_up(region->size, (uint64_t)sysconf(_SC_PAGESIZE)) + align;
	bar->reserved = mmap(NULL, bar->reserved_size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bar->reserved == MAP_FAILED) {
		bar->reserved = NULL;
		return error_set(err, -errno, "BAR %u: reserve addresses", bar->index);
	}
	base = (char *)align_up((uint64_t)(uintptr_t)bar->reserved, align);
	for (unsigned i = 0; i < bar->nr_maps; i++) {
		struct vfio_bar_map *map = &bar->map[i];

		map->va = mmap(base + map->offset, map->size, prot, MAP_SHARED | MAP_FIXED,
			       device->fd, (off_t)(region->offset + map->offset));
		if (map->va == MAP_FAILED)
			return error_set(err, -errno, "BAR %u: mmap", bar->index);
	}
	return 0;
}

int vfio_bars_init(struct vfio_pci *vp, struct error *err)
{
	for (unsigned i = 0; i < PCI_NR_BARS; i++) {
		struct vfio_bar *bar = &vp->bar[i];
		int r;

		bar->owner = vp;
		bar->index = i;
		if (vp->pci.bar[i].kind == PCI_BAR_NONE)
			continue;
		r = map_bar(bar, err);
		if (r)
			return error_set(err, r, "device %s", vp->device.host.bdf);
	}
	return 0;
}

void vfio_bars_destroy(struct vfio_pci *vp)
{
	for (unsigned i = 0; i < PCI_NR_BARS; i++) {
		struct vfio_bar *bar = &vp->bar[i];

		/* The device's own mappings lie within. What the guest still reaches stays, and is nothing. */
		if (bar->is_stuck)
			mmap(bar->reserved, bar->reserved_size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
		else if (bar->reserved)
			munmap(bar->reserved, bar->reserved_size);
		bar->reserved = NULL;
		bar->is_stuck = false;
	}
}

static void remove_slot(struct vfio_bar *bar, int slot)
{
	int r = vm_remove_memory(bar->owner->vm, slot);

	if (!r)
		return;
	log_guest_error(
		"%s: BAR %u: the guest keeps what it has of it: KVM_SET_USER_MEMORY_REGION: %s",
		bar->owner->id, bar->index, strerror(-r));
	bar->is_stuck = true;
}

static void unmap_slots(struct vfio_bar *bar, uint64_t addr)
{
	for (unsigned i = 0; i < bar->nr_maps; i++) {
		struct vfio_bar_map *map = &bar->map[i];

		if (map->is_peer)
			vfio_dma_remove_peer(bar->owner->dma, (iova_t){ addr + map->offset });
		if (map->slot >= 0)
			remove_slot(bar, map->slot);
		map->is_peer = false;
		map->slot = -1;
	}
}

/* Without it the guest's drivers use memory as they do where there is no peer to peer at all. */
static void add_peer(struct vfio_bar *bar, struct vfio_bar_map *map, uint64_t addr)
{
	struct vfio_pci *vp = bar->owner;

	if (vp->p2p)
		map->is_peer = !vfio_dma_add_peer(vp->dma, map->va, map->size,
						  (iova_t){ addr + map->offset });
}

static int map_slots(struct vfio_bar *bar, uint64_t addr)
{
	for (unsigned i = 0; i < bar->nr_maps; i++) {
		struct vfio_bar_map *map = &bar->map[i];
		gpa_t gpa = { addr + map->offset };
		int slot = vm_add_memory(bar->owner->vm, gpa, map->size, map->va, false);

		if (slot < 0) {
			unmap_slots(bar, addr);
			return slot;
		}
		map->slot = slot;
		add_peer(bar, map, addr);
	}
	return 0;
}

int vfio_bar_map(struct pci_device *dev, unsigned index, uint64_t addr)
{
	struct vfio_pci *vp = container_of(dev, struct vfio_pci, pci);
	struct vfio_bar *bar = &vp->bar[index];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	bool io = dev->bar[index].kind == PCI_BAR_IO;
	const struct iobus_region region = {
		.base = addr,
		.size = dev->bar[index].size,
		.ops = &bar_ops,
		.opaque = bar,
		.name = vp->id,
	};
	int r;

	if (index == PCI_ROM_BAR)
		return vfio_rom_map(vp, addr);
	r = iobus_add(io ? &vp->vm->pio : &vp->vm->mmio, &region);
	if (r || io)
		return r;
	/* A guest may put a BAR below a page anywhere; off a page's start it is trapped as a whole. */
	if (addr & (page - 1))
		return 0;
	r = map_slots(bar, addr);
	if (!r)
		return 0;
	if (dev->bar[index].size < page) {
		log_debug("%s: BAR %u shares its page with another, accesses are trapped", vp->id,
			  index);
		return 0;
	}
	iobus_remove(&vp->vm->mmio, addr);
	return r;
}

void vfio_bar_unmap(struct pci_device *dev, unsigned index, uint64_t addr)
{
	struct vfio_pci *vp = container_of(dev, struct vfio_pci, pci);
	bool io = dev->bar[index].kind == PCI_BAR_IO;

	if (index == PCI_ROM_BAR) {
		vfio_rom_unmap(vp, addr);
		return;
	}
	unmap_slots(&vp->bar[index], addr);
	iobus_remove(io ? &vp->vm->pio : &vp->vm->mmio, addr);
}
