/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the machine share; nobody else includes it.
 */
#ifndef CORE_VMM_MACHINE_INTERNAL_H
#define CORE_VMM_MACHINE_INTERNAL_H

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <linux/kvm.h>

#include "core/boot/boot.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/vcpu.h"
#include "core/kvm/vm.h"
#include "core/pci/pci.h"
#include "core/vmm/config.h"
#include "core/vmm/machine.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring.h"
#include "io/ring/ring_thread.h"
#include "io/serial/serial.h"
#include "io/virtio/pci.h"
#include "vfio/dma.h"
#include "vfio/host.h"
#include "vfio/ioas.h"
#include "vfio/pci.h"

/** What somebody wants of the machine; the first one counts until the main thread has served it. */
enum machine_request {
	MACHINE_NONE,
	MACHINE_POWER_OFF,
	MACHINE_RESET,
	MACHINE_TRIPLE_FAULT,
	MACHINE_ERROR,
};

/** Loads the kernel in a thread of its own while the VM is created and the devices are opened. */
struct machine_loader {
	pthread_t thread;
	bool started;
	int result;
	struct vcpu_entry entry;
	struct error error;
};

/** Where a ring's thread was told to run. */
struct machine_pin {
	bool is_set;
	cpu_set_t cpus;
};

/** What a ring is to do about guest memory. */
struct machine_share {
	struct ring_work work;
	struct machine *machine;
	unsigned index; /* of the ring */
};

#define MACHINE_NR_IRQCHIPS 3 /* both PICs and the I/O APIC */

struct machine {
	const struct config *config;
	struct ring ring; /* main */
	struct vm vm;
	struct guest_mem mem;
	struct pci_bus pci;
	struct boot boot;
	struct machine_loader loader;
	struct serial serial;
	struct kvm_irqchip irqchip[MACHINE_NR_IRQCHIPS]; /* as after power-on */
	struct cpuid_topology topology;
	uint32_t *apic_ids;
	struct vcpu *vcpu;
	unsigned nr_vcpus; /* initialised so far */
	struct ring_thread *ring_thread;
	struct machine_pin *pin;     /* of each ring's thread */
	struct machine_share *share; /* likewise */
	unsigned nr_ring_threads;

	struct vfio_ioas ioas;
	struct vfio_dma dma;
	struct ring_work dma_work;
	struct irq_batch batch;
	struct vfio_host_device *host; /* config->nr_devices of them */
	struct vfio_pci *device[CONFIG_MAX_DEVICES];
	struct virtio_host virtio_host;
	struct virtio_pci *virtio[CONFIG_MAX_DEVICES]; /* of all types */
	unsigned nr_virtio;
	struct virtio_pci *console; /* one of them, or NULL */

	sigset_t old_mask;
	bool masked;
	int signal_fd;
	struct ring_op signal_op;

	int request; /* enum machine_request; atomic */
	struct ring_work request_work;
	uint64_t last_fault_ns;
	struct error error; /* why machine_run() fails */
	uint64_t pci_mem64_base, pci_mem64_size;
};

/**
 * machine_ask - have the main thread do something with the whole machine
 * @machine: running
 * @request: what
 *
 * Any thread. The vCPUs stop; one that calls this does not enter the guest again before the request is served.
 */
void machine_ask(struct machine *machine, enum machine_request request);

/**
 * machine_request_work - serves machine_ask() on the main ring
 * @work: the machine's request_work
 */
void machine_request_work(struct ring_work *work);

/**
 * machine_quit - the user typed Ctrl-A x
 * @opaque: the machine
 */
void machine_quit(void *opaque);

/**
 * machine_vcpu_stopped - a vCPU cannot go on; see vcpu_stop_fn
 * @opaque: the machine
 * @vcpu: which
 * @why: why
 */
void machine_vcpu_stopped(void *opaque, struct vcpu *vcpu, enum vcpu_stop why);

/**
 * machine_add_virtio - make the virtio devices and put them on the bus
 * @machine: the ring threads run
 * @err: filled on failure
 *
 * Return: 0; -errno.
 */
int machine_add_virtio(struct machine *machine, struct error *err);

/**
 * machine_reset_virtio - let what is in flight end, forget the drivers
 * @machine: no vCPU runs, the ring threads do
 */
void machine_reset_virtio(struct machine *machine);

/**
 * machine_close_console - write out what is queued, let go of the terminal
 * @machine: virtio devices reset for the last time, the ring threads run
 */
void machine_close_console(struct machine *machine);

/**
 * machine_free_virtio - close them
 * @machine: devices reset and off the bus
 */
void machine_free_virtio(struct machine *machine);

/**
 * machine_start_load - begin to load the kernel into guest memory
 * @machine: guest memory is mapped, the kernel opened
 * @err: filled on failure
 *
 * Main thread. Return: 0; -errno of pthread_create().
 */
int machine_start_load(struct machine *machine, struct error *err);

/**
 * machine_enter - ACPI tables and the entry state of the first vCPU
 * @machine: kernel loaded, vCPUs in their reset state
 * @err: filled on failure
 *
 * Main thread. Return: 0; -errno.
 */
int machine_enter(struct machine *machine, struct error *err);

/**
 * machine_reload - load the kernel again, for a reset
 * @machine: no vCPU runs
 * @err: filled on failure
 *
 * Main thread. Return: 0; what boot_load() returns.
 */
int machine_reload(struct machine *machine, struct error *err);

/**
 * machine_finish_load - wait for what machine_start_load() began
 * @machine: started to load, or not
 * @err: filled on failure
 *
 * Main thread. Return: 0; what boot_load() returns.
 */
int machine_finish_load(struct machine *machine, struct error *err);

/**
 * machine_add_ports - the ports of the board: serial, PCI, sleep and reset
 * @machine: VM, PCI bus and serial are initialised
 * @err: filled on failure
 *
 * Return: 0; -errno.
 */
int machine_add_ports(struct machine *machine, struct error *err);

/**
 * machine_announce_pty - tell the user which terminal to open; the log may be elsewhere, or not say so much
 * @name: "serial" and the like
 * @path: of the pseudo terminal; "": there is none
 */
void machine_announce_pty(const char *name, const char *path);

/**
 * machine_find_devices - check every --device before anything is changed
 * @machine: only its config is needed
 * @err: filled on failure
 *
 * Return: 0; -EINVAL twice the same; what vfio_host_find() and vfio_host_check() return.
 */
int machine_find_devices(struct machine *machine, struct error *err);

/**
 * machine_add_devices - open every --device and put it on the bus
 * @machine: memory and bus are initialised
 * @err: filled on failure
 *
 * Return: 0; -errno.
 */
int machine_add_devices(struct machine *machine, struct error *err);

/**
 * machine_resume - let all vCPUs enter the guest
 * @machine: all paused
 *
 * Main thread.
 */
void machine_resume(struct machine *machine);

/**
 * machine_waits_for_dma - whether the guest starts only when its memory is mapped for the devices
 * @machine: memory is initialised
 *
 * Return: true when it does.
 */
bool machine_waits_for_dma(const struct machine *machine);

/**
 * machine_start_dma - have guest memory populated and mapped for the devices in the background
 * @machine: everything else is set up
 * @err: filled on failure
 *
 * A failure later on ends machine_run(). Main thread. Return: 0; -errno of pthread_create().
 */
int machine_start_dma(struct machine *machine, struct error *err);

/**
 * machine_register_memory - have the rings register guest memory, in the background
 * @machine: its memory is populated and pinned
 *
 * Without effect where no disk has direct I/O. Main thread.
 */
void machine_register_memory(struct machine *machine);

#endif
