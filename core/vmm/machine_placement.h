/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where threads run. Between the machine's files; nobody else includes it.
 */
#ifndef CORE_VMM_MACHINE_PLACEMENT_H
#define CORE_VMM_MACHINE_PLACEMENT_H

#include "core/vmm/machine_internal.h"

/**
 * machine_log_plan - tell the user
 * @machine: with a plan
 */
void machine_log_plan(const struct machine *machine);

/**
 * machine_go_to_vcpu - go to where a vCPU's ring is to run, to make them there
 * @machine: with a plan
 * @i: index of the vCPU
 * @err: filled on failure
 *
 * The machine's thread. Return: 0; what affinity_set() returns.
 */
int machine_go_to_vcpu(struct machine *machine, unsigned i, struct error *err);

/**
 * machine_come_back - go to where torc itself is to run; threads started from now on do too
 * @machine: with a plan
 * @err: filled on failure
 *
 * The machine's thread. Return: 0; what affinity_set() returns.
 */
int machine_come_back(struct machine *machine, struct error *err);

/**
 * machine_pin_vcpu - put the threads of a vCPU and its ring where they are to run
 * @machine: both threads are started
 * @i: index of the vCPU
 * @err: filled on failure
 *
 * The machine's thread. Return: 0; what affinity_set() returns.
 */
int machine_pin_vcpu(struct machine *machine, unsigned i, struct error *err);

#endif
