/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that drives QEMU's edu device in slot 1 of bus 0 and counts its interrupts, one by one: by MSI, whose message
 * changes all the time, by INTx, and by turns. Moves data by the device's DMA. Prints what it counted, all of it twice as
 * if its driver had gone and come; then resets the machine once, and does the same again before it powers off.
 *
 * 32-bit without paging. Source: QEMU, docs/specs/edu.rst.
 */
#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/payload/pci.h"
#include "tests/lab/payload/port.h"

#define ROUNDS 500

/* Local APIC and I/O APIC. */
#define APIC_EOI    0xfee000b0U
#define APIC_SVR    0xfee000f0U
#define IOAPIC_SEL  0xfec00000U
#define IOAPIC_DATA 0xfec00010U
#define PIN	    17 /* of slot 1, INTA */
#define LEVEL_LOW   0xa000U
#define MASKED	    0x10000U

#define VECTOR_MSI   0x40 /* and the next one */
#define VECTOR_OTHER 0x41
#define VECTOR_INTX  0x50

#define SLOT 1

/* Where a word outlives a reset of the machine. */
#define BOOTS	   0xa00000U
#define BOOTS_ONCE 0x626f6f74U

/* Of the dword at PCI_COMMAND. */
#define INTX_DISABLE	0x0400U
#define INTERRUPT_STATE (1U << 19)

#define EDU_STATUS  0x24
#define EDU_RAISE   0x60
#define EDU_ACK	    0x64
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_LEN 0x90
#define EDU_DMA_CMD 0x98
#define EDU_BUFFER  0x40000U
#define DMA_SIZE    4096U
#define DMA_TO_RAM  2U
#define DMA_IRQ	    4U

__asm__(".section .start, \"ax\"\n"
	"cli; mov $0x400000, %esp; lgdt gdt_pointer; ljmp $8, $1f\n"
	"1: mov $16, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"
	"cld; call main\n"
	"2: hlt; jmp 2b\n"
	".balign 8\n"
	"gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff\n"
	"gdt_pointer: .word 23; .long gdt\n"
	"on_msi: pushal; cld; push $0; jmp 3f\n"
	"on_other: pushal; cld; push $1; jmp 3f\n"
	"on_intx: pushal; cld; push $2\n"
	"3: call on_interrupt; add $4, %esp; popal; iret\n"
	".text\n");

extern char on_msi[], on_other[], on_intx[];

static struct {
	uint16_t low, selector, type, high;
} idt[256];

static volatile uint32_t *edu;
static volatile unsigned count[3];
static unsigned msi; /* offset of the capability */

static uint32_t read32(uint32_t address)
{
	return *(volatile uint32_t *)address;
}

static void write32(uint32_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static void print_result(const char *what, unsigned number)
{
	print(what);
	print(" ");
	print_number(number);
	print("\n");
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	print("FAILED ");
	print(what);
	print("\n");
	power_off();
}

void on_interrupt(unsigned which);
void on_interrupt(unsigned which)
{
	count[which]++;
	edu[EDU_ACK / 4] = edu[EDU_STATUS / 4];
	write32(APIC_EOI, 0);
}

static void set_gate(unsigned vector, const char *handler)
{
	idt[vector].low = (uint16_t)(uint32_t)handler;
	idt[vector].high = (uint16_t)((uint32_t)handler >> 16);
	idt[vector].selector = 8;
	idt[vector].type = 0x8e00; /* present, 32-bit interrupt gate */
}

static void set_pin(uint32_t low)
{
	write32(IOAPIC_SEL, 0x11 + 2 * PIN);
	write32(IOAPIC_DATA, 0);
	write32(IOAPIC_SEL, 0x10 + 2 * PIN);
	write32(IOAPIC_DATA, low);
}

static void set_up(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint32_t)idt };

	set_gate(VECTOR_MSI, on_msi);
	set_gate(VECTOR_OTHER, on_other);
	set_gate(VECTOR_INTX, on_intx);
	__asm__ volatile("lidt %0" : : "m"(pointer));
	write32(APIC_SVR, 0x1ff);
	set_pin(LEVEL_LOW | VECTOR_INTX);
	check(config_read(SLOT, 0) == 0x11e81234, "no edu device in slot 1");
	config_write(SLOT, PCI_COMMAND, PCI_MASTER);
	edu = (volatile uint32_t *)(config_read(SLOT, PCI_BAR0) & ~15U);
	msi = config_capability(SLOT, PCI_CAP_MSI);
	check(msi, "no MSI");
	__asm__ volatile("sti");
}

static void set_msi(unsigned vector)
{
	config_write(SLOT, msi + 4, 0xfee00000);
	config_write(SLOT, msi + 8, 0);
	config_write(SLOT, msi + 12, vector);
	config_write(SLOT, msi, vector ? 1U << 16 : 0);
}

