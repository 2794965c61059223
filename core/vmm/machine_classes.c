/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of devices that a machine can have, and where the configuration says what there is of each. */
#include <stddef.h>

#include "core/base/bits.h"
#include "core/vmm/machine_devices.h"
#include "io/console/class.h"
#include "io/disk/class.h"
#include "io/net/class.h"
#include "io/rng/class.h"
#include "vfio/pci/class.h"

/** A kind. */
struct row {
	const struct device_class *class;
	/* Of a list: where it and the number of its members stand. The first member of each is its id. */
	size_t nr, list, stride;
	/* Of what there is one at most: its id, and what it is configured by; NULL: there is none. */
	const char *id;
	const void *(*config)(const struct config *config);
};

static const void *rng(const struct config *config)
{
	return config->rng;
}

static const void *console(const struct config *config)
{
	return config->console.mode == LINE_OFF ? NULL : &config->console;
}

#define LIST_OF(number, member)                                                         \
	.nr = offsetof(struct config, number), .list = offsetof(struct config, member), \
	.stride = sizeof(*((struct config *)NULL)->member)

/* In the order in which they get their slots. */
static const struct row rows[] = {
	{ &vfio_class, LIST_OF(nr_devices, device) },
	{ &disk_class, LIST_OF(nr_disks, disk) },
	{ &net_class, LIST_OF(nr_nets, net) },
	{ &rng_class, .id = "__rng", .config = rng },
	{ &console_class, .id = "__console", .config = console },
};

static int add_list(const struct config *config, const struct row *row, struct device_list *list,
		    struct error *err)
{
	const char *base = (const char *)config;
	unsigned nr = *(const unsigned *)(const void *)(base + row->nr);
	const char *members = *(const char *const *)(const void *)(base + row->list);
	int r = 0;

	for (unsigned i = 0; i < nr && !r; i++) {
		const void *item = members + i * row->stride;

		r = device_add(list, row->class, *(const char *const *)item, item, err);
	}
	return r;
}

int machine_add_devices(const struct config *config, struct device_list *list, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows) && !r; i++) {
		const void *only = rows[i].config ? rows[i].config(config) : NULL;

		if (!rows[i].config)
			r = add_list(config, &rows[i], list, err);
		else if (only)
			r = device_add(list, rows[i].class, rows[i].id, only, err);
	}
	return r;
}
