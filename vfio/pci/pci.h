/* SPDX-License-Identifier: Apache-2.0 */
/**
 * VFIO PCI: a physical PCI function as a device of the guest.
 *
 * Guest state is kept apart from the host's: the guest sees a configuration space built field by field (config.c), BARs
 * mapped straight into it except the pages of the MSI-X table and pending bits (bar.c), and an MSI-X table and an MSI
 * capability that are emulated (msix.c, msi.c, vectors.c). Every vector's VFIO eventfd is the irqfd of its GSI, and
 * that of INTx (intx.c) the irqfd of the I/O APIC's pin, so no interrupt comes past torc, unless it is to be traced.
 * VFIO has one kind of interrupts on at a time, as the guest has.
 *
 * The helper opens it; the main thread resets and destroys it, with the helper for what blocks; guest accesses come from
 * vCPU threads under the locks of core/pci; notifications of the host (error, request) arrive on the main ring and are the
 * owner's to act on.
 */
#ifndef VFIO_PCI_PCI_H
#define VFIO_PCI_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/device/device.h"
#include "core/kvm/vm.h"
#include "core/pci/pci.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring.h"
#include "vfio/dma/dma.h"
#include "vfio/pci/device.h"
#include "vfio/pci/reset.h"
#include "vfio/pci/vectors.h"

#define VFIO_BAR_MAX_MAPS (VFIO_MAX_AREAS + 2)

struct vfio_pci;

/** What the host says of a device. */
enum vfio_pci_event {
	VFIO_PCI_FAILED,    /* it reported an uncorrectable error */
	VFIO_PCI_REQUESTED, /* the host wants it back, and says so again every 10 s */
};

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
	bool is_stuck; /* KVM did not take back what the guest has of it */
	unsigned nr_maps;
	struct vfio_bar_map map[VFIO_BAR_MAX_MAPS];
};

struct vfio_msix {
	bool present;
	unsigned cap; /* offset of the capability */
	unsigned table_bar, pba_bar;
	uint64_t table_offset, table_size;
	uint64_t pba_offset, pba_size;
	struct vfio_vectors vectors;
};

struct vfio_msi {
	bool present;
	unsigned cap;  /* offset of the capability */
	bool wide;     /* 64-bit address */
	bool maskable; /* mask and pending bits */
	struct vfio_vectors vectors;
};

/* The legacy interrupt line, in use while neither MSI nor MSI-X is. */
struct vfio_intx {
	uint8_t pin;	       /* 1 to 4: INTA to INTD; 0: the guest is offered none */
	int trigger_fd;	       /* VFIO signals it, KVM asserts the pin */
	int unmask_fd;	       /* KVM signals it at the guest's EOI, VFIO unmasks INTx */
	bool host_enabled;     /* VFIO has both */
	bool attached;	       /* KVM has both */
	bool wanted;	       /* the guest's command register asks for INTx */
	bool settling;	       /* the timer runs, or is about to */
	bool failed;	       /* to get there; was logged */
	int gsi;	       /* while attached */
	struct ring_work work; /* starts the timer */
	struct ring_op timer;  /* for the guest to settle */
	uint64_t nr_set_irqs;  /* VFIO_DEVICE_SET_IRQS calls */
};

struct vfio_pci {
	struct pci_device pci;
	struct vfio_device device;
	char id[DEVICE_MAX_ID + 1];
	char reset[VFIO_RESET_NAME_SIZE]; /* how it was reset last */
	const struct device_site *site;
	struct vm *vm; /* the site's, as what follows */
	struct irq_batch *batch;
	struct vfio_dma *dma;
	struct ring *ring;
	struct vfio_trace trace;
	bool p2p;
	uint8_t unmapped_bars; /* a bit for each whose every access torc is to see */
	struct vfio_bar bar[PCI_NR_BARS];
	struct vfio_msix msix;
	struct vfio_msi msi;
	struct vfio_intx intx;
	pthread_mutex_t rom_lock;
	bool rom_tried;
	uint8_t *rom;	  /* NULL until the guest reads it, or when it cannot be read */
	uint16_t command; /* of the host's device, without what the guest decides */
	void (*event)(void *opaque, struct vfio_pci *vp, enum vfio_pci_event event);
	void *opaque;
	int err_fd, req_fd;
	struct ring_op err_op, req_op;
};

struct vfio_pci_config {
	const struct vfio_host_device *host;
	const char *id;
	const struct device_site *site;
	struct vfio_trace trace; /* of its vectors */
	/* On the main ring, in a callback: the device is not to be freed there. */
	void (*event)(void *opaque, struct vfio_pci *vp, enum vfio_pci_event event);
	void *opaque;	       /* for @event */
	uint8_t unmapped_bars; /* a bit for each that is not to be mapped into the guest */
};

/**
 * vfio_pci_create - open a device, reset it, and make a guest device of it
 * @config: what it is and belongs to; everything it names outlives the device
 * @out: receives it, not yet on a bus; untouched on failure
 * @err: filled on failure
 *
 * Takes as long as the host's reset does. The helper's thread. Return: 0; -errno.
 */
int vfio_pci_create(const struct vfio_pci_config *config, struct vfio_pci **out, struct error *err);

/**
 * vfio_pci_start - listen to what the host says of it
 * @vp: on its bus
 *
 * Main thread.
 */
void vfio_pci_start(struct vfio_pci *vp);

