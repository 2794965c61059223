/* SPDX-License-Identifier: Apache-2.0 */
#include "io/rng/class.h"

#include "io/rng/rng.h"
#include "io/virtio/class.h"

static int open_rng(struct device *device, struct error *err)
{
	const struct virtio_rng_options options = { .id = device->id, .source = device->config };
	struct virtio_pci *vp;
	int r = virtio_rng_create(&options, device->list->site, &vp, err);

	if (!r)
		virtio_class_opened(device, vp, 1);
	return r;
}

const struct device_class rng_class = {
	.noun = "entropy device",
	.open = open_rng,
	.reset = virtio_class_reset,
	.stop = virtio_class_reset,
	.close = virtio_class_close,
};
