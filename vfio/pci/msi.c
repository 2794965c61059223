/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "vfio/pci/pci.h"

/*
 * The capability is the guest's alone: a message and a mask bit per vector, which vectors.c delivers as those of MSI-X.
 * VFIO writes a message of the host's own into the device. Source: PCI Express 5.0, 7.7.1.
 */

#define NR_MAX 32

/* What the guest sees of the device's: the newer extended message data is left out. */
#define FLAGS_SHOWN (PCI_MSI_FLAGS_QMASK | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT)

/* A count of vectors is the logarithm of it; 6 and 7 are reserved. */
static unsigned decode_count(unsigned log2)
{
	return log2 < 5 ? 1U << log2 : NR_MAX;
}

static unsigned read_flags(const struct vfio_pci *vp)
{
	return (unsigned)get_le(vp->pci.data + vp->msi.cap + PCI_MSI_FLAGS, 2);
}

static uint64_t read_address(const struct vfio_pci *vp)
{
	const uint8_t *cap = vp->pci.data + vp->msi.cap;
	uint64_t high = vp->msi.wide ? get_le(cap + PCI_MSI_ADDRESS_HI, 4) : 0;

	return high << 32 | get_le(cap + PCI_MSI_ADDRESS_LO, 4);
}

static unsigned data_offset(const struct vfio_msi *msi)
{
	return msi->cap + (msi->wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
}

static unsigned mask_offset(const struct vfio_msi *msi)
{
	return msi->cap + (msi->wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static unsigned pending_offset(const struct vfio_msi *msi)
{
	return msi->cap + (msi->wide ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32);
}

static unsigned cap_size(const struct vfio_msi *msi)
{
	return (msi->maskable ? pending_offset(msi) + 4 : data_offset(msi) + 2) - msi->cap;
}

int vfio_msi_init(struct vfio_pci *vp, const uint8_t *config, unsigned size, struct error *err)
{
	struct vfio_msi *msi = &vp->msi;
	struct vfio_vectors_config vectors = {
		.device = &vp->device,
		.id = vp->id,
		.irq = &vp->vm->irq,
		.batch = vp->batch,
		.trace = vp->trace,
		.index = VFIO_PCI_MSI_IRQ_INDEX,
	};
	unsigned flags;
	int r;

	msi->cap = pci_find_capability(config, size, PCI_CAP_ID_MSI, 0);
	if (!msi->cap || !vp->device.irq[VFIO_PCI_MSI_IRQ_INDEX].count)
		return 0;
	flags = (unsigned)get_le(config + msi->cap + PCI_MSI_FLAGS, 2);
	msi->wide = flags & PCI_MSI_FLAGS_64BIT;
	msi->maskable = flags & PCI_MSI_FLAGS_MASKBIT;
	vectors.nr = decode_count((flags & PCI_MSI_FLAGS_QMASK) >> 1);
	/* A device with mask bits has pending bits. */
	vectors.held_back = msi->maskable;
	r = vfio_vectors_init(&msi->vectors, &vectors);
	if (r)
		return error_set(err, r, "device %s: MSI", vp->device.host.bdf);
	msi->present = true;
	return 0;
}

int vfio_msi_add(struct vfio_pci *vp, const uint8_t *config, unsigned offset)
{
	const struct vfio_msi *msi = &vp->msi;
	struct pci_device *pci = &vp->pci;
	uint32_t all = UINT32_MAX >> (NR_MAX - msi->vectors.irqs.guest.nr_vectors);
	int r;

	if (!msi->present || offset != msi->cap)
		return 0;
	r = pci_device_add_capability(pci, PCI_CAP_ID_MSI, offset, NULL, cap_size(msi));
	if (r < 0) {
		vfio_msi_destroy(vp);
		return r;
	}
	put_le(pci->data + offset + PCI_MSI_FLAGS, 2,
	       get_le(config + offset + PCI_MSI_FLAGS, 2) & FLAGS_SHOWN);
	put_le(pci->wmask + offset + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
	put_le(pci->wmask + offset + PCI_MSI_ADDRESS_LO, 4, ~3U);
	if (msi->wide)
		put_le(pci->wmask + offset + PCI_MSI_ADDRESS_HI, 4, UINT32_MAX);
	put_le(pci->wmask + data_offset(msi), 2, UINT16_MAX);
	if (msi->maskable) {
		put_le(pci->wmask + mask_offset(msi), 4, all);
		put_le(pci->live + pending_offset(msi), 4, all);
	}
	return r;
}

bool vfio_msi_has_pending(const struct vfio_pci *vp, unsigned offset)
{
	const struct vfio_msi *msi = &vp->msi;

	return msi->present && msi->maskable && (offset & ~3U) == pending_offset(msi);
}

uint32_t vfio_msi_read_pending(struct vfio_pci *vp, unsigned offset, unsigned size)
{
	uint8_t device[4];

	if (vfio_device_read(&vp->device, VFIO_PCI_CONFIG_REGION_INDEX, offset, device, size))
		memset(device, 0, sizeof(device));
	return (uint32_t)(get_le(device, size) |
			  pci_msix_pba_read(&vp->msi.vectors.irqs.guest, offset & 3, size));
}

/* Of the enabled vectors each has the message with its number in the lowest bits; the others can send none. */
static void set_vectors(struct vfio_pci *vp, unsigned nr)
{
	struct vfio_msi *msi = &vp->msi;
	struct msi_message msg = { .address = read_address(vp) };
	uint32_t data = (uint32_t)get_le(vp->pci.data + data_offset(msi), 2) & ~(nr - 1);
	uint32_t mask = msi->maskable ? (uint32_t)get_le(vp->pci.data + mask_offset(msi), 4) : 0;

	for (unsigned i = 0; i < msi->vectors.irqs.guest.nr_vectors; i++) {
		msg.data = data | i;
		pci_msix_set_vector(&msi->vectors.irqs.guest, i, &msg, i >= nr || mask >> i & 1);
	}
}

bool vfio_msi_enabled(const struct vfio_pci *vp)
{
	return vp->msi.present && read_flags(vp) & PCI_MSI_FLAGS_ENABLE;
}

void vfio_msi_update(struct vfio_pci *vp, bool enable)
{
	struct vfio_vectors *vectors = &vp->msi.vectors;
	unsigned nr;

	if (!vp->msi.present)
		return;
	nr = decode_count((read_flags(vp) & PCI_MSI_FLAGS_QSIZE) >> 4);
	if (nr > vectors->irqs.guest.nr_vectors)
		nr = vectors->irqs.guest.nr_vectors;
	/* VFIO cannot change how many there are while they are on. */
	if (!enable || nr != vectors->nr_initial)
		pci_msix_set_control(&vectors->irqs.guest, 0);
	if (!enable)
		return;
	vectors->nr_initial = nr;
	set_vectors(vp, nr);
	pci_msix_set_control(&vectors->irqs.guest, PCI_MSIX_FLAGS_ENABLE);
}

void vfio_msi_destroy(struct vfio_pci *vp)
{
	vfio_vectors_destroy(&vp->msi.vectors);
	vp->msi.present = false;
}
