/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs and their rings, a thread each; what they and the interrupt controllers are as after power-on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_memory.h"
#include "core/vmm/machine_placement.h"
#include "core/vmm/machine_run.h"

static void ring_failed(void *opaque, unsigned index, int r)
{
	struct machine *machine = opaque;

	log_error("ring%u: io_uring_enter: %s", index, strerror(-r));
	/* Another request may be on its way; pairs with serve_work(). */
	store_release(&machine->ring_failed, true);
	machine_ask(machine, MACHINE_RING_FAILED);
}

static int start_ring(struct machine *machine, unsigned i, struct error *err)
{
	const struct ring_thread_config config = {
		.index = i,
		.poll_us = machine->config->ring_poll_us,
		.failed = ring_failed,
		.opaque = machine,
	};

	return ring_thread_start(&machine->ring_thread[i], &config, err);
}

static int make(struct machine *machine, struct error *err)
{
	unsigned nr = machine->config->cpus.boot;

	for (unsigned i = 0; i < nr; i++) {
		int r = machine_go_to_vcpu(machine, i, err);

		if (!r)
			r = vcpu_init(&machine->vcpu[i], &machine->vm, i, &machine->topology,
				      machine->cpuid, machine_vcpu_stopped, machine, err);
		if (!r) {
			machine->nr_vcpus++;
			r = start_ring(machine, i, err);
		}
		if (r)
			return r;
		machine->nr_ring_threads++;
	}
	return 0;
}

static int start(struct machine *machine, struct error *err)
{
	for (unsigned i = 0; i < machine->nr_vcpus; i++) {
		int r = ring_thread_wait(&machine->ring_thread[i], err);

		if (!r)
			r = machine_go_to_vcpu(machine, i, err);
		if (!r)
			r = vcpu_start(&machine->vcpu[i], err);
		if (!r)
			r = machine_pin_vcpu(machine, i, err);
		if (r)
			return r;
	}
	ring_describe(&machine->ring_thread[0].ring);
	return 0;
}

static int init(struct machine *machine, struct error *err)
{
	unsigned nr = machine->config->cpus.boot;
	int r;

	machine->vcpu = calloc(nr, sizeof(*machine->vcpu));
	machine->ring_thread = calloc(nr, sizeof(*machine->ring_thread));
	machine->pin = calloc(nr, sizeof(*machine->pin));
	if (!machine->vcpu || !machine->ring_thread || !machine->pin)
		return error_set(err, -ENOMEM, "vCPUs");
	r = make(machine, err);
	if (!r)
		r = start(machine, err);
	return r ? r : machine_come_back(machine, err);
}

static void destroy(struct machine *machine)
{
	pthread_mutex_lock(&machine->ask_lock);
	machine->vcpus_end = true;
	pthread_mutex_unlock(&machine->ask_lock);
	for (unsigned i = 0; i < machine->nr_vcpus; i++)
		vcpu_destroy(&machine->vcpu[i]);
	machine->nr_vcpus = 0;
	free(machine->vcpu);
	machine->vcpu = NULL;
	machine_finish_register(machine);
	/* The kernel may still have what a ring that failed had in flight. */
	if (load_acquire(&machine->ring_failed))
		machine->gave_up = true;
	/* Their requests have the rings' threads until the process has ended. */
	if (machine->gave_up)
		return;
	/* A ring ends when its last request has. */
	for (unsigned i = 0; i < machine->nr_ring_threads; i++)
		ring_thread_stop(&machine->ring_thread[i]);
	machine->nr_ring_threads = 0;
	ring_memory_destroy(&machine->ring_memory);
	free(machine->ring_thread);
	free(machine->pin);
	free(machine->taker);
	machine->ring_thread = NULL;
	machine->pin = NULL;
	machine->taker = NULL;
}

const struct machine_part machine_part_cpus = { "vCPUs and rings", init, destroy, NULL };

/* KVM_IRQCHIP_PIC_MASTER, _PIC_SLAVE and _IOAPIC are 0 to 2. */
static int remember(struct machine *machine, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < MACHINE_NR_IRQCHIPS && !r; i++) {
		machine->irqchip[i].chip_id = i;
		r = kvm_get_irqchip(machine->vm.fd, &machine->irqchip[i]);
	}
	return r ? error_set(err, r, "KVM_GET_IRQCHIP") : 0;
}

static int recall(struct machine *machine, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < MACHINE_NR_IRQCHIPS && !r; i++)
		r = kvm_set_irqchip(machine->vm.fd, &machine->irqchip[i]);
	if (r)
		return error_set(err, r, "KVM_SET_IRQCHIP");
	for (unsigned i = 0; i < machine->nr_vcpus && !r; i++)
		r = vcpu_reset(&machine->vcpu[i], err);
	return r;
}

const struct machine_part machine_part_power_on = { "power-on state", remember, NULL, recall };
