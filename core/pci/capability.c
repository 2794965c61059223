/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pci/pci.h"

#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"

#define CONFIG_SPACE_OLD 256 /* what conventional PCI has; capabilities lie in it */
#define CAP_HEADER_SIZE	 2   /* id and next pointer */

/* The dwords that [offset, offset + size) takes, as bits. */
static uint64_t dwords(unsigned offset, unsigned size)
{
	unsigned n = (size + 3) / 4;

	return (UINT64_MAX >> (64 - n)) << (offset / 4);
}

/* The first place after the last capability added, which itself is taken; 0 when there is none. */
static unsigned find_free(const struct pci_device *dev, unsigned size)
{
	unsigned offset = dev->cap_last ? dev->cap_last : PCI_STD_HEADER_SIZEOF;

	for (; range_fits(offset, size, CONFIG_SPACE_OLD); offset += 4) {
		if (!(dev->cap_used & dwords(offset, size)))
			return offset;
	}
	return 0;
}

int pci_device_add_capability(struct pci_device *dev, uint8_t id, unsigned offset, const void *body,
			      unsigned size)
{
	if (size < CAP_HEADER_SIZE || size > CONFIG_SPACE_OLD)
		return -EINVAL;
	if (!offset) {
		offset = find_free(dev, size);
		if (!offset)
			return -ENOSPC;
	}
	if (offset < PCI_STD_HEADER_SIZEOF || offset % 4 ||
	    !range_fits(offset, size, CONFIG_SPACE_OLD) || (dev->cap_used & dwords(offset, size)))
		return -EINVAL;

	dev->data[offset] = id;
	dev->data[offset + 1] = 0;
	if (body)
		memcpy(dev->data + offset + CAP_HEADER_SIZE, body, size - CAP_HEADER_SIZE);
	else
		memset(dev->data + offset + CAP_HEADER_SIZE, 0, size - CAP_HEADER_SIZE);
	dev->data[dev->cap_last ? dev->cap_last + 1U : PCI_CAPABILITY_LIST] = (uint8_t)offset;
	dev->data[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	dev->cap_last = (uint8_t)offset;
	dev->cap_used |= dwords(offset, size);
	return (int)offset;
}

/*
 * Both walks start at the head also when they go on after @from, so that the set of visited places
 * sees a loop that spans several calls: a caller that iterates comes to an end on any input.
 */
unsigned pci_find_capability(const uint8_t *config, unsigned size, unsigned id, unsigned from)
{
	uint64_t visited = 0;
	bool passed = !from;
	unsigned at;

	if (size < CONFIG_SPACE_OLD || !(config[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return 0;
	at = config[PCI_CAPABILITY_LIST] & ~3U;
	while (at >= PCI_STD_HEADER_SIZEOF && !(visited & dwords(at, 4))) {
		visited |= dwords(at, 4);
		if (passed && (id == PCI_ANY_CAPABILITY || config[at] == id))
			return at;
		if (at == from)
			passed = true;
		at = config[at + 1] & ~3U;
	}
	return 0;
}

unsigned pci_find_ext_capability(const uint8_t *config, unsigned size, uint16_t id, unsigned from)
{
	uint64_t visited[PCI_CONFIG_SIZE / CONFIG_SPACE_OLD] = { 0 };
	bool passed = !from;
	unsigned at = CONFIG_SPACE_OLD;

	if (size < PCI_CONFIG_SIZE)
		return 0;
	while (at >= CONFIG_SPACE_OLD) {
		uint32_t header = (uint32_t)get_le(config + at, 4);
		uint64_t bit = dwords(at % CONFIG_SPACE_OLD, 4);

		/* 0 is "no capabilities at all", all ones a device that is gone. */
		if (!header || header == UINT32_MAX || (visited[at / CONFIG_SPACE_OLD] & bit))
			return 0;
		visited[at / CONFIG_SPACE_OLD] |= bit;
		if (passed && PCI_EXT_CAP_ID(header) == id)
			return at;
		if (at == from)
			passed = true;
		at = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}
