/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "vfio/pci.h"

static int set_irqs(struct vfio_pci *vp, unsigned start, const int32_t *fds, unsigned nr)
{
	vp->msix.nr_set_irqs++;
	return vfio_device_set_irqs(&vp->device, VFIO_PCI_MSIX_IRQ_INDEX, start, fds, nr);
}

/* An interrupt that was signalled but not delivered, because the vector is masked. */
static bool op_pending(void *opaque, unsigned vector)
{
	struct vfio_pci *vp = opaque;

	return irq_vector_pending(&vp->msix.vector[vector].irq);
}

static void attach(struct vfio_pci *vp, unsigned vector)
{
	int r = irq_vector_attach(&vp->msix.vector[vector].irq, &vp->vm->irq);

	if (r)
		log_error("%s: vector %u: KVM_IRQFD: %s", vp->id, vector, strerror(-r));
}

static void op_enable(void *opaque, unsigned vector, const struct msi_message *msg)
{
	struct vfio_pci *vp = opaque;
	struct vfio_vector *v = &vp->msix.vector[vector];
	int r = irq_vector_take(&v->irq, &vp->vm->irq);
	bool changed;

	if (r) {
		log_error("%s: vector %u: no eventfd or GSI: %s", vp->id, vector, strerror(-r));
		return;
	}
	changed = irq_set_msi(&vp->vm->irq, v->irq.gsi, msg->address, msg->data);
	/* The route before the wish: vfio_msix_attach() relies on that order. */
	v->irq.wanted = true;
	if (v->armed && !changed && irq_committed(&vp->vm->irq)) {
		attach(vp, vector);
		return;
	}
	irq_batch_changed(vp->batch);
}

static void op_disable(void *opaque, unsigned vector)
{
	struct vfio_pci *vp = opaque;
	struct irq_vector *v = &vp->msix.vector[vector].irq;

	v->wanted = false;
	irq_vector_detach(v, &vp->vm->irq);
}

/*
 * On: the device must stop to use INTx at once and keep what is pending, though no vector is wanted yet. VFIO wants at
 * least one vector for that: it gets the first without an eventfd.
 */
static void host_enable(struct vfio_pci *vp)
{
	int32_t none = -1;
	int r = set_irqs(vp, 0, &none, 1);

	if (r)
		log_error("%s: enable MSI-X: %s", vp->id, strerror(-r));
	vp->msix.host_enabled = !r;
	vp->msix.nr_host = 1;
}

static void host_disable(struct vfio_pci *vp)
{
	struct vfio_msix *msix = &vp->msix;

	if (msix->host_enabled) {
		vfio_device_disable_irqs(&vp->device, VFIO_PCI_MSIX_IRQ_INDEX);
		msix->nr_set_irqs++;
	}
	msix->host_enabled = false;
	for (unsigned i = 0; i < msix->guest.nr_vectors; i++) {
		irq_vector_release(&msix->vector[i].irq, &vp->vm->irq);
		msix->vector[i].armed = false;
	}
}

static void op_switched(void *opaque, bool enabled)
{
	struct vfio_pci *vp = opaque;

	if (enabled)
		host_enable(vp);
	else
		host_disable(vp);
}

static const struct pci_msix_ops msix_ops = {
	.enable = op_enable,
	.disable = op_disable,
	.pending = op_pending,
	.switched = op_switched,
};

/* Vectors that want an eventfd in VFIO, run by run: one call for each run of neighbours. */
static void arm_dynamic(struct vfio_pci *vp)
{
	struct vfio_msix *msix = &vp->msix;
	unsigned nr = msix->guest.nr_vectors;
	int32_t fds[64];

	for (unsigned start = 0, n; start < nr; start += n ? n : 1) {
		int r;

		n = 0;
		while (start + n < nr && n < ARRAY_SIZE(fds) &&
		       msix->vector[start + n].irq.wanted && !msix->vector[start + n].armed) {
			fds[n] = msix->vector[start + n].irq.fd;
			n++;
		}
		if (!n)
			continue;
		r = set_irqs(vp, start, fds, n);
		if (r)
			log_error("%s: vectors %u to %u: VFIO_DEVICE_SET_IRQS: %s", vp->id, start,
				  start + n - 1, strerror(-r));
		for (unsigned i = 0; i < n; i++)
			msix->vector[start + i].armed = !r;
	}
}

/*
 * Kernels before 6.6 cannot add vectors while MSI-X is on: switch it off and on with more. What was signalled in between
 * is lost, so signal every vector once; a driver takes a spurious MSI in its stride.
 */
static int grow(struct vfio_pci *vp, unsigned nr)
{
	struct vfio_msix *msix = &vp->msix;
	int32_t *fds = calloc(nr, sizeof(*fds));
	unsigned given;
	int r;

	if (!fds)
		return -ENOMEM;
	for (unsigned i = 0; i < nr; i++)
		fds[i] = msix->vector[i].irq.fd;
	vfio_device_disable_irqs(&vp->device, VFIO_PCI_MSIX_IRQ_INDEX);
	msix->nr_set_irqs++;
	r = set_irqs(vp, 0, fds, nr);
	/* The host has no more: what worked so far must go on working. */
	given = r ? msix->nr_host : nr;
	if (r && set_irqs(vp, 0, fds, given))
		given = 0;
	free(fds);
	for (unsigned i = 0; i < nr; i++) {
		struct vfio_vector *v = &msix->vector[i];

		v->armed = v->irq.fd >= 0 && i < given;
		if (v->armed)
			fd_eventfd_signal(v->irq.fd);
	}
	msix->nr_host = given;
	msix->host_enabled = given > 0;
	return r;
}

