/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/interrupt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

/* More than any VM has; a file that has more is damaged. */
#define MAX_VECTORS 8192U
/* An interrupt that the ring has not seen for that long was lost with events. */
#define MAX_WAIT_S 1

struct maker {
	struct trace_interrupts *all;
	const struct trace_recording *rec;
	const struct trace_deliveries *deliveries;
	const struct trace_kernel_event **host; /* of the host's handler, by time */
	size_t nr_host;
};

const char *trace_interrupt_point_name(unsigned point)
{
	static const char *const names[] = { "host",   "ring",	"forward", "msi",  "accept",
					     "inject", "entry", "eoi",	   "total" };

	return names[point];
}

/* One more of @size bytes; NULL: no memory. */
static void *grow(void **array, size_t *nr, size_t *room, size_t size)
{
	if (*nr == *room) {
		size_t wanted = *room ? *room * 2 : 64;
		void *grown = reallocarray(*array, wanted, size);

		if (!grown)
			return NULL;
		*array = grown;
		*room = wanted;
	}
	return memset((char *)*array + (*nr)++ * size, 0, size);
}

static struct trace_vector *find(const struct maker *m, uint32_t device, uint32_t number)
{
	for (size_t i = 0; i < m->all->nr_vectors; i++) {
		struct trace_vector *v = &m->all->vector[i];

		if (v->device == device && v->number == number)
			return v;
	}
	return NULL;
}

static struct trace_vector *add_vector(struct maker *m, uint32_t device, uint32_t number)
{
	struct trace_vector *v = grow((void **)&m->all->vector, &m->all->nr_vectors,
				      &m->all->room_vectors, sizeof(*v));

	if (v) {
		v->device = device;
		v->number = number;
	}
	return v;
}

/* Of which there are only the host's interrupts. */
static int name_by_device(struct maker *m, const struct trace_kernel_event *k)
{
	uint32_t device = (uint32_t)(k->arg >> 32), number = k->arg & 0xffff;
	struct trace_vector *v = find(m, device, number);

	if (!v) {
		if (m->all->nr_vectors == MAX_VECTORS)
			return -EPROTO;
		v = add_vector(m, device, number);
		if (!v)
			return -ENOMEM;
		v->is_msix = k->arg >> 31 & 1;
		snprintf(v->name, sizeof(v->name), "%04x:%02x:%02x.%x %s vector %u", device >> 16,
			 device >> 8 & 0xff, device >> 3 & 0x1f, device & 7,
			 v->is_msix ? "MSI-X" : "MSI", number);
	}
	v->irq = k->vcpu;
	v->nr_host++;
	return 0;
}

/* Of trace=ring: the object knows which device it is of, the event which vector. */
static int name_by_object(struct maker *m, const struct trace_event *e)
{
	const struct trace_recorded_object *o = &m->rec->object[e->object];
	uint32_t device = o->final && o->final->device ? o->final->device : o->begin->device;
	struct trace_vector *v = NULL;

	for (size_t i = 0; i < m->all->nr_vectors && !v; i++) {
		if (m->all->vector[i].has_ring && m->all->vector[i].object == e->object)
			v = &m->all->vector[i];
	}
	if (v)
		return 0;
	v = add_vector(m, device, e->id);
	if (!v)
		return -ENOMEM;
	v->has_ring = true;
	v->object = e->object;
	v->is_msix = strstr(o->begin->name, "MSI-X");
	snprintf(v->name, sizeof(v->name), "%s", o->begin->name);
	return 0;
}

/* A forwarded interrupt of the recording, or NULL. */
static const struct trace_event *forwarded(const struct trace_recording *rec,
					   const struct trace_event *e)
{
	const struct trace_object *o = NULL;

	if (e->type == TRACE_EVENT_INTERRUPT && e->object < rec->header.max_objects)
		o = rec->object[e->object].begin;
	return o && o->kind == TRACE_VECTOR ? e : NULL;
}

static int list_vectors(struct maker *m)
{
	int r = 0;

	for (unsigned i = 0; i < m->rec->header.max_threads; i++) {
		const struct trace_recorded_thread *t = &m->rec->thread[i];

		for (size_t e = 0; e < t->nr && !r; e++) {
			if (forwarded(m->rec, &t->event[e]))
				r = name_by_object(m, &t->event[e]);
		}
	}
	for (size_t i = 0; i < m->rec->nr_kernel && !r; i++) {
		const struct trace_kernel_event *k = &m->rec->kernel[i];

		if (k->type != TRACE_KERNEL_HOST)
			continue;
		m->host[m->nr_host++] = k;
		r = name_by_device(m, k);
	}
	for (size_t i = 0; i < m->rec->nr_kernel && !r; i++) {
		const struct trace_kernel_event *k = &m->rec->kernel[i];

		for (size_t v = 0; k->type == TRACE_KERNEL_PI_UPDATE && v < m->all->nr_vectors; v++)
			m->all->vector[v].nr_posted += m->all->vector[v].irq &&
						       m->all->vector[v].irq == k->arg;
	}
	return r;
}

