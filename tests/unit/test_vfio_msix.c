/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI-X of a passed-through device: vfio/pci/msix.c, vfio/pci/vectors.c and io/ring/irq_batch.c with core/pci/msix.c and core/kvm/irq.c as they
 * are; the kernel below them is fake.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/ring.h"
#include "tests/fake/vfio_device.h"
#include "tests/unit/folder.h"
#include "tests/unit/within.h"
#include "vfio/pci/pci.h"

#define NR_VECTORS 128
#define CAP	   0x40
#define ENABLE	   PCI_MSIX_FLAGS_ENABLE
#define MASKED	   (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)
#define ADDRESS	   0xfee00000U

struct fixture {
	struct ring ring;
	struct vm vm;
	struct irq_batch batch;
	struct vfio_pci vp;
	uint16_t control;
	bool masked[NR_VECTORS];
	uint32_t data[NR_VECTORS]; /* of its message; the low byte is the vector */
	bool owed[NR_VECTORS];	   /* signalled by the device, not delivered yet */
	unsigned delivered[NR_VECTORS];
	unsigned nr_fds; /* open, before any vector */
};

static void make_config(uint8_t *config, unsigned nr)
{
	memset(config, 0, PCI_CONFIG_SIZE);
	put_le(config + PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	config[PCI_CAPABILITY_LIST] = CAP;
	config[CAP] = PCI_CAP_ID_MSIX;
	put_le(config + CAP + PCI_MSIX_FLAGS, 2, nr - 1);
	put_le(config + CAP + PCI_MSIX_TABLE, 4, 0x2000);
	put_le(config + CAP + PCI_MSIX_PBA, 4, 0x3000);
}

static struct ring *ring_of(void *opaque, unsigned vector)
{
	struct fixture *f = opaque;

	return &f->ring;
}

static int init(void **state, bool no_resize, bool traced)
{
	static struct fixture f;
	uint8_t config[PCI_CONFIG_SIZE];
	struct vfio_irq *irq = &f.vp.device.irq[VFIO_PCI_MSIX_IRQ_INDEX];

	memset(&f, 0, sizeof(f));
	*state = &f;
	fake_kvm_reset();
	fake_vfio_reset(no_resize);
	f.vm.fd = 1;
	if (ring_init(&f.ring, 8, NULL) || irq_table_init(&f.vm.irq, f.vm.fd, NULL))
		return -1;
	irq_batch_init(&f.batch, &f.ring, &f.vm.irq);
	f.vp.vm = &f.vm;
	f.vp.batch = &f.batch;
	if (traced && trace_init(NULL))
		return -1;
	f.vp.trace = (struct vfio_trace){ traced ? ring_of : NULL, &f };
	f.nr_fds = folder_count("/proc/self/fd");
	f.vp.device.region[0].size = 0x4000;
	irq->count = NR_VECTORS;
	irq->flags = VFIO_IRQ_INFO_EVENTFD | (no_resize ? VFIO_IRQ_INFO_NORESIZE : 0);
	make_config(config, NR_VECTORS);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		f.masked[i] = true;
	return vfio_msix_init(&f.vp, config, sizeof(config), NULL);
}

static int setup(void **state)
{
	return init(state, false, false);
}

static int setup_no_resize(void **state)
{
	return init(state, true, false);
}

static int setup_traced(void **state)
{
	return init(state, false, true);
}

static int setup_traced_no_resize(void **state)
{
	return init(state, true, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vfio_msix_destroy(&f->vp);
	fake_ring_settle(&f->ring);
	/* Nothing is left open, whoever had it. */
	assert_int_equal(folder_count("/proc/self/fd"), f->nr_fds);
	trace_destroy();
	assert_int_equal(fake_kvm.nr_attach, fake_kvm.nr_detach);
	assert_false(fake_vfio.enabled);
	ring_destroy(&f->ring);
	irq_table_destroy(&f->vm.irq);
	return 0;
}

/* The guest's accesses, as config_written() and the trapped page make them. */

static void set_control(struct fixture *f, uint16_t control)
{
	f->control = control;
	pci_msix_set_control(&f->vp.msix.vectors.irqs.guest, control);
}

static void set_message(struct fixture *f, unsigned vector, uint32_t data)
{
	f->data[vector] = data << 8 | vector;
	pci_msix_table_write(&f->vp.msix.vectors.irqs.guest, vector * 16U, 8, ADDRESS);
	pci_msix_table_write(&f->vp.msix.vectors.irqs.guest, vector * 16U + 8, 4, f->data[vector]);
}

static void set_mask(struct fixture *f, unsigned vector, bool masked)
{
	f->masked[vector] = masked;
	pci_msix_table_write(&f->vp.msix.vectors.irqs.guest, vector * 16U + 12, 4, masked);
}

static void unmask(struct fixture *f, unsigned vector, uint32_t data)
{
	set_message(f, vector, data);
	set_mask(f, vector, false);
}

/* The main thread, until it has nothing left to do. */
static void settle(struct fixture *f)
{
	do
		fake_ring_settle(&f->ring);
	while (fake_ring_expire(&f->ring));
}

static void on_deliver(void *opaque, uint64_t address, uint32_t data)
{
	struct fixture *f = opaque;
	unsigned vector = data & 0xff;

	assert_int_equal(address, ADDRESS);
	assert_within(vector, 0, NR_VECTORS - 1);
	/* Never by a message that the guest has replaced, never while it does not want any. */
	assert_int_equal(data, f->data[vector]);
	assert_false(f->masked[vector]);
	assert_int_equal(f->control & MASKED, ENABLE);
	f->delivered[vector]++;
	f->owed[vector] = false;
}

static void deliver(struct fixture *f)
{
	fake_kvm_deliver(on_deliver, f);
}

static void interrupt(struct fixture *f, unsigned vector)
{
	fake_vfio_interrupt(vector);
	f->owed[vector] = true;
}

static void nothing_is_taken_before_it_is_unmasked(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	settle(f);
	/* MSI-X is on in the device, so that it stops to use INTx. */
	assert_true(fake_vfio.enabled);
	assert_int_equal(fake_vfio.nr_taken_at_all, 0);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		set_message(f, i, 1);
	settle(f);
	assert_int_equal(fake_vfio.nr_taken_at_all, 0);
	assert_int_equal(fake_kvm.nr_routings, 0);
	unmask(f, 77, 1);
	settle(f);
	assert_int_equal(fake_vfio.nr_taken_at_all, 1);
	assert_int_equal(fake_kvm.nr_routes, 1);
	assert_true(fake_vfio.fd[77] >= 0);
	/* VFIO's eventfd is the irqfd: nothing of torc lies between. */
	assert_true(fake_kvm_attached(fake_vfio.fd[77]) >= 0);
}

static void interrupt_reaches_the_guest(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	unmask(f, 3, 9);
	settle(f);
	for (unsigned i = 1; i <= 5; i++) {
		interrupt(f, 3);
		deliver(f);
		assert_int_equal(f->delivered[3], i);
	}
}

static void untraced_vector_costs_one_descriptor(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	unmask(f, 3, 9);
	settle(f);
	assert_int_equal(folder_count("/proc/self/fd"), f->nr_fds + 1);
	assert_null(f->vp.msix.vectors.vector[3].forward);
}

static void traced_interrupts_go_through_the_ring(void **state)
{
	struct fixture *f = *state;
	const struct trace_object *trace;
	unsigned before;

	set_control(f, ENABLE);
	unmask(f, 3, 9);
	unmask(f, 5, 9);
	settle(f);
	/* VFIO signals another eventfd than KVM waits for. */
	assert_true(fake_vfio.fd[3] >= 0);
	assert_int_equal(fake_kvm_attached(fake_vfio.fd[3]), -1);
	trace = f->vp.msix.vectors.vector[3].trace;
	/* Switching on one more may have made it spurious ones. */
	deliver(f);
	before = f->delivered[3];
	interrupt(f, 3);
	deliver(f);
	assert_int_equal(f->delivered[3], before);
	settle(f);
	deliver(f);
	assert_int_equal(f->delivered[3], before + 1);
	assert_int_equal(trace->counter[TRACE_VECTOR_INTERRUPTS], 1);
	assert_int_equal(trace->histogram[TRACE_VECTOR_FORWARD].count, 1);
	assert_int_equal(f->vp.msix.vectors.vector[5].trace->counter[TRACE_VECTOR_INTERRUPTS], 0);
	assert_null(f->vp.msix.vectors.vector[4].trace);
}

static void traced_interrupt_waits_while_its_vector_is_masked(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	unmask(f, 3, 9);
	settle(f);
	set_mask(f, 3, true);
	interrupt(f, 3);
	settle(f);
	deliver(f);
	assert_int_equal(f->delivered[3], 0);
	set_mask(f, 3, false);
	settle(f);
	deliver(f);
	assert_int_equal(f->delivered[3], 1);
}

/* Its figures go on where they were; each time it has a new eventfd. */
static void traced_vector_comes_back(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 1; i <= 3; i++) {
		set_control(f, ENABLE);
		unmask(f, 3, i);
		settle(f);
		interrupt(f, 3);
		settle(f);
		deliver(f);
		assert_int_equal(f->delivered[3], i);
		assert_int_equal(
			f->vp.msix.vectors.vector[3].trace->counter[TRACE_VECTOR_INTERRUPTS], i);
		set_mask(f, 3, true);
		set_control(f, 0);
	}
}

static void ring_may_go_before_what_it_forwards(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	unmask(f, 3, 9);
	settle(f);
	ring_destroy(&f->ring);
}

static void burst_costs_two_commits(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	for (unsigned i = 0; i < 64; i++) {
		unmask(f, i, 1);
		/* The main thread runs in between, as often as it likes. */
		fake_ring_settle(&f->ring);
	}
	settle(f);
	assert_within(fake_kvm.nr_routings, 1, 2);
	assert_int_equal(fake_kvm.nr_attach, 64);
	assert_int_equal(fake_kvm.nr_unrouted, 0);
	/* One to switch it on, one for the first vector, one for the other 63 in a row. */
	assert_within(fake_vfio.nr_set_irqs, 2, 3);
	for (unsigned i = 0; i < 64; i++)
		interrupt(f, i);
	deliver(f);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(f->delivered[i], 1);
}

static void unmask_unchanged_costs_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned commits, calls;

	set_control(f, ENABLE);
	unmask(f, 5, 1);
	settle(f);
	commits = fake_kvm.nr_routings;
	calls = fake_vfio.nr_set_irqs;
	for (unsigned i = 0; i < 100; i++) {
		set_mask(f, 5, true);
		assert_int_equal(fake_kvm_attached(fake_vfio.fd[5]), -1);
		interrupt(f, 5);
		set_mask(f, 5, false);
		/* At once, without the main thread. */
		deliver(f);
		assert_int_equal(f->delivered[5], i + 1);
	}
	settle(f);
	assert_int_equal(fake_kvm.nr_routings, commits);
	assert_int_equal(fake_vfio.nr_set_irqs, calls);
}

