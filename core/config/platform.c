/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/foreign.h"

#include "core/config/option.h"

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
	.key = {
		{ "numa", SCHEMA_WORD, SCHEMA_MEMBER(struct config, numa), .words = numa_words, .preset = "auto" },
		{ "ring_affinity", SCHEMA_AFFINITY, .value = "[RING@[CPU,...],...]", .noun = "vcpu", SCHEMA_MEMBER(struct config, rings),
		  .max = CONFIG_MAX_CPUS - 1, .words = rings_words, .preset = "node",
		  .remedy = "use node, sibling, or a list such as [0@[1,3-5],1@[2]]" },
		{ "ring_poll_us", SCHEMA_UINT, SCHEMA_MEMBER(struct config, ring_poll_us), .max = MAX_RING_POLL_US,
		  .flags = SCHEMA_OR_NONE,
		  .remedy = "give microseconds from 0, never to poll, to " SCHEMA_TEXT(MAX_RING_POLL_US) },
		{ "vfio_p2p_dma", SCHEMA_BOOL, SCHEMA_MEMBER(struct config, p2p), .preset = "on" },
		SCHEMA_FOREIGN("iommu_address_width", CONFIG_NEEDS_VIOMMU, NULL, .json = "iommu_address_width_bits", .usual = "64"),
		SCHEMA_FOREIGN("iommu_segments", CONFIG_NEEDS_VIOMMU, NULL),
		SCHEMA_FOREIGN("iommufd", "VFIO by iommufd", "off"),
		SCHEMA_FOREIGN("iommufd_fd", "an iommufd passed as a descriptor", NULL),
		SCHEMA_FOREIGN("num_pci_segments", CONFIG_NEEDS_SEGMENTS, "1", .flags = SCHEMA_TYPED),
		/* How many there might be clients say always. */
		{ "num_pci_segments", SCHEMA_UINT, SCHEMA_MEMBER(struct config, nr_pci_segments), .min = 1, .max = 96,
		  .preset = "1", .flags = SCHEMA_JSON },
		SCHEMA_FOREIGN("sev_snp", CONFIG_NEEDS_CONFIDENTIAL, "off"),
		SCHEMA_FOREIGN("tdx", CONFIG_NEEDS_CONFIDENTIAL, "off"),
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
	},
};
/* clang-format on */
