/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that means harm: random accesses to the configuration space, the BARs and the MSI-X tables of all it finds on
 * its PCI buses, of any width and at any offset, BARs moved and switched off on the way. Command line: seed=N count=N.
 *
 * 32-bit protected mode without paging or interrupts, as the PVH entry leaves it, on one vCPU, with nothing below it but
 * torc. It prints on COM1 how many accesses were made, "STORM DONE" at the end, and powers off.
 *
 * What it spares is itself: a message that would reset or interrupt its own CPU (delivery modes other than fixed, Intel
 * SDM 3A, 11.11.2), and ports that are no BAR's, such as the reset register.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/payload/port.h"
#include "tests/lab/payload/start.h"

#define ECAM	    0xe8000000U
#define MMIO32	    0xc0000000U
#define MMIO32_SIZE 0x28000000U
#define IO_WINDOW   0x1000U
#define IO_SIZE	    0xe000U

#define NR_BUSES      4
#define MAX_FUNCTIONS 64
#define NR_BARS	      6
#define NO_CAP	      0

struct function {
	uint32_t bdf;
	uint32_t size[NR_BARS]; /* 0: none, or too large to be moved below 4 GiB */
	bool is_io[NR_BARS];
	uint8_t msi, msix; /* offsets of the capabilities */
	uint8_t table_bar;
	uint32_t table_offset, nr_vectors;
};

static struct function function[MAX_FUNCTIONS];
static unsigned nr_functions;
static uint32_t state, nr_accesses;

/* A descriptor table of which every entry returns: an NMI is harmless. */
static uint64_t idt[256];
static uint64_t gdt[3] = { 0, 0x00cf9a000000ffffULL, 0x00cf92000000ffffULL };

__asm__(".section .start, \"ax\"\n"
	"mov $0x180000, %esp\n"
	"push %ebx\n"
	"call storm\n"
	".globl ignore\n"
	"ignore: iret\n"
	".text\n");

void ignore(void);
void storm(const struct start_info *info);

