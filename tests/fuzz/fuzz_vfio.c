/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a guest with a passed-through device, which is fake: a byte chooses what it has, then records of eight
 * bytes, each an access to its configuration space or MSI-X table, an interrupt of it, or a failure of the host.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "tests/fuzz/check.h"
#include "tests/unit/vfio_fixture.h"

#define RECORD_BYTES 8

enum {
	OP_READ,
	OP_WRITE,
	OP_WRITE_MSIX,
	OP_WRITE_MSI,
	OP_TABLE_READ,
	OP_TABLE_WRITE,
	OP_PBA_READ,
	OP_INTERRUPT,
	OP_INTX,
	OP_UNMASK,
	OP_SETTLE,
	OP_FAIL,
	OP_RESET,
	NR_OPS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void access_table(struct fixture *f, unsigned op, unsigned offset, unsigned width,
			 uint64_t value)
{
	struct pci_msix *msix = &f->vp.msix.vectors.irqs.guest;

	if (!f->vp.msix.present)
		return;
	if (op == OP_TABLE_WRITE)
		pci_msix_table_write(msix, offset % (MSIX_VECTORS * 16), width, value);
	else if (op == OP_TABLE_READ)
		pci_msix_table_read(msix, offset % (MSIX_VECTORS * 16), width);
	else
		pci_msix_pba_read(msix, offset % 8, width);
}

static void reset(struct fixture *f)
{
	pci_bus_reset(&f->bus);
	vfio_interrupts_reset(&f->vp);
	vfio_config_reset(&f->vp);
}

static void run(struct fixture *f, const uint8_t *r)
{
	unsigned op = r[0] % NR_OPS, width = 1U << r[1] % 4;
	unsigned offset = (unsigned)get_le(r + 2, 2);
	uint32_t value = (uint32_t)get_le(r + 4, 4);

	switch (op) {
	case OP_READ:
		guest_read(f, offset % (PCI_CONFIG_SIZE + 8), width);
		break;
	case OP_WRITE:
		guest_write(f, offset % (PCI_CONFIG_SIZE + 8), width, value);
		break;
	case OP_WRITE_MSIX:
		guest_write(f, MSIX_CAP + offset % 12, width, value);
		break;
	case OP_WRITE_MSI:
		guest_write(f, MSI_CAP + offset % 24, width, value);
		break;
	case OP_TABLE_READ:
	case OP_TABLE_WRITE:
	case OP_PBA_READ:
		access_table(f, op, offset, width, value | (uint64_t)offset << 32);
		break;
	case OP_INTERRUPT:
		fake_vfio_interrupt(offset % MSIX_VECTORS);
		break;
	case OP_INTX:
		fake_vfio_set_intx(value & 1);
		break;
	case OP_UNMASK:
		fake_vfio_poll_unmask();
		break;
	case OP_SETTLE:
		settle(f);
		break;
	case OP_FAIL:
		fake_vfio.fail_call = value % 4;
		break;
	case OP_RESET:
		reset(f);
		break;
	}
}

/* VFIO has one kind of interrupt on at a time, and no more vectors than the device has. */
static void check(const struct fixture *f)
{
	/* What the host does not switch off stays on. */
	CHECK(!fake_vfio.enabled || !fake_vfio.intx_enabled || fake_vfio.has_stuck);
	CHECK(fake_vfio.nr_taken <= MSIX_VECTORS);
	CHECK(fake_kvm.nr_unrouted == 0);
	CHECK(get_le(f->vp.pci.data + PCI_HEADER_TYPE, 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct log_config quiet = { .level = LOG_LEVEL_ERROR, .path = "/dev/null" };
	static bool is_quiet;
	void *state;

	if (!size)
		return 0;
	/* Failures of the host are what it is about. */
	if (!is_quiet)
		CHECK(!log_open(&quiet, NULL));
	is_quiet = true;
	CHECK(!fixture_init(&state, data[0] & 31));
	for (size_t at = 1; size - at >= RECORD_BYTES; at += RECORD_BYTES) {
		run(state, data + at);
		check(state);
	}
	fake_vfio.fail_call = 0;
	settle(state);
	/* Until the device is closed. */
	CHECK(!fixture_destroy(&state) || fake_vfio.has_stuck);
	return 0;
}
