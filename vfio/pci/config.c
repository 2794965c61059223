/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "vfio/pci/pci.h"

/* Command bits that reach the device; decoding is the guest's own affair, see host_command(). */
#define COMMAND_LIVE (PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR)
/* What the guest reads in the device, and error bits it clears there. */
#define STATUS_LIVE                                                                                \
	(PCI_STATUS_INTERRUPT | PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |                  \
	 PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR | \
	 PCI_STATUS_DETECTED_PARITY)

/* A version 2 PCI Express capability of an integrated endpoint ends with Device Control 2 and Status 2. */
#define PCIE_CAP_SIZE 0x2c

static void set16(uint8_t *table, unsigned offset, uint16_t value)
{
	put_le(table + offset, 2, value);
}

static int read_config(struct vfio_pci *vp, uint8_t *config, unsigned *size, struct error *err)
{
	uint64_t have = vp->device.region[VFIO_PCI_CONFIG_REGION_INDEX].size;
	int r;

	*size = have < PCI_CONFIG_SIZE ? 256 : PCI_CONFIG_SIZE;
	r = have < 256
		    ? -EIO
		    : vfio_device_read(&vp->device, VFIO_PCI_CONFIG_REGION_INDEX, 0, config, *size);
	return r ? error_set(err, r, "device %s: configuration space", vp->device.host.bdf) : 0;
}

/* Identification: as it is, never to be changed. */
static void init_header(struct vfio_pci *vp, const uint8_t *config)
{
	struct pci_device *pci = &vp->pci;

	memcpy(pci->data, config, PCI_COMMAND);
	memcpy(pci->data + PCI_CLASS_REVISION, config + PCI_CLASS_REVISION, 4);
	memcpy(pci->data + PCI_SUBSYSTEM_VENDOR_ID, config + PCI_SUBSYSTEM_VENDOR_ID, 4);
	pci->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	pci->wmask[PCI_INTERRUPT_LINE] = 0xff;
	set16(pci->live, PCI_COMMAND, COMMAND_LIVE);
	set16(pci->live, PCI_STATUS, STATUS_LIVE);
	set16(pci->data, PCI_STATUS,
	      (uint16_t)get_le(config + PCI_STATUS, 2) &
		      (PCI_STATUS_66MHZ | PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MASK));
}

static int init_bars(struct vfio_pci *vp, const uint8_t *config, struct error *err)
{
	for (unsigned i = 0; i < PCI_NR_BARS; i++) {
		uint32_t reg = (uint32_t)get_le(config + PCI_BASE_ADDRESS_0 + i * 4, 4);
		uint64_t size = vp->device.region[i].size;
		struct pci_bar bar = { .size = size };
		bool wide = false;

		if (!size)
			continue;
		if (reg & PCI_BASE_ADDRESS_SPACE_IO) {
			bar.kind = PCI_BAR_IO;
		} else {
			wide = reg & PCI_BASE_ADDRESS_MEM_TYPE_64;
			bar.kind = wide ? PCI_BAR_MEM64 : PCI_BAR_MEM32;
			bar.prefetchable = reg & PCI_BASE_ADDRESS_MEM_PREFETCH;
		}
		if (pci_device_set_bar(&vp->pci, i, &bar)) {
			error_set(err, -EINVAL, "device %s: BAR %u", vp->device.host.bdf, i);
			return error_reason(err, "impossible size %llu", (unsigned long long)size);
		}
		i += wide;
	}
	return 0;
}

static int add_capability(struct vfio_pci *vp, const uint8_t *config, unsigned offset,
			  unsigned size)
{
	return pci_device_add_capability(&vp->pci, config[offset], offset, config + offset + 2,
					 size);
}

/*
 * Power management: the guest may ask for a state and reads it back, but the device stays in D0, where its BARs answer.
 * No PME: nothing would deliver it.
 */
