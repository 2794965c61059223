/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bits: alignment, ranges, ordered access to memory that someone else writes, address types.
 *
 * The address types are structs so that a guest address cannot be passed for a host one.
 */
#ifndef CORE_BASE_BITS_H
#define CORE_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A guest physical address. */
typedef struct {
	uint64_t v;
} gpa_t;

/** An address as a device's DMA engine sees it. */
typedef struct {
	uint64_t v;
} iova_t;

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Of a function whose failure leaves something behind that others may use. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* One access of exactly this width, which the compiler may neither repeat nor split. */
#define READ_ONCE(x)	 __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)

/* The caller names the partner of each in a comment. */
#define load_acquire(p)	    __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/**
 * align_up - round up to a power of two
 * @v: at most UINT64_MAX - align + 1
 * @align: a power of two
 *
 * Any thread. Return: the smallest multiple of @align that is at least @v.
 */
static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

/**
 * align_down - round down to a power of two
 * @v: any value
 * @align: a power of two
 *
 * Any thread. Return: the largest multiple of @align that is at most @v.
 */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

/**
 * is_pow2 - whether exactly one bit is set
 * @v: any value
 *
 * Any thread. Return: true for a power of two, false for 0 too.
 */
static inline bool is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

/**
 * range_fits - whether [off, off + len) lies within [0, size), without overflow
 * @off: start of the range
 * @len: its length; an empty range fits up to @off == @size
 * @size: size of what it must lie in
 *
 * Any thread. Return: true when it does.
 */
static inline bool range_fits(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/**
 * ranges_overlap - whether [a, a + alen) and [b, b + blen) share an address
 * @a: start of the first
 * @alen: its length; 0 overlaps nothing
 * @b: start of the second
 * @blen: its length; 0 overlaps nothing
 *
 * Neither range may wrap round. Any thread. Return: true when they do.
 */
static inline bool ranges_overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	if (!alen || !blen)
		return false;
	return a <= b ? b - a < alen : a - b < blen;
}

/**
 * get_le - read a little-endian value of 1, 2, 4 or 8 bytes at any alignment
 * @p: @size readable bytes
 * @size: 1, 2, 4 or 8
 *
 * Any thread. Return: the value, zero-extended.
 */
static inline uint64_t get_le(const void *p, unsigned size)
{
	uint64_t v = 0;

	__builtin_memcpy(&v, p, size);
	return v;
}

/**
 * put_le - write a little-endian value of 1, 2, 4 or 8 bytes at any alignment
 * @p: @size writable bytes
 * @size: 1, 2, 4 or 8
 * @v: the value; what does not fit is cut off
 *
 * Any thread.
 */
static inline void put_le(void *p, unsigned size, uint64_t v)
{
	__builtin_memcpy(p, &v, size);
}

#endif
