/* SPDX-License-Identifier: Apache-2.0 */
/**
 * CPUID: what KVM supports, made to say how many CPUs there are and how they are arranged.
 *
 * Pure but for the one ioctl that asks KVM. APIC ids are packed as the CPUID leaves describe them: thread, core,
 * die and package fields, each as many bits wide as its count needs, or more for cores.
 */
#ifndef CORE_KVM_CPUID_H
#define CORE_KVM_CPUID_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "core/base/error.h"

struct cpuid_topology {
	unsigned threads; /* per core; each of the four at least 1 */
	unsigned cores;	  /* per die */
	unsigned dies;	  /* per package */
	unsigned packages;
	/* Which of all threads each vCPU is; borrowed. NULL: vCPU i is thread i. */
	const uint16_t *place;
};

/**
 * cpuid_topology_of_nodes - packages that no two NUMA nodes share
 * @topology: receives a package of single-thread cores for each node with vCPUs
 * @place: receives @nr places; @topology borrows it
 * @node: of each vCPU
 * @nr: of vCPUs, at least 1
 *
 * A kernel takes the CPUs of a package for sharing a cache, and complains when their nodes differ. All packages are
 * as large as the largest node needs. Packages are numbered as their nodes come up, so vCPU 0 always has APIC id 0,
 * as KVM's boot processor must.
 */
void cpuid_topology_of_nodes(struct cpuid_topology *topology, uint16_t *place, const uint32_t *node,
			     unsigned nr);

/**
 * cpuid_apic_id - the APIC id of a vCPU
 * @topology: the arrangement
 * @index: of the vCPU; without places below the product of the counts
 *
 * Return: the id.
 */
uint32_t cpuid_apic_id(const struct cpuid_topology *topology, unsigned index);

/**
 * cpuid_supported - ask KVM what it can give a guest
 * @kvm_fd: /dev/kvm
 * @out: receives an array to free(); untouched on failure
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -errno of KVM_GET_SUPPORTED_CPUID.
 */
int cpuid_supported(int kvm_fd, struct kvm_cpuid2 **out, struct error *err);

/**
 * cpuid_hide - take away what the guest is not to have
 * @cpuid: from cpuid_supported()
 * @nested: SVM and VMX
 * @pmu: performance counters, whoever makes them
 *
 * Source: Intel SDM 2A, CPUID leaves 1, 0xa, 0x1c; AMD APM 3, E.4, leaves 0x80000001, 0x8000000a, 0x8000001b, 0x80000022.
 */
void cpuid_hide(struct kvm_cpuid2 *cpuid, bool nested, bool pmu);

/**
 * cpuid_set_vcpu - turn the supported leaves into those of one vCPU
 * @cpuid: from cpuid_supported(), or the result for another vCPU
 * @topology: the arrangement
 * @index: of the vCPU
 *
 * Source: Intel SDM 2A, CPUID leaves 1, 4, 0xb, 0x1f; AMD APM 3, E.4, leaves 0x80000008, 0x8000001d, 0x8000001e.
 */
void cpuid_set_vcpu(struct kvm_cpuid2 *cpuid, const struct cpuid_topology *topology,
		    unsigned index);

/**
 * cpuid_phys_bits - the guest physical address width
 * @cpuid: from cpuid_supported()
 *
 * Return: leaf 0x80000008's, by its guest field where KVM fills that; 36 when there is no such leaf.
 */
unsigned cpuid_phys_bits(const struct kvm_cpuid2 *cpuid);

#endif
