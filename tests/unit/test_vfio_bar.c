/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BARs of a passed-through device, and the largest MSI-X table behind one: vfio/pci/bar.c, rom.c and msix.c with core/pci and
 * core/kvm/iobus.c as they are, reached as a guest does; the device's BARs are a file, KVM is fake.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fake/ring.h"
#include "tests/fake/vfio_device.h"
#include "tests/fake/vm.h"
#include "tests/unit/within.h"
#include "vfio/pci/pci.h"

#define BDF	   (1U << 3)
#define PAGE	   4096U
#define MEM32	   0xc0000000ULL
#define MEM64	   0x4000000000ULL
#define IO	   0x1000U
#define CAP	   0x40
#define NR_VECTORS 2048U
#define TABLE	   0x2000U
#define PBA	   0xa800U /* in a page with registers */
#define DECODE	   (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)

/* BAR 0: 64-bit, with the table. 2 and 3: below a page. 4: ports. 5: 1 MiB. */
static const struct {
	unsigned index, type;
	uint64_t size;
} bars[] = {
	{ 0, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, 64 * KIB },
	{ 2, 0, 256 },
	{ 3, 0, 128 },
	{ 4, PCI_BASE_ADDRESS_SPACE_IO, 32 },
	{ 5, 0, MIB },
};

struct fixture {
	struct ring ring;
	struct vm vm;
	struct iobus_reader pio, mmio;
	struct irq_batch batch;
	struct vfio_dma dma;
	struct pci_bus bus;
	struct vfio_pci vp;
	uint8_t *file; /* the device's BARs */
};

static const struct pci_device_ops ops = {
	.config_read = vfio_config_read,
	.config_write = vfio_config_write,
	.config_written = vfio_config_written,
	.bar_map = vfio_bar_map,
	.bar_unmap = vfio_bar_unmap,
};

