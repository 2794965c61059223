/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Class: a passed-through PCI function as a device of the machine.
 *
 * Beside what every device does, it is bound to vfio-pci if that is wanted, before anything else of the machine is made,
 * and its IOMMU group is taken before the guest's address space is laid out, which depends on what the IOMMU reaches.
 */
#ifndef VFIO_PCI_CLASS_H
#define VFIO_PCI_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/device/device.h"
#include "core/schema/schema.h"
#include "vfio/dma/ioas.h"

struct vfio_options {
	const char *id;	       /* borrowed */
	char *path;	       /* a sysfs directory, as given */
	uint8_t unmapped_bars; /* a bit for each BAR that is not to be mapped into the guest */
	bool bind;	       /* to vfio-pci, for as long as torc runs */
	bool trace_by_ring;    /* interrupts go through rings */
};

extern const struct device_class vfio_class;

/** What can be said of one. */
extern const struct schema vfio_schema;

/**
 * vfio_class_bind - bind it to vfio-pci, if its options want that and it is not bound
 * @device: of this class, NEW
 * @err: filled on failure
 *
 * Return: 0; what vfio_bind() and vfio_host_check() return.
 */
int vfio_class_bind(struct device *device, struct error *err);

/**
 * vfio_class_unbind - put it back to its own driver, if vfio_class_bind() took it from that
 * @device: of this class, NEW or GONE
 */
void vfio_class_unbind(struct device *device);

/**
 * vfio_class_hold_group - have its group in the address space already; a failure is open()'s to report
 * @device: of this class, NEW
 * @ioas: initialised
 */
void vfio_class_hold_group(struct device *device, struct vfio_ioas *ioas);

/**
 * vfio_class_drop_group - the device has it for itself, or will not be opened
 * @device: of this class
 */
void vfio_class_drop_group(struct device *device);

#endif
