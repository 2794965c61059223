/* SPDX-License-Identifier: Apache-2.0 */
/**
 * PCI: root buses, their functions' configuration space, and where their BARs lie.
 *
 * A function's configuration space is three byte tables: `data` (what the guest reads), `wmask`
 * (bits the guest may change in data) and `live` (bits that are not in data at all but in a
 * physical device, reached through the function's ops). core/pci itself understands the header:
 * command, BARs, ROM BAR. Capabilities belong to whoever adds them; config_written() tells the
 * owner that a register changed.
 *
 * Configuration accesses come from vCPU threads and serialise on the bus's mutex, under which every
 * op is called: an op must not call back into the bus. Lock order: bus, then pci_msix, then iobus
 * and whatever lies below; so an op of a pci_msix must not access configuration space.
 *
 * A BAR is mapped exactly while it is enabled in the command register and lies in one of the bus's
 * windows on no other BAR; a BAR that loses its place gets it back when the other one moves away.
 * Source: PCI Local Bus 3.0, chapter 6; PCI Express 5.0, 7.2 (ECAM), 7.5 (header, capabilities).
 */
#ifndef CORE_PCI_PCI_H
#define CORE_PCI_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/kvm/iobus.h"

#define PCI_CONFIG_SIZE	 4096
#define PCI_NR_BARS	 6
#define PCI_NR_DEVICES	 32
#define PCI_MAX_MAPPABLE (PCI_NR_BARS + 1) /* the ROM is number 6 */
#define PCI_ROM_BAR	 6

#define PCI_ANY_CAPABILITY 0x100 /* for pci_find_capability() */

enum pci_bar_kind {
	PCI_BAR_NONE, /* also the upper half of a 64-bit BAR */
	PCI_BAR_IO,
	PCI_BAR_MEM32,
	PCI_BAR_MEM64,
};

struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	uint64_t size; /* a power of two; at least 16 for memory (2,048 for the ROM), 4 for I/O */
	bool mapped;
	bool failed;   /* bar_map refused; reported once, cleared when it succeeds */
	uint64_t addr; /* while mapped */
};

struct pci_device;

struct pci_device_ops {
	/* Live bits: the physical register's value. NULL when `live` is all zero. */
	uint32_t (*config_read)(struct pci_device *dev, unsigned offset, unsigned size);
	/* Live bits: change those in @mask. NULL likewise. */
	void (*config_write)(struct pci_device *dev, unsigned offset, unsigned size, uint32_t value,
			     uint32_t mask);
	/* data in [offset, offset + size) may have changed: the access covered a bit of wmask.
	 * Called for the command register too, after BARs were mapped or unmapped; not for BARs.
	 * May be NULL. */
	void (*config_written)(struct pci_device *dev, unsigned offset, unsigned size);
	/* Make a BAR answer at @addr, or stop doing so. 0; -errno: the BAR stays unmapped. */
	int (*bar_map)(struct pci_device *dev, unsigned bar, uint64_t addr);
	void (*bar_unmap)(struct pci_device *dev, unsigned bar, uint64_t addr);
};

struct pci_bus;

struct pci_device {
	const struct pci_device_ops *ops;
	const char *name; /* for the log; borrowed */
	struct pci_bus *bus;
	uint8_t slot;	/* device number on the bus, function 0 */
	bool removable; /* the guest may eject it; set before pci_bus_add() */
	uint8_t data[PCI_CONFIG_SIZE];
	uint8_t wmask[PCI_CONFIG_SIZE];
	uint8_t live[PCI_CONFIG_SIZE];
	uint8_t reset_data[PCI_CONFIG_SIZE]; /* data as pci_bus_assign() left it */
	struct pci_bar bar[PCI_MAX_MAPPABLE];
	uint8_t cap_last;  /* offset of the last capability added; 0: none */
	uint64_t cap_used; /* a bit per dword of the first 256 bytes that capabilities take */
};

struct pci_window {
	uint64_t base;
	uint64_t size; /* 0: none */
};

