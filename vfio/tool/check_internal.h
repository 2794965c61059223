/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Check's inside: what the functions that judge are given, how they read a fact and say what they found.
 *
 * A function that judges fills one finding. It reads with check_need() what it cannot judge without, which says "not known"
 * where that fails, and leaves VFIO_CHECK_NONE where the question does not arise. Names of files begin with sys/, proc/ or
 * dev/, which stand for the folders that the caller named; remedies name the host's own. Main thread.
 */
#ifndef VFIO_TOOL_CHECK_INTERNAL_H
#define VFIO_TOOL_CHECK_INTERNAL_H

#include <sched.h>

#include "numa/topology.h"
#include "vfio/tool/check.h"
#include "vfio/tool/inspect.h"

#define CHECK_SYSCTL_FILE   "/etc/sysctl.d/90-torc.conf"
#define CHECK_MODPROBE_FILE "/etc/modprobe.d/torc.conf"
#define CHECK_TMPFILES_FILE "/etc/tmpfiles.d/torc.conf"
#define CHECK_KERNEL	    "kernel command line"

/** What is read once, since several judge by it. */
struct check_host {
	const struct vfio_host_paths *paths;
	char cmdline[4096]; /* the kernel's; "" when it cannot be read */
	char cpu[8192];	    /* of /proc/cpuinfo, the first CPU; likewise */
	char status[8192];  /* of /proc/self/status; likewise */
	bool is_intel, is_amd;
	bool is_guest;	    /* a virtual machine itself */
	unsigned nr_iommus; /* in /sys/class/iommu */
	unsigned nr_named;  /* devices that the caller asks for */
	unsigned nr_bound;  /* devices with vfio-pci */
	int topology_error; /* 0 when the topology is known */
	struct topology topology;
	struct error topology_why;
	cpu_set_t spare; /* all CPUs but the first core of each node: for guests; may be empty */
	char spare_list[1100]; /* two ranges of each of TOPOLOGY_MAX_NODES */
};

/** A row of the table. */
struct check_row {
	const char *name;
	bool is_device; /* it is of a device, not of the host */
	void (*judge)(const struct check_host *host, const struct vfio_inspect *device,
		      struct vfio_check_finding *f);
	const char *cost; /* of its not being as it should be, with a number where there is one */
};

/**
 * check_host_read - read what several judge by
 * @host: receives it
 * @paths: borrowed
 */
void check_host_read(struct check_host *host, const struct vfio_host_paths *paths);

/**
 * check_path - where a file of the host is
 * @host: read
 * @name: "sys/...", "proc/..." or "dev/..."
 * @path: receives the path
 */
void check_path(const struct check_host *host, const char *name, char path[PATH_MAX]);

/**
 * check_exists - whether there is such a file or folder
 * @host: read
 * @fmt: its name, as for check_path(), printf style
 *
 * Return: true when there is.
 */
