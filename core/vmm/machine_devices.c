/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's devices: which there are, what they may use, their life from the configuration to the end. */
#include "core/vmm/machine_devices.h"

#include <errno.h>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/kvm/layout.h"
#include "core/vmm/machine_board.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_run.h"
#include "numa/affinity.h"
#include "vfio/pci/class.h"

/* Storage that takes longer than this to end is worth a line. */
#define SAY_AFTER_MS 2000
#define LOOK_MS	     1000
#define LEAST_MS     200

/* What else the machine has to do goes on while a device of it is reset: timers and ejection wait no longer than this. */
#define RESET_LOOK_MS 10

/* A ring has a turn in less; one that is held up by its storage is looked at again. */
#define SETTLE_MS 20

/* An NVMe drive under load takes some seconds to be let go of; the host's unbind waits for all that time. */
#define DEADLINE_S 20

static int find_all(struct machine *machine, struct error *err)
{
	machine->site.host = machine->owner.host;
	machine->devices.site = &machine->site;
	return machine_add_devices(machine->config, &machine->devices, err);
}

static void forget_all(struct machine *machine)
{
	device_list_destroy(&machine->devices);
}

const struct machine_part machine_part_found = { "devices found", find_all, forget_all, NULL };

static int bind_all(struct machine *machine, struct error *err)
{
	int r = 0;

	DEVICE_FOR_EACH(device, &machine->devices) {
		if (!r && device->class == &vfio_class)
			r = vfio_class_bind(device, err);
	}
	return r;
}

static void unbind_all(struct machine *machine)
{
	DEVICE_FOR_EACH(device, &machine->devices) {
		if (device->class == &vfio_class)
			vfio_class_unbind(device);
	}
}

const struct machine_part machine_part_bound = { "devices bound", bind_all, unbind_all, NULL };

static int hold_groups(struct machine *machine, struct error *err)
{
	int r;

	if (!machine->config->nr_devices)
		return 0;
	r = vfio_ioas_init(&machine->ioas, &vfio_type1_ops, machine->site.host, err);
	DEVICE_FOR_EACH(device, &machine->devices) {
		if (!r && device->class == &vfio_class)
			vfio_class_hold_group(device, &machine->ioas);
	}
	return r;
}

static void drop_groups(struct machine *machine)
{
	DEVICE_FOR_EACH(device, &machine->devices) {
		if (device->class == &vfio_class)
			vfio_class_drop_group(device);
	}
}

static void leave_groups(struct machine *machine)
{
	drop_groups(machine);
	vfio_ioas_destroy(&machine->ioas);
}

const struct machine_part machine_part_groups = { "IOMMU groups held", hold_groups, leave_groups,
						  NULL };

/* What they may use */

/* In turn; they are there before the guest takes a vector. */
static struct ring *ring_of(void *opaque, unsigned i)
{
	struct machine *machine = opaque;

	return &machine->ring_thread[i % machine->nr_ring_threads].ring;
}

/* A ring has one thread, for the queues of all disks. */
static int pin_ring(void *opaque, unsigned i, const cpu_set_t *cpus, struct error *err)
{
	struct machine *machine = opaque;
	unsigned ring = i % machine->nr_ring_threads;
	struct machine_pin *pin = &machine->pin[ring];

	if (pin->is_set && !CPU_EQUAL(&pin->cpus, cpus)) {
		error_set(err, -EINVAL, "ring %u", ring);
		error_reason(
			err,
			"it serves a queue of another disk or number, for which other CPUs were given");
		return error_remedy(err, "give all queues i, i + %u and so on the same CPUs",
				    machine->nr_ring_threads);
	}
	*pin = (struct machine_pin){ .is_set = true, .cpus = *cpus };
	return affinity_set(machine->ring_thread[ring].thread.id, cpus, &machine->allowed, err);
}

static void announce(void *opaque, const char *name, const char *path)
{
	machine_announce_pty(name, path);
}

static int make_site(struct machine *machine, struct error *err)
{
	machine->site = (struct device_site){
		.host = machine->owner.host,
		.vm = &machine->vm,
		.mem = &machine->mem,
		.batch = &machine->batch,
		.ring = &machine->ring,
		.ioas = &machine->ioas,
		.dma = &machine->dma,
		/* A device alone has no peer. */
		.p2p = machine->config->p2p && machine->config->nr_devices > 1,
		.ring_of = ring_of,
		.pin_ring = pin_ring,
		.block = machine_block,
		.announce = announce,
		.changed = machine_publish_devices,
		.quit = machine_quit,
		.opaque = machine,
	};
	return 0;
}

/* Behind the rings, in which a message for a device may be on its way still when its queues have stopped. */
static void close_all(struct machine *machine)
{
	DEVICE_FOR_EACH(device, &machine->devices)
		device_close(device);
}

const struct machine_part machine_part_site = { "what devices use", make_site, close_all, NULL };

/* Leaving while the machine runs */

static void set_irq(void *opaque, bool level)
{
	struct machine *machine = opaque;

	irq_set_line(&machine->vm.irq, LAYOUT_GSI_HOTPLUG, level);
}

