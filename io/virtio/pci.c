/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/pci.h"

#include <errno.h>
#include <string.h>

#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/kvm/layout.h"
#include "io/virtio/pci_common.h"

#define PCI_VENDOR_VIRTIO 0x1af4
#define PCI_DEVICE_BASE	  0x1040 /* plus the type; 4.1.2.1 */

/* The BAR. */
#define BAR	      0
#define BAR_SIZE      0x8000
#define AT_COMMON     0x0000
#define AT_ISR	      0x1000
#define AT_CONFIG     0x2000
#define AT_NOTIFY     0x3000
#define AT_MSIX_TABLE 0x4000
#define AT_MSIX_PBA   0x7000
#define AREA	      0x1000
#define TABLE_AREA    (AT_MSIX_PBA - AT_MSIX_TABLE)

#define NOTIFY_MULTIPLIER 4
#define MAX_QUEUES	  (AREA / NOTIFY_MULTIPLIER)
#define MAX_VECTORS	  (TABLE_AREA / PCI_MSIX_ENTRY_SIZE)

#define ISR_QUEUE  0x1
#define ISR_CONFIG 0x2

/* The capability's fields behind its generic header. */
#define CFG_BAR	   offsetof(struct virtio_pci_cap, bar)
#define CFG_OFFSET offsetof(struct virtio_pci_cap, offset)
#define CFG_LENGTH offsetof(struct virtio_pci_cap, length)
#define CFG_DATA   sizeof(struct virtio_pci_cap)

/* Nothing to add: each vector is taken and signalled from the start. */
static const struct device_vectors_ops vectors_ops = { 0 };

static int vector_fd(const struct virtio_pci *vp, uint16_t vector)
{
	return vector < vp->vectors.guest.nr_vectors ? vp->vectors.vector[vector].fd : -1;
}

static void signal_vector(const struct virtio_pci *vp, uint16_t vector)
{
	int fd = vector_fd(vp, vector);

	if (fd >= 0)
		fd_eventfd_signal(fd);
}

static int queue_interrupt(struct virtio_device *dev, const struct virtio_queue *queue)
{
	const struct virtio_pci *vp = dev->transport_opaque;
	int fd;

	pthread_mutex_lock(&dev->lock);
	fd = vp->msix_on ? vector_fd(vp, queue->vector) : -1;
	pthread_mutex_unlock(&dev->lock);
	return fd;
}

/* Device locked. */
static void update_intx(struct virtio_pci *vp)
{
	bool high = vp->isr && !vp->msix_on && !vp->intx_disabled;

	if (high == vp->intx_high)
		return;
	vp->intx_high = high;
	irq_share_line(&vp->vm->irq, LAYOUT_GSI_PCI_INTX + vp->pci.slot % 4, high);
}

static void slow_interrupt(struct virtio_device *dev, const struct virtio_queue *queue)
{
	struct virtio_pci *vp = dev->transport_opaque;

	pthread_mutex_lock(&dev->lock);
	if (vp->msix_on)
		signal_vector(vp, queue->vector); /* enabled only after the queue */
	else
		vp->isr |= ISR_QUEUE;
	update_intx(vp);
	pthread_mutex_unlock(&dev->lock);
}

static void config_interrupt(struct virtio_device *dev)
{
	struct virtio_pci *vp = dev->transport_opaque;

	dev->config_generation++;
	vp->isr |= ISR_CONFIG;
	update_intx(vp);
	if (vp->msix_on)
		signal_vector(vp, vp->config_vector);
}

static void transport_reset(struct virtio_device *dev)
{
	struct virtio_pci *vp = dev->transport_opaque;

	vp->device_feature_select = 0;
	vp->driver_feature_select = 0;
	vp->queue_select = 0;
	vp->config_vector = VIRTIO_NO_VECTOR;
	vp->isr = 0;
	update_intx(vp);
}

static const struct virtio_transport_ops transport_ops = {
	.queue_interrupt = queue_interrupt,
	.slow_interrupt = slow_interrupt,
	.config_interrupt = config_interrupt,
	.reset = transport_reset,
};

static uint64_t config_read(const struct virtio_device *dev, uint64_t offset, unsigned size)
{
	if (!range_fits(offset, size, dev->config_size))
		return 0;
	return get_le((const uint8_t *)dev->config + offset, size);
}

