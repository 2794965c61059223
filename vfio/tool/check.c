/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/tool/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "vfio/tool/check_internal.h"

/* The most important first. A check is a row here and a function that judges. */
static const struct check_row rows[] = {
	{ "kvm", false, check_kvm, "no guest runs" },
	{ "iommu", false, check_iommu, "no device can be given to a guest" },
	{ "interrupt remapping", false, check_remapping,
	  "without it a guest's device can send any interrupt to the host by a DMA write" },
	{ "vfio", false, check_container, "no device can be given to a guest" },
	{ "io_uring", false, check_io_uring, "torc does all its I/O by io_uring" },
	{ "locked memory", false, check_memlock,
	  "all memory of a guest that has a device is pinned; a systemd service has LimitMEMLOCK= "
	  "for it" },
	{ "devices", false, check_devices, "" },
	{ "driver", true, check_driver, "VFIO gives out what no other driver has" },
	{ "group", true, check_group, "a group goes to one guest, as a whole" },
	{ "access", true, check_access, "this user cannot give the device to a guest" },
	{ "link", true, check_link, "this is all the throughput there is" },
	{ "node", true, check_node,
	  "across nodes each DMA and each doorbell takes about 100 ns longer, and shares the nodes' "
	  "link" },
	{ "aspm", true, check_aspm,
	  "the first access after a pause waits until the link is up: up to tens of us" },
	{ "reset", true, check_reset, "the next guest may see what this one leaves in the device" },
	{ "posted interrupts", false, check_posted,
	  "each interrupt of a device goes by the host, an eventfd and an exit of the vCPU: some "
	  "us" },
	{ "idle states", false, check_idle,
	  "an interrupt or wake-up that finds its CPU asleep waits that long" },
	{ "governor", false, check_governor,
	  "latency after a pause is that of a slow clock, and runs differ from each other" },
	{ "isolated CPUs", false, check_isolated,
	  "other tasks of the host take vCPUs off their CPUs, for ms: the tail of latency" },
	{ "nohz_full", false, check_nohz_full,
	  "each tick is an exit of the vCPU, 100 to 1000 a second; with it each entry to the "
	  "kernel is some 100 ns longer" },
	{ "irqbalance", false, check_irqbalance,
	  "it takes interrupts from where torc has put them, every 10 s" },
	{ "hugepages", false, check_hugepages,
	  "with small pages a TLB miss walks two tables of four levels, and mapping a guest for "
	  "DMA takes longer" },
	{ "thp", false, check_thp,
	  "guests without hugepages=on get pages of 4 KiB: more TLB misses, slower start" },
	{ "numa balancing", false, check_numa_balancing,
	  "guests take page faults that only sample who uses what" },
	{ "ksm", false, check_ksm,
	  "its thread takes CPU time and caches; pinned pages are never merged anyway" },
	{ "halt polling", false, check_halt_poll,
	  "a vCPU that waits is always woken by the scheduler: 5 to 50 us for each wake-up" },
	{ "tsc", false, check_tsc,
	  "each look at the clock by guest and host is slow, and may be an exit" },
	{ "iommu mode", false, check_iommu_mode,
	  "of the host's own drives and NICs, not of a guest's: an IOTLB flush for each unmap" },
	{ "smt", false, check_smt, "" },
	{ "mitigations", false, check_mitigations, "" },
};

/* What the findings are collected in. */
struct collector {
	const struct check_host *host;
	struct vfio_check_finding *finding;
	size_t nr;
};

static const char *const word[VFIO_CHECK_VERDICTS] = {
	[VFIO_CHECK_IN_THE_WAY] = "in the way",
	[VFIO_CHECK_BETTER] = "could be better",
	[VFIO_CHECK_UNKNOWN] = "not known",
	[VFIO_CHECK_FACT] = "fact",
	[VFIO_CHECK_OK] = "ok",
};

const char *vfio_check_word(enum vfio_check_verdict verdict)
{
	return word[verdict];
}

