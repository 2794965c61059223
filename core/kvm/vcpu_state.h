/* SPDX-License-Identifier: Apache-2.0 */
/**
 * vCPU state: what a vCPU is reset to.
 *
 * KVM has no "reset" call, so the state of a fresh vCPU is kept and put back when the guest reboots. Writing the
 * PV MSRs back also stops KVM from writing into memory of the guest that is gone.
 */
#ifndef CORE_KVM_VCPU_STATE_H
#define CORE_KVM_VCPU_STATE_H

#include <linux/kvm.h>

#include "core/base/bits.h"
#include "core/base/error.h"

struct vcpu_state;

/**
 * vcpu_state_save - keep the state of a vCPU
 * @kvm_fd: /dev/kvm
 * @vcpu_fd: a vCPU that is not in KVM_RUN
 * @out: receives it; vcpu_state_free() it; untouched on failure
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -errno of KVM.
 */
int vcpu_state_save(int kvm_fd, int vcpu_fd, struct vcpu_state **out, struct error *err);

/**
 * vcpu_state_restore - put it back
 * @state: saved from the same vCPU
 * @vcpu_fd: not in KVM_RUN
 * @err: filled on failure
 *
 * Return: 0; -errno of KVM.
 */
MUST_CHECK int vcpu_state_restore(const struct vcpu_state *state, int vcpu_fd, struct error *err);

/**
 * vcpu_state_free - free it
 * @state: may be NULL
 */
void vcpu_state_free(struct vcpu_state *state);

#endif
