/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/vfio_device.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

struct fake_vfio fake_vfio;

static void all_masked(void)
{
	fake_vfio.nr_taken = 0;
	for (unsigned i = 0; i < FAKE_VFIO_VECTORS; i++)
		fake_vfio.fd[i] = -1;
}

void fake_vfio_reset(bool no_resize)
{
	memset(&fake_vfio, 0, sizeof(fake_vfio));
	fake_vfio.no_resize = no_resize;
	fake_vfio.limit = FAKE_VFIO_VECTORS;
	fake_vfio.intx_fd = -1;
	fake_vfio.intx_unmask_fd = -1;
	all_masked();
}

void fake_vfio_interrupt(unsigned vector)
{
	if (!fake_vfio.enabled)
		return;
	if (fake_vfio.fd[vector] >= 0)
		fd_eventfd_signal(fake_vfio.fd[vector]);
	else
		fake_vfio.pending[vector] = !fake_vfio.loses;
}

static void give(unsigned vector, int32_t fd)
{
	fake_vfio.nr_taken -= fake_vfio.fd[vector] >= 0;
	fake_vfio.fd[vector] = fd;
	if (fd < 0)
		return;
	fake_vfio.nr_taken++;
	if (fake_vfio.nr_taken > fake_vfio.nr_taken_at_all)
		fake_vfio.nr_taken_at_all = fake_vfio.nr_taken;
	if (fake_vfio.pending[vector])
		fd_eventfd_signal(fd);
	fake_vfio.pending[vector] = false;
}

