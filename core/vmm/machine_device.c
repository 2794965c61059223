/* SPDX-License-Identifier: Apache-2.0 */
/* Passed-through devices: found in sysfs, opened, put on a bus; guest memory populated and mapped for them in the background. */
#include "core/vmm/machine_device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_memory.h"

static int find_device(struct machine *machine, unsigned i, struct error *err)
{
	struct vfio_host_device *host = &machine->host[i];
	int r = vfio_host_find(machine->config->device[i].path, host, err);

	if (r)
		return r;
	for (unsigned j = 0; j < i; j++) {
		if (strcmp(machine->host[j].bdf, host->bdf))
			continue;
		error_set(err, -EINVAL, "device %s", host->bdf);
		error_reason(err, "named twice: %s and %s", machine->config->device[j].path,
			     machine->config->device[i].path);
		return error_remedy(err, "remove one of the --device values");
	}
	return machine->config->device[i].bind ? machine_check_bind(host, err)
					       : vfio_host_check(host, err);
}

static int find_all(struct machine *machine, struct error *err)
{
	unsigned nr = machine->config->nr_devices;

	if (!nr)
		return 0;
	machine->host = calloc(nr, sizeof(*machine->host));
	if (!machine->host)
		return error_set(err, -ENOMEM, "devices");
	for (unsigned i = 0; i < nr; i++) {
		int r = find_device(machine, i, err);

		if (r)
			return r;
	}
	return 0;
}

static void forget_all(struct machine *machine)
{
	free(machine->host);
}

const struct machine_part machine_part_found = { "devices found", find_all, forget_all, NULL };

/* In turn, as the queues of disks; they are there before the guest takes a vector. */
static struct ring *ring_of_vector(void *opaque, unsigned vector)
{
	struct machine *machine = opaque;

	return &machine->ring_thread[vector % machine->nr_ring_threads].ring;
}

static int add_device(struct machine *machine, unsigned i, struct error *err)
{
	const struct vfio_host_device *host = &machine->host[i];
	struct vfio_pci_config config = {
		.host = host,
		.id = machine->config->device[i].id,
		.vm = &machine->vm,
		.ioas = &machine->ioas,
		.batch = &machine->batch,
		.dma = &machine->dma,
		.ring = &machine->ring,
		.trace = { machine->config->device[i].trace_by_ring ? ring_of_vector : NULL,
			   machine },
		.event = machine_device_event,
		.block = machine_block,
		.opaque = machine,
		/* A device alone has no peer. */
		.p2p = machine->config->p2p && machine->config->nr_devices > 1,
		.unmapped_bars = machine->config->device[i].unmapped_bars,
	};
	struct vfio_pci *vp;
	int r = vfio_pci_create(&config, &vp, err);

	if (r)
		return r;
	r = pci_bus_add(machine_bus_of(machine, i), &vp->pci, -1, err);
	if (r) {
		vfio_pci_free(vp);
		return r;
	}
	machine->device[i] = vp;
	hotplug_watch(&machine->hotplug, i, &vp->pci);
	log_info(
		"device %s: host %s, IOMMU group %d, NUMA node %d, guest 0000:%02x:%02x.0, INTx %s, "
		"%u MSI and "
		"%u MSI-X vectors, reset: %s",
		vp->id, host->bdf, host->group, host->node, vp->pci.bus->number, vp->pci.slot,
		vp->intx.pin ? "yes" : "no", vp->msi.vectors.guest.nr_vectors,
		vp->msix.vectors.guest.nr_vectors, vp->reset);
	return 0;
}

static int hold_groups(struct machine *machine, struct error *err)
{
	int r;

	if (!machine->config->nr_devices)
		return 0;
	r = vfio_ioas_init(&machine->ioas, &vfio_type1_ops, err);
	for (unsigned i = 0; i < machine->config->nr_devices && !r; i++) {
		if (vfio_ioas_get_group(&machine->ioas, machine->host[i].group, &machine->held[i],
					NULL))
			return 0;
	}
	return r;
}

static void drop_groups(struct machine *machine)
{
	for (unsigned i = 0; i < machine->config->nr_devices; i++) {
		if (machine->held[i])
			vfio_ioas_put_group(&machine->ioas, machine->held[i]);
		machine->held[i] = NULL;
	}
}

static void leave_groups(struct machine *machine)
{
	drop_groups(machine);
	vfio_ioas_destroy(&machine->ioas);
}

const struct machine_part machine_part_groups = { "IOMMU groups held", hold_groups, leave_groups,
						  NULL };