/**
 * vfio_pci_free - stop its interrupts, reset it, close it
 * @vp: off the bus, and no vCPU within an access to it. May be NULL.
 *
 * Main thread, not within a callback of its ring.
 */
void vfio_pci_free(struct vfio_pci *vp);

/**
 * vfio_pci_reset - as after power-on, for a guest's reset
 * @vp: no vCPU runs; its BARs are unmapped, and all devices of the machine are to be reset
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
 * vfio_config_mask_intx - set or clear Interrupt Disable in the device
 * @vp: its configuration space is set up
 * @masked: whether INTx is not to be asserted
 *
 * Interrupts are masked after vfio_config_init() and vfio_config_reset().
 */
void vfio_config_mask_intx(struct vfio_pci *vp, bool masked);

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
 * @vp: off the bus, and no vCPU within an access to it
 */
void vfio_msix_destroy(struct vfio_pci *vp);

/**
 * vfio_msi_init - read the capability
 * @vp: device opened
 * @config: its configuration space
 * @size: bytes of it
 * @err: filled on failure
 *
 * Return: 0, also for a device without MSI; -ENOMEM.
 */
int vfio_msi_init(struct vfio_pci *vp, const uint8_t *config, unsigned size, struct error *err);

/**
 * vfio_msi_add - show the guest the capability, switched off
 * @vp: after vfio_msi_init()
 * @config: its configuration space
 * @offset: of a capability of this kind
 *
 * Return: 0 or the offset; -EINVAL when it overlaps another: then there is no MSI.
 */
int vfio_msi_add(struct vfio_pci *vp, const uint8_t *config, unsigned offset);

/**
 * vfio_msi_enabled - whether the guest has switched MSI on
 * @vp: after vfio_msi_init()
 *
 * Return: true when it has; false for a device without MSI.
 */
bool vfio_msi_enabled(const struct vfio_pci *vp);

/**
 * vfio_msi_update - deliver MSI as the guest's registers say now, or stop
 * @vp: on a bus, whose lock is held
 * @enable: whether to deliver it
 */
void vfio_msi_update(struct vfio_pci *vp, bool enable);

/**
 * vfio_msi_has_pending - whether a register holds MSI's pending bits
 * @vp: after vfio_msi_init()
 * @offset: in configuration space
 *
 * Return: true when it does.
 */
bool vfio_msi_has_pending(const struct vfio_pci *vp, unsigned offset);

/**
 * vfio_msi_read_pending - MSI's pending bits
 * @vp: after vfio_msi_init()
 * @offset: in configuration space, for which vfio_msi_has_pending() is true
 * @size: 1, 2 or 4, within the register
 *
 * Return: the bits; of a vector that the host has not taken yet, the device's own.
 */
uint32_t vfio_msi_read_pending(struct vfio_pci *vp, unsigned offset, unsigned size);

/**
 * vfio_msi_destroy - switch it off and free it
 * @vp: after vfio_msi_init(); no vCPU runs
 */
void vfio_msi_destroy(struct vfio_pci *vp);

/**
 * vfio_interrupts_update - have the host deliver the kind of interrupts that the guest has switched on
 * @vp: on a bus, whose lock is held; one of its registers was written
 *
 * VFIO has one kind on at a time, so the old one goes before the new one comes.
 */
void vfio_interrupts_update(struct vfio_pci *vp);

/**
 * vfio_interrupts_reset - all off, as the guest's configuration space is after a reset
 * @vp: no vCPU runs
 *
 * INTx comes back when the guest writes to a register, the command register for instance.
 */
void vfio_interrupts_reset(struct vfio_pci *vp);

/**
 * vfio_interrupts_destroy - all off for good
 * @vp: after vfio_config_init(); no vCPU runs
 */
void vfio_interrupts_destroy(struct vfio_pci *vp);

/**
 * vfio_interrupts_nr_calls - how often the host's interrupts were changed
 * @vp: after vfio_config_init()
 *
 * Return: VFIO_DEVICE_SET_IRQS calls so far.
 */
uint64_t vfio_interrupts_nr_calls(const struct vfio_pci *vp);

/**
 * vfio_intx_init - read the Interrupt Pin and show it to the guest
 * @vp: device opened
 * @config: its configuration space
 */
void vfio_intx_init(struct vfio_pci *vp, const uint8_t *config);

/**
 * vfio_intx_start - see that the host can deliver INTx; it is off again afterwards
 * @vp: configuration space and MSI-X are set up
 * @err: filled on failure
 *
 * What the host cannot deliver the guest is not offered, if there is MSI or MSI-X instead.
 * Return: 0; -EOPNOTSUPP KVM cannot resample; -EBUSY the host's line cannot be shared; -errno.
 */
int vfio_intx_start(struct vfio_pci *vp, struct error *err);

/**
 * vfio_intx_destroy - switch it off and close its eventfds
 * @vp: after vfio_intx_init(); off the bus, or no vCPU runs
 *
 * Main thread, not within a callback of its ring.
 */
void vfio_intx_destroy(struct vfio_pci *vp);

/**
 * vfio_intx_update - deliver INTx as the guest's command register lets it, once it has stayed with INTx
 * @vp: on a bus, whose lock is held; neither MSI nor MSI-X is on in the host
 */
void vfio_intx_update(struct vfio_pci *vp);

/**
 * vfio_intx_disable - stop it, with the line that the guest sees dropped
 * @vp: its bus's lock is held, or no vCPU runs
 */
void vfio_intx_disable(struct vfio_pci *vp);

#endif
