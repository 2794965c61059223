/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/vcpu_state.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/kvm/kvm_ioctl.h"

#define MSR_TSC		    0x10
#define MSR_FEATURE_CONTROL 0x3a

struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	bool has_xcrs;
	struct kvm_msrs *msrs;
};

/*
 * In the order of restoring: the segment and control registers carry the APIC base, which must be in place
 * before the APIC's registers; events last, since the others may raise some.
 */
static const struct {
	enum kvm_vcpu_part part;
	size_t offset;
	const char *name;
} parts[] = {
	{ KVM_PART_SREGS, offsetof(struct vcpu_state, sregs), "KVM_SET_SREGS" },
	{ KVM_PART_REGS, offsetof(struct vcpu_state, regs), "KVM_SET_REGS" },
	{ KVM_PART_XSAVE, offsetof(struct vcpu_state, xsave), "KVM_SET_XSAVE" },
	{ KVM_PART_LAPIC, offsetof(struct vcpu_state, lapic), "KVM_SET_LAPIC" },
	{ KVM_PART_MP, offsetof(struct vcpu_state, mp), "KVM_SET_MP_STATE" },
	{ KVM_PART_DEBUG, offsetof(struct vcpu_state, debug), "KVM_SET_DEBUGREGS" },
	{ KVM_PART_EVENTS, offsetof(struct vcpu_state, events), "KVM_SET_VCPU_EVENTS" },
};

/* KVM stops at the first MSR it cannot read: leave that one out and go on behind it. */
static int get_msrs(int vcpu_fd, const struct kvm_msr_list *list, struct kvm_msrs **out)
{
	size_t size = sizeof(struct kvm_msrs) + list->nmsrs * sizeof(struct kvm_msr_entry);
	struct kvm_msrs *msrs = calloc(1, size), *batch = calloc(1, size);
	uint32_t next = 0;

	if (!msrs || !batch) {
		free(msrs);
		free(batch);
		return -ENOMEM;
	}
	while (next < list->nmsrs) {
		int n;

		batch->nmsrs = list->nmsrs - next;
		for (uint32_t i = 0; i < batch->nmsrs; i++)
			batch->entries[i].index = list->indices[next + i];
		n = kvm_msrs(vcpu_fd, 0, batch);
		for (int i = 0; i < n; i++) {
			/* KVM takes a host's write of 0 as "in step with the other vCPUs". */
			if (batch->entries[i].index == MSR_TSC)
				batch->entries[i].data = 0;
			msrs->entries[msrs->nmsrs++] = batch->entries[i];
		}
		next += (n > 0 ? (uint32_t)n : 0) + 1;
	}
	free(batch);
	*out = msrs;
	return 0;
}

static int save_msrs(int kvm_fd, int vcpu_fd, struct kvm_msrs **out)
{
	struct kvm_msr_list probe = { .nmsrs = 0 };
	struct kvm_msr_list *list;
	int r = kvm_msr_index_list(kvm_fd, &probe);

	if (r && r != -E2BIG)
		return r;
	list = calloc(1, sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
	if (!list)
		return -ENOMEM;
	list->nmsrs = probe.nmsrs;
	r = kvm_msr_index_list(kvm_fd, list);
	if (!r)
		r = get_msrs(vcpu_fd, list, out);
	free(list);
	return r;
}

int vcpu_state_save(int kvm_fd, int vcpu_fd, struct vcpu_state **out, struct error *err)
{
	struct vcpu_state *state = calloc(1, sizeof(*state));
	int r = 0;

	if (!state)
		return error_set(err, -ENOMEM, "vCPU state");
	for (size_t i = 0; i < ARRAY_SIZE(parts) && !r; i++) {
		r = kvm_get_part(vcpu_fd, parts[i].part, (char *)state + parts[i].offset);
		if (r)
			error_set(err, r, "%s", parts[i].name);
	}
	/* Absent on CPUs without XSAVE. */
	state->has_xcrs = !r && !kvm_get_part(vcpu_fd, KVM_PART_XCRS, &state->xcrs);
	if (!r) {
		r = save_msrs(kvm_fd, vcpu_fd, &state->msrs);
		if (r)
			error_set(err, r, "KVM_GET_MSRS");
	}
	if (r)
		vcpu_state_free(state);
	else
		*out = state;
	return r;
}

/* An MSR that KVM reads but does not take back (a read-only one) is none of a reset's business. */
static void restore_msrs(const struct vcpu_state *state, int vcpu_fd)
{
	uint32_t next = 0;

	while (next < state->msrs->nmsrs) {
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry[64];
		} batch = { 0 };
		uint32_t n = state->msrs->nmsrs - next;
		int done;

		batch.head.nmsrs = n < ARRAY_SIZE(batch.entry) ? n
							       : (uint32_t)ARRAY_SIZE(batch.entry);
		for (uint32_t i = 0; i < batch.head.nmsrs; i++)
			batch.entry[i] = state->msrs->entries[next + i];
		done = kvm_msrs(vcpu_fd, 1, &batch.head);
		if (done < 0)
			return;
		next += (uint32_t)done + ((uint32_t)done < batch.head.nmsrs);
	}
}

/* A guest that was in VMX operation pins CR4.VMXE; clearing this MSR leaves it. CPUs without VMX refuse it. */
static void leave_vmx(int vcpu_fd)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry.index = MSR_FEATURE_CONTROL };

	kvm_msrs(vcpu_fd, 1, &msrs.head);
}

int vcpu_state_restore(const struct vcpu_state *state, int vcpu_fd, struct error *err)
{
	int r = 0;

	leave_vmx(vcpu_fd);
	if (state->has_xcrs)
		r = kvm_set_part(vcpu_fd, KVM_PART_XCRS, &state->xcrs);
	if (r)
		return error_set(err, r, "XCR0");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		r = kvm_set_part(vcpu_fd, parts[i].part, (const char *)state + parts[i].offset);
		if (r)
			return error_set(err, r, "%s", parts[i].name);
		/* Between the APIC base in SREGS and the timer in LAPIC. */
		if (parts[i].part == KVM_PART_SREGS)
			restore_msrs(state, vcpu_fd);
	}
	return 0;
}

void vcpu_state_free(struct vcpu_state *state)
{
	if (!state)
		return;
	free(state->msrs);
	free(state);
}
