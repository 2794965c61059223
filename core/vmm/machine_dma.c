/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory populated and mapped for passed-through devices, in the background. */
#include <stdio.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/vmm/machine_devices.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_memory.h"
#include "core/vmm/machine_run.h"

static int init(struct machine *machine, struct error *err)
{
	if (machine->config->nr_devices)
		vfio_dma_init(&machine->dma);
	return 0;
}

static void destroy(struct machine *machine)
{
	vfio_dma_destroy(&machine->dma);
}

const struct machine_part machine_part_dma = { "memory for devices", init, destroy, NULL };

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
	unplug_start(&machine->unplug);
}

void machine_begin(struct machine *machine)
{
	if (!machine_waits_for_dma(machine))
		machine_resume(machine);
	if (!machine->config->nr_devices) {
		unplug_start(&machine->unplug);
		machine_register_memory(machine);
		return;
	}
	machine->dma_work.run = dma_work;
	vfio_dma_start(&machine->dma, &machine->helper, &machine->mem, &machine->ioas, dma_finished,
		       machine);
}
