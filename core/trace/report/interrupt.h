/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Interrupt: one interrupt of a passed-through device's vector, from the host's handler to the guest's EOI.
 *
 * Without trace=ring all that is known comes from the kernel's tracepoints: the handler of the host's interrupt sends the
 * message. With it, the handler signals a ring, whose thread signals KVM; the ring's stamps are there without the kernel's,
 * too. Several interrupts that one wake-up of the ring takes count as one, which began with the first.
 */
#ifndef CORE_TRACE_REPORT_INTERRUPT_H
#define CORE_TRACE_REPORT_INTERRUPT_H

#include <stdbool.h>

#include "core/trace/report/delivery.h"
#include "core/trace/report/points.h"

enum trace_interrupt_point {
	TRACE_INTERRUPT_HOST,	 /* the host's handler */
	TRACE_INTERRUPT_RING,	 /* trace=ring: the ring has it */
	TRACE_INTERRUPT_FORWARD, /* trace=ring: the ring signals it to KVM */
	TRACE_INTERRUPT_MSI,	 /* KVM sends the message */
	TRACE_INTERRUPT_ACCEPT,	 /* the guest's local APIC has it */
	TRACE_INTERRUPT_INJECT,	 /* KVM gives it to the vCPU */
	TRACE_INTERRUPT_ENTRY,	 /* the vCPU runs with it */
	TRACE_INTERRUPT_EOI,	 /* the guest has acknowledged it */
	TRACE_INTERRUPT_NR_POINTS,
};

struct trace_interrupt {
	uint64_t at[TRACE_INTERRUPT_NR_POINTS];
	uint32_t vector; /* place among them */
	uint32_t tid;	 /* of the ring; the process: no thread of it had a part */
};

struct trace_vector {
	char name[TRACE_NAME_SIZE];
	uint32_t device, number; /* of the host's, and of its vector */
	uint32_t irq;		 /* the host's; 0: not known */
	bool is_msix;
	bool has_ring;	    /* trace=ring */
	uint32_t object;    /* of that */
	size_t first, nr;   /* interrupts, where they are */
	uint64_t nr_host;   /* of the host's handler */
	uint64_t nr_pv_eoi; /* whose end the guest did not tell at once */
	uint64_t
		nr_posted; /* kvm_pi_irte_update: from then on the CPU delivers, and nothing is told */
};

struct trace_interrupts {
	struct trace_interrupt *interrupt; /* vector by vector, each in the order of time */
	size_t nr, room;
	struct trace_vector *vector;
	size_t nr_vectors, room_vectors;
};

/**
 * trace_interrupts_make - put them together
 * @out: filled on success; freed by trace_interrupts_free()
 * @rec: opened
 * @all: of it; those found are taken
 *
 * Return: 0; -ENOMEM; -EPROTO: too many vectors.
 */
int trace_interrupts_make(struct trace_interrupts *out, const struct trace_recording *rec,
			  const struct trace_deliveries *all);

/**
 * trace_interrupts_free - free them
 * @interrupts: made
 */
void trace_interrupts_free(struct trace_interrupts *interrupts);

/**
 * trace_interrupts_measure - how long a stage takes
 * @interrupts: made
 * @vector: place of it
 * @point: that ends the stage; TRACE_INTERRUPT_NR_POINTS: the whole
 * @out: receives the distribution, in cycles; empty: not known
 */
void trace_interrupts_measure(const struct trace_interrupts *interrupts, size_t vector,
			      unsigned point, struct histogram *out);

/**
 * trace_interrupt_point_name - of a point, and of the stage that it ends
 * @point: below TRACE_INTERRUPT_NR_POINTS; that: of the whole
 *
 * Return: the name.
 */
const char *trace_interrupt_point_name(unsigned point);

#endif
