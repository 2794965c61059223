/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A VFIO device without hardware: the functions of vfio/pci/device.h with the interrupt rules of the kernel's vfio-pci.
 *
 * There is one device; MSI-X and MSI share its vectors, as only one of them can be on. One thread.
 */
#ifndef TESTS_FAKE_VFIO_DEVICE_H
#define TESTS_FAKE_VFIO_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pci/pci.h"
#include "vfio/pci/device.h"

#define FAKE_VFIO_VECTORS 2048

struct fake_vfio {
	bool can_open;	     /* by vfio_device_open(), with these: */
	unsigned nr_vectors; /* of MSI-X */
	uint64_t bar_size;   /* of BAR 0 */
	bool no_resize;	     /* vectors cannot be added while MSI-X is on: Linux before 6.6 */
	bool loses; /* a vector without an eventfd loses its interrupts: MSI without mask bits */
	unsigned limit; /* vectors that the host has */
	unsigned
		fail_call; /* this call that sets or disables interrupts from now on fails with -EIO; 0: none */
	bool enabled;			    /* MSI-X or MSI */
	unsigned index;			    /* VFIO_PCI_MSI*_IRQ_INDEX while enabled */
	unsigned nr_given;		    /* vectors allocated, where there is no resizing */
	int32_t fd[FAKE_VFIO_VECTORS];	    /* eventfd; -1: masked in the device */
	bool pending[FAKE_VFIO_VECTORS];    /* as in its pending bit array */
	unsigned nr_set_irqs, nr_disable;   /* calls */
	bool has_stuck;			    /* one that disables interrupts failed */
	unsigned nr_taken, nr_taken_at_all; /* vectors with an eventfd: now, at most so far */
	bool intx_enabled;
	bool intx_asserted; /* by the device */
	bool intx_masked;   /* since VFIO signalled it, or as Interrupt Disable is set */
	int32_t intx_fd, intx_unmask_fd;
	unsigned nr_intx; /* signals */
	uint8_t config[PCI_CONFIG_SIZE];
	int bar_fd; /* a file that holds the BARs, each at its region's offset; 0: they cannot be read */
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

/**
 * fake_vfio_set_intx - the device asserts INTx, or no longer
 * @asserted: its output
 */
void fake_vfio_set_intx(bool asserted);

/**
 * fake_vfio_poll_unmask - what the kernel does when the eventfd that unmasks INTx is signalled
 */
void fake_vfio_poll_unmask(void);

#endif
