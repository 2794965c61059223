/* SPDX-License-Identifier: Apache-2.0 */
/* The main ring's turn: what vCPUs, signals and lines ask for; pausing, resetting, ending. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/base/trace_names.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/vmm/machine_internal.h"
#include "io/console/console.h"

/* A guest that triple-faults twice within this time will do it for ever. */
#define FAULT_WINDOW_NS 10000000000ULL

/* For storage, once the user has asked for the end twice. */
#define PATIENCE_NS 2000000000ULL

static void request_pause(struct machine *machine)
{
	for (unsigned i = 0; i < machine->nr_vcpus; i++)
		vcpu_request_pause(&machine->vcpu[i]);
}

void machine_ask(struct machine *machine, enum machine_request request)
{
	int none = MACHINE_NONE;

	/* No instruction runs after the one that resets or powers off: Linux goes on to a triple fault. */
	pthread_mutex_lock(&machine->ask_lock);
	if (!machine->vcpus_end)
		request_pause(machine);
	pthread_mutex_unlock(&machine->ask_lock);
	/* Pairs with the exchange in machine_request_work(). */
	__atomic_compare_exchange_n(&machine->request, &none, (int)request, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_RELAXED);
	ring_post(&machine->ring, &machine->request_work);
}

void machine_quit(void *opaque)
{
	machine_ask(opaque, MACHINE_POWER_OFF);
}

void machine_vcpu_stopped(void *opaque, struct vcpu *vcpu, enum vcpu_stop why)
{
	static const enum machine_request requests[] = {
		[VCPU_STOP_TRIPLE_FAULT] = MACHINE_TRIPLE_FAULT, [VCPU_STOP_RESET] = MACHINE_RESET,
		[VCPU_STOP_POWER_OFF] = MACHINE_POWER_OFF,	 [VCPU_STOP_ERROR] = MACHINE_ERROR,
		[VCPU_STOP_GUEST_ERROR] = MACHINE_GUEST_ERROR,
	};

	machine_ask(opaque, requests[why]);
}

void machine_pause(struct machine *machine)
{
	request_pause(machine);
	for (unsigned i = 0; i < machine->nr_vcpus; i++)
		vcpu_wait_paused(&machine->vcpu[i]);
	machine->running = false;
}

void machine_resume(struct machine *machine)
{
	machine->running = true;
	/* The guest may set it later, and does so in a reset. */
	trace_set_guest_tsc(vcpu_tsc_offset(&machine->vcpu[0]));
	for (unsigned i = 0; i < machine->nr_vcpus; i++)
		vcpu_resume(&machine->vcpu[i]);
}

/* Devices first: none may write into memory that the next kernel is loaded to. */
static int reset(struct machine *machine)
{
	int r;

	machine_pause(machine);
	machine_reset_pci(machine);
	for (unsigned i = 0; i < machine->config->nr_devices; i++) {
		if (machine->device[i])
			vfio_pci_reset(machine->device[i]);
	}
	hotplug_reset(&machine->hotplug);
	/* What the user asked for meanwhile comes first. */
	if (machine_reset_virtio(machine))
		return 0;
	serial_reset(&machine->serial);
	for (unsigned i = 0; i < MACHINE_NR_IRQCHIPS; i++) {
		r = kvm_set_irqchip(machine->vm.fd, &machine->irqchip[i]);
		if (r)
			return error_set(&machine->error, r, "KVM_SET_IRQCHIP");
	}
	for (unsigned i = 0; i < machine->nr_vcpus; i++) {
		r = vcpu_reset(&machine->vcpu[i], &machine->error);
		if (r)
			return r;
	}
	r = machine_reload(machine, &machine->error);
	if (!r)
		r = machine_enter(machine, &machine->error);
	if (r)
		return r;
	/* Requests that the paused guest had still made are void now. */
	__atomic_store_n(&machine->request, MACHINE_NONE, __ATOMIC_RELEASE);
	machine_resume(machine);
	return 0;
}

