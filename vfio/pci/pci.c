/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pci/pci.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"

static const struct pci_device_ops vfio_pci_ops = {
	.config_read = vfio_config_read,
	.config_write = vfio_config_write,
	.config_written = vfio_config_written,
	.bar_map = vfio_bar_map,
	.bar_unmap = vfio_bar_unmap,
};

/* A multishot poll may end by itself. */
static void watch_again(struct vfio_pci *vp, struct ring_op *op, int fd, int32_t res)
{
	if (!op->active && res != -ECANCELED)
		ring_poll(vp->ring, op, fd);
}

static void err_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct vfio_pci *vp = container_of(op, struct vfio_pci, err_op);

	watch_again(vp, op, vp->err_fd, res);
	if (res < 0 || !fd_eventfd_drain(vp->err_fd))
		return;
	vp->event(vp->opaque, vp, VFIO_PCI_FAILED);
}

static void req_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct vfio_pci *vp = container_of(op, struct vfio_pci, req_op);

	watch_again(vp, op, vp->req_fd, res);
	if (res < 0 || !fd_eventfd_drain(vp->req_fd))
		return;
	vp->event(vp->opaque, vp, VFIO_PCI_REQUESTED);
}

/* Errors and requests of the host; a device that cannot report them does without. */
static void watch(struct vfio_pci *vp, unsigned index, int *fd, struct ring_op *op,
		  ring_done_fn done)
{
	int32_t event;

	*fd = -1;
	if (!vp->device.irq[index].count)
		return;
	*fd = fd_eventfd();
	event = *fd;
	if (event < 0 || vfio_device_set_irqs(&vp->device, index, 0, &event, 1)) {
		log_warning("%s: host notifications are not available", vp->id);
		fd_close(fd);
		return;
	}
	op->done = done;
	ring_poll(vp->ring, op, *fd);
}

/* The poll is a request of the kernel's until its last completion, so wait for that before the memory goes. */
static void unwatch(struct vfio_pci *vp, int *fd, struct ring_op *op)
{
	ring_cancel(vp->ring, op);
	ring_wait(vp->ring, op);
	fd_close(fd);
}

/* A reset of the host's device, which takes as long as that likes. */
struct reset {
	struct vfio_pci *vp;
	int result;
};

static void run_reset(void *arg)
{
	struct reset *reset = arg;

	reset->result = vfio_reset_run(&reset->vp->device, reset->vp->reset);
}

static void report_reset(const struct vfio_pci *vp, int r)
{
	if (r == -ENOTTY)
		log_guest_warning(
			"%s (%s): the device has no reset; it starts in the state it was left in",
			vp->id, vp->device.host.bdf);
	else if (r == -EPERM)
		log_guest_warning(
			"%s (%s): the device has no reset but one that takes along functions which "
			"are not this machine's; it starts in the state it was left in",
			vp->id, vp->device.host.bdf);
	else if (r)
		log_guest_warning("%s (%s): reset (%s) failed: %s", vp->id, vp->device.host.bdf,
				  vp->device.can_reset ? "of the function" : "hot reset",
				  strerror(-r));
	else
		log_debug("%s (%s): reset: %s", vp->id, vp->device.host.bdf, vp->reset);
}

int vfio_pci_create(const struct vfio_pci_config *config, struct vfio_pci **out, struct error *err)
{
	struct vfio_pci *vp = calloc(1, sizeof(*vp));
	int r;

	if (!vp)
		return error_set(err, -ENOMEM, "device %s", config->host->bdf);
	snprintf(vp->id, sizeof(vp->id), "%s", config->id);
	vp->site = config->site;
	vp->vm = config->site->vm;
	vp->batch = config->site->batch;
	vp->dma = config->site->dma;
	vp->ring = config->site->ring;
	vp->trace = config->trace;
	vp->event = config->event;
	vp->opaque = config->opaque;
	vp->err_fd = vp->req_fd = -1;
	vp->p2p = config->site->p2p;
	vp->unmapped_bars = config->unmapped_bars;
	pci_device_init(&vp->pci, &vfio_pci_ops, vp->id);
	vp->pci.removable = true;
	r = vfio_device_open(&vp->device, config->host, config->site->ioas, err);
	if (r)
		goto free_vp;
	/* The first to open a function resets it where that can be (vfio_pci_core_enable()). */
	if (vp->device.can_reset)
		vfio_reset_describe(&vp->device, vp->reset);
	else
		report_reset(vp, vfio_reset_run(&vp->device, vp->reset));
	r = vfio_config_init(vp, err);
	if (r)
		goto close_device;
	vfio_rom_init(vp);
	r = vfio_bars_init(vp, err);
	if (r)
		goto destroy_bars;
	r = vfio_intx_start(vp, err);
	if (r)
		goto destroy_bars;
	r = vm_add_vfio_group(vp->vm, vp->device.group->fd);
	/* Another device of the same group was first. */
	if (r && r != -EEXIST) {
		error_set(err, r, "device %s: KVM_DEV_VFIO_GROUP_ADD", config->host->bdf);
		goto destroy_bars;
	}
	*out = vp;
	return 0;

destroy_bars:
	vfio_interrupts_destroy(vp);
	vfio_bars_destroy(vp);
	vfio_rom_destroy(vp);
close_device:
	vfio_device_close(&vp->device);
free_vp:
	free(vp);
	return r;
}

void vfio_pci_start(struct vfio_pci *vp)
{
	watch(vp, VFIO_PCI_ERR_IRQ_INDEX, &vp->err_fd, &vp->err_op, err_done);
	watch(vp, VFIO_PCI_REQ_IRQ_INDEX, &vp->req_fd, &vp->req_op, req_done);
}

/* The last descriptor of a device: the kernel resets it, which takes as long as that likes. */
static void close_device(void *arg)
{
	struct vfio_pci *vp = arg;

	fd_close(&vp->device.fd);
}

void vfio_pci_free(struct vfio_pci *vp)
{
	if (!vp)
		return;
	vfio_interrupts_destroy(vp);
	unwatch(vp, &vp->req_fd, &vp->req_op);
	unwatch(vp, &vp->err_fd, &vp->err_op);
	vfio_bars_destroy(vp);
	/* KVM would hold the group open. */
	if (vp->device.group->users == 1)
		vm_remove_vfio_group(vp->vm, vp->device.group->fd);
	vfio_rom_destroy(vp);
	/* Closing resets the function too, where it can be reset: no DMA outlives the mappings. */
	vp->site->block(vp->site->opaque, close_device, vp);
	vfio_device_close(&vp->device);
	free(vp);
}

void vfio_pci_reset(struct vfio_pci *vp)
{
	struct reset reset = { .vp = vp };

	vfio_interrupts_reset(vp);
	vp->site->block(vp->site->opaque, run_reset, &reset);
	report_reset(vp, reset.result);
	vfio_config_reset(vp);
}
