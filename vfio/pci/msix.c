/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "vfio/pci/pci.h"
#include "vfio/pci/quirks.h"

static bool pba_fits(const struct vfio_pci *vp)
{
	const struct vfio_msix *msix = &vp->msix;

	return msix->pba_bar < PCI_NR_BARS &&
	       range_fits(msix->pba_offset, msix->pba_size, vp->device.region[msix->pba_bar].size);
}

static int read_layout(struct vfio_pci *vp, const uint8_t *config, struct error *err)
{
	struct vfio_msix *msix = &vp->msix;
	unsigned nr = (get_le(config + msix->cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	uint32_t table = (uint32_t)get_le(config + msix->cap + PCI_MSIX_TABLE, 4);
	uint32_t pba = (uint32_t)get_le(config + msix->cap + PCI_MSIX_PBA, 4);
	const struct vfio_quirk *quirk = vfio_quirk_find(config);

	msix->table_bar = table & PCI_MSIX_TABLE_BIR;
	msix->table_offset = table & PCI_MSIX_TABLE_OFFSET;
	msix->table_size = nr * PCI_MSIX_ENTRY_SIZE;
	msix->pba_bar = pba & PCI_MSIX_PBA_BIR;
	msix->pba_offset = pba & PCI_MSIX_PBA_OFFSET;
	msix->pba_size = (nr + 63) / 64 * 8;
	if (quirk->pba_offset && !pba_fits(vp))
		msix->pba_offset = quirk->pba_offset;
	if (msix->table_bar < PCI_NR_BARS && pba_fits(vp) &&
	    range_fits(msix->table_offset, msix->table_size,
		       vp->device.region[msix->table_bar].size))
		return (int)nr;
	error_set(err, -EINVAL, "device %s: MSI-X", vp->device.host.bdf);
	return error_reason(err, "table or pending bits lie outside their BAR");
}

int vfio_msix_init(struct vfio_pci *vp, const uint8_t *config, unsigned size, struct error *err)
{
	struct vfio_vectors_config vectors = {
		.device = &vp->device,
		.id = vp->id,
		.irq = &vp->vm->irq,
		.batch = vp->batch,
		.trace = vp->trace,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
		.held_back = true,
	};
	int nr, r;

	vp->msix.cap = pci_find_capability(config, size, PCI_CAP_ID_MSIX, 0);
	if (!vp->msix.cap || !vp->device.irq[VFIO_PCI_MSIX_IRQ_INDEX].count)
		return 0;
	nr = read_layout(vp, config, err);
	if (nr < 0)
		return nr;
	vectors.nr = (unsigned)nr;
	r = vfio_vectors_init(&vp->msix.vectors, &vectors);
	if (r)
		return error_set(err, r, "device %s: MSI-X", vp->device.host.bdf);
	vp->msix.present = true;
	return 0;
}

void vfio_msix_destroy(struct vfio_pci *vp)
{
	vfio_vectors_destroy(&vp->msix.vectors);
	vp->msix.present = false;
}
