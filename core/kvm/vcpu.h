/* SPDX-License-Identifier: Apache-2.0 */
/**
 * vCPU: a KVM vCPU and the thread that runs it.
 *
 * The main thread creates vCPUs, starts and stops them all together, and resets them while they are stopped. The
 * thread "vcpuN" is in KVM_RUN or handles an exit; it dispatches port and MMIO accesses to the VM's buses and
 * counts and times its exits. What it cannot handle itself (triple fault, an error of KVM) it reports by the stop callback
 * and then waits, as vcpu_pause() makes it do.
 */
#ifndef CORE_KVM_VCPU_H
#define CORE_KVM_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "core/base/error.h"
#include "core/base/thread.h"
#include "core/base/trace.h"
#include "core/kvm/cpuid.h"
#include "core/kvm/vcpu_entry.h"
#include "core/kvm/vcpu_state.h"
#include "core/kvm/vm.h"

enum vcpu_stop {
	VCPU_STOP_TRIPLE_FAULT,
	VCPU_STOP_RESET, /* KVM's system event */
	VCPU_STOP_POWER_OFF,
	VCPU_STOP_ERROR,       /* KVM cannot go on; logged with the registers */
	VCPU_STOP_GUEST_ERROR, /* likewise, and it is the guest's doing: what KVM does not emulate */
};

struct vcpu;

/** Called by the vCPU's thread, which pauses afterwards. */
typedef void (*vcpu_stop_fn)(void *opaque, struct vcpu *vcpu, enum vcpu_stop why);

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	struct kvm_run *run;
	struct vcpu_state *initial;
	vcpu_stop_fn on_stop;
	void *opaque;
	struct iobus_reader pio_reader, mmio_reader;
	struct trace_object *trace; /* its own thread's */
	char name[16];		    /* of it and of its thread */
	uint64_t left_tsc;	    /* when KVM_RUN returned last; 0: it was paused since */

	struct thread thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool want_run, want_quit; /* under lock */
	bool running;		  /* under lock */
};

/**
 * vcpu_init - create a vCPU in its reset state, without a thread
 * @vcpu: embedded; stays in place
 * @vm: outlives it
 * @index: 0 and up; its APIC id follows from @topology
 * @topology: the arrangement of all
 * @cpuid: from cpuid_supported(); changed to this vCPU's leaves
 * @on_stop: see vcpu_stop_fn
 * @opaque: for @on_stop
 * @err: filled on failure
 *
 * Main thread. Return: 0; -errno.
 */
int vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned index,
	      const struct cpuid_topology *topology, struct kvm_cpuid2 *cpuid, vcpu_stop_fn on_stop,
	      void *opaque, struct error *err);

/**
 * vcpu_destroy - end its thread and close it
 * @vcpu: initialised or zeroed
 */
void vcpu_destroy(struct vcpu *vcpu);

/**
 * vcpu_start - start its thread, paused
 * @vcpu: without a thread
 * @err: filled on failure
 *
 * Return: 0; -errno of pthread_create().
 */
int vcpu_start(struct vcpu *vcpu, struct error *err);

/**
 * vcpu_resume - let its thread enter the guest
 * @vcpu: with a thread
 */
void vcpu_resume(struct vcpu *vcpu);

/**
 * vcpu_request_pause - ask its thread to leave the guest
 * @vcpu: with a thread; any thread may call
 */
void vcpu_request_pause(struct vcpu *vcpu);

/**
 * vcpu_wait_paused - wait until it has
 * @vcpu: vcpu_request_pause() was called; not by the vCPU's own thread
 */
void vcpu_wait_paused(struct vcpu *vcpu);

/**
 * vcpu_set_entry - make the boot vCPU start as a boot loader would
 * @vcpu: in its reset state, paused
 * @entry: from boot_load()
 * @err: filled on failure
 *
 * Return: 0; -errno of KVM_SET_SREGS, KVM_SET_REGS.
 */
int vcpu_set_entry(struct vcpu *vcpu, const struct vcpu_entry *entry, struct error *err);

/**
 * vcpu_reset - as after vcpu_init()
 * @vcpu: paused
 * @err: filled on failure
 *
 * Return: 0; -errno of KVM.
 */
int vcpu_reset(struct vcpu *vcpu, struct error *err);

/**
 * vcpu_tsc_hz - how fast its TSC is
 * @vcpu: initialised
 *
 * Return: what KVM says; 0: nothing.
 */
uint64_t vcpu_tsc_hz(const struct vcpu *vcpu);

/**
 * vcpu_tsc_offset - how its TSC follows from that of the host
 * @vcpu: initialised
 *
 * Return: added to the host's TSC it is the guest's.
 */
uint64_t vcpu_tsc_offset(const struct vcpu *vcpu);

/**
 * vcpu_signals_init - install the handler of the signal that interrupts KVM_RUN
 *
 * Once, before the first vcpu_start(). The signal is SIGRTMIN; the handler does nothing.
 */
void vcpu_signals_init(void);

#endif
