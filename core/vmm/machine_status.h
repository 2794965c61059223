/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Status: what a machine is like, published by its thread for others to read without waiting for what that is about.
 */
#ifndef CORE_VMM_MACHINE_STATUS_H
#define CORE_VMM_MACHINE_STATUS_H

#include <stdint.h>

#include "core/device/device.h"

struct machine;

enum machine_state {
	MACHINE_STARTING,
	MACHINE_RUNNING,
	MACHINE_RESETTING,
	MACHINE_ENDING,
};

struct machine_device_status {
	char id[DEVICE_MAX_ID + 1];
	const char *noun; /* of its class */
	enum device_state state;
};

struct machine_status {
	enum machine_state state;
	uint64_t nr_resets;
	unsigned nr_devices;
	struct machine_device_status
		device[]; /* in the order of their slots; those that are GONE too */
};

/**
 * machine_state_name - a state in a word
 * @state: any
 *
 * Any thread. Return: "running" and the like.
 */
const char *machine_state_name(enum machine_state state);

/**
 * machine_status - what it is like now, or was when that was published last
 * @machine: created, not freed
 *
 * Any thread. Return: to be freed; NULL without memory.
 */
struct machine_status *machine_status(struct machine *machine);

/**
 * machine_publish - publish another state, and what became of its devices
 * @machine: created
 * @state: what it does from now on
 *
 * The machine's thread, or the owner's before there is one. Without memory the last one stays until the next change.
 */
void machine_publish(struct machine *machine, enum machine_state state);

/**
 * machine_publish_devices - likewise, at the end of the ring's turn
 * @opaque: the machine
 *
 * The machine's thread; nothing happens while it is being made or ends, as all of that is published together.
 */
void machine_publish_devices(void *opaque);

/**
 * machine_init_status - before anything is published
 * @machine: zeroed
 */
void machine_init_status(struct machine *machine);

/**
 * machine_destroy_status - free what is published
 * @machine: machine_init_status() was called
 */
void machine_destroy_status(struct machine *machine);

#endif
