/* SPDX-License-Identifier: Apache-2.0 */
/**
 * BARs: their registers, and where they are mapped. Internal to core/pci; the caller holds the
 * bus's lock once vCPUs run.
 */
#ifndef CORE_PCI_BAR_H
#define CORE_PCI_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pci/pci.h"

/* What a memory BAR takes at least of its window. */
#define PCI_PAGE_SIZE 4096ULL

/**
 * pci_bar_register - where a BAR's register is
 * @bar: 0 to PCI_ROM_BAR
 *
 * Return: its offset in configuration space.
 */
unsigned pci_bar_register(unsigned bar);

/**
 * pci_bar_is_decode_register - whether a dword of configuration space decides what is mapped where
 * @offset: a multiple of 4
 *
 * Return: true for command and status, the BARs and the ROM BAR.
 */
bool pci_bar_is_decode_register(unsigned offset);

/**
 * pci_bar_init_registers - data, wmask and live of all BAR registers, from bar[]
 * @dev: its bar[] is set; addresses become 0
 */
void pci_bar_init_registers(struct pci_device *dev);

/**
 * pci_bar_set_address - write an address into a BAR's registers, as firmware would
 * @dev: the function; nothing is mapped or unmapped
 * @bar: one in use
 * @addr: a multiple of its size
 */
void pci_bar_set_address(struct pci_device *dev, unsigned bar, uint64_t addr);

/**
 * pci_bar_in_window - whether a range lies in a window that a BAR of this kind may use
 * @bus: the bus
 * @kind: of the BAR
 * @addr: start
 * @size: bytes
 *
 * Return: true when the whole of it does.
 */
bool pci_bar_in_window(const struct pci_bus *bus, enum pci_bar_kind kind, uint64_t addr,
		       uint64_t size);

/**
 * pci_bar_update - map and unmap after a function's command or BAR registers changed
 * @dev: on a bus
 *
 * Where that frees a place, BARs of other functions that wanted it are mapped.
 */
void pci_bar_update(struct pci_device *dev);

/**
 * pci_bar_unmap_all - unmap all BARs of a function
 * @dev: on a bus
 *
 * Return: true when there were any.
 */
bool pci_bar_unmap_all(struct pci_device *dev);

/**
 * pci_bar_map_waiting - map what is enabled, unmapped and has a place
 * @bus: the bus
 * @only: of this function; NULL for all
 */
void pci_bar_map_waiting(struct pci_bus *bus, const struct pci_device *only);

#endif
