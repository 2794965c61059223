/* SPDX-License-Identifier: Apache-2.0 */
/**
 * AML builder: appends tables, AML terms and resource descriptors to a buffer, with their lengths and checksums.
 *
 * Nothing fails on the way: what no longer fits is counted but not written, so that the caller checks
 * aml_overflowed() once and can say how much was needed. Things that are as long as their contents come in pairs:
 * begin() returns a position for end(). Pairs nest. A builder belongs to one thread.
 * Source: ACPI 6.4, 5.2.6 (table header), 6.4 (resource descriptors), 20.2 (AML grammar).
 */
#ifndef CORE_ACPI_AML_H
#define CORE_ACPI_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Opcodes and prefixes of ACPI 6.4, 20.3; those of two bytes with the first one in the high byte. */
enum aml_op {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE_PREFIX = 0x0a,
	AML_WORD_PREFIX = 0x0b,
	AML_DWORD_PREFIX = 0x0c,
	AML_STRING_PREFIX = 0x0d,
	AML_QWORD_PREFIX = 0x0e,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_METHOD = 0x14,
	AML_MULTI_NAME_PREFIX = 0x2f,
	AML_ROOT_CHAR = 0x5c,
	AML_LOCAL0 = 0x60,
	AML_LOCAL1 = 0x61,
	AML_ARG0 = 0x68,
	AML_ARG1 = 0x69,
	AML_ARG3 = 0x6b,
	AML_STORE = 0x70,
	AML_AND = 0x7b,
	AML_OR = 0x7d,
	AML_NOTIFY = 0x86,
	AML_CREATE_DWORD_FIELD = 0x8a,
	AML_LNOT = 0x92,
	AML_LEQUAL = 0x93,
	AML_IF = 0xa0,
	AML_RETURN = 0xa4,
	AML_OP_REGION = 0x5b80,
	AML_FIELD = 0x5b81,
	AML_DEVICE = 0x5b82,
};

enum aml_address_type {
	AML_ADDRESS_MEMORY = 0,
	AML_ADDRESS_IO = 1,
	AML_ADDRESS_BUS = 2,
};

struct aml {
	uint8_t *buf;
	size_t size;
	size_t pos; /* may exceed @size */
};

/**
 * aml_init - an empty builder
 * @b: embedded
 * @buf: @size bytes, borrowed
 * @size: of @buf
 */
void aml_init(struct aml *b, void *buf, size_t size);

/**
 * aml_overflowed - whether something did not fit
 * @b: the builder; its @pos is what would have been needed
 *
 * Return: true when the contents of the buffer are useless.
 */
bool aml_overflowed(const struct aml *b);

/**
 * aml_le - append a little-endian integer without a prefix
 * @b: the builder
 * @v: the value; what does not fit is cut off
 * @size: 1, 2, 4 or 8 bytes
 */
void aml_le(struct aml *b, uint64_t v, unsigned size);

/**
 * aml_bytes - append bytes
 * @b: the builder
 * @p: @n bytes
 * @n: their number
 */
void aml_bytes(struct aml *b, const void *p, size_t n);

/**
 * aml_zeros - append zero bytes
 * @b: the builder
 * @n: their number
 */
void aml_zeros(struct aml *b, size_t n);

/**
 * aml_patch - overwrite an integer that was appended earlier
 * @b: the builder
 * @at: its position
 * @v: the value
 * @size: 1, 2, 4 or 8 bytes
 */
void aml_patch(struct aml *b, size_t at, uint64_t v, unsigned size);

/**
 * aml_checksum - make bytes add up to 0 modulo 256
 * @b: the builder
 * @start: position of the first
 * @n: their number
 * @at: position of the checksum byte, among them
 */
void aml_checksum(struct aml *b, size_t start, size_t n, size_t at);

/**
 * aml_table_begin - append a table header
 * @b: the builder; pads to a multiple of 16 first
 * @signature: 4 characters
 * @revision: of the table
 *
 * Return: the table's position, for aml_table_end().
 */
size_t aml_table_begin(struct aml *b, const char *signature, uint8_t revision);

/**
 * aml_table_end - fill in length and checksum
 * @b: the builder
 * @start: from aml_table_begin()
 */
void aml_table_end(struct aml *b, size_t start);

/**
 * aml_op - append an opcode
 * @b: the builder
 * @op: one or two bytes
 */
void aml_op(struct aml *b, enum aml_op op);

