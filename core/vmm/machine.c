/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/kvm/cpuid.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/kvm/layout.h"
#include "core/vmm/machine_internal.h"

#define MAIN_RING_ENTRIES 64

/* But for those that are ignored. */
static void add_signals(sigset_t *mask, const int *signals, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct sigaction old;

		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(mask, signals[i]);
	}
}

/*
 * Blocked in every thread, so that only the signalfd sees them. One that is ignored stays so: nohup and a shell's
 * background jobs rely on that.
 */
static int block_signals(struct machine *machine, struct error *err)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	static const int terminal[] = { SIGTSTP, SIGCONT, SIGWINCH };
	bool has_terminal = machine->config->console.mode == LINE_TTY ||
			    machine->config->serial.mode == LINE_TTY;
	sigset_t mask;

	sigemptyset(&mask);
	add_signals(&mask, ending, ARRAY_SIZE(ending));
	if (has_terminal)
		add_signals(&mask, terminal, ARRAY_SIZE(terminal));
	pthread_sigmask(SIG_BLOCK, &mask, &machine->old_mask);
	machine->masked = true;
	signal(SIGPIPE, SIG_IGN);
	vcpu_signals_init();
	machine->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return machine->signal_fd < 0 ? error_set(err, -errno, "signalfd") : 0;
}

/* MemAvailable of /proc/meminfo in bytes; UINT64_MAX when it cannot be had. */
static uint64_t available_memory(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = UINT64_MAX / KIB;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return kib * KIB;
}

/* Bytes of ordinary pages; with @at_once those only that are not made as the guest touches them. */
static uint64_t ordinary_memory(const struct config *config, bool at_once)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < machine_count_zones(config); i++) {
		struct config_zone zone = machine_zone(config, i);

		if (zone.backing.hugepages || zone.file)
			continue;
		if (!at_once || config->nr_devices || zone.backing.prefault)
			size += zone.size;
	}
	return size;
}

/* On the nodes that this process may use, where it was looked at. */
static uint64_t memory_for_us(const struct machine *machine)
{
	uint64_t available = available_memory(), sum = 0;

	if (!machine->host_topology)
		return available;
	for (unsigned i = 0; i < machine->host_topology->nr_nodes; i++) {
		const struct topology_node *node = &machine->host_topology->node[i];

		sum += node->is_allowed ? node->available : 0;
	}
	return sum < available ? sum : available;
}

static void set_memory_error(const struct machine *machine, uint64_t need, struct error *err)
{
	error_set(err, -ENOMEM, "option %s%lluM",
		  machine->config->nr_zones ? "--memory-zone: together " : "--memory: size=",
		  (unsigned long long)(need / MIB));
}

static int check_memory(const struct machine *machine, struct error *err)
{
	uint64_t need = ordinary_memory(machine->config, false);
	struct sysinfo info;
	uint64_t have;

	if (sysinfo(&info))
		return error_set(err, -errno, "sysinfo");
	have = (uint64_t)info.totalram * info.mem_unit;
	if (need > have) {
		set_memory_error(machine, need, err);
		error_reason(err, "the host has %llu MiB of memory in all",
			     (unsigned long long)(have / MIB));
		return error_remedy(err, "ask for less than that; the host needs some itself");
	}
	/* The rest is the host's to overcommit. */
	need = ordinary_memory(machine->config, true);
	have = need ? memory_for_us(machine) : 0;
	if (placement_with_tables(need) <= have)
		return 0;
	set_memory_error(machine, need, err);
	error_reason(err, "%s, %llu MiB with its page tables, and the host has %llu MiB available",
		     machine->config->nr_devices ? "devices need it pinned"
						 : "prefault=on needs it now",
		     (unsigned long long)(placement_with_tables(need) / MIB),
		     (unsigned long long)(have / MIB));
	return error_remedy(err, "ask for less, or free memory on the host");
}

static int init_memory(struct machine *machine, struct error *err)
{
	int r = machine_map_memory(machine, err);

	return r ? r : machine_start_load(machine, err);
}