struct pci_bus {
	uint8_t number;
	struct pci_bus
		*next; /* of the same segment, with the next number; fixed while a vCPU runs */
	pthread_mutex_t lock;
	struct pci_device *device[PCI_NR_DEVICES]; /* changed by the main thread, under the lock */
	struct pci_window io, mem32, mem64;
	uint32_t config_address; /* port 0xcf8; bus 0's only, as all that follows */
	uint8_t reset_port;	 /* last value written to port 0xcf9 */
	/* Port 0xcf9 was written; called without the lock. Set before a vCPU runs; may be NULL. */
	void (*reset_port_write)(void *opaque, uint8_t value);
	void *reset_port_opaque;
	struct pci_device host_bridge; /* of every bus */
};

struct pci_bus_config {
	struct pci_window io, mem32, mem64;
	struct pci_bus *first; /* bus 0, which outlives this one; NULL: this is bus 0 */
};

/**
 * pci_bus_init - a bus with a host bridge in slot 0
 * @bus: embedded
 * @config: the windows in which BARs may lie
 *
 * Return: 0; -errno of pthread_mutex_init().
 */
int pci_bus_init(struct pci_bus *bus, const struct pci_bus_config *config);

/**
 * pci_bus_destroy - unmap every BAR; devices are their owners' to free
 * @bus: initialised or zeroed; no vCPU runs
 */
void pci_bus_destroy(struct pci_bus *bus);

/**
 * pci_bus_add - put a function on the bus
 * @bus: the bus; vCPUs may run
 * @dev: embedded in its owner; @dev->ops, data, wmask, live and bar[] are set; stays until
 * pci_bus_remove()
 * @slot: device number, or -1 for the first free one
 * @err: filled on failure
 *
 * Whatever data, wmask and live say there, the function starts with decoding off, BARs at 0, a type
 * 0 header without the multifunction bit and no error bits in its status; the command's decode bits
 * and the BARs are never live. Main thread.
 * Return: 0; -EEXIST slot taken; -ENOSPC all 31 taken; -EINVAL no such slot, or already on a bus.
 */
int pci_bus_add(struct pci_bus *bus, struct pci_device *dev, int slot, struct error *err);

/**
 * pci_bus_remove - take a function off the bus, its BARs unmapped
 * @dev: on a bus, or on none
 *
 * A vCPU may still be within an access to a BAR that it began before. Main thread.
 */
void pci_bus_remove(struct pci_device *dev);

/**
 * pci_bus_fixed_slots - slots whose function the guest cannot eject
 * @bus: the bus
 *
 * Any thread. Return: a bit for each; empty slots are not among them.
 */
uint32_t pci_bus_fixed_slots(struct pci_bus *bus);

/**
 * pci_bus_assign - give every BAR an address, as firmware would
 * @bus: all functions added; no vCPU runs
 * @err: filled on failure: which BAR of what size does not fit into which window
 *
 * Largest first, naturally aligned; 64-bit BARs go to the 64-bit window when there is one, else
 * below 4 GiB. Memory BARs below a page get a page of their own. Leaves decoding off and remembers
 * the result for pci_bus_reset(). All or nothing.
 * Return: 0; -ENOSPC.
 */
int pci_bus_assign(struct pci_bus *bus, struct error *err);

/**
 * pci_bus_check_room - whether pci_bus_assign() would find a place for every BAR if a function were added
 * @bus: the bus; vCPUs may run
 * @dev: the function, on no bus yet
 * @err: filled on failure, as by pci_bus_assign()
 *
 * Main thread. Return: 0; -ENOSPC.
 */
int pci_bus_check_room(struct pci_bus *bus, struct pci_device *dev, struct error *err);

/**
 * pci_bus_reset - configuration space of every function as pci_bus_assign() left it, all BARs
 * unmapped
 * @bus: no vCPU runs
 */
void pci_bus_reset(struct pci_bus *bus);

