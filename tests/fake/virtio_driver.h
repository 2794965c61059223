/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A virtio driver for tests: plays the guest of one device on its PCI bus, with one thread.
 *
 * It has guest memory, a VM without KVM (tests/fake/kvm_ioctl.h), one ring thread and queues of DRIVER_QUEUE_SIZE at
 * fixed places. Buffers are taken from guest memory by address; everything from DRIVER_DATA on is the test's.
 */
#ifndef TESTS_FAKE_VIRTIO_DRIVER_H
#define TESTS_FAKE_VIRTIO_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/device/device.h"
#include "core/kvm/vm.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring_thread.h"
#include "io/virtio/pci.h"

#define DRIVER_QUEUE_SIZE 128 /* or what the device has, if less */
#define DRIVER_MAX_QUEUES 5
#define DRIVER_MEMORY	  (32 * MIB)
#define DRIVER_DATA	  (1 * MIB)
#define DRIVER_INTX	  17 /* the device's GSI */

/** Offsets in the BAR, as the capabilities give them. */
#define DRIVER_COMMON 0x0000
#define DRIVER_ISR    0x1000
#define DRIVER_CONFIG 0x2000
#define DRIVER_NOTIFY 0x3000
#define DRIVER_MSIX   0x4000

struct driver_queue {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t size;
	uint16_t next_desc; /* of the next chain */
	uint16_t next_used; /* to look at */
};

struct driver {
	struct vm vm;
	struct guest_mem mem;
	struct ring ring; /* the main thread's, for the batch */
	struct irq_batch batch;
	struct device_site site; /* with these; quit() and its opaque are the test's to set */
	struct ring_thread ring_thread;
	struct iobus_reader reader;
	struct pci_bus bus;
	struct virtio_pci *vp;
	struct driver_queue queue[DRIVER_MAX_QUEUES];
};

/** A buffer of a chain. */
struct driver_buffer {
	uint64_t addr;
	uint32_t len;
	bool writable;
};

/**
 * driver_init - everything but the device
 * @d: embedded
 *
 * Return: 0; -1.
 */
int driver_init(struct driver *d);

/**
 * driver_destroy - free it
 * @d: detached
 */
void driver_destroy(struct driver *d);

/**
 * driver_attach - give it a device, on the bus with its BAR mapped, its queues served by the ring
 * @d: initialised
 * @vp: made with its host
 */
void driver_attach(struct driver *d, struct virtio_pci *vp);

/**
 * driver_adopt - have a function that is on the bus already answer at its BARs
 * @d: initialised
 * @pci: the only one there
 */
void driver_adopt(struct driver *d, struct pci_device *pci);

/**
 * driver_detach - reset the device and free it
 * @d: initialised, attached or not
 */
void driver_detach(struct driver *d);

/**
 * driver_read - read a register
 * @d: attached
 * @offset: in the BAR
 * @size: 1, 2, 4 or 8
 *
 * Return: the value.
 */
uint64_t driver_read(struct driver *d, uint64_t offset, unsigned size);

/**
 * driver_write - write a register
 * @d: attached
 * @offset: in the BAR
 * @size: 1, 2, 4 or 8
 * @value: the value
 */
void driver_write(struct driver *d, uint64_t offset, unsigned size, uint64_t value);

/**
 * driver_reset - reset the device and wait until its status says so
 * @d: attached
 */
void driver_reset(struct driver *d);

/**
 * driver_config_read - read configuration space
 * @d: attached
 * @offset: any
 * @size: 1, 2 or 4
 *
 * Return: the value.
 */
uint32_t driver_config_read(struct driver *d, unsigned offset, unsigned size);

/**
 * driver_config_write - write configuration space
 * @d: attached
 * @offset: any
 * @size: 1, 2 or 4
 * @value: the value
 */
void driver_config_write(struct driver *d, unsigned offset, unsigned size, uint32_t value);

/**
 * driver_start - reset, negotiate, set the queues up, DRIVER_OK
 * @d: attached
 * @features: to accept of those offered, without VIRTIO_F_VERSION_1, which always is
 * @nr_queues: to enable; queue i has MSI-X vector i + 1, the configuration 0
 */
void driver_start(struct driver *d, uint64_t features, unsigned nr_queues);

/**
 * driver_prepare - the same but for DRIVER_OK, so that chains can be there before the device looks
 * @d: attached
 * @features: as driver_start()
 * @nr_queues: as driver_start()
 */
void driver_prepare(struct driver *d, uint64_t features, unsigned nr_queues);

/**
 * driver_go - DRIVER_OK
 * @d: prepared
 */
void driver_go(struct driver *d);

/**
 * driver_add - make a chain available
 * @d: prepared or started
 * @queue: number
 * @buffers: of the chain
 * @nr: how many
 *
 * Return: its head.
 */
uint16_t driver_add(struct driver *d, unsigned queue, const struct driver_buffer *buffers,
		    unsigned nr);

/**
 * driver_kick - ring the doorbell
 * @d: started
 * @queue: number
 */
void driver_kick(struct driver *d, unsigned queue);

/**
 * driver_wait - wait for the next used element
 * @d: started
 * @queue: number
 * @elem: receives it
 *
 * Return: false when none came for 5 s.
 */
bool driver_wait(struct driver *d, unsigned queue, struct vring_used_elem *elem);

/**
 * driver_enable_msix - give every vector a message, whose data is its number, and unmask them
 * @d: attached
 *
 * What is signalled from then on can be had by fake_kvm_deliver().
 */
void driver_enable_msix(struct driver *d);

/**
 * driver_ptr - host address of guest memory
 * @d: initialised
 * @addr: guest address
 *
 * Return: the address.
 */
void *driver_ptr(const struct driver *d, uint64_t addr);

/**
 * driver_count_workers - io_uring's worker threads in this process, for what could not be done without waiting
 *
 * Return: how many.
 */
unsigned driver_count_workers(void);

#endif
