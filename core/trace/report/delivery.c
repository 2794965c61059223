/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/delivery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

#define MAX_OPEN  256U	/* messages that are on their way at once; older ones' ends are not told */
#define MAX_CPUS  1024U /* of the host */
#define MAX_VCPUS 1024U
/* Messages of other threads that may come between. */
#define NEARBY 4096U

struct tracker {
	struct trace_deliveries *all;
	size_t open[MAX_OPEN]; /* places in all, oldest first */
	unsigned nr_open;
	bool tells_injection;
	uint32_t vcpu_tid[MAX_VCPUS];			 /* of its last entry */
	const struct trace_kernel_event *host[MAX_CPUS]; /* whose handler runs */
};

static struct trace_delivery *opened(struct tracker *t, unsigned i)
{
	return &t->all->delivery[t->open[i]];
}

static void close_one(struct tracker *t, unsigned i)
{
	t->nr_open--;
	memmove(&t->open[i], &t->open[i + 1], (t->nr_open - i) * sizeof(*t->open));
}

static int send(struct tracker *t, const struct trace_kernel_event *k)
{
	struct trace_deliveries *all = t->all;
	const struct trace_kernel_event **host = &t->host[k->cpu % MAX_CPUS];

	if (all->nr == all->room) {
		size_t room = all->room ? all->room * 2 : 1024;
		struct trace_delivery *grown =
			reallocarray(all->delivery, room, sizeof(*all->delivery));

		if (!grown)
			return -ENOMEM;
		all->delivery = grown;
		all->room = room;
	}
	if (t->nr_open == MAX_OPEN)
		close_one(t, 0);
	t->open[t->nr_open++] = all->nr;
	all->delivery[all->nr++] = (struct trace_delivery){
		.msi = k->tsc,
		.host = k->is_interrupt ? *host : NULL,
		.tid = k->tid,
		.cpu = k->cpu,
		.vector = (uint16_t)k->arg,
		.is_interrupt = k->is_interrupt,
	};
	if (k->is_interrupt)
		*host = NULL;
	return 0;
}

/* By who sent it, right after. */
static void accept(struct tracker *t, const struct trace_kernel_event *k)
{
	for (unsigned i = t->nr_open; i-- > 0;) {
		struct trace_delivery *d = opened(t, i);

		if (d->tid != k->tid || d->cpu != k->cpu || d->is_interrupt != k->is_interrupt)
			continue;
		if (!d->accept && d->vector == k->arg) {
			d->accept = k->tsc;
			d->vcpu = k->vcpu;
		}
		return;
	}
}

static bool is_of(const struct trace_delivery *d, uint32_t vcpu, uint64_t vector)
{
	return d->accept && d->vcpu == vcpu && d->vector == vector;
}

static void inject(struct tracker *t, const struct trace_kernel_event *k)
{
	uint32_t vcpu = 0;

	while (vcpu < MAX_VCPUS && t->vcpu_tid[vcpu] != k->tid)
		vcpu++;
	for (unsigned i = 0; i < t->nr_open;) {
		struct trace_delivery *d = opened(t, i);

		/* One that was injected before has been handled since, or this could not be. */
		if (is_of(d, vcpu, k->arg) && d->inject) {
			close_one(t, i);
			continue;
		}
		if (is_of(d, vcpu, k->arg)) {
			d->inject = k->tsc;
			d->entry = 0;
		}
		i++;
	}
}

static void enter(struct tracker *t, const struct trace_kernel_event *k)
{
	if (k->vcpu < MAX_VCPUS)
		t->vcpu_tid[k->vcpu] = k->tid;
	for (unsigned i = 0; i < t->nr_open;) {
		struct trace_delivery *d = opened(t, i);

		if (d->accept && d->vcpu == k->vcpu && (d->eoi || d->is_pv_eoi)) {
			close_one(t, i);
			continue;
		}
		if (d->accept && d->vcpu == k->vcpu && !d->entry)
			d->entry = k->tsc;
		i++;
	}
}

/* Those handled stay open until the next entry, as kvm_pv_eoi comes after kvm_eoi. */
static void end(struct tracker *t, const struct trace_kernel_event *k)
{
	for (unsigned i = 0; i < t->nr_open; i++) {
		struct trace_delivery *d = opened(t, i);

		if (!is_of(d, k->vcpu, k->arg) || (!d->inject && t->tells_injection))
			continue;
		if (k->type == TRACE_KERNEL_EOI && !d->eoi && !d->is_pv_eoi)
			d->eoi = k->tsc;
		if (k->type == TRACE_KERNEL_PV_EOI) {
			d->eoi = 0;
			d->is_pv_eoi = true;
		}
	}
}

static int follow(struct tracker *t, const struct trace_kernel_event *k)
{
	const struct trace_kernel_event **host = &t->host[k->cpu % MAX_CPUS];

	/* Another thread runs there, or the same one again. */
	if (*host && (!k->is_interrupt || (*host)->tid != k->tid))
		*host = NULL;
	switch (k->type) {
	case TRACE_KERNEL_HOST:
		*host = k;
		break;
	case TRACE_KERNEL_MSI:
		return send(t, k);
	case TRACE_KERNEL_ACCEPT:
		accept(t, k);
		break;
	case TRACE_KERNEL_INJECT:
		inject(t, k);
		break;
	case TRACE_KERNEL_ENTRY:
		enter(t, k);
		break;
	case TRACE_KERNEL_EOI:
	case TRACE_KERNEL_PV_EOI:
		end(t, k);
		break;
	default:
		break;
	}
	return 0;
}

int trace_deliveries_make(struct trace_deliveries *out, const struct trace_recording *rec)
{
	struct trace_deliveries all = { 0 };
	struct tracker *t = calloc(1, sizeof(*t));
	int r = t ? 0 : -ENOMEM;

	if (r)
		return r;
	t->all = &all;
	memset(t->vcpu_tid, 0xff, sizeof(t->vcpu_tid));
	for (size_t i = 0; i < rec->nr_kernel; i++)
		t->tells_injection |= rec->kernel[i].type == TRACE_KERNEL_INJECT;
	for (size_t i = 0; i < rec->nr_kernel && !r; i++)
		r = follow(t, &rec->kernel[i]);
	free(t);
	if (r)
		free(all.delivery);
	else
		*out = all;
	return r;
}

const struct trace_delivery *trace_deliveries_take(const struct trace_deliveries *all, uint32_t tid,
						   uint64_t from, uint64_t until, uint32_t object)
{
	size_t low = 0, high = all->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all->delivery[middle].msi < from)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i < all->nr && i - low < NEARBY; i++) {
		struct trace_delivery *d = &all->delivery[i];

		if (d->msi > until)
			break;
		if (d->tid != tid || d->is_interrupt ||
		    (d->since && (d->object != object || d->since != from)))
			continue;
		d->object = object;
		d->since = from;
		return d;
	}
	return NULL;
}
