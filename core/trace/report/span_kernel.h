/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Span kernel: what the kernel's tracepoints add to spans: the guest's doorbell, and what became of the interrupt.
 */
#ifndef CORE_TRACE_REPORT_SPAN_KERNEL_H
#define CORE_TRACE_REPORT_SPAN_KERNEL_H

#include "core/trace/report/span.h"

/**
 * trace_spans_join - add them, and make the interrupts of passed-through devices
 * @spans: all complete; changed, also on failure
 * @rec: of which they are
 *
 * Return: 0; -ENOMEM; -EPROTO: too many vectors.
 */
int trace_spans_join(struct trace_spans *spans, const struct trace_recording *rec);

#endif
