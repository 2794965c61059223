/* SPDX-License-Identifier: Apache-2.0 */
#include "core/device/unplug.h"

#include "core/base/bits.h"
#include "core/base/log.h"

/* Storage that does not answer has its requests for as long as it likes. */
#define LOOK_AGAIN_NS 20000000ULL

static void release_soon(struct unplug *unplug)
{
	ring_defer(unplug->list->site->ring, &unplug->release);
}

static void set_due(struct unplug *unplug, struct device *device, bool forced)
{
	device_set_state(device, DEVICE_LEAVING);
	device->is_asked = false;
	device->is_due = true;
	device->forced = forced;
	release_soon(unplug);
}

static void take_ejected(struct unplug *unplug)
{
	/* What a vCPU posted last comes when the machine is taken apart. */
	if (unplug->stopped)
		return;
	DEVICE_FOR_EACH(device, unplug->list) {
		if (device->state == DEVICE_RUNNING || device->is_asked) {
			if (pci_hotplug_take_ejected(&unplug->pci, device->pci))
				set_due(unplug, device, false);
		}
	}
}

static void ejected_work(struct ring_work *work)
{
	take_ejected(container_of(work, struct unplug, ejected));
}

static void take_off_bus(struct unplug *unplug, struct device *device)
{
	if (!device->pci->bus)
		return;
	if (device->forced)
		log_warning("%s: the guest did not let go of it within %llu s; taken away",
			    device->label, (unsigned long long)(unplug->deadline_ns / 1000000000));
	pci_hotplug_remove(&unplug->pci, device->pci);
	/* Its configuration space was behind the bus's lock; a vCPU may still be within a BAR. */
	vm_wait_for_accesses(device->list->site->vm);
}

static void timer_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct device *device = container_of(op, struct device, timer);
	struct unplug *unplug = device->list->unplug;

	if (device->is_asked)
		set_due(unplug, device, true);
	else if (!device->is_busy)
		release_soon(unplug);
}

static void release(struct unplug *unplug, struct device *device)
{
	const struct device_site *site = unplug->list->site;

	ring_cancel(site->ring, &device->timer);
	ring_wait(site->ring, &device->timer);
	take_off_bus(unplug, device);
	if (device_stop(device, -1, 0) || !unplug->ops->settle(unplug->opaque)) {
		device->timer.done = timer_done;
		ring_timeout(site->ring, &device->timer, LOOK_AGAIN_NS);
		return;
	}
	device_close(device);
	log_info("%s: given back to the host", device->label);
}

static void release_all(struct unplug *unplug)
{
	DEVICE_FOR_EACH(device, unplug->list) {
		/* The helper has it, or an earlier call of this, which turns the ring. */
		if (device->state != DEVICE_LEAVING || !device->is_due || device->is_busy ||
		    !unplug->started)
			continue;
		device->is_busy = true;
		release(unplug, device);
		device->is_busy = false;
	}
}

static void release_work(struct ring_work *work)
{
	struct unplug *unplug = container_of(work, struct unplug, release);
	bool begun = unplug->ops->begin && unplug->ops->begin(unplug->opaque);

	release_all(unplug);
	if (unplug->ops->end)
		unplug->ops->end(unplug->opaque, begun);
}

/* By a vCPU. */
static void ejected(void *opaque)
{
	struct unplug *unplug = opaque;

	ring_post(unplug->list->site->ring, &unplug->ejected);
}

static void set_irq(void *opaque, bool level)
{
	struct unplug *unplug = opaque;

	unplug->ops->set_irq(unplug->opaque, level);
}

static const struct pci_hotplug_ops pci_ops = { .set_irq = set_irq, .ejected = ejected };

int unplug_init(struct unplug *unplug, const struct unplug_config *config)
{
	*unplug = (struct unplug){
		.list = config->list,
		.deadline_ns = config->deadline_ns,
		.ops = config->ops,
		.opaque = config->opaque,
		.ejected.run = ejected_work,
		.release.run = release_work,
	};
	config->list->unplug = unplug;
	return pci_hotplug_init(&unplug->pci, config->first, &pci_ops, unplug);
}

void unplug_destroy(struct unplug *unplug)
{
	unplug_stop(unplug);
	pci_hotplug_destroy(&unplug->pci);
}

void unplug_start(struct unplug *unplug)
{
	unplug->started = true;
	release_soon(unplug);
}

void unplug_stop(struct unplug *unplug)
{
	unplug->started = false;
	if (!unplug->list)
		return;
	unplug->stopped = true;
	DEVICE_FOR_EACH(device, unplug->list) {
		ring_cancel(unplug->list->site->ring, &device->timer);
		ring_wait(unplug->list->site->ring, &device->timer);
	}
}

void unplug_ask(struct unplug *unplug, struct device *device)
{
	if (device->state != DEVICE_RUNNING || unplug->stopped)
		return;
	device_set_state(device, DEVICE_LEAVING);
	device->is_asked = true;
	pci_hotplug_ask(&unplug->pci, device->pci);
	device->timer.done = timer_done;
	ring_timeout(unplug->list->site->ring, &device->timer, unplug->deadline_ns);
}

void unplug_reset(struct unplug *unplug)
{
	take_ejected(unplug);
	DEVICE_FOR_EACH(device, unplug->list) {
		if (device->is_asked)
			set_due(unplug, device, false);
		if (device->is_due && device->state == DEVICE_LEAVING && device->pci->bus)
			pci_hotplug_remove(&unplug->pci, device->pci);
	}
	pci_hotplug_reset(&unplug->pci);
	release_soon(unplug);
}
