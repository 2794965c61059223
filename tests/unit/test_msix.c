/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/pci/msix.h"

#define ENABLE PCI_MSIX_FLAGS_ENABLE
#define MASKED (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)

struct owner {
	bool on[PCI_MSIX_MAX_VECTORS];
	bool waiting[PCI_MSIX_MAX_VECTORS];
	unsigned nr_enable, nr_disable, nr_switched, nr_pending;
	bool switched_on;
	struct msi_message last;
};

struct fixture {
	struct pci_msix msix;
	struct owner owner;
};

static void owner_enable(void *opaque, unsigned vector, const struct msi_message *msg)
{
	struct owner *owner = opaque;

	assert_true(owner->switched_on);
	owner->on[vector] = true;
	owner->nr_enable++;
	owner->last = *msg;
}

static void owner_disable(void *opaque, unsigned vector)
{
	struct owner *owner = opaque;

	assert_true(owner->on[vector]);
	assert_true(owner->switched_on);
	owner->on[vector] = false;
	owner->nr_disable++;
}

static bool owner_pending(void *opaque, unsigned vector)
{
	struct owner *owner = opaque;

	assert_false(owner->on[vector]);
	owner->nr_pending++;
	return owner->waiting[vector];
}

static void owner_switched(void *opaque, bool enabled)
{
	struct owner *owner = opaque;

	assert_int_not_equal(owner->switched_on, enabled);
	owner->nr_switched++;
	owner->switched_on = enabled;
}

static const struct pci_msix_ops owner_ops = {
	.enable = owner_enable,
	.disable = owner_disable,
	.pending = owner_pending,
	.switched = owner_switched,
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	*state = &f;
	return pci_msix_init(&f.msix, PCI_MSIX_MAX_VECTORS, &owner_ops, &f.owner);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pci_msix_destroy(&f->msix);
	return 0;
}

static void mask(struct fixture *f, unsigned vector, bool masked)
{
	pci_msix_table_write(&f->msix, vector * 16U + 12, 4, masked);
}

static void number_of_vectors_is_bounded(void **state)
{
	struct pci_msix msix = { 0 };

	assert_int_equal(pci_msix_init(&msix, 0, &owner_ops, NULL), -EINVAL);
	assert_int_equal(pci_msix_init(&msix, 2049, &owner_ops, NULL), -EINVAL);
	pci_msix_destroy(&msix);
}

static void vectors_start_masked_and_cleared(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < PCI_MSIX_MAX_VECTORS; i++) {
		assert_int_equal(pci_msix_table_read(&f->msix, i * 16U, 8), 0);
		assert_int_equal(pci_msix_table_read(&f->msix, i * 16U + 8, 8), 1ULL << 32);
	}
	pci_msix_set_control(&f->msix, ENABLE);
	assert_int_equal(f->owner.nr_enable, 0);
	assert_int_equal(f->owner.nr_switched, 1);
}

static void table_reads_back_at_every_size(void **state)
{
	struct fixture *f = *state;

	pci_msix_table_write(&f->msix, 0x20, 8, 0x11223344fee00123ULL);
	pci_msix_table_write(&f->msix, 0x28, 8, 0xffffffff55667788ULL);
	assert_int_equal(pci_msix_table_read(&f->msix, 0x20, 8), 0x11223344fee00120ULL);
	assert_int_equal(pci_msix_table_read(&f->msix, 0x28, 8), 0x0000000155667788ULL);
	assert_int_equal(pci_msix_table_read(&f->msix, 0x24, 4), 0x11223344);
	assert_int_equal(pci_msix_table_read(&f->msix, 0x28, 4), 0x55667788);
	assert_int_equal(pci_msix_table_read(&f->msix, 0x2a, 2), 0x5566);
	assert_int_equal(pci_msix_table_read(&f->msix, 0x2b, 1), 0x55);
	assert_int_equal(pci_msix_table_read(&f->msix, 0x2c, 1), 1);
	pci_msix_table_write(&f->msix, 0x20, 4, 0xabcd0000);
	assert_int_equal(pci_msix_table_read(&f->msix, 0x20, 8), 0x11223344abcd0000ULL);
}

static void narrow_or_unaligned_writes_are_dropped(void **state)
{
	struct fixture *f = *state;

	pci_msix_set_control(&f->msix, ENABLE);
	pci_msix_table_write(&f->msix, 12, 1, 0);
	pci_msix_table_write(&f->msix, 12, 2, 0);
	pci_msix_table_write(&f->msix, 10, 4, 0);
	pci_msix_table_write(&f->msix, 12, 8, 0);
	assert_int_equal(pci_msix_table_read(&f->msix, 12, 4), 1);
	assert_int_equal(f->owner.nr_enable, 0);
	assert_int_equal(pci_msix_table_read(&f->msix, 10, 4), 0xffffffff);
	assert_int_equal(pci_msix_table_read(&f->msix, 4, 8), UINT64_MAX);
	assert_int_equal(pci_msix_table_read(&f->msix, 1, 2), 0xffff);
}

