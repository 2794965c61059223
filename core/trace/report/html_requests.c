/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/html_ways.h"

#include "core/trace/report/report.h"

static const char *const meaning[TRACE_NR_POINTS] = {
	[TRACE_POINT_KICK] = "the ring handles the guest's doorbell",
	[TRACE_POINT_POP] = "the request is taken off the queue",
	[TRACE_POINT_SUBMIT] = "io_uring hands its operation to the kernel",
	[TRACE_POINT_COMPLETE] = "the operation is done",
	[TRACE_POINT_PUBLISH] = "it is in the used ring, and the guest can see that",
	[TRACE_POINT_INTERRUPT] = "the queue's interrupt is asked for",
	[TRACE_POINT_ACCEPT] = "the local APIC has the interrupt",
	[TRACE_POINT_INJECT] = "the vCPU runs with it",
	[TRACE_POINT_EOI] = "the guest has acknowledged it",
};

static const char *point_name(unsigned point)
{
	return trace_point_name(point);
}

static void describe(const struct trace_html *page, size_t i, bool is_long)
{
	const struct trace_span *s = &page->spans->span[i];

	trace_html_text(trace_report_name(page->rec, s->object), page->out);
	fprintf(page->out, ", head %u", s->head);
	if (!is_long)
		return;
	fprintf(page->out, ", ");
	trace_html_number((double)s->bytes, 0, page->out);
	fprintf(page->out, " bytes, result %d", s->result);
}

struct trace_html_ways trace_html_requests(const struct trace_html *page)
{
	return (struct trace_html_ways){
		.one = "virtio request",
		.many = "virtio requests",
		.id = "slowest",
		.first = page->spans->span,
		.stride = sizeof(*page->spans->span),
		.nr = page->spans->nr,
		.nr_points = TRACE_NR_POINTS,
		.describe = describe,
		.point_name = point_name,
		.meaning = meaning,
	};
}
