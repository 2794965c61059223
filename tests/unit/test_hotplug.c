/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that come and go: core/pci/hotplug.c by the registers that the guest's ACPI code uses, and core/vmm/hotplug.c
 * above it, with a fake ring's time.
 */
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
#include "core/pci/hotplug.h"
#include "core/vmm/hotplug.h"
#include "tests/fake/ring.h"

#define NR_BUSES    2
#define NR_DEVICES  3
#define DEADLINE_NS 20000000000ULL

#define INSERTED(bus) ((bus)*PCI_HOTPLUG_STRIDE)
#define LEAVING(bus)  ((bus)*PCI_HOTPLUG_STRIDE + 4)
#define EJECT(bus)    ((bus)*PCI_HOTPLUG_STRIDE + 8)

struct fixture {
	struct ring ring;
	struct pci_bus bus[NR_BUSES];
	struct hotplug hotplug;
	struct hotplug_device device[NR_DEVICES];
	struct pci_device pci[NR_DEVICES];
	struct pci_device fixed;
	bool level;
	unsigned nr_released[NR_DEVICES];
	bool forced[NR_DEVICES];
	bool was_on_bus[NR_DEVICES];
	bool is_busy[NR_DEVICES];
};

static int bar_map(struct pci_device *dev, unsigned bar, uint64_t addr)
{
	return 0;
}

static void bar_unmap(struct pci_device *dev, unsigned bar, uint64_t addr)
{
}

static const struct pci_device_ops pci_ops = { .bar_map = bar_map, .bar_unmap = bar_unmap };

static void set_irq(void *opaque, bool level)
{
	struct fixture *f = opaque;

	assert_int_not_equal(f->level, level);
	f->level = level;
}

static bool release(void *opaque, unsigned i, bool forced)
{
	struct fixture *f = opaque;

	if (f->is_busy[i])
		return false;
	f->nr_released[i]++;
	f->forced[i] = forced;
	f->was_on_bus[i] = f->pci[i].bus;
	if (f->pci[i].bus)
		pci_hotplug_remove(&f->hotplug.pci, &f->pci[i]);
	return true;
}

static const struct hotplug_ops ops = { .set_irq = set_irq, .release = release };

static void make_device(struct pci_device *dev, const char *name, bool removable)
{
	static const struct pci_bar bar = { .kind = PCI_BAR_MEM32, .size = MIB };

	pci_device_init(dev, &pci_ops, name);
	put_le(dev->data + PCI_VENDOR_ID, 2, 0x1234);
	dev->removable = removable;
	assert_int_equal(pci_device_set_bar(dev, 0, &bar), 0);
}

/* Devices 0 and 1 in slots 2 and 3 of bus 0, behind one that stays; device 2 in slot 1 of bus 1. */
static int setup(void **state)
{
	static struct fixture f;
	struct hotplug_config config = {
		.ring = &f.ring,
		.first = &f.bus[0],
		.device = f.device,
		.nr_devices = NR_DEVICES,
		.deadline_ns = DEADLINE_NS,
		.ops = &ops,
		.opaque = &f,
	};

	memset(&f, 0, sizeof(f));
	*state = &f;
	assert_int_equal(ring_init(&f.ring, 8, NULL), 0);
	for (unsigned i = 0; i < NR_BUSES; i++) {
		struct pci_bus_config bus = {
			.mem32 = { 0xc0000000 + i * 16 * MIB, 16 * MIB },
			.first = i ? &f.bus[0] : NULL,
		};

		assert_int_equal(pci_bus_init(&f.bus[i], &bus), 0);
	}
	assert_int_equal(hotplug_init(&f.hotplug, &config), 0);
	make_device(&f.fixed, "fixed", false);
	assert_int_equal(pci_bus_add(&f.bus[0], &f.fixed, -1, NULL), 0);
	for (unsigned i = 0; i < NR_DEVICES; i++) {
		make_device(&f.pci[i], "device", true);
		assert_int_equal(pci_bus_add(&f.bus[i == 2], &f.pci[i], -1, NULL), 0);
		hotplug_watch(&f.hotplug, i, &f.pci[i]);
	}
	hotplug_start(&f.hotplug);
	fake_ring_settle(&f.ring);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hotplug_destroy(&f->hotplug);
	ring_destroy(&f->ring);
	for (unsigned i = 0; i < NR_BUSES; i++)
		pci_bus_destroy(&f->bus[i]);
	return 0;
}

