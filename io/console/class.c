/* SPDX-License-Identifier: Apache-2.0 */
#include "io/console/class.h"

#include <errno.h>

#include "io/console/console.h"
#include "io/virtio/class.h"

/* It takes a second at most to write out what is queued. */
#define CLOSE_MS 2000

static int open_console(struct device *device, struct error *err)
{
	const struct virtio_console_options options = {
		.id = device->id,
		.line = *(const struct line_config *)device->config,
	};
	struct virtio_pci *vp;
	int r = virtio_console_create(&options, device->list->site, &vp, err);

	if (!r)
		virtio_class_opened(device, vp, VIRTIO_CONSOLE_NR_QUEUES);
	return r;
}

static int start(struct device *device, struct error *err)
{
	const struct device_site *site = device->list->site;
	const char *pty = virtio_console_pty(virtio_class_of(device));

	if (*pty)
		site->announce(site->opaque, "console", pty);
	virtio_console_start(virtio_class_of(device));
	return 0;
}

static int stop(struct device *device, int hurry_fd, int timeout_ms)
{
	int r = virtio_class_reset(device, hurry_fd, timeout_ms);

	if (r)
		return r;
	if (virtio_class_is_abandoned(device))
		timeout_ms = 0;
	else if (timeout_ms > 0 && timeout_ms < CLOSE_MS)
		timeout_ms = CLOSE_MS;
	if (virtio_console_close(virtio_class_of(device), timeout_ms))
		return 0;
	return virtio_class_is_abandoned(device) ? -EIO : -ETIMEDOUT;
}

static void abandon(struct device *device)
{
	virtio_console_abandon(virtio_class_of(device));
}

static void resized(struct device *device)
{
	virtio_console_resize(virtio_class_of(device));
}

const struct device_class console_class = {
	.noun = "console",
	.open = open_console,
	.start = start,
	.reset = virtio_class_reset,
	.stop = stop,
	.abandon = abandon,
	.close = virtio_class_close,
	.resized = resized,
};
