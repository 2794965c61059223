/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/trace_names.h"

#include <stddef.h>
#include <stdio.h>

#include "core/base/bits.h"

static const char *const kinds[TRACE_NR_KINDS] = {
	[TRACE_NONE] = "none",	 [TRACE_VCPU] = "vcpu",	    [TRACE_RING] = "ring",
	[TRACE_QUEUE] = "queue", [TRACE_VECTOR] = "vector",
};

static const char *const counters[TRACE_NR_KINDS][TRACE_COUNTERS] = {
	[TRACE_VCPU] = { [VCPU_EXIT_PIO] = "pio",
			 [VCPU_EXIT_MMIO] = "mmio",
			 [VCPU_EXIT_HLT] = "hlt",
			 [VCPU_EXIT_INTR] = "signal",
			 [VCPU_EXIT_SHUTDOWN] = "shutdown",
			 [VCPU_EXIT_SYSTEM_EVENT] = "system-event",
			 [VCPU_EXIT_INTERNAL_ERROR] = "internal-error",
			 [VCPU_EXIT_FAIL_ENTRY] = "fail-entry",
			 [VCPU_EXIT_OTHER] = "other" },
	[TRACE_RING] = { [TRACE_RING_TURNS] = "turns",
			 [TRACE_RING_WAITS] = "waits",
			 [TRACE_RING_POLLS] = "polls",
			 [TRACE_RING_POLLS_HIT] = "polls-hit",
			 [TRACE_RING_CALLS] = "calls",
			 [TRACE_RING_COMPLETIONS] = "completions" },
	[TRACE_QUEUE] = { [TRACE_QUEUE_REQUESTS] = "requests",
			  [TRACE_QUEUE_BYTES] = "bytes",
			  [TRACE_QUEUE_KICKS] = "kicks",
			  [TRACE_QUEUE_INTERRUPTS] = "interrupts",
			  [TRACE_QUEUE_ERRORS] = "errors" },
	[TRACE_VECTOR] = { [TRACE_VECTOR_INTERRUPTS] = "interrupts" },
};

static const struct trace_measure measures[TRACE_NR_KINDS][TRACE_HISTOGRAMS] = {
	[TRACE_VCPU] = { [TRACE_VCPU_HANDLE] = { "handle", true } },
	[TRACE_RING] = { [TRACE_RING_BATCH] = { "batch", false },
			 [TRACE_RING_BUSY] = { "busy", true } },
	[TRACE_QUEUE] = { [TRACE_QUEUE_LATENCY] = { "latency", true },
			  [TRACE_QUEUE_DEVICE] = { "device", true },
			  [TRACE_QUEUE_BATCH] = { "batch", false } },
	[TRACE_VECTOR] = { [TRACE_VECTOR_FORWARD] = { "forward", true } },
};

static const char *const types[TRACE_NR_TYPES] = {
	"none", "exit",	 "enter",    "sleep", "wake",	 "poll",      "kick",
	"pop",	"queue", "complete", "used",  "publish", "interrupt", "submit",
};

const char *trace_kind_name(unsigned kind)
{
	return kind < TRACE_NR_KINDS ? kinds[kind] : "unknown";
}

const char *trace_counter_name(unsigned kind, unsigned counter)
{
	return kind < TRACE_NR_KINDS && counter < TRACE_COUNTERS ? counters[kind][counter] : NULL;
}

struct trace_measure trace_histogram_measure(unsigned kind, unsigned histogram)
{
	if (kind < TRACE_NR_KINDS && histogram < TRACE_HISTOGRAMS)
		return measures[kind][histogram];
	return (struct trace_measure){ NULL, false };
}

uint32_t trace_device_number(const char *bdf)
{
	unsigned segment, bus, device, function;

	if (sscanf(bdf, "%x:%x:%x.%x", &segment, &bus, &device, &function) != 4 ||
	    segment > UINT16_MAX || bus > UINT8_MAX || device > 31 || function > 7)
		return 0;
	return segment << 16 | bus << 8 | device << 3 | function;
}

const char *trace_type_name(unsigned type)
{
	return type < TRACE_NR_TYPES ? types[type] : "unknown";
}
