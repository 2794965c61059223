/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Trace format: what a running torc shares with torc-trace.
 *
 * One memfd, called "torc-trace", which a tool finds in /proc/PID/fd and maps; torc takes no part in that. It begins
 * with a struct trace_header. Objects (a vCPU, a ring, a queue, a vector) have counters and histograms, which are always
 * on. Threads have a ring of events each, the oldest of which are overwritten; they are recorded while somebody holds the
 * lease, and the memory is touched only then. Times are the host's TSC; the header has what converts them.
 *
 * Fields marked atomic are read and written with load_acquire() and store_release(); everything else is fixed before what
 * publishes it. A reader trusts nothing it finds: the file can be written by whoever can open it.
 *
 * Most of the file is holes. To look at one through a mapping makes a page of it, so a reader uses pread(2) for histograms
 * and events, which does not, and maps the header.
 */
#ifndef CORE_BASE_TRACE_FORMAT_H
#define CORE_BASE_TRACE_FORMAT_H

#include <stdint.h>

#include "core/base/histogram.h"

#define TRACE_MAGIC	 0x31656361727463ffULL
#define TRACE_VERSION	 3
#define TRACE_NAME_SIZE	 96
#define TRACE_COUNTERS	 16
#define TRACE_HISTOGRAMS 4

enum trace_kind {
	TRACE_NONE,
	TRACE_VCPU,
	TRACE_RING,
	TRACE_QUEUE,
	TRACE_VECTOR,
	TRACE_NR_KINDS,
};

/* Counters of a vCPU: why KVM_RUN returned. */
enum vcpu_exit {
	VCPU_EXIT_PIO,
	VCPU_EXIT_MMIO,
	VCPU_EXIT_HLT,
	VCPU_EXIT_INTR, /* a signal: pause */
	VCPU_EXIT_SHUTDOWN,
	VCPU_EXIT_SYSTEM_EVENT,
	VCPU_EXIT_INTERNAL_ERROR,
	VCPU_EXIT_FAIL_ENTRY,
	VCPU_EXIT_OTHER,
	VCPU_NR_EXITS,
};

enum trace_vcpu_histogram {
	TRACE_VCPU_HANDLE, /* cycles from KVM_RUN's return to the next call: what an exit to torc costs */
};

enum trace_ring_counter {
	TRACE_RING_TURNS,
	TRACE_RING_WAITS,     /* turns that slept in io_uring_enter(2) */
	TRACE_RING_POLLS,     /* times it polled before sleeping */
	TRACE_RING_POLLS_HIT, /* of these, something came */
	TRACE_RING_CALLS,     /* io_uring_enter(2) */
	TRACE_RING_COMPLETIONS,
};

enum trace_ring_histogram {
	TRACE_RING_BATCH, /* completions a turn, of those that had some */
	TRACE_RING_BUSY,  /* cycles of a turn, without what it slept or polled */
};

enum trace_queue_counter {
	TRACE_QUEUE_REQUESTS,
	TRACE_QUEUE_BYTES,
	TRACE_QUEUE_KICKS,	/* doorbells that woke the ring */
	TRACE_QUEUE_INTERRUPTS, /* signals of the queue's interrupt */
	TRACE_QUEUE_ERRORS,	/* requests that failed */
};

enum trace_queue_histogram {
	TRACE_QUEUE_LATENCY, /* cycles from taking a request off the queue to showing the guest that it is done */
	TRACE_QUEUE_DEVICE, /* of these, from taking it to the end of its last operation */
	TRACE_QUEUE_BATCH,  /* requests that one publication shows the guest */
};

enum trace_vector_counter {
	TRACE_VECTOR_INTERRUPTS,
};

enum trace_vector_histogram {
	TRACE_VECTOR_FORWARD, /* cycles from the completion that brought it to its signal onwards */
};

