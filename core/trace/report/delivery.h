/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Delivery: one message to a local APIC, put together from KVM's tracepoints: sent, accepted, injected, handled.
 *
 * A message that is accepted while its vector is being handled waits for its own injection, so the next EOI is not its
 * own; messages accepted before one injection share it. What hardware does by itself (AVIC, APICv) is not told: such a
 * delivery has no injection, and often no EOI. An EOI by way of the guest's memory (PV EOI) is noticed at the guest's
 * next exit, which says nothing about its time; it is counted and leaves none.
 */
#ifndef CORE_TRACE_REPORT_DELIVERY_H
#define CORE_TRACE_REPORT_DELIVERY_H

#include "core/trace/report/recording.h"

struct trace_delivery {
	uint64_t msi, accept, inject, entry, eoi; /* TSC; 0: not told */
	const struct trace_kernel_event *host; /* in whose handler it was sent; NULL: elsewhere */
	uint32_t tid, cpu;		       /* of who sent it */
	uint32_t vcpu;
	uint16_t vector;
	bool is_interrupt; /* sent by a host's interrupt */
	bool is_pv_eoi;
	/* Whose: an object, and since when; 0: nobody's yet. */
	uint32_t object;
	uint64_t since;
};

struct trace_deliveries {
	struct trace_delivery *delivery; /* by time of sending */
	size_t nr, room;
};

/**
 * trace_deliveries_make - all of a recording
 * @out: filled on success; its memory is freed by free(out->delivery)
 * @rec: opened, outlives them
 *
 * Return: 0; -ENOMEM.
 */
int trace_deliveries_make(struct trace_deliveries *out, const struct trace_recording *rec);

/**
 * trace_deliveries_take - what a thread sent for something
 * @all: made
 * @tid: of the thread
 * @from: when it was asked to
 * @until: not later
 * @object: whose request that was; the same one at the same @from gets the same
 *
 * Return: the first that nobody else has; NULL: none.
 */
const struct trace_delivery *trace_deliveries_take(const struct trace_deliveries *all, uint32_t tid,
						   uint64_t from, uint64_t until, uint32_t object);

#endif