static void nothing_is_attached_before_its_route_is_committed(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	unmask(f, 0, 1);
	fake_ring_settle(&f->ring);
	/* The second waits for the end of the burst. */
	unmask(f, 1, 1);
	fake_ring_settle(&f->ring);
	assert_int_equal(fake_kvm.nr_attach, 1);
	/* A new message for the first meanwhile: not by the old route. */
	set_mask(f, 0, true);
	interrupt(f, 0);
	unmask(f, 0, 2);
	deliver(f);
	assert_int_equal(f->delivered[0], 0);
	settle(f);
	deliver(f);
	assert_int_equal(f->delivered[0], 1);
	assert_int_equal(fake_kvm.nr_unrouted, 0);
}

static void pending_bit_shows_what_waits(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	unmask(f, 9, 1);
	settle(f);
	set_mask(f, 9, true);
	assert_int_equal(pci_msix_pba_read(&f->vp.msix.vectors.irqs.guest, 0, 8), 0);
	interrupt(f, 9);
	assert_int_equal(pci_msix_pba_read(&f->vp.msix.vectors.irqs.guest, 0, 8), 1U << 9);
	set_mask(f, 9, false);
	deliver(f);
	assert_int_equal(f->delivered[9], 1);
	set_mask(f, 9, true);
	assert_int_equal(pci_msix_pba_read(&f->vp.msix.vectors.irqs.guest, 0, 8), 0);
}

