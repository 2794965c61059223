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

/*
 * Blocked in every thread, so that only the signalfd sees them. One that is ignored stays so: nohup and a shell's
 * background jobs rely on that.
 */
static int block_signals(struct machine *machine, struct error *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction old;

		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&mask, signals[i]);
	}
	if (machine->config->console.mode == LINE_TTY)
		sigaddset(&mask, SIGWINCH);
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

/* Without devices the guest's memory is the host's to overcommit; with devices all of it is pinned at once. */
static int check_memory(const struct machine *machine, struct error *err)
{
	uint64_t need = machine->config->memory.size;
	struct sysinfo info;
	uint64_t have;

	if (sysinfo(&info))
		return error_set(err, -errno, "sysinfo");
	have = (uint64_t)info.totalram * info.mem_unit;
	if (need > have) {
		error_set(err, -ENOMEM, "option --memory: size=%lluM",
			  (unsigned long long)(need / MIB));
		error_reason(err, "the host has %llu MiB of memory in all",
			     (unsigned long long)(have / MIB));
		return error_remedy(err, "ask for less than that; the host needs some itself");
	}
	have = machine->config->nr_devices ? available_memory() : UINT64_MAX;
	if (need <= have)
		return 0;
	error_set(err, -ENOMEM, "option --memory: size=%lluM", (unsigned long long)(need / MIB));
	error_reason(err, "devices need it pinned, and the host has %llu MiB available",
		     (unsigned long long)(have / MIB));
	return error_remedy(err, "ask for less, or free memory on the host");
}

static int init_memory(struct machine *machine, struct error *err)
{
	struct guest_mem_config config = {
		.size = machine->config->memory.size,
		.thp = machine->config->memory.thp,
	};
	int r = guest_mem_init(&machine->mem, &config, err);

	return r ? r : machine_start_load(machine, err);
}

/* Four-level page tables, the guest's or the host's, reach no further whatever CPUID says. */
#define MEM64_MAX_BITS 46

/* The third quarter of the guest's physical address space, clear of RAM and of AMD's reserved top. */
static void place_mem64(struct machine *machine, unsigned phys_bits)
{
	unsigned bits = phys_bits < MEM64_MAX_BITS ? phys_bits : MEM64_MAX_BITS;
	uint64_t space = 1ULL << bits;
	uint64_t ram_end = GUEST_HIGH_START + machine->mem.size;

	machine->pci_mem64_base = space / 2;
	machine->pci_mem64_size = space / 4;
	if (bits <= 36 || ram_end > machine->pci_mem64_base)
		machine->pci_mem64_base = machine->pci_mem64_size = 0;
}

static int init_pci(struct machine *machine, unsigned phys_bits, struct error *err)
{
	struct pci_bus_config config = {
		.io = { LAYOUT_PORT_IO_WINDOW, LAYOUT_PORT_IO_WINDOW_SIZE },
		.mem32 = { LAYOUT_MMIO32, LAYOUT_MMIO32_SIZE },
	};
	int r;

	place_mem64(machine, phys_bits);
	config.mem64 = (struct pci_window){ machine->pci_mem64_base, machine->pci_mem64_size };
	r = pci_bus_init(&machine->pci, &config);
	return r ? error_set(err, r, "PCI bus") : 0;
}

static void init_topology(struct machine *machine)
{
	const struct config_topology *t = &machine->config->cpus.topology;

	machine->topology = (struct cpuid_topology){ 1, machine->config->cpus.boot, 1, 1 };
	if (t->packages)
		machine->topology = (struct cpuid_topology){ t->threads_per_core, t->cores_per_die,
							     t->dies_per_package, t->packages };
}

static int init_apic_ids(struct machine *machine, struct error *err)
{
	unsigned nr = machine->config->cpus.boot;

	init_topology(machine);
	machine->apic_ids = calloc(nr, sizeof(*machine->apic_ids));
	if (!machine->apic_ids)
		return error_set(err, -ENOMEM, "vCPUs");
	for (unsigned i = 0; i < nr; i++)
		machine->apic_ids[i] = cpuid_apic_id(&machine->topology, i);
	if (machine->apic_ids[nr - 1] < 255)
		return 0;
	error_set(err, -EINVAL, "option --cpus: topology");
	error_reason(err, "its APIC ids go up to %u, interrupts reach 254 at most",
		     machine->apic_ids[nr - 1]);
	return error_remedy(err, "use counts that are powers of two, or fewer CPUs");
}

