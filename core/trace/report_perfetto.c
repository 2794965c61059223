/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "core/base/trace_names.h"
#include "core/trace/kernel.h"
#include "core/trace/report.h"

struct page {
	const struct trace_recording *rec;
	FILE *out;
	double us;
};

/* Microseconds since the TSC that the conversion is of; CLOCK_MONOTONIC is monotonic_base_ns then. */
static double when(const struct page *p, uint64_t tsc)
{
	return (double)(int64_t)(tsc - p->rec->header.tsc_base) / p->us;
}

/* An event, up to its name; the caller adds args. */
static void begin(const struct page *p, char phase, const char *name, uint32_t tid, uint64_t tsc)
{
	fprintf(p->out, ",\n{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"ts\":%.3f,\"name\":\"", phase,
		p->rec->header.pid, tid, when(p, tsc));
	trace_report_text(name, p->out);
	fputc('"', p->out);
}

static void metadata(const struct page *p)
{
	fprintf(p->out, "{\"ph\":\"M\",\"pid\":%u,\"name\":\"process_name\",\"args\":{\"name\":\"",
		p->rec->header.pid);
	trace_report_text(p->rec->header.vm, p->out);
	fprintf(p->out, "\"}}");
	for (unsigned i = 0; i < p->rec->header.max_threads; i++) {
		const struct trace_recorded_thread *t = &p->rec->thread[i];

		if (!t->tid)
			continue;
		fprintf(p->out,
			",\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"thread_name\","
			"\"args\":{\"name\":\"",
			p->rec->header.pid, t->tid);
		trace_report_text(t->name, p->out);
		fprintf(p->out, "\"}}");
	}
}

/* What lasts is drawn at its end: in the guest, in torc, asleep, polling. */
static void thread_events(const struct page *p, const struct trace_recorded_thread *t)
{
	uint64_t since = 0;

	for (size_t i = 0; i < t->nr; i++) {
		const struct trace_event *e = &t->event[i];
		const char *name = NULL;

		if (e->type == TRACE_EVENT_EXIT && since)
			name = "guest";
		if (e->type == TRACE_EVENT_ENTER && since)
			name = "exit";
		if (e->type == TRACE_EVENT_WAKE && since)
			name = "sleep";
		if (e->type == TRACE_EVENT_POLL) {
			name = e->id ? "poll, hit" : "poll";
			since = e->tsc - e->arg[0];
		}
		if (name && e->tsc >= since) {
			begin(p, 'X', name, t->tid, since);
			fprintf(p->out, ",\"dur\":%.3f}", (double)(e->tsc - since) / p->us);
		} else if (e->type >= TRACE_EVENT_KICK) {
			begin(p, 'i', trace_type_name(e->type), t->tid, e->tsc);
			fprintf(p->out, ",\"s\":\"t\",\"args\":{\"of\":\"");
			trace_report_text(trace_report_name(p->rec, e->object), p->out);
			fprintf(p->out, "\",\"id\":%u}}", e->id);
		}
		/* Of a vCPU and of a ring these take turns. */
		since = e->type == TRACE_EVENT_EXIT || e->type == TRACE_EVENT_ENTER ||
					e->type == TRACE_EVENT_SLEEP
				? e->tsc
			: e->type >= TRACE_EVENT_WAKE || !e->type ? 0
								  : since;
	}
}

static void kernel_events(const struct page *p)
{
	for (size_t i = 0; i < p->rec->nr_kernel; i++) {
		const struct trace_kernel_event *k = &p->rec->kernel[i];

		begin(p, 'i', trace_kernel_name(k->type), k->tid, k->tsc);
		fprintf(p->out, ",\"s\":\"t\",\"args\":{\"vcpu\":%u,\"arg\":\"0x%" PRIx64 "\"}}",
			k->vcpu, k->arg);
	}
}

/* Asynchronous, as requests overlap: each has a line of its own below its queue. A flow leads to its interrupt. */
static void span(const struct page *p, const struct trace_span *s, size_t id)
{
	uint32_t tid = p->rec->thread[s->thread].tid;
	const char *queue = trace_report_name(p->rec, s->object);
	uint64_t from = trace_span_first(s);

	begin(p, 'b', queue, tid, from);
	fprintf(p->out,
		",\"cat\":\"request\",\"id\":%zu,\"args\":{\"head\":%u,\"bytes\":%" PRIu64
		",\"guest_tsc\":\"%" PRIu64 "\"}}",
		id, s->head, s->bytes, from + p->rec->header.guest_tsc_offset);
	for (unsigned i = 1; i < TRACE_NR_POINTS; i++) {
		if (!s->at[i] || s->at[i] == from)
			continue;
		begin(p, 'b', trace_point_name(i), tid, from);
		fprintf(p->out, ",\"cat\":\"request\",\"id\":%zu}", id);
		begin(p, 'e', trace_point_name(i), tid, s->at[i]);
		fprintf(p->out, ",\"cat\":\"request\",\"id\":%zu}", id);
		from = s->at[i];
	}
	begin(p, 'e', queue, tid, trace_span_last(s));
	fprintf(p->out, ",\"cat\":\"request\",\"id\":%zu}", id);
	if (!s->at[TRACE_POINT_INTERRUPT])
		return;
	begin(p, 's', "doorbell to interrupt", tid, trace_span_first(s));
	fprintf(p->out, ",\"cat\":\"flow\",\"id\":%zu}", id);
	begin(p, 'f', "doorbell to interrupt", tid, s->at[TRACE_POINT_INTERRUPT]);
	fprintf(p->out, ",\"cat\":\"flow\",\"bp\":\"e\",\"id\":%zu}", id);
}

void trace_report_perfetto(const struct trace_recording *rec, const struct trace_spans *spans,
			   FILE *out)
{
	const struct page p = { rec, out, trace_report_unit(rec, true) };

	fprintf(out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
	metadata(&p);
	for (unsigned i = 0; i < rec->header.max_threads; i++)
		thread_events(&p, &rec->thread[i]);
	kernel_events(&p);
	for (size_t i = 0; i < spans->nr; i++)
		span(&p, &spans->span[i], i);
	fprintf(out,
		"\n],\"otherData\":{\"tsc_base\":\"%" PRIu64 "\",\"monotonic_base_ns\":\"%" PRIu64
		"\",\"guest_tsc_offset\":\"%" PRIu64 "\"}}\n",
		rec->header.tsc_base, rec->header.monotonic_base_ns, rec->header.guest_tsc_offset);
}