static uint64_t isr_read(struct virtio_pci *vp)
{
	uint8_t isr = vp->isr;

	/* Reading clears: 4.1.4.5. */
	vp->isr = 0;
	update_intx(vp);
	return isr;
}

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned size)
{
	struct virtio_pci *vp = opaque;
	uint64_t value = 0;

	if (offset >= AT_MSIX_PBA)
		return pci_msix_pba_read(&vp->vectors.guest, offset - AT_MSIX_PBA, size);
	if (offset >= AT_MSIX_TABLE)
		return pci_msix_table_read(&vp->vectors.guest, offset - AT_MSIX_TABLE, size);
	pthread_mutex_lock(&vp->dev->lock);
	if (offset < AT_ISR)
		value = virtio_pci_common_read(vp, offset, size);
	else if (offset == AT_ISR)
		value = isr_read(vp);
	else if (offset >= AT_CONFIG && offset < AT_CONFIG + AREA)
		value = config_read(vp->dev, offset - AT_CONFIG, size);
	pthread_mutex_unlock(&vp->dev->lock);
	return value;
}

static void bar_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtio_pci *vp = opaque;
	struct virtio_device *dev = vp->dev;

	if (offset >= AT_MSIX_TABLE) {
		if (offset < AT_MSIX_PBA)
			pci_msix_table_write(&vp->vectors.guest, offset - AT_MSIX_TABLE, size,
					     value);
		return;
	}
	/* What the ioeventfds do not take: an access through the window in configuration space. */
	if (offset >= AT_NOTIFY) {
		uint64_t queue = (offset - AT_NOTIFY) / NOTIFY_MULTIPLIER;

		if (queue < dev->nr_queues)
			fd_eventfd_signal(dev->queue[queue].kick_fd);
		return;
	}
	pthread_mutex_lock(&dev->lock);
	if (offset < AT_ISR)
		virtio_pci_common_write(vp, offset, size, value);
	pthread_mutex_unlock(&dev->lock);
}

static const struct iobus_ops bar_ops = { .read = bar_read, .write = bar_write };

static int set_doorbells(struct virtio_pci *vp, uint64_t addr, bool on)
{
	for (unsigned i = 0; i < vp->dev->nr_queues; i++) {
		struct kvm_ioeventfd bell = {
			.addr = addr + AT_NOTIFY + i * NOTIFY_MULTIPLIER,
			.fd = vp->dev->queue[i].kick_fd,
			.flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN,
		};
		int r = kvm_ioeventfd(vp->vm->fd, &bell);

		if (!r || !on)
			continue;
		bell.flags = KVM_IOEVENTFD_FLAG_DEASSIGN;
		while (i--) {
			bell.addr = addr + AT_NOTIFY + i * NOTIFY_MULTIPLIER;
			bell.fd = vp->dev->queue[i].kick_fd;
			kvm_ioeventfd(vp->vm->fd, &bell);
		}
		return r;
	}
	return 0;
}

static int bar_map(struct pci_device *pci, unsigned bar, uint64_t addr)
{
	struct virtio_pci *vp = container_of(pci, struct virtio_pci, pci);
	const struct iobus_region region = { addr, BAR_SIZE, &bar_ops, vp, vp->dev->id };
	int r = iobus_add(&vp->vm->mmio, &region);

	if (r)
		return r;
	r = set_doorbells(vp, addr, true);
	if (r)
		iobus_remove(&vp->vm->mmio, addr);
	return r;
}

static void bar_unmap(struct pci_device *pci, unsigned bar, uint64_t addr)
{
	struct virtio_pci *vp = container_of(pci, struct virtio_pci, pci);

	set_doorbells(vp, addr, false);
	iobus_remove(&vp->vm->mmio, addr);
}

/* 4.1.4.9: a window to the BAR for those who cannot map it. Bus locked. */
static bool window(const struct virtio_pci *vp, uint64_t *offset, unsigned *size)
{
	const uint8_t *cap = vp->pci.data + vp->cfg_cap;
	uint64_t length = get_le(cap + CFG_LENGTH, 4);

	*offset = get_le(cap + CFG_OFFSET, 4);
	*size = (unsigned)length;
	return cap[CFG_BAR] == BAR && (length == 1 || length == 2 || length == 4) &&
	       *offset % length == 0 && range_fits(*offset, length, BAR_SIZE);
}