/**
 * aml_begin - append an opcode that is followed by a PkgLength
 * @b: the builder
 * @op: the opcode
 *
 * Return: a position for aml_end().
 */
size_t aml_begin(struct aml *b, enum aml_op op);

/**
 * aml_end - insert the PkgLength
 * @b: the builder
 * @start: from aml_begin()
 */
void aml_end(struct aml *b, size_t start);

/**
 * aml_nameseg - append a name
 * @b: the builder
 * @name: 4 characters
 */
void aml_nameseg(struct aml *b, const char *name);

/**
 * aml_name - append Name(@name, ...); the object comes next
 * @b: the builder
 * @name: 4 characters
 */
void aml_name(struct aml *b, const char *name);

/**
 * aml_device_begin - append Device(@name) { ...
 * @b: the builder
 * @name: 4 characters
 *
 * Return: a position for aml_end().
 */
size_t aml_device_begin(struct aml *b, const char *name);

/**
 * aml_method_begin - append Method(@name, @nr_args, Serialized) { ...
 * @b: the builder
 * @name: 4 characters
 * @nr_args: 0 to 7
 *
 * Return: a position for aml_end().
 */
size_t aml_method_begin(struct aml *b, const char *name, unsigned nr_args);

/**
 * aml_ports - append OperationRegion(@name, SystemIO, @port, @count)
 * @b: the builder
 * @name: 4 characters
 * @port: the first
 * @count: of ports
 */
void aml_ports(struct aml *b, const char *name, uint16_t port, unsigned count);

/**
 * aml_field_begin - append Field(@region, DWordAcc, NoLock, Preserve) { ...
 * @b: the builder
 * @region: 4 characters
 *
 * Its fields follow, aml_field_dword() each. Return: a position for aml_end().
 */
size_t aml_field_begin(struct aml *b, const char *region);

/**
 * aml_field_dword - append a field of 32 bits
 * @b: the builder
 * @name: 4 characters
 */
void aml_field_dword(struct aml *b, const char *name);

/**
 * aml_int - append an integer in its shortest encoding
 * @b: the builder
 * @v: the value
 */
void aml_int(struct aml *b, uint64_t v);

/**
 * aml_name_int - append Name(@name, @v)
 * @b: the builder
 * @name: 4 characters
 * @v: the value
 */
void aml_name_int(struct aml *b, const char *name, uint64_t v);

/**
 * aml_string - append a string
 * @b: the builder
 * @s: ASCII
 */
void aml_string(struct aml *b, const char *s);

/**
 * aml_eisaid - append a compressed EISA id
 * @b: the builder
 * @id: three capital letters and four hexadecimal digits, such as "PNP0A08"
 *
 * Source: ACPI 6.4, 19.6.36.
 */
void aml_eisaid(struct aml *b, const char *id);

/**
 * aml_resources_begin - append Name(@name, ResourceTemplate() { ...
 * @b: the builder
 * @name: 4 characters
 *
 * Return: a position for aml_resources_end().
 */
size_t aml_resources_begin(struct aml *b, const char *name);

/**
 * aml_resources_end - append the end tag, fill in the length
 * @b: the builder
 * @start: from aml_resources_begin()
 */
void aml_resources_end(struct aml *b, size_t start);

/**
 * aml_port - append a fixed I/O port descriptor (16-bit decode)
 * @b: the builder
 * @port: the first
 * @count: of ports
 */
void aml_port(struct aml *b, uint16_t port, uint8_t count);

/**
 * aml_window - append an address space descriptor of a resource that a bridge passes on to its bus
 * @b: the builder
 * @type: what lies in the window; memory is non-cacheable and writable, I/O the entire range
 * @width: of the addresses: 2, 4 or 8 bytes
 * @base: first address
 * @size: at least 1; must be expressible in @width too
 */
void aml_window(struct aml *b, enum aml_address_type type, unsigned width, uint64_t base,
		uint64_t size);

/**
 * aml_memory - append a descriptor of memory that the device itself decodes
 * @b: the builder
 * @base: first address
 * @size: at least 1
 */
void aml_memory(struct aml *b, uint64_t base, uint64_t size);

/**
 * aml_irq_edge - append an extended interrupt descriptor: edge-triggered, active high, exclusive
 * @b: the builder
 * @gsi: the interrupt
 */
void aml_irq_edge(struct aml *b, uint32_t gsi);

/**
 * aml_irq_level - the same, level-triggered
 * @b: the builder
 * @gsi: the interrupt
 */
void aml_irq_level(struct aml *b, uint32_t gsi);

#endif
