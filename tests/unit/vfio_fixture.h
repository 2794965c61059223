/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tests of vfio's interrupts share: a passed-through device in slot 1 of a bus, reached through its
 * configuration space only; the device and KVM are fake.
 */
#ifndef TESTS_UNIT_VFIO_FIXTURE_H
#define TESTS_UNIT_VFIO_FIXTURE_H

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/kvm/layout.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/ring.h"
#include "tests/fake/vfio_device.h"
#include "vfio/pci/pci.h"

#define MSIX_CAP     0x60
#define MSIX_VECTORS 8
#define MSI_CAP	     0x80
#define MSI_VECTORS  8

/* What the device has. */
#define HAS_INTX 1U
#define HAS_MSIX 2U
#define HAS_MSI	 4U
#define MSI_WIDE 8U  /* 64-bit address */
#define MSI_MASK 16U /* mask and pending bits */
#define HAS_MORE 32U /* what most devices have besides, and what no guest is to see */

/* With HAS_MORE. */
#define PM_CAP	   0x40
#define VPD_CAP	   0x50
#define VENDOR_CAP 0x58
#define PCIE_CAP   0xa0
#define AER_CAP	   0x100
#define ARI_CAP	   0x150
#define SRIOV_CAP  0x160
#define REBAR_CAP  0x1b0
#define DSN_CAP	   0x1d0

struct fixture {
	struct ring ring;
	struct vm vm;
	struct irq_batch batch;
	struct vfio_dma dma;
	struct pci_bus bus;
	struct vfio_pci vp;
};

/**
 * fixture_init - a device as after its creation
 * @state: receives the fixture
 * @has: HAS_*
 *
 * Return: 0; -1.
 */
int fixture_init(void **state, unsigned has);

/**
 * fixture_destroy - end it
 * @state: a fixture
 *
 * Return: 0; -1 something is left attached or enabled.
 */
int fixture_destroy(void **state);

/**
 * guest_read - the guest reads the device's configuration space
 * @f: the fixture
 * @offset: of the register
 * @size: bytes
 *
 * Return: the value.
 */
uint32_t guest_read(struct fixture *f, unsigned offset, unsigned size);

/**
 * guest_write - the guest writes to the device's configuration space
 * @f: the fixture
 * @offset: of the register
 * @size: bytes
 * @value: the value
 */
void guest_write(struct fixture *f, unsigned offset, unsigned size, uint32_t value);

/**
 * set_command - the guest writes the command register
 * @f: the fixture
 * @command: the value
 */
void set_command(struct fixture *f, uint16_t command);

/**
 * settle - the main thread, until it has nothing left to do
 * @f: the fixture
 */
void settle(struct fixture *f);

/**
 * set_msix - the guest writes MSI-X's message control
 * @f: the fixture
 * @control: the value
 */
void set_msix(struct fixture *f, uint16_t control);

#endif
