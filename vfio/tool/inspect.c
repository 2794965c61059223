/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/tool/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "vfio/bind/bind.h"

#define CONFIG_SIZE 256 /* standard capabilities only */
/* <linux/ioport.h> of the kernel, which sysfs shows as they are. */
#define RESOURCE_IO	  0x100
#define RESOURCE_PREFETCH 0x2000
#define RESOURCE_MEM_64	  0x100000

static uint32_t read_id(const struct vfio_host_device *host, const char *name)
{
	char path[PATH_MAX + 64];
	int64_t v = 0;

	file_read_i64(vfio_host_file(host, name, path), &v);
	return (uint32_t)v;
}

static void read_bars(struct vfio_inspect *d)
{
	char path[PATH_MAX + 64], line[128];
	FILE *file = fopen(vfio_host_file(&d->host, "resource", path), "re");

	for (unsigned i = 0; file && i < VFIO_INSPECT_BARS && fgets(line, sizeof(line), file);
	     i++) {
		unsigned long long start, end, flags;

		if (sscanf(line, "%llx %llx %llx", &start, &end, &flags) != 3 || !flags)
			continue;
		d->bar[i] = (struct vfio_inspect_bar){
			.start = start,
			.size = end - start + 1,
			.is_io = flags & RESOURCE_IO,
			.is_64bit = flags & RESOURCE_MEM_64,
			.is_prefetchable = flags & RESOURCE_PREFETCH,
		};
	}
	if (file)
		fclose(file);
}

static void read_msi(struct vfio_inspect *d, const uint8_t *cap)
{
	unsigned flags = (unsigned)get_le(cap + PCI_MSI_FLAGS, 2);

	d->msi_vectors = 1U << ((flags & PCI_MSI_FLAGS_QMASK) >> 1);
	d->msi_is_64bit = flags & PCI_MSI_FLAGS_64BIT;
	d->msi_is_maskable = flags & PCI_MSI_FLAGS_MASKBIT;
}

static void read_msix(struct vfio_inspect *d, const uint8_t *cap)
{
	uint32_t table = (uint32_t)get_le(cap + PCI_MSIX_TABLE, 4);
	uint32_t pba = (uint32_t)get_le(cap + PCI_MSIX_PBA, 4);

	d->msix_vectors = ((unsigned)get_le(cap + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
	d->msix_table_bar = table & PCI_MSIX_TABLE_BIR;
	d->msix_table_offset = table & PCI_MSIX_TABLE_OFFSET;
	d->msix_pba_bar = pba & PCI_MSIX_PBA_BIR;
	d->msix_pba_offset = pba & PCI_MSIX_PBA_OFFSET;
}

static void read_capability(struct vfio_inspect *d, const uint8_t *cap, unsigned room)
{
	switch (cap[PCI_CAP_LIST_ID]) {
	case PCI_CAP_ID_MSI:
		if (room >= PCI_MSI_FLAGS + 2)
			read_msi(d, cap);
		break;
	case PCI_CAP_ID_MSIX:
		if (room >= PCI_CAP_MSIX_SIZEOF)
			read_msix(d, cap);
		break;
	case PCI_CAP_ID_EXP:
		d->is_express = true;
		if (room >= PCI_EXP_DEVCAP + 4)
			d->has_flr |= !!(get_le(cap + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
		break;
	case PCI_CAP_ID_AF:
		if (room > PCI_AF_CAP)
			d->has_flr |= !!(cap[PCI_AF_CAP] & PCI_AF_CAP_FLR);
		break;
	}
}

/* Without root only the header can be read, whose pointer then leads out of what was. */
static void read_config(struct vfio_inspect *d)
{
	uint8_t config[CONFIG_SIZE];
	char path[PATH_MAX + 64];
	unsigned at, nr = 0;
	ssize_t n = -1;
	int fd = open(vfio_host_file(&d->host, "config", path), O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		n = fd_read_all(fd, config, sizeof(config));
	fd_close(&fd);
	if (n != CONFIG_SIZE)
		return;
	d->has_config = true;
	if (config[PCI_INTERRUPT_PIN] >= 1 && config[PCI_INTERRUPT_PIN] <= 4)
		d->pin = (char)('A' + config[PCI_INTERRUPT_PIN] - 1);
	if (!(config[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return;
	/* A list that loops ends with the last capability there is room for. */
	at = config[PCI_CAPABILITY_LIST] & ~3U;
	while (at >= PCI_STD_HEADER_SIZEOF && nr++ < CONFIG_SIZE / PCI_CAP_SIZEOF) {
		read_capability(d, config + at, CONFIG_SIZE - at);
		at = config[at + PCI_CAP_LIST_NEXT] & ~3U;
	}
}

int vfio_inspect(const struct vfio_host_paths *paths, const char *bdf, struct vfio_inspect *out,
		 struct error *err)
{
	struct vfio_inspect d = { 0 };
	char path[PATH_MAX + 64], target[PATH_MAX];
	int r = vfio_host_lookup(paths, bdf, &d.host, err);

	if (r)
		return r;
	d.vendor = (uint16_t)read_id(&d.host, "vendor");
	d.device = (uint16_t)read_id(&d.host, "device");
	d.class = read_id(&d.host, "class");
	d.is_bridge = vfio_host_is_bridge(&d.host);
	d.totalvfs = (int)read_id(&d.host, "sriov_totalvfs");
	d.numvfs = (int)read_id(&d.host, "sriov_numvfs");
	file_read_line(vfio_host_file(&d.host, "reset_method", path), d.reset, sizeof(d.reset));
	if (realpath(vfio_host_file(&d.host, "physfn", path), target))
		snprintf(d.physfn, sizeof(d.physfn), "%.15s", strrchr(target, '/') + 1);
	read_bars(&d);
	read_config(&d);
	*out = d;
	return 0;
}

void vfio_inspect_judge(const struct vfio_host_paths *paths, const struct vfio_inspect *device,
			struct vfio_verdict *out)
{
	struct vfio_verdict v = { 0 };
	struct error err = { 0 };

	if (vfio_bind_check(paths, &device->host, &err)) {
		snprintf(v.reason, sizeof(v.reason), "%s", err.reason);
		snprintf(v.remedy, sizeof(v.remedy), "%.511s", err.remedy);
		*out = v;
		return;
	}
	v.is_assignable = true;
	v.is_ready = !vfio_host_check(&device->host, NULL);
	if (!v.is_ready)
		snprintf(v.remedy, sizeof(v.remedy), "torc-vfio bind %s", device->host.bdf);
	if (!device->reset[0])
		snprintf(v.reason, sizeof(v.reason),
			 "no reset: the next guest sees what this one leaves in it");
	*out = v;
}
