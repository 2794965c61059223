/* SPDX-License-Identifier: Apache-2.0 */
#include "io/net/class.h"

#include <errno.h>
#include <sys/random.h>

#include "io/net/net.h"
#include "io/virtio/class.h"

static int choose_mac(struct schema_mac *mac)
{
	if (mac->is_set)
		return 0;
	if (getrandom(mac->byte, sizeof(mac->byte), 0) < 0)
		return -errno;
	/* Of nobody's manufacture, and not a group's. */
	mac->byte[0] = (uint8_t)((mac->byte[0] & 0xfc) | 2);
	return 0;
}

static int open_net(struct device *device, struct error *err)
{
	struct virtio_net_options options = *(const struct virtio_net_options *)device->config;
	struct virtio_pci *vp;
	int r = choose_mac(&options.mac);

	if (r)
		return error_set(err, r, "%s: MAC address", device->label);
	options.tap.fd = options.fds.nr ? options.fds.fd : NULL;
	options.tap.choose_ip = !options.tap.name && !options.fds.nr && !options.tap.ip.s_addr;
	r = virtio_net_create(&options, device->list->site, &vp, err);
	if (!r)
		virtio_class_opened(device, vp, 2);
	return r;
}

static int start(struct device *device, struct error *err)
{
	virtio_net_describe(virtio_class_of(device));
	return 0;
}

const struct device_class net_class = {
	.noun = "network device",
	.open = open_net,
	.start = start,
	.reset = virtio_class_reset,
	.stop = virtio_class_reset,
	.close = virtio_class_close,
};
