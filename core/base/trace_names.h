/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Trace names: what core/base/trace_format.h numbers, in words, for all that print it.
 */
#ifndef CORE_BASE_TRACE_NAMES_H
#define CORE_BASE_TRACE_NAMES_H

#include <stdbool.h>

#include "core/base/trace_format.h"

struct trace_measure {
	const char *name; /* NULL: there is none */
	bool is_time;	  /* in cycles; otherwise a number of things */
};

/**
 * trace_kind_name - what an object is
 * @kind: any
 *
 * Return: its name; "unknown".
 */
const char *trace_kind_name(unsigned kind);

/**
 * trace_counter_name - what a counter counts
 * @kind: any
 * @counter: any
 *
 * Return: its name; NULL: nothing.
 */
const char *trace_counter_name(unsigned kind, unsigned counter);

/**
 * trace_histogram_measure - what a histogram measures
 * @kind: any
 * @histogram: any
 *
 * Return: the measure.
 */
struct trace_measure trace_histogram_measure(unsigned kind, unsigned histogram);

/**
 * trace_device_number - a PCI function's address as a number
 * @bdf: such as 0000:41:00.0
 *
 * Return: segment, bus, device and function, from the highest bits on; 0: no address, or one that has no place in 32 bits.
 */
uint32_t trace_device_number(const char *bdf);

/**
 * trace_type_name - what an event says
 * @type: any
 *
 * Return: its name; "unknown".
 */
const char *trace_type_name(unsigned type);

#endif
