/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/option.h"

#include "core/pci/pci.h"
#include "core/schema/foreign.h"

#define MAX_RING_POLL_US 10000
#define NEEDS_SMBIOS	 "SMBIOS tables"

/* In the order of enum config_numa, and of enum config_rings. */
static const struct schema_word numa_words[] = {
	{ .text = "auto" }, { .text = "off" }, { .text = "strict" }, { .text = NULL }
};
static const struct schema_word rings_words[] = { { .text = "node" },
						  { .text = "sibling" },
						  { .text = NULL } };

static int check(const struct schema_values *values, void *out, const void *context,
		 struct error *err)
{
	const struct config *config = out;

	return schema_check_affinity("ring_affinity", &config->rings, config->cpus.boot, err);
}

/* clang-format off */
const struct schema config_platform_schema = {
	.check = check,
	.key = (const struct schema_key[]){
		{ "numa", SCHEMA_WORD, SCHEMA_MEMBER(struct config, numa), .words = numa_words, .preset = "auto",
		  .help = "Where memory, vCPUs and rings are whose place neither `affinity` nor `host_numa_node` gives; those two are "
		    "done or refused, whatever is said here. This key is not Cloud Hypervisor's.\n- auto: Everything follows the "
		    "passed-through devices, to the node of most of them, or of the first one among equals. Memory is there. vCPU "
		    "threads are pinned to cores of that node, each to one of its own, as long as there are enough; other guests "
		    "of torc are left theirs. Ring threads run on any CPU of the node. If the node has too little memory, the "
		    "rest comes from others. Without devices the kernel chooses, as with `off`. This is the default.\n- strict: "
		    "As `auto`, but torc does not start if anything would be elsewhere than it should: when the node has too "
		    "little memory, or devices are on several nodes and the memory on one, or nobody knows the node of a device. "
		    "Memory is populated and looked at before the guest starts.\n- off: The kernel chooses." },
		{ "ring_affinity", SCHEMA_AFFINITY, .value = "[RING@[CPU,...],...]", .noun = "vcpu", SCHEMA_MEMBER(struct config, rings),
		  .max = CONFIG_MAX_CPUS - 1, .words = rings_words, .preset = "node",
		  .remedy = "use node, sibling, or a list such as [0@[1,3-5],1@[2]]",
		  .help = "Where rings run, each of which serves the virtio queues of a vCPU: on any CPU of the vCPU's node, which is "
		    "the default; on the other threads of the vCPU's core; or on these CPUs of the host: `[0@[2,3],1@[4-7]]` is "
		    "ring 0 on CPUs 2 and 3, ring 1 on CPUs 4 to 7. Rings that were to be on other threads which are not there "
		    "are on any CPU of the node, and the log says which; with `numa=strict` they are refused. This key is not "
		    "Cloud Hypervisor's." },
		{ "ring_poll_us", SCHEMA_UINT, SCHEMA_MEMBER(struct config, ring_poll_us), .max = MAX_RING_POLL_US,
		  .flags = SCHEMA_OR_NONE,
		  .remedy = "give microseconds from 0, never to poll, to " SCHEMA_TEXT(MAX_RING_POLL_US),
		  .help = "How many microseconds a ring that had work lately looks for more before it sleeps, 0 to 10000; 0 never "
		    "polls. By default as long as 1,024 of the system calls that sleeping and waking consist of, whose cost each "
		    "ring measures at its start: 100 to 200 us on a current server, about as long as KVM itself polls for a "
		    "halted vCPU. Polling spares the guest an exit for each request, and the request the wake-up; it takes CPU "
		    "time of the host, which torc stops to use when nothing comes, or when another thread wants it. This key is "
		    "not Cloud Hypervisor's.\nWhile a disk answers faster than the guest asks, a request also waits for as many "
		    "others as the guest has at a time, so that two system calls and one interrupt serve all of them. How many "
		    "those are, and at what pace they come, is learned: one batch in four, and later one in a thousand, waits for "
		    "more than are known of, for up to eight times the time above while they keep coming. A guest that asks for "
		    "one at a time waits for nothing but, one time in a thousand, for that time once." },
		{ "vfio_p2p_dma", SCHEMA_BOOL, SCHEMA_MEMBER(struct config, p2p), .preset = "on",
		  .help = "Whether passed-through devices reach each other's memory BARs by DMA, where there is more than one; by "
		    "default they do. BARs are placed below the end of the IOMMU's addresses, unless guest memory takes more than "
		    "half of those, or they do not fit there." },
		{ "hotplug_slots", SCHEMA_UINT, SCHEMA_MEMBER(struct config, hotplug_slots), .max = PCI_NR_DEVICES - 1, .preset = "8",
		  .remedy = "give a number from 0 to 31",
		  .help = "How many of the 31 slots of the guest's first PCI bus are kept free for devices that come later, 0 to 31; the "
		    "default is 8. What does not fit beside them is on further root buses, of which there are up to 17 with 31 "
		    "slots each. The bus of each further `--numa` node keeps one. This key is not Cloud Hypervisor's." },
		SCHEMA_FOREIGN("iommu_address_width", SCHEMA_NEEDS_VIOMMU, NULL, .json = "iommu_address_width_bits", .usual = "64"),
		SCHEMA_FOREIGN("iommu_segments", SCHEMA_NEEDS_VIOMMU, NULL),
		SCHEMA_FOREIGN("iommufd", "VFIO by iommufd", "off"),
		SCHEMA_FOREIGN("iommufd_fd", "an iommufd passed as a descriptor", NULL),
		SCHEMA_FOREIGN("num_pci_segments", SCHEMA_NEEDS_SEGMENTS, "1", .flags = SCHEMA_TYPED),
		/* How many there might be clients say always. */
		{ "num_pci_segments", SCHEMA_UINT, SCHEMA_MEMBER(struct config, nr_pci_segments), .min = 1, .max = 96,
		  .preset = "1", .flags = SCHEMA_JSON },
		SCHEMA_FOREIGN("sev_snp", SCHEMA_NEEDS_CONFIDENTIAL, "off"),
		SCHEMA_FOREIGN("tdx", SCHEMA_NEEDS_CONFIDENTIAL, "off"),
		SCHEMA_FOREIGN("chassis_asset_tag", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("oem_strings", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("serial_number", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("system_family", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("system_manufacturer", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("system_product_name", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("system_serial_number", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("system_sku_number", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("system_uuid", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("system_version", NEEDS_SMBIOS, NULL),
		SCHEMA_FOREIGN("uuid", NEEDS_SMBIOS, NULL),
		{ .name = NULL },
	},
};
/* clang-format on */
