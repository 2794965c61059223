/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI of passed-through devices, and its turns with MSI-X and INTx, through configuration space as a guest reaches it:
 * vfio/ with core/pci, core/kvm/irq.c and io/ring/irq_batch.c as they are; the kernel below them is fake.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/fd.h"
#include "tests/unit/vfio_fixture.h"
#include "tests/unit/within.h"

#define ADDRESS 0xfee01000U
#define HIGH	0x12345600U
#define DATA	0x4040U
#define ENABLE	PCI_MSI_FLAGS_ENABLE

static unsigned has; /* of the device under test */

static int setup(void **state, unsigned what)
{
	has = HAS_MSI | what;
	return fixture_init(state, has);
}

static int setup_plain(void **state)
{
	return setup(state, 0);
}

static int setup_wide(void **state)
{
	return setup(state, MSI_WIDE);
}

static int setup_masked(void **state)
{
	return setup(state, MSI_MASK);
}

static int setup_wide_masked(void **state)
{
	return setup(state, MSI_WIDE | MSI_MASK);
}

static int setup_all(void **state)
{
	return setup(state, MSI_WIDE | MSI_MASK | HAS_MSIX | HAS_INTX);
}

static unsigned data_register(void)
{
	return MSI_CAP + (has & MSI_WIDE ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
}

static unsigned mask_register(void)
{
	return MSI_CAP + (has & MSI_WIDE ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static unsigned pending_register(void)
{
	return mask_register() + 4;
}

static void set_message(struct fixture *f, uint32_t address, uint16_t data)
{
	guest_write(f, MSI_CAP + PCI_MSI_ADDRESS_LO, 4, address);
	if (has & MSI_WIDE)
		guest_write(f, MSI_CAP + PCI_MSI_ADDRESS_HI, 4, HIGH);
	guest_write(f, data_register(), 2, data);
}

/* @log2: of the number of vectors. */
static void set_flags(struct fixture *f, bool enable, unsigned log2)
{
	guest_write(f, MSI_CAP + PCI_MSI_FLAGS, 2, log2 << 4 | (enable ? ENABLE : 0));
}

static void set_mask(struct fixture *f, uint32_t mask)
{
	if (has & MSI_MASK)
		guest_write(f, mask_register(), 4, mask);
}

static struct {
	unsigned count;
	uint64_t address;
	uint32_t data;
} last;

static void on_deliver(void *opaque, uint64_t address, uint32_t data)
{
	last.count++;
	last.address = address;
	last.data = data;
}

static unsigned deliver(void)
{
	last.count = 0;
	fake_kvm_deliver(on_deliver, NULL);
	return last.count;
}

static void expect_interrupt(unsigned vector, uint32_t data)
{
	fake_vfio_interrupt(vector);
	assert_int_equal(deliver(), 1);
	assert_int_equal(last.address, ADDRESS | (has & MSI_WIDE ? (uint64_t)HIGH << 32 : 0));
	assert_int_equal(last.data, data);
}

static void registers_hold_what_the_layout_has(void **state)
{
	struct fixture *f = *state;
	bool wide = has & MSI_WIDE, maskable = has & MSI_MASK;

	for (unsigned i = 4; i < 0x1c; i++)
		guest_write(f, MSI_CAP + i, 1, 0xff);
	assert_int_equal(guest_read(f, MSI_CAP + PCI_MSI_FLAGS, 2),
			 3U << 1 | (wide ? PCI_MSI_FLAGS_64BIT : 0) |
				 (maskable ? PCI_MSI_FLAGS_MASKBIT : 0));
	assert_int_equal(guest_read(f, MSI_CAP + PCI_MSI_ADDRESS_LO, 4), 0xfffffffc);
	if (wide)
		assert_int_equal(guest_read(f, MSI_CAP + PCI_MSI_ADDRESS_HI, 4), UINT32_MAX);
	assert_int_equal(guest_read(f, data_register(), 4), UINT16_MAX);
	assert_int_equal(guest_read(f, mask_register(), 4), maskable ? 0xff : 0);
	assert_int_equal(guest_read(f, pending_register(), 4), 0);
	assert_int_equal(guest_read(f, pending_register() + 4, 4), 0);
	settle(f);
	assert_int_equal(fake_vfio.nr_set_irqs, 0);
}

static void each_vector_has_its_number_in_the_data(void **state)
{
	struct fixture *f = *state;

	set_message(f, ADDRESS, DATA | 5);
	set_flags(f, true, 3);
	settle(f);
	assert_int_equal(fake_vfio.nr_given, 8);
	assert_int_equal(fake_vfio.nr_taken, 8);
	/* On, and the eventfds at once or in a row. */
	assert_within(fake_vfio.nr_set_irqs, 1, 2);
	assert_within(fake_kvm.nr_routings, 1, 2);
	for (unsigned i = 0; i < 8; i++)
		expect_interrupt(i, DATA | i);
}

static void no_more_vectors_are_taken_than_enabled(void **state)
{
	struct fixture *f = *state;

	set_message(f, ADDRESS, DATA);
	set_flags(f, true, 1);
	settle(f);
	assert_int_equal(fake_vfio.nr_given, 2);
	assert_int_equal(fake_kvm.nr_attach, 2);
	expect_interrupt(1, DATA | 1);
	/* Another number while they are on. */
	set_flags(f, true, 0);
	settle(f);
	assert_int_equal(fake_vfio.nr_given, 1);
	expect_interrupt(0, DATA);
}

static void no_more_vectors_are_enabled_than_there_are(void **state)
{
	struct fixture *f = *state;

	for (unsigned log2 = 4; log2 <= 7; log2++) {
		set_message(f, ADDRESS, DATA);
		set_flags(f, true, log2);
		settle(f);
		assert_int_equal(fake_vfio.nr_given, 8);
		expect_interrupt(7, DATA | 7);
	}
	assert_int_equal(fake_vfio.nr_disable, 0);
}

static void nothing_sent_after_it_is_enabled_is_lost(void **state)
{
	struct fixture *f = *state;

	set_message(f, ADDRESS, DATA);
	set_flags(f, true, 3);
	/* Before the main thread had its turn. */
	for (unsigned i = 0; i < 8; i++)
		fake_vfio_interrupt(i);
	settle(f);
	assert_int_equal(deliver(), 8);
}

static void new_message_is_used_and_an_old_one_costs_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned commits, calls, attached;

	set_message(f, ADDRESS, DATA);
	set_flags(f, true, 1);
	settle(f);
	set_message(f, ADDRESS, 0x5050);
	settle(f);
	expect_interrupt(1, 0x5051);
	commits = fake_kvm.nr_routings;
	calls = fake_vfio.nr_set_irqs;
	attached = fake_kvm.nr_attach;
	for (unsigned i = 0; i < 100; i++) {
		set_message(f, ADDRESS, 0x5050);
		set_flags(f, true, 1);
		settle(f);
	}
	assert_int_equal(fake_kvm.nr_routings, commits);
	assert_int_equal(fake_vfio.nr_set_irqs, calls);
	assert_int_equal(fake_kvm.nr_attach, attached);
}

static void new_message_is_used_from_the_write_on(void **state)
{
	struct fixture *f = *state;

	set_message(f, ADDRESS, DATA);
	set_flags(f, true, 0);
	settle(f);
	for (unsigned i = 0; i < 100; i++) {
		guest_write(f, data_register(), 2, DATA + i);
		/* Without the main thread. */
		expect_interrupt(0, DATA + i);
	}
	fake_kvm.refuse_routing = true;
	guest_write(f, data_register(), 2, DATA);
	fake_kvm.refuse_routing = false;
	settle(f);
	expect_interrupt(0, DATA);
}

static void masked_vector_is_not_taken_and_waits(void **state)
{
	struct fixture *f = *state;
	unsigned commits, calls;

	set_message(f, ADDRESS, DATA);
	set_mask(f, 0xff);
	set_flags(f, true, 3);
	settle(f);
	assert_true(fake_vfio.enabled);
	assert_int_equal(fake_vfio.nr_taken_at_all, 0);
	set_mask(f, 0xfb);
	settle(f);
	assert_int_equal(fake_vfio.nr_taken, 1);
	expect_interrupt(2, DATA | 2);
	commits = fake_kvm.nr_routings;
	calls = fake_vfio.nr_set_irqs;
	for (unsigned i = 0; i < 100; i++) {
		set_mask(f, 0xff);
		assert_int_equal(guest_read(f, pending_register(), 4), 0);
		fake_vfio_interrupt(2);
		assert_int_equal(deliver(), 0);
		assert_int_equal(guest_read(f, pending_register(), 4), 1U << 2);
		assert_int_equal(guest_read(f, pending_register(), 1), 1U << 2);
		guest_write(f, pending_register(), 4, 0);
		/* Byte by byte too, at once and without the main thread. */
		guest_write(f, mask_register(), 1, 0xfb);
		assert_int_equal(deliver(), 1);
	}
	settle(f);
	assert_int_equal(fake_kvm.nr_routings, commits);
	assert_int_equal(fake_vfio.nr_set_irqs, calls);
}

static void pending_bit_of_the_device_is_shown(void **state)
{
	struct fixture *f = *state;

	put_le(fake_vfio.config + pending_register(), 4, 0x90);
	assert_int_equal(guest_read(f, pending_register(), 4), 0x90);
	guest_write(f, pending_register(), 4, UINT32_MAX);
	assert_int_equal(get_le(fake_vfio.config + pending_register(), 4), 0x90);
}

static void host_with_fewer_vectors_gives_what_it_has(void **state)
{
	struct fixture *f = *state;

	fake_vfio.limit = 3;
	set_message(f, ADDRESS, DATA);
	set_flags(f, true, 3);
	settle(f);
	assert_int_equal(fake_vfio.nr_given, 2);
	expect_interrupt(1, DATA | 1);
	/* It is not asked again and again. */
	set_message(f, ADDRESS, 0x5050);
	settle(f);
	assert_within(fake_vfio.nr_set_irqs, 3, 4);
	assert_int_equal(fake_vfio.nr_disable, 0);
	expect_interrupt(1, 0x5051);
}

static void reset_switches_it_off(void **state)
{
	struct fixture *f = *state;

	set_message(f, ADDRESS, DATA);
	set_flags(f, true, 3);
	settle(f);
	pci_bus_reset(&f->bus);
	vfio_interrupts_reset(&f->vp);
	vfio_config_reset(&f->vp);
	assert_false(fake_vfio.enabled);
	assert_int_equal(fake_kvm.nr_attach, fake_kvm.nr_detach);
	assert_int_equal(guest_read(f, MSI_CAP + PCI_MSI_ADDRESS_LO, 4), 0);
	set_message(f, ADDRESS, DATA);
	set_flags(f, true, 0);
	settle(f);
	expect_interrupt(0, DATA);
}

static void failure_leaves_a_device_that_works_later(void **state)
{
	struct fixture *f = *state;

	set_message(f, ADDRESS, DATA);
	for (unsigned call = 1; call <= 4; call++) {
		fake_vfio.fail_call = call;
		set_flags(f, true, 3);
		fake_kvm.refuse_irqfd = call == 3;
		fake_kvm.refuse_routing = call == 4;
		fake_ring_settle(&f->ring);
		fake_vfio.fail_call = 0;
		fake_kvm.refuse_irqfd = false;
		fake_kvm.refuse_routing = false;
		set_flags(f, false, 3);
		set_flags(f, true, 3);
		settle(f);
		expect_interrupt(7, DATA | 7);
		set_flags(f, false, 3);
	}
}

enum mode {
	INTX,
	MSI,
	MSIX
};

static void go(struct fixture *f, enum mode mode, bool off_first)
{
	if (off_first) {
		set_msix(f, 0);
		set_flags(f, false, 3);
	}
	if (mode == MSIX)
		set_msix(f, PCI_MSIX_FLAGS_ENABLE);
	set_flags(f, mode == MSI, 3);
	if (mode != MSIX)
		set_msix(f, 0);
}

static void modes_take_turns_in_every_order(void **state)
{
	static const enum mode order[] = { INTX, MSI,  MSIX, INTX, MSIX, MSI,
					   INTX, INTX, MSI,  MSI,  MSIX, MSIX };
	const unsigned gsi = LAYOUT_GSI_PCI_INTX + 1;
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	set_message(f, ADDRESS, DATA);
	pci_msix_table_write(&f->vp.msix.vectors.irqs.guest, 0, 8, (uint64_t)HIGH << 32 | ADDRESS);
	pci_msix_table_write(&f->vp.msix.vectors.irqs.guest, 8, 8, 0x77);
	for (unsigned i = 0; i < 4 * ARRAY_SIZE(order); i++) {
		enum mode mode = order[i % ARRAY_SIZE(order)];

		go(f, mode, i >= 2 * ARRAY_SIZE(order));
		settle(f);
		assert_int_equal(fake_vfio.intx_enabled, mode == INTX);
		assert_int_equal(fake_vfio.enabled, mode != INTX);
		if (mode == INTX) {
			fake_vfio_set_intx(true);
			assert_true(fake_kvm_line(gsi));
			fake_vfio_set_intx(false);
			fake_kvm_eoi(gsi);
			fake_vfio_poll_unmask();
			assert_false(fake_kvm_line(gsi));
			continue;
		}
		assert_int_equal(fake_vfio.index,
				 mode == MSI ? VFIO_PCI_MSI_IRQ_INDEX : VFIO_PCI_MSIX_IRQ_INDEX);
		expect_interrupt(0, mode == MSI ? DATA : 0x77);
	}
}

static void capability_that_does_not_fit_is_hidden(void **state)
{
	struct fixture *f = *state;
	struct vfio_pci *vp = &f->vp;
	uint8_t config[PCI_CONFIG_SIZE] = { 0 };

	vfio_msi_destroy(vp);
	put_le(config + PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	config[PCI_CAPABILITY_LIST] = 0xfc;
	config[0xfc] = PCI_CAP_ID_MSI;
	assert_int_equal(vfio_msi_init(vp, config, sizeof(config), NULL), 0);
	assert_true(vp->msi.present);
	assert_int_equal(vfio_msi_add(vp, config, 0xfc), -EINVAL);
	assert_false(vp->msi.present);
	set_command(f, PCI_COMMAND_MEMORY);
	assert_int_equal(guest_read(f, 0xfc, 4), 0);
}

static void any_access_is_safe(void **state)
{
	static const unsigned sizes[] = { 1, 2, 4, 0, 3, 8 };
	struct fixture *f = *state;
	uint32_t seed = 1;

	for (unsigned i = 0; i < 200000; i++) {
		unsigned offset, size;

		seed = seed * 1664525 + 1013904223;
		offset = MSIX_CAP + (seed >> 8) % 0x40;
		size = sizes[(seed >> 16) % ARRAY_SIZE(sizes)];
		if (seed >> 31)
			guest_read(f, offset, size);
		else
			guest_write(f, offset, size, seed * 2654435761U);
		if (!(seed >> 12 & 7))
			fake_vfio_interrupt(seed >> 20 & 7);
		if (!(seed >> 12 & 31))
			fake_ring_settle(&f->ring);
		assert_int_equal(fake_kvm.nr_unrouted, 0);
	}
	set_msix(f, 0);
	set_flags(f, false, 0);
	set_mask(f, 0);
	set_message(f, ADDRESS, DATA);
	set_flags(f, true, 3);
	settle(f);
	deliver();
	expect_interrupt(3, DATA | 3);
}

int main(void)
{
#define WITH(setup, f)                                              \
	{                                                           \
#f " (" #setup ")", f, setup, fixture_destroy, NULL \
	}
#define EACH(f) \
	WITH(setup_plain, f), WITH(setup_wide, f), WITH(setup_masked, f), WITH(setup_wide_masked, f)
	const struct CMUnitTest tests[] = {
		EACH(registers_hold_what_the_layout_has),
		EACH(each_vector_has_its_number_in_the_data),
		EACH(no_more_vectors_are_taken_than_enabled),
		EACH(no_more_vectors_are_enabled_than_there_are),
		EACH(nothing_sent_after_it_is_enabled_is_lost),
		EACH(new_message_is_used_and_an_old_one_costs_nothing),
		EACH(new_message_is_used_from_the_write_on),
		WITH(setup_masked, masked_vector_is_not_taken_and_waits),
		WITH(setup_wide_masked, masked_vector_is_not_taken_and_waits),
		WITH(setup_masked, pending_bit_of_the_device_is_shown),
		WITH(setup_wide_masked, pending_bit_of_the_device_is_shown),
		WITH(setup_plain, host_with_fewer_vectors_gives_what_it_has),
		WITH(setup_masked, host_with_fewer_vectors_gives_what_it_has),
		EACH(reset_switches_it_off),
		EACH(failure_leaves_a_device_that_works_later),
		WITH(setup_all, modes_take_turns_in_every_order),
		WITH(setup_plain, capability_that_does_not_fit_is_hidden),
		WITH(setup_all, any_access_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
