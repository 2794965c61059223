/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Machine: everything of one VM, wired together; owned and run by the main thread.
 *
 * machine_create() builds it from a configuration, machine_run() runs the guest and the main ring until the guest
 * powers off, a signal ends it or it fails, machine_free() takes it apart in reverse order. A guest's reset
 * restarts it in place: vCPUs pause, devices are reset, kernel and tables are loaded again; nothing is closed.
 */
#ifndef CORE_VMM_MACHINE_H
#define CORE_VMM_MACHINE_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/config/config.h"

struct machine;

/**
 * machine_create - build a machine
 * @config: outlives the machine
 * @out: receives it; untouched on failure
 * @err: filled on failure; nothing on the host is changed then
 *
 * Blocks the signals that end a VM; machine_run() takes them from a signalfd. Return: 0; -errno.
 */
int machine_create(const struct config *config, struct machine **out, struct error *err);

/**
 * machine_explain - check everything that machine_create() checks first, and say where everything would be
 * @config: what would be run
 * @out: receives the plan, a line for each resource
 * @err: filled on failure
 *
 * Changes nothing on the host. Main thread. Return: 0; -errno.
 */
int machine_explain(const struct config *config, FILE *out, struct error *err);

/**
 * machine_run - run the guest
 * @machine: created, not yet run
 * @err: filled on failure
 *
 * Return: 0 when the guest powered off or a signal asked torc to end; -EIO when the guest cannot go on (triple
 * faults in a row, an error of KVM); -errno.
 */
int machine_run(struct machine *machine, struct error *err);

/**
 * machine_free - take it apart: memory unpinned, devices reset and closed, terminal restored
 * @machine: may be NULL
 *
 * Requests that do not end are given up after a second signal; what they may use is left to the end of the process then.
 * Return: whether nothing was given up.
 */
bool machine_free(struct machine *machine);

#endif
