/* SPDX-License-Identifier: Apache-2.0 */
#include "core/acpi/aml.h"

#include <string.h>

#include "core/base/bits.h"

#define TABLE_LENGTH   4 /* offsets in the header */
#define TABLE_CHECKSUM 9

void aml_init(struct aml *b, void *buf, size_t size)
{
	b->buf = buf;
	b->size = size;
	b->pos = 0;
}

bool aml_overflowed(const struct aml *b)
{
	return b->pos > b->size;
}

void aml_bytes(struct aml *b, const void *p, size_t n)
{
	if (range_fits(b->pos, n, b->size))
		memcpy(b->buf + b->pos, p, n);
	b->pos += n;
}

void aml_le(struct aml *b, uint64_t v, unsigned size)
{
	uint8_t bytes[8];

	put_le(bytes, sizeof(bytes), v);
	aml_bytes(b, bytes, size);
}

void aml_zeros(struct aml *b, size_t n)
{
	if (range_fits(b->pos, n, b->size))
		memset(b->buf + b->pos, 0, n);
	b->pos += n;
}

void aml_patch(struct aml *b, size_t at, uint64_t v, unsigned size)
{
	if (range_fits(at, size, b->size))
		put_le(b->buf + at, size, v);
}

void aml_checksum(struct aml *b, size_t start, size_t n, size_t at)
{
	unsigned sum = 0;

	if (!range_fits(start, n, b->size))
		return;
	b->buf[at] = 0;
	for (size_t i = 0; i < n; i++)
		sum += b->buf[start + i];
	b->buf[at] = (uint8_t)-sum;
}

size_t aml_table_begin(struct aml *b, const char *signature, uint8_t revision)
{
	size_t start;

	aml_zeros(b, align_up(b->pos, 16) - b->pos);
	start = b->pos;
	aml_bytes(b, signature, 4);
	aml_le(b, 0, 4); /* length */
	aml_le(b, revision, 1);
	aml_le(b, 0, 1); /* checksum */
	aml_bytes(b, "TORC  ", 6);
	aml_bytes(b, "TORCVMM ", 8);
	aml_le(b, 1, 4); /* OEM revision */
	aml_bytes(b, "TORC", 4);
	aml_le(b, 1, 4); /* creator revision */
	return start;
}

void aml_table_end(struct aml *b, size_t start)
{
	size_t n = b->pos - start;

	aml_patch(b, start + TABLE_LENGTH, n, 4);
	aml_checksum(b, start, n, start + TABLE_CHECKSUM);
}

void aml_op(struct aml *b, enum aml_op op)
{
	if (op > 0xff)
		aml_le(b, (unsigned)op >> 8, 1);
	aml_le(b, op, 1);
}

size_t aml_begin(struct aml *b, enum aml_op op)
{
	aml_op(b, op);
	aml_le(b, 0, 1); /* the shortest PkgLength; aml_end() makes room for a longer one */
	return b->pos - 1;
}

/* ACPI 6.4, 20.2.4: the length includes the PkgLength itself. */
void aml_end(struct aml *b, size_t start)
{
	size_t contents = b->pos - start - 1;
	unsigned extra = 0;
	size_t length;

	if (contents + 1 > 0x3f)
		extra = contents + 2 <= 0xfff ? 1 : contents + 3 <= 0xfffff ? 2 : 3;
	if (range_fits(start + 1, contents + extra, b->size))
		memmove(b->buf + start + 1 + extra, b->buf + start + 1, contents);
	b->pos += extra;
	length = contents + 1 + extra;
	if (!extra) {
		aml_patch(b, start, length, 1);
		return;
	}
	aml_patch(b, start, extra << 6 | (length & 0xf), 1);
	for (unsigned i = 0; i < extra; i++)
		aml_patch(b, start + 1 + i, length >> (4 + 8 * i), 1);
}

void aml_nameseg(struct aml *b, const char *name)
{
	aml_bytes(b, name, 4);
}

void aml_name(struct aml *b, const char *name)
{
	aml_op(b, AML_NAME);
	aml_nameseg(b, name);
}

size_t aml_device_begin(struct aml *b, const char *name)
{
	size_t start = aml_begin(b, AML_DEVICE);

	aml_nameseg(b, name);
	return start;
}

/* ACPI 6.4, 20.2.5.2. */
size_t aml_method_begin(struct aml *b, const char *name, unsigned nr_args)
{
	const unsigned serialized = 1U << 3;
	size_t start = aml_begin(b, AML_METHOD);

	aml_nameseg(b, name);
	aml_le(b, nr_args | serialized, 1);
	return start;
}

void aml_ports(struct aml *b, const char *name, uint16_t port, unsigned count)
{
	const unsigned system_io = 1;

	aml_op(b, AML_OP_REGION);
	aml_nameseg(b, name);
	aml_le(b, system_io, 1);
	aml_int(b, port);
	aml_int(b, count);
}