static int init_vcpus(struct machine *machine, struct kvm_cpuid2 *cpuid, struct error *err)
{
	unsigned nr = machine->config->cpus.boot;

	machine->vcpu = calloc(nr, sizeof(*machine->vcpu));
	machine->ring_thread = calloc(nr, sizeof(*machine->ring_thread));
	machine->pin = calloc(nr, sizeof(*machine->pin));
	machine->share = calloc(nr, sizeof(*machine->share));
	if (!machine->vcpu || !machine->ring_thread || !machine->pin || !machine->share)
		return error_set(err, -ENOMEM, "vCPUs");
	for (unsigned i = 0; i < nr; i++) {
		int r = vcpu_init(&machine->vcpu[i], &machine->vm, i, &machine->topology, cpuid,
				  machine_vcpu_stopped, machine, err);

		if (!r) {
			machine->nr_vcpus++;
			r = ring_thread_start(&machine->ring_thread[i], i,
					      machine->config->ring_poll_us, err);
		}
		if (r)
			return r;
		machine->nr_ring_threads++;
	}
	for (unsigned i = 0; i < nr; i++) {
		int r = ring_thread_wait(&machine->ring_thread[i], err);

		if (!r)
			r = vcpu_start(&machine->vcpu[i], err);
		if (r)
			return r;
	}
	ring_describe(&machine->ring_thread[0].ring);
	return 0;
}

static int init_cpus(struct machine *machine, struct kvm_cpuid2 *cpuid, struct error *err)
{
	int r = init_vcpus(machine, cpuid, err);

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
	int r = check_memory(machine, err);

	if (!r)
		r = boot_init(&machine->boot, config->kernel, config->initramfs, config->cmdline,
			      err);
	if (!r)
		r = init_apic_ids(machine, err);
	if (!r)
		r = machine_find_devices(machine, err);
	if (!r && config->nr_devices)
		r = vfio_memlock_check(config->memory.size, err);
	return r;
}

static int build(struct machine *machine, struct kvm_cpuid2 *cpuid, struct error *err)
{
	int r = vm_add_ram(&machine->vm, &machine->mem, err);

	if (!r)
		r = init_pci(machine, cpuid_phys_bits(cpuid), err);
	if (!r)
		r = machine_add_devices(machine, err);
	if (!r)
		r = init_cpus(machine, cpuid, err);
	if (!r)
		log_debug("start-up: vCPUs and rings created");
	if (!r)
		r = machine_add_virtio(machine, err);
	if (!r)
		r = init_board(machine, err);
	if (!r)
		r = pci_bus_assign(&machine->pci, err);
	if (!r)
		r = machine_finish_load(machine, err);
	return r ? r : machine_enter(machine, err);
}

int machine_create(const struct config *config, struct machine **out, struct error *err)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	struct kvm_cpuid2 *cpuid = NULL;
	int r;

	if (!machine)
		return error_set(err, -ENOMEM, "machine");
	machine->config = config;
	machine->signal_fd = -1;
	machine->request_work.run = machine_request_work;
	r = check_input(machine, err);
	if (!r)
		r = block_signals(machine, err);
	if (!r)
		r = init_memory(machine, err);
	if (!r)
		r = vm_init(&machine->vm, err);
	if (!r)
		r = cpuid_supported(machine->vm.kvm_fd, &cpuid, err);
	if (!r)
		r = ring_init(&machine->ring, MAIN_RING_ENTRIES, err);
	if (!r) {
		irq_batch_init(&machine->batch, &machine->ring, &machine->vm.irq);
		log_debug("start-up: VM and main ring created");
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

static void stop_threads(struct machine *machine)
{
	machine_finish_load(machine, NULL);
	/* A vCPU may wait for the DMA map. */
	vfio_dma_cancel(&machine->dma);
	for (unsigned i = 0; i < machine->nr_vcpus; i++)
		vcpu_destroy(&machine->vcpu[i]);
	machine_reset_virtio(machine);
	machine_close_console(machine);
	for (unsigned i = 0; i < machine->nr_ring_threads; i++)
		ring_thread_stop(&machine->ring_thread[i]);
	vfio_dma_stop(&machine->dma);
	machine->nr_vcpus = machine->nr_ring_threads = 0;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	stop_threads(machine);
	serial_destroy(&machine->serial);
	pci_bus_destroy(&machine->pci);
	machine_free_virtio(machine);
	for (unsigned i = 0; i < CONFIG_MAX_DEVICES; i++)
		vfio_pci_free(machine->device[i]);
	vfio_ioas_destroy(&machine->ioas);
	free(machine->host);
	ring_destroy(&machine->ring);
	vm_destroy(&machine->vm);
	/* Only now: the buses' lists of readers go through the vCPUs. */
	free(machine->vcpu);
	free(machine->ring_thread);
	free(machine->pin);
	free(machine->share);
	free(machine->apic_ids);
	guest_mem_destroy(&machine->mem);
	boot_destroy(&machine->boot);
	fd_close(&machine->signal_fd);
	if (machine->masked)
		pthread_sigmask(SIG_SETMASK, &machine->old_mask, NULL);
	free(machine);
}
