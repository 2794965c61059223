/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of struct device_class, which every row of core/vmm/machine_classes.c keeps: the life from the configuration
 * to the end, resets and removal with something in flight, the failure of each call that open() makes, JSON there and back,
 * the names in metrics. With a fake driver, a fake VM and a fake VFIO device.
 *
 * usage: test_device_contract; needs a network namespace of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/config/config.h"
#include "core/device/unplug.h"
#include "core/vmm/machine_devices.h"
#include "core/vmm/metrics.h"
#include "io/virtio/class.h"
#include "tests/fake/fault.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/vfio_device.h"
#include "tests/fake/virtio_driver.h"
#include "tests/fake/vm.h"
#include "tests/unit/config_line.h"
#include "tests/unit/folder.h"
#include "tests/unit/pci_tree.h"
#include "vfio/dma/dma.h"
#include "vfio/pci/class.h"

#define NR_VECTORS  4
#define MSIX_CAP    0x50
#define DEADLINE_NS 20000000000ULL
#define ROUNDS	    5
/* DEVICE_MAX_ID characters, which are to be seen wherever it is called by its id. */
#define LONGEST_ID "pvc-0123456789abcdef0123456789abcdef0123456789abcdef0123456789a"
#define SLOT	   1 /* the fake driver's */

/** A kind. */
struct kind {
	const char *noun;
	const char *option; /* with %s for where the host shows itself */
	unsigned nr_queues; /* that the driver uses; 0: no virtio device */
	bool is_disk;	    /* whose requests have a header and a status */
	const char *object; /* what errors are about, where they do not give the id */
};

static const struct kind kinds[] = {
	{ "disk", "--disk path=%s/image,num_queues=2,queue_affinity=[0@[0]],id=" LONGEST_ID, 2,
	  true, "disk " },
	{ "network device", "--net tap=,num_queues=4,mac=02:00:00:00:00:01,id=" LONGEST_ID, 4,
	  false, "network device " },
	{ "entropy device", "--rng src=/dev/ptmx", 1, false, "entropy " },
	{ "console", "--console pty", 2, false, "console " },
	{ "device", "--device path=%s/bus/pci/devices/0000:01:00.0,trace=ring,id=" LONGEST_ID, 0,
	  false, "device 0000:01:00.0" },
};

struct fixture {
	const struct kind *kind;
	struct driver driver;
	struct config config;
	struct device_list devices;
	struct device *device;
	struct vfio_dma dma; /* mapped */
	struct unplug unplug;
	bool has_settled;
	bool is_held, wants_reset, was_reset; /* of all devices, as the machine does it */
	struct ring_work ask, reset;
	unsigned nr_pinned;
};

static struct ring *ring_of(void *opaque, unsigned i)
{
	return &((struct fixture *)opaque)->driver.ring_thread.ring;
}

static int pin_ring(void *opaque, unsigned i, const cpu_set_t *cpus, struct error *err)
{
	((struct fixture *)opaque)->nr_pinned++;
	return 0;
}

static void block(void *opaque, void (*call)(void *arg), void *arg)
{
	call(arg);
}

static void announce(void *opaque, const char *name, const char *path)
{
}

static void quit(void *opaque)
{
}

static void set_irq(void *opaque, bool level)
{
}

static bool settle(void *opaque)
{
	struct fixture *f = opaque;

	f->has_settled = ring_thread_settle(&f->driver.ring_thread, 60000);
	return f->has_settled;
}

/* As the machine: what is asked of all of it waits while devices are released. */
static bool begin(void *opaque)
{
	struct fixture *f = opaque;
	bool was_held = f->is_held;

	f->is_held = true;
	return was_held;
}

static void end(void *opaque, bool begun)
{
	struct fixture *f = opaque;

	f->is_held = begun;
	if (f->wants_reset)
		ring_defer(&f->driver.ring, &f->reset);
}

static const struct unplug_ops unplug_ops = {
	.set_irq = set_irq,
	.settle = settle,
	.begin = begin,
	.end = end,
};

