/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The common configuration structure of virtio over PCI: Virtio 1.2, 4.1.4.3. Between pci.c and pci_common.c.
 */
#ifndef IO_VIRTIO_PCI_COMMON_H
#define IO_VIRTIO_PCI_COMMON_H

#include <stdint.h>

#include "io/virtio/pci.h"

/**
 * virtio_pci_common_read - a driver's read
 * @vp: its device locked
 * @offset: any
 * @size: 1, 2, 4 or 8
 *
 * Return: the value; 0 for what is not a field, or part of one.
 */
uint64_t virtio_pci_common_read(struct virtio_pci *vp, uint64_t offset, unsigned size);

/**
 * virtio_pci_common_write - a driver's write
 * @vp: its device locked
 * @offset: any
 * @size: 1, 2, 4 or 8; what is not exactly a field is dropped
 * @value: the value
 */
void virtio_pci_common_write(struct virtio_pci *vp, uint64_t offset, unsigned size, uint64_t value);

#endif
