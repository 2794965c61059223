/* SPDX-License-Identifier: Apache-2.0 */
#include "core/device/vectors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/log.h"

static void attach(struct device_vectors *v, unsigned vector)
{
	int r = irq_vector_attach(&v->vector[vector], v->irq);

	if (r)
		log_guest_error("%s: vector %u: KVM_IRQFD: %s", v->id, vector, strerror(-r));
}

static bool is_armed(const struct device_vectors *v, unsigned vector)
{
	return !v->ops->is_armed || v->ops->is_armed(v->opaque, vector);
}

static void enable(void *opaque, unsigned vector, const struct msi_message *msg)
{
	struct device_vectors *v = opaque;
	struct irq_vector *irq = &v->vector[vector];
	bool changed;

	if (v->ops->take && v->ops->take(v->opaque, vector))
		return;
	changed = irq_set_msi(v->irq, irq->gsi, msg->address, msg->data);
	/* The route before the wish: attach_all() relies on that order. */
	irq->wanted = true;
	/*
	 * MSI without mask bits: when its write is done, a guest takes the old message for gone and may have freed what
	 * handles it, so the route cannot wait. If KVM refuses it now, the batch tries again.
	 */
	if (irq->attached && (!changed || !irq_commit(v->irq)))
		return;
	if (!changed && is_armed(v, vector) && irq_committed(v->irq))
		attach(v, vector);
	else
		irq_batch_changed(v->batch);
}

static void disable(void *opaque, unsigned vector)
{
	struct device_vectors *v = opaque;

	v->vector[vector].wanted = false;
	irq_vector_detach(&v->vector[vector], v->irq);
}

/* An interrupt that was signalled but not delivered, because the vector is masked. */
static bool pending(void *opaque, unsigned vector)
{
	const struct device_vectors *v = opaque;

	return irq_vector_pending(&v->vector[vector]);
}

static void switched(void *opaque, bool on)
{
	struct device_vectors *v = opaque;

	if (v->ops->switched)
		v->ops->switched(v->opaque, on);
}

static const struct pci_msix_ops guest_ops = {
	.enable = enable,
	.disable = disable,
	.pending = pending,
	.switched = switched,
};

static void attach_all(struct irq_client *client)
{
	struct device_vectors *v = container_of(client, struct device_vectors, client);

	pthread_mutex_lock(&v->guest.lock);
	if (v->ops->arm)
		v->ops->arm(v->opaque);
	for (unsigned i = 0; i < v->guest.nr_vectors; i++) {
		const struct irq_vector *irq = &v->vector[i];

		if (!irq->wanted || irq->attached || !is_armed(v, i))
			continue;
		/* Its route may be newer than the commit; then the next one comes for it. */
		if (!irq_committed(v->irq))
			break;
		attach(v, i);
	}
	pthread_mutex_unlock(&v->guest.lock);
}

int device_vectors_init(struct device_vectors *v, const struct device_vectors_config *config)
{
	struct irq_vector *vector = calloc(config->nr, sizeof(*vector));
	int r;

	if (!vector)
		return -ENOMEM;
	*v = (struct device_vectors){
		.vector = vector,
		.irq = config->irq,
		.batch = config->batch,
		.client.attach = attach_all,
		.id = config->id,
		.ops = config->ops,
		.opaque = config->opaque,
	};
	r = pci_msix_init(&v->guest, config->nr, &guest_ops, v);
	if (r) {
		free(vector);
		v->vector = NULL;
		return r;
	}
	for (unsigned i = 0; i < config->nr; i++)
		vector[i] = IRQ_VECTOR_INIT;
	irq_batch_add(v->batch, &v->client);
	return 0;
}

int device_vectors_take(struct device_vectors *v, unsigned vector)
{
	int r = irq_vector_take(&v->vector[vector], v->irq);

	if (r)
		log_guest_error("%s: vector %u: no eventfd or GSI: %s", v->id, vector,
				strerror(-r));
	return r;
}

void device_vectors_release(struct device_vectors *v)
{
	for (unsigned i = 0; i < v->guest.nr_vectors; i++)
		irq_vector_release(&v->vector[i], v->irq);
}

void device_vectors_destroy(struct device_vectors *v)
{
	if (!v->vector)
		return;
	irq_batch_remove(v->batch, &v->client);
	pci_msix_reset(&v->guest);
	device_vectors_release(v);
	pci_msix_destroy(&v->guest);
	free(v->vector);
	v->vector = NULL;
}
