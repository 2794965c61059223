/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/kvm/layout.h"
#include "vfio/pci/pci.h"

/*
 * The line's way: the device asserts INTx, VFIO masks it and signals trigger_fd, KVM asserts the I/O APIC's pin; at the
 * guest's EOI KVM drops the pin and signals unmask_fd, VFIO unmasks INTx and signals again if it is still asserted.
 * Devices that share a pin are resampled each for itself, and what irq_share_line() asserts stays.
 */

#define NR_PINS 4

/*
 * A driver that is to use MSI-X switches it off and on while it starts, and decoding on before either. The host's INTx
 * costs three calls to have and be rid of, so where there is a choice it waits until the guest has stayed with it. The
 * line is level-triggered: what the device asserts meanwhile comes late, once, and is not lost.
 */
#define SETTLE_NS 100000000ULL
#define BUSY_NS	  10000000ULL

/* By the _PRT of the guest's root buses. */
static int intx_gsi(const struct vfio_pci *vp)
{
	return (int)(LAYOUT_GSI_PCI_INTX + (vp->pci.slot + vp->intx.pin - 1U) % NR_PINS);
}

static int set_trigger(struct vfio_pci *vp)
{
	struct vfio_intx *intx = &vp->intx;
	int r;

	/* Of the time before; what the device still asserts is signalled anew. */
	fd_eventfd_drain(intx->trigger_fd);
	fd_eventfd_drain(intx->unmask_fd);
	intx->nr_set_irqs++;
	r = vfio_device_set_irqs(&vp->device, VFIO_PCI_INTX_IRQ_INDEX, 0, &intx->trigger_fd, 1);
	intx->host_enabled = !r;
	return r;
}

static int host_enable(struct vfio_pci *vp)
{
	struct vfio_intx *intx = &vp->intx;
	int r = set_trigger(vp);

	if (r)
		return r;
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

	intx->wanted = false;
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
		log_guest_error("%s: INTx cannot be switched off: %s", vp->id, strerror(-r));
}

/* A function that decodes nothing cannot be told to do anything, so it has nothing to say. */
static bool is_wanted(const struct vfio_pci *vp)
{
	uint64_t command = get_le(vp->pci.data + PCI_COMMAND, 2);

	return command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY) &&
	       !(command & PCI_COMMAND_INTX_DISABLE);
}

/* With the bus's lock, on the main thread. */
static void enable(struct vfio_pci *vp)
{
	struct vfio_intx *intx = &vp->intx;
	int r = intx->host_enabled ? 0 : host_enable(vp);

	if (!r) {
		intx->gsi = intx_gsi(vp);
		r = irq_attach_level(&vp->vm->irq, intx->gsi, intx->trigger_fd, intx->unmask_fd);
		intx->attached = !r;
	}
	if (!r)
		vfio_config_mask_intx(vp, false);
	/* The guest's next write to a register tries again. */
	else if (!intx->failed)
		log_guest_error("%s: INTx does not reach the guest: %s", vp->id, strerror(-r));
	intx->failed = r != 0;
}

static void settled(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct vfio_pci *vp = container_of(op, struct vfio_pci, intx.timer);
	struct pci_bus *bus = vp->pci.bus;

	/* Off its bus, the guest does not reach the device any more. */
	if (res == -ECANCELED || !bus)
		return;
	/* A vCPU may hold it until guest memory is mapped for DMA, which this thread must not wait for. */
	if (pthread_mutex_trylock(&bus->lock)) {
		ring_timeout(vp->ring, op, BUSY_NS);
		return;
	}
	vp->intx.settling = false;
	if (vp->intx.wanted && !vp->intx.attached)
		enable(vp);
	pthread_mutex_unlock(&bus->lock);
}

static void start_timer(struct ring_work *work)
{
	struct vfio_pci *vp = container_of(work, struct vfio_pci, intx.work);
	bool has_choice = vp->msix.present || vp->msi.present;

	ring_timeout(vp->ring, &vp->intx.timer, has_choice ? SETTLE_NS : 0);
}

void vfio_intx_update(struct vfio_pci *vp)
{
	struct vfio_intx *intx = &vp->intx;

	if (!intx->pin)
		return;
	intx->wanted = is_wanted(vp);
	if (intx->attached) {
		vfio_config_mask_intx(vp, !intx->wanted);
	} else if (intx->wanted && !intx->settling) {
		intx->settling = true;
		ring_post(vp->ring, &intx->work);
	}
}

void vfio_intx_init(struct vfio_pci *vp, const uint8_t *config)
{
	uint8_t pin = config[PCI_INTERRUPT_PIN];

	vp->intx = (struct vfio_intx){
		.trigger_fd = -1,
		.unmask_fd = -1,
		.work.run = start_timer,
		.timer.done = settled,
	};
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
	r = set_trigger(vp);
	vfio_intx_disable(vp);
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
	/* What the guest's last write posted; no other comes. */
	if (vp->intx.work.queued)
		ring_drain_posted(vp->ring);
	ring_cancel(vp->ring, &vp->intx.timer);
	ring_wait(vp->ring, &vp->intx.timer);
	fd_close(&vp->intx.trigger_fd);
	fd_close(&vp->intx.unmask_fd);
	vp->intx.pin = 0;
	vp->pci.data[PCI_INTERRUPT_PIN] = 0;
}
