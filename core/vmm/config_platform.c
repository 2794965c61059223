/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vmm/config_option.h"
#include "core/vmm/config_value.h"

#define MAX_RING_POLL_US 10000
#define NEEDS_SMBIOS	 "SMBIOS tables"

enum {
	PLATFORM_RING_POLL_US,
	PLATFORM_NUMA,
	PLATFORM_RING_AFFINITY,
	PLATFORM_P2P
};

static const struct config_key_set platform_keys = {
	.key = {
		[PLATFORM_RING_POLL_US] = CONFIG_KEY("ring_poll_us"),
		[PLATFORM_NUMA] = CONFIG_KEY("numa"),
		[PLATFORM_RING_AFFINITY] = CONFIG_KEY("ring_affinity"),
		[PLATFORM_P2P] = CONFIG_KEY("vfio_p2p_dma"),
		CONFIG_FOREIGN("iommu_address_width", CONFIG_NEEDS_VIOMMU, NULL),
		CONFIG_FOREIGN("iommu_segments", CONFIG_NEEDS_VIOMMU, NULL),
		CONFIG_FOREIGN("iommufd", "VFIO by iommufd", "off"),
		CONFIG_FOREIGN("iommufd_fd", "an iommufd passed as a descriptor", NULL),
		CONFIG_FOREIGN("num_pci_segments", CONFIG_NEEDS_SEGMENTS, "1"),
		CONFIG_FOREIGN("sev_snp", CONFIG_NEEDS_CONFIDENTIAL, "off"),
		CONFIG_FOREIGN("tdx", CONFIG_NEEDS_CONFIDENTIAL, "off"),
		CONFIG_FOREIGN("chassis_asset_tag", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("oem_strings", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("serial_number", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("system_family", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("system_manufacturer", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("system_product_name", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("system_serial_number", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("system_sku_number", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("system_uuid", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("system_version", NEEDS_SMBIOS, NULL),
		CONFIG_FOREIGN("uuid", NEEDS_SMBIOS, NULL),
	},
};

static const char *const numa_name[] = {
	[CONFIG_NUMA_AUTO] = "auto",
	[CONFIG_NUMA_OFF] = "off",
	[CONFIG_NUMA_STRICT] = "strict",
};

static const char *const rings_name[] = {
	[CONFIG_RINGS_NODE] = "node",
	[CONFIG_RINGS_SIBLING] = "sibling",
};

static int read_poll(const struct config_pairs *pairs, unsigned *us, struct error *err)
{
	int r = config_pairs_unsigned(pairs, PLATFORM_RING_POLL_US, 0, MAX_RING_POLL_US, us, err);

	return r ? error_remedy(err, "give microseconds from 0, never to poll, to %u",
				MAX_RING_POLL_US)
		 : 0;
}

static int read_numa(const struct config_pairs *pairs, enum config_numa *numa, struct error *err)
{
	unsigned i = *numa;
	int r = config_pairs_word(pairs, PLATFORM_NUMA, numa_name, ARRAY_SIZE(numa_name), &i, err);

	if (!r)
		*numa = (enum config_numa)i;
	return r;
}

/* A word, or a list of rings with their CPUs. */
static int read_rings(const struct config_pairs *pairs, struct config *config, struct error *err)
{
	const char *text = pairs->value[PLATFORM_RING_AFFINITY];
	unsigned i = config->rings;
	int r;

	if (text && strchr(text, '@')) {
		r = config_pairs_affinity(pairs, PLATFORM_RING_AFFINITY, CONFIG_MAX_CPUS - 1,
					  &config->ring_affinity, &config->nr_ring_affinities, err);
		return r ? r
			 : config_check_affinity(pairs, PLATFORM_RING_AFFINITY,
						 config->ring_affinity, config->nr_ring_affinities,
						 config->cpus.boot, err);
	}
	r = config_pairs_word(pairs, PLATFORM_RING_AFFINITY, rings_name, ARRAY_SIZE(rings_name), &i,
			      err);
	if (r)
		return error_remedy(err, "use node, sibling, or a list such as [0@[1,3-5],1@[2]]");
	config->rings = (enum config_rings)i;
	return 0;
}

int config_set_platform(struct config *config, const char *value, struct error *err)
{
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &platform_keys, err);

	if (r)
		return r;
	r = read_poll(&pairs, &config->ring_poll_us, err);
	if (!r)
		r = read_numa(&pairs, &config->numa, err);
	if (!r)
		r = read_rings(&pairs, config, err);
	if (!r)
		r = config_pairs_toggle(&pairs, PLATFORM_P2P, &config->p2p, err);
	config_pairs_destroy(&pairs);
	return r;
}