static uint32_t guest_reads(struct fixture *f, uint64_t offset)
{
	return (uint32_t)pci_hotplug_port_ops.read(&f->hotplug.pci, offset, 4);
}

static void guest_ejects(struct fixture *f, unsigned bus, uint32_t slots)
{
	pci_hotplug_port_ops.write(&f->hotplug.pci, EJECT(bus), 4, slots);
	fake_ring_settle(&f->ring);
}

static void time_is_up(struct fixture *f)
{
	assert_true(fake_ring_expire(&f->ring));
	fake_ring_settle(&f->ring);
}

static uint32_t vendor_of(struct fixture *f, unsigned bus, unsigned slot)
{
	return pci_config_read(&f->bus[0], bus << 8 | slot << 3, PCI_VENDOR_ID, 2);
}

static void a_function_that_is_added_is_announced_until_the_guest_reads_that(void **state)
{
	struct fixture *f = *state;
	struct pci_device dev;

	assert_false(f->level);
	assert_int_equal(vendor_of(f, 1, 2), 0xffff);
	make_device(&dev, "new", true);
	assert_int_equal(pci_hotplug_add(&f->hotplug.pci, &f->bus[1], &dev, NULL), 0);
	assert_true(f->level);
	assert_int_equal(vendor_of(f, 1, 2), 0x1234);
	assert_int_equal(guest_reads(f, INSERTED(0)), 0);
	assert_true(f->level);
	assert_int_equal(guest_reads(f, INSERTED(1)), 1U << 2);
	assert_false(f->level);
	assert_int_equal(guest_reads(f, INSERTED(1)), 0);
	/* Its BAR is where the guest puts it. */
	pci_config_write(&f->bus[0], 1 << 8 | 2 << 3, PCI_BASE_ADDRESS_0, 4, 0xc1800000);
	pci_config_write(&f->bus[0], 1 << 8 | 2 << 3, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(dev.bar[0].mapped);
	assert_int_equal(dev.bar[0].addr, 0xc1800000);
	pci_hotplug_remove(&f->hotplug.pci, &dev);
	assert_int_equal(vendor_of(f, 1, 2), 0xffff);
}

static void a_function_whose_bars_have_no_room_is_not_added(void **state)
{
	static const struct pci_bar bar = { .kind = PCI_BAR_MEM32, .size = 32 * MIB };
	struct fixture *f = *state;
	struct error err = { 0 };
	struct pci_device dev;

	pci_device_init(&dev, &pci_ops, "large");
	assert_int_equal(pci_device_set_bar(&dev, 0, &bar), 0);
	assert_int_equal(pci_hotplug_add(&f->hotplug.pci, &f->bus[1], &dev, &err), -ENOSPC);
	assert_string_equal(err.object, "device large: BAR 0");
	assert_null(dev.bus);
	assert_false(f->level);
	assert_int_equal(vendor_of(f, 1, 2), 0xffff);
}

static void what_was_said_of_a_slot_is_not_about_the_next_function_in_it(void **state)
{
	struct fixture *f = *state;
	struct pci_device added[2];

	/* Slots that are empty; and one that is to be. */
	guest_ejects(f, 1, UINT32_MAX & ~(1U << 1));
	hotplug_ask(&f->hotplug, 2);
	time_is_up(f);
	assert_int_equal(f->nr_released[2], 1);
	for (uint8_t slot = 1; slot <= 2; slot++) {
		struct pci_device *dev = &added[slot - 1];

		make_device(dev, "new", true);
		assert_int_equal(pci_hotplug_add(&f->hotplug.pci, &f->bus[1], dev, NULL), 0);
		assert_int_equal(dev->slot, slot);
		assert_int_equal(guest_reads(f, LEAVING(1)), 0);
		assert_int_equal(guest_reads(f, INSERTED(1)), 1U << slot);
		assert_false(pci_hotplug_take_ejected(&f->hotplug.pci, dev));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(added); i++)
		pci_hotplug_remove(&f->hotplug.pci, &added[i]);
}

static void accesses_that_are_not_to_a_whole_register_do_nothing(void **state)
{
	struct fixture *f = *state;
	const struct iobus_ops *ports = &pci_hotplug_port_ops;

	hotplug_ask(&f->hotplug, 0);
	for (uint64_t offset = 0; offset < pci_hotplug_size(&f->hotplug.pci); offset++) {
		for (unsigned size = 1; size <= 4; size *= 2) {
			bool is_register = size == 4 && offset % 16 % 4 == 0 && offset % 16 < 12;

			if (is_register)
				continue;
			assert_int_equal((uint32_t)ports->read(&f->hotplug.pci, offset, size),
					 UINT32_MAX);
			ports->write(&f->hotplug.pci, offset, size, UINT32_MAX);
		}
	}
	for (unsigned bus = 0; bus < NR_BUSES; bus++) {
		ports->write(&f->hotplug.pci, INSERTED(bus), 4, UINT32_MAX);
		ports->write(&f->hotplug.pci, LEAVING(bus), 4, UINT32_MAX);
		assert_int_equal(guest_reads(f, EJECT(bus)), 0);
		assert_int_equal(guest_reads(f, INSERTED(bus)), 0);
	}
	fake_ring_settle(&f->ring);
	assert_int_equal(guest_reads(f, LEAVING(0)), 1U << 2);
	assert_int_equal(guest_reads(f, LEAVING(1)), 0);
	for (unsigned i = 0; i < NR_DEVICES; i++)
		assert_int_equal(f->nr_released[i], 0);
}

static void a_function_that_the_guest_is_asked_for_goes_when_it_ejects_it(void **state)
{
	struct fixture *f = *state;

	hotplug_ask(&f->hotplug, 0);
	assert_true(f->level);
	assert_int_equal(guest_reads(f, LEAVING(0)), 1U << 2);
	assert_false(f->level);
	assert_int_equal(vendor_of(f, 0, 2), 0x1234);
	assert_int_equal(f->nr_released[0], 0);
	guest_ejects(f, 0, 1U << 2);
	assert_int_equal(f->nr_released[0], 1);
	assert_false(f->forced[0]);
	assert_int_equal(vendor_of(f, 0, 2), 0xffff);
	assert_int_equal(vendor_of(f, 0, 3), 0x1234);
	/* The deadline went with it. */
	assert_false(fake_ring_expire(&f->ring));
	guest_ejects(f, 0, UINT32_MAX & ~(1U << 3));
	assert_int_equal(f->nr_released[0], 1);
}

static void what_the_guest_does_not_let_go_of_is_taken_in_the_end(void **state)
{
	struct fixture *f = *state;

	hotplug_ask(&f->hotplug, 0);
	time_is_up(f);
	assert_int_equal(f->nr_released[0], 1);
	assert_true(f->forced[0]);
	assert_int_equal(vendor_of(f, 0, 2), 0xffff);
	/* It never looked, and finds nothing when it does. */
	assert_false(f->level);
	assert_int_equal(guest_reads(f, LEAVING(0)), 0);
	guest_ejects(f, 0, 1U << 2);
	assert_int_equal(f->nr_released[0], 1);
	assert_int_equal(f->nr_released[1] + f->nr_released[2], 0);
}

static void asking_again_does_not_put_the_end_off(void **state)
{
	struct fixture *f = *state;

	hotplug_ask(&f->hotplug, 0);
	assert_int_equal(guest_reads(f, LEAVING(0)), 1U << 2);
	hotplug_ask(&f->hotplug, 0);
	assert_int_equal(guest_reads(f, LEAVING(0)), 0);
	time_is_up(f);
	assert_int_equal(f->nr_released[0], 1);
	assert_false(fake_ring_expire(&f->ring));
	hotplug_ask(&f->hotplug, 0);
	assert_false(f->level);
	assert_false(fake_ring_expire(&f->ring));
}

static void two_functions_go_each_in_its_own_way(void **state)
{
	struct fixture *f = *state;

	hotplug_ask(&f->hotplug, 0);
	hotplug_ask(&f->hotplug, 2);
	hotplug_ask(&f->hotplug, 1);
	assert_int_equal(guest_reads(f, LEAVING(0)), 3U << 2);
	assert_true(f->level);
	assert_int_equal(guest_reads(f, LEAVING(1)), 1U << 1);
	assert_false(f->level);
	guest_ejects(f, 0, 3U << 2);
	assert_int_equal(f->nr_released[0], 1);
	assert_int_equal(f->nr_released[1], 1);
	assert_int_equal(f->nr_released[2], 0);
	time_is_up(f);
	assert_int_equal(f->nr_released[2], 1);
	assert_true(f->forced[2]);
}

static void one_that_cannot_go_yet_goes_after_the_reset(void **state)
{
	struct fixture *f = *state;

	f->is_busy[0] = true;
	hotplug_ask(&f->hotplug, 0);
	time_is_up(f);
	assert_int_equal(f->nr_released[0], 0);
	f->is_busy[0] = false;
	hotplug_reset(&f->hotplug);
	fake_ring_settle(&f->ring);
	assert_int_equal(f->nr_released[0], 1);
	assert_true(f->forced[0]);
}

static void a_guest_may_eject_of_its_own_accord_but_not_what_stays(void **state)
{
	struct fixture *f = *state;

	guest_ejects(f, 0, 1U << 0 | 1U << 1);
	assert_int_equal(vendor_of(f, 0, 1), 0x1234);
	assert_int_equal(vendor_of(f, 0, 0), 0x1b36);
	guest_ejects(f, 0, UINT32_MAX);
	assert_int_equal(f->nr_released[0], 1);
	assert_int_equal(f->nr_released[1], 1);
	assert_false(f->forced[0]);
	assert_int_equal(f->nr_released[2], 0);
	assert_int_equal(vendor_of(f, 0, 1), 0x1234);
	assert_int_equal(vendor_of(f, 1, 1), 0x1234);
}

static void nothing_goes_before_it_may(void **state)
{
	struct fixture *f = *state;

	f->hotplug.started = false;
	hotplug_ask(&f->hotplug, 0);
	guest_ejects(f, 0, 1U << 3);
	time_is_up(f);
	assert_int_equal(f->nr_released[0] + f->nr_released[1], 0);
	hotplug_start(&f->hotplug);
	fake_ring_settle(&f->ring);
	assert_int_equal(f->nr_released[0], 1);
	assert_int_equal(f->nr_released[1], 1);
	assert_true(f->forced[0]);
	assert_false(f->forced[1]);
}

static void a_reset_of_the_guest_takes_what_is_to_leave(void **state)
{
	struct fixture *f = *state;

	hotplug_ask(&f->hotplug, 0);
	hotplug_reset(&f->hotplug);
	/* The next kernel does not find it, and no interrupt; the rest is done when the ring comes to it. */
	assert_int_equal(vendor_of(f, 0, 2), 0xffff);
	assert_false(f->level);
	assert_int_equal(f->nr_released[0], 0);
	fake_ring_settle(&f->ring);
	assert_int_equal(f->nr_released[0], 1);
	assert_false(f->forced[0]);
	assert_false(f->was_on_bus[0]);
	assert_int_equal(vendor_of(f, 0, 3), 0x1234);
	assert_int_equal(f->nr_released[1] + f->nr_released[2], 0);
	assert_false(fake_ring_expire(&f->ring));
}

static void an_ejection_that_a_reset_overtakes_counts(void **state)
{
	struct fixture *f = *state;

	pci_hotplug_port_ops.write(&f->hotplug.pci, EJECT(1), 4, 1U << 1);
	hotplug_reset(&f->hotplug);
	assert_int_equal(vendor_of(f, 1, 1), 0xffff);
	fake_ring_settle(&f->ring);
	assert_int_equal(f->nr_released[2], 1);
	assert_false(f->forced[2]);
}

static void what_is_taken_apart_releases_nothing_any_more(void **state)
{
	struct fixture *f = *state;

	hotplug_ask(&f->hotplug, 0);
	pci_hotplug_port_ops.write(&f->hotplug.pci, EJECT(1), 4, 1U << 1);
	hotplug_destroy(&f->hotplug);
	hotplug_ask(&f->hotplug, 1);
	fake_ring_settle(&f->ring);
	for (unsigned i = 0; i < NR_DEVICES; i++)
		assert_int_equal(f->nr_released[i], 0);
}

struct guest {
	struct fixture *f;
	pthread_t thread;
	bool stop;
	bool seen[4];
};

/* What a vCPU may do at any time: look for functions, move the BARs of those it finds, access the registers. */
static void *guest_main(void *arg)
{
	struct guest *guest = arg;
	struct fixture *f = guest->f;

	while (!__atomic_load_n(&guest->stop, __ATOMIC_RELAXED)) {
		for (unsigned slot = 1; slot < 4; slot++) {
			unsigned bdf = 1 << 8 | slot << 3;

			if (vendor_of(f, 1, slot) == 0x1234)
				__atomic_store_n(&guest->seen[slot], true, __ATOMIC_RELAXED);
			pci_config_write(&f->bus[0], bdf, PCI_BASE_ADDRESS_0, 4,
					 0xc1000000 + (slot << 20));
			pci_config_write(&f->bus[0], bdf, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		}
		guest_reads(f, INSERTED(1));
		pci_hotplug_port_ops.write(&f->hotplug.pci, EJECT(1), 4, 1U << 3);
	}
	return NULL;
}

static void functions_come_and_go_while_the_guest_runs(void **state)
{
	struct fixture *f = *state;
	struct guest guest = { .f = f };
	struct pci_device dev;

	assert_int_equal(pthread_create(&guest.thread, NULL, guest_main, &guest), 0);
	for (unsigned i = 0; i < 1000 || !__atomic_load_n(&guest.seen[2], __ATOMIC_RELAXED); i++) {
		make_device(&dev, "new", true);
		assert_int_equal(pci_hotplug_add(&f->hotplug.pci, &f->bus[1], &dev, NULL), 0);
		pci_hotplug_ask(&f->hotplug.pci, &dev);
		pci_hotplug_take_ejected(&f->hotplug.pci, &dev);
		pci_hotplug_remove(&f->hotplug.pci, &dev);
		assert_false(dev.bar[0].mapped);
	}
	__atomic_store_n(&guest.stop, true, __ATOMIC_RELAXED);
	pthread_join(guest.thread, NULL);
	guest_reads(f, INSERTED(1));
	assert_int_equal(guest_reads(f, LEAVING(1)), 0);
	assert_false(f->level);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_function_that_is_added_is_announced_until_the_guest_reads_that),
		TEST(a_function_whose_bars_have_no_room_is_not_added),
		TEST(what_was_said_of_a_slot_is_not_about_the_next_function_in_it),
		TEST(accesses_that_are_not_to_a_whole_register_do_nothing),
		TEST(a_function_that_the_guest_is_asked_for_goes_when_it_ejects_it),
		TEST(what_the_guest_does_not_let_go_of_is_taken_in_the_end),
		TEST(asking_again_does_not_put_the_end_off),
		TEST(two_functions_go_each_in_its_own_way),
		TEST(one_that_cannot_go_yet_goes_after_the_reset),
		TEST(a_guest_may_eject_of_its_own_accord_but_not_what_stays),
		TEST(nothing_goes_before_it_may),
		TEST(a_reset_of_the_guest_takes_what_is_to_leave),
		TEST(an_ejection_that_a_reset_overtakes_counts),
		TEST(what_is_taken_apart_releases_nothing_any_more),
		TEST(functions_come_and_go_while_the_guest_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
