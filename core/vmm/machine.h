/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Machine: everything one guest consists of, made from a configuration, run, taken apart.
 *
 * A machine has a thread of its own, "machine", with a ring: it makes the machine's parts (machine_parts.h), serves what
 * vCPUs, devices and lines want of the whole machine, and takes the parts apart again. Headers of what a machine
 * has call it the machine's thread. Its owner, on the main thread, never waits for it: it asks by machine_end() and
 * machine_call(), and is told when the machine is there and when it is over.
 */
#ifndef CORE_VMM_MACHINE_H
#define CORE_VMM_MACHINE_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/config/config.h"
#include "io/ring/ring.h"

struct machine;

/** Who is told of a machine; by the machine's thread. */
struct machine_owner {
	/* All that it opens by name is open. */
	void (*opened)(void *opaque);
	/* It is over: machine_join() does not wait any more. */
	void (*ended)(void *opaque);
	void *opaque;
	const struct host *host; /* opens what devices need of it; NULL: the machine does */
};

/** What somebody asks of a machine: embedded in its arguments, which stay until the reply. */
struct machine_call {
	/* The machine's thread, one call at a time, never while the machine is being reset. */
	void (*run)(struct machine *machine, struct machine_call *call);
	/* On the ring that it came from; NULL: nobody waits. */
	void (*reply)(struct machine_call *call);
	struct ring *from;
	int result; /* -ESHUTDOWN: the machine ended before it was run; else what run() left there */

	/* The machine's. */
	struct machine *machine;
	struct ring_work work;
	struct machine_call *next;
};

/**
 * machine_create - see whether there can be such a machine, and where everything would be
 * @config: outlives the machine
 * @owner: copied
 * @out: receives it; untouched on failure
 * @err: filled on failure
 *
 * Nothing on the host is changed. Main thread. Return: 0; -errno.
 */
int machine_create(const struct config *config, const struct machine_owner *owner,
		   struct machine **out, struct error *err);

/**
 * machine_print_plan - where everything would be, a line for each resource
 * @machine: created
 * @out: receives it
 */
void machine_print_plan(const struct machine *machine, FILE *out);

/**
 * machine_start - have its thread make it and run the guest; the VM itself is made by this one
 * @machine: created; signals that its owner takes are blocked
 * @err: filled on failure
 *
 * Moves the calling thread to where torc's own threads are to be. Main thread. Return: 0; -errno.
 */
int machine_start(struct machine *machine, struct error *err);

/**
 * machine_end - ask it to end, and when it was asked before, to hurry
 * @machine: started
 *
 * Requests that do not end are given up two seconds after the second time. Main thread.
 */
void machine_end(struct machine *machine);

/**
 * machine_call - ask something of it
 * @machine: started, not joined
 * @call: zeroed but for run(), reply() and from
 *
 * One that is being made or reset is asked afterwards. Main thread.
 * Return: 0, and reply() comes; -ESHUTDOWN: it has no ring yet, or no longer.
 */
int machine_call(struct machine *machine, struct machine_call *call);

/**
 * machine_terminal_changed - its console may have another size
 * @machine: started, or NULL
 *
 * Main thread.
 */
void machine_terminal_changed(struct machine *machine);

/**
 * machine_join - wait for its end
 * @machine: started
 * @err: filled on failure
 *
 * Main thread. Return: 0 when the guest powered off or was asked to end; -EIO when the guest cannot go on (triple faults in a
 * row, an error of KVM); -errno, also of making it.
 */
int machine_join(struct machine *machine, struct error *err);

/**
 * machine_free - free what machine_create() made
 * @machine: joined, or never started; may be NULL
 *
 * Main thread. Return: true; false when requests were given up: what they may use is left to the end of the process.
 */
bool machine_free(struct machine *machine);

#endif
