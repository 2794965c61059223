/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vfio_fixture.h"

#include <stdio.h>
#include <string.h>

#define BDF (1U << 3)

static int bar_map(struct pci_device *dev, unsigned bar, uint64_t addr)
{
	return 0;
}

static void bar_unmap(struct pci_device *dev, unsigned bar, uint64_t addr)
{
}

static const struct pci_device_ops ops = {
	.config_read = vfio_config_read,
	.config_write = vfio_config_write,
	.config_written = vfio_config_written,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
};

static uint8_t *add_capability(uint8_t *config, uint8_t *next, uint8_t id, uint8_t offset)
{
	*next = offset;
	config[offset] = id;
	return config + offset + 1;
}

static uint8_t *add_more(uint8_t *config, uint8_t *next)
{
	static const struct {
		uint16_t offset, id, next;
	} extended[] = {
		{ AER_CAP, PCI_EXT_CAP_ID_ERR, ARI_CAP },
		{ ARI_CAP, PCI_EXT_CAP_ID_ARI, SRIOV_CAP },
		{ SRIOV_CAP, PCI_EXT_CAP_ID_SRIOV, REBAR_CAP },
		{ REBAR_CAP, PCI_EXT_CAP_ID_REBAR, DSN_CAP },
		{ DSN_CAP, PCI_EXT_CAP_ID_DSN, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(extended); i++)
		put_le(config + extended[i].offset, 4,
		       extended[i].id | 1U << 16 | (uint32_t)extended[i].next << 20);
	put_le(config + DSN_CAP + 4, 8, 0x0123456789abcdef);
	next = add_capability(config, next, PCI_CAP_ID_PM, PM_CAP);
	put_le(config + PM_CAP + PCI_PM_PMC, 2, 3 | PCI_PM_CAP_PME_MASK | PCI_PM_CAP_D1);
	next = add_capability(config, next, PCI_CAP_ID_VPD, VPD_CAP);
	next = add_capability(config, next, PCI_CAP_ID_VNDR, VENDOR_CAP);
	config[VENDOR_CAP + PCI_CAP_FLAGS] = 8;
	next = add_capability(config, next, PCI_CAP_ID_EXP, PCIE_CAP);
	put_le(config + PCIE_CAP + PCI_EXP_FLAGS, 2, 2);
	put_le(config + PCIE_CAP + PCI_EXP_LNKCAP, 4, 0x11111111);
	put_le(config + PCIE_CAP + PCI_EXP_DEVCAP2, 4, UINT32_MAX);
	return next;
}

static void make_config(struct fixture *f, unsigned has)
{
	uint8_t *config = fake_vfio.config, *next = config + PCI_CAPABILITY_LIST;
	struct vfio_irq *irq = f->vp.device.irq;

	put_le(config + PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	if (has & HAS_INTX) {
		config[PCI_INTERRUPT_PIN] = 1;
		irq[VFIO_PCI_INTX_IRQ_INDEX].count = 1;
	}
	if (has & HAS_MSIX) {
		*next = MSIX_CAP;
		next = config + MSIX_CAP + 1;
		config[MSIX_CAP] = PCI_CAP_ID_MSIX;
		put_le(config + MSIX_CAP + PCI_MSIX_FLAGS, 2, MSIX_VECTORS - 1);
		put_le(config + MSIX_CAP + PCI_MSIX_PBA, 4, 0x800);
		irq[VFIO_PCI_MSIX_IRQ_INDEX].count = MSIX_VECTORS;
		f->vp.device.region[0].size = 0x1000;
	}
	if (has & HAS_MSI) {
		*next = MSI_CAP;
		next = config + MSI_CAP + 1;
		config[MSI_CAP] = PCI_CAP_ID_MSI;
		/* Eight vectors; and a bit that the guest is not to see. */
		put_le(config + MSI_CAP + PCI_MSI_FLAGS, 2,
		       3U << 1 | 0x200 | (has & MSI_WIDE ? PCI_MSI_FLAGS_64BIT : 0) |
			       (has & MSI_MASK ? PCI_MSI_FLAGS_MASKBIT : 0));
		irq[VFIO_PCI_MSI_IRQ_INDEX].count = MSI_VECTORS;
		irq[VFIO_PCI_MSI_IRQ_INDEX].flags = VFIO_IRQ_INFO_NORESIZE;
		fake_vfio.loses = !(has & MSI_MASK);
	}
	if (has & HAS_MORE)
		next = add_more(config, next);
	*next = 0;
}

int fixture_init(void **state, unsigned has)
{
	static struct fixture f;
	const struct pci_bus_config windows = { .mem32 = { 0xc0000000, 0x10000000 } };
	struct vfio_pci *vp = &f.vp;

	memset(&f, 0, sizeof(f));
	*state = &f;
	fake_kvm_reset();
	fake_vfio_reset(false);
	f.vm.fd = 1;
	if (ring_init(&f.ring, 8, NULL) || irq_table_init(&f.vm.irq, f.vm.fd, NULL))
		return -1;
	irq_batch_init(&f.batch, &f.ring, &f.vm.irq);
	/* Bus Master Enable need not wait for memory to be mapped. */
	vfio_dma_init(&f.dma);
	vfio_dma_cancel(&f.dma);
	vp->vm = &f.vm;
	vp->batch = &f.batch;
	vp->dma = &f.dma;
	vp->ring = &f.ring;
	snprintf(vp->id, sizeof(vp->id), "device");
	snprintf(vp->device.host.bdf, sizeof(vp->device.host.bdf), "0000:01:00.0");
	vp->device.region[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CONFIG_SIZE;
	make_config(&f, has);
	pci_device_init(&vp->pci, &ops, vp->id);
	if (vfio_config_init(vp, NULL) || vfio_intx_start(vp, NULL) ||
	    pci_bus_init(&f.bus, &windows) || pci_bus_add(&f.bus, &vp->pci, 1, NULL))
		return -1;
	return pci_bus_assign(&f.bus, NULL);
}

int fixture_destroy(void **state)
{
	struct fixture *f = *state;
	bool is_clean;

	vfio_interrupts_destroy(&f->vp);
	is_clean = fake_kvm.nr_attach == fake_kvm.nr_detach && !fake_kvm.nr_unrouted &&
		   !fake_vfio.enabled && !fake_vfio.intx_enabled;
	pci_bus_destroy(&f->bus);
	ring_destroy(&f->ring);
	irq_table_destroy(&f->vm.irq);
	return is_clean ? 0 : -1;
}

uint32_t guest_read(struct fixture *f, unsigned offset, unsigned size)
{
	return pci_config_read(&f->bus, BDF, offset, size);
}

void guest_write(struct fixture *f, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(&f->bus, BDF, offset, size, value);
}

void set_command(struct fixture *f, uint16_t command)
{
	guest_write(f, PCI_COMMAND, 2, command);
}

void settle(struct fixture *f)
{
	do
		fake_ring_settle(&f->ring);
	while (fake_ring_expire(&f->ring));
}

void set_msix(struct fixture *f, uint16_t control)
{
	guest_write(f, MSIX_CAP + PCI_MSIX_FLAGS, 2, control);
}
