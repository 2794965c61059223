/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/span_kernel.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/bits.h"

/* A ring that has a core to run on wakes within that time, even where the host is emulated. */
#define MAX_WAKE_MS 200

/* Addresses that were written to shortly before the kicks of a queue, and how often: the most frequent is its doorbell. */
struct doorbell {
	uint64_t kick;	/* the last one; 0: none */
	uint64_t write; /* for that; 0: not known */
	uint64_t nr_kicks;
	struct {
		uint64_t address, nr;
	} seen[8];
};

static bool is_write(const struct trace_kernel_event *k)
{
	return k->type == TRACE_KERNEL_FAST_MMIO || k->type == TRACE_KERNEL_MMIO_EXIT;
}

/* All writes to memory-mapped I/O, by time. */
static size_t list_writes(const struct trace_recording *rec, const struct trace_kernel_event **out)
{
	size_t nr = 0;

	for (size_t i = 0; i < rec->nr_kernel; i++) {
		if (is_write(&rec->kernel[i]))
			out[nr++] = &rec->kernel[i];
	}
	return nr;
}

/* How many of @writes are not after @tsc. */
static size_t up_to(const struct trace_kernel_event **writes, size_t nr, uint64_t tsc)
{
	size_t low = 0;

	while (low < nr) {
		size_t middle = low + (nr - low) / 2;

		if (writes[middle]->tsc <= tsc)
			low = middle + 1;
		else
			nr = middle;
	}
	return low;
}

static void count(struct doorbell *d, uint64_t kick, uint64_t address)
{
	if (d->kick == kick)
		return;
	d->kick = kick;
	d->nr_kicks++;
	for (size_t i = 0; i < ARRAY_SIZE(d->seen); i++) {
		if (d->seen[i].nr && d->seen[i].address != address)
			continue;
		d->seen[i].address = address;
		d->seen[i].nr++;
		return;
	}
}

/* UINT64_MAX: none that most kicks agree on. */
static uint64_t address_of(const struct doorbell *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(d->seen); i++) {
		if (d->seen[i].nr * 2 > d->nr_kicks)
			return d->seen[i].address;
	}
	return UINT64_MAX;
}

/* The last write before its kick, of those to @address; any if that is UINT64_MAX. */
static const struct trace_kernel_event *write_before(const struct trace_recording *rec,
						     const struct trace_kernel_event **writes,
						     size_t nr, uint64_t kick, uint64_t address)
{
	uint64_t wait = rec->header.tsc_hz / 1000 * MAX_WAKE_MS;

	for (size_t i = up_to(writes, nr, kick); i-- > 0 && kick - writes[i]->tsc < wait;) {
		if (address == UINT64_MAX || writes[i]->arg == address)
			return writes[i];
	}
	return NULL;
}

/* One that is not after the kick before was that one's. */
static void find_write(struct doorbell *d, uint64_t kick, const struct trace_recording *rec,
		       const struct trace_kernel_event **writes, size_t nr)
{
	uint64_t address = address_of(d);
	const struct trace_kernel_event *k = NULL;

	if (kick == d->kick)
		return;
	if (address != UINT64_MAX)
		k = write_before(rec, writes, nr, kick, address);
	d->write = k && k->tsc > d->kick ? k->tsc : 0;
	d->kick = kick;
}

/* @order is by kicks. */
static int add_doorbells(struct trace_span **order, size_t nr_spans,
			 const struct trace_recording *rec)
{
	const struct trace_kernel_event **writes =
		calloc(rec->nr_kernel + 1, sizeof(struct trace_kernel_event *));
	struct doorbell *of = calloc(rec->header.max_objects + 1ULL, sizeof(*of));
	const struct trace_kernel_event *k;
	size_t nr = 0;
	int r = writes && of ? 0 : -ENOMEM;

	if (!r)
		nr = list_writes(rec, writes);
	for (size_t i = 0; i < nr_spans && nr; i++) {
		uint64_t kick = order[i]->at[TRACE_POINT_KICK];

		k = kick ? write_before(rec, writes, nr, kick, UINT64_MAX) : NULL;
		if (k)
			count(&of[order[i]->object], kick, k->arg);
	}
	for (unsigned i = 0; of && i < rec->header.max_objects; i++)
		of[i].kick = 0;
	for (size_t i = 0; i < nr_spans && nr; i++) {
		struct doorbell *d = &of[order[i]->object];

		if (!order[i]->at[TRACE_POINT_KICK])
			continue;
		find_write(d, order[i]->at[TRACE_POINT_KICK], rec, writes, nr);
		order[i]->at[TRACE_POINT_DOORBELL] = d->write;
	}
	free(writes);
	free(of);
	return r;
}