static bool intx_disabled(void)
{
	return get_le(fake_vfio.config + PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;
}

static void check_intx(void)
{
	if (!fake_vfio.intx_enabled || !fake_vfio.intx_asserted || fake_vfio.intx_masked)
		return;
	fake_vfio.intx_masked = true;
	fake_vfio.nr_intx++;
	fd_eventfd_signal(fake_vfio.intx_fd);
}

static void unmask_intx(void)
{
	if (!fake_vfio.intx_enabled || intx_disabled())
		return;
	fake_vfio.intx_masked = false;
	check_intx();
}

void fake_vfio_set_intx(bool asserted)
{
	fake_vfio.intx_asserted = asserted;
	check_intx();
}

void fake_vfio_poll_unmask(void)
{
	if (fake_vfio.intx_unmask_fd >= 0 && fd_eventfd_drain(fake_vfio.intx_unmask_fd))
		unmask_intx();
}

static bool fails(void)
{
	return fake_vfio.fail_call && !--fake_vfio.fail_call;
}

static int set_intx(unsigned start, const int32_t *fds, unsigned nr)
{
	if (fake_vfio.enabled || start || nr != 1)
		return -EINVAL;
	fake_vfio.intx_enabled = true;
	fake_vfio.intx_fd = *fds;
	fake_vfio.intx_masked = intx_disabled();
	check_intx();
	return 0;
}

int vfio_device_set_intx_unmask(const struct vfio_device *device, int32_t fd)
{
	fake_vfio.nr_set_irqs++;
	if (fails())
		return -EIO;
	if (!fake_vfio.intx_enabled)
		return -EINVAL;
	fake_vfio.intx_unmask_fd = fd;
	return 0;
}

int vfio_device_set_irqs(const struct vfio_device *device, unsigned index, unsigned start,
			 const int32_t *fds, unsigned nr)
{
	fake_vfio.nr_set_irqs++;
	if (fails())
		return -EIO;
	if (index == VFIO_PCI_INTX_IRQ_INDEX)
		return set_intx(start, fds, nr);
	/* The host's notifications: none comes. */
	if (index == VFIO_PCI_ERR_IRQ_INDEX || index == VFIO_PCI_REQ_IRQ_INDEX)
		return 0;
	if (fake_vfio.intx_enabled || (fake_vfio.enabled && fake_vfio.index != index))
		return -EINVAL;
	if (index > VFIO_PCI_MSIX_IRQ_INDEX || start + nr > FAKE_VFIO_VECTORS)
		return -EINVAL;
	if (fake_vfio.enabled && (fake_vfio.no_resize || index == VFIO_PCI_MSI_IRQ_INDEX) &&
	    start + nr > fake_vfio.nr_given)
		return -EINVAL;
	if (start + nr > fake_vfio.limit)
		return -ENOSPC;
	if (!fake_vfio.enabled)
		fake_vfio.nr_given = start + nr;
	fake_vfio.enabled = true;
	fake_vfio.index = index;
	for (unsigned i = 0; i < nr; i++)
		give(start + i, fds[i]);
	return 0;
}

/* What is pending stays so in the device (PCI Express 5.0, 6.1.4.5); what would be sent while it is off is lost. */
int vfio_device_disable_irqs(const struct vfio_device *device, unsigned index)
{
	fake_vfio.nr_disable++;
	if (fails()) {
		fake_vfio.has_stuck = true;
		return -EIO;
	}
	if (index == VFIO_PCI_INTX_IRQ_INDEX) {
		if (fake_vfio.enabled)
			return -EINVAL;
		fake_vfio.intx_enabled = false;
		fake_vfio.intx_fd = -1;
		fake_vfio.intx_unmask_fd = -1;
		return 0;
	}
	if (fake_vfio.intx_enabled || (fake_vfio.enabled && fake_vfio.index != index))
		return -EINVAL;
	fake_vfio.enabled = false;
	fake_vfio.nr_given = 0;
	all_masked();
	return 0;
}

int vfio_device_open(struct vfio_device *device, const struct vfio_host_device *host,
		     struct vfio_ioas *ioas, struct error *err)
{
	static struct vfio_group group = { .fd = -1, .users = 1 };

	if (!fake_vfio.can_open)
		return error_set(err, -ENODEV, "device %s", host->bdf);
	*device = (struct vfio_device){
		.host = *host, .ioas = ioas, .group = &group, .fd = -1, .can_reset = true
	};
	device->region[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CONFIG_SIZE;
	device->region[VFIO_PCI_BAR0_REGION_INDEX].size = fake_vfio.bar_size;
	device->irq[VFIO_PCI_ERR_IRQ_INDEX].count = 1;
	device->irq[VFIO_PCI_REQ_IRQ_INDEX].count = 1;
	device->irq[VFIO_PCI_MSIX_IRQ_INDEX].count = fake_vfio.nr_vectors;
	device->irq[VFIO_PCI_MSIX_IRQ_INDEX].flags = VFIO_IRQ_INFO_EVENTFD;
	return 0;
}

void vfio_device_close(struct vfio_device *device)
{
}

static bool is_bar(unsigned region)
{
	return fake_vfio.bar_fd && region <= VFIO_PCI_BAR5_REGION_INDEX;
}

int vfio_device_read(const struct vfio_device *device, unsigned region, uint64_t offset, void *buf,
		     unsigned size)
{
	uint16_t status = (uint16_t)get_le(fake_vfio.config + PCI_STATUS, 2);

	memset(buf, 0xff, size);
	if (is_bar(region))
		return pread(fake_vfio.bar_fd, buf, size,
			     (off_t)(device->region[region].offset + offset)) == (ssize_t)size
			       ? 0
			       : -EIO;
	if (region != VFIO_PCI_CONFIG_REGION_INDEX || !range_fits(offset, size, PCI_CONFIG_SIZE))
		return -EIO;
	status &= (uint16_t)~PCI_STATUS_INTERRUPT;
	status |= fake_vfio.intx_asserted ? PCI_STATUS_INTERRUPT : 0;
	put_le(fake_vfio.config + PCI_STATUS, 2, status);
	memcpy(buf, fake_vfio.config + offset, size);
	return 0;
}

int vfio_device_write(const struct vfio_device *device, unsigned region, uint64_t offset,
		      const void *buf, unsigned size)
{
	bool was_disabled = intx_disabled();

	if (is_bar(region))
		return pwrite(fake_vfio.bar_fd, buf, size,
			      (off_t)(device->region[region].offset + offset)) == (ssize_t)size
			       ? 0
			       : -EIO;
	if (region != VFIO_PCI_CONFIG_REGION_INDEX || !range_fits(offset, size, PCI_CONFIG_SIZE))
		return -EIO;
	memcpy(fake_vfio.config + offset, buf, size);
	if (intx_disabled() && !was_disabled)
		fake_vfio.intx_masked = true;
	else if (!intx_disabled() && was_disabled)
		unmask_intx();
	return 0;
}

int vfio_device_reset(const struct vfio_device *device)
{
	return fake_vfio.can_open ? 0 : -ENOTTY;
}
