/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Quirks: what devices say of themselves that is not true, as far as torc would act on it.
 *
 * The host's kernel has its own table, with what concerns resets, interrupts and DMA; this one is of a VMM's business:
 * the layout of BARs and the ROM. Constant; any thread.
 */
#ifndef VFIO_PCI_QUIRKS_H
#define VFIO_PCI_QUIRKS_H

#include <stdbool.h>
#include <stdint.h>

/** Of one kind of device; a member that is 0 means that nothing is wrong there. */
struct vfio_quirk {
	uint16_t vendor, device;
	uint16_t device_mask; /* the bits of the device ID that count */
	/* Of MSI-X's pending bits, when the capability's lies outside the BAR. */
	uint32_t pba_offset;
	bool rom_hangs; /* when it is read */
};

/**
 * vfio_quirk_find - what is wrong with a device
 * @config: its configuration space, the first 64 bytes at least
 *
 * Return: its quirk, all 0 for a device that has none.
 */
const struct vfio_quirk *vfio_quirk_find(const uint8_t *config);

#endif
