/* SPDX-License-Identifier: Apache-2.0 */
#include "io/disk/class.h"

#include <errno.h>

#include "io/disk/blk.h"
#include "io/virtio/class.h"

static int open_disk(struct device *device, struct error *err)
{
	struct virtio_pci *vp;
	int r = virtio_blk_create(device->config, device->list->site, &vp, err);

	if (!r)
		virtio_class_opened(device, vp, 1);
	return r;
}

static int pin_queues(const struct device *device, struct error *err)
{
	const struct virtio_blk_options *options = device->config;
	const struct device_site *site = device->list->site;

	for (unsigned i = 0; i < options->affinity.nr; i++) {
		const struct schema_affinity *affinity = &options->affinity.list[i];
		int r = 0;

		if (affinity->index < options->nr_queues) {
			r = site->pin_ring(site->opaque, affinity->index, &affinity->cpus, err);
		} else {
			r = error_set(err, -EINVAL, "queue %u", affinity->index);
			error_reason(err, "the disk has %u", options->nr_queues);
			error_remedy(err, "leave it out, or give the disk more by num_queues=");
		}
		if (r)
			return error_set(err, r, "disk %s: queue_affinity", options->file.path);
	}
	return 0;
}

static int start(struct device *device, struct error *err)
{
	int r = pin_queues(device, err);

	if (!r)
		virtio_blk_describe(virtio_class_of(device));
	return r;
}

const struct device_class disk_class = {
	.noun = "disk",
	.open = open_disk,
	.start = start,
	.reset = virtio_class_reset,
	.stop = virtio_class_reset,
	.close = virtio_class_close,
};
