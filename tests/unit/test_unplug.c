/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that come and go: core/pci/hotplug.c by the registers that the guest's ACPI code uses, and core/device/unplug.c
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
#include "core/device/unplug.h"
#include "core/pci/hotplug.h"
#include "tests/fake/ring.h"

#define NR_BUSES    2
#define NR_DEVICES  3
#define DEADLINE_NS 20000000000ULL

#define INSERTED(bus) ((bus)*PCI_HOTPLUG_STRIDE)
#define LEAVING(bus)  ((bus)*PCI_HOTPLUG_STRIDE + 4)
#define EJECT(bus)    ((bus)*PCI_HOTPLUG_STRIDE + 8)

struct fixture {
	struct ring ring;
	struct vm vm;
	struct device_site site;
	struct device_list devices;
	struct pci_bus bus[NR_BUSES];
	struct unplug unplug;
	struct device *device[NR_DEVICES];
	struct pci_device pci[NR_DEVICES];
	struct pci_device fixed;
	bool level;
	unsigned nr_released[NR_DEVICES];
	unsigned nr_stops;
	bool is_slow; /* what device 0 has in flight does not end */
	unsigned nr_settled;
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

static bool settle(void *opaque)
{
	((struct fixture *)opaque)->nr_settled++;
	return true;
}

static const struct unplug_ops ops = { .set_irq = set_irq, .settle = settle };

static void block(void *opaque, void (*call)(void *arg), void *arg)
{
	call(arg);
}

static struct fixture *fixture_of(const struct device *device)
{
	return device->list->site->opaque;
}

static unsigned number_of(const struct device *device)
{
	return (unsigned)(device->id[0] - '0');
}

static int open_device(struct device *device, struct error *err)
{
	device->pci = &fixture_of(device)->pci[number_of(device)];
	return 0;
}

static int reset_device(struct device *device, int hurry_fd, int timeout_ms)
{
	return 0;
}

static int stop_device(struct device *device, int hurry_fd, int timeout_ms)
{
	struct fixture *f = fixture_of(device);

	assert_null(device->pci->bus);
	assert_int_equal(timeout_ms, 0);
	f->nr_stops++;
	return f->is_slow && !number_of(device) ? -ETIMEDOUT : 0;
}

static void close_device(struct device *device)
{
	struct fixture *f = fixture_of(device);

	assert_null(device->pci->bus);
	f->nr_released[number_of(device)]++;
}

static const struct device_class class = {
	.noun = "device",
	.open = open_device,
	.reset = reset_device,
	.stop = stop_device,
	.close = close_device,
};

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
	static const char *const ids[] = { "0", "1", "2" };
	static struct fixture f;
	struct unplug_config config = {
		.first = &f.bus[0],
		.list = &f.devices,
		.deadline_ns = DEADLINE_NS,
		.ops = &ops,
		.opaque = &f,
	};

	memset(&f, 0, sizeof(f));
	*state = &f;
	f.site = (struct device_site){ .vm = &f.vm, .ring = &f.ring, .block = block, .opaque = &f };
	f.devices.site = &f.site;
	assert_int_equal(ring_init(&f.ring, 8, NULL), 0);
	for (unsigned i = 0; i < NR_BUSES; i++) {
		struct pci_bus_config bus = {
			.mem32 = { 0xc0000000 + i * 16 * MIB, 16 * MIB },
			.first = i ? &f.bus[0] : NULL,
		};

		assert_int_equal(pci_bus_init(&f.bus[i], &bus), 0);
	}
	assert_int_equal(unplug_init(&f.unplug, &config), 0);
	make_device(&f.fixed, "fixed", false);
	assert_int_equal(pci_bus_add(&f.bus[0], &f.fixed, -1, NULL), 0);
	for (unsigned i = 0; i < NR_DEVICES; i++) {
		make_device(&f.pci[i], "device", true);
		assert_int_equal(device_add(&f.devices, &class, ids[i], NULL, NULL), 0);
		f.device[i] = device_find(&f.devices, ids[i]);
		assert_int_equal(device_open(f.device[i], NULL), 0);
		assert_int_equal(device_plug(f.device[i], &f.bus[i == 2], NULL), 0);
		assert_int_equal(device_start(f.device[i], NULL), 0);
	}
	unplug_start(&f.unplug);
	fake_ring_settle(&f.ring);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unplug_destroy(&f->unplug);
	DEVICE_FOR_EACH(device, &f->devices) {
		if (device->pci)
			pci_bus_remove(device->pci);
	}
	device_list_destroy(&f->devices);
	ring_destroy(&f->ring);
	for (unsigned i = 0; i < NR_BUSES; i++)
		pci_bus_destroy(&f->bus[i]);
	return 0;
}

