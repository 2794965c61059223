/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/histogram.h"

#include <string.h>

#include "core/base/bits.h"

#define SUB_BUCKETS (1U << HISTOGRAM_SUB_BITS)

static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < 2 * SUB_BUCKETS)
		return (unsigned)value;
	/* The highest set bit and the HISTOGRAM_SUB_BITS below it stay. */
	shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return shift * SUB_BUCKETS + (unsigned)(value >> shift);
}

uint64_t histogram_bucket_low(unsigned bucket)
{
	unsigned shift;

	if (bucket < 2 * SUB_BUCKETS)
		return bucket;
	shift = bucket / SUB_BUCKETS - 1;
	return (uint64_t)(bucket - shift * SUB_BUCKETS) << shift;
}

uint64_t histogram_bucket_high(unsigned bucket)
{
	if (bucket < 2 * SUB_BUCKETS)
		return bucket;
	return histogram_bucket_low(bucket) + ((1ULL << (bucket / SUB_BUCKETS - 1)) - 1);
}

static uint64_t bucket_middle(unsigned bucket)
{
	if (bucket < 2 * SUB_BUCKETS)
		return bucket;
	return histogram_bucket_low(bucket) + (1ULL << (bucket / SUB_BUCKETS - 1)) / 2;
}

void histogram_init(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

static inline void add(struct histogram *h, uint64_t value, uint64_t n)
{
	uint64_t *bucket = &h->bucket[bucket_of(value)];

	WRITE_ONCE(h->sum, h->sum + value * n);
	if (value < h->min || !h->count)
		WRITE_ONCE(h->min, value);
	if (value > h->max)
		WRITE_ONCE(h->max, value);
	/* Last, so that whoever counts the value knows its limits; pairs with histogram_merge(). */
	store_release(bucket, *bucket + n);
	WRITE_ONCE(h->count, h->count + n);
}

void histogram_record(struct histogram *h, uint64_t value)
{
	add(h, value, 1);
}

void histogram_record_many(struct histogram *h, uint64_t value, uint64_t n)
{
	if (n)
		add(h, value, n);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	uint64_t before = into->count, min = into->min, v;

	/* Counted from the buckets, so that the result agrees with itself while @from is written. */
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		v = load_acquire(&from->bucket[i]); /* pairs with histogram_record() */
		into->bucket[i] += v;
		into->count += v;
	}
	if (into->count == before)
		return;
	into->sum += READ_ONCE(from->sum);
	v = READ_ONCE(from->min);
	into->min = before && min < v ? min : v;
	v = READ_ONCE(from->max);
	if (v > into->max)
		into->max = v;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
	uint64_t rank, seen = 0, middle;
	unsigned i;
	double exact;

	if (!h->count)
		return 0;
	if (!(percent > 0))
		return h->min;
	if (percent >= 100)
		return h->max;
	/* The slack keeps 99.9% of 1,000 at rank 999 in spite of rounding. */
	exact = percent / 100 * (double)h->count * (1 - 1e-12);
	rank = (uint64_t)exact;
	if ((double)rank < exact)
		rank++;
	for (i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			break;
	}
	middle = bucket_middle(i);
	if (middle < h->min)
		return h->min;
	return middle > h->max ? h->max : middle;
}
