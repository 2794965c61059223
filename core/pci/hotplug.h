/* SPDX-License-Identifier: Apache-2.0 */
/**
 * PCI hotplug: how a running guest learns that a function has come or is to go, and says that it is done with one.
 *
 * A register block in I/O space, PCI_HOTPLUG_STRIDE ports for each root bus, which the guest's ACPI code uses:
 *	0	slots where a function was added, until they are read
 *	4	slots whose function is to leave, until they are read
 *	8	written: slots whose function the guest has let go of (_EJ0)
 * Each is a dword with a bit for each slot, and takes dword accesses only. An interrupt line is asserted while one
 * of the first two is not 0, so that nothing is lost while nobody listens.
 *
 * Registers are accessed by vCPU threads, everything else is the main thread's to call. Lock order: a bus's lock and
 * this one's are never held together; set_irq() is called under this one.
 */
#ifndef CORE_PCI_HOTPLUG_H
#define CORE_PCI_HOTPLUG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/kvm/iobus.h"
#include "core/pci/pci.h"

#define PCI_HOTPLUG_STRIDE 16

struct pci_hotplug_ops {
	/* The interrupt line changes. */
	void (*set_irq)(void *opaque, bool level);
	/* The guest says that it has let go of functions: ask pci_hotplug_take_ejected() for those that may go. vCPU threads. */
	void (*ejected)(void *opaque);
};

/** A bit for each slot of a bus. */
struct pci_hotplug_slots {
	uint32_t inserted, leaving, ejected;
};

struct pci_hotplug {
	pthread_mutex_t lock;
	struct pci_hotplug_slots *slots; /* of each bus */
	unsigned nr_buses;
	const struct pci_hotplug_ops *ops;
	void *opaque;
	bool level; /* of the interrupt line */
};

/**
 * pci_hotplug_init - a controller for all root buses
 * @hp: embedded
 * @first: bus 0; all buses are there and outlive @hp
 * @ops: constant
 * @opaque: for @ops
 *
 * Return: 0; -ENOMEM.
 */
int pci_hotplug_init(struct pci_hotplug *hp, struct pci_bus *first,
		     const struct pci_hotplug_ops *ops, void *opaque);

/**
 * pci_hotplug_destroy - free; no vCPU runs
 * @hp: initialised or zeroed
 */
void pci_hotplug_destroy(struct pci_hotplug *hp);

/**
 * pci_hotplug_size - of the register block
 * @hp: initialised
 *
 * Return: number of ports.
 */
unsigned pci_hotplug_size(const struct pci_hotplug *hp);

/**
 * pci_hotplug_add - put a function on a bus and tell the guest
 * @hp: the controller
 * @bus: one of its buses
 * @dev: as for pci_bus_add(), removable
 * @err: filled on failure
 *
 * Its BARs are the guest's to place. Return: 0; what pci_bus_add() and pci_bus_check_room() return.
 */
int pci_hotplug_add(struct pci_hotplug *hp, struct pci_bus *bus, struct pci_device *dev,
		    struct error *err);

/**
 * pci_hotplug_ask - ask the guest to let go of a function
 * @hp: the controller
 * @dev: on one of its buses, removable
 */
void pci_hotplug_ask(struct pci_hotplug *hp, const struct pci_device *dev);

/**
 * pci_hotplug_take_ejected - whether the guest has let go of a function; true once
 * @hp: the controller
 * @dev: on one of its buses
 *
 * A guest may do that of its own accord. Return: true when the function is to be removed.
 */
bool pci_hotplug_take_ejected(struct pci_hotplug *hp, const struct pci_device *dev);

/**
 * pci_hotplug_remove - take a function off its bus and forget what was said of its slot
 * @hp: the controller
 * @dev: on one of its buses; a vCPU may still be within an access to one of its BARs
 */
void pci_hotplug_remove(struct pci_hotplug *hp, struct pci_device *dev);

/**
 * pci_hotplug_reset - forget everything, for a guest's reset: the next kernel finds what is there by itself
 * @hp: the controller; no vCPU runs
 */
void pci_hotplug_reset(struct pci_hotplug *hp);

/** The register block, opaque is the controller. */
extern const struct iobus_ops pci_hotplug_port_ops;

#endif