static uint32_t guest_reads(struct fixture *f, uint64_t offset)
{
	return (uint32_t)pci_hotplug_port_ops.read(&f->unplug.pci, offset, 4);
}

static void guest_ejects(struct fixture *f, unsigned bus, uint32_t slots)
{
	pci_hotplug_port_ops.write(&f->unplug.pci, EJECT(bus), 4, slots);
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
	assert_int_equal(pci_hotplug_add(&f->unplug.pci, &f->bus[1], &dev, NULL), 0);
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
	pci_hotplug_remove(&f->unplug.pci, &dev);
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
	assert_int_equal(pci_hotplug_add(&f->unplug.pci, &f->bus[1], &dev, &err), -ENOSPC);
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
	unplug_ask(&f->unplug, f->device[2]);
	time_is_up(f);
	assert_int_equal(f->nr_released[2], 1);
	for (uint8_t slot = 1; slot <= 2; slot++) {
		struct pci_device *dev = &added[slot - 1];

		make_device(dev, "new", true);
		assert_int_equal(pci_hotplug_add(&f->unplug.pci, &f->bus[1], dev, NULL), 0);
		assert_int_equal(dev->slot, slot);
		assert_int_equal(guest_reads(f, LEAVING(1)), 0);
		assert_int_equal(guest_reads(f, INSERTED(1)), 1U << slot);
		assert_false(pci_hotplug_take_ejected(&f->unplug.pci, dev));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(added); i++)
		pci_hotplug_remove(&f->unplug.pci, &added[i]);
}

