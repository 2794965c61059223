/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pci/vectors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/trace_names.h"
#include "core/device/device.h"

static int set_irqs(struct vfio_vectors *v, unsigned start, const int32_t *fds, unsigned nr)
{
	v->nr_set_irqs++;
	return vfio_device_set_irqs(v->device, v->index, start, fds, nr);
}

static int forward(struct vfio_vectors *v, unsigned vector)
{
	struct vfio_vector *entry = &v->vector[vector];
	char name[TRACE_NAME_SIZE];

	if (!v->trace.ring_of || entry->forward)
		return 0;
	if (!entry->trace) {
		/* The number is to be seen whatever the length of the id. */
		snprintf(name, sizeof(name), "%.*s %s vector %u", DEVICE_MAX_ID, v->irqs.id,
			 v->index == VFIO_PCI_MSIX_IRQ_INDEX ? "MSI-X" : "MSI", vector);
		entry->trace = trace_object(TRACE_VECTOR, name);
		WRITE_ONCE(entry->trace->device, trace_device_number(v->device->host.bdf));
	}
	return vfio_forward_create(v->trace.ring_of(v->trace.opaque, vector), vector,
				   v->irqs.vector[vector].fd, entry->trace, &entry->forward);
}

static int take(void *opaque, unsigned vector)
{
	struct vfio_vectors *v = opaque;
	int r = device_vectors_take(&v->irqs, vector);

	if (r)
		return r;
	r = forward(v, vector);
	if (r)
		log_guest_error("%s: vector %u: no way through a ring: %s", v->irqs.id, vector,
				strerror(-r));
	return r;
}

static bool is_armed(void *opaque, unsigned vector)
{
	const struct vfio_vectors *v = opaque;

	return v->vector[vector].armed;
}

/* What VFIO signals; -1: the vector is not taken. */
static int32_t trigger(const struct vfio_vectors *v, unsigned vector)
{
	const struct vfio_forward *forward = v->vector[vector].forward;

	return forward ? vfio_forward_fd(forward) : v->irqs.vector[vector].fd;
}

/* Switches on with @nr vectors, or half of them, or a quarter: as many as the host has. */
static int enable_as_many(struct vfio_vectors *v, const int32_t *fds, unsigned nr)
{
	int r = -ENOSPC;

	v->nr_limit = nr;
	while (r == -ENOSPC && v->nr_limit) {
		r = set_irqs(v, 0, fds, v->nr_limit);
		if (r == -ENOSPC)
			v->nr_limit /= 2;
	}
	return r;
}

/*
 * On: the device must stop to use INTx at once and keep what is pending, though no vector is wanted yet. VFIO gets the
 * first ones without an eventfd, or, if the device would not keep what it sends, with theirs, which do.
 */
static void host_enable(struct vfio_vectors *v)
{
	unsigned nr = v->nr_initial;
	int32_t fds[32]; /* MSI's vectors; of MSI-X's it is one */
	int r;

	for (unsigned i = 0; i < nr; i++)
		fds[i] = v->held_back || take(v, i) ? -1 : trigger(v, i);
	r = enable_as_many(v, fds, nr);
	v->host_enabled = !r;
	v->nr_host = r ? 0 : v->nr_limit;
	for (unsigned i = 0; i < v->nr_host; i++)
		v->vector[i].armed = fds[i] >= 0;
	if (r)
		log_guest_error("%s: enable interrupts: VFIO_DEVICE_SET_IRQS: %s", v->irqs.id,
				strerror(-r));
	else if (v->nr_limit < nr)
		log_guest_error("%s: the host has %u of the %u vectors that the guest enabled",
				v->irqs.id, v->nr_limit, nr);
	else
		v->nr_limit = v->irqs.guest.nr_vectors;
}

static void host_disable(struct vfio_vectors *v)
{
	if (v->host_enabled) {
		vfio_device_disable_irqs(v->device, v->index);
		v->nr_set_irqs++;
	}
	v->host_enabled = false;
	for (unsigned i = 0; i < v->irqs.guest.nr_vectors; i++) {
		vfio_forward_free(v->vector[i].forward);
		v->vector[i].forward = NULL;
		v->vector[i].armed = false;
	}
	device_vectors_release(&v->irqs);
}

static void switched(void *opaque, bool enabled)
{
	struct vfio_vectors *v = opaque;

	if (enabled)
		host_enable(v);
	else
		host_disable(v);
}

/* Gives VFIO the eventfds of a run of @n vectors, or of as many from its start as the host has, which is left in @n. */
static int arm_run(struct vfio_vectors *v, unsigned start, const int32_t *fds, unsigned *n)
{
	int r = set_irqs(v, start, fds, *n);

	while (r == -ENOSPC && *n > 1) {
		*n /= 2;
		r = set_irqs(v, start, fds, *n);
	}
	/* Do not ask again until they are switched off and on. */
	if (r == -ENOSPC)
		v->nr_limit = start;
	if (r)
		log_guest_error("%s: vectors from %u on: VFIO_DEVICE_SET_IRQS: %s", v->irqs.id,
				start, strerror(-r));
	for (unsigned i = 0; i < *n; i++)
		v->vector[start + i].armed = !r;
	return r;
}

