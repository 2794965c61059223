/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/machine_internal.h"

static int add_disk(struct machine *machine, unsigned i, struct error *err)
{
	const struct config_disk *disk = &machine->config->disk[i];
	const struct virtio_blk_options options = {
		.id = disk->id,
		.path = disk->path,
		.serial = disk->serial,
		.readonly = disk->readonly,
		.direct = disk->direct,
		.nr_queues = disk->nr_queues ? disk->nr_queues : machine->config->cpus.boot,
		.queue_size = (uint16_t)disk->queue_size,
		.vm = &machine->vm,
		.mem = &machine->mem,
		.batch = &machine->batch,
	};
	struct virtio_blk *blk;
	int r = virtio_blk_create(&options, &blk, err);

	if (r)
		return r;
	r = pci_bus_add(&machine->pci, virtio_blk_pci(blk), -1, err);
	if (r) {
		virtio_blk_free(blk);
		return r;
	}
	for (unsigned q = 0; q < options.nr_queues; q++)
		virtio_blk_set_ring(blk, q,
				    &machine->ring_thread[q % machine->nr_ring_threads].ring);
	machine->disk[i] = blk;
	virtio_blk_describe(blk);
	return 0;
}

static int add_rng(struct machine *machine, struct error *err)
{
	const struct virtio_rng_options options = {
		.id = "__rng",
		.source = machine->config->rng,
		.vm = &machine->vm,
		.mem = &machine->mem,
		.batch = &machine->batch,
		.ring = &machine->ring_thread[0].ring,
	};
	int r = virtio_rng_create(&options, &machine->rng, err);

	return r ? r : pci_bus_add(&machine->pci, virtio_rng_pci(machine->rng), -1, err);
}

int machine_add_virtio(struct machine *machine, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < machine->config->nr_disks && !r; i++)
		r = add_disk(machine, i, err);
	if (!r && machine->config->rng)
		r = add_rng(machine, err);
	return r;
}

void machine_reset_virtio(struct machine *machine)
{
	if (machine->rng)
		virtio_rng_reset(machine->rng);
	for (unsigned i = 0; i < machine->config->nr_disks; i++) {
		if (machine->disk[i])
			virtio_blk_reset(machine->disk[i]);
	}
}

void machine_free_virtio(struct machine *machine)
{
	virtio_rng_free(machine->rng);
	for (unsigned i = 0; i < machine->config->nr_disks; i++)
		virtio_blk_free(machine->disk[i]);
}
