/* SPDX-License-Identifier: Apache-2.0 */
/**
 * ACPI: from a plain description of the machine to the bytes of its tables.
 *
 * Pure: no state, no system calls, any thread. The tables are hardware-reduced (ACPI 6.4, 4.1): no PM timer, no
 * SCI, no legacy devices; sleep and reset by registers in I/O space, events by a Generic Event Device.
 */
#ifndef CORE_ACPI_ACPI_H
#define CORE_ACPI_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct acpi_window {
	uint64_t base;
	uint64_t size; /* 0: none */
};

struct acpi_uart {
	uint16_t port; /* 0: none */
	uint8_t gsi;
};

/** Guest memory of one proximity domain. */
struct acpi_memory {
	uint64_t base;
	uint64_t size;
	uint32_t domain;
};

/**
 * The guest's NUMA nodes; nr_domains 0: it has none, and neither SRAT nor SLIT.
 *
 * Domains are numbers below nr_domains. Memory has to cover all of RAM, or Linux drops the SRAT.
 */
struct acpi_numa {
	unsigned nr_domains;
	const uint32_t *cpu_domain; /* nr_cpus of them */
	unsigned nr_memory;
	const struct acpi_memory *memory;
	const uint8_t *distance; /* a row for each domain, of distances to all; 10 to itself */
};

#define ACPI_MAX_PCI_ROOTS 17

/**
 * A PCI root bus. Several have numbers from 0 on, in a row.
 *
 * Linux (up to 6.12 at least, on x86) takes the domain of every function from the root bus's _PXM and from nothing
 * else, so functions of several domains need a root bus each, as machines with several sockets have them.
 */
struct acpi_pci_root {
	int domain; /* -1: not known, or no NUMA */
	struct acpi_window io;
	struct acpi_window mem32;
	struct acpi_window mem64;
	uint32_t hotplug_slots; /* a bit for each whose function may come and go */
};

#define ACPI_HOTPLUG_REGISTERS 12 /* bytes for each root bus */

/**
 * Registers by which functions come and go: three dwords in I/O space for each root bus, a bit for each slot. They name
 * the slots where a function was added, those where one is to leave, each until it is read; and take the slots that
 * the guest is done with. The interrupt is level-triggered, active high, and asserted while one of the first two is not 0.
 */
struct acpi_hotplug {
	uint16_t port;	 /* of root bus 0; 0: none */
	uint16_t stride; /* from bus to bus, ACPI_HOTPLUG_REGISTERS to 255 */
	uint8_t gsi;
};

struct acpi_machine {
	unsigned nr_cpus;	  /* 1 to 255 */
	const uint32_t *apic_ids; /* @nr_cpus of them; ids above 254 become x2APIC entries */
	uint8_t ioapic_id;
	uint32_t ioapic_addr;
	uint32_t lapic_addr;
	uint64_t ecam_base;    /* of bus 0; 1 MiB for each root bus */
	unsigned nr_pci_roots; /* 1 to ACPI_MAX_PCI_ROOTS */
	struct acpi_pci_root pci_root[ACPI_MAX_PCI_ROOTS];
	uint8_t intx_gsi; /* of four, for all root buses; device D, pin P (0-3) uses intx_gsi + (D + P) mod 4 */
	uint16_t sleep_control_port;
	uint16_t sleep_status_port;
	uint16_t reset_port;
	uint8_t reset_value;
	struct acpi_uart uart;
	struct acpi_hotplug hotplug;
	struct acpi_numa numa;
};

/** What the guest writes to the sleep control register to power off: SLP_TYP 5, SLP_EN. */
#define ACPI_SLEEP_POWER_OFF ((5U << 2) | (1U << 5))

/**
 * acpi_build - write RSDP, XSDT, FADT, MADT, MCFG, DSDT and for NUMA nodes SRAT and SLIT
 * @machine: the description
 * @base: guest physical address at which @buf will lie, a multiple of 16
 * @buf: @size bytes; the RSDP is at its start; contents undefined on failure
 * @size: of @buf; 128 KiB less 16 hold 255 CPUs, ACPI_MAX_PCI_ROOTS root buses and 16 NUMA nodes
 * @used: receives how many bytes were written; untouched on failure
 * @err: filled on failure
 *
 * Return: 0; -EINVAL for a description out of range; -ENOSPC when @size is too small.
 * Source: ACPI 6.4, 5.2 (tables), 20 (AML); PCI Firmware 3.3, 4.1 (MCFG, _OSC).
 */
int acpi_build(const struct acpi_machine *machine, uint64_t base, void *buf, size_t size,
	       size_t *used, struct error *err);

#endif
