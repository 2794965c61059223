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

#include "core/acpi/acpi.h"
#include "core/boot/boot.h"
#include "core/config/config.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/vcpu.h"
#include "core/kvm/vm.h"
#include "core/pci/pci.h"
#include "core/vmm/hotplug.h"
#include "core/vmm/machine.h"
#include "core/vmm/metrics.h"
#include "core/vmm/metrics_file.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring.h"
#include "io/ring/ring_memory.h"
#include "io/ring/ring_thread.h"
#include "io/serial/serial.h"
#include "io/virtio/pci.h"
#include "numa/claim.h"
#include "numa/placement.h"
#include "numa/topology.h"
#include "vfio/bind/host.h"
#include "vfio/dma/dma.h"
#include "vfio/dma/ioas.h"
#include "vfio/pci/pci.h"

/** What somebody wants of the machine; the first one counts until the main thread has served it. */
enum machine_request {
	MACHINE_NONE,
	MACHINE_POWER_OFF,
	MACHINE_RESET,
	MACHINE_TRIPLE_FAULT,
	MACHINE_ERROR,
	MACHINE_GUEST_ERROR,
	MACHINE_RING_FAILED,
};

/** Loads the kernel in a thread of its own while the VM is created and the devices are opened. */
struct machine_loader {
	pthread_t thread;
	bool started;
	int result;
	struct vcpu_entry entry;
	struct error error;
};

/** Populating guest memory before the guest starts. */
struct machine_populate {
	bool cancel; /* atomic */
	bool has_bar;
	uint64_t start_ns; /* 0: that is not wanted */
	uint64_t next_line_ns;
};

/** What the guest is told of its nodes; the arrays behind a struct acpi_numa. */
struct machine_numa {
	uint32_t cpu_domain[CONFIG_MAX_CPUS];
	uint16_t place[CONFIG_MAX_CPUS]; /* of each vCPU in the CPUs' topology */
	struct acpi_memory memory[CONFIG_MAX_ZONES * GUEST_ZONE_MAX_PARTS];
	uint8_t distance[CONFIG_MAX_NODES * CONFIG_MAX_NODES];
};

/** Where a ring's thread was told to run by a disk's queue_affinity. */
struct machine_pin {
	bool is_set;
	cpu_set_t cpus;
};

/** A ring that is to use registered memory. */
struct machine_taker {
	struct ring_work work;
	struct machine *machine;
	unsigned index;
};

#define MACHINE_NR_IRQCHIPS 3 /* both PICs and the I/O APIC */

struct machine {
	const struct config *config;
	struct ring ring;		/* main */
	cpu_set_t allowed;		/* CPUs that torc was started with */
	struct topology *host_topology; /* of the host; NULL when nothing is to be placed */
	struct placement_plan plan;
	struct claim claim;
	cpu_set_t zone_cpus[CONFIG_MAX_ZONES]; /* where each zone is populated */
	struct machine_populate populate;
	struct machine_numa *numa;
	struct vm vm;
	struct guest_mem mem;
	struct pci_bus *pci;
	unsigned nr_pci_buses;	 /* initialised so far */
	struct pci_window mem64; /* for all buses; mem64_far: more than the IOMMU reaches */
	struct pci_window mem64_far;
	struct boot boot;
	struct machine_loader loader;
	struct serial serial;
	struct kvm_irqchip irqchip[MACHINE_NR_IRQCHIPS]; /* as after power-on */
	struct cpuid_topology topology;
	uint32_t *apic_ids;
	struct vcpu *vcpu;
	unsigned nr_vcpus; /* initialised so far */
	struct ring_thread *ring_thread;
	struct machine_pin *pin; /* of each ring's thread */
	unsigned nr_ring_threads;

	struct vfio_ioas ioas;
	struct vfio_dma dma;
	struct ring_work dma_work;
	pthread_t register_thread;
	bool registers; /* the thread was started */
	struct ring_memory ring_memory;
	struct machine_taker *taker; /* one for each ring */
	struct irq_batch batch;
	struct vfio_host_device *host; /* config->nr_devices of them */
	int *hold;		       /* likewise, of what was bound for this run; -1: was not */
	struct vfio_group *held[CONFIG_MAX_DEVICES]; /* until the devices are open */
	struct vfio_pci *device[CONFIG_MAX_DEVICES]; /* NULL: gone */
	struct hotplug hotplug;
	struct hotplug_device hotplug_device[CONFIG_MAX_DEVICES];
	struct virtio_host virtio_host;
	struct virtio_pci *virtio[CONFIG_MAX_DEVICES]; /* of all types */
	unsigned nr_virtio;
	struct virtio_pci *console; /* one of them, or NULL */

	sigset_t old_mask;
	bool masked;
	int signal_fd;
	struct ring_op signal_op;
	unsigned nr_signals; /* to end */
	uint64_t
		give_up_ns; /* after the second one: when not to wait any longer; CLOCK_MONOTONIC */
	bool gave_up;	    /* on a device's requests: what they may still use stays */
	struct metrics metrics;
	struct metrics_file metrics_file;

