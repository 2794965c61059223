/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel and initial RAM disk into guest memory, at the start by a thread of their own, and again at each reset. */
#include "core/base/thread.h"
#include "core/kvm/layout.h"
#include "core/vmm/machine_board.h"
#include "core/vmm/machine_internal.h"

int machine_reload(struct machine *machine, struct error *err)
{
	const struct boot_machine boot = {
		.rsdp = LAYOUT_ACPI,
		.ecam_base = LAYOUT_ECAM,
		.ecam_size = machine->nr_buses * LAYOUT_ECAM_SIZE,
	};

	return boot_load(&machine->boot, &machine->mem, &boot, &machine->loader.entry, err);
}

static void *loader_main(void *arg)
{
	struct machine *machine = arg;
	struct machine_loader *loader = &machine->loader;

	loader->result = machine_reload(machine, &loader->error);
	return NULL;
}

static int start_load(struct machine *machine, struct error *err)
{
	struct machine_loader *loader = &machine->loader;
	int r = thread_start(&loader->thread, "loader", loader_main, machine);

	if (r)
		return error_set(err, r, "thread for loading the kernel");
	loader->started = true;
	return 0;
}

int machine_finish_load(struct machine *machine, struct error *err)
{
	struct machine_loader *loader = &machine->loader;

	if (!loader->started)
		return 0;
	pthread_join(loader->thread.id, NULL);
	loader->started = false;
	if (loader->result && err)
		*err = loader->error;
	return loader->result;
}

static void end_load(struct machine *machine)
{
	machine_finish_load(machine, NULL);
}

const struct machine_part machine_part_loader = { "kernel being loaded", start_load, end_load,
						  NULL };
