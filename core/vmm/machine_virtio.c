/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/machine_internal.h"
#include "io/virtio/blk.h"
#include "io/virtio/rng.h"

/* Queues in groups of @per_ring go round the rings. */
static int add(struct machine *machine, struct virtio_pci *vp, unsigned per_ring, struct error *err)
{
	int r = pci_bus_add(&machine->pci, &vp->pci, -1, err);

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

static int add_disk(struct machine *machine, const struct config_disk *disk, struct error *err)
{
	const struct virtio_blk_options options = {
		.id = disk->id,
		.path = disk->path,
		.serial = disk->serial,
		.readonly = disk->readonly,
		.direct = disk->direct,
		.nr_queues = disk->nr_queues ? disk->nr_queues : machine->config->cpus.boot,
		.queue_size = (uint16_t)disk->queue_size,
		.host = &machine->virtio_host,
	};
	struct virtio_pci *vp;
	int r = virtio_blk_create(&options, &vp, err);

	if (!r)
		r = add(machine, vp, 1, err);
	if (!r)
		virtio_blk_describe(vp);
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

int machine_add_virtio(struct machine *machine, struct error *err)
{
	const struct config *config = machine->config;
	int r = 0;

	machine->virtio_host = (struct virtio_host){
		.vm = &machine->vm,
		.mem = &machine->mem,
		.batch = &machine->batch,
	};
	for (unsigned i = 0; i < config->nr_disks && !r; i++)
		r = add_disk(machine, &config->disk[i], err);
	if (!r && config->rng)
		r = add_rng(machine, err);
	return r;
}

void machine_reset_virtio(struct machine *machine)
{
	for (unsigned i = 0; i < machine->nr_virtio; i++)
		virtio_pci_reset(machine->virtio[i]);
}

void machine_free_virtio(struct machine *machine)
{
	for (unsigned i = 0; i < machine->nr_virtio; i++)
		virtio_pci_free(machine->virtio[i]);
}