static void disable_frees_everything(void **state)
{
	struct fixture *f = *state;
	unsigned fds_before = 0, fds_after = 0;

	for (int fd = 0; fd < 512; fd++)
		fds_before += dup2(fd, fd) == fd;
	for (unsigned turn = 0; turn < 10; turn++) {
		set_control(f, ENABLE);
		for (unsigned i = 0; i < NR_VECTORS; i++)
			unmask(f, i, turn);
		settle(f);
		assert_int_equal(fake_vfio.nr_taken, NR_VECTORS);
		set_control(f, 0);
		assert_false(fake_vfio.enabled);
		assert_int_equal(fake_kvm.nr_attach, fake_kvm.nr_detach);
		for (unsigned i = 0; i < NR_VECTORS; i++)
			set_mask(f, i, true);
		settle(f);
	}
	for (int fd = 0; fd < 512; fd++)
		fds_after += dup2(fd, fd) == fd;
	assert_int_equal(fds_before, fds_after);
	/* GSIs too: as many are free as at the start. */
	for (unsigned i = 0; i < FAKE_KVM_GSIS - 24; i++)
		assert_true(irq_alloc(&f->vm.irq) >= 0);
	assert_int_equal(irq_alloc(&f->vm.irq), -ENOSPC);
	for (int gsi = 24; gsi < FAKE_KVM_GSIS; gsi++)
		irq_free(&f->vm.irq, gsi);
}

