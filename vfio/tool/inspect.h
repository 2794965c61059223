/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Inspect: what a PCI device can do, and whether it can be given to a guest.
 *
 * From sysfs alone, without touching the device or its driver. Any thread.
 * Source: PCI Express Base Specification, chapters 7 and 9; Linux Documentation/ABI/testing/sysfs-bus-pci.
 */
#ifndef VFIO_TOOL_INSPECT_H
#define VFIO_TOOL_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio/bind/host.h"

#define VFIO_INSPECT_BARS 7 /* six and the expansion ROM */

struct vfio_inspect_bar {
	uint64_t start, size; /* size 0: there is none */
	bool is_io, is_64bit, is_prefetchable;
};

struct vfio_inspect {
	struct vfio_host_device host;
	uint16_t vendor, device;
	uint32_t class;
	char reset[64]; /* methods in the kernel's order, "flr bus"; "" for none */
	bool is_bridge;
	char physfn[16]; /* of a virtual function: the physical one; "" otherwise */
	int totalvfs;	 /* 0: no SR-IOV */
	int numvfs;
	bool has_config;      /* what follows could be read, which takes root */
	char pin;	      /* 'A' to 'D'; 0: no INTx */
	unsigned msi_vectors; /* 0: no MSI */
	bool msi_is_maskable, msi_is_64bit;
	unsigned msix_vectors; /* 0: no MSI-X */
	unsigned msix_table_bar, msix_pba_bar;
	uint32_t msix_table_offset, msix_pba_offset;
	bool has_flr;
	bool is_express;
	struct vfio_inspect_bar bar[VFIO_INSPECT_BARS];
};

struct vfio_verdict {
	bool is_assignable;
	bool is_ready;	  /* bound, with its whole group */
	char reason[512]; /* why not, or what to know */
	char remedy[512]; /* what to do; "" for nothing */
};

/**
 * vfio_inspect - read what there is to know of a device
 * @paths: where
 * @bdf: "0000:01:00.0"; "01:00.0" is in segment 0
 * @out: receives it; untouched on failure
 * @err: filled on failure
 *
 * Return: 0; -ENOENT no such device; -EINVAL not an address; -errno.
 */
int vfio_inspect(const struct vfio_host_paths *paths, const char *bdf, struct vfio_inspect *out,
		 struct error *err);

/**
 * vfio_inspect_judge - whether a device can be given to a guest
 * @paths: where to look at the rest of its group
 * @device: inspected
 * @out: receives the verdict
 */
void vfio_inspect_judge(const struct vfio_host_paths *paths, const struct vfio_inspect *device,
			struct vfio_verdict *out);

#endif
