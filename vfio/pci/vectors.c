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

static int set_irqs(struct vfio_vectors *v, unsigned start, const int32_t *fds, unsigned nr)
{
	v->nr_set_irqs++;
	return vfio_device_set_irqs(v->device, v->index, start, fds, nr);
}

/* An interrupt that was signalled but not delivered, because the vector is masked. */
static bool op_pending(void *opaque, unsigned vector)
{
	const struct vfio_vectors *v = opaque;

	return irq_vector_pending(&v->vector[vector].irq);
}

static void attach(struct vfio_vectors *v, unsigned vector)
{
	int r = irq_vector_attach(&v->vector[vector].irq, v->irq);

	if (r)
		log_guest_error("%s: vector %u: KVM_IRQFD: %s", v->id, vector, strerror(-r));
}

static int forward(struct vfio_vectors *v, unsigned vector)
{
	struct vfio_vector *entry = &v->vector[vector];
	char name[TRACE_NAME_SIZE];

	if (!v->trace.ring_of || entry->forward)
		return 0;
	if (!entry->trace) {
		/* The number is to be seen whatever the length of the id. */
		snprintf(name, sizeof(name), "%.24s %s vector %u", v->id,
			 v->index == VFIO_PCI_MSIX_IRQ_INDEX ? "MSI-X" : "MSI", vector);
		entry->trace = trace_object(TRACE_VECTOR, name);
		WRITE_ONCE(entry->trace->device, trace_device_number(v->device->host.bdf));
	}
	return vfio_forward_create(v->trace.ring_of(v->trace.opaque, vector), vector, entry->irq.fd,
				   entry->trace, &entry->forward);
}

static int take(struct vfio_vectors *v, unsigned vector)
{
	int r = irq_vector_take(&v->vector[vector].irq, v->irq);

	if (!r)
		r = forward(v, vector);
	if (r)
		log_guest_error("%s: vector %u: no eventfd or GSI: %s", v->id, vector,
				strerror(-r));
	return r;
}

/* What VFIO signals; -1: the vector is not taken. */
static int32_t trigger(const struct vfio_vector *entry)
{
	return entry->forward ? vfio_forward_fd(entry->forward) : entry->irq.fd;
}

static void op_enable(void *opaque, unsigned vector, const struct msi_message *msg)
{
	struct vfio_vectors *v = opaque;
	struct vfio_vector *entry = &v->vector[vector];
	bool changed;

	if (take(v, vector))
		return;
	changed = irq_set_msi(v->irq, entry->irq.gsi, msg->address, msg->data);
	/* The route before the wish: attach_all() relies on that order. */
	entry->irq.wanted = true;
	/*
	 * MSI without mask bits: when its write is done, a guest takes the old message for gone and may have freed what
	 * handles it, so the route cannot wait. If KVM refuses it now, the batch tries again.
	 */
	if (entry->irq.attached && (!changed || !irq_commit(v->irq)))
		return;
	if (entry->armed && !changed && irq_committed(v->irq)) {
		attach(v, vector);
		return;
	}
	irq_batch_changed(v->batch);
}

static void op_disable(void *opaque, unsigned vector)
{
	struct vfio_vectors *v = opaque;
	struct irq_vector *irq = &v->vector[vector].irq;

	irq->wanted = false;
	irq_vector_detach(irq, v->irq);
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
		fds[i] = v->held_back || take(v, i) ? -1 : trigger(&v->vector[i]);
	r = enable_as_many(v, fds, nr);
	v->host_enabled = !r;
	v->nr_host = r ? 0 : v->nr_limit;
	for (unsigned i = 0; i < v->nr_host; i++)
		v->vector[i].armed = fds[i] >= 0;
	if (r)
		log_guest_error("%s: enable interrupts: VFIO_DEVICE_SET_IRQS: %s", v->id,
				strerror(-r));
	else if (v->nr_limit < nr)
		log_guest_error("%s: the host has %u of the %u vectors that the guest enabled",
				v->id, v->nr_limit, nr);
	else
		v->nr_limit = v->guest.nr_vectors;
}

static void host_disable(struct vfio_vectors *v)
{
	if (v->host_enabled) {
		vfio_device_disable_irqs(v->device, v->index);
		v->nr_set_irqs++;
	}
	v->host_enabled = false;
	for (unsigned i = 0; i < v->guest.nr_vectors; i++) {
		vfio_forward_free(v->vector[i].forward);
		v->vector[i].forward = NULL;
		irq_vector_release(&v->vector[i].irq, v->irq);
		v->vector[i].armed = false;
	}
}

