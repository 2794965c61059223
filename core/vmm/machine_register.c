/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory as registered buffers of the rings. That pins it, so it is done where all of it is there anyway: for a
 * passed-through device, or because the user wants it populated. The helper registers it, as that may take seconds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_memory.h"

/* Only direct I/O goes to the pages themselves. */
static bool is_wanted(const struct machine *machine)
{
	const struct config *config = machine->config;
	bool direct = false, populated = machine->mem.is_populated;

	for (unsigned i = 0; i < config->nr_disks; i++)
		direct |= config->disk[i].file.direct;
	for (unsigned i = 0; i < machine->mem.nr_zones; i++)
		populated &= machine->mem.zone[i].config.populate;
	return direct && populated && machine->nr_ring_threads && machine->ring.can_take_memory;
}

static void take(struct ring_work *work)
{
	struct machine_taker *taker = container_of(work, struct machine_taker, work);
	int r = ring_take_memory(&taker->machine->ring_thread[taker->index].ring,
				 &taker->machine->ring_memory);

	if (r)
		log_info("io_uring: ring %u does without registered memory: %s", taker->index,
			 strerror(-r));
}

static void register_all(struct helper_job *job)
{
	struct machine *machine = container_of(job, struct machine, register_job);
	const struct guest_mem *mem = &machine->mem;
	struct iovec region[GUEST_MEM_MAX_REGIONS];
	int r;

	for (unsigned i = 0; i < mem->nr_regions; i++)
		region[i] = (struct iovec){ mem->region[i].va, mem->region[i].size };
	r = ring_memory_init(&machine->ring_memory, region, mem->nr_regions);
	if (r) {
		log_info("io_uring: guest memory is not registered: %s", strerror(-r));
		return;
	}
	log_info("io_uring: guest memory is registered for direct I/O");
	for (unsigned i = 0; i < machine->nr_ring_threads; i++)
		ring_post(&machine->ring_thread[i].ring, &machine->taker[i].work);
}

void machine_register_memory(struct machine *machine)
{
	if (!is_wanted(machine))
		return;
	machine->taker = calloc(machine->nr_ring_threads, sizeof(*machine->taker));
	if (!machine->taker) {
		log_info("io_uring: guest memory is not registered: %s", strerror(ENOMEM));
		return;
	}
	for (unsigned i = 0; i < machine->nr_ring_threads; i++)
		machine->taker[i] = (struct machine_taker){ { .run = take }, machine, i };
	machine->register_job.run = register_all;
	helper_submit(&machine->helper, &machine->register_job);
}

void machine_finish_register(struct machine *machine)
{
	helper_wait(&machine->helper, &machine->register_job);
}
