/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The kernel's side of binding, for a tree made by a test: what vfio/bind/bind_sys.h asks of it.
 *
 * Devices are the folders sys/bus/pci/devices/BDF/, drivers sys/bus/pci/drivers/NAME/; a file natural in a device's folder
 * names the driver that takes it without driver_override. Each NVMe drive has 8 flexible queues, at most 3 for one function,
 * 4 flexible interrupts, and the secondary controllers 5 and 6, virtual functions 1 and 2. One thread.
 */
#ifndef TESTS_FAKE_BIND_SYS_H
#define TESTS_FAKE_BIND_SYS_H

#include <stdbool.h>

#include "vfio/bind/bind_sys.h"

#define FAKE_BIND_KILLED 99 /* exit status */

struct fake_bind {
	const char *root;    /* sys/ in it is the tree */
	unsigned nr_writes;  /* so far */
	unsigned kill_at;    /* the process ends before this write, counted from 1; 0: never */
	bool is_busy;	     /* groups are somebody else's */
	bool refuses;	     /* drivers do not take devices by drivers_probe */
	const char *module;  /* the driver that modprobe makes appear; NULL: none can be loaded */
	const char *claimed; /* a node in exclusive use; NULL: none */
	const char *closed;  /* a link that is gone after a pause; NULL: none */
	const char *with_address; /* an interface that has one; NULL: none */
	unsigned nr_managed;	 /* Virtualization Management commands, the last of which are in: */
	uint32_t managed[16][2]; /* cdw10 and cdw11 */
};

extern struct fake_bind fake_bind;

#endif
