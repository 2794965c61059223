/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Placement: which node and which CPUs of the host each part of a machine gets, and why.
 *
 * Pure: a topology and what the user asked for go in, a plan comes out, or an error. Nothing is changed on the host;
 * whoever takes the plan does that. Every decision is put into words in the plan, so that a user who reads them knows
 * what was done instead of what he may have expected.
 *
 * The rules. What the user says (a zone's node, a vCPU's or ring's CPUs) is done or refused. With the policy OFF that is
 * all. With AUTO what he leaves open follows the passed-through devices: the home node is the one of most devices, of
 * the first one among equals, or the nearest one that has memory for a device on a node without. STRICT is the same
 * but refuses wherever AUTO would have to do something else: a node with too little memory or without CPUs, devices on
 * several nodes for memory on one, a device whose node nobody knows on a host with several. What the user placed
 * himself is no reason to refuse. On a host where one node has memory, a device that does not know its node is on that
 * one. Without devices nothing follows anything.
 *
 * With guest nodes, each of them goes where its zones are, and so do its vCPUs and their rings.
 *
 * Without guest nodes they are with the memory, if the user put all of it on one node, or else on the home node.
 *
 * A vCPU gets a CPU of its own, on a core of its own as long as there are any that nobody else uses, then beside another
 * vCPU of this machine, and on a core of another machine last; all vCPUs of a node share its CPUs when there are too few.
 * Threads of one core of the guest are threads of one core of the host where that has as many. A ring is on its vCPU's
 * node: of a vCPU whose CPUs the user gave, on the node that has them all, or else on the same CPUs, with devices or
 * without. A ring that was to be on the other threads of its vCPU's core and is not is worth a line, and refused when
 * strict.
 *
 * Ordinary memory that goes to no node in particular is not compared with what the host has; everything else is, with
 * its page tables.
 */
#ifndef NUMA_PLACEMENT_H
#define NUMA_PLACEMENT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "numa/topology.h"

#define PLACEMENT_MAX_ZONES   16
#define PLACEMENT_MAX_NODES   16
#define PLACEMENT_MAX_DEVICES 31
#define PLACEMENT_MAX_CPUS    255

enum placement_policy {
	PLACEMENT_AUTO,
	PLACEMENT_OFF,
	PLACEMENT_STRICT,
};

enum placement_rings {
	PLACEMENT_RINGS_NODE,	 /* on any CPU of the vCPU's node */
	PLACEMENT_RINGS_SIBLING, /* on the other threads of the vCPU's core; as above without any */
};

/** A part of guest memory that lies on one node. */
struct placement_zone {
	const char *id;	    /* NULL: the only one, memory that the user did not divide */
	uint64_t size;	    /* bytes */
	int node;	    /* what the user said; -1: nothing */
	uint64_t page_size; /* of huge pages from the host's pool, bytes; 0: ordinary memory */
	bool is_uncounted; /* its file may have the pages already: not compared with what is free */
};

struct placement_device {
	const char *name;
	int node; /* -1: unknown; so is one that is not online */
};

/** A NUMA node of the guest. */
struct placement_guest_node {
	unsigned id;
	cpu_set_t vcpus;
	uint32_t zones; /* a bit for each of request->zone */
};

struct placement_request {
	enum placement_policy policy;
	unsigned nr_vcpus;
	const cpu_set_t *vcpu_cpus[PLACEMENT_MAX_CPUS]; /* what the user said; NULL: nothing */
	const cpu_set_t *ring_cpus[PLACEMENT_MAX_CPUS]; /* likewise, of ring i */
	enum placement_rings rings;
	unsigned nr_zones; /* at least 1 */
	struct placement_zone zone[PLACEMENT_MAX_ZONES];
	unsigned nr_devices;
	struct placement_device device[PLACEMENT_MAX_DEVICES];
	unsigned nr_guest_nodes; /* 0: the guest has no NUMA */
	struct placement_guest_node guest_node[PLACEMENT_MAX_NODES];
	cpu_set_t taken; /* CPUs on which other machines' vCPUs are alone; avoided */
	const char *
		taken_unknown; /* why @taken is not known: no vCPU gets a CPU of its own; NULL: it is */
	unsigned threads_per_core; /* of the guest's CPUs; 0 and 1 alike */
};

/** Where a thread runs. */
struct placement_cpus {
	bool is_set;	/* else wherever the scheduler wants it */
	bool is_single; /* a vCPU on a CPU that no other vCPU of the plan has */
	cpu_set_t cpus;
};

/** Where a zone's memory lies. */
struct placement_memory {
	int node;	/* -1: wherever the kernel puts it */
	bool is_strict; /* there or nowhere; else there as far as there is room */
};

struct placement_plan {
	struct placement_cpus all; /* every thread of torc that the plan does not name */
	struct placement_memory zone[PLACEMENT_MAX_ZONES];
	struct placement_cpus vcpu[PLACEMENT_MAX_CPUS];
	struct placement_cpus ring[PLACEMENT_MAX_CPUS];
	int device_guest_node[PLACEMENT_MAX_DEVICES]; /* its index; -1: none is right */
	char *text; /* one line for each resource, then for each thing that is not as asked for; ends in \n */
};

/**
 * placement_with_tables - what ordinary memory takes with its page tables
 * @size: bytes of guest memory
 *
 * With small pages these are 8 bytes for each 4 KiB, in torc's page table and in that of the guest.
 * Return: bytes.
 */
static inline uint64_t placement_with_tables(uint64_t size)
{
	return size + size / 256;
}

/**
 * placement_make - decide
 * @topology: of the host
 * @request: what the user wants
 * @plan: untouched on failure; placement_destroy() it afterwards. What it says of a zone, vCPU, ring or device that the
 * request does not have means nothing.
 * @err: filled on failure: the zone, vCPU or device; need and free of each node; what to do
 *
 * Any thread. Return: 0; -ENODEV a node that is not online; -ENOMEM a node has no memory, or not enough of it or of huge
 * pages, or out of memory; -EPERM a CPU or node that this process may not use; -EINVAL what cannot be had strictly, or
 * no huge pages of that size.
 */
int placement_make(const struct topology *topology, const struct placement_request *request,
		   struct placement_plan *plan, struct error *err);

/**
 * placement_destroy - free a plan's text
 * @plan: made or zeroed
 */
void placement_destroy(struct placement_plan *plan);

#endif
