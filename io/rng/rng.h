/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtio entropy device: Virtio 1.2, 5.4. Fills the driver's buffers from a file of the host, one at a time.
 */
#ifndef IO_RNG_RNG_H
#define IO_RNG_RNG_H

#include "core/base/error.h"
#include "io/virtio/pci.h"

struct virtio_rng_options {
	const char *id;	    /* borrowed */
	const char *source; /* a file or character device; reads may block */
};

/**
 * virtio_rng_create - an entropy device
 * @options: everything it borrows outlives the device
 * @site: outlives it
 * @out: receives it, not yet on a bus; untouched on failure
 * @err: filled on failure
 *
 * Its queue is to get a ring by virtio_pci_set_ring(). The helper's thread. Return: 0; -errno.
 */
int virtio_rng_create(const struct virtio_rng_options *options, const struct device_site *site,
		      struct virtio_pci **out, struct error *err);

#endif
