/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Guest memory: its zones, what was populated, what rings have registered. Between the machine's files; nobody else includes it.
 */
#ifndef CORE_VMM_MACHINE_MEMORY_H
#define CORE_VMM_MACHINE_MEMORY_H

#include "core/vmm/machine_internal.h"

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
 * machine_report_memory - log how long populating took and on which nodes guest memory is
 * @machine: populated
 * @took_ns: how long
 */
void machine_report_memory(const struct machine *machine, uint64_t took_ns);

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
 * The machine's thread.
 */
void machine_finish_register(struct machine *machine);

#endif