/**
 * pci_device_init - an empty type 0 header
 * @dev: embedded; everything else zeroed
 * @ops: constant
 * @name: borrowed
 *
 * The guest may write the command bits I/O, memory, bus master, parity, SERR and INTx disable, the
 * cache line size and the interrupt line. Identifiers, class and interrupt pin are the caller's to
 * fill in.
 */
void pci_device_init(struct pci_device *dev, const struct pci_device_ops *ops, const char *name);

/**
 * pci_device_set_bar - describe a BAR and make its registers sizable
 * @dev: not yet on a bus
 * @bar: 0 to 5; 0 to 4 for a 64-bit one, which takes the next too; PCI_ROM_BAR
 * @desc: kind, prefetchable and size
 *
 * Return: 0; -EINVAL for a size that is no power of two, too small or (32-bit, I/O) above 2 GiB, a
 * number out of range, or one that is in use.
 */
int pci_device_set_bar(struct pci_device *dev, unsigned bar, const struct pci_bar *desc);

/**
 * pci_device_add_capability - append a capability to the list
 * @dev: the function
 * @id: PCI_CAP_ID_*
 * @offset: where, a multiple of 4 from 0x40 on; 0 for the first free place after the last one added
 * @body: bytes after the two-byte header, copied to data; may be NULL for zeroes
 * @size: bytes including the header
 *
 * Sets the status register's capability bit and links it as the last one. wmask and live are the
 * caller's.
 * Return: its offset; -EINVAL for an offset or size out of range, or over another capability;
 * -ENOSPC.
 */
int pci_device_add_capability(struct pci_device *dev, uint8_t id, unsigned offset, const void *body,
			      unsigned size);

/**
 * pci_find_capability - walk a capability list, safely
 * @config: @size bytes of configuration space, 256 or more; untrusted
 * @size: of @config
 * @id: PCI_CAP_ID_*; PCI_ANY_CAPABILITY
 * @from: 0, or the offset of a capability to go on after
 *
 * A loop, or a pointer into the header, ends the walk, also one in steps over @from. Any thread.
 * Return: its offset; 0 when there is none, and when @from is not on the list.
 */
unsigned pci_find_capability(const uint8_t *config, unsigned size, unsigned id, unsigned from);

/**
 * pci_find_ext_capability - the same for PCI Express extended capabilities
 * @config: @size bytes; untrusted
 * @size: PCI_CONFIG_SIZE; less gives 0
 * @id: PCI_EXT_CAP_ID_*
 * @from: 0, or the offset of one to go on after
 *
 * Any thread. Return: its offset; 0 when there is none, and when @from is not on the list.
 */
unsigned pci_find_ext_capability(const uint8_t *config, unsigned size, uint16_t id, unsigned from);

/**
 * pci_config_read - a guest's read of configuration space
 * @bus: bus 0
 * @bdf: bus << 8 | device << 3 | function
 * @offset: any
 * @size: 1, 2 or 4; an access that crosses a dword boundary or the end gives all ones
 *
 * vCPU threads. Return: the value; all ones for an absent function.
 */
uint32_t pci_config_read(struct pci_bus *bus, unsigned bdf, unsigned offset, unsigned size);

/**
 * pci_config_write - a guest's write to configuration space
 * @bus: bus 0
 * @bdf: bus << 8 | device << 3 | function
 * @offset: any
 * @size: 1, 2 or 4; an access that crosses a dword boundary or the end is dropped
 * @value: the value
 *
 * vCPU threads.
 */
void pci_config_write(struct pci_bus *bus, unsigned bdf, unsigned offset, unsigned size,
		      uint32_t value);

/**
 * Ports 0xcf8 to 0xcff (eight bytes), opaque is bus 0. Holds the reset register at
 * 0xcf9 too: a write of one byte there calls reset_port_write(), a read gives the last value
 * written.
 */
extern const struct iobus_ops pci_port_ops;

/** The ECAM region of all buses from 0 on (1 MiB each), opaque is bus 0. */
extern const struct iobus_ops pci_ecam_ops;

#endif
