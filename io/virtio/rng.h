/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtio entropy device: Virtio 1.2, 5.4. Fills the driver's buffers from a file of the host, one at a time.
 */
#ifndef IO_VIRTIO_RNG_H
#define IO_VIRTIO_RNG_H

#include "core/base/error.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/vm.h"
#include "core/pci/pci.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring.h"

struct virtio_rng;

struct virtio_rng_options {
	const char *id;	    /* borrowed */
	const char *source; /* a file or character device; reads may block */
	struct vm *vm;
	const struct guest_mem *mem;
	struct irq_batch *batch;
	struct ring *ring;
};

/**
 * virtio_rng_create - an entropy device
 * @options: everything it borrows outlives the device
 * @out: receives it, not yet on a bus; untouched on failure
 * @err: filled on failure
 *
 * Main thread. Return: 0; -errno.
 */
int virtio_rng_create(const struct virtio_rng_options *options, struct virtio_rng **out,
		      struct error *err);

/**
 * virtio_rng_free - close it
 * @rng: off the bus, reset; no vCPU runs. May be NULL.
 */
void virtio_rng_free(struct virtio_rng *rng);

/**
 * virtio_rng_pci - its function, to put on a bus
 * @rng: the device
 *
 * Return: embedded in it.
 */
struct pci_device *virtio_rng_pci(struct virtio_rng *rng);

/**
 * virtio_rng_reset - as after power-on; a read in flight ends first
 * @rng: no vCPU runs, its ring does
 */
void virtio_rng_reset(struct virtio_rng *rng);

#endif
