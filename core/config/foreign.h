/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What several options of Cloud Hypervisor's take, and torc does not. Private to core/config.
 */
#ifndef CORE_CONFIG_FOREIGN_H
#define CORE_CONFIG_FOREIGN_H

#include "core/schema/schema.h"

#define CONFIG_NEEDS_CONFIDENTIAL   "confidential guests"
#define CONFIG_NEEDS_MEMORY_HOTPLUG "memory hotplug"
#define CONFIG_NEEDS_RATES	    "rate limits"
#define CONFIG_NEEDS_SEGMENTS	    "a second PCI segment"
#define CONFIG_NEEDS_VHOST_USER	    "vhost-user"
#define CONFIG_NEEDS_VIOMMU	    "a virtual IOMMU"

#define CONFIG_KEYS_OF_PCI                                                         \
	SCHEMA_FOREIGN("iommu", CONFIG_NEEDS_VIOMMU, "off"),                       \
		SCHEMA_FOREIGN("pci_device_id", "a choice of the PCI slot", NULL), \
		SCHEMA_FOREIGN("pci_segment", CONFIG_NEEDS_SEGMENTS, "0")
#define CONFIG_KEYS_OF_VHOST_USER                                     \
	SCHEMA_FOREIGN("vhost_user", CONFIG_NEEDS_VHOST_USER, "off"), \
		SCHEMA_FOREIGN("socket", CONFIG_NEEDS_VHOST_USER, NULL, .json = "vhost_socket")
#define CONFIG_KEYS_OF_RATES                                                    \
	SCHEMA_FOREIGN("rate_limiter_config", CONFIG_NEEDS_RATES, NULL),        \
		SCHEMA_FOREIGN("bw_size", CONFIG_NEEDS_RATES, NULL),            \
		SCHEMA_FOREIGN("bw_one_time_burst", CONFIG_NEEDS_RATES, NULL),  \
		SCHEMA_FOREIGN("bw_refill_time", CONFIG_NEEDS_RATES, NULL),     \
		SCHEMA_FOREIGN("ops_size", CONFIG_NEEDS_RATES, NULL),           \
		SCHEMA_FOREIGN("ops_one_time_burst", CONFIG_NEEDS_RATES, NULL), \
		SCHEMA_FOREIGN("ops_refill_time", CONFIG_NEEDS_RATES, NULL)

#endif
