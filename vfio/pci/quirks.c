/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pci/quirks.h"

#include <linux/pci_regs.h>

#include "core/base/bits.h"

/* Facts from QEMU's hw/vfio/pci.c and pci-quirks.c. The last one is every other device's. */
static const struct vfio_quirk quirks[] = {
	/* Chelsio T5 virtual functions: say 0x8000 of a BAR of 8 KiB. */
	{ 0x1425, 0x5800, 0xff00, .pba_offset = 0x1000 },
	/* Baidu Kunlun virtual functions: say 0x460000 of a BAR of 64 KiB. */
	{ 0x1d22, 0x3684, 0xffff, .pba_offset = 0xb400 },
	/* Broadcom BCM57810. */
	{ 0x14e4, 0x168e, 0xffff, .rom_hangs = true },
	{ 0 },
};

const struct vfio_quirk *vfio_quirk_find(const uint8_t *config)
{
	uint16_t vendor = (uint16_t)get_le(config + PCI_VENDOR_ID, 2);
	uint16_t device = (uint16_t)get_le(config + PCI_DEVICE_ID, 2);
	const struct vfio_quirk *quirk = quirks;

	while (quirk->vendor &&
	       (quirk->vendor != vendor || quirk->device != (device & quirk->device_mask)))
		quirk++;
	return quirk;
}
