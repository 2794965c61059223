/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What several options of Cloud Hypervisor's take, and torc does not. For schemas.
 */
#ifndef CORE_SCHEMA_FOREIGN_H
#define CORE_SCHEMA_FOREIGN_H

#include "core/schema/schema.h"

#define SCHEMA_NEEDS_CONFIDENTIAL   "confidential guests"
#define SCHEMA_NEEDS_MEMORY_HOTPLUG "memory hotplug"
#define SCHEMA_NEEDS_RATES	    "rate limits"
#define SCHEMA_NEEDS_SEGMENTS	    "a second PCI segment"
#define SCHEMA_NEEDS_VHOST_USER	    "vhost-user"
#define SCHEMA_NEEDS_VIOMMU	    "a virtual IOMMU"

#define SCHEMA_KEYS_OF_PCI                                                         \
	SCHEMA_FOREIGN("iommu", SCHEMA_NEEDS_VIOMMU, "off"),                       \
		SCHEMA_FOREIGN("pci_device_id", "a choice of the PCI slot", NULL), \
		SCHEMA_FOREIGN("pci_segment", SCHEMA_NEEDS_SEGMENTS, "0")
#define SCHEMA_KEYS_OF_VHOST_USER                                     \
	SCHEMA_FOREIGN("vhost_user", SCHEMA_NEEDS_VHOST_USER, "off"), \
		SCHEMA_FOREIGN("socket", SCHEMA_NEEDS_VHOST_USER, NULL, .json = "vhost_socket")
#define SCHEMA_KEYS_OF_RATES                                                    \
	SCHEMA_FOREIGN("rate_limiter_config", SCHEMA_NEEDS_RATES, NULL),        \
		SCHEMA_FOREIGN("bw_size", SCHEMA_NEEDS_RATES, NULL),            \
		SCHEMA_FOREIGN("bw_one_time_burst", SCHEMA_NEEDS_RATES, NULL),  \
		SCHEMA_FOREIGN("bw_refill_time", SCHEMA_NEEDS_RATES, NULL),     \
		SCHEMA_FOREIGN("ops_size", SCHEMA_NEEDS_RATES, NULL),           \
		SCHEMA_FOREIGN("ops_one_time_burst", SCHEMA_NEEDS_RATES, NULL), \
		SCHEMA_FOREIGN("ops_refill_time", SCHEMA_NEEDS_RATES, NULL)

#endif