size_t aml_field_begin(struct aml *b, const char *region)
{
	const unsigned dword_access = 3;
	size_t start = aml_begin(b, AML_FIELD);

	aml_nameseg(b, region);
	aml_le(b, dword_access, 1);
	return start;
}

void aml_field_dword(struct aml *b, const char *name)
{
	aml_nameseg(b, name);
	aml_le(b, 32, 1); /* its width as a PkgLength of one byte */
}

void aml_int(struct aml *b, uint64_t v)
{
	static const enum aml_op prefix[] = { AML_BYTE_PREFIX, AML_WORD_PREFIX, AML_DWORD_PREFIX,
					      AML_QWORD_PREFIX };
	unsigned width = v > UINT32_MAX ? 3 : v > UINT16_MAX ? 2 : v > UINT8_MAX ? 1 : 0;

	if (v <= 1) {
		aml_op(b, v ? AML_ONE : AML_ZERO);
		return;
	}
	aml_op(b, prefix[width]);
	aml_le(b, v, 1U << width);
}

void aml_name_int(struct aml *b, const char *name, uint64_t v)
{
	aml_name(b, name);
	aml_int(b, v);
}

void aml_string(struct aml *b, const char *s)
{
	aml_op(b, AML_STRING_PREFIX);
	aml_bytes(b, s, strlen(s) + 1);
}

static unsigned hex_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

void aml_eisaid(struct aml *b, const char *id)
{
	unsigned v = 0;

	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | (unsigned)(id[i] - '@');
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | hex_digit(id[i]);
	/* It is stored with the most significant byte first. */
	aml_op(b, AML_DWORD_PREFIX);
	aml_le(b, __builtin_bswap32(v), 4);
}

size_t aml_resources_begin(struct aml *b, const char *name)
{
	size_t start;

	aml_name(b, name);
	start = aml_begin(b, AML_BUFFER);
	aml_op(b, AML_WORD_PREFIX);
	aml_le(b, 0, 2);
	return start;
}

void aml_resources_end(struct aml *b, size_t start)
{
	size_t size_at = start + 2; /* behind a PkgLength of one byte and the prefix */

	aml_le(b, 0x79, 1); /* end tag */
	aml_le(b, 0, 1);    /* "checksum not used" */
	aml_patch(b, size_at, b->pos - size_at - 2, 2);
	aml_end(b, start);
}

void aml_port(struct aml *b, uint16_t port, uint8_t count)
{
	aml_le(b, 0x47, 1);
	aml_le(b, 1, 1); /* decodes 16 bits */
	aml_le(b, port, 2);
	aml_le(b, port, 2);
	aml_le(b, 1, 1); /* alignment */
	aml_le(b, count, 1);
}

/* ACPI 6.4, 6.4.3.5: QWord, DWord and Word address space descriptors differ in their tag and width only. */
static void address_space(struct aml *b, enum aml_address_type type, bool consumer, unsigned width,
			  uint64_t base, uint64_t size)
{
	static const uint8_t type_flags[] = {
		[AML_ADDRESS_MEMORY] = 0x01, /* read and write, not cacheable */
		[AML_ADDRESS_IO] = 0x03,     /* entire range */
		[AML_ADDRESS_BUS] = 0,
	};

	aml_le(b, width == 8 ? 0x8a : width == 4 ? 0x87 : 0x88, 1);
	aml_le(b, 3 + 5 * width, 2);
	aml_le(b, type, 1);
	aml_le(b, 0x0c | consumer, 1); /* minimum and maximum fixed */
	aml_le(b, type_flags[type], 1);
	aml_le(b, 0, width); /* granularity */
	aml_le(b, base, width);
	aml_le(b, base + size - 1, width);
	aml_le(b, 0, width); /* translation */
	aml_le(b, size, width);
}

void aml_window(struct aml *b, enum aml_address_type type, unsigned width, uint64_t base,
		uint64_t size)
{
	address_space(b, type, false, width, base, size);
}

void aml_memory(struct aml *b, uint64_t base, uint64_t size)
{
	if (base + size - 1 > UINT32_MAX || size > UINT32_MAX) {
		address_space(b, AML_ADDRESS_MEMORY, true, 8, base, size);
		return;
	}
	aml_le(b, 0x86, 1);
	aml_le(b, 9, 2);
	aml_le(b, 1, 1); /* writable */
	aml_le(b, base, 4);
	aml_le(b, size, 4);
}

static void extended_irq(struct aml *b, uint32_t gsi, bool edge)
{
	const unsigned consumer = 1;

	aml_le(b, 0x89, 1);
	aml_le(b, 6, 2);
	aml_le(b, consumer | (unsigned)edge << 1, 1);
	aml_le(b, 1, 1); /* one interrupt */
	aml_le(b, gsi, 4);
}

void aml_irq_edge(struct aml *b, uint32_t gsi)
{
	extended_irq(b, gsi, true);
}

void aml_irq_level(struct aml *b, uint32_t gsi)
{
	extended_irq(b, gsi, false);
}
