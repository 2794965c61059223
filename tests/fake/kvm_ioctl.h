/* SPDX-License-Identifier: Apache-2.0 */
/**
 * KVM's interrupt routing and doorbells without KVM: what core/kvm/irq.c and devices need of core/kvm/kvm_ioctl.h, as plain state.
 *
 * An irqfd whose eventfd was signalled is delivered when a test says so, by the route that was committed last.
 * One thread.
 */
#ifndef TESTS_FAKE_KVM_IOCTL_H
#define TESTS_FAKE_KVM_IOCTL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kvm/kvm_ioctl.h"

#define FAKE_KVM_GSIS 4096

struct fake_kvm {
	unsigned nr_routings;	       /* KVM_SET_GSI_ROUTING calls */
	unsigned nr_attach, nr_detach; /* KVM_IRQFD calls that succeeded */
	unsigned nr_unrouted;	       /* attached without a committed route */
	unsigned nr_routes;	       /* to messages, in force */
	int nr_ioeventfds;	       /* assigned */
	bool refuse_routing;	       /* KVM_SET_GSI_ROUTING fails */
	bool refuse_irqfd;	       /* KVM_IRQFD fails */
	bool no_resample;	       /* no KVM_CAP_IRQFD_RESAMPLE */
	bool level[24];		       /* of the I/O APIC's pins, by KVM_IRQ_LINE; atomic */
	bool asserted[24];	       /* and by irqfds that are resampled */
};

extern struct fake_kvm fake_kvm;

/**
 * fake_kvm_reset - as before anything was attached or routed
 */
void fake_kvm_reset(void);

/**
 * fake_kvm_attached - whether an eventfd is an irqfd
 * @fd: eventfd
 *
 * Return: the GSI; -1.
 */
int fake_kvm_attached(int fd);

/**
 * fake_kvm_deliver - deliver what was signalled
 * @deliver: called for each irqfd that was, with the message of its route
 * @opaque: for @deliver
 *
 * Return: how many.
 */
unsigned fake_kvm_deliver(void (*deliver)(void *opaque, uint64_t address, uint32_t data),
			  void *opaque);

/**
 * fake_kvm_line - the level of an I/O APIC's pin, after what was signalled has been delivered
 * @gsi: 0 to 23
 *
 * Return: whether it is high.
 */
bool fake_kvm_line(unsigned gsi);

/**
 * fake_kvm_eoi - the guest ends the interrupt of a pin
 * @gsi: 0 to 23
 */
void fake_kvm_eoi(unsigned gsi);

#endif
