/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio devices: disks, network, console, entropy; their queues and rings, their resets, their end. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/vmm/machine_board.h"
#include "core/vmm/machine_internal.h"
#include "io/console/console.h"
#include "io/disk/blk.h"
#include "io/net/net.h"
#include "io/rng/rng.h"
#include "numa/affinity.h"

/* Storage that takes longer than this to end is worth a line. */
#define SAY_AFTER_MS 2000
#define LOOK_MS	     1000
#define LEAST_MS     200
/* It takes a second at most to write out what is queued. */
#define CONSOLE_MS 2000

/* Queues in groups of @per_ring go round the rings. */
static int add(struct machine *machine, struct virtio_pci *vp, unsigned per_ring, struct error *err)
{
	int r = pci_bus_add(machine->pci, &vp->pci, -1, err);

	if (r) {
		virtio_pci_free(vp);
		return r;
	}
	for (unsigned q = 0; q < vp->dev->nr_queues; q++) {
		unsigned i = q / per_ring % machine->nr_ring_threads;

		virtio_pci_set_ring(vp, q, &machine->ring_thread[i].ring);
	}
	machine->virtio[machine->nr_virtio++] = vp;
	return 0;
}

/* A ring has one thread, for the queues of all disks. */
static int pin_ring(struct machine *machine, unsigned i, const cpu_set_t *cpus, struct error *err)
{
	struct machine_pin *pin = &machine->pin[i];

	if (pin->is_set && !CPU_EQUAL(&pin->cpus, cpus)) {
		error_set(err, -EINVAL, "ring %u", i);
		error_reason(
			err,
			"it serves a queue of another disk or number, for which other CPUs were given");
		return error_remedy(err, "give all queues i, i + %u and so on the same CPUs",
				    machine->nr_ring_threads);
	}
	*pin = (struct machine_pin){ .is_set = true, .cpus = *cpus };
	return affinity_set(machine->ring_thread[i].thread, cpus, &machine->allowed, err);
}

static int pin_queues(struct machine *machine, const struct config_disk *disk, unsigned nr_queues,
		      struct error *err)
{
	for (unsigned i = 0; i < disk->affinity.nr; i++) {
		const struct schema_affinity *affinity = &disk->affinity.list[i];
		int r = 0;

		if (affinity->index < nr_queues) {
			r = pin_ring(machine, affinity->index % machine->nr_ring_threads,
				     &affinity->cpus, err);
		} else {
			r = error_set(err, -EINVAL, "queue %u", affinity->index);
			error_reason(err, "the disk has %u", nr_queues);
			error_remedy(err, "leave it out, or give the disk more by num_queues=");
		}
		if (r)
			return error_set(err, r, "disk %s: queue_affinity",
					 disk->options.file.path);
	}
	return 0;
}

static int add_disk(struct machine *machine, const struct config_disk *disk, struct error *err)
{
	struct virtio_blk_options options = disk->options;
	struct virtio_pci *vp;
	int r;

	options.host = &machine->virtio_host;
	r = virtio_blk_create(&options, &vp, err);

	if (!r)
		r = add(machine, vp, 1, err);
	if (!r)
		r = pin_queues(machine, disk, options.nr_queues, err);
	if (!r)
		virtio_blk_describe(vp);
	return r;
}

static int add_net(struct machine *machine, unsigned i, struct error *err)
{
	const struct config_net *net = &machine->config->net[i];
	struct virtio_net_options options = net->options;
	struct virtio_pci *vp;
	int r;

	options.host = &machine->virtio_host;
	options.tap.fd = net->fds.nr ? net->fds.fd : NULL;
	options.tap.choose_ip = !options.tap.name && !net->fds.nr && !options.tap.ip.s_addr;
	memcpy(options.mac, net->mac.byte, sizeof(options.mac));
	if (!net->mac.is_set) {
		if (getrandom(options.mac, sizeof(options.mac), 0) < 0)
			return error_set(err, -errno, "network device %s: MAC address", options.id);
		/* Of nobody's manufacture, and not a group's. */
		options.mac[0] = (uint8_t)((options.mac[0] & 0xfc) | 2);
	}
	r = virtio_net_create(&options, &vp, err);
	if (!r)
		r = add(machine, vp, 2, err);
	if (!r)
		virtio_net_describe(vp);
	return r;
}

static int add_rng(struct machine *machine, struct error *err)
{
	const struct virtio_rng_options options = {
		.id = "__rng",
		.source = machine->config->rng,
		.host = &machine->virtio_host,
	};
	struct virtio_pci *vp;
	int r = virtio_rng_create(&options, &vp, err);

	return r ? r : add(machine, vp, 1, err);
}

static int add_console(struct machine *machine, struct error *err)
{
	const struct virtio_console_options options = {
		.id = "__console",
		.line = machine->config->console,
		.quit = machine_quit,
		.opaque = machine,
		.host = &machine->virtio_host,
	};
	struct virtio_pci *vp;
	int r = virtio_console_create(&options, &vp, err);

	if (!r)
		r = add(machine, vp, VIRTIO_CONSOLE_NR_QUEUES, err);
	if (r)
		return r;
	machine->console = vp;
	machine_announce_pty("console", virtio_console_pty(vp));
	virtio_console_start(vp);
	return 0;
}