	bool running;		  /* vCPUs may be in the guest */
	bool ring_failed;	  /* atomic */
	pthread_mutex_t ask_lock; /* of the vCPUs, by threads that may outlive them */
	bool vcpus_end;		  /* nobody asks them any more */
	int request;		  /* enum machine_request; atomic */
	struct ring_work request_work;
	uint64_t last_fault_ns;
	struct error error; /* why machine_run() fails */
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
 * machine_take_terminal_signal - do what a signal asks for that is about the terminal only
 * @machine: on the main thread; its console need not be there yet
 * @number: of the signal, taken
 *
 * Return: whether it was SIGTSTP, SIGCONT or SIGWINCH.
 */
bool machine_take_terminal_signal(struct machine *machine, uint32_t number);

/**
 * machine_take_signals - read what signals are there, and do what they ask for
 * @machine: on the main thread
 */
void machine_take_signals(struct machine *machine);

/**
 * machine_reset_virtio - let what is in flight end, forget the drivers
 * @machine: no vCPU runs, the ring threads do
 *
 * Return: 0; -EINTR: it was asked to end before that was over, or a ring has failed.
 */
int machine_reset_virtio(struct machine *machine);

/**
 * machine_end_virtio - the same for the last time
 * @machine: no vCPU runs, the ring threads do
 *
 * Waits for as long as storage takes, but no longer than two seconds from a second signal on (a fifth for those behind one
 * that took them), and not for a ring that has failed. A device that still has requests then is left to them: gave_up.
 */
void machine_end_virtio(struct machine *machine);

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
 * machine_zone - a zone of guest memory: of --memory-zone, or memory as one
 * @config: of the machine
 * @i: below machine_count_zones()
 *
 * Return: the zone, whose strings are borrowed.
 */
struct config_zone machine_zone(const struct config *config, unsigned i);

/**
 * machine_count_zones - how many there are
 * @config: of the machine
 *
 * Return: at least 1.
 */
unsigned machine_count_zones(const struct config *config);

/**
 * machine_page_size - of which size pages of the host's pool are for a zone
 * @machine: with the host's topology
 * @zone: of it
 *
 * Return: bytes; 0: ordinary pages, or what its file has.
 */
uint64_t machine_page_size(const struct machine *machine, const struct config_zone *zone);

/**
 * machine_plan - decide where everything goes
 * @machine: devices found; gets its topology and plan
 * @err: filled on failure
 *
 * Main thread. Return: 0; what topology_read() and placement_make() return.
 */
int machine_plan(struct machine *machine, struct error *err);

/**
 * machine_log_plan - tell the user
 * @machine: with a plan
 */
void machine_log_plan(const struct machine *machine);

/**
 * machine_go_to_vcpu - go to where a vCPU's ring is to run, to make them there
 * @machine: with a plan
 * @i: index of the vCPU
 * @err: filled on failure
 *
 * Main thread. Return: 0; what affinity_set() returns.
 */
int machine_go_to_vcpu(struct machine *machine, unsigned i, struct error *err);

/**
 * machine_come_back - go to where torc itself is to run; threads started from now on do too
 * @machine: with a plan
 * @err: filled on failure
 *
 * Main thread. Return: 0; what affinity_set() returns.
 */
int machine_come_back(struct machine *machine, struct error *err);

/**
 * machine_pin_vcpu - put the threads of a vCPU and its ring where they are to run
 * @machine: both threads are started
 * @i: index of the vCPU
 * @err: filled on failure
 *
 * Main thread. Return: 0; what affinity_set() returns.
 */
int machine_pin_vcpu(struct machine *machine, unsigned i, struct error *err);

/**
 * machine_map_memory - map guest memory as configured and planned
 * @machine: with a plan
 * @err: filled on failure
 *
 * Main thread. Return: 0; what guest_mem_init() returns.
 */
int machine_map_memory(struct machine *machine, struct error *err);

/**
 * machine_populate - populate memory that is to be there before the guest runs
 * @machine: memory is mapped, signals are blocked, no terminal is in raw mode yet
 * @err: filled on failure
 *
 * Main thread. Return: 0; -ECANCELED a signal came; what guest_mem_populate() returns.
 */
int machine_populate(struct machine *machine, struct error *err);

/**
 * machine_report_memory - log how long populating took and on which nodes guest memory is
 * @machine: populated
 * @took_ns: how long
 */
void machine_report_memory(const struct machine *machine, uint64_t took_ns);

/**
 * machine_init_topology - arrange the guest's CPUs, and give them APIC ids
 * @machine: only its config is needed
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM; -EINVAL ids that interrupts do not reach.
 */
int machine_init_topology(struct machine *machine, struct error *err);

/**
 * machine_describe_numa - the guest's nodes for ACPI
 * @machine: memory is mapped
 * @numa: receives pointers into @machine
 */
void machine_describe_numa(struct machine *machine, struct acpi_numa *numa);

/**
 * machine_count_pci_buses - how many root buses the guest gets
 * @machine: with a plan
 *
 * Return: at least 1.
 */
unsigned machine_count_pci_buses(const struct machine *machine);

/**
 * machine_init_pci - make the root buses
 * @machine: memory is mapped, with a plan
 * @phys_bits: width of the guest's physical addresses
 * @err: filled on failure
 *
 * Main thread. Return: 0; -ENOMEM; what pci_bus_init() returns.
 */
int machine_init_pci(struct machine *machine, unsigned phys_bits, struct error *err);

/**
 * machine_bus_of - the root bus for a passed-through device; those of torc's own are on bus 0
 * @machine: with its buses
 * @i: index of the device
 *
 * Return: the bus of its node.
 */
struct pci_bus *machine_bus_of(struct machine *machine, unsigned i);

/**
 * machine_assign_pci - give every BAR an address
 * @machine: all functions are on their buses
 * @err: filled on failure
 *
 * Main thread. Return: 0; what pci_bus_assign() returns.
 */
int machine_assign_pci(struct machine *machine, struct error *err);

/**
 * machine_reset_pci - reset configuration space of all functions
 * @machine: no vCPU runs
 */
void machine_reset_pci(struct machine *machine);

/**
 * machine_destroy_pci - unmap all BARs and destroy the buses
 * @machine: no vCPU runs
 */
void machine_destroy_pci(struct machine *machine);

/**
 * machine_describe_pci - the root buses for ACPI
 * @machine: with its buses
 * @acpi: receives them
 */
void machine_describe_pci(const struct machine *machine, struct acpi_machine *acpi);

/**
 * machine_find_devices - check every --device before anything is changed
 * @machine: only its config is needed
 * @err: filled on failure
 *
 * Return: 0; -EINVAL twice the same; what vfio_host_find() and vfio_host_check() return.
 */
int machine_find_devices(struct machine *machine, struct error *err);

/**
 * machine_check_bind - whether a device with bind=on can be bound, if it has to be
 * @host: the device
 * @err: filled on failure
 *
 * Return: 0; what vfio_bind_check() returns.
 */
int machine_check_bind(const struct vfio_host_device *host, struct error *err);

/**
 * machine_bind_devices - bind what has bind=on to vfio-pci
 * @machine: its devices are found, signals are blocked
 * @err: filled on failure
 *
 * Return: 0; what vfio_bind() and vfio_host_check() return.
 */
int machine_bind_devices(struct machine *machine, struct error *err);

/**
 * machine_unbind_devices - put back what was bound for this run
 * @machine: has closed its devices, and KVM, which holds their groups as well
 *
 * What cannot be put back is logged, and left to torc-vfio recover.
 */
void machine_unbind_devices(struct machine *machine);

/**
 * machine_hold_groups - open the IOMMU groups of all devices
 * @machine: its devices were found
 * @err: filled on failure
 *
 * Before the first device is opened: that is reset then, and so may functions be whose turn comes later; and how far the
 * IOMMU reaches is known from then on. Those that cannot be had say so in their device's turn.
 * Return: 0; -errno of /dev/vfio/vfio.
 */
int machine_hold_groups(struct machine *machine, struct error *err);

/**
 * machine_drop_groups - give back what machine_hold_groups() took
 * @machine: its devices are open, or will not be
 */
void machine_drop_groups(struct machine *machine);

/**
 * machine_add_devices - open every --device and put it on the bus
 * @machine: memory and bus are initialised, the groups held; they no longer are afterwards
 * @err: filled on failure
 *
 * Return: 0; -errno.
 */
int machine_add_devices(struct machine *machine, struct error *err);

/**
 * machine_init_hotplug - let devices leave
 * @machine: main ring and PCI buses are initialised
 * @err: filled on failure
 *
 * Main thread. Return: 0; what hotplug_init() returns.
 */
int machine_init_hotplug(struct machine *machine, struct error *err);

/**
 * machine_device_event - what to do when the host says something of a device; see struct vfio_pci_config
 * @opaque: the machine
 * @vp: one of its devices
 * @event: what
 */
void machine_device_event(void *opaque, struct vfio_pci *vp, enum vfio_pci_event event);

/**
 * machine_pause - have all vCPUs leave the guest, and finish the accesses that they have begun
 * @machine: its vCPUs are initialised
 *
 * Main thread.
 */
void machine_pause(struct machine *machine);

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
 * machine_register_memory - have the rings use registered guest memory, in the background
 * @machine: its memory is populated and pinned, or there are no devices
 *
 * Without effect where no disk has direct I/O, not all memory is populated, or the kernel is older than 6.12. Main
 * thread, once.
 */
void machine_register_memory(struct machine *machine);

/**
 * machine_finish_register - wait for what machine_register_memory() began
 * @machine: its rings run
 *
 * Main thread.
 */
void machine_finish_register(struct machine *machine);

#endif
