/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/pci/class.h"

#include <string.h>

#include "core/pci/pci.h"
#include "core/schema/foreign.h"

static size_t length_without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

static int check(const struct schema_values *values, void *out, const void *context,
		 struct error *err)
{
	const struct vfio_options *device = out, *others = values->members;
	size_t len = length_without_slashes(device->path);

	for (unsigned i = 0; i < values->nr_members; i++) {
		if (len == length_without_slashes(others[i].path) &&
		    !memcmp(device->path, others[i].path, len)) {
			schema_refuse("path", err, "%s is given twice", device->path);
			return error_remedy(err, "name each device once");
		}
	}
	return 0;
}

static const struct schema_word trace_words[] = { { .text = "off" },
						  { .text = "ring" },
						  { .text = NULL } };

/* An id that was not given stays NULL here: which defaults are free is known when all are read. */
/* clang-format off */
const struct schema vfio_schema = {
	.check = check,
	.key = (const struct schema_key[]){
		{ "path", SCHEMA_STRING, .value = "DEVICE", SCHEMA_MEMBER(struct vfio_options, path), .flags = SCHEMA_REQUIRED,
		  .remedy = "name the device: path=/sys/bus/pci/devices/0000:01:00.0",
		  .help = "The device's directory below `/sys/bus/pci/devices`. It must be bound to `vfio-pci` (see torc-vfio(1))." },
		{ "id", SCHEMA_STRING, .value = "NAME", SCHEMA_MEMBER(struct vfio_options, id), .max = DEVICE_MAX_ID,
		  .help = "What messages call it; unique; the default is `_vfio` and a number, of one count for all devices: disks, then "
		    "networks, then passed-through ones: `_disk0`, `_net1`, `_vfio2`." },
		{ "x_exclude_mmap_bars", SCHEMA_BITS, .value = "[BAR,...]", SCHEMA_MEMBER(struct vfio_options, unmapped_bars),
		  .max = PCI_NR_BARS - 1, .noun = "BAR",
		  .help = "BARs, as `[0,2]`, that are not mapped into the guest: torc sees each access to them, which is slow." },
		{ "bind", SCHEMA_BOOL, SCHEMA_MEMBER(struct vfio_options, bind), .preset = "off",
		  .help = "With `on`, which takes root, torc binds the device, with the rest of its IOMMU group, and puts all of that "
		    "back to its own drivers when it ends; if torc is killed, `torc-vfio recover` does. This key is not Cloud "
		    "Hypervisor's." },
		{ "trace", SCHEMA_WORD, SCHEMA_MEMBER(struct vfio_options, trace_by_ring), .words = trace_words, .preset = "off",
		  .help = "With `ring`, each MSI or MSI-X interrupt of the device wakes a ring of torc, which counts and times it for "
		    "torc-trace(1) and passes it on. That costs a thread's wake-up, and posted interrupts, and `-v` says at the "
		    "end how much each took within torc; with `off`, the default, interrupts go from the device to the guest past "
		    "torc. This key is not Cloud Hypervisor's." },
		SCHEMA_KEYS_OF_PCI,
		SCHEMA_FOREIGN("fd", "devices passed as descriptors", NULL),
		SCHEMA_FOREIGN("x_nv_gpudirect_clique", "the capability of GPUDirect's cliques", NULL),
		{ .name = NULL },
	},
};
/* clang-format on */
