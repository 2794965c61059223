/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/hotplug.h"

#include "core/base/bits.h"

static void set_due(struct hotplug_device *dev, bool forced)
{
	dev->state = HOTPLUG_DUE;
	dev->forced = forced;
	ring_defer(dev->owner->ring, &dev->owner->release);
}

static bool is_there(const struct hotplug_device *dev)
{
	return dev->state == HOTPLUG_STAYS || dev->state == HOTPLUG_ASKED;
}

static void take_ejected(struct hotplug *hotplug)
{
	for (unsigned i = 0; i < hotplug->nr_devices; i++) {
		struct hotplug_device *dev = &hotplug->device[i];

		if (is_there(dev) && pci_hotplug_take_ejected(&hotplug->pci, dev->pci))
			set_due(dev, false);
	}
}

static void ejected_work(struct ring_work *work)
{
	take_ejected(container_of(work, struct hotplug, ejected));
}

static void release_work(struct ring_work *work)
{
	struct hotplug *hotplug = container_of(work, struct hotplug, release);

	for (unsigned i = 0; i < hotplug->nr_devices && hotplug->started; i++) {
		struct hotplug_device *dev = &hotplug->device[i];

		if (dev->state != HOTPLUG_DUE)
			continue;
		/* First: the release may turn the ring, which may call this again. */
		dev->state = HOTPLUG_GONE;
		ring_cancel(hotplug->ring, &dev->deadline);
		if (!hotplug->ops->release(hotplug->opaque, i, dev->forced))
			dev->state = HOTPLUG_DUE;
	}
}

static void deadline_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct hotplug_device *dev = container_of(op, struct hotplug_device, deadline);

	if (dev->state == HOTPLUG_ASKED)
		set_due(dev, true);
}

/* By a vCPU. */
static void ejected(void *opaque)
{
	struct hotplug *hotplug = opaque;

	ring_post(hotplug->ring, &hotplug->ejected);
}

static void set_irq(void *opaque, bool level)
{
	struct hotplug *hotplug = opaque;

	hotplug->ops->set_irq(hotplug->opaque, level);
}

static const struct pci_hotplug_ops pci_ops = { .set_irq = set_irq, .ejected = ejected };

int hotplug_init(struct hotplug *hotplug, const struct hotplug_config *config)
{
	*hotplug = (struct hotplug){
		.ring = config->ring,
		.device = config->device,
		.nr_devices = config->nr_devices,
		.deadline_ns = config->deadline_ns,
		.ops = config->ops,
		.opaque = config->opaque,
		.ejected.run = ejected_work,
		.release.run = release_work,
	};
	return pci_hotplug_init(&hotplug->pci, config->first, &pci_ops, hotplug);
}

void hotplug_destroy(struct hotplug *hotplug)
{
	hotplug_stop(hotplug);
	pci_hotplug_destroy(&hotplug->pci);
}

void hotplug_watch(struct hotplug *hotplug, unsigned i, struct pci_device *pci)
{
	struct hotplug_device *dev = &hotplug->device[i];

	dev->owner = hotplug;
	dev->pci = pci;
	dev->state = HOTPLUG_STAYS;
	dev->deadline.done = deadline_done;
}

void hotplug_start(struct hotplug *hotplug)
{
	hotplug->started = true;
	ring_defer(hotplug->ring, &hotplug->release);
}

void hotplug_stop(struct hotplug *hotplug)
{
	hotplug->started = false;
	for (unsigned i = 0; i < hotplug->nr_devices; i++)
		hotplug->device[i].state = HOTPLUG_GONE;
}

void hotplug_ask(struct hotplug *hotplug, unsigned i)
{
	struct hotplug_device *dev = &hotplug->device[i];

	if (dev->state != HOTPLUG_STAYS)
		return;
	dev->state = HOTPLUG_ASKED;
	pci_hotplug_ask(&hotplug->pci, dev->pci);
	ring_timeout(hotplug->ring, &dev->deadline, hotplug->deadline_ns);
}

void hotplug_reset(struct hotplug *hotplug)
{
	take_ejected(hotplug);
	for (unsigned i = 0; i < hotplug->nr_devices; i++) {
		struct hotplug_device *dev = &hotplug->device[i];

		if (dev->state == HOTPLUG_ASKED)
			set_due(dev, false);
		if (dev->state == HOTPLUG_DUE && dev->pci->bus)
			pci_hotplug_remove(&hotplug->pci, dev->pci);
	}
	pci_hotplug_reset(&hotplug->pci);
	ring_defer(hotplug->ring, &hotplug->release);
}
