/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The state in which the first vCPU enters the guest; produced by core/boot, applied by vcpu_set_entry().
 */
#ifndef CORE_KVM_VCPU_ENTRY_H
#define CORE_KVM_VCPU_ENTRY_H

#include <stdint.h>

enum vcpu_entry_mode {
	VCPU_ENTRY_LONG64, /* long mode, paging on with @cr3, flat segments from the GDT at LAYOUT_GDT */
	VCPU_ENTRY_PROTECTED, /* 32-bit protected mode, paging off, flat segments (PVH) */
};

struct vcpu_entry {
	enum vcpu_entry_mode mode;
	uint64_t rip;
	uint64_t rsi; /* Linux 64-bit boot protocol: boot_params */
	uint64_t rbx; /* PVH: start info */
	uint64_t rsp;
	uint64_t cr3;
};

#endif
