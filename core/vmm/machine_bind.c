/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are bound to vfio-pci for as long as torc runs, bind=on, and given back. */
#include <errno.h>
#include <stdlib.h>

#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/vmm/machine_device.h"
#include "core/vmm/machine_internal.h"
#include "vfio/bind/bind.h"

static void report(const char *bdf, const char *text)
{
	log_info("device %s: %s", bdf, text);
}

static const struct vfio_bind host_bind = { &vfio_host_paths, report };

int machine_check_bind(const struct vfio_host_device *host, struct error *err)
{
	/* A group that somebody has bound needs no journal, so none of root's rights either. */
	if (!vfio_host_check(host, NULL))
		return 0;
	return vfio_bind_check(&vfio_host_paths, host, err);
}

static int bind_device(struct machine *machine, unsigned i, struct error *err)
{
	struct vfio_host_device *host = &machine->host[i];
	int r;

	if (!vfio_host_check(host, NULL))
		return 0;
	r = vfio_bind(&host_bind, host, false, &machine->hold[i], err);
	if (!r)
		r = vfio_host_find(host->dir, host, err);
	return r ? r : vfio_host_check(host, err);
}

static int bind_devices(struct machine *machine, struct error *err)
{
	unsigned nr = machine->config->nr_devices;
	int r = 0;

	machine->hold = calloc(nr ? nr : 1, sizeof(*machine->hold));
	if (!machine->hold)
		return error_set(err, -ENOMEM, "devices");
	for (unsigned i = 0; i < nr; i++)
		machine->hold[i] = -1;
	for (unsigned i = 0; i < nr && !r; i++) {
		if (machine->config->device[i].bind)
			r = bind_device(machine, i, err);
	}
	return r;
}

static void unbind_devices(struct machine *machine)
{
	for (unsigned i = 0; machine->hold && i < machine->config->nr_devices; i++) {
		struct error err = { 0 };

		if (machine->hold[i] < 0)
			continue;
		/* One hold for each group: only the device that had it bound has one. */
		fd_close(&machine->hold[i]);
		if (vfio_unbind(&host_bind, &machine->host[i], &err))
			log_error_struct(&err);
	}
	free(machine->hold);
	machine->hold = NULL;
}

const struct machine_part machine_part_bound = { "devices bound", bind_devices, unbind_devices,
						 NULL };