/* What the host's device has: MSI-X, and a BAR for its table. */
static void make_vfio_device(void)
{
	uint8_t *config = fake_vfio.config;

	fake_vfio_reset(false);
	fake_vfio.can_open = true;
	put_le(config + PCI_VENDOR_ID, 4, 0x58071425);
	put_le(config + PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	config[PCI_CAPABILITY_LIST] = MSIX_CAP;
	config[MSIX_CAP] = PCI_CAP_ID_MSIX;
	put_le(config + MSIX_CAP + PCI_MSIX_FLAGS, 2, NR_VECTORS - 1);
	put_le(config + MSIX_CAP + PCI_MSIX_PBA, 4, 0x800);
	fake_vfio.nr_vectors = NR_VECTORS;
	fake_vfio.bar_size = 0x1000;
}

static void parse(struct fixture *f)
{
	char option[512], line[1024];

	snprintf(option, sizeof(option), f->kind->option, pci_tree.sysfs);
	snprintf(line, sizeof(line), "--kernel k --memory 64M --serial null %s%s", option,
		 strstr(option, "console") ? "" : " --console off");
	f->config = line_good(line);
}

static void set_up(struct fixture *f, const struct kind *kind)
{
	*f = (struct fixture){ .kind = kind };
	fake_kvm_reset();
	make_vfio_device();
	assert_int_equal(driver_init(&f->driver), 0);
	vfio_dma_init(&f->dma);
	vfio_dma_cancel(&f->dma);
	f->driver.site.dma = &f->dma;
	f->driver.site.ring_of = ring_of;
	f->driver.site.pin_ring = pin_ring;
	f->driver.site.block = block;
	f->driver.site.announce = announce;
	f->driver.site.quit = quit;
	f->driver.site.opaque = f;
	f->devices.site = &f->driver.site;
	parse(f);
}

static void add(struct fixture *f)
{
	struct error err = { 0 };

	if (machine_add_devices(&f->config, &f->devices, &err))
		fail_msg("%s: %s: %s", f->kind->noun, err.object, err.reason);
	f->device = f->devices.first;
	assert_non_null(f->device);
	assert_null(f->device->next);
	assert_string_equal(f->device->class->noun, f->kind->noun);
	assert_int_equal(f->device->state, DEVICE_NEW);
	assert_ptr_equal(device_find(&f->devices, f->device->id), f->device);
}

static void bring_up(struct fixture *f)
{
	struct error err = { 0 };

	if (device_open(f->device, &err))
		fail_msg("%s: %s: %s", f->kind->noun, err.object, err.reason);
	assert_int_equal(f->device->state, DEVICE_OPEN);
	assert_non_null(f->device->pci);
	assert_null(f->device->pci->bus);
	assert_int_equal(device_plug(f->device, &f->driver.bus, NULL), 0);
	assert_int_equal(f->device->state, DEVICE_PLUGGED);
	assert_int_equal(f->device->pci->slot, SLOT);
	assert_int_equal(device_start(f->device, NULL), 0);
	assert_int_equal(f->device->state, DEVICE_RUNNING);
}

/* Every vector of a passed-through device, as its driver does. */
static void enable_vectors(struct fixture *f)
{
	uint64_t table = f->device->pci->bar[0].addr;
	struct driver *d = &f->driver;

	for (unsigned i = 0; i < NR_VECTORS; i++) {
		uint64_t entry = table + PCI_MSIX_ENTRY_SIZE * i;

		iobus_write(&d->vm.mmio, &d->reader, entry, 8, 0xfee00000);
		iobus_write(&d->vm.mmio, &d->reader, entry + PCI_MSIX_ENTRY_DATA, 4, i);
		iobus_write(&d->vm.mmio, &d->reader, entry + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
	}
	driver_config_write(d, MSIX_CAP + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	ring_drain_posted(&d->ring);
}

/* A guest's driver, and requests: of other kinds than disks some stay in flight for as long as nobody ends them. */
static void load(struct fixture *f)
{
	const struct driver_buffer buffers[] = { { DRIVER_DATA, 16, false },
						 { DRIVER_DATA + 4096, 65536, true },
						 { DRIVER_DATA + 16, 1, true } };

	driver_adopt(&f->driver, f->device->pci);
	if (!f->kind->nr_queues) {
		enable_vectors(f);
		return;
	}
	f->driver.vp = virtio_class_of(f->device);
	driver_enable_msix(&f->driver);
	driver_start(&f->driver, 0, f->kind->nr_queues);
	for (unsigned i = 0; i < 32; i++)
		driver_add(&f->driver, 0, &buffers[!f->kind->is_disk], f->kind->is_disk ? 3 : 1);
	driver_kick(&f->driver, 0);
}

static void take_down(struct fixture *f)
{
	if (f->device && f->device->state != DEVICE_GONE) {
		if (f->device->pci)
			pci_bus_remove(f->device->pci);
		assert_int_equal(device_stop(f->device, -1, 60000), 0);
		/* Once more is nothing new. */
		assert_int_equal(device_stop(f->device, -1, 60000), 0);
		settle(f);
		device_close(f->device);
		assert_int_equal(f->device->state, DEVICE_GONE);
		assert_null(device_find(&f->devices, f->device->id));
		device_close(f->device);
	}
	device_list_destroy(&f->devices);
	f->driver.vp = NULL;
	assert_int_equal(fake_vm.nr_slots, 0);
}

static void tear_down(struct fixture *f)
{
	config_destroy(&f->config);
	vfio_dma_destroy(&f->dma);
	driver_destroy(&f->driver);
}

static unsigned count_fds(void)
{
	return folder_count("/proc/self/fd");
}

/* What a ring is to let go of it does in turns of its own, of which an operation that is cancelled takes some. */
static void expect_fds(struct fixture *f, unsigned nr, const char *when)
{
	for (unsigned i = 0; i < 5000 && count_fds() != nr; i++) {
		settle(f);
		usleep(1000);
	}
	if (count_fds() != nr)
		fail_msg("%s: %s: %u descriptors, %u before", f->kind->noun, when, count_fds(), nr);
}

static void a_life_leaves_nothing(const struct kind *kind)
{
	struct fixture f;
	unsigned before;

	set_up(&f, kind);
	before = count_fds();
	for (unsigned i = 0; i < ROUNDS; i++) {
		/* As far as NEW, OPEN, PLUGGED and RUNNING; then with a driver. */
		add(&f);
		if (i > 0)
			assert_int_equal(device_open(f.device, NULL), 0);
		if (i > 1)
			assert_int_equal(device_plug(f.device, &f.driver.bus, NULL), 0);
		if (i > 2)
			assert_int_equal(device_start(f.device, NULL), 0);
		if (i > 3)
			load(&f);
		take_down(&f);
		expect_fds(&f, before, "after a life");
	}
	tear_down(&f);
}

static void a_reset_ends_what_is_in_flight(const struct kind *kind)
{
	struct fixture f;

	set_up(&f, kind);
	add(&f);
	assert_int_equal(device_reset(f.device, -1, 0), 0);
	bring_up(&f);
	assert_int_equal(device_reset(f.device, -1, 60000), 0);
	for (unsigned i = 0; i < 20; i++) {
		load(&f);
		pci_bus_reset(&f.driver.bus);
		assert_int_equal(device_reset(f.device, -1, 60000), 0);
		assert_int_equal(f.device->state, DEVICE_RUNNING);
		assert_false(f.device->is_busy);
	}
	take_down(&f);
	tear_down(&f);
}

static void let_leave(struct fixture *f, const struct unplug_ops *ops)
{
	const struct unplug_config config = {
		.first = &f->driver.bus,
		.list = &f->devices,
		.deadline_ns = DEADLINE_NS,
		.ops = ops,
		.opaque = f,
	};

	assert_int_equal(unplug_init(&f->unplug, &config), 0);
	unplug_start(&f->unplug);
}

/* By the guest's registers, as its ACPI code does. */
static void ejecting_ends_what_is_in_flight(const struct kind *kind)
{
	struct fixture f;
	unsigned before;

	set_up(&f, kind);
	let_leave(&f, &unplug_ops);
	before = count_fds();
	add(&f);
	bring_up(&f);
	assert_true(f.device->pci->removable);
	f.has_settled = false;
	load(&f);
	pci_hotplug_port_ops.write(&f.unplug.pci, 8, 4, 1U << SLOT);
	assert_true(ring_wait_for(&f.driver.ring, &f.has_settled));
	assert_int_equal(f.device->state, DEVICE_GONE);
	assert_false(f.device->forced);
	assert_int_equal(pci_config_read(&f.driver.bus, SLOT << 3, PCI_VENDOR_ID, 2), 0xffff);
	expect_fds(&f, before, "ejected");
	take_down(&f);
	unplug_destroy(&f.unplug);
	tear_down(&f);
}

static void reset_all(struct ring_work *work)
{
	struct fixture *f = container_of(work, struct fixture, reset);

	if (f->is_held || !f->wants_reset)
		return;
	f->wants_reset = false;
	assert_false(f->device->is_busy);
	device_reset(f->device, -1, 60000);
	unplug_reset(&f->unplug);
	f->was_reset = true;
}

static void ask_for_reset(struct ring_work *work)
{
	struct fixture *f = container_of(work, struct fixture, ask);

	f->wants_reset = true;
	ring_defer(&f->driver.ring, &f->reset);
}

static bool settle_and_ask(void *opaque)
{
	struct fixture *f = opaque;

	ring_post(&f->driver.ring, &f->ask);
	return settle(opaque);
}

/* The guest asks for it while the device is on its way out, which turns the ring. */
static void a_reset_within_an_ejection_comes_after_it(const struct kind *kind)
{
	const struct unplug_ops ops = {
		.set_irq = set_irq, .settle = settle_and_ask, .begin = begin, .end = end
	};
	struct fixture f;

	set_up(&f, kind);
	f.ask.run = ask_for_reset;
	f.reset.run = reset_all;
	let_leave(&f, &ops);
	add(&f);
	bring_up(&f);
	load(&f);
	pci_hotplug_port_ops.write(&f.unplug.pci, 8, 4, UINT32_MAX);
	assert_true(ring_wait_for(&f.driver.ring, &f.was_reset));
	assert_int_equal(f.device->state, DEVICE_GONE);
	take_down(&f);
	unplug_destroy(&f.unplug);
	tear_down(&f);
}

/* A vCPU wrote the register just before it was paused for good. */
static void an_ejection_that_the_end_overtakes_does_nothing(const struct kind *kind)
{
	struct fixture f;

	set_up(&f, kind);
	let_leave(&f, &unplug_ops);
	add(&f);
	bring_up(&f);
	load(&f);
	pci_hotplug_port_ops.write(&f.unplug.pci, 8, 4, UINT32_MAX);
	unplug_stop(&f.unplug);
	assert_int_equal(device_stop(f.device, -1, 60000), 0);
	pci_bus_remove(f.device->pci);
	unplug_destroy(&f.unplug);
	ring_drain_posted(&f.driver.ring);
	assert_int_equal(f.device->state, DEVICE_LEAVING);
	take_down(&f);
	tear_down(&f);
}

/* The error says what of: the id, or what the host's thing is called. */
static void expect_object(const struct fixture *f, const struct error *err, const char *when)
{
	if (!strstr(err->object, f->device->id) &&
	    strncmp(err->object, f->kind->object, strlen(f->kind->object)))
		fail_msg("%s: %s: the error is about \"%s\", %s", f->kind->noun, when, err->object,
			 err->reason);
}

static void any_call_of_open_may_fail(const struct kind *kind)
{
	unsigned nr_fatal = 0, nth = 0, before;
	const char *failed;
	struct fixture f;

	set_up(&f, kind);
	before = count_fds();
	do {
		struct error err = { 0 };
		char when[64];
		int r;

		add(&f);
		fault_arm(++nth);
		r = device_open(f.device, &err);
		failed = fault_disarm();
		snprintf(when, sizeof(when), "call %u, %s", nth, failed ? failed : "none");
		assert_int_equal(f.device->state, r ? DEVICE_NEW : DEVICE_OPEN);
		if (r)
			expect_object(&f, &err, when);
		nr_fatal += r != 0;
		take_down(&f);
		expect_fds(&f, before, when);
	} while (failed);
	print_message("%s: %u calls of open(), %u of which it cannot do without\n", kind->noun,
		      nth - 1, nr_fatal);
	assert_true(nr_fatal > 3);
	tear_down(&f);
}

/* Stands in for who opens things for a device: counts, lets the call through, or does not. */
struct gate {
	unsigned nr, refused; /* calls; which of them is not made, counted from 1 */
};

static int pass_gate(void *opaque, const struct host_source *source, const void *what, void *result,
		     struct error *err)
{
	struct gate *gate = opaque;
	const char *before = fault_watch(false);
	int r;

	if (++gate->nr == gate->refused)
		return error_set(err, -EACCES, "%s", source->name);
	r = source->open(what, result, err);
	if (!before)
		fault_watch(true);
	return r;
}

static void expect_no_other_way(const struct kind *kind, const char *when)
{
	const char *seen = fault_watch(false);

	if (seen)
		fail_msg("%s: %s() by itself in %s", kind->noun, seen, when);
}

static void the_host_is_reached_by_one_way(const struct kind *kind)
{
	struct gate gate = { 0 };
	const struct host host = { pass_gate, &gate };
	struct error err = { 0 };
	struct fixture f;

	set_up(&f, kind);
	f.driver.site.host = &host;
	fault_watch(true);
	add(&f);
	expect_no_other_way(kind, "check()");
	fault_watch(true);
	bring_up(&f);
	expect_no_other_way(kind, "open()");
	fault_watch(true);
	load(&f);
	pci_bus_reset(&f.driver.bus);
	assert_int_equal(device_reset(f.device, -1, 60000), 0);
	expect_no_other_way(kind, "use");
	take_down(&f);
	f.device = NULL;
	assert_true(gate.nr > 0);
	/* What it does not get it says, and begins nothing. */
	gate = (struct gate){ .refused = gate.nr };
	if (machine_add_devices(&f.config, &f.devices, &err)) {
		assert_null(f.devices.first);
	} else {
		f.device = f.devices.first;
		assert_int_equal(device_open(f.device, &err), -EACCES);
		assert_int_equal(f.device->state, DEVICE_NEW);
	}
	assert_true(*err.object);
	assert_int_equal(err.code, -EACCES);
	fault_watch(false);
	take_down(&f);
	tear_down(&f);
}

static char *print(const struct config *config)
{
	struct error err = { 0 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(config_print(config, out, &err), 0);
	fclose(out);
	return text;
}

static void what_is_configured_is_the_same_from_json(const struct kind *kind)
{
	char path[128], line[160], *text, *again;
	struct config config;
	struct fixture f;
	FILE *file;

	set_up(&f, kind);
	text = print(&f.config);
	snprintf(path, sizeof(path), "%s/config.json", pci_tree.sysfs);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	snprintf(line, sizeof(line), "--config %s", path);
	config = line_good(line);
	again = print(&config);
	assert_string_equal(text, again);
	config_destroy(&f.config);
	f.config = config;
	add(&f);
	bring_up(&f);
	take_down(&f);
	free(text);
	free(again);
	tear_down(&f);
}

/* Each object of the trace that a device makes is called by its id. */
static void metrics_are_called_by_the_id(const struct kind *kind)
{
	char *text = NULL, label[80];
	struct fixture f;
	size_t size;
	FILE *out;

	set_up(&f, kind);
	add(&f);
	bring_up(&f);
	load(&f);
	out = open_memstream(&text, &size);
	assert_non_null(out);
	metrics_print(out, NULL);
	fclose(out);
	snprintf(label, sizeof(label), "=\"%s ", f.device->id);
	assert_true(!strstr(f.kind->option, LONGEST_ID) || strlen(f.device->id) == DEVICE_MAX_ID);
	if (!strstr(text, label))
		fail_msg("%s: nothing in metrics is called %s", kind->noun, f.device->id);
	free(text);
	take_down(&f);
	tear_down(&f);
}

static int setup_host(void **state)
{
	char path[128];

	pci_tree_setup(state);
	pci_tree_device("0000:01:00.0", "0x010802", 7, "vfio-pci");
	snprintf(path, sizeof(path), "%s/image", pci_tree.sysfs);
	pci_tree_put("sys/image", "%s", "");
	return truncate(path, 16 * MIB);
}

static const struct {
	const char *name;
	void (*run)(const struct kind *kind);
} clauses[] = {
	{ "a life leaves nothing", a_life_leaves_nothing },
	{ "a reset ends what is in flight", a_reset_ends_what_is_in_flight },
	{ "ejecting ends what is in flight", ejecting_ends_what_is_in_flight },
	{ "a reset within an ejection comes after it", a_reset_within_an_ejection_comes_after_it },
	{ "an ejection that the end overtakes does nothing",
	  an_ejection_that_the_end_overtakes_does_nothing },
	{ "any call of open() may fail", any_call_of_open_may_fail },
	{ "the host is reached by one way", the_host_is_reached_by_one_way },
	{ "what is configured is the same from JSON", what_is_configured_is_the_same_from_json },
	{ "metrics are called by the id", metrics_are_called_by_the_id },
};

static unsigned number;

static void run_clause(void **state)
{
	unsigned i = number++;

	clauses[i % ARRAY_SIZE(clauses)].run(&kinds[i / ARRAY_SIZE(clauses)]);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(kinds) * ARRAY_SIZE(clauses)];
	static char name[ARRAY_SIZE(tests)][96];

	if (unshare(CLONE_NEWNET)) {
		printf("1..0 # SKIP a network namespace takes root\n");
		return 77;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
		snprintf(name[i], sizeof(name[i]), "%s: %s", kinds[i / ARRAY_SIZE(clauses)].noun,
			 clauses[i % ARRAY_SIZE(clauses)].name);
		tests[i] = (struct CMUnitTest){ .name = name[i], .test_func = run_clause };
	}
	return cmocka_run_group_tests(tests, setup_host, pci_tree_teardown);
}
