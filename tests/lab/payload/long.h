/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Long mode for a payload, with 4 GiB mapped as they are, x2APIC, interrupts, and a second CPU. One source file has it; it
 * defines payload_main() and payload_ap_main(), which run on stacks of their own. Built with -m64.
 * Source: Intel SDM 3A: 9.8.5 (IA-32e mode), 6.14 (gates), 8.4 (INIT, SIPI), 10.12 (x2APIC).
 */
#ifndef TESTS_LAB_PAYLOAD_LONG_H
#define TESTS_LAB_PAYLOAD_LONG_H

#include <stdint.h>

#include "tests/lab/payload/port.h"
#include "tests/lab/payload/start.h"

#define MSR_APIC_BASE	 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_ID	 0x802
#define MSR_X2APIC_EOI	 0x80b
#define MSR_X2APIC_SVR	 0x80f
#define MSR_X2APIC_ICR	 0x830
#define MSR_X2APIC_TIMER 0x832
#define MSR_X2APIC_LINT0 0x835
#define MSR_X2APIC_SELF	 0x83f

#define APIC_X2APIC    0xc00U /* enabled, x2APIC */
#define APIC_MASKED    0x10000U
#define APIC_DEADLINE  0x40000U
#define APIC_INIT_ALL  0xc4500U
#define APIC_START_ALL 0xc4600U

#define TRAMPOLINE 0x8000U

/*
 * Assembly of the entry point, for __asm__() at file scope: entered in 32-bit code by PVH with its start info in EBX, or by
 * the second CPU with 0.
 */
#define LONG_MODE_START                                                                    \
	".section .start, \"ax\"\n"                                                        \
	".code32\n"                                                                        \
	"cli; lgdt gdt_pointer; ljmp $24, $enter\n"                                        \
	"enter: mov $16, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"              \
	"mov $page_directory, %edi; mov $0x83, %eax\n"                                     \
	"1: mov %eax, (%edi); movl $0, 4(%edi); add $0x200000, %eax; add $8, %edi\n"       \
	"cmp $page_directory + 0x4000, %edi; jne 1b\n"                                     \
	"mov %cr4, %eax; or $0x20, %eax; mov %eax, %cr4\n"                                 \
	"mov $page_map, %eax; mov %eax, %cr3\n"                                            \
	"mov $0xc0000080, %ecx; rdmsr; or $0x100, %eax; wrmsr\n"                           \
	"mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0\n"                           \
	"ljmp $8, $1f\n"                                                                   \
	".code64\n"                                                                        \
	"1: cld; mov $0x3f0000, %rsp; test %ebx, %ebx; jz 2f\n"                            \
	"mov $0x400000, %rsp; mov %ebx, %edi; call payload_main\n"                         \
	"2: call payload_ap_main\n"                                                        \
	"3: hlt; jmp 3b\n"                                                                 \
	".code16\n"                                                                        \
	"trampoline: cli; mov %cs, %ax; mov %ax, %ds; lgdtl 1f - trampoline\n"             \
	"mov %cr0, %eax; or $1, %eax; mov %eax, %cr0; xor %ebx, %ebx; ljmpl $24, $enter\n" \
	"1: .word 31; .long gdt\n"                                                         \
	"trampoline_end: .code64\n"                                                        \
	".balign 8\n"                                                                      \
	"gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff\n"       \
	"gdt_pointer: .word 31; .long gdt\n"                                               \
	".balign 4096\n"                                                                   \
	"page_map: .quad page_pointers + 3; .skip 4088\n"                                  \
	"page_pointers: .quad page_directory + 3, page_directory + 0x1003\n"               \
	".quad page_directory + 0x2003, page_directory + 0x3003; .skip 4064\n"             \
	"page_directory: .skip 0x4000\n"                                                   \
	".text\n"

struct interrupt_frame;

/**
 * payload_main - what the first CPU does
 * @info: from whoever loaded the payload
 */
void payload_main(const struct start_info *info);

/**
 * payload_ap_main - what the second CPU does
 */
void payload_ap_main(void);

extern const uint8_t trampoline[], trampoline_end[];

static struct {
	uint16_t low, selector, type, middle;
	uint32_t high, reserved;
} idt[256];

/**
 * read_msr - read a model-specific register
 * @msr: which
 *
 * Return: its value.
 */
static inline uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

/**
 * write_msr - write a model-specific register
 * @msr: which
 * @value: what
 */
static inline void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/**
 * set_gate - have a vector handled
 * @vector: which
 * @handler: has the attribute "interrupt"
 */
static inline void set_gate(unsigned vector, void (*handler)(struct interrupt_frame *))
{
	uint64_t address = (uint64_t)handler;

	idt[vector].low = (uint16_t)address;
	idt[vector].middle = (uint16_t)(address >> 16);
	idt[vector].high = (uint32_t)(address >> 32);
	idt[vector].selector = 8;
	idt[vector].type = 0x8e00; /* present, interrupt gate */
}

/**
 * enable_interrupts - on this CPU, by its x2APIC alone
 */
static inline void enable_interrupts(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
	write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | APIC_X2APIC);
	write_msr(MSR_X2APIC_LINT0, APIC_MASKED);
	write_msr(MSR_X2APIC_SVR, 0x1ff);
	__asm__ volatile("sti");
}

/**
 * wait_ticks - let time pass
 * @n: of the TSC
 */
static inline void wait_ticks(uint64_t n)
{
	for (uint64_t end = ticks() + n; ticks() < end;)
		__asm__ volatile("pause");
}

/**
 * start_others - have every other CPU run payload_ap_main(); there is a stack for one
 */
static inline void start_others(void)
{
	for (unsigned i = 0; &trampoline[i] != trampoline_end; i++)
		((volatile uint8_t *)(uint64_t)TRAMPOLINE)[i] = trampoline[i];
	write_msr(MSR_X2APIC_ICR, APIC_INIT_ALL);
	wait_ticks(50000000); /* 10 ms */
	write_msr(MSR_X2APIC_ICR, APIC_START_ALL | TRAMPOLINE >> 12);
}

#endif