static void fail(struct machine *machine, const char *reason, bool is_its_doing)
{
	error_set(&machine->error, -EIO, "guest");
	machine->error.guest = is_its_doing;
	error_reason(&machine->error, "%s", reason);
}

static void triple_fault(struct machine *machine)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), last = machine->last_fault_ns;

	machine->last_fault_ns = now;
	if (last && now - last < FAULT_WINDOW_NS) {
		fail(machine, "triple fault again right after a triple fault", true);
		error_remedy(&machine->error,
			     "look at the last lines of its console; the log has its "
			     "registers");
		return;
	}
	log_guest_warning("guest: triple fault, restarting the machine");
	reset(machine);
}

void machine_request_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, request_work);
	/* Pairs with the exchange in machine_ask(). */
	enum machine_request request = (enum machine_request)__atomic_exchange_n(
		&machine->request, MACHINE_NONE, __ATOMIC_ACQ_REL);

	/* Whatever else was asked for: without it nothing goes on. Pairs with ring_failed(). */
	if (load_acquire(&machine->ring_failed))
		request = MACHINE_RING_FAILED;
	switch (request) {
	case MACHINE_NONE:
		return;
	case MACHINE_POWER_OFF:
		log_info("guest: power off");
		ring_stop(&machine->ring);
		return;
	case MACHINE_RESET:
		log_guest_info("guest: reset");
		reset(machine);
		break;
	case MACHINE_TRIPLE_FAULT:
		triple_fault(machine);
		break;
	case MACHINE_ERROR:
		fail(machine, "KVM cannot run it any further", false);
		error_remedy(&machine->error, "the log has its registers");
		break;
	case MACHINE_GUEST_ERROR:
		fail(machine, "crashed: it did what KVM cannot emulate", true);
		error_remedy(
			&machine->error,
			"look at where its instruction pointer was, which the log has with the "
			"other registers: running what is no memory, for one, cannot be");
		break;
	case MACHINE_RING_FAILED:
		error_set(&machine->error, -EIO, "io_uring");
		error_reason(&machine->error, "the kernel refuses to serve a ring any further");
		error_remedy(&machine->error, "the log says which and why; it may lack memory");
		break;
	}
	if (machine->error.code)
		ring_stop(&machine->ring);
}

/* Here torc stands still, unless nobody could let it go on: then the kernel does not stop it. */
static void stop(void)
{
	sigset_t tstp;

	sigemptyset(&tstp);
	sigaddset(&tstp, SIGTSTP);
	raise(SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &tstp, NULL);
	pthread_sigmask(SIG_BLOCK, &tstp, NULL);
}

bool machine_take_terminal_signal(struct machine *machine, uint32_t number)
{
	switch (number) {
	case SIGTSTP:
		/* Who sees the terminal next wants it as it was. */
		line_restore_terminal();
		stop();
		line_resume_terminal();
		break;
	case SIGCONT:
		line_resume_terminal();
		/* A stopped process is told of no change of its size. */
		break;
	case SIGWINCH:
		break;
	default:
		return false;
	}
	if (machine->console)
		virtio_console_resize(machine->console);
	return true;
}

static void take_signal(struct machine *machine, const struct signalfd_siginfo *info)
{
	if (machine_take_terminal_signal(machine, info->ssi_signo))
		return;
	log_info("signal %u (%s): ending the VM", info->ssi_signo, strsignal((int)info->ssi_signo));
	if (++machine->nr_signals == 2)
		machine->give_up_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
	ring_stop(&machine->ring);
}