/* Marsaglia's xorshift. */
static uint32_t any(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static uint32_t below(uint32_t n)
{
	return any() % n;
}

static uint32_t config_read(uint32_t bdf, uint32_t offset)
{
	return *(volatile uint32_t *)(ECAM + (bdf << 12) + offset);
}

static void config_write(uint32_t bdf, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(ECAM + (bdf << 12) + offset) = value;
}

/* One of 1, 2, 4 bytes, aligned or not. */
static uint32_t memory_read(uint32_t address, unsigned width)
{
	nr_accesses++;
	if (width == 1)
		return *(volatile uint8_t *)address;
	if (width == 2)
		return *(volatile uint16_t *)address;
	return *(volatile uint32_t *)address;
}

static void memory_write(uint32_t address, unsigned width, uint32_t value)
{
	nr_accesses++;
	if (width == 1)
		*(volatile uint8_t *)address = (uint8_t)value;
	else if (width == 2)
		*(volatile uint16_t *)address = (uint16_t)value;
	else
		*(volatile uint32_t *)address = value;
}

static void port_access(uint16_t port, unsigned width, bool write, uint32_t value)
{
	nr_accesses++;
	if (width == 1 && write)
		out8(port, (uint8_t)value);
	else if (width == 1)
		in8(port);
	else if (width == 2 && write)
		out16(port, (uint16_t)value);
	else if (width == 2)
		in16(port);
	else if (write)
		out32(port, value);
	else
		in32(port);
}

static uint32_t size_bar(uint32_t bdf, unsigned bar)
{
	uint32_t reg = 0x10 + bar * 4, old = config_read(bdf, reg), mask;

	config_write(bdf, reg, UINT32_MAX);
	mask = config_read(bdf, reg) & (old & 1 ? ~3U : ~15U);
	config_write(bdf, reg, old);
	return mask & -mask;
}

static void find_bars(struct function *f)
{
	for (unsigned bar = 0; bar < NR_BARS; bar++) {
		uint32_t reg = config_read(f->bdf, 0x10 + bar * 4);

		f->size[bar] = size_bar(f->bdf, bar);
		f->is_io[bar] = reg & 1;
		if ((reg & 7) == 4)
			bar++;
	}
}

static void find_capabilities(struct function *f)
{
	uint8_t at = (uint8_t)config_read(f->bdf, 0x34);

	for (unsigned i = 0; at >= 0x40 && i < 48; i++) {
		uint32_t header = config_read(f->bdf, at & 0xfcU);

		if ((header & 0xff) == 0x05)
			f->msi = at;
		if ((header & 0xff) == 0x11) {
			uint32_t table = config_read(f->bdf, at + 4U);

			f->msix = at;
			f->nr_vectors = (header >> 16 & 0x7ff) + 1;
			f->table_bar = table & 7;
			f->table_offset = table & ~7U;
		}
		at = header >> 8 & 0xfc;
	}
}

static void find_functions(void)
{
	for (uint32_t bus = 0; bus < NR_BUSES; bus++) {
		for (uint32_t slot = 0; slot < 32 && nr_functions < MAX_FUNCTIONS; slot++) {
			struct function *f = &function[nr_functions];
			uint32_t bdf = bus << 8 | slot << 3;

			out32(PORT_PCI_ADDRESS, 0x80000000U | bdf << 8);
			if (in32(PORT_PCI_DATA) == UINT32_MAX)
				continue;
			f->bdf = bdf;
			/* Beyond what has an ECAM region. */
			if (config_read(bdf, 0) == UINT32_MAX)
				continue;
			find_bars(f);
			find_capabilities(f);
			nr_functions++;
		}
	}
}

/* Where a BAR is now, as far as 32 bits reach. */
static uint32_t bar_address(const struct function *f, unsigned bar)
{
	uint32_t reg = config_read(f->bdf, 0x10 + bar * 4);

	return reg & (reg & 1 ? ~3U : ~15U);
}

/* Whether a write of this register could give a message another delivery mode than fixed. */
static bool is_message(const struct function *f, uint32_t offset)
{
	return f->msi && offset >= f->msi + 4U && offset < f->msi + 16U;
}

static uint32_t config_value(const struct function *f, uint32_t offset)
{
	uint32_t value = below(4) ? any() : below(2) ? 0 : UINT32_MAX;

	return is_message(f, offset) ? value & ~0x07070707U : value;
}

static uint32_t config_offset(const struct function *f)
{
	switch (below(6)) {
	case 0:
		return below(0x40);
	case 1:
		return 4; /* the command register */
	case 2:
		return f->msix + below(12);
	case 3:
		return f->msi + below(24);
	case 4:
		return below(256);
	default:
		return below(4096);
	}
}

/* Any offset and width: by ECAM, or by the ports, where an access of the data port may be off the dword. */
static void touch_config(const struct function *f)
{
	unsigned width = 1U << below(3);
	uint32_t offset = config_offset(f), bdf = below(16) ? f->bdf : below(0x400);
	uint32_t value = config_value(f, offset & ~3U);
	bool write = below(2);

	if (below(2)) {
		uint32_t address = ECAM + (bdf << 12) + offset;

		if (write)
			memory_write(address, width, value);
		else
			memory_read(address, width);
		return;
	}
	out32(PORT_PCI_ADDRESS, 0x80000000U | bdf << 8 | (offset & 0xfc));
	port_access((uint16_t)(PORT_PCI_DATA + below(4)), width, write, value);
}

/* To a place in the windows that need not be free, or to nowhere. */
static void move_bar(const struct function *f)
{
	unsigned bar = below(NR_BARS);
	uint32_t address;

	if (f->is_io[bar])
		address = IO_WINDOW + below(IO_SIZE);
	else if (below(8))
		address = MMIO32 + below(MMIO32_SIZE);
	else
		address = any();
	config_write(f->bdf, 0x10 + bar * 4, address);
	if (!f->is_io[bar] && below(8))
		config_write(f->bdf, 0x14 + bar * 4, 0);
	config_write(f->bdf, 4, below(4) ? 0x0007 : any() & 0xffff);
}

static bool is_in_window(uint32_t address, uint32_t size)
{
	return address >= MMIO32 && address - MMIO32 <= MMIO32_SIZE - size;
}

/* Of a table whose every message stays a fixed one. */
static void touch_table(const struct function *f)
{
	uint32_t base = bar_address(f, f->table_bar), offset;

	if (!f->msix || f->is_io[f->table_bar])
		return;
	offset = f->table_offset + below(f->nr_vectors) * 16 + below(4) * 4;
	if (!is_in_window(base, offset + 16))
		return;
	if (below(2))
		memory_read(base + offset + below(4), 1U << below(3));
	else if (offset % 16 == 0)
		memory_write(base + offset, 4, 0xfee00000U | (any() & 0xff00c));
	else
		memory_write(base + offset, 4, offset % 16 == 12 ? any() & 1 : any() & ~0x700U);
}

static void touch_bar(const struct function *f)
{
	unsigned bar = below(NR_BARS), width = 1U << below(3);
	uint32_t base = bar_address(f, bar), size = f->size[bar], offset;
	bool write = below(2);

	if (!size)
		return;
	offset = below(4) ? below(size) : below(size < 4096 ? size : 4096);
	if (f->is_io[bar]) {
		if (base >= IO_WINDOW && base + offset < IO_WINDOW + IO_SIZE)
			port_access((uint16_t)(base + offset), width, write, any());
		return;
	}
	if (!is_in_window(base, size) ||
	    (f->msix && bar == f->table_bar && write && offset + 4 > f->table_offset &&
	     offset < f->table_offset + f->nr_vectors * 16))
		return;
	if (write)
		memory_write(base + offset, width, any());
	else
		memory_read(base + offset, width);
}

static void step(void)
{
	const struct function *f = &function[below(nr_functions)];

	switch (below(8)) {
	case 0:
	case 1:
	case 2:
		touch_config(f);
		break;
	case 3:
		move_bar(f);
		break;
	case 4:
	case 5:
		touch_table(f);
		break;
	default:
		touch_bar(f);
		break;
	}
}

static void load_tables(void)
{
	struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) gdtr = { sizeof(gdt) - 1, (uint32_t)gdt },
				  idtr = { sizeof(idt) - 1, (uint32_t)idt };
	uint32_t handler = (uint32_t)ignore;

	/* Interrupt gates: Intel SDM 3A, 6.11. */
	for (unsigned i = 0; i < 256; i++)
		idt[i] = (uint64_t)(handler & 0xffff0000U) << 32 | 0x8e0000080000ULL |
			 (handler & 0xffff);
	__asm__ volatile("lgdt %0\n"
			 "lidt %1\n"
			 "ljmp $8, $1f\n"
			 "1: mov $16, %%eax\n"
			 "mov %%eax, %%ds\n"
			 "mov %%eax, %%es\n"
			 "mov %%eax, %%ss\n"
			 :
			 : "m"(gdtr), "m"(idtr)
			 : "eax", "memory");
}

void storm(const struct start_info *info)
{
	uint32_t count = start_option(info, "count=", 1000);

	state = start_option(info, "seed=", 1) | 1;
	load_tables();
	find_functions();
	print("STORM functions ");
	print_number(nr_functions);
	print("\n");
	for (uint32_t next = 100000; nr_accesses < count;) {
		step();
		if (nr_accesses < next)
			continue;
		print("STORM ");
		print_number(next);
		print("\n");
		next += 100000;
	}
	print("STORM DONE\n");
	power_off();
}
