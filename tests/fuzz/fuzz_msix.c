/* SPDX-License-Identifier: Apache-2.0 */
/* The input is the number of vectors and a guest: records of twelve bytes, each one access. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/pci/msix.h"
#include "tests/fuzz/check.h"

#define RECORD_BYTES 12

struct owner {
	bool on[PCI_MSIX_MAX_VECTORS];
	struct msi_message msg[PCI_MSIX_MAX_VECTORS];
	unsigned nr_on;
	bool switched_on;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void owner_enable(void *opaque, unsigned vector, const struct msi_message *msg)
{
	struct owner *owner = opaque;

	CHECK(owner->switched_on);
	if (owner->on[vector])
		CHECK(msg->address != owner->msg[vector].address ||
		      msg->data != owner->msg[vector].data);
	else
		owner->nr_on++;
	owner->on[vector] = true;
	owner->msg[vector] = *msg;
}

static void owner_disable(void *opaque, unsigned vector)
{
	struct owner *owner = opaque;

	CHECK(owner->switched_on && owner->on[vector]);
	owner->on[vector] = false;
	owner->nr_on--;
}

static bool owner_pending(void *opaque, unsigned vector)
{
	struct owner *owner = opaque;

	CHECK(owner->switched_on && !owner->on[vector]);
	return vector % 3 == 0;
}

static void owner_switched(void *opaque, bool enabled)
{
	struct owner *owner = opaque;

	CHECK(owner->switched_on != enabled && !owner->nr_on);
	owner->switched_on = enabled;
}

static const struct pci_msix_ops owner_ops = {
	.enable = owner_enable,
	.disable = owner_disable,
	.pending = owner_pending,
	.switched = owner_switched,
};

/* What the guest reads decides what must be delivered. */
static void check(struct pci_msix *msix, const struct owner *owner, unsigned nr, uint16_t control)
{
	bool active = (control & 0xc000) == 0x8000;
	unsigned nr_on = 0;

	CHECK(owner->switched_on == !!(control & 0x8000));
	for (unsigned i = 0; i < nr; i++) {
		uint64_t address = pci_msix_table_read(msix, i * 16U, 8);
		uint64_t rest = pci_msix_table_read(msix, i * 16U + 8, 8);
		bool on = active && !(rest >> 32 & 1);

		CHECK(!(address & 3) && !(rest >> 33));
		CHECK(owner->on[i] == on);
		if (on)
			CHECK(owner->msg[i].address == address &&
			      owner->msg[i].data == (uint32_t)rest);
		nr_on += on;
	}
	CHECK(owner->nr_on == nr_on);
}

/* Return: the message control word afterwards. */
static uint16_t access_table(struct pci_msix *msix, const uint8_t *r, uint16_t control)
{
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	unsigned size = sizes[r[1] & 3];
	uint64_t offset = get_le(r + 2, 2) | (r[1] & 0x80 ? (uint64_t)r[1] << 32 : 0);
	uint64_t value = get_le(r + 4, 8);

	switch (r[0] & 7) {
	case 0:
		pci_msix_set_control(msix, (uint16_t)value);
		return (uint16_t)value;
	case 1:
		pci_msix_reset(msix);
		return 0;
	case 2:
		CHECK(size == 8 || pci_msix_pba_read(msix, offset, size) >> (8 * size) == 0);
		return control;
	case 3:
		pci_msix_table_read(msix, offset, size);
		return control;
	case 4: /* a vector's control word */
		pci_msix_table_write(msix, (offset & 0xfff0) | 12, 4, value);
		return control;
	default:
		pci_msix_table_write(msix, offset, size, value);
		return control;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct owner owner;
	struct pci_msix msix;
	uint16_t control = 0;
	unsigned nr;

	if (size < 2)
		return 0;
	nr = 1 + (unsigned)get_le(data, 2) % PCI_MSIX_MAX_VECTORS;
	memset(&owner, 0, sizeof(owner));
	CHECK(!pci_msix_init(&msix, nr, &owner_ops, &owner));
	for (data += 2, size -= 2; size >= RECORD_BYTES;
	     size -= RECORD_BYTES, data += RECORD_BYTES) {
		control = access_table(&msix, data, control);
		check(&msix, &owner, nr, control);
	}
	pci_msix_reset(&msix);
	CHECK(!owner.nr_on && !owner.switched_on);
	pci_msix_destroy(&msix);
	return 0;
}