static int add_pm(struct vfio_pci *vp, const uint8_t *config, unsigned offset)
{
	struct pci_device *pci = &vp->pci;
	int r = add_capability(vp, config, offset, PCI_PM_SIZEOF);

	if (r < 0)
		return r;
	set16(pci->data, offset + PCI_PM_PMC,
	      (uint16_t)get_le(config + offset + PCI_PM_PMC, 2) &
		      (PCI_PM_CAP_VER_MASK | PCI_PM_CAP_DSI | PCI_PM_CAP_D1 | PCI_PM_CAP_D2));
	/* The device is not reset by a return to D0, since it never left it. */
	memset(pci->data + offset + PCI_PM_CTRL, 0, 4);
	set16(pci->data, offset + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	set16(pci->wmask, offset + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
	return 0;
}

/*
 * PCI Express: on the guest's root bus the function has no link, so it is an integrated endpoint there, as PCI Express
 * 5.0, 7.5.3.2 wants it. Device control is the device's own, FLR included; link and slot registers read 0.
 */
static int add_pcie(struct vfio_pci *vp, const uint8_t *config, unsigned offset)
{
	struct pci_device *pci = &vp->pci;
	uint16_t flags = (uint16_t)get_le(config + offset + PCI_EXP_FLAGS, 2);
	uint32_t cap2 = (uint32_t)get_le(config + offset + PCI_EXP_DEVCAP2, 4);
	unsigned size = (flags & PCI_EXP_FLAGS_VERS) >= 2 ? PCIE_CAP_SIZE : PCI_EXP_LNKCAP;
	int r = add_capability(vp, config, offset, size);

	if (r < 0)
		return r;
	flags &= PCI_EXP_FLAGS_VERS;
	set16(pci->data, offset + PCI_EXP_FLAGS, flags | (uint16_t)(PCI_EXP_TYPE_RC_END << 4));
	set16(pci->data, offset + PCI_EXP_DEVCTL, 0);
	set16(pci->data, offset + PCI_EXP_DEVSTA, 0);
	set16(pci->live, offset + PCI_EXP_DEVCTL, 0xffff);
	set16(pci->live, offset + PCI_EXP_DEVSTA, 0x003f);
	if (size == PCI_EXP_LNKCAP)
		return 0;
	memset(pci->data + offset + PCI_EXP_LNKCAP, 0, PCI_EXP_DEVCAP2 - PCI_EXP_LNKCAP);
	/* Completion timeout only: no LTR, OBFF, ARI, atomics or prefixes across a root port that is not there. */
	put_le(pci->data + offset + PCI_EXP_DEVCAP2, 4,
	       cap2 & (PCI_EXP_DEVCAP2_COMP_TMOUT_DIS | 0xf));
	memset(pci->data + offset + PCI_EXP_DEVCTL2, 0, PCIE_CAP_SIZE - PCI_EXP_DEVCTL2);
	set16(pci->live, offset + PCI_EXP_DEVCTL2, 0x1f);
	return 0;
}

static int add_msix(struct vfio_pci *vp, const uint8_t *config, unsigned offset)
{
	struct pci_device *pci = &vp->pci;
	int r;

	if (!vp->msix.present || offset != vp->msix.cap)
		return 0;
	r = add_capability(vp, config, offset, PCI_CAP_MSIX_SIZEOF);
	if (r < 0)
		return r;
	set16(pci->data, offset + PCI_MSIX_FLAGS,
	      (uint16_t)get_le(config + offset + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE);
	set16(pci->wmask, offset + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	/* Where they are, if the device is mistaken about it. */
	put_le(pci->data + offset + PCI_MSIX_PBA, 4, vp->msix.pba_offset | vp->msix.pba_bar);
	return 0;
}

/* What is in it only the device and its driver know; it cannot lead outside the device. */
static int add_vendor(struct vfio_pci *vp, const uint8_t *config, unsigned offset)
{
	unsigned size = config[offset + PCI_CAP_FLAGS];
	int r;

	if (size < 3 || !range_fits(offset, size, 256))
		return 0;
	r = add_capability(vp, config, offset, size);
	if (r >= 0)
		memset(vp->pci.live + offset + 3, 0xff, size - 3);
	return r;
}

static int add_vpd(struct vfio_pci *vp, const uint8_t *config, unsigned offset)
{
	int r = add_capability(vp, config, offset, PCI_CAP_VPD_SIZEOF);

	if (r >= 0)
		memset(vp->pci.live + offset + PCI_VPD_ADDR, 0xff, 6);
	return r;
}

/* The capabilities that torc understands; a guest does not see any other. */
static const struct {
	uint8_t id;
	int (*add)(struct vfio_pci *vp, const uint8_t *config, unsigned offset);
} capabilities[] = {
	{ PCI_CAP_ID_PM, add_pm },	 { PCI_CAP_ID_EXP, add_pcie },
	{ PCI_CAP_ID_MSIX, add_msix },	 { PCI_CAP_ID_MSI, vfio_msi_add },
	{ PCI_CAP_ID_VNDR, add_vendor }, { PCI_CAP_ID_VPD, add_vpd },
};

static int add_known(struct vfio_pci *vp, const uint8_t *config, unsigned offset)
{
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++) {
		if (capabilities[i].id == config[offset])
			return capabilities[i].add(vp, config, offset);
	}
	return 0;
}

/* In the order in which the device has them. */
static int init_capabilities(struct vfio_pci *vp, const uint8_t *config, struct error *err)
{
	unsigned offset = 0;

	while ((offset = pci_find_capability(config, 256, PCI_ANY_CAPABILITY, offset))) {
		uint8_t id = config[offset];
		int r = add_known(vp, config, offset);

		/* A driver does without the others when they overlap on an odd device. */
		if (r < 0 && id != PCI_CAP_ID_EXP && id != PCI_CAP_ID_MSIX)
			log_warning("%s: capability 0x%x at 0x%x is malformed, hidden", vp->id, id,
				    offset);
		else if (r < 0)
			return error_set(err, r, "device %s: capability 0x%x at 0x%x",
					 vp->device.host.bdf, id, offset);
	}
	return 0;
}

/* Extended capabilities: the serial number. A null header at 0x100 ends an otherwise empty list. */
static void init_ext_capabilities(struct vfio_pci *vp, const uint8_t *config, unsigned size)
{
	unsigned offset = pci_find_ext_capability(config, size, PCI_EXT_CAP_ID_DSN, 0);

	if (!offset || !range_fits(offset, PCI_EXT_CAP_DSN_SIZEOF, size))
		return;
	memcpy(vp->pci.data + offset, config + offset, PCI_EXT_CAP_DSN_SIZEOF);
	put_le(vp->pci.data + offset, 4, PCI_EXT_CAP_ID_DSN | 1U << 16);
	if (offset != PCI_CFG_SPACE_SIZE)
		put_le(vp->pci.data + PCI_CFG_SPACE_SIZE, 4, offset << 20);
}

/* The device decodes all the time, so that its mappings stay; whether the guest reaches them, bar_map() decides. */
static int write_command(struct vfio_pci *vp)
{
	uint8_t data[2];

	put_le(data, 2, vp->command);
	return vfio_device_write(&vp->device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, data, 2);
}

void vfio_config_mask_intx(struct vfio_pci *vp, bool masked)
{
	uint16_t old = vp->command;

	vp->command &= (uint16_t)~PCI_COMMAND_INTX_DISABLE;
	vp->command |= masked ? PCI_COMMAND_INTX_DISABLE : 0;
	if (vp->command != old && write_command(vp))
		log_guest_error("%s: command register cannot be written", vp->id);
}

void vfio_config_reset(struct vfio_pci *vp)
{
	vp->command = PCI_COMMAND_INTX_DISABLE;
	for (unsigned i = 0; i < PCI_NR_BARS; i++) {
		if (vp->pci.bar[i].kind == PCI_BAR_IO)
			vp->command |= PCI_COMMAND_IO;
		else if (vp->pci.bar[i].kind != PCI_BAR_NONE)
			vp->command |= PCI_COMMAND_MEMORY;
	}
	if (write_command(vp))
		log_guest_error("%s: command register cannot be written", vp->id);
}

int vfio_config_init(struct vfio_pci *vp, struct error *err)
{
	uint8_t *config = calloc(1, PCI_CONFIG_SIZE);
	unsigned size;
	int r;

	if (!config)
		return error_set(err, -ENOMEM, "device %s", vp->device.host.bdf);
	r = read_config(vp, config, &size, err);
	if (r)
		goto out;
	init_header(vp, config);
	vfio_intx_init(vp, config);
	r = init_bars(vp, config, err);
	if (r)
		goto out;
	r = vfio_msix_init(vp, config, size, err);
	if (r)
		goto out;
	r = vfio_msi_init(vp, config, size, err);
	if (!r)
		r = init_capabilities(vp, config, err);
	if (r) {
		vfio_interrupts_destroy(vp);
		goto out;
	}
	init_ext_capabilities(vp, config, size);
	vfio_config_reset(vp);
out:
	free(config);
	return r;
}

uint32_t vfio_config_read(struct pci_device *dev, unsigned offset, unsigned size)
{
	struct vfio_pci *vp = container_of(dev, struct vfio_pci, pci);
	uint8_t data[4];

	if (vfio_msi_has_pending(vp, offset))
		return vfio_msi_read_pending(vp, offset, size);
	vfio_device_read(&vp->device, VFIO_PCI_CONFIG_REGION_INDEX, offset, data, size);
	return (uint32_t)get_le(data, size);
}

/* Without the bytes around the live ones: they are the host's, as some of what controls PCI Express is. */
static void write_live(struct vfio_pci *vp, unsigned offset, unsigned size, uint32_t value,
		       uint32_t mask)
{
	uint8_t data[4];

	for (; size && !(mask & 0xff); size--) {
		offset++;
		value >>= 8;
		mask >>= 8;
	}
	while (size && !(mask >> (size - 1) * 8 & 0xff))
		size--;
	put_le(data, size, value & mask);
	if (size)
		vfio_device_write(&vp->device, VFIO_PCI_CONFIG_REGION_INDEX, offset, data, size);
}

void vfio_config_write(struct pci_device *dev, unsigned offset, unsigned size, uint32_t value,
		       uint32_t mask)
{
	struct vfio_pci *vp = container_of(dev, struct vfio_pci, pci);

	if (vfio_msi_has_pending(vp, offset))
		return; /* read-only */
	/* Live bits begin or end at byte boundaries except in the command and status registers. */
	if (offset <= PCI_COMMAND + 1 && offset + size > PCI_COMMAND) {
		uint32_t shift = (offset - PCI_COMMAND) * 8;
		uint16_t live = (uint16_t)(mask << shift) & COMMAND_LIVE;

		/* Until guest memory is mapped for it, the device must not reach for it. */
		if (value << shift & live & PCI_COMMAND_MASTER && vfio_dma_wait(vp->dma))
			value &= ~((uint32_t)PCI_COMMAND_MASTER >> shift);
		vp->command = (uint16_t)((vp->command & ~live) | ((value << shift) & live));
		write_command(vp);
		if (size < 4)
			return;
		/* The rest of the dword is the status register: write ones to clear. */
		offset += 2;
		size -= 2;
		value >>= 16;
		mask >>= 16;
	}
	write_live(vp, offset, size, value, mask);
}

void vfio_config_written(struct pci_device *dev, unsigned offset, unsigned size)
{
	vfio_interrupts_update(container_of(dev, struct vfio_pci, pci));
}
