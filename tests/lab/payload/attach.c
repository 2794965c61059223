/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that takes interrupts of every device on bus 0, as a driver does that comes: two vectors by MSI-X, else one
 * by MSI, else the line. None is delivered, as nothing is asked of the devices. Prints how many devices have MSI-X, MSI
 * and neither, then powers off with everything enabled.
 *
 * 32-bit without paging, from the PVH entry, without a descriptor table of its own.
 */
#include <stdint.h>

#include "tests/lab/payload/pci.h"
#include "tests/lab/payload/port.h"

#define NR_SLOTS    32
#define NR_VECTORS  2
#define MESSAGE	    0xfee00000U
#define VECTOR	    0x40
#define PCI_BAR_64  4U
#define MMIO32	    0xe0000000U /* where every BAR with a table goes, within reach */
#define MSIX_ENABLE (1U << 31)
#define MSI_ENABLE  (1U << 16)

__asm__(".section .start, \"ax\"\n"
	"mov $0x400000, %esp\n"
	"call main\n"
	".text\n");

static void enable_msix(unsigned slot, unsigned cap)
{
	uint32_t table = config_read(slot, cap + 4);
	uint32_t bar = PCI_BAR0 + (table & 7) * 4, at = MMIO32 + (slot << 20);
	volatile uint32_t *entry = (volatile uint32_t *)(at + (table & ~7U));

	if (config_read(slot, bar) & PCI_BAR_64)
		config_write(slot, bar + 4, 0);
	config_write(slot, bar, at);

	for (unsigned i = 0; i < NR_VECTORS; i++, entry += 4) {
		entry[0] = MESSAGE;
		entry[1] = 0;
		entry[2] = VECTOR + i;
		entry[3] = 0;
	}
	config_write(slot, cap, MSIX_ENABLE);
}

static void enable_msi(unsigned slot, unsigned cap)
{
	config_write(slot, cap + 4, MESSAGE);
	config_write(slot, cap + 8, 0);
	config_write(slot, cap + 12, VECTOR);
	config_write(slot, cap, MSI_ENABLE);
}

void main(void);
void main(void)
{
	unsigned nr_msix = 0, nr_msi = 0, nr_intx = 0, cap;

	for (unsigned slot = 1; slot < NR_SLOTS; slot++) {
		if (config_read(slot, 0) == UINT32_MAX)
			continue;
		config_write(slot, PCI_COMMAND, PCI_MASTER);
		if ((cap = config_capability(slot, PCI_CAP_MSIX))) {
			enable_msix(slot, cap);
			nr_msix++;
		} else if ((cap = config_capability(slot, PCI_CAP_MSI))) {
			enable_msi(slot, cap);
			nr_msi++;
		} else {
			nr_intx++;
		}
	}
	print("ATTACHED ");
	print_number(nr_msix);
	print(" ");
	print_number(nr_msi);
	print(" ");
	print_number(nr_intx);
	print("\n");
	power_off();
}