static int add_all(struct machine *machine, struct error *err)
{
	int r = 0;

	if (!machine->config->nr_devices)
		return 0;
	vfio_dma_init(&machine->dma);
	for (unsigned i = 0; i < machine->config->nr_devices && !r; i++)
		r = add_device(machine, i, err);
	drop_groups(machine);
	return r;
}

static void free_all(struct machine *machine)
{
	/* From now on a turn of the ring releases none. */
	hotplug_stop(&machine->hotplug);
	vfio_dma_stop(&machine->dma);
	for (unsigned i = 0; i < machine->config->nr_devices; i++) {
		if (machine->device[i])
			pci_bus_remove(&machine->device[i]->pci);
		vfio_pci_free(machine->device[i]);
		machine->device[i] = NULL;
	}
	vfio_dma_destroy(&machine->dma);
}

static int reset_all(struct machine *machine, struct error *err)
{
	for (unsigned i = 0; i < machine->config->nr_devices; i++) {
		if (machine_ends(machine))
			return -EINTR;
		machine->in_reset = machine->device[i];
		if (machine->in_reset)
			vfio_pci_reset(machine->in_reset);
		machine->in_reset = NULL;
	}
	/* None of them reaches memory any more. */
	hotplug_reset(&machine->hotplug);
	return 0;
}

const struct machine_part machine_part_passthrough = { "passed-through devices", add_all, free_all,
						       reset_all };

/*
 * While memory is being mapped, a vCPU that sets Bus Master Enable stands still. For so much memory that could be
 * long enough for the guest's watchdogs, so such a guest starts only afterwards.
 */
#define DMA_BEHIND_GUEST_MAX (64 * GIB)

bool machine_waits_for_dma(const struct machine *machine)
{
	return machine->config->nr_devices && machine->mem.size > DMA_BEHIND_GUEST_MAX;
}

/* By the helper. */
static void dma_finished(void *opaque)
{
	struct machine *machine = opaque;

	ring_post(&machine->ring, &machine->dma_work);
}

static int format_size(unsigned bit, char *text, size_t room)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

	return snprintf(text, room, "%u %s", 1U << bit % 10, unit[bit / 10]);
}

/* "4 KiB, 2 MiB, 1 GiB", or of an IOMMU that takes any power of two "4 KiB to 512 GiB". */
static void format_page_sizes(uint64_t sizes, char *text, size_t room)
{
	size_t used = 0;

	*text = '\0';
	for (unsigned first = 0, last; first < 64 && used + 32 < room; first = last + 1) {
		last = first;
		if (!(sizes >> first & 1))
			continue;
		while (last < 63 && (sizes >> (last + 1) & 1))
			last++;
		if (used)
			used += (size_t)snprintf(text + used, room - used, ", ");
		used += (size_t)format_size(first, text + used, room - used);
		if (last == first)
			continue;
		used += (size_t)snprintf(text + used, room - used, " to ");
		used += (size_t)format_size(last, text + used, room - used);
	}
}

static void log_map(const struct machine *machine)
{
	const struct vfio_dma *dma = &machine->dma;
	char sizes[128];

	format_page_sizes(vfio_ioas_page_sizes(dma->ioas), sizes, sizeof(sizes));
	log_info(
		"guest memory: %llu MiB mapped for DMA in %llu ms by %u calls; the IOMMU has pages of %s",
		(unsigned long long)(machine->mem.size / MIB),
		(unsigned long long)(dma->map_ns / 1000000), dma->nr_map_calls,
		*sizes ? sizes : "unknown size");
}

static void dma_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, dma_work);
	const struct vfio_dma *dma = &machine->dma;

	/* Nobody waits for it any more. */
	if (machine->is_ending)
		return;
	if (dma->result) {
		machine->error = dma->error;
		ring_stop(&machine->ring);
		return;
	}
	log_map(machine);
	/* Unless that was done before the guest started. */
	if (!machine->populate.start_ns)
		machine_report_memory(machine, dma->populate_ns);
	machine_register_memory(machine);
	if (machine_waits_for_dma(machine))
		machine_resume(machine);
	/* No vCPU waits for that any more, and nobody maps for a device that goes. */
	hotplug_start(&machine->hotplug);
}

void machine_start_dma(struct machine *machine)
{
	if (!machine->config->nr_devices)
		return;
	machine->dma_work.run = dma_work;
	vfio_dma_start(&machine->dma, &machine->helper, &machine->mem, &machine->ioas, dma_finished,
		       machine);
}
