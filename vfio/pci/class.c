/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pci/class.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/device/unplug.h"
#include "vfio/bind/bind.h"
#include "vfio/pci/pci.h"

struct function {
	struct vfio_host_device host;
	int hold;		  /* on what was bound for this run; -1: was not */
	struct vfio_ioas *ioas;	  /* that has @group */
	struct vfio_group *group; /* until the device is open; NULL: not held */
	struct vfio_pci *vp;	  /* from OPEN on */
};

static struct function *function_of(const struct device *device)
{
	return device->self;
}

static void report_bind(const char *bdf, const char *text)
{
	log_info("device %s: %s", bdf, text);
}

static const struct vfio_bind host_bind = { &vfio_host_paths, report_bind };

static int check_once(const struct device *device, struct error *err)
{
	const struct vfio_options *options = device->config;
	const struct vfio_host_device *host = &function_of(device)->host;

	DEVICE_FOR_EACH(other, device->list) {
		const struct vfio_options *others = other->config;

		if (other->class != &vfio_class || strcmp(other->host_name, host->bdf))
			continue;
		error_set(err, -EINVAL, "device %s", host->bdf);
		error_reason(err, "named twice: %s and %s", others->path, options->path);
		return error_remedy(err, "remove one of the --device values");
	}
	return 0;
}

/* A group that somebody has bound needs no journal, so none of root's rights either. */
static int check_bind(const struct vfio_host_device *host, struct error *err)
{
	return vfio_host_check(host, NULL) ? vfio_bind_check(&vfio_host_paths, host, err) : 0;
}

/* What a device needs of the host, as functions of plain values */

struct fitness {
	struct vfio_host_device host;
	bool bind;
};

static int check_fitness(const void *what, void *result, struct error *err)
{
	const struct fitness *fitness = what;

	return fitness->bind ? check_bind(&fitness->host, err)
			     : vfio_host_check(&fitness->host, err);
}

struct bound {
	struct vfio_host_device host;
	int hold; /* as struct function has it */
};

static int bind_device(const void *what, void *result, struct error *err)
{
	const struct vfio_host_device *host = what;
	struct bound bound = { .hold = -1 };
	int r = 0;

	if (vfio_host_check(host, NULL))
		r = vfio_bind(&host_bind, host, false, &bound.hold, err);
	if (!r)
		r = vfio_host_find(host->dir, &bound.host, err);
	if (!r)
		r = vfio_host_check(&bound.host, err);
	if (!r) {
		*(struct bound *)result = bound;
	} else if (bound.hold >= 0) {
		struct error again = { 0 };

		fd_close(&bound.hold);
		if (vfio_unbind(&host_bind, host, &again))
			log_error_struct(&again);
	}
	return r;
}

static int put_back(const void *what, void *result, struct error *err)
{
	return vfio_unbind(&host_bind, what, err);
}

static const struct host_source fitness_source = { "PCI device that is fit", check_fitness };
static const struct host_source bound_source = { "PCI device that is bound", bind_device };
static const struct host_source put_back_source = { "PCI device put back", put_back };

static int check(struct device *device, struct error *err)
{
	const struct vfio_options *options = device->config;
	struct function *f = calloc(1, sizeof(*f));
	const struct host *host = device->list->site->host;
	struct fitness fitness = { .bind = options->bind };
	int r;

	if (!f)
		return error_set(err, -ENOMEM, "%s", device->label);
	device->self = f;
	f->hold = -1;
	r = host_open(host, &vfio_host_source, options->path, &f->host, err);
	if (!r)
		r = check_once(device, err);
	if (r)
		return r;
	fitness.host = f->host;
	device->host_name = f->host.bdf;
	device->host_node = f->host.node;
	snprintf(device->label, sizeof(device->label), "device %s (%s)", device->id, f->host.bdf);
	return host_open(host, &fitness_source, &fitness, NULL, err);
}

int vfio_class_bind(struct device *device, struct error *err)
{
	const struct vfio_options *options = device->config;
	struct function *f = function_of(device);
	struct bound bound;
	int r;

	if (!options->bind)
		return 0;
	r = host_open(device->list->site->host, &bound_source, &f->host, &bound, err);
	if (r)
		return r;
	f->host = bound.host;
	f->hold = bound.hold;
	return 0;
}

