/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/trace_names.h"
#include "core/trace/record/kernel.h"

static const char *const names[TRACE_KERNEL_NR_TYPES] = {
	[TRACE_KERNEL_EXIT] = "kvm_exit",
	[TRACE_KERNEL_ENTRY] = "kvm_entry",
	[TRACE_KERNEL_MSI] = "kvm_msi_set_irq",
	[TRACE_KERNEL_ACCEPT] = "kvm_apic_accept_irq",
	[TRACE_KERNEL_EOI] = "kvm_eoi",
	[TRACE_KERNEL_PI_UPDATE] = "kvm_pi_irte_update",
	[TRACE_KERNEL_FAST_MMIO] = "kvm_fast_mmio",
	[TRACE_KERNEL_INJECT] = "kvm_inj_virq",
	[TRACE_KERNEL_PV_EOI] = "kvm_pv_eoi",
	[TRACE_KERNEL_MMIO_EXIT] = "kvm_exit",
	[TRACE_KERNEL_HOST] = "irq_handler_entry",
};

const char *trace_kernel_name(unsigned type)
{
	return type && type < TRACE_KERNEL_NR_TYPES ? names[type] : "unknown";
}

/*
 * AMD has no kvm_fast_mmio; its nested page faults tell more instead. KVM marks pages of memory-mapped I/O by a reserved
 * bit, so that a write to one has both in its error code.
 */
static void parse_exit(const char *text, struct trace_kernel_event *event)
{
	enum {
		WRITE = 2,
		RESERVED = 8
	};
	unsigned long long info, address;

	text = strstr(text, " info1 ");
	if (!text || sscanf(text, " info1 %llx info2 %llx", &info, &address) != 2 ||
	    (info & (WRITE | RESERVED)) != (WRITE | RESERVED))
		return;
	event->type = TRACE_KERNEL_MMIO_EXIT;
	event->arg = address;
}

/* "irq=40 name=vfio-msix[2](0000:41:00.0)"; INTx is no vector. */
static bool parse_host(const char *text, struct trace_kernel_event *event)
{
	unsigned irq, vector;
	char kind[8] = "", bdf[24] = "";
	uint32_t device;

	if (sscanf(text, "irq=%u name=vfio-%7[a-z][%u](%23[0-9a-f:.])", &irq, kind, &vector, bdf) !=
	    4)
		return false;
	device = trace_device_number(bdf);
	event->vcpu = irq;
	event->arg = TRACE_KERNEL_VECTOR(device, !strcmp(kind, "msix"), vector & 0xffff);
	return device;
}

/* What each tracepoint prints; linux/arch/x86/kvm/trace.h, include/trace/events/kvm.h and irq.h. */
static bool parse_fields(const char *text, struct trace_kernel_event *event)
{
	unsigned long long address;
	unsigned vcpu = 0, vector = 0;
	char reason[9] = "";
	bool ok = false;

	switch (event->type) {
	case TRACE_KERNEL_EXIT:
		ok = sscanf(text, "vcpu %u reason %8s", &vcpu, reason) == 2;
		memcpy(&event->arg, reason, sizeof(event->arg));
		if (ok && !strcmp(reason, "npf"))
			parse_exit(text, event);
		break;
	case TRACE_KERNEL_ENTRY:
		ok = sscanf(text, "vcpu %u", &vcpu) == 1;
		break;
	case TRACE_KERNEL_MSI:
		ok = sscanf(text, "dst %x vec %u", &vcpu, &vector) == 2;
		break;
	case TRACE_KERNEL_ACCEPT:
		ok = sscanf(text, "apicid %x vec %u", &vcpu, &vector) == 2;
		break;
	case TRACE_KERNEL_EOI:
	case TRACE_KERNEL_PV_EOI:
		ok = sscanf(text, "apicid %x vector %u", &vcpu, &vector) == 2;
		break;
	case TRACE_KERNEL_INJECT:
		ok = sscanf(text, "IRQ %x", &vector) == 1;
		break;
	case TRACE_KERNEL_PI_UPDATE:
		text = strstr(text, "for irq ");
		ok = text && sscanf(text, "for irq %u, vcpu %u", &vector, &vcpu) == 2;
		break;
	case TRACE_KERNEL_FAST_MMIO:
		ok = sscanf(text, "fast mmio at gpa %llx", &address) == 1;
		event->arg = ok ? address : 0;
		return ok;
	case TRACE_KERNEL_HOST:
		return parse_host(text, event);
	}
	event->vcpu = vcpu;
	if (event->type >= TRACE_KERNEL_MSI && event->type < TRACE_KERNEL_MMIO_EXIT)
		event->arg = vector;
	return ok;
}

bool trace_kernel_parse(const char *line, struct trace_kernel_event *out)
{
	struct trace_kernel_event event = { 0 };
	unsigned long long tsc;
	const char *at, *tid;
	char flags[16], name[32];
	int end = 0;

	/* "COMM-TID [CPU] FLAGS TSC: NAME: FIELDS"; COMM may hold anything. */
	at = strstr(line, " [");
	while (at && (at[2] < '0' || at[2] > '9'))
		at = strstr(at + 1, " [");
	if (!at)
		return false;
	tid = at;
	while (tid > line && tid[-1] == ' ')
		tid--;
	while (tid > line && tid[-1] >= '0' && tid[-1] <= '9')
		tid--;
	event.tid = (uint32_t)strtoul(tid, NULL, 10);
	if (sscanf(at, " [%u] %15s %llu: %31[a-z_]: %n", &event.cpu, flags, &tsc, name, &end) !=
		    4 ||
	    !end)
		return false;
	event.tsc = tsc;
	for (uint16_t i = 1; i < TRACE_KERNEL_NR_TYPES; i++) {
		/* Which of the exits it is follows from its fields. */
		if (!event.type && !strcmp(name, names[i]))
			event.type = i;
	}
	if (!parse_fields(at + end, &event))
		return false;
	/* Third of the flags: hard and soft interrupts, and an NMI. */
	event.is_interrupt = strlen(flags) > 2 && strchr("hHsZz", flags[2]);
	*out = event;
	return true;
}