static void op_switched(void *opaque, bool enabled)
{
	struct vfio_vectors *v = opaque;

	if (enabled)
		host_enable(v);
	else
		host_disable(v);
}

static const struct pci_msix_ops guest_ops = {
	.enable = op_enable,
	.disable = op_disable,
	.pending = op_pending,
	.switched = op_switched,
};

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
		log_guest_error("%s: vectors from %u on: VFIO_DEVICE_SET_IRQS: %s", v->id, start,
				strerror(-r));
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
		while (start + n < nr && n < ARRAY_SIZE(fds) && v->vector[start + n].irq.wanted &&
		       !v->vector[start + n].armed) {
			fds[n] = trigger(&v->vector[start + n]);
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
		fds[i] = trigger(&v->vector[i]);
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
		struct vfio_vector *entry = &v->vector[i];

		entry->armed = entry->irq.fd >= 0 && i < given;
		if (entry->armed)
			fd_eventfd_signal(entry->irq.fd);
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
		if (v->vector[i].irq.fd >= 0)
			nr = i + 1;
		missing |= v->vector[i].irq.wanted && !v->vector[i].armed;
	}
	if (!missing)
		return;
	if (nr > v->nr_host)
		r = grow(v, nr);
	else
		arm(v, nr);
	if (r)
		log_guest_error("%s: %u vectors: VFIO_DEVICE_SET_IRQS: %s", v->id, nr,
				strerror(-r));
}

/* Gives every wanted vector its host interrupt and attaches it. */
static void attach_all(struct irq_client *client)
{
	struct vfio_vectors *v = container_of(client, struct vfio_vectors, client);

	pthread_mutex_lock(&v->guest.lock);
	if (v->host_enabled && v->dynamic)
		arm(v, v->nr_limit);
	else if (v->host_enabled)
		arm_static(v);
	for (unsigned i = 0; i < v->guest.nr_vectors; i++) {
		const struct vfio_vector *entry = &v->vector[i];

		if (!entry->irq.wanted || !entry->armed || entry->irq.attached)
			continue;
		/* Its route may be newer than the commit; then the next one comes for it. */
		if (!irq_committed(v->irq))
			break;
		attach(v, i);
	}
	pthread_mutex_unlock(&v->guest.lock);
}

int vfio_vectors_init(struct vfio_vectors *v, const struct vfio_vectors_config *config)
{
	struct vfio_vector *vector = calloc(config->nr, sizeof(*vector));
	int r;

	if (!vector)
		return -ENOMEM;
	*v = (struct vfio_vectors){
		.device = config->device,
		.id = config->id,
		.irq = config->irq,
		.batch = config->batch,
		.client.attach = attach_all,
		.index = config->index,
		.dynamic = !(config->device->irq[config->index].flags & VFIO_IRQ_INFO_NORESIZE),
		.held_back = config->held_back,
		.nr_initial = 1,
		.trace = config->trace,
		.vector = vector,
	};
	r = pci_msix_init(&v->guest, config->nr, &guest_ops, v);
	if (r) {
		free(vector);
		v->vector = NULL;
		return r;
	}
	for (unsigned i = 0; i < config->nr; i++)
		vector[i].irq = IRQ_VECTOR_INIT;
	irq_batch_add(v->batch, &v->client);
	return 0;
}

void vfio_vectors_merge(const struct vfio_vectors *v, struct histogram *into)
{
	for (unsigned i = 0; v->vector && i < v->guest.nr_vectors; i++) {
		if (v->vector[i].trace && trace_has_place(v->vector[i].trace))
			histogram_merge(into, &v->vector[i].trace->histogram[TRACE_VECTOR_FORWARD]);
	}
}

void vfio_vectors_destroy(struct vfio_vectors *v)
{
	if (!v->vector)
		return;
	irq_batch_remove(v->batch, &v->client);
	host_disable(v);
	for (unsigned i = 0; i < v->guest.nr_vectors; i++)
		trace_release(v->vector[i].trace);
	pci_msix_destroy(&v->guest);
	free(v->vector);
	v->vector = NULL;
}