static unsigned total(void)
{
	return count[0] + count[1] + count[2];
}

/* Whether one more comes, in far more time than it can take. */
static bool wait_for(unsigned want)
{
	for (unsigned i = 0; i < 20000000 && total() < want; i++)
		__asm__ volatile("pause");
	return total() >= want;
}

static void raise_one(const char *how)
{
	unsigned want = total() + 1;

	edu[EDU_RAISE / 4] = 1;
	check(wait_for(want), how);
	check(total() == want, "one too many");
}

static void test_msi(void)
{
	set_msi(VECTOR_MSI);
	for (unsigned i = 0; i < ROUNDS; i++)
		raise_one("lost with MSI");
	print_result("MSI", count[0]);
	/* By the new message, as soon as it is written. */
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned which = i % 2 ? 0 : 1, before = count[which];

		config_write(SLOT, msi + 12, VECTOR_MSI + which);
		raise_one("lost while the message changes");
		check(count[which] == before + 1, "sent by the old message");
	}
	print_result("MSI-CHANGED", count[0] + count[1] - ROUNDS);
}

static void test_intx(void)
{
	unsigned before;

	set_msi(0);
	for (unsigned i = 0; i < ROUNDS; i++)
		raise_one("lost with INTx");
	print_result("INTX", count[2]);
	before = total();
	config_write(SLOT, PCI_COMMAND, PCI_MASTER | INTX_DISABLE);
	edu[EDU_RAISE / 4] = 1;
	for (unsigned i = 0; i < 100000; i++)
		edu[EDU_STATUS / 4];
	check(total() == before, "Interrupt Disable is ignored");
	check(config_read(SLOT, PCI_COMMAND) & INTERRUPT_STATE, "Interrupt Status is clear");
	config_write(SLOT, PCI_COMMAND, PCI_MASTER);
	check(wait_for(before + 1), "lost by Interrupt Disable");
	check(!(config_read(SLOT, PCI_COMMAND) & INTERRUPT_STATE), "Interrupt Status is set");
	/* The pin masked in the I/O APIC in between. */
	for (unsigned i = 0; i < ROUNDS; i++) {
		set_pin(LEVEL_LOW | MASKED | VECTOR_INTX);
		edu[EDU_RAISE / 4] = 1;
		set_pin(LEVEL_LOW | VECTOR_INTX);
		check(wait_for(before + 2 + i), "lost by a masked pin");
	}
	check(total() == before + 1 + ROUNDS, "one too many by a masked pin");
	print_result("INTX-MASKED", total() - before - 1);
}

static void test_turns(void)
{
	unsigned before = total();

	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		set_msi(i % 2 ? 0 : VECTOR_MSI);
		raise_one("lost after a switch between MSI and INTx");
	}
	print_result("TURNS", total() - before);
}

static void dma(uint32_t from, uint32_t to, uint32_t command)
{
	unsigned want = total() + 1;

	edu[EDU_DMA_SRC / 4] = from;
	edu[EDU_DMA_DST / 4] = to;
	edu[EDU_DMA_LEN / 4] = DMA_SIZE;
	edu[EDU_DMA_CMD / 4] = command | DMA_IRQ | 1;
	while (edu[EDU_DMA_CMD / 4] & 1)
		__asm__ volatile("pause");
	check(wait_for(want), "no interrupt after DMA");
}

static void test_dma(void)
{
	const uint32_t source = 0x800000, target = 0x900000;

	for (uint32_t i = 0; i < DMA_SIZE; i += 4) {
		write32(source + i, i * 2654435761U);
		write32(target + i, 0);
	}
	dma(source, EDU_BUFFER, 0);
	dma(EDU_BUFFER, target, DMA_TO_RAM);
	for (uint32_t i = 0; i < DMA_SIZE; i += 4)
		check(read32(target + i) == i * 2654435761U, "DMA gave other data");
	print_result("DMA", DMA_SIZE);
}

static void test_all(void)
{
	count[0] = count[1] = count[2] = 0;
	set_up();
	test_msi();
	test_intx();
	test_turns();
	test_dma();
	set_msi(VECTOR_MSI);
	test_dma();
}

/* As a driver leaves it. */
static void let_go(void)
{
	__asm__ volatile("cli");
	set_msi(0);
	set_pin(MASKED);
	config_write(SLOT, PCI_COMMAND, INTX_DISABLE);
}

void main(void);
void main(void)
{
	test_all();
	let_go();
	test_all();
	if (read32(BOOTS) != BOOTS_ONCE) {
		write32(BOOTS, BOOTS_ONCE);
		/* Without a word to the device: it may interrupt. */
		out8(PORT_RESET, RESET_HARD);
		for (;;)
			__asm__ volatile("hlt");
	}
	print("DONE\n");
	power_off();
}