static bool settle(void *opaque)
{
	struct machine *machine = opaque;
	bool settled = true;

	/* Twice: the first turn of one may send to another. */
	for (unsigned i = 0; i < 2 * machine->nr_ring_threads && settled; i++)
		settled = ring_thread_settle(&machine->ring_thread[i % machine->nr_ring_threads],
					     SETTLE_MS);
	return settled;
}

static const struct unplug_ops unplug_ops = {
	.set_irq = set_irq,
	.settle = settle,
	.begin = machine_set_busy,
	.end = machine_set_idle,
};

static int init_unplug(struct machine *machine, struct error *err)
{
	const struct unplug_config config = {
		.first = machine->pci,
		.list = &machine->devices,
		.deadline_ns = DEADLINE_S * 1000000000ULL,
		.ops = &unplug_ops,
		.opaque = machine,
	};
	int r = unplug_init(&machine->unplug, &config);

	return r ? error_set(err, r, "PCI hotplug") : 0;
}

static void destroy_unplug(struct machine *machine)
{
	unplug_destroy(&machine->unplug);
}

const struct machine_part machine_part_hotplug = { "hotplug", init_unplug, destroy_unplug, NULL };

/* From there to running, and to the end */

static int bring_up(struct machine *machine, struct device *device, struct error *err)
{
	int r = device_open(device, err);

	if (!r)
		r = device_plug(device, &machine->pci[device->bus], err);
	return r ? r : device_start(device, err);
}

static int bring_up_all(struct machine *machine, struct error *err)
{
	int r = 0;

	DEVICE_FOR_EACH(device, &machine->devices) {
		if (!r)
			r = bring_up(machine, device, err);
	}
	/* KVM has a group until its last device goes, whoever else would have held it. */
	drop_groups(machine);
	return r;
}

/* The owner wants something of this thread: the next look may be another one. */
static void take_hurry(struct machine *machine)
{
	fd_eventfd_drain(machine->hurry_fd);
}

static int reset(struct machine *machine, struct device *device)
{
	int r;

	/* Nobody releases it while the ring is turned. */
	device->is_busy = true;
	while ((r = device_reset(device, machine->hurry_fd, RESET_LOOK_MS))) {
		take_hurry(machine);
		/* Now and then it is to be seen whether a ring has failed, too. */
		if (machine_ends(machine) || r == -EIO || !machine_turn(machine))
			break;
	}
	device->is_busy = false;
	return r ? -EINTR : 0;
}

static int reset_all(struct machine *machine, struct error *err)
{
	DEVICE_FOR_EACH(device, &machine->devices) {
		if (machine_ends(machine) || reset(machine, device))
			return -EINTR;
	}
	/* None of them reaches memory any more. */
	unplug_reset(&machine->unplug);
	return 0;
}

/* How long to wait for a device until the next look. Those behind a dead one have their chance, too. */
static int patience_ms(const struct machine *machine, bool said)
{
	uint64_t now;
	int left;

	if (machine_ends(machine) < 2)
		return said ? LOOK_MS : SAY_AFTER_MS;
	now = clock_ns(CLOCK_MONOTONIC);
	left = now < machine->give_up_ns ? (int)((machine->give_up_ns - now) / 1000000) : 0;
	return left < LEAST_MS ? LEAST_MS : left;
}

/* Return: what device_stop() returned last. */
static int stop_device(struct machine *machine, struct device *device)
{
	bool said = false;

	for (;;) {
		int r = device_stop(device, machine->hurry_fd, patience_ms(machine, said));

		if (!r || r == -EIO)
			return r;
		if (r == -EINTR) {
			take_hurry(machine);
			continue;
		}
		if (machine_ends(machine) >= 2)
			return r;
		if (said)
			continue;
		said = true;
		log_warning(
			"%s: its requests do not end; waiting for what they are on; %s ends torc without it",
			device->id, machine_ends(machine) ? "another signal" : "a second signal");
	}
}

static void give_up(struct machine *machine, struct device *device, int r)
{
	if (r == -EIO)
		log_error("%s: its requests are given up, as its ring has failed", device->id);
	else
		log_error("%s: its requests do not end: given up; everything else is "
			  "released, and the process ends when the kernel is done with them",
			  device->id);
	machine->gave_up = true;
	device_give_up(device);
}

static void stop_all(struct machine *machine)
{
	/* From now on a turn of the ring releases none. */
	unplug_stop(&machine->unplug);
	vfio_dma_stop(&machine->dma);
	/* All at once. */
	DEVICE_FOR_EACH(device, &machine->devices)
		device_stop(device, -1, 0);
	DEVICE_FOR_EACH(device, &machine->devices) {
		int r = stop_device(machine, device);

		if (r)
			give_up(machine, device, r);
	}
	DEVICE_FOR_EACH(device, &machine->devices) {
		if (device->pci && !device->gave_up)
			pci_bus_remove(device->pci);
	}
}

const struct machine_part machine_part_devices = { "devices", bring_up_all, stop_all, reset_all };
