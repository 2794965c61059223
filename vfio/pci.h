/* SPDX-License-Identifier: Apache-2.0 */
/**
 * VFIO PCI: a physical PCI function as a device of the guest.
 *
 * Guest state is kept apart from the host's: the guest sees a configuration space built field by field (config.c), BARs
 * mapped straight into it except the pages of the MSI-X table and pending bits (bar.c), and an MSI-X table that is
 * emulated (msix.c). Every vector's VFIO eventfd is the irqfd of its GSI, so no interrupt comes past torc.
 *
 * The main thread creates, resets and destroys it; guest accesses come from vCPU threads under the locks of core/pci;
 * notifications of the host (error, request) arrive on the main ring.
 */
#ifndef VFIO_PCI_H
#define VFIO_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/kvm/irq_vector.h"
#include "core/kvm/vm.h"
#include "core/pci/msix.h"
#include "core/pci/pci.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring.h"
#include "vfio/device.h"
#include "vfio/dma.h"
#include "vfio/reset.h"

#define VFIO_BAR_MAX_MAPS (VFIO_MAX_AREAS + 2)

struct vfio_pci;

/* A piece of a BAR that the guest reaches without torc. */
struct vfio_bar_map {
	uint64_t offset; /* in the BAR */
	uint64_t size;
	void *va;
	int slot;     /* memory slot while mapped in the guest; -1 */
	bool is_peer; /* so that other devices reach it too */
};

struct vfio_bar {
	struct vfio_pci *owner;
	unsigned index;
	void *reserved; /* the address range that the maps lie in */
	uint64_t reserved_size;
	unsigned nr_maps;
	struct vfio_bar_map map[VFIO_BAR_MAX_MAPS];
};

struct vfio_vector {
	struct irq_vector irq; /* taken when the guest first unmasks the vector */
	bool armed;	       /* VFIO signals its eventfd */
};

struct vfio_msix {
	bool present;
	unsigned cap; /* offset of the capability */
	unsigned table_bar, pba_bar;
	uint64_t table_offset, table_size;
	uint64_t pba_offset, pba_size;
	bool dynamic;	      /* vectors can be added while MSI-X is on */
	bool host_enabled;    /* MSI-X is on in the device */
	unsigned nr_host;     /* vectors given to VFIO, where it is not dynamic */
	uint64_t nr_set_irqs; /* VFIO_DEVICE_SET_IRQS calls */
	struct pci_msix guest;
	struct vfio_vector *vector;
};

struct vfio_pci {
	struct pci_device pci;
	struct vfio_device device;
	char id[64];
	char reset[VFIO_RESET_NAME_SIZE]; /* how it was reset last */
	struct vm *vm;
	struct irq_batch *batch;
	struct vfio_dma *dma;
	struct ring *ring; /* main */
	bool p2p;
	uint8_t unmapped_bars; /* a bit for each whose every access torc is to see */
	struct vfio_bar bar[PCI_NR_BARS];
	struct vfio_msix msix;
	pthread_mutex_t rom_lock;
	bool rom_tried;
	uint8_t *rom;	  /* NULL until the guest reads it, or when it cannot be read */
	uint16_t command; /* of the host's device, without what the guest decides */
	int err_fd, req_fd;
	struct ring_op err_op, req_op;
	struct irq_client irq_client;
};

struct vfio_pci_config {
	const struct vfio_host_device *host;
	const char *id;
	struct vm *vm;
	struct vfio_ioas *ioas;
	struct irq_batch *batch;
	struct vfio_dma *dma;
	struct ring *ring;
	bool may_reset_others; /* no guest uses the machine's other devices yet */
	bool p2p;	       /* other devices are to reach its BARs by DMA */
	uint8_t unmapped_bars; /* a bit for each that is not to be mapped into the guest */
};

/**
 * vfio_pci_create - open a device, reset it, and make a guest device of it
 * @config: what it is and belongs to; everything it names outlives the device
 * @out: receives it, not yet on a bus; untouched on failure
 * @err: filled on failure
 *
 * Main thread. Return: 0; -errno.
 */
int vfio_pci_create(const struct vfio_pci_config *config, struct vfio_pci **out, struct error *err);

/**
 * vfio_pci_free - stop its interrupts, reset it, close it
 * @vp: off the bus; no vCPU runs. May be NULL.
 */
void vfio_pci_free(struct vfio_pci *vp);

