/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space of a passed-through device, as its guest reads and writes it, and what of that the device gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/vfio_fixture.h"

static int setup(void **state)
{
	return fixture_init(state, HAS_INTX | HAS_MSI | HAS_MSIX | MSI_WIDE | MSI_MASK | HAS_MORE);
}

static void read_all(struct fixture *f, uint8_t *config)
{
	for (unsigned offset = 0; offset < PCI_CONFIG_SIZE; offset += 4)
		put_le(config + offset, 4, guest_read(f, offset, 4));
}

static void what_belongs_to_the_host_is_hidden(void **state)
{
	static const struct {
		uint16_t id;
		unsigned offset;
	} hidden[] = {
		{ PCI_EXT_CAP_ID_ERR, AER_CAP },
		{ PCI_EXT_CAP_ID_ARI, ARI_CAP },
		{ PCI_EXT_CAP_ID_SRIOV, SRIOV_CAP },
		{ PCI_EXT_CAP_ID_REBAR, REBAR_CAP },
	};
	struct fixture *f = *state;
	uint8_t config[PCI_CONFIG_SIZE], device[PCI_CONFIG_SIZE];

	memset(fake_vfio.config + SRIOV_CAP + 4, 0xa5, 0x3c);
	memset(fake_vfio.config + REBAR_CAP + 4, 0xa5, 0x0c);
	memcpy(device, fake_vfio.config, sizeof(device));
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		guest_write(f, hidden[i].offset + 8, 4, UINT32_MAX);
		read_all(f, config);
		assert_int_equal(pci_find_ext_capability(config, sizeof(config), hidden[i].id, 0),
				 0);
		for (unsigned byte = 4; byte < 16; byte++)
			assert_int_equal(config[hidden[i].offset + byte], 0);
	}
	assert_memory_equal(fake_vfio.config, device, sizeof(device));
	assert_int_equal(pci_find_ext_capability(config, sizeof(config), PCI_EXT_CAP_ID_DSN, 0),
			 DSN_CAP);
	assert_int_equal(get_le(config + DSN_CAP + 4, 8), 0x0123456789abcdef);
}

static void vital_product_data_is_read_from_the_device(void **state)
{
	struct fixture *f = *state;

	guest_write(f, VPD_CAP + PCI_VPD_ADDR, 2, 0x1234);
	assert_int_equal(get_le(fake_vfio.config + VPD_CAP + PCI_VPD_ADDR, 2), 0x1234);
	/* The device has fetched it. */
	put_le(fake_vfio.config + VPD_CAP + PCI_VPD_ADDR, 2, 0x1234 | PCI_VPD_ADDR_F);
	put_le(fake_vfio.config + VPD_CAP + PCI_VPD_DATA, 4, 0xcafef00d);
	assert_int_equal(guest_read(f, VPD_CAP + PCI_VPD_ADDR, 2), 0x1234 | PCI_VPD_ADDR_F);
	assert_int_equal(guest_read(f, VPD_CAP + PCI_VPD_DATA, 4), 0xcafef00d);
}

static void power_state_is_the_guests_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guest_read(f, PM_CAP + PCI_PM_PMC, 2), 3 | PCI_PM_CAP_D1);
	for (uint32_t power = 3; power < 4; power--) {
		guest_write(f, PM_CAP + PCI_PM_CTRL, 2, power | PCI_PM_CTRL_PME_ENABLE);
		assert_int_equal(guest_read(f, PM_CAP + PCI_PM_CTRL, 2),
				 power | PCI_PM_CTRL_NO_SOFT_RESET);
		assert_int_equal(get_le(fake_vfio.config + PM_CAP + PCI_PM_CTRL, 2), 0);
	}
}

static void there_is_no_link_and_no_slot(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guest_read(f, PCIE_CAP + PCI_EXP_FLAGS, 2), 2 | PCI_EXP_TYPE_RC_END << 4);
	for (unsigned offset = PCI_EXP_LNKCAP; offset < PCI_EXP_DEVCAP2; offset += 4) {
		guest_write(f, PCIE_CAP + offset, 4, UINT32_MAX);
		assert_int_equal(guest_read(f, PCIE_CAP + offset, 4), 0);
	}
	assert_int_equal(get_le(fake_vfio.config + PCIE_CAP + PCI_EXP_LNKCTL, 4), 0);
	/* Neither ARI nor atomics nor LTR, without a port above. */
	assert_int_equal(guest_read(f, PCIE_CAP + PCI_EXP_DEVCAP2, 4),
			 PCI_EXP_DEVCAP2_COMP_TMOUT_DIS | 0xf);
	guest_write(f, PCIE_CAP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_equal(get_le(fake_vfio.config + PCIE_CAP + PCI_EXP_DEVCTL, 2),
			 PCI_EXP_DEVCTL_BCR_FLR);
}

/* Registers of the device that a guest may change. */
static bool is_open(unsigned offset)
{
	static const struct vfio_range open[] = {
		{ PCI_COMMAND, 4 },
		{ VPD_CAP + PCI_VPD_ADDR, 6 },
		{ VENDOR_CAP + 3, 5 },
		{ PCIE_CAP + PCI_EXP_DEVCTL, 4 },
		{ PCIE_CAP + PCI_EXP_DEVCTL2, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		if (offset >= open[i].offset && offset - open[i].offset < open[i].size)
			return true;
	}
	return false;
}

static void any_access_is_safe(void **state)
{
	static const unsigned sizes[] = { 1, 2, 4, 0, 3, 8 };
	struct fixture *f = *state;
	uint8_t device[PCI_CONFIG_SIZE], id[4];
	uint32_t seed = 1;

	memcpy(device, fake_vfio.config, sizeof(device));
	put_le(id, 4, guest_read(f, 0, 4));
	for (unsigned i = 0; i < 300000; i++) {
		unsigned offset, size;

		seed = seed * 1664525 + 1013904223;
		size = sizes[(seed >> 16) % ARRAY_SIZE(sizes)];
		offset = (seed >> 4) % (seed >> 30 ? 0x100 : PCI_CONFIG_SIZE + 8);
		if (seed >> 12 & 1)
			guest_read(f, offset, size);
		else
			guest_write(f, offset, size, seed * 2654435761U);
	}
	for (unsigned offset = 0; offset < PCI_CONFIG_SIZE; offset++) {
		if (!is_open(offset) && fake_vfio.config[offset] != device[offset])
			fail_msg("the guest has changed 0x%x", offset);
	}
	assert_int_equal(guest_read(f, 0, 4), get_le(id, 4));
	assert_int_equal(guest_read(f, PCI_CONFIG_SIZE, 4), UINT32_MAX);
	set_msix(f, 0);
	settle(f);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, fixture_destroy)
	const struct CMUnitTest tests[] = {
		CASE(what_belongs_to_the_host_is_hidden),
		CASE(vital_product_data_is_read_from_the_device),
		CASE(power_state_is_the_guests_alone),
		CASE(there_is_no_link_and_no_slot),
		CASE(any_access_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