static int by_point(const struct trace_span *a, const struct trace_span *b, unsigned point)
{
	return (a->at[point] > b->at[point]) - (a->at[point] < b->at[point]);
}

static int by_kick(const void *a, const void *b)
{
	return by_point(*(struct trace_span *const *)a, *(struct trace_span *const *)b,
			TRACE_POINT_KICK);
}

static int by_interrupt(const void *a, const void *b)
{
	return by_point(*(struct trace_span *const *)a, *(struct trace_span *const *)b,
			TRACE_POINT_INTERRUPT);
}

static void add_delivery(struct trace_span *span, uint64_t until, const struct trace_recording *rec,
			 const struct trace_deliveries *all)
{
	uint64_t asked = span->at[TRACE_POINT_INTERRUPT];
	const struct trace_delivery *d;

	if (!asked)
		return;
	d = trace_deliveries_take(all, rec->thread[span->thread].tid, asked, until, span->object);
	if (d && d->accept)
		trace_points_set(span->at, TRACE_POINT_ACCEPT, d->accept);
	if (d && (d->entry || d->inject))
		trace_points_set(span->at, TRACE_POINT_INJECT, d->entry ? d->entry : d->inject);
	if (d && d->eoi)
		trace_points_set(span->at, TRACE_POINT_EOI, d->eoi);
}

/*
 * A ring signals in the order in which it was asked to, whatever the queue. A signal that led to no message, as the guest
 * had masked it, must not have that of its queue's next one. @order is by interrupts.
 */
static int add_deliveries(struct trace_span **order, size_t nr, const struct trace_recording *rec,
			  const struct trace_deliveries *all)
{
	struct {
		uint64_t asked, until; /* the last one looked at, and the one after */
	} *next = calloc(rec->header.max_objects + 1ULL, sizeof(*next));
	uint64_t *until = calloc(nr + 1, sizeof(*until));
	int r = next && until ? 0 : -ENOMEM;

	for (size_t i = nr; i-- > 0 && !r;) {
		uint64_t asked = order[i]->at[TRACE_POINT_INTERRUPT];
		uint16_t object = order[i]->object;

		if (asked != next[object].asked) {
			next[object].until = next[object].asked ? next[object].asked - 1
								: asked + rec->header.tsc_hz;
			next[object].asked = asked;
		}
		until[i] = next[object].until;
	}
	for (size_t i = 0; i < nr && !r; i++)
		add_delivery(order[i], until[i], rec, all);
	free(next);
	free(until);
	return r;
}

static int add_order(struct trace_spans *s, const struct trace_recording *rec,
		     const struct trace_deliveries *all)
{
	struct trace_span **order = calloc(s->nr + 1, sizeof(struct trace_span *));
	int r;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < s->nr; i++)
		order[i] = &s->span[i];
	qsort(order, s->nr, sizeof(*order), by_interrupt);
	r = add_deliveries(order, s->nr, rec, all);
	qsort(order, s->nr, sizeof(*order), by_kick);
	if (!r)
		r = add_doorbells(order, s->nr, rec);
	free(order);
	return r;
}

int trace_spans_join(struct trace_spans *spans, const struct trace_recording *rec)
{
	struct trace_deliveries all;
	int r = trace_deliveries_make(&all, rec);

	if (r)
		return r;
	/* These know exactly which they sent; what is left is of queues. */
	r = trace_interrupts_make(&spans->interrupts, rec, &all);
	if (!r)
		r = add_order(spans, rec, &all);
	if (r)
		trace_interrupts_free(&spans->interrupts);
	free(all.delivery);
	return r;
}
