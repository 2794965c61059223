/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Hotplug: devices that leave a running machine.
 *
 * A device that is to leave is first asked of the guest, by core/pci/hotplug.h. When the guest lets go of it, is reset, or
 * does neither until the deadline, it is released; a guest may also let go of a device of its own accord. Everything but
 * the guest's registers is the machine's thread's, and a release always comes at the end of a turn of its ring, so that it
 * may wait for operations of the device.
 */
#ifndef CORE_VMM_HOTPLUG_H
#define CORE_VMM_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pci/hotplug.h"
#include "core/pci/pci.h"
#include "io/ring/ring.h"

enum hotplug_state {
	HOTPLUG_GONE, /* or never there */
	HOTPLUG_STAYS,
	HOTPLUG_ASKED, /* of the guest */
	HOTPLUG_DUE,   /* to be released in the next turn, or when that may be */
};

struct hotplug;

struct hotplug_device {
	struct hotplug *owner;
	struct pci_device *pci;
	enum hotplug_state state;
	bool forced; /* due because the guest did not let go of it in time */
	struct ring_op deadline;
};

struct hotplug_ops {
	/* Of the guest's interrupt line; any thread. */
	void (*set_irq)(void *opaque, bool level);
	/* The device goes: take it off its bus if it still is on it, and free it. Return: false: it cannot go yet. */
	bool (*release)(void *opaque, unsigned device, bool forced);
};

struct hotplug {
	struct pci_hotplug pci;
	struct ring *ring;
	struct hotplug_device *device;
	unsigned nr_devices;
	uint64_t deadline_ns;
	const struct hotplug_ops *ops;
	void *opaque;
	bool started;
	struct ring_work ejected; /* posted by vCPUs */
	struct ring_work release; /* deferred */
};

struct hotplug_config {
	struct ring *ring;	       /* the machine's */
	struct pci_bus *first;	       /* bus 0 */
	struct hotplug_device *device; /* zeroed; live as long as the ring */
	unsigned nr_devices;
	uint64_t deadline_ns; /* for the guest to let go of a device */
	const struct hotplug_ops *ops;
	void *opaque;
};

/**
 * hotplug_init - nothing is watched yet
 * @hotplug: embedded
 * @config: what it is to have; all of it outlives @hotplug
 *
 * Return: 0; -ENOMEM.
 */
int hotplug_init(struct hotplug *hotplug, const struct hotplug_config *config);

/**
 * hotplug_destroy - as hotplug_stop(), and the guest's registers are gone
 * @hotplug: initialised or zeroed; no vCPU runs
 */
void hotplug_destroy(struct hotplug *hotplug);

/**
 * hotplug_watch - a device may be asked for and ejected from now on
 * @hotplug: initialised
 * @i: its number
 * @pci: on a bus, removable
 */
void hotplug_watch(struct hotplug *hotplug, unsigned i, struct pci_device *pci);

/**
 * hotplug_start - let releases happen; those that are due come soon
 * @hotplug: initialised
 */
void hotplug_start(struct hotplug *hotplug);

/**
 * hotplug_stop - no device is released any more; they are their owners' to free
 * @hotplug: initialised or zeroed; hotplug_ask() may still be called
 */
void hotplug_stop(struct hotplug *hotplug);

/**
 * hotplug_ask - ask the guest to let go of a device, and release it at the deadline anyway
 * @hotplug: initialised
 * @i: number of the device; nothing happens when it was asked for already, or is not there
 */
void hotplug_ask(struct hotplug *hotplug, unsigned i);

/**
 * hotplug_reset - for a guest's reset: what is to leave leaves its bus now and is released at the end of the ring's turn
 * @hotplug: no vCPU runs; devices are reset, so that none reaches memory any more
 */
void hotplug_reset(struct hotplug *hotplug);

#endif
