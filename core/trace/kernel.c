/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

#define TRACEFS "/sys/kernel/tracing"

static const char *const names[TRACE_KERNEL_NR_TYPES] = {
	NULL,	   "kvm_exit",		 "kvm_entry",	  "kvm_msi_set_irq", "kvm_apic_accept_irq",
	"kvm_eoi", "kvm_pi_irte_update", "kvm_fast_mmio",
};

const char *trace_kernel_name(unsigned type)
{
	return type && type < TRACE_KERNEL_NR_TYPES ? names[type] : "unknown";
}

static int put(const struct trace_kernel *kernel, const char *file, const char *text,
	       struct error *err)
{
	char path[256];
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", kernel->path, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "%s", path);
	r = fd_write_all(fd, text, strlen(text));
	close(fd);
	return r ? error_set(err, r, "%s", path) : 0;
}

static int enable(const struct trace_kernel *kernel, struct error *err)
{
	unsigned enabled = 0;
	char file[64];
	int r = 0;

	for (unsigned i = 1; i < TRACE_KERNEL_NR_TYPES; i++) {
		snprintf(file, sizeof(file), "events/kvm/%s/enable", names[i]);
		r = put(kernel, file, "1", err);
		enabled += !r;
	}
	/* Older kernels lack some. */
	return enabled ? 0 : r;
}

int trace_kernel_open(struct trace_kernel *kernel, int pid, struct error *err)
{
	char path[256];
	int r;

	memset(kernel, 0, sizeof(*kernel));
	kernel->pid = pid;
	kernel->pipe = -1;
	snprintf(path, sizeof(path), TRACEFS "/instances/torc-trace-%d", pid);
	/* One may be left of a recording that was killed; one in use is busy, and stays. */
	rmdir(path);
	if (mkdir(path, 0700)) {
		error_set(err, -errno, "%s", path);
		return error_remedy(err, "be root, and mount -t tracefs tracefs " TRACEFS);
	}
	memcpy(kernel->path, path, sizeof(kernel->path));
	r = put(kernel, "trace_clock", "x86-tsc", err);
	if (!r)
		r = enable(kernel, err);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/trace_pipe", kernel->path);
	kernel->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return kernel->pipe < 0 ? error_set(err, -errno, "%s", path) : 0;
}

void trace_kernel_close(struct trace_kernel *kernel)
{
	if (!kernel->path[0])
		return;
	fd_close(&kernel->pipe);
	rmdir(kernel->path);
	kernel->path[0] = '\0';
}

/* What each tracepoint prints; linux/arch/x86/kvm/trace.h, and include/trace/events/kvm.h. */
static bool parse_fields(const char *text, struct trace_kernel_event *event)
{
	unsigned long long gpa, apic;
	unsigned vcpu = 0, vector = 0;
	char reason[9] = "";
	bool ok = false;

	switch (event->type) {
	case TRACE_KERNEL_EXIT:
		ok = sscanf(text, "vcpu %u reason %8s", &vcpu, reason) == 2;
		memcpy(&event->arg, reason, sizeof(event->arg));
		break;
	case TRACE_KERNEL_ENTRY:
		ok = sscanf(text, "vcpu %u", &vcpu) == 1;
		break;
	case TRACE_KERNEL_MSI:
		ok = sscanf(text, "dst %llx vec %u", &apic, &vector) == 2;
		vcpu = ok ? (unsigned)apic : 0;
		break;
	case TRACE_KERNEL_ACCEPT:
		ok = sscanf(text, "apicid %x vec %u", &vcpu, &vector) == 2;
		break;
	case TRACE_KERNEL_EOI:
		ok = sscanf(text, "apicid %x vector %u", &vcpu, &vector) == 2;
		break;
	case TRACE_KERNEL_PI_UPDATE:
		text = strstr(text, "for irq ");
		ok = text && sscanf(text, "for irq %u, vcpu %u", &vector, &vcpu) == 2;
		break;
	case TRACE_KERNEL_FAST_MMIO:
		ok = sscanf(text, "fast mmio at gpa %llx", &gpa) == 1;
		event->arg = ok ? gpa : 0;
		break;
	}
	event->vcpu = vcpu;
	if (event->type >= TRACE_KERNEL_MSI && event->type <= TRACE_KERNEL_PI_UPDATE)
		event->arg = vector;
	return ok;
}

bool trace_kernel_parse(const char *line, struct trace_kernel_event *out, bool *is_interrupt)
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
	for (unsigned i = 1; i < TRACE_KERNEL_NR_TYPES; i++) {
		if (!strcmp(name, names[i]))
			event.type = i;
	}
	if (!parse_fields(at + end, &event))
		return false;
	/* Third of the flags: hard and soft interrupts, and an NMI. */
	*is_interrupt = strlen(flags) > 2 && strchr("hHsZz", flags[2]);
	*out = event;
	return true;
}

static bool is_ours(const struct trace_kernel *kernel, const struct trace_kernel_event *event,
		    bool is_interrupt)
{
	char path[64];

	if (is_interrupt)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/task/%u", kernel->pid, event->tid);
	return !access(path, F_OK);
}

size_t trace_kernel_read(struct trace_kernel *kernel, struct trace_kernel_event *out, size_t max)
{
	size_t n = 0, at = 0;
	char *end;
	ssize_t r;

	if (kernel->pipe < 0)
		return 0;
	r = read(kernel->pipe, kernel->text + kernel->nr, sizeof(kernel->text) - kernel->nr);
	if (r > 0)
		kernel->nr += (size_t)r;
	while (n < max && (end = memchr(kernel->text + at, '\n', kernel->nr - at))) {
		bool is_interrupt;
		unsigned long long lost;

		*end = '\0';
		if (sscanf(kernel->text + at, "CPU:%*u [LOST %llu EVENTS]", &lost) == 1)
			kernel->nr_lost += lost;
		else if (trace_kernel_parse(kernel->text + at, &out[n], &is_interrupt) &&
			 is_ours(kernel, &out[n], is_interrupt))
			n++;
		at = (size_t)(end - kernel->text) + 1;
	}
	memmove(kernel->text, kernel->text + at, kernel->nr - at);
	kernel->nr -= at;
	/* No line is that long. */
	if (kernel->nr == sizeof(kernel->text) && n < max)
		kernel->nr = 0;
	return n;
}
