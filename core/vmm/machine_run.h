/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Running a machine: what is asked of all of it, pausing, and calls that block. Between the machine's files; nobody else
 * includes it.
 */
#ifndef CORE_VMM_MACHINE_RUN_H
#define CORE_VMM_MACHINE_RUN_H

#include "core/vmm/machine_internal.h"

/**
 * machine_ask - have the machine's thread do something with the whole machine
 * @machine: running
 * @request: what
 *
 * Any thread. The vCPUs stop; one that calls this does not enter the guest again before the request is served.
 */
void machine_ask(struct machine *machine, enum machine_request request);

/**
 * machine_post - have the machine's thread run a piece of work
 * @machine: any
 * @work: as for ring_post()
 *
 * Any thread. Return: whether there is a ring to run it.
 */
bool machine_post(struct machine *machine, struct ring_work *work);

/**
 * machine_ends - whether the owner wants the machine to end
 * @machine: any
 *
 * Any thread. Return: how often machine_end() was called.
 */
unsigned machine_ends(const struct machine *machine);

/**
 * machine_init_requests - what machine_ask(), machine_end() and others post
 * @machine: zeroed
 */
void machine_init_requests(struct machine *machine);

/**
 * machine_refuse_calls - answer those that wait, and all that come
 * @machine: is about to be taken apart
 */
void machine_refuse_calls(struct machine *machine);

/**
 * machine_set_busy - from now on what is asked of the whole machine waits
 * @opaque: the machine, whose ring is turned within what follows
 *
 * The machine's thread. Return: whether it was busy before.
 */
bool machine_set_busy(void *opaque);

/**
 * machine_set_idle - what waits is served at the end of the ring's turn, unless it was busy before
 * @opaque: after machine_set_busy()
 * @was_busy: what that returned
 */
void machine_set_idle(void *opaque, bool was_busy);

/**
 * machine_run - run the guest until its end
 * @machine: all parts are made
 * @begin: lets the vCPUs run, or sees to it
 *
 * The machine's thread. @machine->error says why the guest cannot go on.
 */
void machine_run(struct machine *machine, void (*begin)(struct machine *machine));

/**
 * machine_quit - the user typed Ctrl-A x
 * @opaque: the machine
 */
void machine_quit(void *opaque);

/**
 * machine_vcpu_stopped - a vCPU cannot go on; see vcpu_stop_fn
 * @opaque: the machine
 * @vcpu: which
 * @why: why
 */
void machine_vcpu_stopped(void *opaque, struct vcpu *vcpu, enum vcpu_stop why);

/**
 * machine_pause - have all vCPUs leave the guest, and finish the accesses that they have begun
 * @machine: its vCPUs are initialised
 *
 * The machine's thread.
 */
void machine_pause(struct machine *machine);

/**
 * machine_resume - let all vCPUs enter the guest
 * @machine: all paused
 *
 * The machine's thread.
 */
void machine_resume(struct machine *machine);

/**
 * machine_turn - do what the machine's ring has to do now, while waiting for something else
 * @machine: busy; its thread, not from within a callback
 *
 * Return: true; false: the ring has failed.
 */
bool machine_turn(struct machine *machine);

/**
 * machine_block - have the helper make a call that may block for long, and serve the ring meanwhile
 * @opaque: the machine
 * @call: made with @arg; its thread's are the host's devices while it lasts
 * @arg: for @call
 *
 * The machine's thread, not within a callback of its ring. Returns when the call has.
 */
void machine_block(void *opaque, void (*call)(void *arg), void *arg);

#endif
