/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pci/pci.h"

#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/pci/bar.h"

#define MIN_SIZE_IO  4
#define MIN_SIZE_MEM 16
#define MIN_SIZE_ROM 2048
#define MAX_SIZE_32  (2 * GIB) /* at least one address bit is writable */

/* PCI Express 5.0, 7.5.1.1.3; the other bits are 0 in every function. */
#define COMMAND_WRITABLE                                                                 \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | \
	 PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

void pci_device_init(struct pci_device *dev, const struct pci_device_ops *ops, const char *name)
{
	*dev = (struct pci_device){ .ops = ops, .name = name };
	put_le(dev->wmask + PCI_COMMAND, 2, COMMAND_WRITABLE);
	dev->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	dev->wmask[PCI_INTERRUPT_LINE] = 0xff;
}

static bool bar_is_valid(const struct pci_device *dev, unsigned i, const struct pci_bar *desc)
{
	if (i > PCI_ROM_BAR || dev->bar[i].kind != PCI_BAR_NONE || !is_pow2(desc->size))
		return false;
	if (i == PCI_ROM_BAR)
		return desc->kind == PCI_BAR_MEM32 && desc->size >= MIN_SIZE_ROM &&
		       desc->size <= MAX_SIZE_32;
	if (i && dev->bar[i - 1].kind == PCI_BAR_MEM64)
		return false;
	switch (desc->kind) {
	case PCI_BAR_IO:
		return desc->size >= MIN_SIZE_IO && desc->size <= MAX_SIZE_32;
	case PCI_BAR_MEM32:
		return desc->size >= MIN_SIZE_MEM && desc->size <= MAX_SIZE_32;
	case PCI_BAR_MEM64:
		return desc->size >= MIN_SIZE_MEM && i + 1 < PCI_NR_BARS &&
		       dev->bar[i + 1].kind == PCI_BAR_NONE;
	case PCI_BAR_NONE:
		break;
	}
	return false;
}

int pci_device_set_bar(struct pci_device *dev, unsigned bar, const struct pci_bar *desc)
{
	if (!bar_is_valid(dev, bar, desc))
		return -EINVAL;
	dev->bar[bar] = (struct pci_bar){
		.kind = desc->kind,
		.prefetchable = desc->prefetchable,
		.size = desc->size,
	};
	pci_bar_init_registers(dev);
	return 0;
}
