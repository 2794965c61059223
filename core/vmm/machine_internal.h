/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the machine share; nobody else includes it.
 */
#ifndef CORE_VMM_MACHINE_INTERNAL_H
#define CORE_VMM_MACHINE_INTERNAL_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/kvm.h>

#include "core/acpi/acpi.h"
#include "core/base/helper.h"
#include "core/base/thread.h"
#include "core/boot/boot.h"
#include "core/config/config.h"
#include "core/device/device.h"
#include "core/device/unplug.h"
#include "core/kvm/guest_mem.h"
#include "core/kvm/vcpu.h"
#include "core/kvm/vm.h"
#include "core/pci/pci.h"
#include "core/vmm/machine.h"
#include "core/vmm/machine_parts.h"
#include "core/vmm/machine_status.h"
#include "io/ring/irq_batch.h"
#include "io/ring/ring.h"
#include "io/ring/ring_memory.h"
#include "io/ring/ring_thread.h"
#include "io/serial/serial.h"
#include "numa/claim.h"
#include "numa/placement.h"
#include "numa/topology.h"
#include "vfio/dma/dma.h"
#include "vfio/dma/ioas.h"

/** What the guest wants of the machine, or does to it; the first one counts until the machine's thread has served it. */
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
	struct thread thread;
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

/** A root bus. */
struct machine_bus {
	int node;	 /* of the guest: its index; -1: none */
	unsigned room;	 /* slots that may still be taken at the start */
	bool has_passed; /* a passed-through device is planned for it */
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
	struct machine_owner owner;
	struct thread thread;
	unsigned nr_planned, nr_built;	/* parts that were made, or begun */
	struct ring ring;		/* the thread's */
	struct helper helper;		/* makes calls that may block for long */
	cpu_set_t allowed;		/* CPUs that torc was started with */
	struct topology *host_topology; /* of the host; NULL when nothing is to be placed */
	struct placement_plan plan;
	struct claim claim;
	cpu_set_t zone_cpus[CONFIG_MAX_ZONES]; /* where each zone is populated */
	struct machine_populate populate;
	struct machine_numa *numa;
	struct vm vm;
	struct kvm_cpuid2 *cpuid;
	struct guest_mem mem;
	struct machine_bus bus[ACPI_MAX_PCI_ROOTS]; /* nr_buses of them, as planned */
	unsigned nr_buses;
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
	struct helper_job register_job;
	struct ring_memory ring_memory;
	struct machine_taker *taker; /* one for each ring */
	struct irq_batch batch;
	struct device_site site;
	struct device_list devices;
	struct unplug unplug;

	unsigned nr_ends;    /* how often its end was asked for; the owner writes it, atomic */
	uint64_t give_up_ns; /* from the second time on: until when to wait; CLOCK_MONOTONIC */
	int hurry_fd;	     /* eventfd: look at that again */
	bool gave_up;	     /* on a device's requests: what they may still use stays */

	struct ring_op turn_op; /* of machine_turn() */
	bool has_turned;
	bool is_busy;	  /* being made or reset, or with a call: what is asked of it waits */
	bool is_ending;	  /* what is asked of it is refused */
	bool ring_failed; /* of a ring thread; atomic */
	pthread_mutex_t ask_lock; /* of what is asked by threads that may outlive who serves it: */
	bool vcpus_end;		  /* nobody asks the vCPUs any more */
	bool has_ring;		  /* the ring can be posted to */
	int request;		  /* enum machine_request; atomic */
	struct ring_work request_work, end_work, quit_work, resize_work;
	struct ring_work serve_work,
		calls_work;	    /* at the end of the ring's turn, as they may turn it */
	struct machine_call *calls; /* that wait until it is not busy */
	uint64_t last_fault_ns;
	enum machine_state state; /* as published */
	uint64_t nr_resets;
	pthread_mutex_t status_lock; /* of: */
	struct machine_status *status;
	struct ring_work status_work; /* at the end of the ring's turn */
	struct error error; /* why it ended, or was not made; read by the owner after the end */
};

#endif