bool check_exists(const struct check_host *host, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * check_lacks - whether a host's kernel has no such file or folder
 * @host: read
 * @name: as for check_path()
 *
 * Return: true when the folder that it would be in is there, and it is not.
 */
bool check_lacks(const struct check_host *host, const char *name);

/**
 * check_read - the first line of a file
 * @host: read
 * @buf: receives it; untouched on failure
 * @size: of @buf
 * @fmt: its name, as for check_path(), printf style
 *
 * Return: 0; -errno.
 */
int check_read(const struct check_host *host, char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * check_need - the first line of a file without which there is nothing to judge
 * @host: read
 * @f: becomes "not known" on failure
 * @buf: receives the line; untouched on failure
 * @size: of @buf
 * @fmt: its name, as for check_path(), printf style
 *
 * Return: true; false when it cannot be read.
 */
bool check_need(const struct check_host *host, struct vfio_check_finding *f, char *buf, size_t size,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/**
 * check_list - the entries of a folder, in the order of their names with numbers by value
 * @host: read
 * @folder: as for check_path(); "proc/" for that itself
 * @out: receives an array of names, each and itself to be freed; NULL when there are none
 *
 * Return: their number.
 */
unsigned check_list(const struct check_host *host, const char *folder, char ***out);

/**
 * check_list_free - free what check_list() gave
 * @names: the array
 * @nr: their number
 */
void check_list_free(char **names, unsigned nr);

/**
 * check_has_word - whether a text has a word between blanks
 * @text: words
 * @word: the whole of it
 *
 * Return: true when it has.
 */
bool check_has_word(const char *text, const char *word);

/**
 * check_has_flag - whether the CPU has a flag
 * @host: read
 * @flag: as /proc/cpuinfo calls it
 *
 * Return: true when it has; false also when nothing is known of the CPU.
 */
bool check_has_flag(const struct check_host *host, const char *flag);

/**
 * check_capable - whether this process has a capability
 * @host: read
 * @cap: of <linux/capability.h>
 *
 * Return: true when it is effective.
 */
bool check_capable(const struct check_host *host, unsigned cap);

/**
 * check_say - the verdict and the reason
 * @f: receives them
 * @verdict: the verdict
 * @fmt: the reason, printf style, no trailing full stop
 */
void check_say(struct vfio_check_finding *f, enum vfio_check_verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * check_now - one more command that changes it
 * @f: receives it
 * @fmt: the command, printf style
 */
void check_now(struct vfio_check_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * check_lasting - what makes the change last over a reboot; one more line of the same file
 * @f: receives it
 * @where: a file, CHECK_KERNEL, "firmware"
 * @fmt: what to write there, printf style
 */
void check_lasting(struct vfio_check_finding *f, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * check_module - how a module's parameter is changed, and how it stays so
 * @host: read
 * @f: receives it
 * @module: its name
 * @parameter: of it
 * @value: wanted
 * @is_writable: while the module is loaded; otherwise it is loaded anew
 */
void check_module(const struct check_host *host, struct vfio_check_finding *f, const char *module,
		  const char *parameter, const char *value, bool is_writable);

/**
 * check_sysctl - how a sysctl is changed, and how it stays so
 * @f: receives it
 * @name: "kernel.numa_balancing"
 * @value: wanted
 */
void check_sysctl(struct vfio_check_finding *f, const char *name, const char *value);

/**
 * check_more_pages - how a node gets huge pages
 * @host: read
 * @f: receives it
 * @node: its number
 */
void check_more_pages(const struct check_host *host, struct vfio_check_finding *f, unsigned node);

/**
 * check_sysfs - how a file of sysfs is changed, and how it stays so
 * @f: receives it
 * @path: absolute; may be a pattern that stands for several
 * @value: wanted
 */
void check_sysfs(struct vfio_check_finding *f, const char *path, const char *value);

/** check_kvm - whether /dev/kvm can be opened; a row of the table. */
void check_kvm(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f);

/** check_iommu - whether an IOMMU is on; a row of the table. */
void check_iommu(const struct check_host *host, const struct vfio_inspect *device,
		 struct vfio_check_finding *f);

/** check_remapping - whether the IOMMU remaps interrupts, which VFIO insists on; a row of the table. */
void check_remapping(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f);

/** check_container - whether VFIO can be opened; a row of the table. */
void check_container(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f);

/** check_io_uring - whether this process may have rings; a row of the table. */
void check_io_uring(const struct check_host *host, const struct vfio_inspect *device,
		    struct vfio_check_finding *f);

/** check_memlock - how much memory this process may pin; a row of the table. */
void check_memlock(const struct check_host *host, const struct vfio_inspect *device,
		   struct vfio_check_finding *f);

/** check_devices - whether there is any device to judge; a row of the table. */
void check_devices(const struct check_host *host, const struct vfio_inspect *device,
		   struct vfio_check_finding *f);

/** check_posted - whether interrupts of devices reach a running vCPU without an exit; a row of the table. */
void check_posted(const struct check_host *host, const struct vfio_inspect *device,
		  struct vfio_check_finding *f);

/** check_iommu_mode - how the host's own DMA is translated; a row of the table. */
void check_iommu_mode(const struct check_host *host, const struct vfio_inspect *device,
		      struct vfio_check_finding *f);

/** check_hugepages - huge pages of each node; a row of the table. */
void check_hugepages(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f);

/** check_thp - whether other memory of guests comes in huge pages; a row of the table. */
void check_thp(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f);

/** check_numa_balancing - whether the kernel takes memory away to see who uses it; a row of the table. */
void check_numa_balancing(const struct check_host *host, const struct vfio_inspect *device,
			  struct vfio_check_finding *f);

/** check_ksm - whether the kernel looks for equal pages; a row of the table. */
void check_ksm(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f);

/** check_idle - idle states that take long to leave; a row of the table. */
void check_idle(const struct check_host *host, const struct vfio_inspect *device,
		struct vfio_check_finding *f);

/** check_governor - whether CPUs run at full clock; a row of the table. */
void check_governor(const struct check_host *host, const struct vfio_inspect *device,
		    struct vfio_check_finding *f);

/** check_isolated - CPUs on which nothing else is scheduled; a row of the table. */
void check_isolated(const struct check_host *host, const struct vfio_inspect *device,
		    struct vfio_check_finding *f);

/** check_nohz_full - CPUs without a tick; a row of the table. */
void check_nohz_full(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f);

/** check_irqbalance - whether somebody moves interrupts about; a row of the table. */
void check_irqbalance(const struct check_host *host, const struct vfio_inspect *device,
		      struct vfio_check_finding *f);

/** check_halt_poll - whether KVM polls before a vCPU sleeps; a row of the table. */
void check_halt_poll(const struct check_host *host, const struct vfio_inspect *device,
		     struct vfio_check_finding *f);

/** check_tsc - whether the TSC is invariant, and the host's clock; a row of the table. */
void check_tsc(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f);

/** check_smt - whether cores are shared by two threads; a row of the table. */
void check_smt(const struct check_host *host, const struct vfio_inspect *device,
	       struct vfio_check_finding *f);

/** check_mitigations - what is done about the CPU's vulnerabilities; a row of the table. */
void check_mitigations(const struct check_host *host, const struct vfio_inspect *device,
		       struct vfio_check_finding *f);

/** check_driver - whether vfio-pci has the device, or could have it; a row of the table. */
void check_driver(const struct check_host *host, const struct vfio_inspect *device,
		  struct vfio_check_finding *f);

/** check_group - who shares the device's group, and whether VFIO gives the group out; a row of the table. */
void check_group(const struct check_host *host, const struct vfio_inspect *device,
		 struct vfio_check_finding *f);

/** check_access - whether the group's node can be opened; a row of the table. */
void check_access(const struct check_host *host, const struct vfio_inspect *device,
		  struct vfio_check_finding *f);

/** check_reset - how the device is reset between guests; a row of the table. */
void check_reset(const struct check_host *host, const struct vfio_inspect *device,
		 struct vfio_check_finding *f);

/** check_link - whether the device's link is as fast as the device; a row of the table. */
void check_link(const struct check_host *host, const struct vfio_inspect *device,
		struct vfio_check_finding *f);

/** check_aspm - whether the device's link sleeps; a row of the table. */
void check_aspm(const struct check_host *host, const struct vfio_inspect *device,
		struct vfio_check_finding *f);

/** check_node - the device's NUMA node, and its memory; a row of the table. */
void check_node(const struct check_host *host, const struct vfio_inspect *device,
		struct vfio_check_finding *f);

#endif
