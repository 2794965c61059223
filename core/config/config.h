/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Configuration: from the command line, or a file of JSON, to a struct. Opens no file but that, changes nothing.
 *
 * Option names and key=value syntax are Cloud Hypervisor's. An option takes one value, several
 * after it, or is repeated, where it names things of which there can be several (--device
 * path=a path=b). Sizes take K, M, G, T.
 */
#ifndef CORE_CONFIG_CONFIG_H
#define CORE_CONFIG_CONFIG_H

#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/schema/schema.h"
#include "io/disk/blk.h"
#include "io/line/line.h"
#include "io/net/net.h"
#include "vfio/pci/class.h"

#define CONFIG_MAX_CPUS	      255
#define CONFIG_RING_POLL_AUTO UINT_MAX
#define CONFIG_MAX_ZONES      16
#define CONFIG_MAX_NODES      SCHEMA_MAX_NODES
#define CONFIG_LOCAL_DISTANCE 10  /* of a node to itself; ACPI 6.5, 5.2.17 */
#define CONFIG_MAX_DISTANCE   255 /* out of reach */
#define CONFIG_MAX_DEVICES    512 /* of all kinds; what there are buses for is the machine's to say */
#define CONFIG_MAX_PASSED     31 /* of them, passed-through ones */

struct config_topology {
	unsigned threads_per_core;
	unsigned cores_per_die;
	unsigned dies_per_package;
	unsigned packages;
};

struct config_cpus {
	unsigned boot;			   /* 1 to CONFIG_MAX_CPUS */
	struct config_topology topology;   /* all 0: one package of single-thread cores */
	unsigned max;			   /* as boot */
	struct schema_affinities affinity; /* of vCPUs, each below boot */
	bool idle_in_guest; /* HLT does not leave the guest; the host's CPU is the vCPU's alone */
	bool nested;	    /* the guest may run guests of its own */
	bool pmu;	    /* it has performance counters */
};

/** What guest memory, or a zone of it, is made of. */
struct config_backing {
	bool shared;	/* in a file that other processes can map: a memfd, unless one is named */
	bool mergeable; /* by KSM; not with shared or hugepages */
	bool prefault;	/* all of it is there before the guest starts */
	bool thp;	/* transparent huge pages, where the pages are ordinary ones */
	bool hugepages; /* from the host's pool */
	uint64_t hugepage_size; /* bytes, a power of two; 0: the host's default, or no hugepages */
};

struct config_memory {
	uint64_t size; /* bytes in all, zones included; a multiple of 2 MiB, at least 64 MiB */
	struct config_backing backing; /* only without zones, which have their own */
};

/** A value of --memory-zone. */
struct config_zone {
	char *id;      /* never NULL, no two are equal */
	uint64_t size; /* bytes, a multiple of 2 MiB and of a huge page of a given size */
	char *file; /* a file to map, or a folder to make one in; NULL: none; not with hugepages */
	int host_node; /* -1: not given */
	struct config_backing backing;
	uint64_t hotplug_size; /* as JSON has it; there is none */
};

/** A value of --numa. All vCPUs and all zones are in one node each; each node has some of them. */
struct config_node {
	unsigned id; /* its index in config->node */
	cpu_set_t vcpus;
	struct schema_names zone_ids;
	uint32_t zones; /* likewise: a bit for each of config->zone */
	unsigned
		distance[CONFIG_MAX_NODES]; /* to each of config->node; 10 is local, 0: not given */
};

/** What becomes of memory, vCPUs and rings whose place was not given. */
enum config_numa {
	CONFIG_NUMA_AUTO,   /* they follow the passed-through devices */
	CONFIG_NUMA_OFF,    /* the kernel chooses */
	CONFIG_NUMA_STRICT, /* as AUTO, or not at all */
};

/** Where a ring runs that has no affinity of its own. */
enum config_rings {
	CONFIG_RINGS_NODE,    /* on its vCPU's node */
	CONFIG_RINGS_SIBLING, /* on its vCPU's core */
};

