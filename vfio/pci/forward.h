/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Forward: a vector of a passed-through device whose interrupts torc sees: VFIO signals an eventfd that a ring polls,
 * which counts, stamps and passes each on to the eventfd that KVM delivers.
 *
 * What it costs is what TRACE_VECTOR_FORWARD shows, and posted interrupts: only an eventfd that is VFIO's and KVM's can
 * have those. So it is there only where it was asked for.
 */
#ifndef VFIO_PCI_FORWARD_H
#define VFIO_PCI_FORWARD_H

#include "core/base/trace.h"
#include "io/ring/ring.h"

struct vfio_forward;

/**
 * vfio_forward_create - begin to pass signals on
 * @ring: runs, or is being stopped
 * @vector: its number, for the trace
 * @to: eventfd, which may be closed meanwhile
 * @trace: of the vector; the ring's thread writes to it
 * @out: receives it; untouched on failure
 *
 * Any thread. Return: 0; -ENOMEM; -errno of eventfd(2) and fcntl(2).
 */
int vfio_forward_create(struct ring *ring, unsigned vector, int to, struct trace_object *trace,
			struct vfio_forward **out);

/**
 * vfio_forward_fd - what VFIO is to signal
 * @forward: created
 *
 * Return: the eventfd.
 */
int vfio_forward_fd(const struct vfio_forward *forward);

/**
 * vfio_forward_free - no longer; VFIO does not signal its eventfd any more
 * @forward: may be NULL; freed by its ring, or at once if that is gone
 *
 * Any thread.
 */
void vfio_forward_free(struct vfio_forward *forward);

#endif
