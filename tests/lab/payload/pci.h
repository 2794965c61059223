/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Configuration space of the functions 0 on bus 0, by the ports (PCI Local Bus 3.0, 3.2.2.3.2). One vCPU.
 */
#ifndef TESTS_LAB_PAYLOAD_PCI_H
#define TESTS_LAB_PAYLOAD_PCI_H

#include <stdint.h>

#include "tests/lab/payload/port.h"

#define PCI_COMMAND	 0x04
#define PCI_MASTER	 0x06U /* bus master, and memory decoding */
#define PCI_BAR0	 0x10
#define PCI_CAPABILITIES 0x34
#define PCI_CAP_MSI	 0x05
#define PCI_CAP_MSIX	 0x11

/**
 * config_read - a dword of configuration space
 * @slot: the device's
 * @offset: aligned
 *
 * Return: what is read; all ones without a device.
 */
static inline uint32_t config_read(unsigned slot, unsigned offset)
{
	out32(PORT_PCI_ADDRESS, 0x80000000U | slot << 11 | offset);
	return in32(PORT_PCI_DATA);
}

/**
 * config_write - a dword of configuration space
 * @slot: the device's
 * @offset: aligned
 * @value: what to write
 */
static inline void config_write(unsigned slot, unsigned offset, uint32_t value)
{
	out32(PORT_PCI_ADDRESS, 0x80000000U | slot << 11 | offset);
	out32(PORT_PCI_DATA, value);
}

/**
 * config_read16 - a word of configuration space
 * @slot: the device's
 * @offset: aligned
 *
 * Return: what is read.
 */
static inline uint16_t config_read16(unsigned slot, unsigned offset)
{
	out32(PORT_PCI_ADDRESS, 0x80000000U | slot << 11 | (offset & 0xfcU));
	return in16((uint16_t)(PORT_PCI_DATA + (offset & 2U)));
}

/**
 * config_write16 - a word of configuration space, and nothing beside it
 * @slot: the device's
 * @offset: aligned
 * @value: what to write
 */
static inline void config_write16(unsigned slot, unsigned offset, uint16_t value)
{
	out32(PORT_PCI_ADDRESS, 0x80000000U | slot << 11 | (offset & 0xfcU));
	out16((uint16_t)(PORT_PCI_DATA + (offset & 2U)), value);
}

/**
 * config_capability - find a capability
 * @slot: the device's
 * @id: which
 *
 * Return: its offset; 0 without one.
 */
static inline unsigned config_capability(unsigned slot, unsigned id)
{
	unsigned at = config_read(slot, PCI_CAPABILITIES) & 0xff;

	while (at && (config_read(slot, at) & 0xff) != id)
		at = config_read(slot, at) >> 8 & 0xff;
	return at;
}

#endif
