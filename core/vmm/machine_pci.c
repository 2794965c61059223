/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's PCI root buses: one, or one for each of its NUMA nodes, since that is how a guest learns which node a
 * function is on; and more where those are full, or where there are functions of which no node would be true.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/kvm/cpuid.h"
#include "core/kvm/layout.h"
#include "core/vmm/machine_board.h"
#include "core/vmm/machine_devices.h"
#include "core/vmm/machine_internal.h"

/* Four-level page tables, the guest's or the host's, reach no further whatever CPUID says. */
#define MEM64_MAX_BITS 46

/* What BARs in a share of a window are aligned to at least. */
#define IO_SHARE_ALIGN	  1024
#define MEM32_SHARE_ALIGN (16 * MIB)
#define MEM64_SHARE_ALIGN GIB

/* The third quarter of an address space, clear of RAM and of AMD's reserved top. */
static struct pci_window third_quarter(const struct machine *machine, unsigned bits)
{
	uint64_t space = 1ULL << bits;

	if (bits <= 36 || machine->mem.end > space / 2)
		return (struct pci_window){ 0 };
	return (struct pci_window){ space / 2, space / 4 };
}

/* Of the guest's physical addresses; where that leaves room beside RAM, of those that the IOMMU reaches too. */
static void choose_mem64(struct machine *machine, unsigned phys_bits)
{
	unsigned bits = phys_bits < MEM64_MAX_BITS ? phys_bits : MEM64_MAX_BITS;
	struct pci_window window = { 0 };

	machine->mem64_far = third_quarter(machine, bits);
	if (machine->ioas.has_iommu && machine->config->p2p) {
		uint64_t last = vfio_ioas_last_iova(&machine->ioas);
		unsigned iova_bits = last == UINT64_MAX ? 64
							: 63 - (unsigned)__builtin_clzll(last + 1);

		window = third_quarter(machine, iova_bits < bits ? iova_bits : bits);
	}
	machine->mem64 = window.size ? window : machine->mem64_far;
}

/* A bus that came for want of slots on the others, for devices of torc's own, whose BARs are small. */
static bool is_small(const struct machine *machine, unsigned i)
{
	return i > 0 && machine->bus[i].node < 0 && !machine->bus[i].has_passed;
}

/* Small ones have @align bytes each at the end of a window, the others share the rest. */
static struct pci_window share(const struct machine *machine, struct pci_window whole, unsigned i,
			       uint64_t align)
{
	unsigned nr_small = 0, nr_small_before = 0;
	uint64_t size;

	for (unsigned n = 0; n < machine->nr_buses; n++) {
		nr_small += is_small(machine, n);
		nr_small_before += n < i && is_small(machine, n);
	}
	if (machine->nr_buses == 1 || !whole.size)
		return whole;
	size = align_down((whole.size - nr_small * align) / (machine->nr_buses - nr_small), align);
	if (is_small(machine, i))
		return (struct pci_window){ whole.base + whole.size - (nr_small_before + 1) * align,
					    align };
	return (struct pci_window){ whole.base + (i - nr_small_before) * size, size };
}

/* @kept: slots that stay free for devices that come later. */
static int add_bus(struct machine *machine, int node, unsigned kept, struct error *err)
{
	if (machine->nr_buses == ACPI_MAX_PCI_ROOTS) {
		error_set(err, -EINVAL, "devices");
		error_reason(err, "they need more than %u PCI buses of %u slots",
			     ACPI_MAX_PCI_ROOTS, PCI_NR_DEVICES - 1);
		return error_remedy(
			err, "leave some out%s",
			machine->config->hotplug_slots
				? ", or keep fewer slots free: --platform hotplug_slots=0"
				: "");
	}
	machine->bus[machine->nr_buses++] =
		(struct machine_bus){ .node = node, .room = PCI_NR_DEVICES - 1 - kept };
	return 0;
}

static unsigned find_room(const struct machine *machine, int node)
{
	unsigned i = 0;

	while (i < machine->nr_buses && (machine->bus[i].node != node || !machine->bus[i].room))
		i++;
	return i;
}

