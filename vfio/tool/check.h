/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Check: whether a host is fit for guests that have its devices, and what to change; of torc-vfio only.
 *
 * One table (check.c) has a row for each thing that can be said: its name, the function that judges it, and what it costs
 * where it is not as it should be. Facts come from sysfs, procfs and the nodes in /dev alone, below the folders that the
 * caller names; nothing is opened that somebody might miss meanwhile, nothing is changed. What cannot be read is not
 * known, and is said to be so. Main thread.
 */
#ifndef VFIO_TOOL_CHECK_H
#define VFIO_TOOL_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/error.h"
#include "vfio/bind/host.h"

/** In the order in which they are shown. */
enum vfio_check_verdict {
	VFIO_CHECK_IN_THE_WAY, /* no guest can have the device, or any device */
	VFIO_CHECK_BETTER,     /* it costs latency, throughput or an even run of them */
	VFIO_CHECK_UNKNOWN,    /* why is said in the reason */
	VFIO_CHECK_FACT,       /* to know when numbers are compared; neither good nor bad */
	VFIO_CHECK_OK,
	VFIO_CHECK_VERDICTS,
	VFIO_CHECK_NONE = VFIO_CHECK_VERDICTS, /* it does not arise here: is not shown */
};

struct vfio_check_finding {
	const char *name; /* of the check: "io_uring" */
	const char *cost; /* of its not being as it should be */
	char bdf[16];	  /* "" of the host as a whole */
	enum vfio_check_verdict verdict;
	char reason[1280];
	char now[768]; /* commands that change it, a line each; "" for none */
	/* What makes it last: a file, "kernel command line", "firmware"...; "" for nothing. */
	char where[96];
	char line[1280]; /* what to write or set there; may be several lines of a file */
};

struct vfio_check_report {
	struct vfio_check_finding *finding; /* ordered by verdict; the table's order within */
	size_t nr;
	unsigned count[VFIO_CHECK_VERDICTS]; /* of each verdict */
};

/**
 * vfio_check - judge a host and devices of it
 * @paths: of the host; dev may be "", whose nodes are not known then
 * @bdf: devices; @nr of them
 * @nr: 0: every device that is bound to vfio-pci
 * @out: receives the report, for vfio_check_destroy(); untouched on failure
 * @err: filled on failure
 *
 * Return: 0, also when something is in the way; -ENOENT no such device; -EINVAL not an address; -ENOMEM.
 */
int vfio_check(const struct vfio_host_paths *paths, char *const *bdf, unsigned nr,
	       struct vfio_check_report *out, struct error *err);

/**
 * vfio_check_destroy - free what a report holds
 * @report: from vfio_check(), or zeroes
 */
void vfio_check_destroy(struct vfio_check_report *report);

/**
 * vfio_check_word - what a verdict is called
 * @verdict: below VFIO_CHECK_VERDICTS
 *
 * Return: "in the way", "could be better", "not known", "fact" or "ok".
 */
const char *vfio_check_word(enum vfio_check_verdict verdict);

/**
 * vfio_check_print - a report for people
 * @report: from vfio_check()
 * @width: columns, at which sentences are wrapped and commands are not; 0: nothing is wrapped
 * @out: where to
 */
void vfio_check_print(const struct vfio_check_report *report, unsigned width, FILE *out);

/**
 * vfio_check_print_json - a report for programs, as an object
 * @report: from vfio_check()
 * @out: where to
 * @err: filled on failure
 *
 * Return: 0; -ENOMEM.
 */
int vfio_check_print_json(const struct vfio_check_report *report, FILE *out, struct error *err);

#endif