static void beyond_the_table_is_nothing(void **state)
{
	struct fixture *f = *state;
	struct pci_msix small;

	assert_int_equal(pci_msix_init(&small, 3, &owner_ops, &f->owner), 0);
	pci_msix_set_control(&small, ENABLE);
	pci_msix_table_write(&small, 0x3c, 4, 0);
	pci_msix_table_write(&small, UINT64_MAX - 7, 8, 0);
	pci_msix_table_write(&small, (1ULL << 36) + 12, 4, 0);
	assert_int_equal(pci_msix_table_read(&small, 0x3c, 4), 0);
	assert_int_equal(pci_msix_table_read(&small, UINT64_MAX - 7, 8), 0);
	assert_int_equal(pci_msix_table_read(&small, (1ULL << 36) + 12, 4), 0);
	assert_int_equal(pci_msix_pba_read(&small, 8, 8), 0);
	assert_int_equal(pci_msix_pba_read(&small, UINT64_MAX, 8), 0);
	assert_int_equal(pci_msix_pba_read(&small, 1ULL << 32, 8), 0);
	assert_int_equal(f->owner.nr_enable, 0);
	f->owner.waiting[3] = true;
	assert_int_equal(pci_msix_pba_read(&small, 0, 8), 0);
	pci_msix_destroy(&small);
	pci_msix_destroy(&small);
}

static void unmasking_delivers_with_the_message(void **state)
{
	struct fixture *f = *state;

	pci_msix_table_write(&f->msix, 2047 * 16, 8, 0xfee01000);
	pci_msix_table_write(&f->msix, 2047 * 16 + 8, 4, 0x4041);
	mask(f, 2047, false);
	assert_int_equal(f->owner.nr_enable, 0); /* MSI-X is not enabled yet */
	pci_msix_set_control(&f->msix, ENABLE);
	assert_int_equal(f->owner.nr_enable, 1);
	assert_true(f->owner.on[2047]);
	assert_int_equal(f->owner.last.address, 0xfee01000);
	assert_int_equal(f->owner.last.data, 0x4041);
}

static void qword_write_of_data_and_control_is_one_change(void **state)
{
	struct fixture *f = *state;

	pci_msix_set_control(&f->msix, ENABLE);
	pci_msix_table_write(&f->msix, 8, 8, 0x77);
	assert_int_equal(f->owner.nr_enable, 1);
	assert_int_equal(f->owner.last.data, 0x77);
	pci_msix_table_write(&f->msix, 8, 8, 1ULL << 32 | 0x78);
	assert_int_equal(f->owner.nr_enable, 1);
	assert_int_equal(f->owner.nr_disable, 1);
}

static void only_changes_reach_the_owner(void **state)
{
	struct fixture *f = *state;

	pci_msix_set_control(&f->msix, ENABLE);
	mask(f, 5, false);
	mask(f, 5, false);
	pci_msix_table_write(&f->msix, 5 * 16, 8, 0); /* unchanged */
	assert_int_equal(f->owner.nr_enable, 1);
	pci_msix_table_write(&f->msix, 5 * 16 + 8, 4, 9); /* changed while deliverable */
	assert_int_equal(f->owner.nr_enable, 2);
	assert_int_equal(f->owner.last.data, 9);
	assert_int_equal(f->owner.nr_disable, 0);
	mask(f, 5, true);
	mask(f, 5, true);
	assert_int_equal(f->owner.nr_disable, 1);
	pci_msix_table_write(&f->msix, 5 * 16 + 8, 4, 10); /* masked: nobody cares */
	assert_int_equal(f->owner.nr_enable, 2);
}

static void mask_storm_alternates(void **state)
{
	struct fixture *f = *state;

	pci_msix_set_control(&f->msix, ENABLE);
	for (unsigned i = 0; i < 100000; i++) {
		mask(f, i / 2 % 64, i % 2);
		mask(f, i / 2 % 64, i % 2);
	}
	assert_int_equal(f->owner.nr_enable, 50000);
	assert_int_equal(f->owner.nr_disable, 50000);
	assert_int_equal(f->owner.nr_switched, 1);
}

