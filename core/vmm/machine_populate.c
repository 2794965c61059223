/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Populating guest memory before the guest starts, where the user wants that, with his seeing how far it is, and able
 * to end it by a signal. Nothing goes on beside it: the address space's lock is populating's, and each mmap(2) of
 * something else would make all of its threads wait (2 GiB and a machine took 148 ms at the same time, 127 in a row).
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/vmm/machine_devices.h"
#include "core/vmm/machine_internal.h"
#include "core/vmm/machine_memory.h"
#include "core/vmm/machine_run.h"

#define QUIET_NS    2000000000	/* what takes no longer is not worth a bar */
#define LOG_STEP_NS 10000000000 /* between two lines of the log */
#define BAR_WIDTH   40

static void draw_bar(uint64_t done, uint64_t total)
{
	unsigned full = (unsigned)(done * BAR_WIDTH / total);
	char bar[BAR_WIDTH + 1];

	for (unsigned i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\rtorc: populating guest memory [%s] %llu of %llu MiB", bar,
		(unsigned long long)(done / MIB), (unsigned long long)(total / MIB));
}

static void progress(void *opaque, uint64_t done, uint64_t total)
{
	struct machine *machine = opaque;
	struct machine_populate *p = &machine->populate;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (machine_ends(machine))
		__atomic_store_n(&p->cancel, true, __ATOMIC_RELAXED);
	if (now - p->start_ns < QUIET_NS)
		return;
	if (isatty(STDERR_FILENO)) {
		draw_bar(done, total);
		p->has_bar = true;
	} else if (now >= p->next_line_ns) {
		log_notice("guest memory: %llu of %llu MiB populated",
			   (unsigned long long)(done / MIB), (unsigned long long)(total / MIB));
		p->next_line_ns = now + LOG_STEP_NS;
	}
}

static bool is_first(const struct guest_zone_config *zone, const struct config *config, unsigned i)
{
	bool prefault = config->nr_zones ? config->zone[i].backing.prefault
					 : config->memory.backing.prefault;

	/* What is promised is so before the guest runs. */
	return zone->populate && (prefault || zone->is_strict);
}

static int populate(struct machine *machine, struct error *err)
{
	struct machine_populate *p = &machine->populate;
	const struct memory_populate_options options = {
		.cancel = &p->cancel,
		.progress = progress,
		.opaque = machine,
	};
	bool wanted = machine_waits_for_dma(machine);
	int r;

	for (unsigned i = 0; i < machine->mem.nr_zones; i++)
		wanted |= is_first(&machine->mem.zone[i].config, machine->config, i);
	if (!wanted)
		return 0;
	p->start_ns = clock_ns(CLOCK_MONOTONIC);
	r = guest_mem_populate(&machine->mem, &options, err);
	if (p->has_bar)
		fputs("\r\033[K", stderr);
	/* That may come when all that is left to do is under way. */
	if (!r && machine_ends(machine))
		r = error_set(err, -ECANCELED, "populate guest memory");
	if (!r)
		machine_report_memory(machine, clock_ns(CLOCK_MONOTONIC) - p->start_ns);
	else if (r == -ECANCELED)
		error_reason(err, "a signal ended torc before it was done");
	return r;
}

const struct machine_part machine_part_populated = { .name = "memory populated", .init = populate };

static void warn_of_elsewhere(const struct guest_zone *zone)
{
	const struct memory_census *census = &zone->census;
	uint64_t there = 0, elsewhere = 0;

	for (unsigned i = 0; i < census->nr && zone->config.node >= 0; i++) {
		bool is_there = (int)census->on[i].node == zone->config.node;

		*(is_there ? &there : &elsewhere) += census->on[i].size;
	}
	if (elsewhere)
		log_warning("zone %s: %llu of %llu MiB are not on node %d", zone->config.id,
			    (unsigned long long)(elsewhere / MIB),
			    (unsigned long long)((there + elsewhere) / MIB), zone->config.node);
}

/* Of all zones together: neighbours on the same node may have become one mapping. */
void machine_report_memory(const struct machine *machine, uint64_t took_ns)
{
	const struct guest_mem *mem = &machine->mem;
	struct memory_census sum = { 0 };

	log_info("guest memory: populated in %llu ms", (unsigned long long)(took_ns / 1000000));
	for (unsigned i = 0; i < mem->nr_zones; i++) {
		const struct memory_census *census = &mem->zone[i].census;

		for (unsigned n = 0; n < census->nr; n++)
			memory_census_add(&sum, census->on[n].node, census->on[n].size);
	}
	for (unsigned n = 0; n < sum.nr; n++)
		log_info("guest memory: %llu MiB are on node %u",
			 (unsigned long long)(sum.on[n].size / MIB), sum.on[n].node);
	for (unsigned i = 0; i < mem->nr_zones; i++)
		warn_of_elsewhere(&mem->zone[i]);
}
