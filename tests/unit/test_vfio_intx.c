/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INTx of passed-through devices, through configuration space as a guest reaches it: vfio/pci/intx.c and vfio/pci/config.c with
 * core/pci and core/kvm/irq.c as they are; the kernel below them is fake.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/vfio_fixture.h"

#define GSI (LAYOUT_GSI_PCI_INTX + 1) /* of slot 1, INTA */

static int setup(void **state)
{
	return fixture_init(state, HAS_INTX | HAS_MSIX);
}

static int setup_only_intx(void **state)
{
	return fixture_init(state, HAS_INTX);
}

/* The host's and KVM's part, until nothing moves any more. */
static bool line(struct fixture *f)
{
	settle(f);
	fake_vfio_poll_unmask();
	return fake_kvm_line(GSI);
}

static void eoi(void)
{
	fake_kvm_eoi(GSI);
	fake_vfio_poll_unmask();
}

static void pin_is_shown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(guest_read(f, PCI_INTERRUPT_PIN, 1), 1);
}

static void nothing_is_delivered_before_the_guest_sets_a_command(void **state)
{
	struct fixture *f = *state;

	fake_vfio_set_intx(true);
	assert_int_equal(fake_vfio.nr_intx, 0);
	set_command(f, PCI_COMMAND_MEMORY);
	assert_true(line(f));
}

static void line_follows_the_device(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	for (unsigned i = 1; i <= 5; i++) {
		fake_vfio_set_intx(true);
		assert_true(line(f));
		fake_vfio_set_intx(false);
		eoi();
		assert_false(line(f));
		assert_int_equal(fake_vfio.nr_intx, i);
	}
}

static void line_that_stays_asserted_comes_again_after_each_eoi(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	fake_vfio_set_intx(true);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(line(f));
		eoi();
	}
	assert_true(line(f));
	fake_vfio_set_intx(false);
	eoi();
	assert_false(line(f));
}