void vfio_class_unbind(struct device *device)
{
	struct function *f = function_of(device);
	struct error err = { 0 };

	if (f->hold < 0)
		return;
	/* One hold for each group: only the device that had it bound has one. */
	fd_close(&f->hold);
	if (host_open(device->list->site->host, &put_back_source, &f->host, NULL, &err))
		log_error_struct(&err);
}

void vfio_class_hold_group(struct device *device, struct vfio_ioas *ioas)
{
	struct function *f = function_of(device);

	f->ioas = ioas;
	vfio_ioas_get_group(ioas, f->host.group, &f->group, NULL);
}

void vfio_class_drop_group(struct device *device)
{
	struct function *f = function_of(device);

	if (f->group)
		vfio_ioas_put_group(f->ioas, f->group);
	f->group = NULL;
}

static void log_failed(const struct device *device)
{
	struct error err = { 0 };

	error_set(&err, -EIO, "%s", device->label);
	error_reason(&err, "the host reports an uncorrectable error; it is taken from the guest");
	error_remedy(&err, "look at the host's dmesg, reset the device before it is used again");
	log_error_struct(&err);
}

static void host_says(void *opaque, struct vfio_pci *vp, enum vfio_pci_event event)
{
	struct device *device = opaque;

	/* It is on its way already. */
	if (device->is_due)
		return;
	if (event == VFIO_PCI_FAILED)
		log_failed(device);
	else if (device->state == DEVICE_RUNNING)
		log_warning("%s: the host wants it back; asking the guest to let go of it",
			    device->label);
	unplug_ask(device->list->unplug, device);
}

static int open_function(struct device *device, struct error *err)
{
	const struct vfio_options *options = device->config;
	struct function *f = function_of(device);
	const struct device_site *site = device->list->site;
	const struct vfio_pci_config config = {
		.host = &f->host,
		.id = device->id,
		.site = site,
		.trace = { options->trace_by_ring ? site->ring_of : NULL, site->opaque },
		.event = host_says,
		.opaque = device,
		.unmapped_bars = options->unmapped_bars,
	};
	int r = vfio_pci_create(&config, &f->vp, err);

	if (!r)
		device->pci = &f->vp->pci;
	return r;
}

static int start(struct device *device, struct error *err)
{
	const struct vfio_pci *vp = function_of(device)->vp;
	const struct vfio_host_device *host = &function_of(device)->host;

	vfio_pci_start(function_of(device)->vp);
	log_info(
		"device %s: host %s, IOMMU group %d, NUMA node %d, guest 0000:%02x:%02x.0, INTx %s, "
		"%u MSI and "
		"%u MSI-X vectors, reset: %s",
		vp->id, host->bdf, host->group, host->node, vp->pci.bus->number, vp->pci.slot,
		vp->intx.pin ? "yes" : "no", vp->msi.vectors.irqs.guest.nr_vectors,
		vp->msix.vectors.irqs.guest.nr_vectors, vp->reset);
	return 0;
}

static int reset(struct device *device, int hurry_fd, int timeout_ms)
{
	vfio_pci_reset(function_of(device)->vp);
	return 0;
}

static void close_function(struct device *device)
{
	vfio_pci_free(function_of(device)->vp);
	function_of(device)->vp = NULL;
}

static void end(struct device *device)
{
	struct function *f = function_of(device);

	if (!f)
		return;
	vfio_class_drop_group(device);
	free(f);
}

static void report_forwarding(const struct vfio_pci *vp)
{
	struct histogram h = { 0 };
	double us = 1e6 / (double)trace_tsc_hz();

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	vfio_vectors_merge(&vp->msix.vectors, &h);
	vfio_vectors_merge(&vp->msi.vectors, &h);
	log_info(
		"device %s: forwarded %llu interrupts, each in %.1f us, 99%% of them in at most %.1f us",
		vp->id, (unsigned long long)h.count,
		h.count ? (double)h.sum * us / (double)h.count : 0,
		(double)histogram_percentile(&h, 99) * us);
}

static void report(struct device *device)
{
	const struct vfio_pci *vp = function_of(device)->vp;

	log_info("device %s: VFIO_DEVICE_SET_IRQS calls for interrupts: %llu", vp->id,
		 (unsigned long long)vfio_interrupts_nr_calls(vp));
	if (vp->trace.ring_of)
		report_forwarding(vp);
}

const struct device_class vfio_class = {
	.noun = "device",
	.check = check,
	.open = open_function,
	.start = start,
	.reset = reset,
	.close = close_function,
	.end = end,
	.report = report,
};
