/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/base/clock.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/thread.h"
#include "core/base/trace.h"
#include "core/kvm/cpuid.h"
#include "core/vmm/machine_devices.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_placement.h"
#include "core/vmm/machine_run.h"

#define RING_ENTRIES 64

/* For storage, once the end was asked for twice. */
#define PATIENCE_NS 2000000000ULL

static int open_boot(struct machine *machine, struct error *err)
{
	const struct config *config = machine->config;

	return boot_init(&machine->boot, config->kernel, config->initramfs, config->cmdline, err);
}

static void close_boot(struct machine *machine)
{
	boot_destroy(&machine->boot);
}

const struct machine_part machine_part_boot = { "kernel opened", open_boot, close_boot, NULL };

/* By the main thread: KVM and who looks at it (debugfs, kvm_stat) call a VM by the number of the thread that made it. */
static int make_vm(struct machine *machine, struct error *err)
{
	const struct config_cpus *cpus = &machine->config->cpus;
	int r = vm_init(&machine->vm, err);

	if (!r && cpus->idle_in_guest)
		r = vm_halt_in_guest(&machine->vm, err);
	if (!r && !cpus->pmu)
		vm_disable_pmu(&machine->vm);
	if (!r)
		r = cpuid_supported(machine->vm.kvm_fd, &machine->cpuid, err);
	if (r)
		return r;
	cpuid_hide(machine->cpuid, !cpus->nested, !cpus->pmu);
	return 0;
}

static int take_vm(struct machine *machine, struct error *err)
{
	return 0;
}

static void destroy_vm(struct machine *machine)
{
	vm_destroy(&machine->vm);
	free(machine->cpuid);
	machine->cpuid = NULL;
}

const struct machine_part machine_part_vm = { "VM", take_vm, destroy_vm, NULL };

static int add_ram(struct machine *machine, struct error *err)
{
	return vm_add_ram(&machine->vm, &machine->mem, err);
}

const struct machine_part machine_part_ram = { .name = "guest memory's slots", .init = add_ram };

static void set_ring(struct machine *machine, bool is_up)
{
	pthread_mutex_lock(&machine->ask_lock);
	machine->has_ring = is_up;
	pthread_mutex_unlock(&machine->ask_lock);
}

static int start_ring(struct machine *machine, struct error *err)
{
	int r = ring_init(&machine->ring, RING_ENTRIES, err);

	if (r)
		return r;
	irq_batch_init(&machine->batch, &machine->ring, &machine->vm.irq);
	set_ring(machine, true);
	return 0;
}

static void stop_ring(struct machine *machine)
{
	if (!machine->has_ring)
		return;
	set_ring(machine, false);
	/* Calls that came meanwhile are answered. */
	ring_drain_posted(&machine->ring);
	machine_refuse_calls(machine);
	ring_destroy(&machine->ring);
	irq_batch_destroy(&machine->batch);
}

const struct machine_part machine_part_ring = { "ring", start_ring, stop_ring, NULL };

static int start_helper(struct machine *machine, struct error *err)
{
	int r = helper_start(&machine->helper, "helper");

	return r ? error_set(err, r, "helper thread") : 0;
}

static void stop_helper(struct machine *machine)
{
	helper_stop(&machine->helper);
}

const struct machine_part machine_part_helper = { "helper", start_helper, stop_helper, NULL };

/* A call for the helper to make. */
struct blocking {
	struct helper_job job;
	struct ring_work work;
	struct machine *machine;
	void (*call)(void *arg);
	void *arg;
	bool is_over;
};

static void make_call(struct helper_job *job)
{
	struct blocking *b = container_of(job, struct blocking, job);

	b->call(b->arg);
}

static void call_is_over(struct ring_work *work)
{
	container_of(work, struct blocking, work)->is_over = true;
}

static void call_was_made(struct helper_job *job)
{
	struct blocking *b = container_of(job, struct blocking, job);

	ring_post(&b->machine->ring, &b->work);
}

static void do_nothing(struct helper_job *job)
{
}

