/* SPDX-License-Identifier: Apache-2.0 */
/* The expansion ROM: a copy, made when the guest first reads it, since the device's own is slow and may not like it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "vfio/pci/pci.h"
#include "vfio/pci/quirks.h"

#define MAX_ROM_SIZE (16 * MIB) /* PCI 3.0, 6.2.5.2: a function may ask for no more */

static void read_rom(struct vfio_pci *vp)
{
	uint64_t size = vp->pci.bar[PCI_ROM_BAR].size;
	uint8_t *data = malloc(size);
	int r = -ENOMEM;

	vp->rom_tried = true;
	if (data)
		r = vfio_device_read(&vp->device, VFIO_PCI_ROM_REGION_INDEX, 0, data,
				     (unsigned)size);
	if (r) {
		log_warning("%s: ROM: %s; the guest reads all ones", vp->id, strerror(-r));
		free(data);
		return;
	}
	vp->rom = data;
}

/* Serialised by the lock: two vCPUs may be the first. */
static uint64_t rom_read(void *opaque, uint64_t offset, unsigned size)
{
	struct vfio_pci *vp = opaque;
	uint64_t value = UINT64_MAX;

	pthread_mutex_lock(&vp->rom_lock);
	if (!vp->rom_tried)
		read_rom(vp);
	if (vp->rom)
		value = get_le(vp->rom + offset, size);
	pthread_mutex_unlock(&vp->rom_lock);
	return value;
}

static void rom_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
}

static const struct iobus_ops rom_ops = { .read = rom_read, .write = rom_write };

void vfio_rom_init(struct vfio_pci *vp)
{
	uint64_t size = vp->device.region[VFIO_PCI_ROM_REGION_INDEX].size;
	struct pci_bar bar = { .kind = PCI_BAR_MEM32, .size = size };

	pthread_mutex_init(&vp->rom_lock, NULL);
	/* The identification is the device's own. */
	if (vfio_quirk_find(vp->pci.data)->rom_hangs)
		return;
	/* A guest does without what cannot be one. */
	if (size && (size > MAX_ROM_SIZE || pci_device_set_bar(&vp->pci, PCI_ROM_BAR, &bar)))
		log_warning("%s: ROM of impossible size %llu, hidden", vp->id,
			    (unsigned long long)size);
}

void vfio_rom_destroy(struct vfio_pci *vp)
{
	free(vp->rom);
	vp->rom = NULL;
	pthread_mutex_destroy(&vp->rom_lock);
}

int vfio_rom_map(struct vfio_pci *vp, uint64_t addr)
{
	const struct iobus_region region = {
		.base = addr,
		.size = vp->pci.bar[PCI_ROM_BAR].size,
		.ops = &rom_ops,
		.opaque = vp,
		.name = vp->id,
	};

	return iobus_add(&vp->vm->mmio, &region);
}

void vfio_rom_unmap(struct vfio_pci *vp, uint64_t addr)
{
	iobus_remove(&vp->vm->mmio, addr);
}
