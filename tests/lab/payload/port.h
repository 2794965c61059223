/* SPDX-License-Identifier: Apache-2.0 */
/**
 * I/O ports, what every payload does with them (print on COM1, power off), and the time. One vCPU.
 */
#ifndef TESTS_LAB_PAYLOAD_PORT_H
#define TESTS_LAB_PAYLOAD_PORT_H

#include <stdint.h>

#define PORT_COM1	 0x3f8
#define PORT_SLEEP	 0x600
#define PORT_PCI_ADDRESS 0xcf8
#define PORT_PCI_DATA	 0xcfc
#define PORT_RESET	 0xcf9
#define RESET_HARD	 0x06
#define SLEEP_S5	 0x34

/**
 * out8 - write a byte to a port
 * @port: its number
 * @value: what to write
 */
static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

/**
 * out16 - write a word to a port
 * @port: its number
 * @value: what to write
 */
static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

/**
 * out32 - write a dword to a port
 * @port: its number
 * @value: what to write
 */
static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

/**
 * in8 - read a byte from a port
 * @port: its number
 *
 * Return: what is read.
 */
static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/**
 * in16 - read a word from a port
 * @port: its number
 *
 * Return: what is read.
 */
static inline uint16_t in16(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/**
 * in32 - read a dword from a port
 * @port: its number
 *
 * Return: what is read.
 */
static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/**
 * print - on COM1
 * @text: what
 */
static inline void print(const char *text)
{
	for (; *text; text++)
		out8(PORT_COM1, (uint8_t)*text);
}

/**
 * print_number - on COM1, decimal
 * @n: which
 */
static inline void print_number(uint32_t n)
{
	char text[11], *p = text + sizeof(text) - 1;

	*p = '\0';
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	print(p);
}

/**
 * power_off - and never come back
 */
static inline void power_off(void)
{
	out8(PORT_SLEEP, SLEEP_S5);
	for (;;)
		__asm__ volatile("hlt");
}

/**
 * ticks - the TSC, once everything before has been done
 *
 * Return: its value.
 */
static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

#endif