/** --metrics. */
struct config_metrics {
	char *path;	     /* NULL: none */
	unsigned interval_s; /* at which the file there is written; 0: it is a socket */
	mode_t mode;	     /* of the file or socket */
};

enum config_action {
	CONFIG_RUN,
	CONFIG_HELP,	/* print the usage, exit 0 */
	CONFIG_VERSION, /* print the version, exit 0 */
	CONFIG_SCHEMA,	/* print what torc can be told, exit 0 */
};

/** A line as JSON has it. */
struct config_line {
	unsigned mode; /* an enum line_mode */
	char *file, *socket;
	mode_t access;
};

struct config {
	enum config_action action;
	void (*print_schema)(FILE *out); /* of CONFIG_SCHEMA */
	char *file;			 /* of --config; NULL: none */
	bool is_json;  /* it came from there, where clients say more than they mean */
	char *unknown; /* keys there that torc does not know, with commas between; NULL: none */
	unsigned nr_unknown; /* of them */
	char *kernel;
	char *initramfs; /* NULL: none */
	char *cmdline;	 /* never NULL */
	struct config_cpus cpus;
	struct config_memory memory;
	unsigned nr_zones; /* 0: memory is as config->memory says */
	struct config_zone *zone;
	unsigned nr_nodes; /* 0: the guest has no NUMA */
	struct config_node *node;
	enum config_numa numa;
	struct schema_affinities
		rings; /* of vCPUs' rings; word: an enum config_rings, for the others */
	bool print;    /* what is configured as JSON, exit 0 */
	bool dry_run;  /* print where everything would be, exit 0 */
	struct line_config serial;
	struct line_config console;
	struct config_line serial_json, console_json; /* the same, while they are read or written */
	unsigned nr_devices;
	/* Of devices, strings are the configuration's, and so is the id where none was given. */
	struct vfio_options *device;
	unsigned hotplug_slots;	  /* of bus 0 that stay free at the start */
	unsigned nr_pci_segments; /* as JSON has it; there is one */
	uint64_t hotplug_size;	  /* likewise; there is none */
	bool p2p;		  /* devices reach each other's BARs by DMA */
	unsigned nr_disks;
	struct virtio_blk_options *disk;
	unsigned nr_nets;
	struct virtio_net_options *net;
	struct config_metrics metrics;
	char *rng;	       /* path of the entropy source; NULL: no such device */
	unsigned ring_poll_us; /* CONFIG_RING_POLL_AUTO: as the ring finds best */
	struct log_config log;
};

/**
 * config_has_topology - whether one was given of the vCPUs that there are
 * @cpus: parsed; JSON may have one of those that might be added
 *
 * Return: whether it was.
 */
static inline bool config_has_topology(const struct config_cpus *cpus)
{
	const struct config_topology *t = &cpus->topology;

	return t->packages && (uint64_t)t->threads_per_core * t->cores_per_die *
					      t->dies_per_package * t->packages ==
				      cpus->boot;
}

/**
 * config_parse - read a command line
 * @config: untouched on failure; config_destroy() it afterwards
 * @argc: as main()'s
 * @argv: as main()'s
 * @err: filled on failure, for -EINVAL with usage = true: "option --memry: unknown",
 * remedy "did you mean --memory?"
 *
 * Main thread (getopt_long). Return: 0; -EINVAL; -ENOMEM.
 */
int config_parse(struct config *config, int argc, char **argv, struct error *err);

/**
 * config_destroy - free what config_parse() allocated
 * @config: parsed or zeroed
 */
void config_destroy(struct config *config);

/**
 * config_print - what is configured as JSON, which --config reads the same from
 * @config: parsed
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -EINVAL when a text is not UTF-8.
 */
int config_print(const struct config *config, FILE *out, struct error *err);

/**
 * config_usage - print the options with a line of explanation each
 * @out: stdout for --help
 */
void config_usage(FILE *out);

#endif
