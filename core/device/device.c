/* SPDX-License-Identifier: Apache-2.0 */
#include "core/device/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"

int device_add(struct device_list *list, const struct device_class *class, const char *id,
	       const void *config, struct error *err)
{
	struct device *device = calloc(1, sizeof(*device));
	struct device **last = &list->first;
	int r;

	if (!device)
		return error_set(err, -ENOMEM, "%s %s", class->noun, id);
	device->class = class;
	device->id = id;
	device->config = config;
	device->list = list;
	device->host_node = -1;
	device->guest_node = -1;
	snprintf(device->label, sizeof(device->label), "%s %s", class->noun, id);
	r = class->check ? class->check(device, err) : 0;
	if (r) {
		if (class->end)
			class->end(device);
		free(device);
		return r;
	}
	while (*last)
		last = &(*last)->next;
	*last = device;
	return 0;
}

const char *device_state_name(enum device_state state)
{
	static const char *const names[] = {
		[DEVICE_NEW] = "new",	      [DEVICE_OPEN] = "open",
		[DEVICE_PLUGGED] = "plugged", [DEVICE_RUNNING] = "running",
		[DEVICE_LEAVING] = "leaving", [DEVICE_GONE] = "gone",
	};

	return names[state];
}

void device_set_state(struct device *device, enum device_state state)
{
	const struct device_site *site = device->list->site;

	if (device->state == state)
		return;
	device->state = state;
	if (site->changed)
		site->changed(site->opaque);
}

struct opening {
	struct device *device;
	struct error *err;
	int result;
};

static void run_open(void *arg)
{
	struct opening *o = arg;

	o->result = o->device->class->open(o->device, o->err);
}

int device_open(struct device *device, struct error *err)
{
	const struct device_site *site = device->list->site;
	struct opening o = { .device = device, .err = err };

	site->block(site->opaque, run_open, &o);
	if (!o.result)
		device_set_state(device, DEVICE_OPEN);
	return o.result;
}

int device_plug(struct device *device, struct pci_bus *bus, struct error *err)
{
	int r = pci_bus_add(bus, device->pci, -1, err);

	if (!r)
		device_set_state(device, DEVICE_PLUGGED);
	return r;
}

int device_start(struct device *device, struct error *err)
{
	int r = device->class->start ? device->class->start(device, err) : 0;

	if (!r)
		device_set_state(device, DEVICE_RUNNING);
	return r;
}

int device_reset(struct device *device, int hurry_fd, int timeout_ms)
{
	bool was_busy = device->is_busy;
	int r;

	if (device->state < DEVICE_PLUGGED || device->state == DEVICE_GONE)
		return 0;
	device->is_busy = true;
	r = device->class->reset(device, hurry_fd, timeout_ms);
	device->is_busy = was_busy;
	return r;
}

int device_stop(struct device *device, int hurry_fd, int timeout_ms)
{
	if (device->state < DEVICE_OPEN || device->state == DEVICE_GONE)
		return 0;
	device_set_state(device, DEVICE_LEAVING);
	return device->class->stop ? device->class->stop(device, hurry_fd, timeout_ms) : 0;
}

void device_give_up(struct device *device)
{
	device->gave_up = true;
	if (device->class->abandon)
		device->class->abandon(device);
}

void device_close(struct device *device)
{
	if (device->state == DEVICE_GONE || device->gave_up)
		return;
	if (device->state != DEVICE_NEW)
		device->class->close(device);
	device_set_state(device, DEVICE_GONE);
	device->pci = NULL;
}

void device_list_destroy(struct device_list *list)
{
	while (list->first) {
		struct device *device = list->first;

		list->first = device->next;
		device_close(device);
		/* The kernel may still write to what it has. */
		if (device->gave_up)
			continue;
		if (device->class->end)
			device->class->end(device);
		free(device);
	}
}

struct device *device_find(const struct device_list *list, const char *id)
{
	DEVICE_FOR_EACH(device, list) {
		if (device->state != DEVICE_GONE && !strcmp(device->id, id))
			return device;
	}
	return NULL;
}
