/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "vfio/pci/pci.h"

/* MSI-X before MSI: a guest that has both on, which it must not (PCI Express 5.0, 6.1.4), gets one. */
void vfio_interrupts_update(struct vfio_pci *vp)
{
	uint16_t msix = 0;
	bool use_msix, use_msi;

	if (vp->msix.present)
		msix = (uint16_t)get_le(vp->pci.data + vp->msix.cap + PCI_MSIX_FLAGS, 2);
	use_msix = msix & PCI_MSIX_FLAGS_ENABLE;
	use_msi = !use_msix && vfio_msi_enabled(vp);
	if (use_msix || use_msi)
		vfio_intx_disable(vp);
	if (!use_msi)
		vfio_msi_update(vp, false);
	if (vp->msix.present)
		pci_msix_set_control(&vp->msix.vectors.irqs.guest, msix);
	if (use_msi)
		vfio_msi_update(vp, true);
	if (!use_msix && !use_msi)
		vfio_intx_update(vp);
}

void vfio_interrupts_reset(struct vfio_pci *vp)
{
	if (vp->msix.present)
		pci_msix_reset(&vp->msix.vectors.irqs.guest);
	if (vp->msi.present)
		pci_msix_reset(&vp->msi.vectors.irqs.guest);
	vfio_intx_disable(vp);
}

void vfio_interrupts_destroy(struct vfio_pci *vp)
{
	vfio_msix_destroy(vp);
	vfio_msi_destroy(vp);
	vfio_intx_destroy(vp);
}

uint64_t vfio_interrupts_nr_calls(const struct vfio_pci *vp)
{
	return vp->msix.vectors.nr_set_irqs + vp->msi.vectors.nr_set_irqs + vp->intx.nr_set_irqs;
}