static void function_mask_covers_all_vectors(void **state)
{
	struct fixture *f = *state;

	pci_msix_set_control(&f->msix, MASKED);
	for (unsigned i = 0; i < PCI_MSIX_MAX_VECTORS; i++)
		mask(f, i, false);
	assert_int_equal(f->owner.nr_enable, 0);
	pci_msix_set_control(&f->msix, ENABLE);
	assert_int_equal(f->owner.nr_enable, 2048);
	mask(f, 7, true);
	pci_msix_set_control(&f->msix, MASKED);
	assert_int_equal(f->owner.nr_disable, 2048);
	pci_msix_set_control(&f->msix, ENABLE | 0x7ff); /* size bits are read-only */
	assert_int_equal(f->owner.nr_enable, 2048 + 2047);
	assert_false(f->owner.on[7]);
	assert_int_equal(f->owner.nr_switched, 1);
}

static void disabling_and_reset_end_all_delivery(void **state)
{
	struct fixture *f = *state;

	pci_msix_set_control(&f->msix, ENABLE);
	mask(f, 0, false);
	pci_msix_set_control(&f->msix, 0);
	assert_int_equal(f->owner.nr_disable, 1);
	assert_int_equal(f->owner.nr_switched, 2);
	pci_msix_set_control(&f->msix, ENABLE);
	assert_int_equal(f->owner.nr_enable, 2); /* the table is as it was */
	pci_msix_reset(&f->msix);
	assert_int_equal(f->owner.nr_disable, 2);
	assert_int_equal(f->owner.nr_switched, 4);
	assert_int_equal(pci_msix_table_read(&f->msix, 12, 4), 1);
	pci_msix_reset(&f->msix);
	assert_int_equal(f->owner.nr_switched, 4);
}

static void pending_bits_show_masked_vectors_only(void **state)
{
	struct fixture *f = *state;

	f->owner.waiting[0] = f->owner.waiting[9] = f->owner.waiting[63] = true;
	f->owner.waiting[64] = f->owner.waiting[2047] = true;
	assert_int_equal(pci_msix_pba_read(&f->msix, 0, 8), 0); /* MSI-X off */
	assert_int_equal(f->owner.nr_pending, 0);
	pci_msix_set_control(&f->msix, ENABLE);
	assert_int_equal(pci_msix_pba_read(&f->msix, 0, 8), 0x8000000000000201ULL);
	assert_int_equal(f->owner.nr_pending, 64);
	assert_int_equal(pci_msix_pba_read(&f->msix, 8, 8), 1);
	assert_int_equal(pci_msix_pba_read(&f->msix, 1, 1), 2);
	assert_int_equal(pci_msix_pba_read(&f->msix, 4, 4), 0x80000000);
	assert_int_equal(pci_msix_pba_read(&f->msix, 255, 1), 0x80);
	assert_int_equal(pci_msix_pba_read(&f->msix, 254, 4), 0x8000);
	assert_int_equal(pci_msix_pba_read(&f->msix, 256, 8), 0);
	mask(f, 9, false);
	assert_int_equal(pci_msix_pba_read(&f->msix, 0, 8), 0x8000000000000001ULL);
	pci_msix_set_control(&f->msix, MASKED);
	assert_int_equal(pci_msix_pba_read(&f->msix, 0, 8), 0x8000000000000201ULL);
}

static void *toggle(void *opaque)
{
	struct fixture *f = opaque;

	for (unsigned i = 0; i < 20000; i++)
		mask(f, 1, i % 2);
	return NULL;
}

static void vcpus_may_write_at_once(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	pci_msix_set_control(&f->msix, ENABLE);
	assert_int_equal(pthread_create(&thread, NULL, toggle, f), 0);
	for (unsigned i = 0; i < 2000; i++) {
		pci_msix_set_control(&f->msix, i % 2 ? ENABLE : MASKED);
		pci_msix_pba_read(&f->msix, 0, 8);
	}
	pthread_join(thread, NULL);
	assert_false(f->owner.on[1]);
	assert_int_equal(f->owner.nr_enable, f->owner.nr_disable);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_of_vectors_is_bounded),
		CASE(vectors_start_masked_and_cleared),
		CASE(table_reads_back_at_every_size),
		CASE(narrow_or_unaligned_writes_are_dropped),
		CASE(beyond_the_table_is_nothing),
		CASE(unmasking_delivers_with_the_message),
		CASE(qword_write_of_data_and_control_is_one_change),
		CASE(only_changes_reach_the_owner),
		CASE(mask_storm_alternates),
		CASE(function_mask_covers_all_vectors),
		CASE(disabling_and_reset_end_all_delivery),
		CASE(pending_bits_show_masked_vectors_only),
		CASE(vcpus_may_write_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