static struct trace_interrupt *add(struct maker *m, struct trace_vector *v, uint32_t tid)
{
	struct trace_interrupt *s =
		grow((void **)&m->all->interrupt, &m->all->nr, &m->all->room, sizeof(*s));

	if (s) {
		s->vector = (uint32_t)(v - m->all->vector);
		s->tid = tid;
		v->nr++;
	}
	return s;
}

static void add_delivery(struct trace_interrupt *s, struct trace_vector *v,
			 const struct trace_delivery *d)
{
	const uint64_t at[] = { d->msi, d->accept, d->inject, d->entry, d->eoi };

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		if (at[i])
			trace_points_set(s->at, TRACE_INTERRUPT_MSI + i, at[i]);
	}
	v->nr_pv_eoi += d->is_pv_eoi;
}

/* The first interrupt of the host since this thread's ring had one, up to its wake-up at @tsc. */
static uint64_t host_before(const struct maker *m, const struct trace_vector *v, size_t *next,
			    uint64_t tsc)
{
	uint64_t first = 0, wait = m->rec->header.tsc_hz * MAX_WAIT_S;

	for (; *next < m->nr_host && m->host[*next]->tsc <= tsc; ++*next) {
		const struct trace_kernel_event *k = m->host[*next];

		if (!first && k->arg >> 32 == v->device && (k->arg & 0xffff) == v->number &&
		    tsc - k->tsc < wait)
			first = k->tsc;
	}
	return first;
}

static int follow_ring(struct maker *m, struct trace_vector *v,
		       const struct trace_recorded_thread *t)
{
	size_t next = 0;

	for (size_t i = 0; i < t->nr; i++) {
		const struct trace_event *e = forwarded(m->rec, &t->event[i]);
		const struct trace_delivery *d;
		struct trace_interrupt *s;

		if (!e || e->object != v->object)
			continue;
		s = add(m, v, t->tid);
		if (!s)
			return -ENOMEM;
		s->at[TRACE_INTERRUPT_HOST] = host_before(m, v, &next, e->tsc - e->arg[0]);
		trace_points_set(s->at, TRACE_INTERRUPT_RING, e->tsc - e->arg[0]);
		trace_points_set(s->at, TRACE_INTERRUPT_FORWARD, e->tsc);
		/* KVM sends it while the eventfd is written to. */
		d = trace_deliveries_take(m->deliveries, t->tid, e->tsc, e->tsc + e->arg[1],
					  e->object);
		if (d)
			add_delivery(s, v, d);
	}
	return 0;
}

static int follow_host(struct maker *m, struct trace_vector *v)
{
	for (size_t i = 0; i < m->deliveries->nr; i++) {
		const struct trace_delivery *d = &m->deliveries->delivery[i];
		struct trace_interrupt *s;

		if (!d->host || d->host->arg >> 32 != v->device ||
		    (d->host->arg & 0xffff) != v->number)
			continue;
		s = add(m, v, m->rec->header.pid);
		if (!s)
			return -ENOMEM;
		s->at[TRACE_INTERRUPT_HOST] = d->host->tsc;
		add_delivery(s, v, d);
	}
	return 0;
}

int trace_interrupts_make(struct trace_interrupts *out, const struct trace_recording *rec,
			  const struct trace_deliveries *all)
{
	struct trace_interrupts made = { 0 };
	struct maker m = { .all = &made, .rec = rec, .deliveries = all };
	int r;

	m.host = calloc(rec->nr_kernel + 1, sizeof(struct trace_kernel_event *));
	r = m.host ? list_vectors(&m) : -ENOMEM;
	for (size_t i = 0; i < made.nr_vectors && !r; i++) {
		made.vector[i].first = made.nr;
		if (!made.vector[i].has_ring)
			r = follow_host(&m, &made.vector[i]);
		for (unsigned t = 0; made.vector[i].has_ring && t < rec->header.max_threads && !r;
		     t++)
			r = follow_ring(&m, &made.vector[i], &rec->thread[t]);
	}
	free(m.host);
	if (r)
		trace_interrupts_free(&made);
	else
		*out = made;
	return r;
}

void trace_interrupts_free(struct trace_interrupts *interrupts)
{
	free(interrupts->interrupt);
	free(interrupts->vector);
}

void trace_interrupts_measure(const struct trace_interrupts *interrupts, size_t vector,
			      unsigned point, struct histogram *out)
{
	const struct trace_vector *v = &interrupts->vector[vector];

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < v->nr; i++)
		trace_points_measure(interrupts->interrupt[v->first + i].at,
				     TRACE_INTERRUPT_NR_POINTS, point, out);
}