static void ring_failed(void *opaque, unsigned index, int r)
{
	struct machine *machine = opaque;

	log_error("ring%u: io_uring_enter: %s", index, strerror(-r));
	/* Another request may be on its way; pairs with machine_request_work(). */
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

static int init_vcpus(struct machine *machine, struct kvm_cpuid2 *cpuid, struct error *err)
{
	unsigned nr = machine->config->cpus.boot;

	machine->vcpu = calloc(nr, sizeof(*machine->vcpu));
	machine->ring_thread = calloc(nr, sizeof(*machine->ring_thread));
	machine->pin = calloc(nr, sizeof(*machine->pin));
	if (!machine->vcpu || !machine->ring_thread || !machine->pin)
		return error_set(err, -ENOMEM, "vCPUs");
	for (unsigned i = 0; i < nr; i++) {
		int r = machine_go_to_vcpu(machine, i, err);

		if (!r)
			r = vcpu_init(&machine->vcpu[i], &machine->vm, i, &machine->topology, cpuid,
				      machine_vcpu_stopped, machine, err);
		if (!r) {
			machine->nr_vcpus++;
			r = start_ring(machine, i, err);
		}
		if (r)
			return r;
		machine->nr_ring_threads++;
	}
	for (unsigned i = 0; i < nr; i++) {
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

static int init_cpus(struct machine *machine, struct kvm_cpuid2 *cpuid, struct error *err)
{
	int r = init_vcpus(machine, cpuid, err);

	if (!r)
		r = machine_come_back(machine, err);
	if (r)
		return r;
	for (unsigned i = 0; i < MACHINE_NR_IRQCHIPS && !r; i++) {
		/* KVM_IRQCHIP_PIC_MASTER, _PIC_SLAVE and _IOAPIC are 0 to 2. */
		machine->irqchip[i].chip_id = i;
		r = kvm_get_irqchip(machine->vm.fd, &machine->irqchip[i]);
	}
	return r ? error_set(err, r, "KVM_GET_IRQCHIP") : 0;
}

static void serial_irq(void *opaque, bool level)
{
	struct machine *machine = opaque;

	irq_set_line(&machine->vm.irq, LAYOUT_GSI_COM1, level);
}

static int init_board(struct machine *machine, struct error *err)
{
	const struct serial_config serial = { machine->config->serial, machine_quit };
	int r;

	r = serial_init(&machine->serial, &serial, &machine->ring, serial_irq, machine, err);
	if (r)
		return r;
	machine_announce_pty("serial", machine->serial.line.pty);
	return machine_add_ports(machine, err);
}

/* What can be wrong with the user's input comes first: nothing is allocated or changed yet. */
static int check_input(struct machine *machine, struct error *err)
{
	const struct config *config = machine->config;
	int r = boot_init(&machine->boot, config->kernel, config->initramfs, config->cmdline, err);

	if (!r)
		r = machine_init_topology(machine, err);
	if (!r)
		r = machine_find_devices(machine, err);
	if (!r)
		r = machine_plan(machine, err);
	if (!r)
		r = check_memory(machine, err);
	if (!r && config->nr_devices)
		r = vfio_memlock_check(config->memory.size, err);
	return r;
}

static int build(struct machine *machine, struct kvm_cpuid2 *cpuid, struct error *err)
{
	int r = vm_add_ram(&machine->vm, &machine->mem, err);

	if (!r)
		r = machine_hold_groups(machine, err);
	if (!r)
		r = machine_init_pci(machine, cpuid_phys_bits(cpuid), err);
	if (!r)
		r = machine_init_hotplug(machine, err);
	if (!r)
		r = machine_add_devices(machine, err);
	if (!r)
		r = init_cpus(machine, cpuid, err);
	if (!r)
		log_debug("start-up: vCPUs and rings created");
	if (!r)
		r = machine_populate(machine, err);
	if (!r)
		r = machine_add_virtio(machine, err);
	if (!r)
		r = init_board(machine, err);
	if (!r)
		r = machine_assign_pci(machine, err);
	if (!r)
		r = machine_finish_load(machine, err);
	return r ? r : machine_enter(machine, err);
}

static int start_metrics(struct machine *machine, struct error *err)
{
	const struct config_metrics *metrics = &machine->config->metrics;

	if (!metrics->path)
		return 0;
	return metrics->interval_s
		       ? metrics_file_start(&machine->metrics_file, &machine->ring, metrics->path,
					    metrics->mode, metrics->interval_s, err)
		       : metrics_start(&machine->metrics, &machine->ring, metrics->path,
				       metrics->mode, err);
}

int machine_create(const struct config *config, struct machine **out, struct error *err)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct kvm_cpuid2 *cpuid = NULL;
	int r;

	if (!machine)
		return error_set(err, -ENOMEM, "machine");
	machine->config = config;
	machine->signal_fd = machine->claim.fd = -1;
	machine->request_work.run = machine_request_work;
	pthread_mutex_init(&machine->ask_lock, NULL);
	r = check_input(machine, err);
	if (!r)
		machine_log_plan(machine);
	if (!r)
		r = machine_come_back(machine, err);
	if (!r)
		r = block_signals(machine, err);
	if (!r)
		r = machine_bind_devices(machine, err);
	if (!r)
		r = init_memory(machine, err);
	if (!r)
		r = vm_init(&machine->vm, err);
	if (!r && config->cpus.idle_in_guest)
		r = vm_halt_in_guest(&machine->vm, err);
	if (!r && !config->cpus.pmu)
		vm_disable_pmu(&machine->vm);
	if (!r)
		r = cpuid_supported(machine->vm.kvm_fd, &cpuid, err);
	if (!r)
		cpuid_hide(cpuid, !config->cpus.nested, !config->cpus.pmu);
	if (!r)
		r = ring_init(&machine->ring, MAIN_RING_ENTRIES, err);
	if (!r) {
		irq_batch_init(&machine->batch, &machine->ring, &machine->vm.irq);
		log_debug("start-up: VM and main ring created");
		r = start_metrics(machine, err);
		if (!r)
			r = build(machine, cpuid, err);
		if (!r)
			log_debug("start-up: ready to enter the guest");
	}
	free(cpuid);
	if (r)
		machine_free(machine);
	else
		*out = machine;
	return r;
}

int machine_explain(const struct config *config, FILE *out, struct error *err)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	int r;

	if (!machine)
		return error_set(err, -ENOMEM, "machine");
	machine->config = config;
	machine->signal_fd = machine->claim.fd = -1;
	r = check_input(machine, err);
	if (!r)
		fputs(machine->plan.text, out);
	machine_free(machine);
	return r;
}

static void stop_threads(struct machine *machine)
{
	machine_finish_load(machine, NULL);
	/* A vCPU may wait for the DMA map. */
	vfio_dma_cancel(&machine->dma);
	pthread_mutex_lock(&machine->ask_lock);
	machine->vcpus_end = true;
	pthread_mutex_unlock(&machine->ask_lock);
	for (unsigned i = 0; i < machine->nr_vcpus; i++)
		vcpu_destroy(&machine->vcpu[i]);
	machine_end_virtio(machine);
	machine_close_console(machine);
	machine_finish_register(machine);
	/* The kernel may still have what a ring that failed had in flight. */
	if (load_acquire(&machine->ring_failed))
		machine->gave_up = true;
	/* A ring ends when its last request has. */
	for (unsigned i = 0; i < machine->nr_ring_threads && !machine->gave_up; i++)
		ring_thread_stop(&machine->ring_thread[i]);
	if (!machine->gave_up)
		ring_memory_destroy(&machine->ring_memory);
	vfio_dma_stop(&machine->dma);
	machine->nr_vcpus = machine->nr_ring_threads = 0;
}

/* What asks for the end has it: nobody is killed by a signal that came late, with the error untold and another exit status. */
static void unblock_signals(struct machine *machine)
{
	struct signalfd_siginfo info;

	while (read(machine->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		;
	fd_close(&machine->signal_fd);
	if (machine->masked)
		pthread_sigmask(SIG_SETMASK, &machine->old_mask, NULL);
}

bool machine_free(struct machine *machine)
{
	if (!machine)
		return true;
	stop_threads(machine);
	serial_destroy(&machine->serial);
	/* From now on a turn of the ring releases no device. */
	hotplug_destroy(&machine->hotplug);
	machine_destroy_pci(machine);
	machine_free_virtio(machine);
	for (unsigned i = 0; i < CONFIG_MAX_DEVICES; i++)
		vfio_pci_free(machine->device[i]);
	machine_drop_groups(machine);
	vfio_ioas_destroy(&machine->ioas);
	ring_destroy(&machine->ring);
	metrics_destroy(&machine->metrics);
	metrics_file_finish(&machine->metrics_file);
	vm_destroy(&machine->vm);
	machine_unbind_devices(machine);
	claim_close(&machine->claim);
	/* Its requests have guest memory, and the rings' threads, until the process has ended. */
	if (machine->gave_up)
		return false;
	free(machine->host);
	/* Only now: the buses' lists of readers go through the vCPUs. */
	free(machine->vcpu);
	free(machine->ring_thread);
	free(machine->pin);
	free(machine->pci);
	free(machine->numa);
	free(machine->host_topology);
	placement_destroy(&machine->plan);
	free(machine->taker);
	free(machine->apic_ids);
	guest_mem_destroy(&machine->mem);
	boot_destroy(&machine->boot);
	unblock_signals(machine);
	free(machine);
	return true;
}
