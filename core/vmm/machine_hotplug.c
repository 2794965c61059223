/* SPDX-License-Identifier: Apache-2.0 */
/* Passed-through devices that leave: failed ones, those that the host wants back, those that the guest ejects. */
#include <errno.h>

#include "core/base/log.h"
#include "core/kvm/layout.h"
#include "core/vmm/machine_device.h"
#include "core/vmm/machine_internal.h"

/* An NVMe drive under load takes some seconds to be let go of; the host's unbind waits for all that time. */
#define DEADLINE_S 20

static void set_irq(void *opaque, bool level)
{
	struct machine *machine = opaque;

	irq_set_line(&machine->vm.irq, LAYOUT_GSI_HOTPLUG, level);
}

/* vCPUs that ran go on, except where one of them waits for the main thread to serve a request of it. */
static void take_off_bus(struct machine *machine, struct pci_device *pci)
{
	bool running = machine->running;

	if (running)
		machine_pause(machine);
	pci_hotplug_remove(&machine->hotplug.pci, pci);
	/* Pairs with the exchange in machine_ask(); vCPUs that are paused ask for nothing. */
	if (running && __atomic_load_n(&machine->request, __ATOMIC_ACQUIRE) == MACHINE_NONE)
		machine_resume(machine);
}

static bool release(void *opaque, unsigned i, bool forced)
{
	struct machine *machine = opaque;
	struct vfio_pci *vp = machine->device[i];

	/* The helper has it. */
	if (vp == machine->in_reset)
		return false;
	if (vp->pci.bus)
		take_off_bus(machine, &vp->pci);
	if (forced)
		log_warning(
			"device %s (%s): the guest did not let go of it within %d s; taken away",
			vp->id, vp->device.host.bdf, DEADLINE_S);
	log_info("device %s (%s): given back to the host", vp->id, vp->device.host.bdf);
	machine->device[i] = NULL;
	vfio_pci_free(vp);
	return true;
}

static const struct hotplug_ops hotplug_ops = { .set_irq = set_irq, .release = release };

static int init(struct machine *machine, struct error *err)
{
	const struct hotplug_config config = {
		.ring = &machine->ring,
		.first = machine->pci,
		.device = machine->hotplug_device,
		.nr_devices = machine->config->nr_devices,
		.deadline_ns = DEADLINE_S * 1000000000ULL,
		.ops = &hotplug_ops,
		.opaque = machine,
	};
	int r = hotplug_init(&machine->hotplug, &config);

	return r ? error_set(err, r, "PCI hotplug") : 0;
}

static void destroy(struct machine *machine)
{
	hotplug_destroy(&machine->hotplug);
}

const struct machine_part machine_part_hotplug = { "hotplug", init, destroy, NULL };

static void log_failed(const struct vfio_pci *vp)
{
	struct error err = { 0 };

	error_set(&err, -EIO, "device %s (%s)", vp->id, vp->device.host.bdf);
	error_reason(&err, "the host reports an uncorrectable error; it is taken from the guest");
	error_remedy(&err, "look at the host's dmesg, reset the device before it is used again");
	log_error_struct(&err);
}

void machine_device_event(void *opaque, struct vfio_pci *vp, enum vfio_pci_event event)
{
	struct machine *machine = opaque;

	for (unsigned i = 0; i < machine->config->nr_devices; i++) {
		if (machine->device[i] != vp)
			continue;
		if (event == VFIO_PCI_FAILED)
			log_failed(vp);
		else if (machine->hotplug_device[i].state == HOTPLUG_STAYS)
			log_warning(
				"device %s (%s): the host wants it back; asking the guest to let go of it",
				vp->id, vp->device.host.bdf);
		hotplug_ask(&machine->hotplug, i);
	}
}