static void reset_frees_everything(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	for (unsigned i = 0; i < 8; i++)
		unmask(f, i, 1);
	settle(f);
	pci_msix_reset(&f->vp.msix.vectors.irqs.guest);
	assert_false(fake_vfio.enabled);
	assert_int_equal(fake_kvm.nr_attach, fake_kvm.nr_detach);
	settle(f);
	assert_int_equal(fake_kvm.nr_attach, 8);
}

static void failed_commit_is_tried_again(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	fake_kvm.refuse_routing = true;
	unmask(f, 2, 1);
	fake_ring_settle(&f->ring);
	assert_int_equal(fake_kvm.nr_attach, 0);
	interrupt(f, 2);
	fake_kvm.refuse_routing = false;
	for (unsigned i = 0; i < 10000 && !fake_kvm.nr_attach; i++) {
		fake_ring_expire(&f->ring);
		fake_ring_settle(&f->ring);
		usleep(100);
	}
	settle(f);
	deliver(f);
	assert_int_equal(f->delivered[2], 1);
}

static void without_resizing_it_grows_and_replays(void **state)
{
	struct fixture *f = *state;

	set_control(f, ENABLE);
	for (unsigned i = 0; i < 4; i++) {
		unmask(f, i, 1);
		settle(f);
	}
	assert_int_equal(fake_vfio.nr_taken, 4);
	assert_int_equal(fake_vfio.nr_given, 4);
	memset(f->delivered, 0, sizeof(f->delivered));
	deliver(f);
	/* Those that worked were switched off for a moment: each may have missed one. */
	for (unsigned i = 0; i < 3; i++)
		assert_true(f->delivered[i] >= 1);
	/* Fewer vectors than before need no growing. */
	set_mask(f, 1, true);
	settle(f);
	unmask(f, 1, 2);
	settle(f);
	assert_int_equal(fake_vfio.nr_disable, 3);
	interrupt(f, 1);
	memset(f->delivered, 0, sizeof(f->delivered));
	deliver(f);
	assert_int_equal(f->delivered[1], 1);
}

static void host_without_vectors_keeps_those_that_worked(void **state)
{
	struct fixture *f = *state;

	fake_vfio.limit = 4;
	set_control(f, ENABLE);
	for (unsigned i = 0; i < 8; i++) {
		unmask(f, i, 1);
		settle(f);
	}
	assert_true(fake_vfio.enabled);
	deliver(f);
	memset(f->delivered, 0, sizeof(f->delivered));
	for (unsigned i = 0; i < 4; i++)
		interrupt(f, i);
	deliver(f);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(f->delivered[i], 1);
}

