/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory as registered buffers of the rings. That pins it, so it is done where it is pinned anyway: for a
 * passed-through device, once its pages are there. The first ring registers, the others share what it has.
 */
#include <string.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/vmm/machine_internal.h"

/* Where rings cannot share, each has a list of all pages of its own: 16 bytes each. */
#define MAX_RINGS_OF_THEIR_OWN 8

/* Only direct I/O goes to the pages themselves. */
static bool is_wanted(const struct machine *machine)
{
	const struct config *config = machine->config;
	bool direct = false;

	for (unsigned i = 0; i < config->nr_disks; i++)
		direct |= config->disk[i].direct;
	return direct;
}

static unsigned regions(const struct machine *machine, struct iovec *region)
{
	const struct guest_mem *mem = &machine->mem;

	for (unsigned i = 0; i < mem->nr_regions; i++)
		region[i] = (struct iovec){ mem->region[i].va, mem->region[i].size };
	return mem->nr_regions;
}

static void registered_own(struct ring *ring, void *opaque, int result)
{
	if (result)
		log_info("io_uring: guest memory is not registered with a ring: %s",
			 strerror(-result));
}

static void share(struct ring_work *work)
{
	struct machine_share *share = container_of(work, struct machine_share, work);
	struct machine *machine = share->machine;
	struct ring *ring = &machine->ring_thread[share->index].ring;
	struct iovec region[GUEST_MEM_MAX_REGIONS];

	if (ring->can_share_memory)
		registered_own(ring, NULL, ring_share_memory(ring, &machine->ring_thread[0].ring));
	else if (machine->nr_ring_threads <= MAX_RINGS_OF_THEIR_OWN)
		ring_register_memory(ring, region, regions(machine, region), registered_own, NULL);
}

/* The first ring is the first to stop, so the others are there to get its messages. */
static void registered(struct ring *ring, void *opaque, int result)
{
	struct machine *machine = opaque;

	if (result) {
		registered_own(ring, NULL, result);
		return;
	}
	log_info("io_uring: guest memory is registered for direct I/O, in %u buffers",
		 ring->memory.nr_registered);
	for (unsigned i = 1; i < machine->nr_ring_threads; i++)
		ring_send(ring, &machine->ring_thread[i].ring, &machine->share[i].work);
}

static void register_first(struct ring_work *work)
{
	struct machine_share *share = container_of(work, struct machine_share, work);
	struct iovec region[GUEST_MEM_MAX_REGIONS];

	ring_register_memory(&share->machine->ring_thread[0].ring, region,
			     regions(share->machine, region), registered, share->machine);
}

void machine_register_memory(struct machine *machine)
{
	if (!is_wanted(machine))
		return;
	for (unsigned i = 0; i < machine->nr_ring_threads; i++) {
		machine->share[i] = (struct machine_share){
			.work.run = i ? share : register_first,
			.machine = machine,
			.index = i,
		};
	}
	ring_post(&machine->ring_thread[0].ring, &machine->share[0].work);
}