static void arm_static(struct vfio_pci *vp)
{
	struct vfio_msix *msix = &vp->msix;
	unsigned nr = 0;
	bool missing = false;
	int r = 0;

	for (unsigned i = 0; i < msix->guest.nr_vectors; i++) {
		if (msix->vector[i].irq.fd >= 0)
			nr = i + 1;
		missing |= msix->vector[i].irq.wanted && !msix->vector[i].armed;
	}
	if (!missing)
		return;
	if (nr > msix->nr_host)
		r = grow(vp, nr);
	else
		arm_dynamic(vp);
	if (r)
		log_error("%s: %u vectors: VFIO_DEVICE_SET_IRQS: %s", vp->id, nr, strerror(-r));
}

void vfio_msix_attach(struct irq_client *client)
{
	struct vfio_pci *vp = container_of(client, struct vfio_pci, irq_client);
	struct vfio_msix *msix = &vp->msix;

	if (!msix->present)
		return;
	pthread_mutex_lock(&msix->guest.lock);
	if (msix->host_enabled && msix->dynamic)
		arm_dynamic(vp);
	else if (msix->host_enabled)
		arm_static(vp);
	for (unsigned i = 0; i < msix->guest.nr_vectors; i++) {
		const struct vfio_vector *v = &msix->vector[i];

		if (!v->irq.wanted || !v->armed || v->irq.attached)
			continue;
		/* Its route may be newer than the commit; then the next one comes for it. */
		if (!irq_committed(&vp->vm->irq))
			break;
		attach(vp, i);
	}
	pthread_mutex_unlock(&msix->guest.lock);
}

static int read_layout(struct vfio_pci *vp, const uint8_t *config, struct error *err)
{
	struct vfio_msix *msix = &vp->msix;
	unsigned nr = (get_le(config + msix->cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	uint32_t table = (uint32_t)get_le(config + msix->cap + PCI_MSIX_TABLE, 4);
	uint32_t pba = (uint32_t)get_le(config + msix->cap + PCI_MSIX_PBA, 4);

	msix->table_bar = table & PCI_MSIX_TABLE_BIR;
	msix->table_offset = table & PCI_MSIX_TABLE_OFFSET;
	msix->table_size = nr * PCI_MSIX_ENTRY_SIZE;
	msix->pba_bar = pba & PCI_MSIX_PBA_BIR;
	msix->pba_offset = pba & PCI_MSIX_PBA_OFFSET;
	msix->pba_size = (nr + 63) / 64 * 8;
	if (msix->table_bar < PCI_NR_BARS && msix->pba_bar < PCI_NR_BARS &&
	    range_fits(msix->table_offset, msix->table_size,
		       vp->device.region[msix->table_bar].size) &&
	    range_fits(msix->pba_offset, msix->pba_size, vp->device.region[msix->pba_bar].size))
		return (int)nr;
	error_set(err, -EINVAL, "device %s: MSI-X", vp->device.host.bdf);
	return error_reason(err, "table or pending bits lie outside their BAR");
}

int vfio_msix_init(struct vfio_pci *vp, const uint8_t *config, unsigned size, struct error *err)
{
	struct vfio_msix *msix = &vp->msix;
	int nr, r;

	msix->cap = pci_find_capability(config, size, PCI_CAP_ID_MSIX, 0);
	if (!msix->cap || !vp->device.irq[VFIO_PCI_MSIX_IRQ_INDEX].count)
		return 0;
	nr = read_layout(vp, config, err);
	if (nr < 0)
		return nr;
	msix->dynamic = !(vp->device.irq[VFIO_PCI_MSIX_IRQ_INDEX].flags & VFIO_IRQ_INFO_NORESIZE);
	msix->vector = calloc((size_t)nr, sizeof(*msix->vector));
	if (!msix->vector)
		return error_set(err, -ENOMEM, "device %s: MSI-X", vp->device.host.bdf);
	for (int i = 0; i < nr; i++)
		msix->vector[i].irq = IRQ_VECTOR_INIT;
	r = pci_msix_init(&msix->guest, (unsigned)nr, &msix_ops, vp);
	if (r) {
		free(msix->vector);
		msix->vector = NULL;
		return error_set(err, r, "device %s: MSI-X", vp->device.host.bdf);
	}
	msix->present = true;
	return 0;
}

void vfio_msix_destroy(struct vfio_pci *vp)
{
	if (!vp->msix.present)
		return;
	host_disable(vp);
	pci_msix_destroy(&vp->msix.guest);
	free(vp->msix.vector);
	vp->msix.vector = NULL;
	vp->msix.present = false;
}
