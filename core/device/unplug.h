/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Unplug: devices that leave a running machine.
 *
 * A device that is to leave is first asked of the guest, by core/pci/hotplug.h. When the guest lets go of it, is reset, or
 * does neither until the deadline, it is released: it goes off its bus, comes to rest and is closed, while the vCPUs run on.
 * A guest may also let go of a device of its own accord. Everything but the guest's registers is the machine's thread's, and
 * a release always comes at the end of a turn of its ring, so that it may wait for operations of the device.
 */
#ifndef CORE_DEVICE_UNPLUG_H
#define CORE_DEVICE_UNPLUG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/device/device.h"
#include "core/pci/hotplug.h"

struct unplug_ops {
	/* Of the guest's interrupt line; any thread. */
	void (*set_irq)(void *opaque, bool level);
	/* Whether no thread has a message for a device in hand that is off its bus and stopped; waits for that a moment. */
	bool (*settle)(void *opaque);
	/*
	 * Releases begin, or are over: the ring is turned meanwhile, and nothing is to be done then with all devices. begin()
	 * returns what end() gets. May be NULL, both.
	 */
	bool (*begin)(void *opaque);
	void (*end)(void *opaque, bool begun);
};

struct unplug {
	struct pci_hotplug pci;
	struct device_list *list;
	uint64_t deadline_ns;
	const struct unplug_ops *ops;
	void *opaque;
	bool started, stopped;
	struct ring_work ejected; /* posted by vCPUs */
	struct ring_work release; /* deferred */
};

struct unplug_config {
	struct pci_bus *first;	  /* bus 0 */
	struct device_list *list; /* with its site */
	uint64_t deadline_ns;	  /* for the guest to let go of a device */
	const struct unplug_ops *ops;
	void *opaque;
};

/**
 * unplug_init - devices that are RUNNING may be asked for and ejected from now on
 * @unplug: embedded
 * @config: what it is to have; all of it outlives @unplug
 *
 * Return: 0; -ENOMEM.
 */
int unplug_init(struct unplug *unplug, const struct unplug_config *config);

/**
 * unplug_destroy - as unplug_stop(), and the guest's registers are gone
 * @unplug: initialised or zeroed; no vCPU runs
 */
void unplug_destroy(struct unplug *unplug);

/**
 * unplug_start - let releases happen; those that are due come soon
 * @unplug: initialised
 */
void unplug_start(struct unplug *unplug);

/**
 * unplug_stop - no device is released any more; they are their owners' to stop and close
 * @unplug: initialised or zeroed; unplug_ask() may still be called
 */
void unplug_stop(struct unplug *unplug);

/**
 * unplug_ask - ask the guest to let go of a device, and release it at the deadline anyway
 * @unplug: initialised
 * @device: nothing happens unless it is RUNNING
 */
void unplug_ask(struct unplug *unplug, struct device *device);

/**
 * unplug_reset - for a guest's reset: what is to leave leaves its bus now and is released at the end of the ring's turn
 * @unplug: no vCPU runs; devices are reset, so that none reaches memory any more
 */
void unplug_reset(struct unplug *unplug);

#endif
