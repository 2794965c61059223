/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Histogram: log-linear counts of 64-bit values, at most 1% relative error per bucket.
 *
 * One writer thread per histogram, no lock and no allocation on record; readers merge a copy, which is exact
 * once the writer is idle. Values below 128 have a bucket each; above that every power of two is divided into 64
 * buckets. One that is all zero is empty, too, so that only the memory of values that occur is touched. Count, sum,
 * minimum and maximum are exact.
 */
#ifndef CORE_BASE_HISTOGRAM_H
#define CORE_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_BUCKETS \
	((64 - HISTOGRAM_SUB_BITS) * (1 << HISTOGRAM_SUB_BITS) + (1 << HISTOGRAM_SUB_BITS))

struct histogram {
	uint64_t count;
	uint64_t sum; /* wraps round */
	uint64_t min; /* meaningless while empty */
	uint64_t max;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

/**
 * histogram_init - make it empty
 * @h: any memory
 */
void histogram_init(struct histogram *h);

/**
 * histogram_record - count one value
 * @h: owned by the calling thread
 * @value: any
 */
void histogram_record(struct histogram *h, uint64_t value);

/**
 * histogram_record_many - count a value several times
 * @h: owned by the calling thread
 * @value: any
 * @n: how often
 */
void histogram_record_many(struct histogram *h, uint64_t value, uint64_t n);

/**
 * histogram_merge - add the counts of one histogram to another
 * @into: owned by the calling thread
 * @from: may be written by its own thread meanwhile; then the last few values may be missing
 */
void histogram_merge(struct histogram *into, const struct histogram *from);

/**
 * histogram_percentile - the value below or at which a share of all values lies
 * @h: the histogram
 * @percent: 0 to 100; 0 gives the minimum, 100 the maximum, both exact
 *
 * Return: the middle of the bucket that holds it, within [min, max]; 0 when empty.
 */
uint64_t histogram_percentile(const struct histogram *h, double percent);

/**
 * histogram_bucket_low - the least value that a bucket counts
 * @bucket: below HISTOGRAM_BUCKETS
 *
 * Return: the value.
 */
uint64_t histogram_bucket_low(unsigned bucket);

/**
 * histogram_bucket_high - the greatest value that a bucket counts
 * @bucket: below HISTOGRAM_BUCKETS
 *
 * Return: the value.
 */
uint64_t histogram_bucket_high(unsigned bucket);

#endif
