/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/irq_vector.h"

#include <poll.h>

#include "core/base/fd.h"

int irq_vector_take(struct irq_vector *v, struct irq_table *irq)
{
	if (v->fd < 0)
		v->fd = fd_eventfd();
	if (v->fd < 0)
		return v->fd;
	if (v->gsi < 0)
		v->gsi = irq_alloc(irq);
	return v->gsi < 0 ? v->gsi : 0;
}

void irq_vector_release(struct irq_vector *v, struct irq_table *irq)
{
	irq_vector_detach(v, irq);
	fd_close(&v->fd);
	if (v->gsi >= 0)
		irq_free(irq, v->gsi);
	*v = IRQ_VECTOR_INIT;
}

int irq_vector_attach(struct irq_vector *v, struct irq_table *irq)
{
	int r = v->attached ? 0 : irq_attach(irq, v->gsi, v->fd);

	v->attached = !r;
	return r;
}

void irq_vector_detach(struct irq_vector *v, struct irq_table *irq)
{
	if (v->attached)
		irq_detach(irq, v->gsi, v->fd);
	v->attached = false;
}

bool irq_vector_pending(const struct irq_vector *v)
{
	struct pollfd pfd = { .fd = v->fd, .events = POLLIN };

	return v->fd >= 0 && !v->attached && poll(&pfd, 1, 0) == 1;
}
