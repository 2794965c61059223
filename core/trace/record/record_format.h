/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Record format: the file of torc-trace record.
 *
 * A struct trace_record_header, then blocks of a struct trace_block and its data, in the order in which they were
 * written; numbers are little-endian, times the host's TSC. A file that ends without a TRACE_BLOCK_END was not finished;
 * all whole blocks of it count.
 */
#ifndef CORE_TRACE_RECORD_RECORD_FORMAT_H
#define CORE_TRACE_RECORD_RECORD_FORMAT_H

#include "core/base/trace_format.h"

#define TRACE_RECORD_MAGIC   0x3164636572637274ULL /* "trcrecd1" */
#define TRACE_RECORD_VERSION 3

struct trace_record_header {
	uint64_t magic;
	uint32_t version;
	uint32_t pad;
	struct trace_header trace; /* of the process, when recording began */
};

enum trace_block_type {
	TRACE_BLOCK_THREAD = 1, /* struct trace_record_thread */
	TRACE_BLOCK_BEGIN, /* struct trace_record_object and histograms: when recording began, or it came */
	TRACE_BLOCK_FINAL,  /* likewise: when recording ended */
	TRACE_BLOCK_EVENTS, /* struct trace_record_events, struct trace_event each */
	TRACE_BLOCK_KERNEL, /* struct trace_kernel_event each */
	TRACE_BLOCK_NOTE,   /* text: what could not be had, and why */
	TRACE_BLOCK_END,    /* nothing */
};

struct trace_block {
	uint32_t type;
	uint32_t pad;
	uint64_t size; /* of the data; a multiple of 8 */
};

struct trace_record_thread {
	uint32_t index;
	uint32_t tid;
	char name[16];
};

/* TRACE_HISTOGRAMS struct trace_record_histogram follow, each with its buckets. */
struct trace_record_object {
	uint16_t index;
	uint16_t kind;
	uint16_t thread;
	uint16_t pad;
	uint32_t device;
	uint32_t pad2;
	uint64_t tsc;
	char name[TRACE_NAME_SIZE];
	uint64_t counter[TRACE_COUNTERS];
};

/* @nr pairs of a bucket's number and its count follow, numbers rising; counts add up to @count. */
struct trace_record_histogram {
	uint64_t count, sum, min, max;
	uint64_t nr;
};

struct trace_record_events {
	uint32_t thread;
	uint32_t pad;
	uint64_t dropped; /* overwritten before these could be read */
};

enum trace_kernel_type {
	TRACE_KERNEL_NONE,
	TRACE_KERNEL_EXIT,	/* vcpu; arg: first 8 characters of the reason */
	TRACE_KERNEL_ENTRY,	/* vcpu */
	TRACE_KERNEL_MSI,	/* vcpu: APIC id of the destination; arg: vector */
	TRACE_KERNEL_ACCEPT,	/* vcpu: APIC id; arg: vector */
	TRACE_KERNEL_EOI,	/* vcpu: APIC id; arg: vector */
	TRACE_KERNEL_PI_UPDATE, /* vcpu; arg: host's interrupt */
	TRACE_KERNEL_FAST_MMIO, /* arg: guest physical address */
	TRACE_KERNEL_INJECT,	/* arg: vector; the vCPU is the thread's */
	TRACE_KERNEL_PV_EOI, /* vcpu: APIC id; arg: vector: that EOI was in the guest's memory, who knows how long */
	TRACE_KERNEL_MMIO_EXIT, /* vcpu; arg: guest physical address that was written to */
	TRACE_KERNEL_HOST, /* vcpu: host's interrupt; arg: TRACE_KERNEL_VECTOR() of a passed-through device */
	TRACE_KERNEL_NR_TYPES,
};

/* A device as trace_device_number() has it. */
#define TRACE_KERNEL_VECTOR(device, is_msix, vector) \
	((uint64_t)(device) << 32 | (uint64_t)(is_msix) << 31 | (vector))

struct trace_kernel_event {
	uint64_t tsc;
	uint16_t type;
	uint16_t is_interrupt; /* the thread is only who was interrupted */
	uint32_t tid;
	uint64_t arg;
	uint32_t vcpu;
	uint32_t cpu;
};

#endif
