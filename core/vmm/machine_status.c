/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/machine_status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vmm/machine_internal.h"

const char *machine_state_name(enum machine_state state)
{
	static const char *const names[] = {
		[MACHINE_STARTING] = "starting",
		[MACHINE_RUNNING] = "running",
		[MACHINE_RESETTING] = "resetting",
		[MACHINE_ENDING] = "ending",
	};

	return names[state];
}

static size_t size_of(unsigned nr_devices)
{
	return sizeof(struct machine_status) + nr_devices * sizeof(struct machine_device_status);
}

/* The lock is held for a copy, never for what is copied to come about. */
struct machine_status *machine_status(struct machine *machine)
{
	struct machine_status *copy = NULL;

	pthread_mutex_lock(&machine->status_lock);
	if (machine->status)
		copy = malloc(size_of(machine->status->nr_devices));
	if (copy)
		memcpy(copy, machine->status, size_of(machine->status->nr_devices));
	pthread_mutex_unlock(&machine->status_lock);
	return copy;
}

void machine_publish(struct machine *machine, enum machine_state state)
{
	struct machine_status *status, *old;
	unsigned nr = 0;

	DEVICE_FOR_EACH(device, &machine->devices)
		nr++;
	status = calloc(1, size_of(nr));
	machine->state = state;
	if (!status)
		return;
	status->state = state;
	status->nr_resets = machine->nr_resets;
	DEVICE_FOR_EACH(device, &machine->devices) {
		struct machine_device_status *of = &status->device[status->nr_devices++];

		snprintf(of->id, sizeof(of->id), "%s", device->id);
		of->noun = device->class->noun;
		of->state = device->state;
	}
	pthread_mutex_lock(&machine->status_lock);
	old = machine->status;
	machine->status = status;
	pthread_mutex_unlock(&machine->status_lock);
	free(old);
}

static void status_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, status_work);

	machine_publish(machine, machine->state);
}

void machine_publish_devices(void *opaque)
{
	struct machine *machine = opaque;

	if (machine->state == MACHINE_RUNNING)
		ring_defer(&machine->ring, &machine->status_work);
}

void machine_init_status(struct machine *machine)
{
	pthread_mutex_init(&machine->status_lock, NULL);
	machine->status_work.run = status_work;
}

void machine_destroy_status(struct machine *machine)
{
	free(machine->status);
	machine->status = NULL;
	pthread_mutex_destroy(&machine->status_lock);
}
