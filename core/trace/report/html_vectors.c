/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/bits.h"
#include "core/trace/report/html_ways.h"

static const char *const meaning[TRACE_INTERRUPT_NR_POINTS] = {
	[TRACE_INTERRUPT_HOST] = "the host's handler runs",
	[TRACE_INTERRUPT_RING] = "the ring has woken up for it (trace=ring)",
	[TRACE_INTERRUPT_FORWARD] = "the ring signals it to KVM (trace=ring)",
	[TRACE_INTERRUPT_MSI] = "KVM sends the message",
	[TRACE_INTERRUPT_ACCEPT] = "the guest's local APIC has it",
	[TRACE_INTERRUPT_INJECT] = "KVM injects it",
	[TRACE_INTERRUPT_ENTRY] = "the vCPU runs with it",
	[TRACE_INTERRUPT_EOI] = "the guest has acknowledged it",
};

static void describe(const struct trace_html *page, size_t i, bool is_long)
{
	const struct trace_interrupts *all = &page->spans->interrupts;

	trace_html_text(all->vector[all->interrupt[i].vector].name, page->out);
}

struct trace_html_ways trace_html_interrupts(const struct trace_html *page)
{
	const struct trace_interrupts *all = &page->spans->interrupts;

	_Static_assert(!offsetof(struct trace_interrupt, at),
		       "struct trace_html_ways wants it first");
	return (struct trace_html_ways){
		.one = "interrupt of a passed-through device",
		.many = "interrupts of passed-through devices",
		.id = "slowest-interrupt",
		.first = all->interrupt,
		.stride = sizeof(*all->interrupt),
		.nr = all->nr,
		.nr_points = TRACE_INTERRUPT_NR_POINTS,
		.describe = describe,
		.point_name = trace_interrupt_point_name,
		.meaning = meaning,
	};
}

static void cells(const struct trace_html *page, const struct histogram *h)
{
	static const double percent[] = { 50, 99, 99.9, 100 };

	fprintf(page->out, "<td>");
	trace_html_number((double)h->count, 0, page->out);
	fprintf(page->out, "</td><td>");
	trace_html_number((double)h->sum / (double)h->count / page->us, 1, page->out);
	for (size_t i = 0; i < ARRAY_SIZE(percent); i++) {
		fprintf(page->out, "</td><td>");
		trace_html_number((double)histogram_percentile(h, percent[i]) / page->us, 1,
				  page->out);
	}
	fprintf(page->out, "</td>");
}

static void row(const struct trace_html *page, const char *name, const struct histogram *h,
		const char *note)
{
	fprintf(page->out, "<tr><td class=\"l\">%s</td>", name);
	cells(page, h);
	fprintf(page->out, "<td class=\"note\">%s</td></tr>\n", note);
}

static void notes(const struct trace_html *page, const struct trace_vector *v)
{
	fprintf(page->out, "<p class=\"dim\">");
	trace_html_number((double)v->nr, 0, page->out);
	fprintf(page->out, v->has_ring ? " interrupts, by way of a ring"
				       : " interrupts, from the host to KVM without torc");
	if (v->nr_host) {
		fprintf(page->out, "; the host had ");
		trace_html_number((double)v->nr_host, 0, page->out);
	}
	if (v->nr_pv_eoi) {
		fprintf(page->out, "; of ");
		trace_html_number((double)v->nr_pv_eoi, 0, page->out);
		fprintf(page->out,
			" the guest told the end in its memory (PV EOI), which has no time");
	}
	if (v->nr_posted)
		fprintf(page->out, "; posted: the CPU delivers it, and nothing is told");
	fprintf(page->out, "</p>\n");
}

static void vector(const struct trace_html *page, size_t i, struct trace_object *o)
{
	const struct trace_interrupts *all = &page->spans->interrupts;
	const struct trace_vector *v = &all->vector[i];
	struct histogram *h = &o->histogram[0];

	fprintf(page->out, "<h3>");
	trace_html_text(v->name, page->out);
	fprintf(page->out, "</h3>\n");
	notes(page, v);
	if (!v->nr)
		return;
	fprintf(page->out,
		"<div class=\"wide\"><table class=\"vector\"><tr><th class=\"l\">stage, us</th>"
		"<th>count</th><th>mean</th><th>p50</th><th>p99</th><th>p99.9</th><th>max</th>"
		"<th class=\"l\">lasts until</th></tr>\n");
	for (unsigned p = 0; p < TRACE_INTERRUPT_NR_POINTS; p++) {
		trace_interrupts_measure(all, i, p, h);
		if (h->count)
			row(page, trace_interrupt_point_name(p), h, meaning[p]);
	}
	if (v->has_ring && trace_recording_object(page->rec, v->object, o) &&
	    o->histogram[TRACE_VECTOR_FORWARD].count)
		row(page, "cost of trace=ring", &o->histogram[TRACE_VECTOR_FORWARD],
		    "from the wake-up of the ring to the end of its signal to KVM");
	trace_interrupts_measure(all, i, TRACE_INTERRUPT_NR_POINTS, h);
	row(page, "in total", h, "");
	fprintf(page->out, "</table></div>\n<div class=\"plots\"><figure><h3>");
	trace_html_text(v->name, page->out);
	fprintf(page->out, ": in total</h3>\n");
	trace_html_plot(h, page->us, true, page->out);
	fprintf(page->out, "</figure></div>\n");
}

void trace_html_vectors(const struct trace_html *page, struct trace_object *o)
{
	for (size_t i = 0; i < page->spans->interrupts.nr_vectors; i++)
		vector(page, i, o);
}