static uint32_t live_read(struct pci_device *pci, unsigned offset, unsigned size)
{
	struct virtio_pci *vp = container_of(pci, struct virtio_pci, pci);
	unsigned shift = 8 * (offset - vp->cfg_cap - (unsigned)CFG_DATA);
	uint64_t at;
	unsigned width;

	return window(vp, &at, &width) ? (uint32_t)(bar_read(vp, at, width) >> shift) : 0;
}

static void live_write(struct pci_device *pci, unsigned offset, unsigned size, uint32_t value,
		       uint32_t mask)
{
	struct virtio_pci *vp = container_of(pci, struct virtio_pci, pci);
	uint64_t at;
	unsigned width;

	if (offset == vp->cfg_cap + CFG_DATA && window(vp, &at, &width) && width <= size)
		bar_write(vp, at, width, value);
}

static void config_written(struct pci_device *pci, unsigned offset, unsigned size)
{
	struct virtio_pci *vp = container_of(pci, struct virtio_pci, pci);
	unsigned flags = vp->msix_cap + PCI_MSIX_FLAGS;
	uint64_t control = get_le(pci->data + flags, 2);

	if (ranges_overlap(offset, size, flags, 2))
		pci_msix_set_control(&vp->vectors.guest, (uint16_t)control);
	pthread_mutex_lock(&vp->dev->lock);
	vp->msix_on = control & PCI_MSIX_FLAGS_ENABLE;
	vp->intx_disabled = get_le(pci->data + PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;
	update_intx(vp);
	pthread_mutex_unlock(&vp->dev->lock);
}

static const struct pci_device_ops pci_ops = {
	.config_read = live_read,
	.config_write = live_write,
	.config_written = config_written,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
};

static int add_structure(struct virtio_pci *vp, uint8_t type, uint32_t offset, uint32_t length,
			 unsigned cap_size)
{
	struct virtio_pci_notify_cap cap = {
		.cap = { .cap_len = (uint8_t)cap_size,
			 .cfg_type = type,
			 .bar = BAR,
			 .offset = offset,
			 .length = length },
		.notify_off_multiplier = NOTIFY_MULTIPLIER,
	};

	return pci_device_add_capability(&vp->pci, PCI_CAP_ID_VNDR, 0, (uint8_t *)&cap + 2,
					 cap_size);
}

static void add_window(struct virtio_pci *vp)
{
	uint8_t *wmask;

	vp->cfg_cap = (unsigned)add_structure(vp, VIRTIO_PCI_CAP_PCI_CFG, 0, 0,
					      sizeof(struct virtio_pci_cfg_cap));
	wmask = vp->pci.wmask + vp->cfg_cap;
	wmask[CFG_BAR] = 0xff;
	memset(wmask + CFG_OFFSET, 0xff, 8);
	memset(vp->pci.live + vp->cfg_cap + CFG_DATA, 0xff, 4);
	/* The multiplier of a notify capability lies where its data are. */
	memset(vp->pci.data + vp->cfg_cap + CFG_DATA, 0, 4);
}

static void add_msix(struct virtio_pci *vp)
{
	uint8_t body[PCI_CAP_MSIX_SIZEOF - 2];

	put_le(body, 2, vp->vectors.guest.nr_vectors - 1);
	put_le(body + PCI_MSIX_TABLE - 2, 4, AT_MSIX_TABLE | BAR);
	put_le(body + PCI_MSIX_PBA - 2, 4, AT_MSIX_PBA | BAR);
	vp->msix_cap = (unsigned)pci_device_add_capability(&vp->pci, PCI_CAP_ID_MSIX, 0, body,
							   PCI_CAP_MSIX_SIZEOF);
	put_le(vp->pci.wmask + vp->msix_cap + PCI_MSIX_FLAGS, 2,
	       PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
}

static void fill_header(struct virtio_pci *vp, const struct virtio_pci_config *config)
{
	const struct pci_bar bar = { .kind = PCI_BAR_MEM64,
				     .prefetchable = true,
				     .size = BAR_SIZE };
	uint8_t *data = vp->pci.data;

	pci_device_init(&vp->pci, &pci_ops, vp->dev->id);
	vp->pci.removable = true;
	put_le(data + PCI_VENDOR_ID, 2, PCI_VENDOR_VIRTIO);
	put_le(data + PCI_DEVICE_ID, 2, PCI_DEVICE_BASE + config->type);
	data[PCI_REVISION_ID] = 1;
	put_le(data + PCI_CLASS_PROG, 1, config->class_code & 0xff);
	put_le(data + PCI_CLASS_DEVICE, 2, config->class_code >> 8);
	put_le(data + PCI_SUBSYSTEM_VENDOR_ID, 2, PCI_VENDOR_VIRTIO);
	put_le(data + PCI_SUBSYSTEM_ID, 2, PCI_DEVICE_BASE + config->type);
	data[PCI_INTERRUPT_PIN] = 1;
	pci_device_set_bar(&vp->pci, BAR, &bar);
	add_structure(vp, VIRTIO_PCI_CAP_COMMON_CFG, AT_COMMON,
		      sizeof(struct virtio_pci_common_cfg), sizeof(struct virtio_pci_cap));
	add_structure(vp, VIRTIO_PCI_CAP_ISR_CFG, AT_ISR, 1, sizeof(struct virtio_pci_cap));
	if (vp->dev->config_size)
		add_structure(vp, VIRTIO_PCI_CAP_DEVICE_CFG, AT_CONFIG, vp->dev->config_size,
			      sizeof(struct virtio_pci_cap));
	add_structure(vp, VIRTIO_PCI_CAP_NOTIFY_CFG, AT_NOTIFY,
		      vp->dev->nr_queues * NOTIFY_MULTIPLIER, sizeof(struct virtio_pci_notify_cap));
	add_window(vp);
	add_msix(vp);
}

int virtio_pci_init(struct virtio_pci *vp, struct virtio_device *dev,
		    const struct virtio_pci_config *config, struct error *err)
{
	/* One for the configuration, one for each queue. */
	unsigned nr = dev->nr_queues + 1;
	const struct device_vectors_config vectors = {
		.nr = nr,
		.irq = &config->site->vm->irq,
		.batch = config->site->batch,
		.id = dev->id,
		.ops = &vectors_ops,
	};
	int r = nr > MAX_VECTORS || dev->nr_queues > MAX_QUEUES ? -EINVAL : 0;

	*vp = (struct virtio_pci){
		.dev = dev,
		.vm = config->site->vm,
		.config_vector = VIRTIO_NO_VECTOR,
	};
	if (!r)
		r = device_vectors_init(&vp->vectors, &vectors);
	/* There is something for each from the start: a ring may signal it at any time. */
	for (unsigned i = 0; !r && i < nr; i++)
		r = irq_vector_take(&vp->vectors.vector[i], vp->vectors.irq);
	if (r) {
		virtio_pci_destroy(vp);
		error_set(err, r, "%s: interrupts", dev->id);
		if (r != -ENOSPC)
			return r;
		error_reason(err, "KVM has %u routes for all vectors of all devices",
			     vp->vm->irq.nr_gsis);
		return error_remedy(err, "give this or another device fewer queues: num_queues=");
	}
	dev->transport = &transport_ops;
	dev->transport_opaque = vp;
	fill_header(vp, config);
	return 0;
}

void virtio_pci_destroy(struct virtio_pci *vp)
{
	device_vectors_destroy(&vp->vectors);
}

void virtio_pci_free(struct virtio_pci *vp)
{
	struct virtio_device *dev = vp ? vp->dev : NULL;

	if (!dev)
		return;
	virtio_pci_destroy(vp);
	virtio_device_destroy(dev);
	dev->ops->free(dev);
}

void virtio_pci_set_ring(struct virtio_pci *vp, unsigned queue, struct ring *ring)
{
	vp->dev->queue[queue].ring = ring;
}

int virtio_pci_reset(struct virtio_pci *vp, int hurry_fd, int timeout_ms)
{
	int r = virtio_device_reset(vp->dev, hurry_fd, timeout_ms);

	if (r)
		return r;
	pci_msix_reset(&vp->vectors.guest);
	vp->msix_on = vp->intx_disabled = false;
	return 0;
}
