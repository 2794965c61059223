/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/kvm/layout.h"
#include "vfio/pci.h"

/*
 * The line's way: the device asserts INTx, VFIO masks it and signals trigger_fd, KVM asserts the I/O APIC's pin; at the
 * guest's EOI KVM drops the pin and signals unmask_fd, VFIO unmasks INTx and signals again if it is still asserted.
 * Devices that share a pin are resampled each for itself, and what irq_share_line() asserts stays.
 */

#define NR_PINS 4

/* By the _PRT of the guest's root buses. */
static int intx_gsi(const struct vfio_pci *vp)
{
	return (int)(LAYOUT_GSI_PCI_INTX + (vp->pci.slot + vp->intx.pin - 1U) % NR_PINS);
}

static int host_enable(struct vfio_pci *vp)
{
	struct vfio_intx *intx = &vp->intx;
	int r;

	if (intx->host_enabled)
		return 0;
	/* Of the time before; what the device still asserts is signalled anew. */
	fd_eventfd_drain(intx->trigger_fd);
	fd_eventfd_drain(intx->unmask_fd);
	intx->nr_set_irqs++;
	r = vfio_device_set_irqs(&vp->device, VFIO_PCI_INTX_IRQ_INDEX, 0, &intx->trigger_fd, 1);
	if (r)
		return r;
	intx->host_enabled = true;
	intx->nr_set_irqs++;
	r = vfio_device_set_intx_unmask(&vp->device, intx->unmask_fd);
	if (r)
		vfio_intx_disable(vp);
	return r;
}

void vfio_intx_disable(struct vfio_pci *vp)
{
	struct vfio_intx *intx = &vp->intx;
	int r;

	/* First, as nobody on the host would answer the line any more; others there may share it. */
	vfio_config_mask_intx(vp, true);
	if (intx->attached)
		irq_detach(&vp->vm->irq, intx->gsi, intx->trigger_fd);
	intx->attached = false;
	if (!intx->host_enabled)
		return;
	r = vfio_device_disable_irqs(&vp->device, VFIO_PCI_INTX_IRQ_INDEX);
	intx->nr_set_irqs++;
	intx->host_enabled = r != 0;
	if (r)
		log_error("%s: INTx cannot be switched off: %s", vp->id, strerror(-r));
}

void vfio_intx_enable(struct vfio_pci *vp)
{
	struct vfio_intx *intx = &vp->intx;
	uint16_t command = (uint16_t)get_le(vp->pci.data + PCI_COMMAND, 2);
	int r;

	if (!intx->pin)
		return;
	r = host_enable(vp);
	if (!r && !intx->attached) {
		intx->gsi = intx_gsi(vp);
		r = irq_attach_level(&vp->vm->irq, intx->gsi, intx->trigger_fd, intx->unmask_fd);
		intx->attached = !r;
	}
	if (!r)
		vfio_config_mask_intx(vp, command & PCI_COMMAND_INTX_DISABLE);
	/* The guest's next write to a register tries again. */
	else if (!intx->failed)
		log_error("%s: INTx does not reach the guest: %s", vp->id, strerror(-r));
	intx->failed = r != 0;
}

void vfio_intx_init(struct vfio_pci *vp, const uint8_t *config)
{
	uint8_t pin = config[PCI_INTERRUPT_PIN];

	vp->intx = (struct vfio_intx){ .trigger_fd = -1, .unmask_fd = -1 };
	if (vp->device.irq[VFIO_PCI_INTX_IRQ_INDEX].count && pin <= NR_PINS)
		vp->intx.pin = pin;
	vp->pci.data[PCI_INTERRUPT_PIN] = vp->intx.pin;
}

static int start(struct vfio_pci *vp, struct error *err)
{
	struct vfio_intx *intx = &vp->intx;
	int r;

	if (!vp->vm->irq.can_resample)
		return error_set(err, -EOPNOTSUPP, "KVM_CAP_IRQFD_RESAMPLE");
	intx->trigger_fd = fd_eventfd();
	if (intx->trigger_fd < 0)
		return error_set(err, intx->trigger_fd, "eventfd");
	intx->unmask_fd = fd_eventfd();
	if (intx->unmask_fd < 0)
		return error_set(err, intx->unmask_fd, "eventfd");
	r = host_enable(vp);
	if (!r)
		return 0;
	error_set(err, r, "VFIO_DEVICE_SET_IRQS");
	if (r == -EBUSY)
		error_remedy(err, "the device cannot share its interrupt line on the host; find in "
				  "/proc/interrupts which driver has the line and unbind that");
	return r;
}

int vfio_intx_start(struct vfio_pci *vp, struct error *err)
{
	bool has_other = vp->msix.present || vp->msi.present;
	int r;

	if (!vp->intx.pin)
		return 0;
	r = start(vp, has_other ? NULL : err);
	if (!r)
		return 0;
	vfio_intx_destroy(vp);
	if (!has_other)
		return error_set(err, r, "device %s: INTx", vp->device.host.bdf);
	log_info("%s: the guest is offered no INTx, only messages: %s", vp->id, strerror(-r));
	return 0;
}

void vfio_intx_destroy(struct vfio_pci *vp)
{
	vfio_intx_disable(vp);
	fd_close(&vp->intx.trigger_fd);
	fd_close(&vp->intx.unmask_fd);
	vp->intx.pin = 0;
	vp->pci.data[PCI_INTERRUPT_PIN] = 0;
}