/**
 * vfio_pci_reset - as after power-on, for a guest's reset
 * @vp: no vCPU runs; its BARs are unmapped
 *
 * A device without a reset of its own is left running; the log says so.
 */
void vfio_pci_reset(struct vfio_pci *vp);

/* Between the files of this folder. */

/**
 * vfio_config_init - build the guest's configuration space
 * @vp: device opened
 * @err: filled on failure
 *
 * Return: 0; -EIO configuration space unreadable; -EINVAL an impossible BAR.
 */
int vfio_config_init(struct vfio_pci *vp, struct error *err);

/**
 * vfio_config_read - config_read() of struct pci_device_ops
 * @dev: the pci member
 * @offset: of the register
 * @size: 1, 2 or 4
 *
 * Return: the device's value.
 */
uint32_t vfio_config_read(struct pci_device *dev, unsigned offset, unsigned size);

/**
 * vfio_config_write - config_write() of struct pci_device_ops
 * @dev: the pci member
 * @offset: of the register
 * @size: 1, 2 or 4
 * @value: what the guest wrote
 * @mask: the live bits
 */
void vfio_config_write(struct pci_device *dev, unsigned offset, unsigned size, uint32_t value,
		       uint32_t mask);

/**
 * vfio_config_written - config_written() of struct pci_device_ops
 * @dev: the pci member
 * @offset: of the register
 * @size: bytes
 */
void vfio_config_written(struct pci_device *dev, unsigned offset, unsigned size);

/**
 * vfio_config_reset - the host's command register as vfio_config_init() left it
 * @vp: no vCPU runs
 */
void vfio_config_reset(struct vfio_pci *vp);

/**
 * vfio_bars_init - map what can be mapped of every BAR
 * @vp: configuration space and MSI-X are set up
 * @err: filled on failure
 *
 * Return: 0; -errno of mmap(2).
 */
int vfio_bars_init(struct vfio_pci *vp, struct error *err);

/**
 * vfio_bars_destroy - unmap them
 * @vp: off the bus
 */
void vfio_bars_destroy(struct vfio_pci *vp);

/**
 * vfio_bar_map - bar_map() of struct pci_device_ops
 * @dev: the pci member
 * @bar: which
 * @addr: where, in the guest
 *
 * Return: 0; -errno of iobus_add() or vm_add_memory(), nothing mapped then.
 */
int vfio_bar_map(struct pci_device *dev, unsigned bar, uint64_t addr);

/**
 * vfio_bar_unmap - bar_unmap() of struct pci_device_ops
 * @dev: the pci member
 * @bar: which
 * @addr: as mapped
 */
void vfio_bar_unmap(struct pci_device *dev, unsigned bar, uint64_t addr);

/**
 * vfio_rom_init - show the guest the device's ROM, if it has one
 * @vp: device opened
 */
void vfio_rom_init(struct vfio_pci *vp);

/**
 * vfio_rom_destroy - free the copy
 * @vp: after vfio_rom_init(); off the bus
 */
void vfio_rom_destroy(struct vfio_pci *vp);

/**
 * vfio_rom_map - bar_map() of the ROM
 * @vp: on a bus
 * @addr: where, in the guest
 *
 * Return: 0; -errno of iobus_add().
 */
int vfio_rom_map(struct vfio_pci *vp, uint64_t addr);

/**
 * vfio_rom_unmap - bar_unmap() of the ROM
 * @vp: on a bus
 * @addr: as mapped
 */
void vfio_rom_unmap(struct vfio_pci *vp, uint64_t addr);

/**
 * vfio_msix_init - read the capability and make an emulated table
 * @vp: device opened
 * @config: its configuration space
 * @size: bytes of it
 * @err: filled on failure
 *
 * Return: 0, also for a device without MSI-X; -EINVAL a table outside its BAR; -ENOMEM.
 */
int vfio_msix_init(struct vfio_pci *vp, const uint8_t *config, unsigned size, struct error *err);

/**
 * vfio_msix_destroy - detach, disable and free everything
 * @vp: no vCPU runs
 */
void vfio_msix_destroy(struct vfio_pci *vp);

/**
 * vfio_msix_attach - give every wanted vector its host interrupt and attach it
 * @client: of a struct vfio_pci; called by its irq_batch
 */
void vfio_msix_attach(struct irq_client *client);

#endif
