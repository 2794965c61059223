/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/vfio_device.h"

#include <errno.h>
#include <string.h>

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
	all_masked();
}

void fake_vfio_interrupt(unsigned vector)
{
	if (!fake_vfio.enabled)
		return;
	if (fake_vfio.fd[vector] >= 0)
		fd_eventfd_signal(fake_vfio.fd[vector]);
	else
		fake_vfio.pending[vector] = true;
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

int vfio_device_set_irqs(const struct vfio_device *device, unsigned index, unsigned start,
			 const int32_t *fds, unsigned nr)
{
	fake_vfio.nr_set_irqs++;
	if (index != VFIO_PCI_MSIX_IRQ_INDEX || start + nr > FAKE_VFIO_VECTORS)
		return -EINVAL;
	if (fake_vfio.enabled && fake_vfio.no_resize && start + nr > fake_vfio.nr_given)
		return -EINVAL;
	if (start + nr > fake_vfio.limit)
		return -ENOSPC;
	if (!fake_vfio.enabled)
		fake_vfio.nr_given = start + nr;
	fake_vfio.enabled = true;
	for (unsigned i = 0; i < nr; i++)
		give(start + i, fds[i]);
	return 0;
}

/* What is pending stays so in the device (PCI Express 5.0, 6.1.4.5); what would be sent while it is off is lost. */
int vfio_device_disable_irqs(const struct vfio_device *device, unsigned index)
{
	fake_vfio.nr_disable++;
	fake_vfio.enabled = false;
	fake_vfio.nr_given = 0;
	all_masked();
	return 0;
}

int vfio_device_open(struct vfio_device *device, const struct vfio_host_device *host,
		     struct vfio_ioas *ioas, struct error *err)
{
	return error_set(err, -ENODEV, "device %s", host->bdf);
}

void vfio_device_close(struct vfio_device *device)
{
}

int vfio_device_read(const struct vfio_device *device, unsigned region, uint64_t offset, void *buf,
		     unsigned size)
{
	memset(buf, 0xff, size);
	return -EIO;
}

int vfio_device_write(const struct vfio_device *device, unsigned region, uint64_t offset,
		      const void *buf, unsigned size)
{
	return -EIO;
}

int vfio_device_reset(const struct vfio_device *device)
{
	return -ENOTTY;
}
