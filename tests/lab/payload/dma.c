/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that has QEMU's edu device, in slot 1 of bus 0, do DMA: into a BAR of the device in slot 2 and out of it (where
 * there is one), then to addresses at which this machine has nothing, then in memory as it should be. Prints how many
 * words arrived, powers off.
 *
 * 32-bit without paging or interrupts, as the PVH entry leaves it. Source: QEMU, docs/specs/edu.rst, ivshmem-spec.rst.
 */
#include <stdint.h>

#include "tests/lab/payload/pci.h"

#define EDU_SLOT  1
#define PEER_SLOT 2
#define PEER	  0xd0000000U /* where the other's BAR goes: free in torc's window below 4 GiB */

#define MEMORY_ENABLE  2U
#define BAR2	       0x18
#define BAR2_HIGH      0x1c
#define EDU_DMA_SOURCE 0x80
#define EDU_DMA_TARGET 0x88
#define EDU_DMA_SIZE   0x90
#define EDU_DMA_CMD    0x98
#define EDU_BUFFER     0x40000U
#define DMA_TO_BUS     2U
#define DMA_RUN	       1U

#define SIZE   4096U
#define SOURCE 0x800000U
#define TARGET 0x900000U

__asm__(".section .start, \"ax\"\n"
	"cld; mov $0x400000, %esp; call main\n"
	".text\n");

static volatile uint32_t *edu;

void main(void);

static uint32_t pattern(uint32_t seed, uint32_t i)
{
	return (seed + i) * 2654435761U;
}

static void fill(uint32_t address, uint32_t seed)
{
	for (uint32_t i = 0; i < SIZE / 4; i++)
		((volatile uint32_t *)address)[i] = pattern(seed, i);
}

static uint32_t count_equal(uint32_t address, uint32_t seed)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SIZE / 4; i++)
		n += ((volatile uint32_t *)address)[i] == pattern(seed, i);
	return n;
}

static void print_count(const char *what, uint32_t n)
{
	print(what);
	print(" ");
	print_number(n);
	print("\n");
}

static void dma(uint32_t from, uint32_t to, uint32_t command)
{
	edu[EDU_DMA_SOURCE / 4] = from;
	edu[EDU_DMA_TARGET / 4] = to;
	edu[EDU_DMA_SIZE / 4] = SIZE;
	edu[EDU_DMA_CMD / 4] = command | DMA_RUN;
	while (edu[EDU_DMA_CMD / 4] & DMA_RUN)
		__asm__ volatile("pause");
}

/* By way of the device's buffer. */
static void copy(uint32_t from, uint32_t to)
{
	dma(from, EDU_BUFFER, 0);
	dma(EDU_BUFFER, to, DMA_TO_BUS);
}

static void test_memory(void)
{
	fill(SOURCE, 1);
	fill(TARGET, 2);
	copy(SOURCE, TARGET);
	print_count("MEMORY", count_equal(TARGET, 1));
}

static void test_peer(void)
{
	config_write(PEER_SLOT, PCI_COMMAND, 0);
	config_write(PEER_SLOT, BAR2, PEER);
	config_write(PEER_SLOT, BAR2_HIGH, 0);
	config_write(PEER_SLOT, PCI_COMMAND, MEMORY_ENABLE);
	fill(SOURCE, 3);
	fill(PEER, 4);
	copy(SOURCE, PEER);
	print_count("TO-PEER", count_equal(PEER, 3));
	fill(PEER, 5);
	fill(TARGET, 6);
	copy(PEER, TARGET);
	print_count("FROM-PEER", count_equal(TARGET, 5));
}

/* Behind the end of memory, its own BAR, and the last page below 4 GiB. */
static void test_outside(void)
{
	const uint32_t outside[] = { 0xa0000000U, (uint32_t)edu, 0xfffff000U };

	fill(SOURCE, 7);
	fill(TARGET, 8);
	for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		copy(SOURCE, outside[i]);
		copy(outside[i], outside[i]);
	}
	print_count("UNTOUCHED", count_equal(SOURCE, 7) + count_equal(TARGET, 8));
}

void main(void)
{
	config_write(EDU_SLOT, PCI_COMMAND, PCI_MASTER);
	edu = (volatile uint32_t *)(config_read(EDU_SLOT, PCI_BAR0) & ~15U);
	test_memory();
	if (config_read(PEER_SLOT, 0) != UINT32_MAX)
		test_peer();
	else
		test_outside();
	test_memory();
	print("DONE\n");
	power_off();
}