static void interrupt_disable_is_honoured(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	fake_vfio_set_intx(true);
	assert_false(line(f));
	assert_int_equal(guest_read(f, PCI_COMMAND, 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	set_command(f, PCI_COMMAND_MEMORY);
	assert_true(line(f));
	/* Byte by byte too. */
	guest_write(f, PCI_COMMAND + 1, 1, PCI_COMMAND_INTX_DISABLE >> 8);
	eoi();
	assert_false(line(f));
	guest_write(f, PCI_COMMAND + 1, 1, 0);
	assert_true(line(f));
}

static void interrupt_status_is_the_devices(void **state)
{
	struct fixture *f = *state;

	assert_false(guest_read(f, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	fake_vfio_set_intx(true);
	set_command(f, PCI_COMMAND_INTX_DISABLE);
	assert_true(guest_read(f, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	assert_true(guest_read(f, PCI_COMMAND, 4) & PCI_STATUS_INTERRUPT << 16);
}

static void device_reads_back_what_the_guest_set_while_the_host_masks(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	set_msix(f, PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(guest_read(f, PCI_COMMAND, 2), PCI_COMMAND_MEMORY);
	assert_true(get_le(fake_vfio.config + PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE);
}

static void shared_line_stays_high_while_one_asserts_it(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	irq_share_line(&f->vm.irq, GSI, true);
	fake_vfio_set_intx(true);
	assert_true(line(f));
	fake_vfio_set_intx(false);
	eoi();
	assert_true(line(f));
	irq_share_line(&f->vm.irq, GSI, false);
	assert_false(line(f));
	/* The other way round. */
	fake_vfio_set_intx(true);
	irq_share_line(&f->vm.irq, GSI, true);
	irq_share_line(&f->vm.irq, GSI, false);
	assert_true(line(f));
}

static void msix_takes_turns_with_intx(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	for (unsigned i = 0; i < 5; i++) {
		fake_vfio_set_intx(true);
		assert_true(line(f));
		assert_true(fake_vfio.intx_enabled);
		set_msix(f, PCI_MSIX_FLAGS_ENABLE);
		assert_false(fake_vfio.intx_enabled);
		assert_true(fake_vfio.enabled);
		assert_false(line(f));
		/* Neither of these is another mode. */
		set_command(f, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		set_msix(f, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
		assert_true(fake_vfio.enabled);
		set_msix(f, 0);
		assert_false(fake_vfio.enabled);
		/* What is asserted still, the guest hears of. */
		assert_true(line(f));
		fake_vfio_set_intx(false);
		eoi();
	}
}

static void driver_that_starts_with_msix_costs_no_call_for_intx(void **state)
{
	struct fixture *f = *state;
	uint64_t calls = f->vp.intx.nr_set_irqs;

	/* Seen to be possible when the device was created, and off again. */
	assert_false(fake_vfio.intx_enabled);
	for (unsigned i = 0; i < 5; i++) {
		set_command(f, PCI_COMMAND_MEMORY);
		fake_ring_settle(&f->ring);
		set_msix(f, PCI_MSIX_FLAGS_ENABLE);
		set_command(f, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
		settle(f);
		set_msix(f, 0);
		settle(f);
	}
	assert_int_equal(f->vp.intx.nr_set_irqs, calls);
}

static void device_that_decodes_nothing_takes_no_host_interrupt(void **state)
{
	struct fixture *f = *state;

	fake_vfio_set_intx(true);
	set_command(f, PCI_COMMAND_MASTER);
	assert_false(line(f));
	assert_false(fake_vfio.intx_enabled);
	set_command(f, PCI_COMMAND_IO);
	assert_true(line(f));
}

/* As a vCPU does while guest memory is mapped for DMA; the main thread must not wait for it. */
static void bus_that_is_busy_is_come_back_to(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	fake_vfio_set_intx(true);
	fake_ring_settle(&f->ring);
	pthread_mutex_lock(&f->bus.lock);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(fake_ring_expire(&f->ring));
		fake_ring_settle(&f->ring);
		assert_false(fake_vfio.intx_enabled);
	}
	pthread_mutex_unlock(&f->bus.lock);
	assert_true(line(f));
}

static void device_can_go_before_the_guest_has_settled(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	/* Posted, and with the timer running. */
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			fake_ring_settle(&f->ring);
		vfio_intx_destroy(&f->vp);
		assert_false(f->vp.intx.timer.active);
		assert_null(f->ring.posted);
		vfio_intx_init(&f->vp, fake_vfio.config);
		assert_int_equal(vfio_intx_start(&f->vp, NULL), 0);
		set_command(f, PCI_COMMAND_MEMORY);
	}
}

static void reset_drops_the_line(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	fake_vfio_set_intx(true);
	assert_true(line(f));
	pci_bus_reset(&f->bus);
	vfio_interrupts_reset(&f->vp);
	vfio_config_reset(&f->vp);
	assert_false(line(f));
	assert_int_equal(fake_kvm.nr_attach, fake_kvm.nr_detach);
	assert_int_equal(guest_read(f, PCI_INTERRUPT_PIN, 1), 1);
	/* A device without a reset of its own asserts it still. */
	set_command(f, PCI_COMMAND_MEMORY);
	assert_true(line(f));
}

static void every_failure_leaves_a_device_that_works_later(void **state)
{
	struct fixture *f = *state;

	set_command(f, PCI_COMMAND_MEMORY);
	for (unsigned call = 1; call <= 6; call++) {
		set_msix(f, PCI_MSIX_FLAGS_ENABLE);
		fake_vfio.fail_call = call;
		fake_kvm.refuse_irqfd = call == 6;
		set_msix(f, 0);
		fake_vfio.fail_call = 0;
		fake_kvm.refuse_irqfd = false;
		set_msix(f, PCI_MSIX_FLAGS_ENABLE);
		set_msix(f, 0);
		fake_vfio_set_intx(true);
		assert_true(line(f));
		fake_vfio_set_intx(false);
		eoi();
	}
}

static void guest_of_a_host_without_a_line_is_offered_none(void **state)
{
	struct fixture *f = *state;

	vfio_intx_destroy(&f->vp);
	vfio_intx_init(&f->vp, fake_vfio.config);
	fake_vfio.fail_call = 1;
	assert_int_equal(vfio_intx_start(&f->vp, NULL), 0);
	assert_int_equal(guest_read(f, PCI_INTERRUPT_PIN, 1), 0);
	set_command(f, PCI_COMMAND_MEMORY);
	assert_false(line(f));
	assert_false(fake_vfio.intx_enabled);
	assert_true(get_le(fake_vfio.config + PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE);
	set_msix(f, PCI_MSIX_FLAGS_ENABLE);
	assert_true(fake_vfio.enabled);
	set_msix(f, 0);
}

static void device_with_nothing_but_a_line_is_refused_where_it_cannot_be_had(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	vfio_intx_destroy(&f->vp);
	vfio_intx_init(&f->vp, fake_vfio.config);
	fake_vfio.fail_call = 1;
	assert_int_equal(vfio_intx_start(&f->vp, &err), -EIO);
	assert_string_equal(err.object, "device 0000:01:00.0: INTx: VFIO_DEVICE_SET_IRQS");
	vfio_intx_init(&f->vp, fake_vfio.config);
	f->vm.irq.can_resample = false;
	memset(&err, 0, sizeof(err));
	assert_int_equal(vfio_intx_start(&f->vp, &err), -EOPNOTSUPP);
	assert_string_equal(err.object, "device 0000:01:00.0: INTx: KVM_CAP_IRQFD_RESAMPLE");
}

static void pin_that_does_not_exist_is_none(void **state)
{
	struct fixture *f = *state;

	vfio_intx_destroy(&f->vp);
	fake_vfio.config[PCI_INTERRUPT_PIN] = 5;
	vfio_intx_init(&f->vp, fake_vfio.config);
	assert_int_equal(guest_read(f, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(vfio_intx_start(&f->vp, NULL), 0);
	set_command(f, PCI_COMMAND_MEMORY);
	assert_false(fake_vfio.intx_enabled);
}

int main(void)
{
#define CASE(f)	     cmocka_unit_test_setup_teardown(f, setup, fixture_destroy)
#define ONLY_INTX(f) cmocka_unit_test_setup_teardown(f, setup_only_intx, fixture_destroy)
	const struct CMUnitTest tests[] = {
		CASE(pin_is_shown),
		CASE(nothing_is_delivered_before_the_guest_sets_a_command),
		CASE(line_follows_the_device),
		CASE(line_that_stays_asserted_comes_again_after_each_eoi),
		CASE(interrupt_disable_is_honoured),
		CASE(interrupt_status_is_the_devices),
		CASE(device_reads_back_what_the_guest_set_while_the_host_masks),
		CASE(shared_line_stays_high_while_one_asserts_it),
		CASE(msix_takes_turns_with_intx),
		CASE(driver_that_starts_with_msix_costs_no_call_for_intx),
		CASE(device_that_decodes_nothing_takes_no_host_interrupt),
		CASE(bus_that_is_busy_is_come_back_to),
		CASE(device_can_go_before_the_guest_has_settled),
		CASE(reset_drops_the_line),
		CASE(every_failure_leaves_a_device_that_works_later),
		CASE(guest_of_a_host_without_a_line_is_offered_none),
		ONLY_INTX(device_with_nothing_but_a_line_is_refused_where_it_cannot_be_had),
		ONLY_INTX(pin_that_does_not_exist_is_none),
		ONLY_INTX(line_follows_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