void machine_block(void *opaque, void (*call)(void *arg), void *arg)
{
	struct machine *machine = opaque;
	struct blocking b = {
		.job = { .run = make_call, .done = call_was_made },
		.work.run = call_is_over,
		.machine = machine,
		.call = call,
		.arg = arg,
	};

	struct helper_job last = { .run = do_nothing };

	helper_submit(&machine->helper, &b.job);
	if (ring_wait_for(&machine->ring, &b.is_over))
		return;
	/* A ring that has failed tells nothing. The helper is done with one job before it begins the next. */
	helper_submit(&machine->helper, &last);
	helper_wait(&machine->helper, &last);
	ring_drain_posted(&machine->ring);
}

static void *machine_main(void *arg)
{
	struct machine *machine = arg;
	int r;

	trace_thread_begin("machine");
	r = machine_parts_init(machine, machine_built, &machine->nr_built, &machine->error);
	machine->owner.opened(machine->owner.opaque);
	/* The end may have been asked for when there was no ring yet. */
	if (!r && !machine_ends(machine))
		machine_run(machine, machine_begin);
	machine_refuse_calls(machine);
	machine_parts_destroy(machine, machine_built, &machine->nr_built);
	trace_thread_end();
	machine->owner.ended(machine->owner.opaque);
	return NULL;
}

int machine_create(const struct config *config, const struct machine_owner *owner,
		   struct machine **out, struct error *err)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	int r;

	if (!machine)
		return error_set(err, -ENOMEM, "machine");
	machine->config = config;
	machine->owner = *owner;
	machine->claim.fd = -1;
	machine->is_busy = true;
	pthread_mutex_init(&machine->ask_lock, NULL);
	machine_init_requests(machine);
	machine_init_status(machine);
	machine->hurry_fd = fd_eventfd();
	r = machine->hurry_fd < 0
		    ? error_set(err, machine->hurry_fd, "eventfd")
		    : machine_parts_init(machine, machine_planned, &machine->nr_planned, err);
	if (r) {
		machine_free(machine);
		return r;
	}
	machine_publish(machine, MACHINE_STARTING);
	*out = machine;
	return 0;
}

void machine_print_plan(const struct machine *machine, FILE *out)
{
	fputs(machine->plan.text, out);
}

int machine_start(struct machine *machine, struct error *err)
{
	int r = machine_come_back(machine, err);

	if (r)
		return r;
	machine_log_plan(machine);
	r = make_vm(machine, err);
	if (r)
		return r;
	r = thread_start(&machine->thread, "machine", machine_main, machine);
	if (r)
		return error_set(err, r, "thread of the machine");
	return 0;
}

bool machine_post(struct machine *machine, struct ring_work *work)
{
	bool is_up;

	pthread_mutex_lock(&machine->ask_lock);
	is_up = machine->has_ring;
	if (is_up)
		ring_post(&machine->ring, work);
	pthread_mutex_unlock(&machine->ask_lock);
	return is_up;
}

void machine_end(struct machine *machine)
{
	if (machine->nr_ends == 1)
		machine->give_up_ns = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
	/* What it says of the time comes first; pairs with machine_ends(). */
	store_release(&machine->nr_ends, machine->nr_ends + 1);
	fd_eventfd_signal(machine->hurry_fd);
	machine_post(machine, &machine->end_work);
}

int machine_join(struct machine *machine, struct error *err)
{
	pthread_join(machine->thread.id, NULL);
	if (machine->error.code)
		*err = machine->error;
	return machine->error.code;
}

bool machine_free(struct machine *machine)
{
	if (!machine)
		return true;
	/* Where no part had it yet. */
	destroy_vm(machine);
	machine_parts_destroy(machine, machine_planned, &machine->nr_planned);
	/* Its requests have guest memory, and the rings' threads, until the process has ended. */
	if (machine->gave_up)
		return false;
	machine_destroy_status(machine);
	fd_close(&machine->hurry_fd);
	pthread_mutex_destroy(&machine->ask_lock);
	free(machine);
	return true;
}
