/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the host has what the machine needs, as far as that can be told before anything is changed. */
#include <errno.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#include "core/base/bits.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_memory.h"

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

static int check(struct machine *machine, struct error *err)
{
	int r = check_memory(machine, err);

	if (!r && machine->config->nr_devices)
		r = vfio_memlock_check(machine->config->memory.size, err);
	return r;
}

const struct machine_part machine_part_check = { .name = "memory checked", .init = check };
