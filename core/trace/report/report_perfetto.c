/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/trace_names.h"
#include "core/trace/record/kernel.h"
#include "core/trace/report/report.h"

#define MAX_CPUS  8192U
#define FIRST_CPU (1U << 22) /* as a thread's number: higher than those that Linux gives */

struct page {
	const struct trace_recording *rec;
	FILE *out;
	double us;
};

/*
 * Microseconds since the TSC that the conversion is of; CLOCK_MONOTONIC is monotonic_base_ns then. Whole nanoseconds, so
 * that a slice that ends where the next one begins does so in print, too.
 */
static double when(const struct page *p, uint64_t tsc)
{
	return round((double)(int64_t)(tsc - p->rec->header.tsc_base) / p->us * 1000) / 1000;
}

/* An event, up to its name; the caller adds args. */
static void begin(const struct page *p, char phase, const char *name, uint32_t tid, uint64_t tsc)
{
	fprintf(p->out, ",\n{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"ts\":%.3f,\"name\":\"", phase,
		p->rec->header.pid, tid, when(p, tsc));
	trace_report_text(name, p->out);
	fputc('"', p->out);
}

static void name_thread(const struct page *p, uint32_t tid, const char *name)
{
	begin(p, 'M', "thread_name", tid, p->rec->header.tsc_base);
	fprintf(p->out, ",\"args\":{\"name\":\"");
	trace_report_text(name, p->out);
	fprintf(p->out, "\"}}");
}

static void metadata(const struct page *p)
{
	fprintf(p->out,
		"{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"ts\":0,\"name\":\"process_name\","
		"\"args\":{\"name\":\"",
		p->rec->header.pid, p->rec->header.pid);
	trace_report_text(p->rec->header.vm, p->out);
	fprintf(p->out, "\"}}");
	for (unsigned i = 0; i < p->rec->header.max_threads; i++) {
		const struct trace_recorded_thread *t = &p->rec->thread[i];

		if (t->tid)
			name_thread(p, t->tid, t->name);
	}
}

/* A slice ends, and the next one begins: a thread is always in one. */
static uint64_t slice(const struct page *p, uint32_t tid, const struct trace_event *from,
		      const char *name, uint64_t since, uint64_t until)
{
	if (!name)
		return until;
	/* Of two threads' stamps one may be older than what came before it. */
	if (until < since)
		until = since;
	begin(p, 'X', name, tid, since);
	fprintf(p->out, ",\"dur\":%.3f,\"args\":{", when(p, until) - when(p, since));
	if (from && from->type == TRACE_EVENT_EXIT) {
		const char *why = trace_counter_name(TRACE_VCPU, from->id);

		fprintf(p->out, "\"why\":\"%s\",\"address\":\"0x%" PRIx64 "\"",
			why ? why : "unknown", from->arg[0]);
	} else if (from && from->type == TRACE_EVENT_ENTER) {
		fprintf(p->out, "\"guest_tsc\":\"%" PRIu64 "\"",
			since + p->rec->header.guest_tsc_offset);
	}
	fprintf(p->out, "}}");
	return until;
}

/* vCPUs are in the guest or in torc; rings are busy, asleep or polling. */
static void thread_events(const struct page *p, const struct trace_recorded_thread *t)
{
	const struct trace_event *from = NULL; /* what began the slice */
	const char *name = NULL;
	uint64_t since = 0;

	for (size_t i = 0; i < t->nr; i++) {
		const struct trace_event *e = &t->event[i];

		switch (e->type) {
		case TRACE_EVENT_NONE:
			name = NULL;
			continue;
		case TRACE_EVENT_POLL:
			since = slice(p, t->tid, from, name, since, e->tsc - e->arg[0]);
			since = slice(p, t->tid, e, e->id ? "poll, hit" : "poll", since, e->tsc);
			name = "busy";
			break;
		case TRACE_EVENT_EXIT:
		case TRACE_EVENT_ENTER:
		case TRACE_EVENT_SLEEP:
		case TRACE_EVENT_WAKE:
			since = slice(p, t->tid, from, name, since, e->tsc);
			name = e->type == TRACE_EVENT_EXIT    ? "exit"
			       : e->type == TRACE_EVENT_ENTER ? "guest"
			       : e->type == TRACE_EVENT_SLEEP ? "sleep"
							      : "busy";
			break;
		case TRACE_EVENT_USED: /* its time is when it was taken: see span() */
			continue;
		default:
			begin(p, 'i', trace_type_name(e->type), t->tid, e->tsc);
			fprintf(p->out, ",\"s\":\"t\",\"args\":{\"of\":\"");
			trace_report_text(trace_report_name(p->rec, e->object), p->out);
			fprintf(p->out, "\",\"id\":%u}}", e->id);
			continue;
		}
		from = e;
	}
}

