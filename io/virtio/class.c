/* SPDX-License-Identifier: Apache-2.0 */
#include "io/virtio/class.h"

#include <errno.h>

#include "core/base/bits.h"

void virtio_class_opened(struct device *device, struct virtio_pci *vp, unsigned per_ring)
{
	const struct device_site *site = device->list->site;

	device->self = vp;
	device->pci = &vp->pci;
	for (unsigned q = 0; q < vp->dev->nr_queues; q++)
		virtio_pci_set_ring(vp, q, site->ring_of(site->opaque, q / per_ring));
}

struct virtio_pci *virtio_class_of(const struct device *device)
{
	return device->self;
}

static bool is_abandoned(const struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->dev->nr_queues; i++) {
		const struct ring *ring = vp->dev->queue[i].ring;

		if (ring && load_acquire(&ring->failed))
			return true;
	}
	return false;
}

bool virtio_class_is_abandoned(const struct device *device)
{
	return is_abandoned(virtio_class_of(device));
}

int virtio_class_reset(struct device *device, int hurry_fd, int timeout_ms)
{
	struct virtio_pci *vp = virtio_class_of(device);
	int r = virtio_pci_reset(vp, hurry_fd, is_abandoned(vp) ? 0 : timeout_ms);

	return r && is_abandoned(vp) ? -EIO : r;
}

void virtio_class_close(struct device *device)
{
	virtio_pci_free(virtio_class_of(device));
	device->self = NULL;
}
