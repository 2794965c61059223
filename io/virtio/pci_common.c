/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/pci_common.h"

#include <stddef.h>

#include <linux/virtio_pci.h>

#include "core/base/bits.h"

#define FIELD(name) offsetof(struct virtio_pci_common_cfg, name)

_Static_assert(sizeof(struct virtio_pci_common_cfg) == 56, "4.1.4.3");

static struct virtio_queue *selected(struct virtio_pci *vp)
{
	return vp->queue_select < vp->dev->nr_queues ? &vp->dev->queue[vp->queue_select] : NULL;
}

static uint32_t half(uint64_t value, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(value >> 32 * select);
}

static uint64_t queue_read(struct virtio_pci *vp, const struct virtio_queue *queue, uint64_t offset)
{
	/* A queue that is not there has size 0: 4.1.4.3.2. */
	if (!queue)
		return offset == FIELD(queue_msix_vector) ? VIRTIO_NO_VECTOR : 0;
	switch (offset) {
	case FIELD(queue_size):
		return queue->config.size;
	case FIELD(queue_msix_vector):
		return queue->vector;
	case FIELD(queue_enable):
		return queue->enabled;
	case FIELD(queue_notify_off):
		return vp->queue_select;
	case FIELD(queue_desc_lo):
		return (uint32_t)queue->config.desc.v;
	case FIELD(queue_desc_hi):
		return queue->config.desc.v >> 32;
	case FIELD(queue_avail_lo):
		return (uint32_t)queue->config.avail.v;
	case FIELD(queue_avail_hi):
		return queue->config.avail.v >> 32;
	case FIELD(queue_used_lo):
		return (uint32_t)queue->config.used.v;
	case FIELD(queue_used_hi):
		return queue->config.used.v >> 32;
	default:
		return 0;
	}
}

uint64_t virtio_pci_common_read(struct virtio_pci *vp, uint64_t offset, unsigned size)
{
	const struct virtio_device *dev = vp->dev;

	if (size == 8)
		return virtio_pci_common_read(vp, offset, 4) |
		       virtio_pci_common_read(vp, offset + 4, 4) << 32;
	switch (offset) {
	case FIELD(device_feature_select):
		return vp->device_feature_select;
	case FIELD(device_feature):
		return half(dev->features, vp->device_feature_select);
	case FIELD(guest_feature_select):
		return vp->driver_feature_select;
	case FIELD(guest_feature):
		return half(dev->driver_features, vp->driver_feature_select);
	case FIELD(msix_config):
		return vp->config_vector;
	case FIELD(num_queues):
		return dev->nr_queues;
	case FIELD(device_status):
		return dev->status;
	case FIELD(config_generation):
		return dev->config_generation;
	case FIELD(queue_select):
		return vp->queue_select;
	default:
		return queue_read(vp, selected(vp), offset);
	}
}

static void set_half(uint64_t *value, bool high, uint64_t part)
{
	*value = high ? (*value & 0xffffffff) | part << 32 : (*value & ~0xffffffffULL) | part;
}

/* A vector that there is not reads back as none: 4.1.5.1.2. */
static uint16_t checked_vector(const struct virtio_pci *vp, uint64_t value)
{
	return value < vp->vectors.guest.nr_vectors ? (uint16_t)value : VIRTIO_NO_VECTOR;
}

/* Frozen once the queue is enabled. */
static void queue_write(struct virtio_pci *vp, struct virtio_queue *queue, uint64_t offset,
			unsigned size, uint64_t value)
{
	struct virtqueue_config *config;

	if (!queue || queue->enabled || vp->dev->resetting)
		return;
	config = &queue->config;
	if (size == 2) {
		if (offset == FIELD(queue_size) && is_pow2(value) && value <= queue->max_size)
			config->size = (uint16_t)value;
		else if (offset == FIELD(queue_msix_vector))
			queue->vector = checked_vector(vp, value);
		/* Writing 0 is not allowed: 4.1.4.3.2. */
		else if (offset == FIELD(queue_enable))
			queue->enabled = value == 1 &&
					 !(vp->dev->status & VIRTIO_CONFIG_S_DRIVER_OK);
		return;
	}
	if (size != 4)
		return;
	switch (offset) {
	case FIELD(queue_desc_lo):
	case FIELD(queue_desc_hi):
		set_half(&config->desc.v, offset == FIELD(queue_desc_hi), value);
		break;
	case FIELD(queue_avail_lo):
	case FIELD(queue_avail_hi):
		set_half(&config->avail.v, offset == FIELD(queue_avail_hi), value);
		break;
	case FIELD(queue_used_lo):
	case FIELD(queue_used_hi):
		set_half(&config->used.v, offset == FIELD(queue_used_hi), value);
		break;
	}
}

/* Frozen once they were accepted. */
static void write_features(struct virtio_pci *vp, uint64_t value)
{
	if (vp->driver_feature_select > 1 || vp->dev->resetting ||
	    vp->dev->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	set_half(&vp->dev->driver_features, vp->driver_feature_select, value);
}

void virtio_pci_common_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value)
{
	if (size == 8) {
		virtio_pci_common_write(vp, offset, 4, value & 0xffffffff);
		virtio_pci_common_write(vp, offset + 4, 4, value >> 32);
	} else if (offset == FIELD(device_feature_select) && size == 4) {
		vp->device_feature_select = (uint32_t)value;
	} else if (offset == FIELD(guest_feature_select) && size == 4) {
		vp->driver_feature_select = (uint32_t)value;
	} else if (offset == FIELD(guest_feature) && size == 4) {
		write_features(vp, value);
	} else if (offset == FIELD(msix_config) && size == 2) {
		vp->config_vector = checked_vector(vp, value);
	} else if (offset == FIELD(device_status) && size == 1) {
		virtio_device_set_status(vp->dev, (uint8_t)value);
	} else if (offset == FIELD(queue_select) && size == 2) {
		vp->queue_select = (uint16_t)value;
	} else {
		queue_write(vp, selected(vp), offset, size, value);
	}
}
