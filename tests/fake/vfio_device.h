/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A VFIO device without hardware: the functions of vfio/device.h with the MSI-X rules of the kernel's vfio-pci.
 *
 * There is one device. One thread.
 */
#ifndef TESTS_FAKE_VFIO_DEVICE_H
#define TESTS_FAKE_VFIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio/device.h"

#define FAKE_VFIO_VECTORS 2048

struct fake_vfio {
	bool no_resize; /* vectors cannot be added while MSI-X is on: Linux before 6.6 */
	unsigned limit; /* vectors that the host has */
	bool enabled;
	unsigned nr_given;		    /* vectors allocated, where there is no resizing */
	int32_t fd[FAKE_VFIO_VECTORS];	    /* eventfd; -1: masked in the device */
	bool pending[FAKE_VFIO_VECTORS];    /* as in its pending bit array */
	unsigned nr_set_irqs, nr_disable;   /* calls */
	unsigned nr_taken, nr_taken_at_all; /* vectors with an eventfd: now, at most so far */
};

extern struct fake_vfio fake_vfio;

/**
 * fake_vfio_reset - MSI-X off, with as many vectors as the table has
 * @no_resize: as an old kernel
 */
void fake_vfio_reset(bool no_resize);

/**
 * fake_vfio_interrupt - the device wants to send one
 * @vector: which
 */
void fake_vfio_interrupt(unsigned vector);

#endif
