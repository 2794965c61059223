/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Virtio over PCI: the modern transport (Virtio 1.2, 4.1), for every type of device.
 *
 * One 64-bit BAR holds all structures: common configuration, ISR, the type's configuration, a doorbell per queue, and
 * the MSI-X table and pending bits. A doorbell is an ioeventfd, so ringing it costs the guest an exit to KVM but none to
 * torc. Vector v of a queue is an eventfd that is its GSI's irqfd; the ring writes to it. A driver without MSI-X gets
 * INTA, at the price of a system call for each interrupt and an exit for each read of the ISR.
 *
 * vCPU threads access the BAR and configuration space; the device's lock serialises them.
 */
#ifndef IO_VIRTIO_PCI_H
#define IO_VIRTIO_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/device/device.h"
#include "core/device/vectors.h"
#include "core/kvm/vm.h"
#include "core/pci/pci.h"
#include "io/virtio/device.h"

struct virtio_pci {
	struct pci_device pci;
	struct virtio_device *dev;
	struct vm *vm;
	struct device_vectors vectors; /* one for the configuration, one per queue */
	unsigned msix_cap, cfg_cap;    /* offsets in configuration space */
	bool mapped;
	uint64_t bar_addr; /* while mapped */

	/* Registers of the common configuration that are not the device's; its lock. */
	uint32_t device_feature_select, driver_feature_select;
	uint16_t queue_select;
	uint16_t config_vector;
	uint8_t isr;
	bool msix_on; /* as configuration space says */
	bool intx_disabled;
	bool intx_high; /* its level */
};

struct virtio_pci_config {
	uint16_t type;	     /* VIRTIO_ID_* */
	uint32_t class_code; /* 24 bits */
	const struct device_site *site;
};

/**
 * virtio_pci_init - the PCI function of a device
 * @vp: embedded; stays in place
 * @dev: initialised; outlives @vp, which becomes its transport
 * @config: what it is and belongs to
 * @err: filled on failure
 *
 * The caller puts vp->pci on a bus. As the device itself. Return: 0; -ENOMEM; -errno.
 */
int virtio_pci_init(struct virtio_pci *vp, struct virtio_device *dev,
		    const struct virtio_pci_config *config, struct error *err);

/**
 * virtio_pci_destroy - free what virtio_pci_init() allocated
 * @vp: off the bus, its device reset; or zeroed
 */
void virtio_pci_destroy(struct virtio_pci *vp);

/**
 * virtio_pci_free - free it and its device, whatever the type
 * @vp: off the bus, its device reset; no vCPU runs. May be NULL.
 */
void virtio_pci_free(struct virtio_pci *vp);

/**
 * virtio_pci_set_ring - which ring serves a queue
 * @vp: no vCPU runs
 * @queue: its number
 * @ring: outlives the device's use
 */
void virtio_pci_set_ring(struct virtio_pci *vp, unsigned queue, struct ring *ring);

/**
 * virtio_pci_reset - as after power-on, for a guest's reset; what is in flight ends first
 * @vp: no vCPU runs; its BAR is unmapped, its rings run
 * @hurry_fd: as virtio_device_reset()
 * @timeout_ms: likewise
 *
 * Return: as virtio_device_reset(); with an error nothing else is reset.
 */
int virtio_pci_reset(struct virtio_pci *vp, int hurry_fd, int timeout_ms);

#endif
