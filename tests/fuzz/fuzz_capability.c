/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a device's configuration space, to be walked; then a list of capabilities to be
 * added to another. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/pci/pci.h"
#include "tests/fuzz/check.h"

#define MAX_CAPABILITIES 48 /* dwords between the header and 256 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const uint8_t *config, unsigned size)
{
	for (unsigned id = 0; id < 256; id++) {
		unsigned at = 0, n = 0;

		while ((at = pci_find_capability(config, size, (uint8_t)id, at))) {
			CHECK(at >= 0x40 && at < 256 && at % 4 == 0 && config[at] == id);
			CHECK(++n <= MAX_CAPABILITIES);
		}
	}
	for (unsigned id = 0; id < 0x40; id++) {
		unsigned at = 0, n = 0;

		while ((at = pci_find_ext_capability(config, size, (uint16_t)id, at))) {
			CHECK(at >= 256 && at <= size - 4 && at % 4 == 0);
			CHECK(get_le(config + at, 2) == id);
			CHECK(++n <= (PCI_CONFIG_SIZE - 256) / 4);
		}
	}
}

static void build(const uint8_t *data, size_t size)
{
	static const struct pci_device_ops ops;
	static struct pci_device dev;
	unsigned last = 0, n = 0;

	pci_device_init(&dev, &ops, "fuzz");
	for (; size >= 3; size -= 3, data += 3) {
		int r = pci_device_add_capability(&dev, data[0], data[1] * 4U, NULL, data[2]);

		if (r < 0)
			continue;
		CHECK(r >= 0x40 && r % 4 == 0 && r + data[2] <= 256);
		/* Linked behind the last one, which is still there. */
		CHECK((last ? dev.data[last + 1] : dev.data[0x34]) == r);
		CHECK(dev.data[r] == data[0] && dev.data[r + 1] == 0);
		last = (unsigned)r;
		CHECK(++n <= MAX_CAPABILITIES);
	}
	walk(dev.data, sizeof(dev.data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t whole[PCI_CONFIG_SIZE];
	size_t used = size < sizeof(whole) ? size : sizeof(whole);
	uint8_t *exact;

	if (!used)
		return 0;
	/* Of exactly its size, so that a sanitizer sees a read beyond it. */
	exact = malloc(used);
	CHECK(exact);
	memcpy(exact, data, used);
	walk(exact, (unsigned)used);
	free(exact);

	memset(whole, 0, sizeof(whole));
	memcpy(whole, data, used);
	walk(whole, sizeof(whole));
	build(data, size);
	return 0;
}
