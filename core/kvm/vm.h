/* SPDX-License-Identifier: Apache-2.0 */
/**
 * VM: one KVM virtual machine: its descriptor, memory slots, GSI table and the two I/O buses.
 *
 * The main thread creates and destroys it; memory slots may also be added and removed by vCPU threads (BAR moves),
 * under a mutex. Vcpus are in vcpu.h and borrow the VM.
 */
#ifndef CORE_KVM_VM_H
#define CORE_KVM_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/bits.h"
#include "core/base/error.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/iobus.h"
#include "core/kvm/irq.h"

#define VM_MAX_SLOTS 512

struct vm {
	int kvm_fd;
	int fd;
	int vfio_fd;	 /* KVM's VFIO pseudo-device, -1 until the first group */
	size_t run_size; /* of a vCPU's run page */
	pthread_mutex_t slot_lock;
	bool slot_used[VM_MAX_SLOTS];
	unsigned nr_slots; /* KVM's limit or ours */
	struct irq_table irq;
	struct iobus pio, mmio;
};

/**
 * vm_init - create the VM with its in-kernel interrupt controllers
 * @vm: embedded
 * @err: filled on failure
 *
 * Main thread. Return: 0; -errno.
 */
int vm_init(struct vm *vm, struct error *err);

/**
 * vm_halt_in_guest - let HLT halt the host's CPU, rather than leave the guest
 * @vm: the VM, without vCPUs yet
 * @err: filled on failure
 *
 * A vCPU that is idle has its CPU for itself then. Main thread. Return: 0; -ENOTSUP; -errno.
 * Source: linux/Documentation/virt/kvm/api.rst, KVM_CAP_X86_DISABLE_EXITS.
 */
int vm_halt_in_guest(struct vm *vm, struct error *err);

/**
 * vm_disable_pmu - no performance counters for the guest
 * @vm: the VM, without vCPUs yet
 *
 * A KVM that cannot be told so (before 5.18) keeps to what CPUID says: cpuid_hide(). Main thread.
 * Source: linux/Documentation/virt/kvm/api.rst, KVM_CAP_PMU_CAPABILITY.
 */
void vm_disable_pmu(struct vm *vm);

/**
 * vm_destroy - close it; all vCPUs are gone
 * @vm: initialised or zeroed
 */
void vm_destroy(struct vm *vm);

/**
 * vm_add_memory - give the guest a range backed by host memory
 * @vm: the VM
 * @gpa: page-aligned
 * @size: bytes, a non-zero multiple of the page size
 * @va: page-aligned, congruent for large pages; outlives the slot
 * @readonly: guest writes become MMIO exits
 *
 * Any thread. Return: the slot; -ENOSPC; -EEXIST overlap; -errno.
 */
MUST_CHECK int vm_add_memory(struct vm *vm, gpa_t gpa, uint64_t size, void *va, bool readonly);

/**
 * vm_remove_memory - take a slot back; no vCPU can reach it afterwards
 * @vm: the VM
 * @slot: from vm_add_memory()
 *
 * Any thread. Return: 0; -ENOMEM, and the guest keeps it: nothing else may come to its addresses, guest's or host's.
 */
MUST_CHECK int vm_remove_memory(struct vm *vm, int slot);

/**
 * vm_wait_for_accesses - wait until no vCPU is within a region of either bus that was removed before
 * @vm: the VM
 *
 * As iobus_synchronize(). Any thread but a vCPU's.
 */
void vm_wait_for_accesses(struct vm *vm);

/**
 * vm_add_ram - give the guest all of its RAM
 * @vm: the VM
 * @mem: outlives the VM
 * @err: filled on failure
 *
 * Return: 0; -errno.
 */
int vm_add_ram(struct vm *vm, const struct guest_mem *mem, struct error *err);

/**
 * vm_add_vfio_group - tell KVM of a VFIO group, for cache coherency and for closed-group safety
 * @vm: the VM
 * @group_fd: open VFIO group
 *
 * Return: 0; -errno.
 */
int vm_add_vfio_group(struct vm *vm, int group_fd);

/**
 * vm_remove_vfio_group - let KVM forget a VFIO group, which it holds open until then
 * @vm: the VM
 * @group_fd: as given to vm_add_vfio_group()
 */
void vm_remove_vfio_group(struct vm *vm, int group_fd);

#endif