void machine_take_signals(struct machine *machine)
{
	struct signalfd_siginfo info;

	while (read(machine->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		take_signal(machine, &info);
}

/* Polled, then read: a READ of a non-blocking signalfd is punted to a worker on some kernels and fails there. */
static void signal_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct machine *machine = container_of(op, struct machine, signal_op);

	/* The poll tells of several signals once. */
	machine_take_signals(machine);
	if (!op->active && res != -ECANCELED)
		ring_poll(&machine->ring, op, machine->signal_fd);
}

static void log_forwarding(const struct vfio_pci *vp)
{
	struct histogram h = { 0 };
	double us = 1e6 / (double)trace_tsc_hz();

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	vfio_vectors_merge(&vp->msix.vectors, &h);
	vfio_vectors_merge(&vp->msi.vectors, &h);
	log_info(
		"device %s: forwarded %llu interrupts, each in %.1f us, 99%% of them in at most %.1f us",
		vp->id, (unsigned long long)h.count,
		h.count ? (double)h.sum * us / (double)h.count : 0,
		(double)histogram_percentile(&h, 99) * us);
}

static void log_counters(struct machine *machine)
{
	uint64_t sum[VCPU_NR_EXITS] = { 0 };

	for (unsigned i = 0; i < machine->nr_vcpus; i++) {
		for (unsigned e = 0; e < VCPU_NR_EXITS; e++)
			sum[e] += load_acquire(&machine->vcpu[i].trace->counter[e]);
	}
	for (unsigned e = 0; e < VCPU_NR_EXITS; e++) {
		if (sum[e])
			log_info("userspace exits: %s %llu", trace_counter_name(TRACE_VCPU, e),
				 (unsigned long long)sum[e]);
	}
	log_info("KVM_SET_GSI_ROUTING calls: %llu", (unsigned long long)machine->vm.irq.nr_commits);
	for (unsigned i = 0; i < machine->config->nr_devices; i++) {
		if (machine->device[i])
			log_info("device %s: VFIO_DEVICE_SET_IRQS calls for interrupts: %llu",
				 machine->device[i]->id,
				 (unsigned long long)vfio_interrupts_nr_calls(machine->device[i]));
		if (machine->device[i] && machine->device[i]->trace.ring_of)
			log_forwarding(machine->device[i]);
	}
}

/* Of what there is some. */
static void add_to_title(char *title, size_t size, const char *what, unsigned nr)
{
	size_t at = strlen(title);

	if (nr)
		snprintf(title + at, size - at, "%s%u %s%s", strchr(title, ' ') ? ", " : " ", nr,
			 what, nr == 1 ? "" : "s");
}

static void publish_trace(const struct machine *machine)
{
	const struct config *config = machine->config;
	char title[64] = "torc:";

	add_to_title(title, sizeof(title), "vCPU", config->cpus.boot);
	add_to_title(title, sizeof(title), "disk", config->nr_disks);
	add_to_title(title, sizeof(title), "network device", config->nr_nets);
	add_to_title(title, sizeof(title), "VFIO device", config->nr_devices);
	trace_publish(title, vcpu_tsc_hz(&machine->vcpu[0]));
}

int machine_run(struct machine *machine, struct error *err)
{
	int r;

	publish_trace(machine);
	machine->signal_op.done = signal_done;
	ring_poll(&machine->ring, &machine->signal_op, machine->signal_fd);
	if (!machine_waits_for_dma(machine))
		machine_resume(machine);
	r = machine_start_dma(machine, &machine->error);
	if (!machine->config->nr_devices)
		machine_register_memory(machine);
	if (!r)
		r = ring_run(&machine->ring);
	/* A vCPU may wait for the DMA map. */
	vfio_dma_cancel(&machine->dma);
	machine_pause(machine);
	/* What the guest asked for since is not to be served while the machine is taken apart. */
	__atomic_store_n(&machine->request, MACHINE_NONE, __ATOMIC_RELEASE);
	if (r && !machine->error.code)
		error_set(&machine->error, r, "io_uring_enter");
	log_counters(machine);
	if (machine->error.code)
		*err = machine->error;
	return machine->error.code;
}