static int add_all(struct machine *machine, struct error *err)
{
	const struct config *config = machine->config;
	int r = 0;

	for (unsigned i = 0; i < config->nr_disks && !r; i++)
		r = add_disk(machine, &config->disk[i], err);
	for (unsigned i = 0; i < config->nr_nets && !r; i++)
		r = add_net(machine, i, err);
	if (!r && config->rng)
		r = add_rng(machine, err);
	if (!r && config->console.mode != LINE_OFF)
		r = add_console(machine, err);
	return r;
}

/* Whether nobody is left to finish what the device has in flight. */
static bool is_abandoned(const struct virtio_pci *vp)
{
	for (unsigned i = 0; i < vp->dev->nr_queues; i++) {
		const struct ring *ring = vp->dev->queue[i].ring;

		if (ring && load_acquire(&ring->failed))
			return true;
	}
	return false;
}

/* The owner wants something of this thread: the next look may be another one. */
static void take_hurry(struct machine *machine)
{
	fd_eventfd_drain(machine->hurry_fd);
}

static int reset(struct machine *machine, struct error *err)
{
	for (unsigned i = 0; i < machine->nr_virtio; i++) {
		/* Now and then it is to be seen whether a ring has failed. */
		while (virtio_pci_reset(machine->virtio[i], machine->hurry_fd, LOOK_MS)) {
			take_hurry(machine);
			if (machine_ends(machine) || is_abandoned(machine->virtio[i]))
				return -EINTR;
		}
	}
	return 0;
}

/* How long to wait for a device until the next look. Those behind a dead one have their chance, too. */
static int patience_ms(const struct machine *machine, const struct virtio_pci *vp, bool said)
{
	uint64_t now;
	int left;

	if (is_abandoned(vp))
		return 0;
	if (machine_ends(machine) < 2)
		return said ? LOOK_MS : SAY_AFTER_MS;
	now = clock_ns(CLOCK_MONOTONIC);
	left = now < machine->give_up_ns ? (int)((machine->give_up_ns - now) / 1000000) : 0;
	return left < LEAST_MS ? LEAST_MS : left;
}

/* Return: whether nothing is in flight any more. */
static bool end_device(struct machine *machine, struct virtio_pci *vp)
{
	bool said = false;

	for (;;) {
		int r = virtio_pci_reset(vp, machine->hurry_fd, patience_ms(machine, vp, said));

		if (!r)
			return true;
		if (r == -EINTR) {
			take_hurry(machine);
			continue;
		}
		if (machine_ends(machine) >= 2 || is_abandoned(vp))
			return false;
		if (said)
			continue;
		said = true;
		log_warning(
			"%s: its requests do not end; waiting for what they are on; %s ends torc without it",
			vp->dev->id, machine_ends(machine) ? "another signal" : "a second signal");
	}
}

static void give_up(struct machine *machine, unsigned i)
{
	machine->gave_up = true;
	machine->virtio[i] = NULL;
}

static void end_all(struct machine *machine)
{
	/* All at once. */
	for (unsigned i = 0; i < machine->nr_virtio; i++)
		virtio_pci_reset(machine->virtio[i], -1, 0);
	for (unsigned i = 0; i < machine->nr_virtio; i++) {
		struct virtio_pci *vp = machine->virtio[i];

		if (end_device(machine, vp))
			continue;
		if (is_abandoned(vp))
			log_error("%s: its requests are given up, as its ring has failed",
				  vp->dev->id);
		else
			log_error(
				"%s: its requests do not end: given up; everything else is "
				"released, and the process ends when the kernel is done with them",
				vp->dev->id);
		give_up(machine, i);
	}
}

static void close_console(struct machine *machine)
{
	struct virtio_pci *vp = machine->console;

	machine->console = NULL;
	if (!vp || virtio_console_close(vp, is_abandoned(vp)   ? 0
					    : machine->gave_up ? CONSOLE_MS
							       : -1))
		return;
	for (unsigned i = 0; i < machine->nr_virtio; i++) {
		if (machine->virtio[i] == vp)
			give_up(machine, i);
	}
}

static void end(struct machine *machine)
{
	end_all(machine);
	close_console(machine);
	for (unsigned i = 0; i < machine->nr_virtio; i++) {
		if (machine->virtio[i])
			pci_bus_remove(&machine->virtio[i]->pci);
	}
}

const struct machine_part machine_part_virtio = { "virtio devices", add_all, end, reset };

static int make_host(struct machine *machine, struct error *err)
{
	machine->virtio_host = (struct virtio_host){
		.vm = &machine->vm,
		.mem = &machine->mem,
		.batch = &machine->batch,
	};
	return 0;
}

/* Behind the rings, in which a message for a device may be on its way still when its queues have stopped. */
static void free_all(struct machine *machine)
{
	while (machine->nr_virtio)
		virtio_pci_free(machine->virtio[--machine->nr_virtio]);
}

const struct machine_part machine_part_virtio_host = { "what virtio devices need", make_host,
						       free_all, NULL };
