/* SPDX-License-Identifier: Apache-2.0 */
/**
 * VMM: what a process has beside its machine: signals, metrics, and the ring of the main thread that serves them.
 *
 * The main thread never waits for the machine, which has a thread of its own: whatever that is at, signals are taken and
 * metrics answered. It makes a machine from the configuration and lives on when that is over.
 */
#ifndef CORE_VMM_VMM_H
#define CORE_VMM_VMM_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/config/config.h"

/**
 * vmm_run - run a machine until the guest powers off, or a signal asks for the end
 * @config: outlives the call
 * @opened: called once all that the configuration names is open, or could not be opened; by another thread
 * @gave_up: receives, on failure too, whether storage did not answer: the process has to end by _exit(2), as threads of it
 *	go on
 * @err: filled on failure
 *
 * Takes the signals that end a VM, and leaves them blocked: the process is to say how it ended. Main thread.
 * Return: what machine_join() returns; -errno.
 */
int vmm_run(const struct config *config, void (*opened)(const struct config *config), bool *gave_up,
	    struct error *err);

/**
 * vmm_explain - check everything that vmm_run() checks first, and say where everything would be
 * @config: what would be run
 * @out: receives the plan, a line for each resource
 * @err: filled on failure
 *
 * Changes nothing on the host. Main thread. Return: 0; -errno.
 */
int vmm_explain(const struct config *config, FILE *out, struct error *err);

#endif
