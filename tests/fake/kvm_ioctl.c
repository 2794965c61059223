/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/kvm_ioctl.h"

#include <errno.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

#define MAX_IRQFDS 2200

struct irqfd {
	int fd; /* -1: a free place */
	uint32_t gsi;
	int resample_fd; /* -1: its GSI is a message */
};

struct fake_kvm fake_kvm;

static struct irqfd irqfds[MAX_IRQFDS];
static bool routed[FAKE_KVM_GSIS];
static struct kvm_irq_routing_msi routes[FAKE_KVM_GSIS];

void fake_kvm_reset(void)
{
	memset(&fake_kvm, 0, sizeof(fake_kvm));
	memset(routed, 0, sizeof(routed));
	for (unsigned i = 0; i < MAX_IRQFDS; i++)
		irqfds[i].fd = -1;
}

int kvm_check_extension(int fd, unsigned cap)
{
	if (cap == KVM_CAP_IRQFD_RESAMPLE)
		return !fake_kvm.no_resample;
	return cap == KVM_CAP_IRQ_ROUTING ? FAKE_KVM_GSIS : 0;
}

int kvm_set_gsi_routing(int vm, const struct kvm_irq_routing *routing)
{
	fake_kvm.nr_routings++;
	if (fake_kvm.refuse_routing)
		return -ENOMEM;
	memset(routed, 0, sizeof(routed));
	fake_kvm.nr_routes = 0;
	for (uint32_t i = 0; i < routing->nr; i++) {
		const struct kvm_irq_routing_entry *entry = &routing->entries[i];

		if (entry->gsi >= FAKE_KVM_GSIS)
			return -EINVAL;
		if (entry->type != KVM_IRQ_ROUTING_MSI)
			continue;
		routed[entry->gsi] = true;
		routes[entry->gsi] = entry->u.msi;
		fake_kvm.nr_routes++;
	}
	return 0;
}

static struct irqfd *find(int fd)
{
	for (unsigned i = 0; i < MAX_IRQFDS; i++)
		if (irqfds[i].fd == fd)
			return &irqfds[i];
	return NULL;
}

int fake_kvm_attached(int fd)
{
	const struct irqfd *irqfd = find(fd);

	return irqfd ? (int)irqfd->gsi : -1;
}

/* The pin of the last irqfd that is resampled goes low with it. */
static void drop_line(uint32_t gsi)
{
	for (unsigned i = 0; i < MAX_IRQFDS; i++)
		if (irqfds[i].fd >= 0 && irqfds[i].gsi == gsi && irqfds[i].resample_fd >= 0)
			return;
	fake_kvm.asserted[gsi] = false;
}

bool fake_kvm_line(unsigned gsi)
{
	for (unsigned i = 0; i < MAX_IRQFDS; i++)
		if (irqfds[i].fd >= 0 && irqfds[i].gsi == gsi && fd_eventfd_drain(irqfds[i].fd))
			fake_kvm.asserted[gsi] = true;
	return fake_kvm.asserted[gsi] || READ_ONCE(fake_kvm.level[gsi]);
}

void fake_kvm_eoi(unsigned gsi)
{
	fake_kvm.asserted[gsi] = false;
	for (unsigned i = 0; i < MAX_IRQFDS; i++)
		if (irqfds[i].fd >= 0 && irqfds[i].gsi == gsi && irqfds[i].resample_fd >= 0)
			fd_eventfd_signal(irqfds[i].resample_fd);
}

static int detach(const struct kvm_irqfd *irqfd)
{
	struct irqfd *place = find((int)irqfd->fd);

	/* As KVM: taking away what is not there is no error. */
	if (place && place->gsi == irqfd->gsi) {
		place->fd = -1;
		fake_kvm.nr_detach++;
		if (place->resample_fd >= 0)
			drop_line(irqfd->gsi);
	}
	return 0;
}

int kvm_irqfd(int vm, const struct kvm_irqfd *irqfd)
{
	bool level = irqfd->flags & KVM_IRQFD_FLAG_RESAMPLE;
	struct irqfd *place;

	if (irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return detach(irqfd);
	if (fake_kvm.refuse_irqfd)
		return -ENOMEM;
	if (find((int)irqfd->fd))
		return -EBUSY;
	place = find(-1);
	if (!place || irqfd->gsi >= FAKE_KVM_GSIS)
		return -EINVAL;
	*place = (struct irqfd){
		.fd = (int)irqfd->fd,
		.gsi = irqfd->gsi,
		.resample_fd = level ? (int)irqfd->resamplefd : -1,
	};
	fake_kvm.nr_attach++;
	fake_kvm.nr_unrouted += !level && !routed[irqfd->gsi];
	return 0;
}

int kvm_ioeventfd(int vm, const struct kvm_ioeventfd *ioeventfd)
{
	fake_kvm.nr_ioeventfds += ioeventfd->flags & KVM_IOEVENTFD_FLAG_DEASSIGN ? -1 : 1;
	return 0;
}

int kvm_irq_line(int vm, unsigned gsi, unsigned level)
{
	WRITE_ONCE(fake_kvm.level[gsi], level);
	return 0;
}

unsigned fake_kvm_deliver(void (*deliver)(void *opaque, uint64_t address, uint32_t data),
			  void *opaque)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MAX_IRQFDS; i++) {
		const struct kvm_irq_routing_msi *msi = &routes[irqfds[i].gsi];

		if (irqfds[i].fd < 0 || irqfds[i].resample_fd >= 0 ||
		    !fd_eventfd_drain(irqfds[i].fd) || !routed[irqfds[i].gsi])
			continue;
		deliver(opaque, (uint64_t)msi->address_hi << 32 | msi->address_lo, msi->data);
		n++;
	}
	return n;
}
