/* SPDX-License-Identifier: Apache-2.0 */
/* The turn of the machine's ring: what vCPUs, lines and the owner ask for; pausing, resetting, ending. */
#include "core/vmm/machine_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/base/trace_names.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/vmm/machine_internal.h"

/* A guest that triple-faults twice within this time will do it for ever. */
#define FAULT_WINDOW_NS 10000000000ULL

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
	/* Pairs with the exchange in serve_work(). */
	__atomic_compare_exchange_n(&machine->request, &none, (int)request, false, __ATOMIC_ACQ_REL,
				    __ATOMIC_RELAXED);
	machine_post(machine, &machine->request_work);
}

/* Not by machine_ask(): what the guest asks for is void after a reset, and this is not. */
void machine_quit(void *opaque)
{
	struct machine *machine = opaque;

	machine_post(machine, &machine->quit_work);
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

/* The owner's ring has it back. */
static void answer(struct ring_work *work)
{
	struct machine_call *call = container_of(work, struct machine_call, work);

	call->reply(call);
}

bool machine_set_busy(void *opaque)
{
	struct machine *machine = opaque;
	bool was_busy = machine->is_busy;

	machine->is_busy = true;
	return was_busy;
}

void machine_set_idle(void *opaque, bool was_busy)
{
	struct machine *machine = opaque;

	machine->is_busy = was_busy;
	if (was_busy)
		return;
	ring_defer(&machine->ring, &machine->serve_work);
	ring_defer(&machine->ring, &machine->calls_work);
}

static void run_call(struct machine *machine, struct machine_call *call)
{
	if (machine->is_ending) {
		call->result = -ESHUTDOWN;
	} else {
		/* One at a time, also where it turns the ring. */
		bool was_busy = machine_set_busy(machine);

		call->run(machine, call);
		machine_set_idle(machine, was_busy);
	}
	call->work.run = answer;
	if (call->reply)
		ring_post(call->from, &call->work);
}

/* Those that came while the machine was busy, in their order. */
static void run_calls(struct machine *machine)
{
	while (machine->calls) {
		struct machine_call *call = machine->calls;

		machine->calls = call->next;
		run_call(machine, call);
	}
}

static void call_work(struct ring_work *work)
{
	struct machine_call *call = container_of(work, struct machine_call, work);
	struct machine_call **last = &call->machine->calls;

	while (*last)
		last = &(*last)->next;
	call->next = NULL;
	*last = call;
	ring_defer(&call->machine->ring, &call->machine->calls_work);
}

static void calls_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, calls_work);

	if (!machine->is_busy)
		run_calls(machine);
}

int machine_call(struct machine *machine, struct machine_call *call)
{
	call->machine = machine;
	call->work.run = call_work;
	return machine_post(machine, &call->work) ? 0 : -ESHUTDOWN;
}

static void turn_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	container_of(op, struct machine, turn_op)->has_turned = true;
}

bool machine_turn(struct machine *machine)
{
	machine->has_turned = false;
	machine->turn_op.done = turn_done;
	ring_timeout(&machine->ring, &machine->turn_op, 0);
	return ring_wait_for(&machine->ring, &machine->has_turned);
}

static void resize_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, resize_work);

	DEVICE_FOR_EACH(device, &machine->devices) {
		if (device->class->resized && device->state == DEVICE_RUNNING)
			device->class->resized(device);
	}
}

/* A console that is not there yet looks by itself. */
void machine_terminal_changed(struct machine *machine)
{
	if (machine)
		machine_post(machine, &machine->resize_work);
}

static void end_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, end_work);

	/* A reset may wait behind it in the helper. */
	vfio_dma_cancel(&machine->dma);
	ring_stop(&machine->ring);
}

static void quit_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, quit_work);

	log_info("typed: end the VM");
	end_work(&machine->end_work);
}

void machine_refuse_calls(struct machine *machine)
{
	machine->is_ending = true;
	machine->is_busy = false;
	run_calls(machine);
}

unsigned machine_ends(const struct machine *machine)
{
	/* Pairs with the store in machine_end(). */
	return load_acquire(&machine->nr_ends);
}

void machine_pause(struct machine *machine)
{
	request_pause(machine);
	for (unsigned i = 0; i < machine->nr_vcpus; i++)
		vcpu_wait_paused(&machine->vcpu[i]);
}

void machine_resume(struct machine *machine)
{
	/* The guest may set it later, and does so in a reset. */
	trace_set_guest_tsc(vcpu_tsc_offset(&machine->vcpu[0]));
	for (unsigned i = 0; i < machine->nr_vcpus; i++)
		vcpu_resume(&machine->vcpu[i]);
}

/* Devices first: none may write into memory that the next kernel is loaded to. */
static void reset(struct machine *machine)
{
	int r;

	machine->is_busy = true;
	machine_publish(machine, MACHINE_RESETTING);
	machine_pause(machine);
	r = machine_parts_reset(machine, machine_built, &machine->error);
	machine->is_busy = false;
	/* A ring that failed meanwhile was not looked at. */
	if (load_acquire(&machine->ring_failed))
		machine_post(machine, &machine->request_work);
	/* What was asked for meanwhile comes first. */
	if (r)
		return;
	machine->nr_resets++;
	machine_publish(machine, MACHINE_RUNNING);
	/* Requests that the paused guest had still made are void now. */
	__atomic_store_n(&machine->request, MACHINE_NONE, __ATOMIC_RELEASE);
	machine_resume(machine);
	run_calls(machine);
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

static void serve_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, serve_work);
	enum machine_request request;

	/* What reset() turns the ring for is not over. */
	if (machine->is_busy)
		return;
	/* Pairs with the exchange in machine_ask(). */
	request = (enum machine_request)__atomic_exchange_n(&machine->request, MACHINE_NONE,
							    __ATOMIC_ACQ_REL);
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
	DEVICE_FOR_EACH(device, &machine->devices) {
		if (device->class->report && device->pci)
			device->class->report(device);
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

static void request_work(struct ring_work *work)
{
	struct machine *machine = container_of(work, struct machine, request_work);

	ring_defer(&machine->ring, &machine->serve_work);
}

void machine_run(struct machine *machine, void (*begin)(struct machine *machine))
{
	int r;

	machine->is_busy = false;
	/* What came while it was made. */
	machine_post(machine, &machine->request_work);
	run_calls(machine);
	publish_trace(machine);
	machine_publish(machine, MACHINE_RUNNING);
	begin(machine);
	r = ring_run(&machine->ring);
	machine_publish(machine, MACHINE_ENDING);
	machine_refuse_calls(machine);
	/* A vCPU may wait for the DMA map. */
	vfio_dma_cancel(&machine->dma);
	machine_pause(machine);
	/* What the guest asked for since is not to be served while the machine is taken apart. */
	__atomic_store_n(&machine->request, MACHINE_NONE, __ATOMIC_RELEASE);
	if (r && !machine->error.code)
		error_set(&machine->error, r, "io_uring_enter");
	log_counters(machine);
}

void machine_init_requests(struct machine *machine)
{
	machine->request_work.run = request_work;
	machine->serve_work.run = serve_work;
	machine->calls_work.run = calls_work;
	machine->resize_work.run = resize_work;
	machine->end_work.run = end_work;
	machine->quit_work.run = quit_work;
}