/* What an event's @id and @arg are. Some are probes only and never in a ring: what they tell is in another one. */
enum trace_type {
	TRACE_EVENT_NONE,
	TRACE_EVENT_EXIT, /* vCPU: KVM_RUN returned; id: enum vcpu_exit; arg: port or address, size */
	TRACE_EVENT_ENTER, /* vCPU: KVM_RUN is called */
	TRACE_EVENT_SLEEP, /* ring: about to wait; arg: operations that go to the kernel with it */
	TRACE_EVENT_WAKE,  /* ring: back; arg: completions that are there */
	TRACE_EVENT_POLL, /* ring: looked instead of waiting, until now; id: whether something came; arg: cycles */
	TRACE_EVENT_KICK, /* queue: its doorbell's completion is handled */
	/* Queue, probe only: a request was taken; id: head; arg: bytes out, bytes in. */
	TRACE_EVENT_POP,
	/* Queue, probe only: its operation is given to the ring; id: head; arg: offset on the disk or 0, bytes. */
	TRACE_EVENT_QUEUE,
	/* Queue, probe only: the operation is done; id: head; arg: result. */
	TRACE_EVENT_COMPLETE,
	/*
	 * Queue: a request is in the used ring, not shown yet. Its time is when it was taken; id: TRACE_USED_*; arg: bytes
	 * read and written, TSC of its last operation's end (0: it had none).
	 */
	TRACE_EVENT_USED,
	TRACE_EVENT_PUBLISH, /* queue: the guest can see what is used so far; id: used index; arg: interrupts */
	/* Vector: its eventfd is about to be signalled; id: vector; arg: cycles since it came, cycles it took. Queue: probe only. */
	TRACE_EVENT_INTERRUPT,
	TRACE_EVENT_SUBMIT, /* ring: operations go to the kernel, without waiting; arg: how many */
	TRACE_NR_TYPES,
};

struct trace_event {
	uint64_t tsc;
	uint16_t type;
	uint16_t object; /* index in the table; UINT16_MAX: of what has no place there */
	uint32_t id;
	uint64_t arg[2];
};

/* The @id of a TRACE_EVENT_USED. It is one event a request, as several cost a tenth of the fastest ones. */
#define TRACE_USED_HEAD(id)  ((id)&0xffff)
#define TRACE_USED_ERROR(id) ((id) >> 16 & 0x7fff) /* errno of its last operation; 0: none */
#define TRACE_USED_KICKED    (1U << 31)		   /* it was found as the doorbell rang */

struct trace_object {
	uint16_t kind;
	uint16_t thread; /* atomic: index in the table of who writes; UINT16_MAX: none yet */
	uint32_t
		device; /* of a vector: whose on the host, as trace_device_number() has it; 0: not known */
	char name[TRACE_NAME_SIZE];	  /* "vcpu0", "ring0", "disk0 queue 1" */
	uint64_t counter[TRACE_COUNTERS]; /* atomic each; one writer */
	/* As core/base/histogram.h has it; one writer. */
	struct histogram histogram[TRACE_HISTOGRAMS];
};

struct trace_thread {
	char name[16];
	uint32_t tid;
	uint32_t has_ended; /* atomic */
	uint64_t events;    /* offset in the file of header.nr_events struct trace_event */
	uint64_t head;	    /* atomic: how many events were written since the beginning */
	uint64_t pad[3];    /* a cache line each */
};

/** Threads or objects that a reader takes: torc has fewer, and anybody may write a file. */
#define TRACE_MAX_TABLE 8192U

/** Of a TSC that anybody may believe. */
#define TRACE_MIN_TSC_HZ 1000000U

struct trace_header {
	uint64_t magic; /* atomic: last, when all is set up */
	uint32_t version;
	uint32_t pid;
	uint64_t size; /* of the file */
	uint64_t tsc_hz;
	uint64_t tsc_base;	    /* at this TSC */
	uint64_t monotonic_base_ns; /* CLOCK_MONOTONIC was this */
	uint64_t realtime_base_ns;  /* and CLOCK_REALTIME this */
	uint64_t guest_tsc_offset;  /* atomic: host's TSC and this are the guest's; wraps round */
	uint32_t nr_events;	    /* of each thread's ring; a power of two */
	uint32_t max_threads, max_objects;
	uint32_t pad;
	uint64_t threads, objects;	 /* offsets of the tables */
	uint32_t nr_threads, nr_objects; /* atomic: of the tables, how many are there */
	char vm[64];			 /* for a title: the command's name and the devices */
	/* Atomic, written by tools: events are recorded while the TSC is below it; 0: not. torc clears one that has passed. */
	uint64_t lease_tsc;
};

#endif