/* In a log that @path names. */
static unsigned count_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned n = 0;

	assert_non_null(file);
	for (int c = fgetc(file); c != EOF; c = fgetc(file))
		n += c == '\n';
	fclose(file);
	return n;
}

static void guest_cannot_fill_the_log_by_asking_again(void **state)
{
	struct fixture *f = *state;
	char path[64];
	struct log_config config = { .level = LOG_LEVEL_WARNING, .path = path };
	time_t begin = time(NULL);
	int fd;

	snprintf(path, sizeof(path), "%s/torc-msix.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	fd = mkstemp(path);
	assert_int_equal(log_open(&config, NULL), 0);
	fake_vfio.limit = 0;
	for (unsigned i = 0; i < 1000; i++) {
		set_control(f, ENABLE);
		unmask(f, 0, 1);
		settle(f);
		set_mask(f, 0, true);
		set_control(f, 0);
	}
	log_close();
	/* One for each is what it would be; two for each second that there is room for one. */
	assert_within(count_lines(path), 1, 64 + 2 * (time(NULL) - begin + 1));
	unlink(path);
	close(fd);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

/* One step of a guest, a device and a main thread that know nothing of each other. */
static void step(struct fixture *f, uint32_t *seed)
{
	unsigned what = next_random(seed) % 100, vector = next_random(seed) % 8;

	if (what < 30) {
		if (fake_vfio.enabled && f->control & ENABLE)
			interrupt(f, vector);
	} else if (what < 50) {
		set_mask(f, vector, next_random(seed) % 2);
	} else if (what < 60) {
		set_mask(f, vector, true);
		unmask(f, vector, next_random(seed));
	} else if (what < 65) {
		set_control(f, f->control == ENABLE ? MASKED : ENABLE);
	} else if (what < 66) {
		/* What a driver has outstanding when it switches MSI-X off, it gives up. */
		set_control(f, 0);
		memset(f->owed, 0, sizeof(f->owed));
		set_control(f, ENABLE);
	} else if (what < 85) {
		fake_ring_turn(&f->ring);
	} else if (what < 90) {
		fake_ring_expire(&f->ring);
	} else {
		deliver(f);
	}
}

static void no_interrupt_is_lost(void **state)
{
	struct fixture *f = *state;
	uint32_t seed = 1;

	set_control(f, ENABLE);
	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = 0; i < 100; i++)
			step(f, &seed);
		set_control(f, ENABLE);
		for (unsigned i = 0; i < 8; i++) {
			set_mask(f, i, true);
			unmask(f, i, round);
		}
		settle(f);
		deliver(f);
		for (unsigned i = 0; i < 8; i++)
			if (f->owed[i])
				fail_msg("round %u: interrupt of vector %u", round, i);
	}
	assert_int_equal(fake_kvm.nr_unrouted, 0);
}

static void device_without_the_capability_has_none(void **state)
{
	struct fixture *f = *state;
	uint8_t config[PCI_CONFIG_SIZE] = { 0 };
	struct vfio_pci vp = { .vm = &f->vm, .batch = &f->batch };

	assert_int_equal(vfio_msix_init(&vp, config, sizeof(config), NULL), 0);
	assert_false(vp.msix.present);
	vfio_msix_destroy(&vp);
}

static void table_outside_its_bar_is_refused(void **state)
{
	static const struct {
		uint32_t table, pba;
	} bad[] = { { 0x3900, 0x2000 }, { 0x4000, 0x2000 }, { 0xfffffff8, 0x2000 },
		    { 0x2000, 0x3ff8 }, { 0x2001, 0x3000 }, { 0x2006, 0x3000 },
		    { 0x2000, 0x3007 } };
	struct fixture *f = *state;
	uint8_t config[PCI_CONFIG_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vfio_pci vp = { .vm = &f->vm, .batch = &f->batch };
		struct error err = { 0 };

		vp.device = f->vp.device;
		make_config(config, NR_VECTORS);
		put_le(config + CAP + PCI_MSIX_TABLE, 4, bad[i].table);
		put_le(config + CAP + PCI_MSIX_PBA, 4, bad[i].pba);
		assert_int_equal(vfio_msix_init(&vp, config, sizeof(config), &err), -EINVAL);
		assert_string_equal(err.reason, "table or pending bits lie outside their BAR");
		assert_false(vp.msix.present);
	}
}