static void accesses_that_are_not_to_a_whole_register_do_nothing(void **state)
{
	struct fixture *f = *state;
	const struct iobus_ops *ports = &pci_hotplug_port_ops;

	unplug_ask(&f->unplug, f->device[0]);
	for (uint64_t offset = 0; offset < pci_hotplug_size(&f->unplug.pci); offset++) {
		for (unsigned size = 1; size <= 4; size *= 2) {
			bool is_register = size == 4 && offset % 16 % 4 == 0 && offset % 16 < 12;

			if (is_register)
				continue;
			assert_int_equal((uint32_t)ports->read(&f->unplug.pci, offset, size),
					 UINT32_MAX);
			ports->write(&f->unplug.pci, offset, size, UINT32_MAX);
		}
	}
	for (unsigned bus = 0; bus < NR_BUSES; bus++) {
		ports->write(&f->unplug.pci, INSERTED(bus), 4, UINT32_MAX);
		ports->write(&f->unplug.pci, LEAVING(bus), 4, UINT32_MAX);
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

	unplug_ask(&f->unplug, f->device[0]);
	assert_true(f->level);
	assert_int_equal(guest_reads(f, LEAVING(0)), 1U << 2);
	assert_false(f->level);
	assert_int_equal(vendor_of(f, 0, 2), 0x1234);
	assert_int_equal(f->nr_released[0], 0);
	guest_ejects(f, 0, 1U << 2);
	assert_int_equal(f->nr_released[0], 1);
	assert_false(f->device[0]->forced);
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

	unplug_ask(&f->unplug, f->device[0]);
	time_is_up(f);
	assert_int_equal(f->nr_released[0], 1);
	assert_true(f->device[0]->forced);
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

	unplug_ask(&f->unplug, f->device[0]);
	assert_int_equal(guest_reads(f, LEAVING(0)), 1U << 2);
	unplug_ask(&f->unplug, f->device[0]);
	assert_int_equal(guest_reads(f, LEAVING(0)), 0);
	time_is_up(f);
	assert_int_equal(f->nr_released[0], 1);
	assert_false(fake_ring_expire(&f->ring));
	unplug_ask(&f->unplug, f->device[0]);
	assert_false(f->level);
	assert_false(fake_ring_expire(&f->ring));
}

static void two_functions_go_each_in_its_own_way(void **state)
{
	struct fixture *f = *state;

	unplug_ask(&f->unplug, f->device[0]);
	unplug_ask(&f->unplug, f->device[2]);
	unplug_ask(&f->unplug, f->device[1]);
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
	assert_true(f->device[2]->forced);
}

static void what_has_requests_in_flight_is_looked_at_until_it_has_none(void **state)
{
	struct fixture *f = *state;

	f->is_slow = true;
	guest_ejects(f, 0, 1U << 2);
	assert_int_equal(vendor_of(f, 0, 2), 0xffff);
	assert_int_equal(f->nr_stops, 1);
	time_is_up(f);
	time_is_up(f);
	assert_int_equal(f->nr_stops, 3);
	assert_int_equal(f->nr_released[0], 0);
	assert_int_equal(f->nr_settled, 0);
	assert_ptr_equal(device_find(&f->devices, "0"), f->device[0]);
	/* Another one does not wait for it. */
	guest_ejects(f, 0, 1U << 3);
	assert_int_equal(f->nr_released[1], 1);
	f->is_slow = false;
	time_is_up(f);
	assert_int_equal(f->nr_released[0], 1);
	assert_int_equal(f->nr_settled, 2);
	assert_null(device_find(&f->devices, "0"));
	assert_false(fake_ring_expire(&f->ring));
}

static void one_that_cannot_go_yet_goes_after_the_reset(void **state)
{
	struct fixture *f = *state;

	f->device[0]->is_busy = true;
	unplug_ask(&f->unplug, f->device[0]);
	time_is_up(f);
	assert_int_equal(f->nr_released[0], 0);
	f->device[0]->is_busy = false;
	unplug_reset(&f->unplug);
	fake_ring_settle(&f->ring);
	assert_int_equal(f->nr_released[0], 1);
	assert_true(f->device[0]->forced);
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
	assert_false(f->device[0]->forced);
	assert_int_equal(f->nr_released[2], 0);
	assert_int_equal(vendor_of(f, 0, 1), 0x1234);
	assert_int_equal(vendor_of(f, 1, 1), 0x1234);
}

static void nothing_goes_before_it_may(void **state)
{
	struct fixture *f = *state;

	f->unplug.started = false;
	unplug_ask(&f->unplug, f->device[0]);
	guest_ejects(f, 0, 1U << 3);
	time_is_up(f);
	assert_int_equal(f->nr_released[0] + f->nr_released[1], 0);
	unplug_start(&f->unplug);
	fake_ring_settle(&f->ring);
	assert_int_equal(f->nr_released[0], 1);
	assert_int_equal(f->nr_released[1], 1);
	assert_true(f->device[0]->forced);
	assert_false(f->device[1]->forced);
}

static void a_reset_of_the_guest_takes_what_is_to_leave(void **state)
{
	struct fixture *f = *state;

	unplug_ask(&f->unplug, f->device[0]);
	unplug_reset(&f->unplug);
	/* The next kernel does not find it, and no interrupt; the rest is done when the ring comes to it. */
	assert_int_equal(vendor_of(f, 0, 2), 0xffff);
	assert_false(f->level);
	assert_int_equal(f->nr_released[0], 0);
	fake_ring_settle(&f->ring);
	assert_int_equal(f->nr_released[0], 1);
	assert_false(f->device[0]->forced);
	assert_int_equal(vendor_of(f, 0, 3), 0x1234);
	assert_int_equal(f->nr_released[1] + f->nr_released[2], 0);
	assert_false(fake_ring_expire(&f->ring));
}

static void an_ejection_that_a_reset_overtakes_counts(void **state)
{
	struct fixture *f = *state;

	pci_hotplug_port_ops.write(&f->unplug.pci, EJECT(1), 4, 1U << 1);
	unplug_reset(&f->unplug);
	assert_int_equal(vendor_of(f, 1, 1), 0xffff);
	fake_ring_settle(&f->ring);
	assert_int_equal(f->nr_released[2], 1);
	assert_false(f->device[2]->forced);
}

static void what_is_taken_apart_releases_nothing_any_more(void **state)
{
	struct fixture *f = *state;

	unplug_ask(&f->unplug, f->device[0]);
	pci_hotplug_port_ops.write(&f->unplug.pci, EJECT(1), 4, 1U << 1);
	unplug_destroy(&f->unplug);
	unplug_ask(&f->unplug, f->device[1]);
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
		pci_hotplug_port_ops.write(&f->unplug.pci, EJECT(1), 4, 1U << 3);
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
		assert_int_equal(pci_hotplug_add(&f->unplug.pci, &f->bus[1], &dev, NULL), 0);
		pci_hotplug_ask(&f->unplug.pci, &dev);
		pci_hotplug_take_ejected(&f->unplug.pci, &dev);
		pci_hotplug_remove(&f->unplug.pci, &dev);
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
		TEST(what_has_requests_in_flight_is_looked_at_until_it_has_none),
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
