/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Memory: large anonymous mappings, aligned for large pages and populated in parallel.
 */
#ifndef NUMA_MEMORY_H
#define NUMA_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

/**
 * memory_map - map anonymous private memory at an address of a given alignment
 * @size: bytes, a multiple of the page size
 * @align: a power of two, at least the page size
 * @thp: ask for transparent huge pages
 * @out: receives the address; untouched on failure
 * @err: filled on failure
 *
 * Nothing is populated; no swap is reserved. Any thread. Return: 0; -ENOMEM.
 */
int memory_map(uint64_t size, uint64_t align, bool thp, void **out, struct error *err);

/**
 * memory_unmap - undo memory_map()
 * @va: from memory_map(), or NULL
 * @size: as mapped
 */
void memory_unmap(void *va, uint64_t size);

/**
 * memory_populate - make every page present and writable
 * @va: 2 MiB-aligned
 * @size: bytes
 * @threads: how many to use, the calling one included; at least 1
 * @cancel: set by another thread to give up soon
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM, -EFAULT of MADV_POPULATE_WRITE; -ECANCELED.
 * Source: madvise(2), Linux 5.14.
 */
int memory_populate(void *va, uint64_t size, unsigned threads, const bool *cancel,
		    struct error *err);

/**
 * memory_populate_threads - how many threads populate fastest here
 *
 * Return: the CPUs this process may use, at most 16.
 */
unsigned memory_populate_threads(void);

#endif