/* Vectors below @nr that want an eventfd in VFIO, run by run: one call for each run of neighbours. */
static void arm(struct vfio_vectors *v, unsigned nr)
{
	int32_t fds[64];
	int r = 0;

	for (unsigned start = 0, n; start < nr && r != -ENOSPC; start += n ? n : 1) {
		n = 0;
		while (start + n < nr && n < ARRAY_SIZE(fds) && v->irqs.vector[start + n].wanted &&
		       !v->vector[start + n].armed) {
			fds[n] = trigger(v, start + n);
			n++;
		}
		if (n)
			r = arm_run(v, start, fds, &n);
	}
}

/*
 * Kernels before 6.6 cannot add vectors while MSI-X is on: switch it off and on with more. What was signalled in between
 * is lost, so signal every vector once; a driver takes a spurious MSI in its stride.
 */
static int grow(struct vfio_vectors *v, unsigned nr)
{
	int32_t *fds = calloc(nr, sizeof(*fds));
	unsigned given;
	int r;

	if (!fds)
		return -ENOMEM;
	for (unsigned i = 0; i < nr; i++)
		fds[i] = trigger(v, i);
	vfio_device_disable_irqs(v->device, v->index);
	v->nr_set_irqs++;
	r = set_irqs(v, 0, fds, nr);
	/* The host has no more: what worked so far must go on working. */
	given = r ? v->nr_host : nr;
	if (r == -ENOSPC)
		v->nr_limit = given;
	if (r && set_irqs(v, 0, fds, given))
		given = 0;
	free(fds);
	for (unsigned i = 0; i < nr; i++) {
		int fd = v->irqs.vector[i].fd;

		v->vector[i].armed = fd >= 0 && i < given;
		if (v->vector[i].armed)
			fd_eventfd_signal(fd);
	}
	v->nr_host = given;
	v->host_enabled = given > 0;
	return r;
}

static void arm_static(struct vfio_vectors *v)
{
	unsigned nr = 0;
	bool missing = false;
	int r = 0;

	for (unsigned i = 0; i < v->nr_limit; i++) {
		if (v->irqs.vector[i].fd >= 0)
			nr = i + 1;
		missing |= v->irqs.vector[i].wanted && !v->vector[i].armed;
	}
	if (!missing)
		return;
	if (nr > v->nr_host)
		r = grow(v, nr);
	else
		arm(v, nr);
	if (r)
		log_guest_error("%s: %u vectors: VFIO_DEVICE_SET_IRQS: %s", v->irqs.id, nr,
				strerror(-r));
}

/* Gives every wanted vector its host interrupt. */
static void arm_wanted(void *opaque)
{
	struct vfio_vectors *v = opaque;

	if (v->host_enabled && v->dynamic)
		arm(v, v->nr_limit);
	else if (v->host_enabled)
		arm_static(v);
}

static const struct device_vectors_ops ops = {
	.take = take,
	.is_armed = is_armed,
	.arm = arm_wanted,
	.switched = switched,
};

int vfio_vectors_init(struct vfio_vectors *v, const struct vfio_vectors_config *config)
{
	const struct device_vectors_config irqs = {
		.nr = config->nr,
		.irq = config->irq,
		.batch = config->batch,
		.id = config->id,
		.ops = &ops,
		.opaque = v,
	};
	struct vfio_vector *vector = calloc(config->nr, sizeof(*vector));
	int r;

	if (!vector)
		return -ENOMEM;
	*v = (struct vfio_vectors){
		.device = config->device,
		.index = config->index,
		.dynamic = !(config->device->irq[config->index].flags & VFIO_IRQ_INFO_NORESIZE),
		.held_back = config->held_back,
		.nr_initial = 1,
		.trace = config->trace,
		.vector = vector,
	};
	r = device_vectors_init(&v->irqs, &irqs);
	if (r) {
		free(vector);
		v->vector = NULL;
	}
	return r;
}

void vfio_vectors_merge(const struct vfio_vectors *v, struct histogram *into)
{
	for (unsigned i = 0; v->vector && i < v->irqs.guest.nr_vectors; i++) {
		if (v->vector[i].trace && trace_has_place(v->vector[i].trace))
			histogram_merge(into, &v->vector[i].trace->histogram[TRACE_VECTOR_FORWARD]);
	}
}

void vfio_vectors_destroy(struct vfio_vectors *v)
{
	unsigned nr = v->irqs.guest.nr_vectors;

	if (!v->vector)
		return;
	device_vectors_destroy(&v->irqs);
	for (unsigned i = 0; i < nr; i++)
		trace_release(v->vector[i].trace);
	free(v->vector);
	v->vector = NULL;
}
