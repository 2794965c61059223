/* SPDX-License-Identifier: Apache-2.0 */
/**
 * KVM's ioctls, each as a function; nothing else in torc calls ioctl(2) on a KVM descriptor.
 *
 * All return 0 or a non-negative result, or -errno. Any thread, except where KVM's documentation says otherwise.
 * Source: Documentation/virt/kvm/api.rst, <linux/kvm.h>.
 */
#ifndef CORE_KVM_KVM_IOCTL_H
#define CORE_KVM_KVM_IOCTL_H

#include <stddef.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "core/base/error.h"

/**
 * kvm_open - open /dev/kvm and check its version
 * @err: filled on failure with the module to load or the group to join
 *
 * Return: the descriptor; -ENOENT, -EACCES, -ENOTSUP for a version other than 12.
 */
int kvm_open(struct error *err);

/**
 * kvm_check_extension - what KVM says of a capability
 * @fd: /dev/kvm, or a VM
 * @cap: KVM_CAP_*
 *
 * Return: 0 absent, else its value.
 */
int kvm_check_extension(int fd, unsigned cap);

/**
 * kvm_vcpu_mmap_size - KVM_GET_VCPU_MMAP_SIZE
 * @kvm: /dev/kvm
 *
 * Return: bytes; -errno.
 */
int kvm_vcpu_mmap_size(int kvm);

/**
 * kvm_supported_cpuid - KVM_GET_SUPPORTED_CPUID
 * @kvm: /dev/kvm
 * @cpuid: nent says how many entries there is room for, and how many were filled
 *
 * Return: 0; -E2BIG.
 */
int kvm_supported_cpuid(int kvm, struct kvm_cpuid2 *cpuid);

/**
 * kvm_msr_index_list - KVM_GET_MSR_INDEX_LIST
 * @kvm: /dev/kvm
 * @list: nmsrs says how many there is room for, and how many there are
 *
 * Return: 0; -E2BIG.
 */
int kvm_msr_index_list(int kvm, struct kvm_msr_list *list);

/**
 * kvm_create_vm - KVM_CREATE_VM
 * @kvm: /dev/kvm
 *
 * Return: the VM's descriptor; -errno.
 */
int kvm_create_vm(int kvm);

/**
 * kvm_enable_cap - KVM_ENABLE_CAP with one argument
 * @vm: VM
 * @cap: KVM_CAP_*
 * @arg0: its first argument
 *
 * Return: 0; -errno.
 */
int kvm_enable_cap(int vm, unsigned cap, uint64_t arg0);

/**
 * kvm_set_identity_map - KVM_SET_TSS_ADDR and KVM_SET_IDENTITY_MAP_ADDR
 * @vm: VM without vCPUs
 * @tss: three pages
 * @identity: one page
 *
 * Return: 0; -errno.
 */
int kvm_set_identity_map(int vm, uint64_t tss, uint64_t identity);

/**
 * kvm_create_irqchip - KVM_CREATE_IRQCHIP
 * @vm: VM without vCPUs
 *
 * Return: 0; -errno.
 */
int kvm_create_irqchip(int vm);

/**
 * kvm_get_irqchip - KVM_GET_IRQCHIP
 * @vm: VM
 * @chip: chip_id says which
 *
 * Return: 0; -errno.
 */
int kvm_get_irqchip(int vm, struct kvm_irqchip *chip);

/**
 * kvm_set_irqchip - KVM_SET_IRQCHIP
 * @vm: VM
 * @chip: the state
 *
 * Return: 0; -errno.
 */
int kvm_set_irqchip(int vm, const struct kvm_irqchip *chip);

/**
 * kvm_set_memory_region - KVM_SET_USER_MEMORY_REGION
 * @vm: VM
 * @region: memory_size 0 removes the slot
 *
 * Return: 0; -errno.
 */
int kvm_set_memory_region(int vm, const struct kvm_userspace_memory_region *region);

/**
 * kvm_set_gsi_routing - KVM_SET_GSI_ROUTING
 * @vm: VM
 * @routing: the whole table
 *
 * Return: 0; -errno.
 */
int kvm_set_gsi_routing(int vm, const struct kvm_irq_routing *routing);

/**
 * kvm_irqfd - KVM_IRQFD
 * @vm: VM
 * @irqfd: flags say whether to attach or to detach
 *
 * Return: 0; -errno.
 */