static void set_id(uint8_t *config, uint16_t vendor, uint16_t device)
{
	put_le(config + PCI_VENDOR_ID, 2, vendor);
	put_le(config + PCI_DEVICE_ID, 2, device);
}

/* A Chelsio T5 virtual function: pending bits at 0x8000 of a BAR of 8 KiB. */
static void known_wrong_pending_bits_are_put_right(void **state)
{
	struct fixture *f = *state;
	struct vfio_pci vp = { .vm = &f->vm, .batch = &f->batch };
	uint8_t config[PCI_CONFIG_SIZE];

	vp.device = f->vp.device;
	vp.device.region[0].size = 0x2000;
	make_config(config, NR_VECTORS);
	put_le(config + CAP + PCI_MSIX_TABLE, 4, 0);
	put_le(config + CAP + PCI_MSIX_PBA, 4, 0x8000);
	set_id(config, 0x1425, 0x5900);
	assert_int_equal(vfio_msix_init(&vp, config, sizeof(config), NULL), -EINVAL);
	set_id(config, 0x1425, 0x5807);
	assert_int_equal(vfio_msix_init(&vp, config, sizeof(config), NULL), 0);
	assert_int_equal(vp.msix.pba_offset, 0x1000);
	vfio_msix_destroy(&vp);
	/* A device that was mended is believed. */
	put_le(config + CAP + PCI_MSIX_PBA, 4, 0x1800);
	assert_int_equal(vfio_msix_init(&vp, config, sizeof(config), NULL), 0);
	assert_int_equal(vp.msix.pba_offset, 0x1800);
	vfio_msix_destroy(&vp);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define OLD_KERNEL(f, fn)                              \
	{                                              \
		f, fn, setup_no_resize, teardown, NULL \
	}
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_taken_before_it_is_unmasked),
		CASE(interrupt_reaches_the_guest),
		CASE(burst_costs_two_commits),
		CASE(unmask_unchanged_costs_nothing),
		CASE(nothing_is_attached_before_its_route_is_committed),
		CASE(pending_bit_shows_what_waits),
		CASE(disable_frees_everything),
		CASE(reset_frees_everything),
		CASE(failed_commit_is_tried_again),
		CASE(no_interrupt_is_lost),
		CASE(device_without_the_capability_has_none),
		CASE(table_outside_its_bar_is_refused),
		CASE(known_wrong_pending_bits_are_put_right),
		OLD_KERNEL("without_resizing_it_grows_and_replays",
			   without_resizing_it_grows_and_replays),
		OLD_KERNEL("without_resizing_disable_frees_everything", disable_frees_everything),
		OLD_KERNEL("without_resizing_a_burst_costs_two_commits", burst_costs_two_commits),
		OLD_KERNEL("without_resizing_no_interrupt_is_lost", no_interrupt_is_lost),
		OLD_KERNEL("without_resizing_a_full_host_keeps_what_worked",
			   host_without_vectors_keeps_those_that_worked),
		cmocka_unit_test_setup_teardown(guest_cannot_fill_the_log_by_asking_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(untraced_vector_costs_one_descriptor, setup,
						teardown),
		cmocka_unit_test_setup_teardown(traced_interrupts_go_through_the_ring, setup_traced,
						teardown),
		cmocka_unit_test_setup_teardown(traced_interrupts_go_through_the_ring,
						setup_traced_no_resize, teardown),
		cmocka_unit_test_setup_teardown(traced_interrupt_waits_while_its_vector_is_masked,
						setup_traced, teardown),
		cmocka_unit_test_setup_teardown(traced_vector_comes_back, setup_traced, teardown),
		cmocka_unit_test_setup_teardown(ring_may_go_before_what_it_forwards, setup_traced,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