static int make_device(struct fixture *f)
{
	uint8_t *config = fake_vfio.config;
	struct vfio_region *region = f->vp.device.region;
	int fd = memfd_create("bars", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 6 * MIB))
		return -1;
	f->file = mmap(NULL, 6 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (f->file == MAP_FAILED)
		return -1;
	fake_vfio.bar_fd = f->vp.device.fd = fd;
	region[VFIO_PCI_CONFIG_REGION_INDEX].size = PCI_CONFIG_SIZE;
	for (size_t i = 0; i < ARRAY_SIZE(bars); i++) {
		struct vfio_region *r = &region[bars[i].index];

		r->size = bars[i].size;
		r->offset = bars[i].index * MIB;
		r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
		r->nr_areas = bars[i].type != PCI_BASE_ADDRESS_SPACE_IO;
		r->area[0].size = r->size;
		put_le(config + PCI_BASE_ADDRESS_0 + bars[i].index * 4, 4, bars[i].type);
	}
	put_le(config + PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	config[PCI_CAPABILITY_LIST] = CAP;
	config[CAP] = PCI_CAP_ID_MSIX;
	put_le(config + CAP + PCI_MSIX_FLAGS, 2, NR_VECTORS - 1);
	put_le(config + CAP + PCI_MSIX_TABLE, 4, TABLE);
	put_le(config + CAP + PCI_MSIX_PBA, 4, PBA);
	f->vp.device.irq[VFIO_PCI_MSIX_IRQ_INDEX].count = NR_VECTORS;
	return 0;
}

static int init_vm(struct fixture *f)
{
	memset(&fake_vm, 0, sizeof(fake_vm));
	fake_kvm_reset();
	fake_vfio_reset(false);
	f->vm.fd = 1;
	if (ring_init(&f->ring, 8, NULL) || irq_table_init(&f->vm.irq, f->vm.fd, NULL) ||
	    iobus_init(&f->vm.pio, "pio") || iobus_init(&f->vm.mmio, "mmio"))
		return -1;
	iobus_register_reader(&f->vm.pio, &f->pio);
	iobus_register_reader(&f->vm.mmio, &f->mmio);
	irq_batch_init(&f->batch, &f->ring, &f->vm.irq);
	vfio_dma_init(&f->dma);
	vfio_dma_cancel(&f->dma);
	return 0;
}

/* A Chelsio T5 virtual function says that its pending bits are behind the end of its BAR. */
static void make_wrong(void)
{
	put_le(fake_vfio.config + PCI_VENDOR_ID, 4, 0x58071425);
	put_le(fake_vfio.config + CAP + PCI_MSIX_PBA, 4, 64 * KIB);
}

static int init(void **state, uint8_t unmapped_bars, bool is_wrong)
{
	static struct fixture f;
	const struct pci_bus_config windows = {
		.io = { IO, 0x1000 },
		.mem32 = { MEM32, 0x10000000 },
		.mem64 = { MEM64, GIB },
	};
	struct vfio_pci *vp = &f.vp;

	memset(&f, 0, sizeof(f));
	*state = &f;
	if (init_vm(&f) || make_device(&f))
		return -1;
	if (is_wrong)
		make_wrong();
	vp->vm = &f.vm;
	vp->batch = &f.batch;
	vp->dma = &f.dma;
	vp->unmapped_bars = unmapped_bars;
	pci_device_init(&vp->pci, &ops, vp->id);
	if (vfio_config_init(vp, NULL) || vfio_bars_init(vp, NULL) ||
	    pci_bus_init(&f.bus, &windows) || pci_bus_add(&f.bus, &vp->pci, 1, NULL))
		return -1;
	return pci_bus_assign(&f.bus, NULL);
}

static int setup(void **state)
{
	return init(state, 0, false);
}

static int setup_unmapped(void **state)
{
	return init(state, 1U << 5, false);
}

static int setup_wrong(void **state)
{
	return init(state, 0, true);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pci_bus_destroy(&f->bus);
	assert_int_equal(fake_vm.nr_slots, 0);
	vfio_interrupts_destroy(&f->vp);
	assert_int_equal(fake_kvm.nr_attach, fake_kvm.nr_detach);
	vfio_bars_destroy(&f->vp);
	iobus_destroy(&f->vm.pio);
	iobus_destroy(&f->vm.mmio);
	ring_destroy(&f->ring);
	irq_table_destroy(&f->vm.irq);
	munmap(f->file, 6 * MIB);
	close(f->vp.device.fd);
	return 0;
}

static void config_write(struct fixture *f, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(&f->bus, BDF, offset, size, value);
}

static void set_bar(struct fixture *f, unsigned bar, uint32_t address)
{
	config_write(f, PCI_BASE_ADDRESS_0 + bar * 4, 4, address);
}

static uint64_t bar_address(struct fixture *f, unsigned bar)
{
	unsigned offset = PCI_BASE_ADDRESS_0 + bar * 4;
	uint32_t low = pci_config_read(&f->bus, BDF, offset, 4);
	uint64_t high = (low & 7) == 4 ? pci_config_read(&f->bus, BDF, offset + 4, 4) : 0;

	return high << 32 | (low & (low & 1 ? ~3U : ~15U));
}

static uint64_t mmio_read(struct fixture *f, uint64_t address, unsigned size)
{
	return iobus_read(&f->vm.mmio, &f->mmio, address, size);
}

static void mmio_write(struct fixture *f, uint64_t address, unsigned size, uint64_t value)
{
	iobus_write(&f->vm.mmio, &f->mmio, address, size, value);
}

/* Without an exit: the guest has the very memory of the device. */
static void assert_mapped(struct fixture *f, uint64_t address, unsigned bar, uint64_t offset)
{
	volatile uint32_t *va = fake_vm_find(address + offset);
	uint8_t *device = f->file + bar * MIB + offset;

	assert_non_null(va);
	*va = (uint32_t)(address + offset);
	assert_int_equal(get_le(device, 4), (uint32_t)(address + offset));
}

static void all_but_table_and_pending_bits_is_mapped(void **state)
{
	struct fixture *f = *state;
	uint64_t base;

	config_write(f, PCI_COMMAND, 2, DECODE);
	base = bar_address(f, 0);
	assert_true(base >= 4 * GIB);
	assert_int_equal(pci_config_read(&f->bus, BDF, CAP + PCI_MSIX_PBA, 4), PBA);
	for (uint64_t offset = 0; offset < 64 * KIB; offset += PAGE) {
		if (offset < TABLE || offset >= align_up(PBA + NR_VECTORS / 8, PAGE))
			assert_mapped(f, base, 0, offset);
		else
			assert_null(fake_vm_find(base + offset));
	}
}

static void registers_beside_the_pending_bits_work(void **state)
{
	struct fixture *f = *state;
	uint64_t base;

	config_write(f, PCI_COMMAND, 2, DECODE);
	base = bar_address(f, 0);
	for (unsigned size = 1; size <= 8; size *= 2) {
		mmio_write(f, base + 0xa000, size, 0x1122334455667788);
		assert_int_equal(get_le(f->file + 0xa000, size),
				 0x1122334455667788 & UINT64_MAX >> (64 - size * 8));
		put_le(f->file + PBA + NR_VECTORS / 8, size, 0x8877665544332211);
		assert_int_equal(mmio_read(f, base + PBA + NR_VECTORS / 8, size),
				 0x8877665544332211 & UINT64_MAX >> (64 - size * 8));
	}
	/* The device's own table and pending bits no guest reaches, nor by an access across their edges. */
	mmio_write(f, base + TABLE, 4, 0x12345678);
	assert_int_equal(mmio_read(f, base + TABLE, 4), 0x12345678);
	mmio_write(f, base + PBA, 8, UINT64_MAX);
	mmio_write(f, base + PBA - 4, 8, UINT64_MAX);
	mmio_write(f, base + TABLE + NR_VECTORS * 16 - 4, 8, UINT64_MAX);
	for (unsigned i = 0; i < NR_VECTORS * 16; i++)
		assert_int_equal(f->file[TABLE + i], 0);
	for (unsigned i = 0; i < NR_VECTORS / 8; i++)
		assert_int_equal(f->file[PBA + i], 0);
}

static void pending_bits_that_were_put_right_are_where_the_guest_reads(void **state)
{
	struct fixture *f = *state;
	uint64_t base;

	config_write(f, PCI_COMMAND, 2, DECODE);
	base = bar_address(f, 0);
	assert_int_equal(pci_config_read(&f->bus, BDF, CAP + PCI_MSIX_PBA, 4), 0x1000);
	assert_null(fake_vm_find(base + 0x1000));
	assert_int_equal(mmio_read(f, base + 0x1000, 8), 0);
	assert_mapped(f, base, 0, 0);
	assert_mapped(f, base, 0, 0xa000);
}

static void moved_bar_is_at_its_new_place_only(void **state)
{
	struct fixture *f = *state;
	uint64_t old;

	config_write(f, PCI_COMMAND, 2, DECODE);
	old = bar_address(f, 5);
	assert_mapped(f, old, 5, 0x1000);
	set_bar(f, 5, MEM32 + 0x800000);
	assert_null(fake_vm_find(old + 0x1000));
	assert_mapped(f, MEM32 + 0x800000, 5, 0x1000);
	/* A 64-bit one below 4 GiB and back above. */
	old = bar_address(f, 0);
	set_bar(f, 0, (uint32_t)MEM32 + 0xa00000);
	set_bar(f, 1, 0);
	assert_null(fake_vm_find(old));
	assert_mapped(f, MEM32 + 0xa00000, 0, 0x1000);
	mmio_write(f, MEM32 + 0xa00000 + TABLE, 4, 0xfee00000);
	set_bar(f, 0, 0x10000);
	set_bar(f, 1, MEM64 >> 32);
	assert_null(fake_vm_find(MEM32 + 0xa00000));
	assert_int_equal(mmio_read(f, MEM32 + 0xa00000 + TABLE, 4), UINT32_MAX);
	assert_mapped(f, MEM64 + 0x10000, 0, 0xf000);
	assert_int_equal(mmio_read(f, MEM64 + 0x10000 + TABLE, 4), 0xfee00000);
}

static void disabled_bars_are_nowhere(void **state)
{
	struct fixture *f = *state;
	uint64_t base;

	config_write(f, PCI_COMMAND, 2, DECODE);
	base = bar_address(f, 0);
	assert_true(fake_vm.nr_slots > 0);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(fake_vm.nr_slots, 0);
	assert_int_equal(mmio_read(f, base + TABLE, 4), UINT32_MAX);
	assert_int_equal(iobus_read(&f->vm.pio, &f->pio, bar_address(f, 4), 4), 0);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(iobus_read(&f->vm.pio, &f->pio, bar_address(f, 4), 4), UINT32_MAX);
	assert_mapped(f, base, 0, 0);
}

static void ports_reach_the_device_wherever_they_are(void **state)
{
	struct fixture *f = *state;
	uint8_t *device = f->file + 4 * MIB;

	config_write(f, PCI_COMMAND, 2, DECODE);
	for (unsigned port = 0x1400; port < 0x1500; port += 32) {
		set_bar(f, 4, port);
		iobus_write(&f->vm.pio, &f->pio, port + 5, 1, port >> 4 & 0xff);
		assert_int_equal(device[5], port >> 4 & 0xff);
		put_le(device + 28, 4, port * 3);
		assert_int_equal(iobus_read(&f->vm.pio, &f->pio, port + 28, 4), port * 3);
	}
}

/* On a page's start it is mapped; off it, each access comes to torc. One that shares its page waits until it has it. */
static void bar_below_a_page_works_mapped_or_not(void **state)
{
	const uint32_t place = (uint32_t)MEM32 + 0xc00000;
	struct fixture *f = *state;
	uint8_t *device = f->file + 2 * MIB;

	config_write(f, PCI_COMMAND, 2, DECODE);
	set_bar(f, 2, place);
	assert_mapped(f, place, 2, 0);
	set_bar(f, 2, place + 0x100);
	assert_null(fake_vm_find(place));
	mmio_write(f, place + 0x1fc, 4, 0xabcdef01);
	assert_int_equal(get_le(device + 0xfc, 4), 0xabcdef01);
	assert_int_equal(mmio_read(f, place + 0x1fc, 4), 0xabcdef01);
	set_bar(f, 3, place + 0x200);
	mmio_write(f, place + 0x204, 4, 77);
	assert_int_equal(get_le(f->file + 3 * MIB + 4, 4), 0);
	set_bar(f, 2, place + 0x1000);
	assert_mapped(f, place + 0x1000, 2, 0);
	mmio_write(f, place + 0x204, 4, 78);
	assert_int_equal(get_le(f->file + 3 * MIB + 4, 4), 78);
}

static void what_kvm_does_not_take_back_is_nobody_elses(void **state)
{
	struct fixture *f = *state;
	uint64_t base;
	void *va;

	config_write(f, PCI_COMMAND, 2, DECODE);
	base = bar_address(f, 5);
	va = fake_vm_find(base);
	fake_vm.remove_error = -ENOMEM;
	config_write(f, PCI_COMMAND, 2, 0);
	assert_ptr_equal(fake_vm_find(base), va);
	vfio_bars_destroy(&f->vp);
	/* It is no more the device's, and nothing else can come there. */
	assert_int_equal(pwrite(f->vp.device.fd, va, 1, 0), -1);
	assert_int_equal(errno, EFAULT);
	assert_ptr_equal(mmap(va, PAGE, PROT_READ,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			 MAP_FAILED);
	assert_int_equal(errno, EEXIST);
	memset(&fake_vm, 0, sizeof(fake_vm));
}

static void bar_that_is_not_to_be_mapped_is_trapped(void **state)
{
	struct fixture *f = *state;
	uint64_t base;

	config_write(f, PCI_COMMAND, 2, DECODE);
	base = bar_address(f, 5);
	assert_null(fake_vm_find(base));
	mmio_write(f, base + 0xffffc, 4, 42);
	assert_int_equal(get_le(f->file + 5 * MIB + 0xffffc, 4), 42);
	assert_mapped(f, bar_address(f, 0), 0, 0);
}

static void write_vector(struct fixture *f, unsigned vector, uint32_t data, uint32_t control)
{
	uint64_t entry = bar_address(f, 0) + TABLE + vector * 16ULL;

	mmio_write(f, entry, 8, 0xfee00000);
	mmio_write(f, entry + 8, 8, (uint64_t)control << 32 | data);
}

static void settle(struct fixture *f)
{
	do
		fake_ring_settle(&f->ring);
	while (fake_ring_expire(&f->ring));
}

static unsigned delivered[NR_VECTORS];
static uint32_t generation; /* of the messages that are in force */

static void on_deliver(void *opaque, uint64_t address, uint32_t data)
{
	assert_int_equal(address, 0xfee00000);
	assert_int_equal(data >> 16, generation);
	assert_within(data & 0xffff, 0, NR_VECTORS - 1);
	delivered[data & 0xffff]++;
}

static void enable_all(struct fixture *f)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < NR_VECTORS + 64)
		skip();
	memset(delivered, 0, sizeof(delivered));
	generation = 1;
	config_write(f, PCI_COMMAND, 2, DECODE);
	config_write(f, CAP + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		write_vector(f, i, generation << 16 | i, 0);
	settle(f);
}

static void interrupt_all(struct fixture *f)
{
	for (unsigned i = 0; i < NR_VECTORS; i++)
		fake_vfio_interrupt(i);
	fake_kvm_deliver(on_deliver, f);
}

static void two_thousand_vectors_all_deliver(void **state)
{
	struct fixture *f = *state;

	enable_all(f);
	assert_int_equal(fake_vfio.nr_taken, NR_VECTORS);
	assert_int_equal(fake_kvm.nr_routes, NR_VECTORS);
	assert_int_equal(fake_kvm.nr_unrouted, 0);
	/* In runs of 64, and routed in a few goes. */
	assert_within(fake_vfio.nr_set_irqs, 1, NR_VECTORS / 64 + 4);
	assert_within(fake_kvm.nr_routings, 1, 4);
	interrupt_all(f);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		assert_int_equal(delivered[i], 1);
}

static void two_thousand_vectors_are_used_again_with_other_messages(void **state)
{
	struct fixture *f = *state;
	uint64_t pba;
	unsigned calls;

	enable_all(f);
	pba = bar_address(f, 0) + PBA;
	calls = fake_vfio.nr_set_irqs;
	for (unsigned i = 0; i < NR_VECTORS; i++)
		write_vector(f, i, generation << 16 | i, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	interrupt_all(f);
	for (unsigned i = 0; i < NR_VECTORS / 64; i++)
		assert_int_equal(mmio_read(f, pba + i * 8, 8), UINT64_MAX);
	generation = 2;
	for (unsigned i = 0; i < NR_VECTORS; i++)
		write_vector(f, i, generation << 16 | i, 0);
	settle(f);
	fake_kvm_deliver(on_deliver, f);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		assert_int_equal(delivered[i], 1);
	assert_int_equal(mmio_read(f, pba + NR_VECTORS / 8 - 8, 8), 0);
	assert_int_equal(fake_vfio.nr_set_irqs, calls);
}

static void host_with_fewer_vectors_gives_all_it_has(void **state)
{
	struct fixture *f = *state;
	unsigned calls;

	fake_vfio.limit = 1000;
	enable_all(f);
	assert_int_equal(fake_vfio.nr_taken, 1000);
	assert_within(fake_vfio.nr_set_irqs, 1, 40);
	interrupt_all(f);
	for (unsigned i = 0; i < NR_VECTORS; i++)
		assert_int_equal(delivered[i], i < 1000);
	/* It is not asked again for what it does not have. */
	calls = fake_vfio.nr_set_irqs;
	for (unsigned i = 1000; i < 1100; i++)
		write_vector(f, i, generation << 16 | i, PCI_MSIX_ENTRY_CTRL_MASKBIT);
	for (unsigned i = 1000; i < 1100; i++)
		write_vector(f, i, generation << 16 | i, 0);
	settle(f);
	assert_int_equal(fake_vfio.nr_set_irqs, calls);
}

static void rom_that_must_not_be_read_is_hidden(void **state)
{
	struct fixture *f = *state;
	struct vfio_pci vp = { .id = "rom" };

	vp.device.region[VFIO_PCI_ROM_REGION_INDEX].size = 64 * KIB;
	pci_device_init(&vp.pci, &ops, vp.id);
	put_le(vp.pci.data + PCI_VENDOR_ID, 4, 0x168e14e4);
	vfio_rom_init(&vp);
	assert_int_equal(vp.pci.bar[PCI_ROM_BAR].kind, PCI_BAR_NONE);
	vfio_rom_destroy(&vp);
	put_le(vp.pci.data + PCI_VENDOR_ID, 4, 0x168f14e4);
	vfio_rom_init(&vp);
	assert_int_equal(vp.pci.bar[PCI_ROM_BAR].size, 64 * KIB);
	vfio_rom_destroy(&vp);
	assert_int_equal(f->vp.pci.bar[PCI_ROM_BAR].kind, PCI_BAR_NONE);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(all_but_table_and_pending_bits_is_mapped),
		CASE(registers_beside_the_pending_bits_work),
		cmocka_unit_test_setup_teardown(
			pending_bits_that_were_put_right_are_where_the_guest_reads, setup_wrong,
			teardown),
		CASE(moved_bar_is_at_its_new_place_only),
		CASE(disabled_bars_are_nowhere),
		CASE(what_kvm_does_not_take_back_is_nobody_elses),
		CASE(ports_reach_the_device_wherever_they_are),
		CASE(bar_below_a_page_works_mapped_or_not),
		cmocka_unit_test_setup_teardown(bar_that_is_not_to_be_mapped_is_trapped,
						setup_unmapped, teardown),
		CASE(two_thousand_vectors_all_deliver),
		CASE(two_thousand_vectors_are_used_again_with_other_messages),
		CASE(host_with_fewer_vectors_gives_all_it_has),
		CASE(rom_that_must_not_be_read_is_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