int kvm_irqfd(int vm, const struct kvm_irqfd *irqfd);

/**
 * kvm_ioeventfd - KVM_IOEVENTFD
 * @vm: VM
 * @ioeventfd: flags say whether to attach or to detach
 *
 * Return: 0; -errno.
 */
int kvm_ioeventfd(int vm, const struct kvm_ioeventfd *ioeventfd);

/**
 * kvm_irq_line - KVM_IRQ_LINE
 * @vm: VM
 * @gsi: pin
 * @level: 0 or 1
 *
 * Return: 0; -errno.
 */
int kvm_irq_line(int vm, unsigned gsi, unsigned level);

/**
 * kvm_create_device - KVM_CREATE_DEVICE
 * @vm: VM
 * @type: KVM_DEV_TYPE_*
 *
 * Return: the device's descriptor; -errno.
 */
int kvm_create_device(int vm, uint32_t type);

/**
 * kvm_set_device_attr - KVM_SET_DEVICE_ATTR
 * @device: from kvm_create_device()
 * @group: attribute group
 * @attr: attribute
 * @value: what it points to
 *
 * Return: 0; -errno.
 */
int kvm_set_device_attr(int device, uint32_t group, uint64_t attr, const void *value);

/**
 * kvm_get_device_attr - KVM_GET_DEVICE_ATTR
 * @device: from kvm_create_device(), or a vCPU
 * @group: attribute group
 * @attr: attribute
 * @value: receives it; untouched on failure
 *
 * Return: 0; -errno.
 */
int kvm_get_device_attr(int device, uint32_t group, uint64_t attr, void *value);

/**
 * kvm_get_tsc_khz - KVM_GET_TSC_KHZ
 * @vcpu: vCPU
 *
 * Return: the frequency of its TSC; -EIO the host's is not stable.
 */
int kvm_get_tsc_khz(int vcpu);

/**
 * kvm_create_vcpu - KVM_CREATE_VCPU
 * @vm: VM
 * @id: its APIC id
 *
 * Return: the vCPU's descriptor; -errno.
 */
int kvm_create_vcpu(int vm, unsigned id);

/**
 * kvm_run - KVM_RUN
 * @vcpu: vCPU; by its own thread
 *
 * Return: 0 with an exit reason in its run page; -EINTR; -EAGAIN; -errno.
 */
int kvm_run(int vcpu);

/**
 * kvm_set_cpuid - KVM_SET_CPUID2
 * @vcpu: vCPU that has not run
 * @cpuid: the leaves
 *
 * Return: 0; -errno.
 */
int kvm_set_cpuid(int vcpu, const struct kvm_cpuid2 *cpuid);

/**
 * kvm_msrs - KVM_GET_MSRS or KVM_SET_MSRS
 * @vcpu: vCPU
 * @set: which
 * @msrs: the values
 *
 * Return: how many were got or set before the first that was refused; -errno.
 */
int kvm_msrs(int vcpu, int set, struct kvm_msrs *msrs);

enum kvm_vcpu_part {
	KVM_PART_REGS,	 /* struct kvm_regs */
	KVM_PART_SREGS,	 /* struct kvm_sregs */
	KVM_PART_LAPIC,	 /* struct kvm_lapic_state */
	KVM_PART_MP,	 /* struct kvm_mp_state */
	KVM_PART_EVENTS, /* struct kvm_vcpu_events */
	KVM_PART_DEBUG,	 /* struct kvm_debugregs */
	KVM_PART_XSAVE,	 /* struct kvm_xsave */
	KVM_PART_XCRS,	 /* struct kvm_xcrs */
	KVM_NR_PARTS,
};

/**
 * kvm_get_part - read one part of a vCPU's state
 * @vcpu: vCPU that is not in KVM_RUN
 * @part: which
 * @state: receives it
 *
 * Return: 0; -errno.
 */
int kvm_get_part(int vcpu, enum kvm_vcpu_part part, void *state);

/**
 * kvm_set_part - write one part of a vCPU's state
 * @vcpu: vCPU that is not in KVM_RUN
 * @part: which
 * @state: the state
 *
 * Return: 0; -errno.
 */
int kvm_set_part(int vcpu, enum kvm_vcpu_part part, const void *state);

#endif
