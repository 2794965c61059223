/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Memory: what guest memory is made of, where it lies, and that it is there.
 *
 * Address space is reserved as a whole; pieces of sources (ordinary pages, the host's pool of huge pages, a file) are
 * mapped into it, bound to nodes, populated by threads on these nodes, and counted afterwards page by page. All pieces are
 * multiples of 2 MiB. Main thread, but for what says otherwise.
 * Source: mmap(2), memfd_create(2), mbind(2), madvise(2), move_pages(2), Linux Documentation/admin-guide/mm.
 */
#ifndef NUMA_MEMORY_H
#define NUMA_MEMORY_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

/** What a source is to be made of. */
struct memory_backing {
	const char *file; /* path of a file to map, or of a folder to make one in; NULL: none */
	uint64_t
		page_size; /* of huge pages from the host's pool, bytes; 0: ordinary pages, or as @file has them */
	bool shared;	/* other processes can map it as well */
	bool thp;	/* transparent huge pages where there are ordinary ones */
	bool mergeable; /* by KSM */
};

struct memory_source {
	const char *name;   /* borrowed; names it in errors, and its memfd in /proc/PID/maps */
	int fd;		    /* -1: anonymous */
	uint64_t page_size; /* bytes: 4 KiB, or that of its huge pages */
	bool shared, thp, mergeable;
};

/**
 * memory_source_open - have something to map
 * @source: untouched on failure; memory_source_close() it afterwards
 * @name: of the zone, outlives @source
 * @backing: what it is made of
 * @size: bytes that will be mapped of it
 * @err: filled on failure
 *
 * A file that is shorter is made longer, one in a folder has no name and goes with the last mapping.
 * Return: 0; -EINVAL @size is no multiple of the pages, or no such huge pages; -ENOSPC the file system is too full;
 * -errno of open(2), ftruncate(2), memfd_create(2).
 */
int memory_source_open(struct memory_source *source, const char *name,
		       const struct memory_backing *backing, uint64_t size, struct error *err);

/**
 * memory_source_close - close what memory_source_open() opened; mappings stay
 * @source: opened, or zeroed with fd -1
 */
void memory_source_close(struct memory_source *source);

/**
 * memory_reserve - take address space in which nothing is mapped yet
 * @size: bytes
 * @align: a power of two, at least the page size
 * @out: receives the address; memory_unmap() it; untouched on failure
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int memory_reserve(uint64_t size, uint64_t align, void **out, struct error *err);

/**
 * memory_map - map a piece of a source
 * @source: opened
 * @offset: of the piece in it
 * @va: in reserved address space; congruent to @offset modulo the source's pages
 * @size: bytes
 * @err: filled on failure
 *
 * Nothing is populated. Huge pages are reserved: that fails here where the host has too few, on all of its nodes.
 * Neither core files nor forked children get it. Return: 0; -ENOMEM; -errno of mmap(2); -ENOTSUP no KSM.
 */
int memory_map(const struct memory_source *source, uint64_t offset, void *va, uint64_t size,
	       struct error *err);

/**
 * memory_unmap - give address space back, with all that is mapped in it
 * @va: from memory_reserve(), or NULL
 * @size: as reserved
 */
void memory_unmap(void *va, uint64_t size);

/**
 * memory_bind - say on which node pages are to be, before there are any
 * @va: start of a mapping
 * @size: bytes
 * @node: online
 * @strict: there or nowhere; else nearby when that node is full
 * @err: filled on failure
 *
 * A kernel without NUMA has nothing to say, and all memory on node 0.
 * Return: 0; -EINVAL the node is not there, or not for this process; -EPERM a seccomp filter has no mbind(2).
 */
int memory_bind(void *va, uint64_t size, int node, bool strict, struct error *err);

/** A piece to populate. */
struct memory_part {
	void *va;
	uint64_t size;
	uint64_t page_size;
	int node;	       /* parts of a node share its threads */
	const cpu_set_t *cpus; /* where these run; NULL: where the caller may */
};

struct memory_populate_options {
	unsigned threads;   /* of each node; 0: one for each of its CPUs, at most 16 */
	const bool *cancel; /* set by another thread to give up soon; NULL: nobody does */
	/* Called every 200 ms by the thread that waits; NULL: nobody wants to know. */
	void (*progress)(void *opaque, uint64_t done, uint64_t total);
	void *opaque;
};

/**
 * memory_populate - make every page present and writable
 * @part: what; all nodes at the same time
 * @nr: of parts
 * @options: how
 * @err: filled on failure
 *
 * Any thread. Return: 0; -ENOMEM, -EFAULT of MADV_POPULATE_WRITE (Linux 5.14); -EAGAIN no thread; -ECANCELED.
 */
int memory_populate(const struct memory_part *part, unsigned nr,
		    const struct memory_populate_options *options, struct error *err);

#define MEMORY_MAX_NODES 64

struct memory_on_node {
	unsigned node;
	uint64_t size; /* bytes present there */
};

/** How much is where. */
struct memory_census {
	unsigned nr;
	struct memory_on_node on[MEMORY_MAX_NODES]; /* in the order of their appearance */
};

/**
 * memory_census_add - count pages
 * @census: zeroed, or holds others
 * @node: where they are
 * @size: bytes
 */
void memory_census_add(struct memory_census *census, unsigned node, uint64_t size);

/**
 * memory_each_mapping - look at all mappings of this process
 * @seen: called for each mapping and node that has pages of it
 * @opaque: for @seen
 *
 * Goes through the page tables of the whole process. Neighbours that are alike are one mapping.
 * Any thread. Return: 0; -ENOENT a kernel without NUMA; -errno. Source: numa_maps in proc(5).
 */
int memory_each_mapping(void (*seen)(void *opaque, const void *start, unsigned node, uint64_t size),
			void *opaque);

/**
 * memory_find_elsewhere - the first page that is present, but not on a node
 * @va: start
 * @size: bytes
 * @page_size: step, bytes
 * @node: the node
 * @offset: receives the page's offset from @va; untouched unless one is found
 * @where: receives its node; likewise
 *
 * Any thread. Return: 1 found; 0 there is none; -errno. Source: move_pages(2).
 */
int memory_find_elsewhere(const void *va, uint64_t size, uint64_t page_size, int node,
			  uint64_t *offset, int *where);

#endif
