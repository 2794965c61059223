/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtio console: Virtio 1.2, 5.3, with one port. What the guest writes goes to a line, what comes from there fills the
 * buffers that the guest has made available.
 *
 * The line belongs to the ring that serves both queues, so that nothing is locked between them. Chains are copied from
 * and to the line's queues in one piece each, or in as many as there is room for: a slow reader keeps the guest's chains,
 * and input waits in the line while the guest has no buffers.
 */
#ifndef IO_CONSOLE_CONSOLE_H
#define IO_CONSOLE_CONSOLE_H

#include "core/base/error.h"
#include "io/line/line.h"
#include "io/virtio/pci.h"

#define VIRTIO_CONSOLE_NR_QUEUES 2

struct virtio_console_options {
	const char *id; /* borrowed */
	struct line_config line;
};

/**
 * virtio_console_create - a console, its line open
 * @options: everything it borrows outlives the device
 * @site: outlives it
 * @out: receives it, not yet on a bus; untouched on failure
 * @err: filled on failure
 *
 * Both queues are to get the same ring by virtio_pci_set_ring(). The helper's thread. Return: 0; what line_open()
 * returns; -errno.
 */
int virtio_console_create(const struct virtio_console_options *options,
			  const struct device_site *site, struct virtio_pci **out,
			  struct error *err);

/**
 * virtio_console_start - begin to serve the line, whether the guest has a driver or not
 * @vp: a console whose queues have their ring
 *
 * Main thread.
 */
void virtio_console_start(struct virtio_pci *vp);

/**
 * virtio_console_close - write out what is queued (for a second at most) and end what the line has in flight
 * @vp: a console that was reset; its ring runs. Nothing happens unless it was started
 * @timeout_ms: to wait at most, 0: not at all; negative: no limit
 *
 * Before it is freed. Main thread, not the ring's.
 * Return: true; false: not yet. It may be called again.
 */
bool virtio_console_close(struct virtio_pci *vp, int timeout_ms);

/**
 * virtio_console_abandon - put the terminal back, whatever the line still has in flight
 * @vp: a console that is not to be closed any more, nor freed
 */
void virtio_console_abandon(struct virtio_pci *vp);

/**
 * virtio_console_resize - tell the driver the size of the terminal, if there is one and it has changed
 * @vp: a console
 *
 * Any thread.
 */
void virtio_console_resize(struct virtio_pci *vp);

/**
 * virtio_console_pty - the terminal to open
 * @vp: a console
 *
 * Return: its path; "" when the line is no pseudo terminal.
 */
const char *virtio_console_pty(const struct virtio_pci *vp);

#endif