/* Of torc's own devices no node is true, and the first bus is as good as any while it has room. */
static int choose_bus(struct machine *machine, struct device *device, struct error *err)
{
	int node = device->host_name ? device->guest_node : -1;
	unsigned i = !device->host_name && machine->bus[0].room ? 0 : find_room(machine, node);
	int r = i < machine->nr_buses ? 0 : add_bus(machine, node, 0, err);

	if (r)
		return r;
	machine->bus[i].room--;
	machine->bus[i].has_passed |= device->host_name != NULL;
	device->bus = i;
	return 0;
}

static int plan_buses(struct machine *machine, struct error *err)
{
	const struct config *config = machine->config;
	int r = add_bus(machine, config->nr_nodes ? 0 : -1, config->hotplug_slots, err);

	for (unsigned i = 1; i < config->nr_nodes && !r; i++)
		r = add_bus(machine, (int)i, 1, err);
	DEVICE_FOR_EACH(device, &machine->devices) {
		if (!r)
			r = choose_bus(machine, device, err);
	}
	return r;
}

const struct machine_part machine_part_buses = { .name = "PCI buses planned", .init = plan_buses };

static int init(struct machine *machine, struct error *err)
{
	const struct pci_window io = { LAYOUT_PORT_IO_WINDOW, LAYOUT_PORT_IO_WINDOW_SIZE };
	const struct pci_window mem32 = { LAYOUT_MMIO32, LAYOUT_MMIO32_SIZE };
	unsigned nr = machine->nr_buses;

	choose_mem64(machine, cpuid_phys_bits(machine->cpuid));
	machine->pci = calloc(nr, sizeof(*machine->pci));
	if (!machine->pci)
		return error_set(err, -ENOMEM, "PCI bus");
	for (unsigned i = 0; i < nr; i++) {
		const struct pci_bus_config config = {
			.io = share(machine, io, i, IO_SHARE_ALIGN),
			.mem32 = share(machine, mem32, i, MEM32_SHARE_ALIGN),
			.mem64 = share(machine, machine->mem64, i, MEM64_SHARE_ALIGN),
			.first = i ? machine->pci : NULL,
		};
		int r = pci_bus_init(&machine->pci[i], &config);

		if (r)
			return error_set(err, r, "PCI bus %u", i);
		machine->nr_pci_buses++;
	}
	return 0;
}

static int assign_all(struct machine *machine, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < machine->nr_pci_buses && !r; i++)
		r = pci_bus_assign(&machine->pci[i], err);
	return r;
}

static int assign(struct machine *machine, struct error *err)
{
	struct error why = { 0 };
	int r = assign_all(machine, &why);

	if (r == -ENOSPC && machine->mem64.base != machine->mem64_far.base) {
		/* That devices reach each other is worth less than having them. */
		log_warning(
			"%s: %s, where the IOMMU reaches: devices do not reach each other by DMA",
			why.object, why.reason);
		machine->mem64 = machine->mem64_far;
		for (unsigned i = 0; i < machine->nr_pci_buses; i++)
			machine->pci[i].mem64 =
				share(machine, machine->mem64, i, MEM64_SHARE_ALIGN);
		r = assign_all(machine, err);
	} else if (r) {
		*err = why;
	}
	return r;
}

const struct machine_part machine_part_addresses = { .name = "addresses of BARs", .init = assign };

static int reset(struct machine *machine, struct error *err)
{
	for (unsigned i = 0; i < machine->nr_pci_buses; i++)
		pci_bus_reset(&machine->pci[i]);
	return 0;
}

static void destroy(struct machine *machine)
{
	while (machine->nr_pci_buses)
		pci_bus_destroy(&machine->pci[--machine->nr_pci_buses]);
	free(machine->pci);
	machine->pci = NULL;
}

const struct machine_part machine_part_pci = { "PCI buses", init, destroy, reset };

static struct acpi_window window(struct pci_window w)
{
	return (struct acpi_window){ w.base, w.size };
}

void machine_describe_pci(const struct machine *machine, struct acpi_machine *acpi)
{
	acpi->nr_pci_roots = machine->nr_pci_buses;
	for (unsigned i = 0; i < machine->nr_pci_buses; i++) {
		struct pci_bus *bus = &machine->pci[i];
		int node = machine->bus[i].node;

		acpi->pci_root[i] = (struct acpi_pci_root){
			.domain = node < 0 ? -1 : (int)machine->config->node[node].id,
			.io = window(bus->io),
			.mem32 = window(bus->mem32),
			.mem64 = window(bus->mem64),
			.hotplug_slots = ~pci_bus_fixed_slots(bus),
		};
	}
}
