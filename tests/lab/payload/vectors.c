/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that takes MSI-X vectors of an NVMe controller on bus 0 in Linux's order, masks and unmasks one, and reads
 * configuration space, so that what each of these costs a VMM can be counted; bench/measure_vfio.py does. Command line:
 * vectors=N, as many as it uses. The vectors never fire.
 *
 * Each phase lies between two writes to port MARK, of its number and of 0, of which a VMM takes no notice. Before the
 * first one it waits for a byte on COM1, after the last one it stays as it is.
 *
 * 32-bit protected mode without paging or interrupts, as the PVH entry leaves it.
 * Source: Linux, drivers/pci/msi/msi.c, msix_capability_init() and pci_write_msg_msix().
 */
#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/payload/pci.h"
#include "tests/lab/payload/start.h"

#define PORT_MARK   0x80
#define COM1_STATUS (PORT_COM1 + 5)
#define DATA_READY  1

#define ROUNDS 1000
#define SETTLE_TICKS \
	(1U << 30) /* a quarter of a second or more: whatever a VMM puts off is done by then */

#define Q35	 0x29c08086U /* host bridge, whose register says where ECAM is */
#define PCIEXBAR 0x60
#define ECAM	 0xe8000000U /* torc's */
#define FREE	 0xd0000000U /* in the window for BARs of both VMMs */

#define CLASS	     0x08
#define INTX_DISABLE 0x0400U
#define NVME	     0x010802U
#define MSIX_ENABLE  0x8000U
#define MSIX_MASKALL 0x4000U
#define ENTRY_MASKED 1U

/* Messages: to the first CPU; the vector that Linux parks an interrupt at until it is requested, and others. */
#define MESSAGE	      0xfee00000U
#define VECTOR_PARKED 0xef
#define VECTOR_FIRST  0x30

enum phase {
	PHASE_END,
	PHASE_BRING_UP,
	PHASE_MASK,
	PHASE_CONFIG
};

__asm__(".section .start, \"ax\"\n"
	"mov $0x180000, %esp\n"
	"push %ebx\n"
	"call vectors\n"
	"1: hlt; jmp 1b\n"
	".text\n");

void vectors(const struct start_info *info);

static uint32_t ecam;
static unsigned slot, msix, nr_vectors;
static volatile uint32_t (*table)[4];

static void mark(unsigned phase)
{
	out8(PORT_MARK, (uint8_t)phase);
}

static void settle(void)
{
	for (uint64_t end = ticks() + SETTLE_TICKS; ticks() < end;)
		;
}

static bool find_controller(void)
{
	for (slot = 0; slot < 32; slot++)
		if (config_read(slot, CLASS) >> 8 == NVME)
			break;
	msix = slot < 32 ? config_capability(slot, PCI_CAP_MSIX) : 0;
	return msix;
}

/* What a driver has done before it asks for vectors: pci_enable_device(), pci_set_master(). */
static void enable_controller(void)
{
	uint32_t where = config_read(slot, msix + 4), high = config_read(slot, PCI_BAR0 + 4);

	if (high) {
		config_write(slot, PCI_BAR0, FREE);
		config_write(slot, PCI_BAR0 + 4, 0);
	}
	config_write16(slot, PCI_COMMAND, config_read16(slot, PCI_COMMAND) | 6);
	table = (volatile uint32_t(*)[4])((config_read(slot, PCI_BAR0) & ~15U) + (where & ~7U));
	nr_vectors = (config_read16(slot, msix + 2) & 0x7ff) + 1U;
	ecam = ECAM;
	if (config_read(0, 0) == Q35)
		ecam = config_read(0, PCIEXBAR) & 0xf0000000U;
}

static void write_message(unsigned vector, uint32_t data)
{
	table[vector][0] = MESSAGE;
	table[vector][1] = 0;
	table[vector][2] = data;
	(void)table[vector][2];
}

static void bring_up(unsigned nr)
{
	uint16_t control = config_read16(slot, msix + 2);

	mark(PHASE_BRING_UP);
	config_write16(slot, msix + 2, control | MSIX_ENABLE | MSIX_MASKALL);
	for (unsigned i = 0; i < nr; i++) {
		(void)table[i][3];
		write_message(i, VECTOR_PARKED);
	}
	config_write16(slot, PCI_COMMAND, config_read16(slot, PCI_COMMAND) | INTX_DISABLE);
	for (unsigned i = 0; i < nr_vectors; i++)
		table[i][3] = ENTRY_MASKED;
	config_write16(slot, msix + 2, control | MSIX_ENABLE);
	/* request_irq() of each */
	for (unsigned i = 0; i < nr; i++) {
		write_message(i, VECTOR_FIRST + i);
		table[i][3] = 0;
	}
	settle();
	mark(PHASE_END);
}

static void mask_and_unmask(void)
{
	mark(PHASE_MASK);
	for (unsigned i = 0; i < ROUNDS; i++) {
		table[0][3] = ENTRY_MASKED;
		(void)table[0][3];
		table[0][3] = 0;
	}
	settle();
	mark(PHASE_END);
}

/* By the ports and by ECAM: identification; BAR 0; command and status, part of which only the device knows. */
static void read_config(void)
{
	static const uint8_t offset[] = { 0, PCI_BAR0, PCI_COMMAND };
	unsigned phase = PHASE_CONFIG;

	for (unsigned i = 0; i < sizeof(offset); i++) {
		mark(phase++);
		for (unsigned n = 0; n < ROUNDS; n++)
			config_read(slot, offset[i]);
		mark(PHASE_END);
		mark(phase++);
		for (unsigned n = 0; n < ROUNDS; n++)
			(void)*(volatile uint32_t *)(ecam + (slot << 15) + offset[i]);
		mark(PHASE_END);
	}
}

void vectors(const struct start_info *info)
{
	unsigned nr = start_option(info, "vectors=", 1);

	if (!find_controller()) {
		print("no NVMe controller with MSI-X\n");
		return;
	}
	enable_controller();
	if (nr > nr_vectors) {
		print("more vectors than the controller has\n");
		return;
	}
	print("READY\n");
	while (!(in8(COM1_STATUS) & DATA_READY))
		;
	bring_up(nr);
	mask_and_unmask();
	read_config();
	print("DONE\n");
}