/* All rows of the host, or of a device. */
static void judge(struct collector *c, const struct vfio_inspect *device)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vfio_check_finding *f = &c->finding[c->nr];

		if (rows[i].is_device != !!device)
			continue;
		*f = (struct vfio_check_finding){
			.name = rows[i].name,
			.cost = rows[i].cost,
			.verdict = VFIO_CHECK_NONE,
		};
		if (device)
			memcpy(f->bdf, device->host.bdf, sizeof(f->bdf));
		rows[i].judge(c->host, device, f);
		if (f->verdict != VFIO_CHECK_NONE)
			c->nr++;
	}
}

/* Room for one device's findings more, or the host's. */
static int make_room(struct collector *c, struct error *err)
{
	void *grown = realloc(c->finding, (c->nr + ARRAY_SIZE(rows)) * sizeof(*c->finding));

	if (!grown)
		return error_set(err, -ENOMEM, "findings");
	c->finding = grown;
	return 0;
}

static int judge_device(struct collector *c, const char *bdf, struct error *err)
{
	struct vfio_inspect device;
	int r = vfio_inspect(c->host->paths, bdf, &device, err);

	if (!r)
		r = make_room(c, err);
	if (!r)
		judge(c, &device);
	return r;
}

/* Forgets the devices that vfio-pci does not have. Returns how many it has. */
static unsigned keep_bound(const struct check_host *host, char **names, unsigned nr)
{
	unsigned bound = 0;

	for (unsigned i = 0; i < nr; i++) {
		struct vfio_host_device device;

		if (names[i] && !vfio_host_lookup(host->paths, names[i], &device, NULL) &&
		    vfio_host_is_bound(&device)) {
			bound++;
			continue;
		}
		free(names[i]);
		names[i] = NULL;
	}
	return bound;
}

static int judge_bound(struct collector *c, char **names, unsigned nr, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < nr && !r; i++) {
		if (names[i])
			r = judge_device(c, names[i], err);
		/* Unplugged meanwhile. */
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* Those of a row that have a verdict. */
static void move(const struct collector *c, enum vfio_check_verdict verdict,
		 const struct check_row *row, struct vfio_check_report *report)
{
	for (size_t i = 0; i < c->nr; i++) {
		if (c->finding[i].verdict != verdict || c->finding[i].name != row->name)
			continue;
		report->finding[report->nr++] = c->finding[i];
		report->count[verdict]++;
	}
}

/* The worst first, each verdict in the order of the table. */
static int put_in_order(const struct collector *c, struct vfio_check_report *out, struct error *err)
{
	struct vfio_check_report report = { .nr = 0 };

	report.finding = calloc(c->nr + 1, sizeof(*report.finding));
	if (!report.finding)
		return error_set(err, -ENOMEM, "findings");
	for (unsigned verdict = 0; verdict < VFIO_CHECK_VERDICTS; verdict++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			move(c, verdict, &rows[i], &report);
	}
	*out = report;
	return 0;
}

int vfio_check(const struct vfio_host_paths *paths, char *const *bdf, unsigned nr,
	       struct vfio_check_report *out, struct error *err)
{
	struct check_host *host = malloc(sizeof(*host));
	struct collector c = { .host = host };
	unsigned nr_names;
	char **names;
	int r;

	if (!host)
		return error_set(err, -ENOMEM, "facts");
	check_host_read(host, paths);
	nr_names = check_list(host, "sys/bus/pci/devices", &names);
	host->nr_named = nr;
	host->nr_bound = keep_bound(host, names, nr_names);
	r = make_room(&c, err);
	if (!r)
		judge(&c, NULL);
	for (unsigned i = 0; i < nr && !r; i++)
		r = judge_device(&c, bdf[i], err);
	if (!nr && !r)
		r = judge_bound(&c, names, nr_names, err);
	if (!r)
		r = put_in_order(&c, out, err);
	check_list_free(names, nr_names);
	free(c.finding);
	free(host);
	return r;
}

void vfio_check_destroy(struct vfio_check_report *report)
{
	free(report->finding);
	*report = (struct vfio_check_report){ 0 };
}