static bool is_ours(const struct page *p, uint32_t tid)
{
	bool found = false;

	/* 0 is a CPU's idle thread, and a place in the table that nobody has. */
	for (unsigned i = 0; tid && i < p->rec->header.max_threads && !found; i++)
		found = p->rec->thread[i].tid == tid;
	return found;
}

/* Interrupts of passed-through devices hit any thread: those that are not torc's are shown by CPU. */
static void kernel_events(const struct page *p)
{
	static bool is_named[MAX_CPUS];
	char name[32];

	memset(is_named, 0, sizeof(is_named));
	for (size_t i = 0; i < p->rec->nr_kernel; i++) {
		const struct trace_kernel_event *k = &p->rec->kernel[i];
		uint32_t tid = k->tid, cpu = k->cpu % MAX_CPUS;

		if (!is_ours(p, tid)) {
			tid = FIRST_CPU + cpu;
			snprintf(name, sizeof(name), "host CPU %u", cpu);
			if (!is_named[cpu])
				name_thread(p, tid, name);
			is_named[cpu] = true;
		}
		begin(p, 'i', trace_kernel_name(k->type), tid, k->tsc);
		fprintf(p->out,
			",\"s\":\"t\",\"args\":{\"vcpu\":%u,\"cpu\":%u,\"arg\":\"0x%" PRIx64 "\"}}",
			k->vcpu, k->cpu, k->arg);
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

/* Likewise, below its vector. */
static void interrupt(const struct page *p, const struct trace_interrupts *all, size_t i)
{
	const struct trace_interrupt *s = &all->interrupt[i];
	const char *vector = all->vector[s->vector].name;
	uint64_t from = trace_points_first(s->at, TRACE_INTERRUPT_NR_POINTS);

	begin(p, 'b', vector, s->tid, from);
	fprintf(p->out,
		",\"cat\":\"interrupt\",\"id\":%zu,\"args\":{\"guest_tsc\":\"%" PRIu64 "\"}}", i,
		from + p->rec->header.guest_tsc_offset);
	for (unsigned point = 1; point < TRACE_INTERRUPT_NR_POINTS; point++) {
		if (!s->at[point] || s->at[point] == from)
			continue;
		begin(p, 'b', trace_interrupt_point_name(point), s->tid, from);
		fprintf(p->out, ",\"cat\":\"interrupt\",\"id\":%zu}", i);
		begin(p, 'e', trace_interrupt_point_name(point), s->tid, s->at[point]);
		fprintf(p->out, ",\"cat\":\"interrupt\",\"id\":%zu}", i);
		from = s->at[point];
	}
	begin(p, 'e', vector, s->tid, from);
	fprintf(p->out, ",\"cat\":\"interrupt\",\"id\":%zu}", i);
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
	for (size_t i = 0; i < spans->interrupts.nr; i++)
		interrupt(&p, &spans->interrupts, i);
	fprintf(out,
		"\n],\"otherData\":{\"tsc_base\":\"%" PRIu64 "\",\"monotonic_base_ns\":\"%" PRIu64
		"\",\"guest_tsc_offset\":\"%" PRId64 "\"}}\n",
		rec->header.tsc_base, rec->header.monotonic_base_ns,
		(int64_t)rec->header.guest_tsc_offset);
}
