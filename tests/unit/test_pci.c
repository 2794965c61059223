/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/pci/pci.h"

#define MEM32  0xc0000000ULL
#define MEM64  0x8000000000ULL
#define ABSENT 0xffffffffU

struct fake {
	struct pci_device pci;
	int map_result;
	unsigned nr_map, nr_unmap, nr_refused;
	unsigned nr_written, written_offset, written_size;
	unsigned nr_live_write;
	uint32_t live_value, live_written, live_mask;
};

struct fixture {
	struct pci_bus bus;
	struct fake a, b;
	unsigned nr_reset;
	uint8_t reset_value;
};

static uint32_t fake_config_read(struct pci_device *dev, unsigned offset, unsigned size)
{
	struct fake *fake = container_of(dev, struct fake, pci);

	return fake->live_value;
}

static void fake_config_write(struct pci_device *dev, unsigned offset, unsigned size,
			      uint32_t value, uint32_t mask)
{
	struct fake *fake = container_of(dev, struct fake, pci);

	fake->nr_live_write++;
	fake->live_written = value;
	fake->live_mask = mask;
}

static void fake_config_written(struct pci_device *dev, unsigned offset, unsigned size)
{
	struct fake *fake = container_of(dev, struct fake, pci);

	fake->nr_written++;
	fake->written_offset = offset;
	fake->written_size = size;
}

static int fake_bar_map(struct pci_device *dev, unsigned bar, uint64_t addr)
{
	struct fake *fake = container_of(dev, struct fake, pci);

	if (fake->map_result)
		fake->nr_refused++;
	else
		fake->nr_map++;
	return fake->map_result;
}

static void fake_bar_unmap(struct pci_device *dev, unsigned bar, uint64_t addr)
{
	struct fake *fake = container_of(dev, struct fake, pci);

	assert_int_equal(addr, dev->bar[bar].addr);
	fake->nr_unmap++;
}

static const struct pci_device_ops fake_ops = {
	.config_read = fake_config_read,
	.config_write = fake_config_write,
	.config_written = fake_config_written,
	.bar_map = fake_bar_map,
	.bar_unmap = fake_bar_unmap,
};

static int setup(void **state)
{
	static struct fixture f;
	const struct pci_bus_config config = {
		.io = { 0x1000, 0xe000 },
		.mem32 = { MEM32, 640 * MIB },
		.mem64 = { MEM64, 256 * GIB },
	};

	memset(&f, 0, sizeof(f));
	*state = &f;
	if (pci_bus_init(&f.bus, &config))
		return -1;
	pci_device_init(&f.a.pci, &fake_ops, "a");
	pci_device_init(&f.b.pci, &fake_ops, "b");
	put_le(f.a.pci.data, 4, 0x56781234);
	put_le(f.b.pci.data, 4, 0xbbbbaaaa);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pci_bus_destroy(&f->bus);
	assert_int_equal(f->a.nr_map, f->a.nr_unmap);
	assert_int_equal(f->b.nr_map, f->b.nr_unmap);
	return 0;
}

static void set_bar(struct fake *fake, unsigned bar, enum pci_bar_kind kind, uint64_t size)
{
	const struct pci_bar desc = { .kind = kind, .size = size };

	assert_int_equal(pci_device_set_bar(&fake->pci, bar, &desc), 0);
}

static void plug(struct fixture *f)
{
	assert_int_equal(pci_bus_add(&f->bus, &f->a.pci, 1, NULL), 0);
	assert_int_equal(pci_bus_add(&f->bus, &f->b.pci, 2, NULL), 0);
	assert_int_equal(pci_bus_assign(&f->bus, NULL), 0);
}

static uint32_t cfg_read(struct fixture *f, struct fake *dev, unsigned offset, unsigned size)
{
	return pci_config_read(&f->bus, dev->pci.slot * 8U, offset, size);
}

static void cfg_write(struct fixture *f, struct fake *dev, unsigned offset, unsigned size,
		      uint32_t value)
{
	pci_config_write(&f->bus, dev->pci.slot * 8U, offset, size, value);
}

static void decode(struct fixture *f, struct fake *dev, uint32_t bits)
{
	cfg_write(f, dev, PCI_COMMAND, 2, bits);
}

/* ---- functions and accesses ---- */

static void host_bridge_is_in_slot_0(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pci_config_read(&f->bus, 0, PCI_VENDOR_ID, 4), 0x00081b36);
	assert_int_equal(pci_config_read(&f->bus, 0, PCI_CLASS_DEVICE, 2), 0x0600);
	assert_int_equal(pci_config_read(&f->bus, 0, PCI_HEADER_TYPE, 1), 0);
}

static void absent_functions_read_all_ones(void **state)
{
	struct fixture *f = *state;

	plug(f);
	assert_int_equal(pci_config_read(&f->bus, 3 << 3, 0, 4), ABSENT);
	assert_int_equal(pci_config_read(&f->bus, 3 << 3, 0, 2), 0xffff);
	assert_int_equal(pci_config_read(&f->bus, 1 << 3 | 1, 0, 4), ABSENT);
	assert_int_equal(pci_config_read(&f->bus, 1 << 8 | 1 << 3, 0, 4), ABSENT);
	assert_int_equal(pci_config_read(&f->bus, 0xfffff, 0, 4), ABSENT);
	pci_config_write(&f->bus, 1 << 8 | 1 << 3, PCI_INTERRUPT_LINE, 1, 5);
	assert_int_equal(cfg_read(f, &f->a, PCI_INTERRUPT_LINE, 1), 0);
}

static void accesses_stay_within_a_dword(void **state)
{
	struct fixture *f = *state;

	plug(f);
	assert_int_equal(cfg_read(f, &f->a, 0, 4), 0x56781234);
	assert_int_equal(cfg_read(f, &f->a, 1, 2), 0x7812);
	assert_int_equal(cfg_read(f, &f->a, 3, 1), 0x56);
	assert_int_equal(cfg_read(f, &f->a, 3, 2), 0xffff);
	assert_int_equal(cfg_read(f, &f->a, 1, 4), ABSENT);
	assert_int_equal(cfg_read(f, &f->a, 0, 3), 0xffffff);
	assert_int_equal(cfg_read(f, &f->a, PCI_CONFIG_SIZE, 4), ABSENT);
	assert_int_equal(cfg_read(f, &f->a, PCI_CONFIG_SIZE - 1, 2), 0xffff);
	assert_int_equal(cfg_read(f, &f->a, ~3U, 4), ABSENT);
	cfg_write(f, &f->a, PCI_CONFIG_SIZE, 4, 0);
	cfg_write(f, &f->a, PCI_INTERRUPT_LINE - 1, 2, 0x0707);
	assert_int_equal(cfg_read(f, &f->a, PCI_INTERRUPT_LINE, 1), 0);
}

static void slots_are_given_out_once(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	assert_int_equal(pci_bus_add(&f->bus, &f->a.pci, 0, &err), -EEXIST);
	assert_non_null(strstr(err.reason, "host-bridge"));
	assert_int_equal(pci_bus_add(&f->bus, &f->a.pci, 32, NULL), -EINVAL);
	assert_int_equal(pci_bus_add(&f->bus, &f->a.pci, -1, NULL), 0);
	assert_int_equal(f->a.pci.slot, 1);
	assert_int_equal(pci_bus_add(&f->bus, &f->a.pci, -1, NULL), -EINVAL);
	assert_int_equal(pci_bus_add(&f->bus, &f->b.pci, 1, NULL), -EEXIST);
	pci_bus_remove(&f->a.pci);
	pci_bus_remove(&f->a.pci);
	assert_int_equal(pci_bus_add(&f->bus, &f->b.pci, 1, NULL), 0);
}

static void thirty_one_functions_fit(void **state)
{
	static struct pci_device dev[32];
	struct fixture *f = *state;

	for (unsigned i = 0; i < 32; i++) {
		pci_device_init(&dev[i], &fake_ops, "many");
		assert_int_equal(pci_bus_add(&f->bus, &dev[i], -1, NULL), i < 31 ? 0 : -ENOSPC);
	}
}

static void header_is_made_safe_on_add(void **state)
{
	struct fixture *f = *state;

	memset(f->a.pci.data, 0xff, 0x40);
	memset(f->a.pci.wmask, 0xff, 0x40);
	plug(f);
	assert_int_equal(cfg_read(f, &f->a, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(cfg_read(f, &f->a, PCI_STATUS, 2), 0x06ff);
	cfg_write(f, &f->a, PCI_STATUS, 2, 0xffff);
	assert_int_equal(cfg_read(f, &f->a, PCI_STATUS, 2), 0x06ff);
	assert_int_equal(cfg_read(f, &f->a, PCI_COMMAND, 2) & 3, 0);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), 0);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, ABSENT);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), 0);
}

static void command_has_the_specified_writable_bits(void **state)
{
	struct fixture *f = *state;

	plug(f);
	cfg_write(f, &f->a, PCI_COMMAND, 4, ABSENT);
	assert_int_equal(cfg_read(f, &f->a, PCI_COMMAND, 4), 0x0547);
	assert_int_equal(f->a.nr_written, 1);
	cfg_write(f, &f->a, PCI_COMMAND + 1, 1, 0);
	assert_int_equal(cfg_read(f, &f->a, PCI_COMMAND, 4), 0x0047);
	cfg_write(f, &f->a, PCI_VENDOR_ID, 4, 0);
	assert_int_equal(cfg_read(f, &f->a, PCI_VENDOR_ID, 4), 0x56781234);
}

static void live_and_emulated_bits_merge(void **state)
{
	struct fixture *f = *state;

	put_le(f->a.pci.data + 0x80, 4, 0x11111111);
	put_le(f->a.pci.live + 0x80, 4, 0x00ff0000);
	put_le(f->a.pci.wmask + 0x80, 4, 0x000000ff);
	f->a.live_value = 0xabcdef01;
	plug(f);
	assert_int_equal(cfg_read(f, &f->a, 0x80, 4), 0x11cd1111);
	cfg_write(f, &f->a, 0x80, 4, 0x22222222);
	assert_int_equal(f->a.live_written, 0x22222222);
	assert_int_equal(f->a.live_mask, 0x00ff0000);
	assert_int_equal(f->a.written_offset, 0x80);
	assert_int_equal(f->a.written_size, 4);
	assert_int_equal(cfg_read(f, &f->a, 0x80, 4), 0x11cd1122);
	cfg_write(f, &f->a, 0x82, 1, 0x33);
	assert_int_equal(f->a.live_mask, 0xff);
	assert_int_equal(f->a.nr_written, 1);
	cfg_write(f, &f->a, 0x80, 1, 0x44);
	assert_int_equal(f->a.nr_live_write, 2);
	assert_int_equal(f->a.nr_written, 2);
}

/* ---- ports and ECAM ---- */

static void reset_written(void *opaque, uint8_t value)
{
	struct fixture *f = opaque;

	f->nr_reset++;
	f->reset_value = value;
}

static void mechanism_1_reaches_configuration_space(void **state)
{
	struct fixture *f = *state;

	plug(f);
	assert_int_equal(pci_port_ops.read(&f->bus, 4, 4), ABSENT);
	pci_port_ops.write(&f->bus, 0, 4, 0xff000803);
	assert_int_equal(pci_port_ops.read(&f->bus, 0, 4), 0x80000800);
	assert_int_equal(pci_port_ops.read(&f->bus, 4, 4), 0x56781234);
	assert_int_equal(pci_port_ops.read(&f->bus, 6, 2), 0x5678);
	assert_int_equal(pci_port_ops.read(&f->bus, 5, 1), 0x12);
	assert_int_equal(pci_port_ops.read(&f->bus, 7, 2), 0xffff);
	pci_port_ops.write(&f->bus, 0, 4, 0x8000083c);
	pci_port_ops.write(&f->bus, 4, 1, 0x2a);
	assert_int_equal(cfg_read(f, &f->a, PCI_INTERRUPT_LINE, 1), 0x2a);
	pci_port_ops.write(&f->bus, 0, 4, 0x0000083c);
	pci_port_ops.write(&f->bus, 4, 1, 0x2b);
	assert_int_equal(cfg_read(f, &f->a, PCI_INTERRUPT_LINE, 1), 0x2a);
}

static void narrow_accesses_do_not_touch_the_address(void **state)
{
	struct fixture *f = *state;

	pci_port_ops.write(&f->bus, 0, 4, 0x80000800);
	pci_port_ops.write(&f->bus, 0, 1, 0);
	pci_port_ops.write(&f->bus, 3, 1, 1);
	pci_port_ops.write(&f->bus, 0, 2, 0);
	pci_port_ops.write(&f->bus, 2, 2, 0);
	pci_port_ops.write(&f->bus, 2, 4, 0);
	assert_int_equal(pci_port_ops.read(&f->bus, 0, 4), 0x80000800);
	assert_int_equal(pci_port_ops.read(&f->bus, 3, 1), 0xff);
	assert_int_equal(pci_port_ops.read(&f->bus, 0, 2), 0xffff);
}

static void reset_port_calls_the_hook(void **state)
{
	struct fixture *f = *state;

	pci_port_ops.write(&f->bus, 1, 1, 2); /* no hook: remembered only */
	assert_int_equal(pci_port_ops.read(&f->bus, 1, 1), 2);
	f->bus.reset_port_write = reset_written;
	f->bus.reset_port_opaque = f;
	pci_port_ops.write(&f->bus, 1, 1, 0x0e);
	assert_int_equal(f->nr_reset, 1);
	assert_int_equal(f->reset_value, 0x0e);
	assert_int_equal(pci_port_ops.read(&f->bus, 1, 1), 0x0e);
	pci_port_ops.write(&f->bus, 1, 2, 0x0606);
	pci_port_ops.write(&f->bus, 0, 4, 0x80000600);
	assert_int_equal(f->nr_reset, 1);
	pci_bus_reset(&f->bus);
	assert_int_equal(pci_port_ops.read(&f->bus, 1, 1), 0);
	assert_int_equal(pci_port_ops.read(&f->bus, 0, 4), 0);
}

static void ecam_takes_every_size(void **state)
{
	struct fixture *f = *state;

	put_le(f->a.pci.data + 0x100, 8, 0x1122334455667788ULL);
	memset(f->a.pci.wmask + 0x100, 0xff, 8);
	plug(f);
	assert_int_equal(pci_ecam_ops.read(&f->bus, 0x8100, 8), 0x1122334455667788ULL);
	assert_int_equal(pci_ecam_ops.read(&f->bus, 0x8104, 4), 0x11223344);
	assert_int_equal(pci_ecam_ops.read(&f->bus, 0x8106, 2), 0x1122);
	assert_int_equal(pci_ecam_ops.read(&f->bus, 0x8107, 1), 0x11);
	assert_int_equal(pci_ecam_ops.read(&f->bus, 0x8104, 8), UINT64_MAX);
	assert_int_equal(pci_ecam_ops.read(&f->bus, 0x9100, 8), UINT64_MAX);
	pci_ecam_ops.write(&f->bus, 0x8100, 8, 0xaabbccdd00112233ULL);
	pci_ecam_ops.write(&f->bus, 0x8104, 8, 0);
	pci_ecam_ops.write(&f->bus, 0x8107, 1, 0x99);
	assert_int_equal(pci_ecam_ops.read(&f->bus, 0x8100, 8), 0x99bbccdd00112233ULL);
}

static void two_buses_share_ports_and_ecam(void **state)
{
	struct fixture *f = *state;
	const struct pci_bus_config config = { .first = &f->bus };
	static struct pci_bus other;

	memset(f->b.pci.wmask + 0x40, 0xff, 4);
	assert_int_equal(pci_bus_init(&other, &config), 0);
	assert_int_equal(other.number, 1);
	assert_int_equal(pci_bus_add(&f->bus, &f->a.pci, 1, NULL), 0);
	assert_int_equal(pci_bus_add(&other, &f->b.pci, 1, NULL), 0);
	assert_int_equal(pci_config_read(&f->bus, 1 << 8, PCI_CLASS_DEVICE, 2), 0x0600);
	assert_int_equal(pci_config_read(&f->bus, 1 << 3, 0, 4), 0x56781234);
	assert_int_equal(pci_config_read(&f->bus, 1 << 8 | 1 << 3, 0, 4), 0xbbbbaaaa);
	assert_int_equal(pci_config_read(&f->bus, 2 << 8 | 1 << 3, 0, 4), ABSENT);
	pci_port_ops.write(&f->bus, 0, 4, 0x80010800);
	assert_int_equal(pci_port_ops.read(&f->bus, 4, 4), 0xbbbbaaaa);
	pci_port_ops.write(&f->bus, 0, 4, 0x80020800);
	assert_int_equal(pci_port_ops.read(&f->bus, 4, 4), ABSENT);
	pci_ecam_ops.write(&f->bus, MIB + 0x8040, 4, 0x12345678);
	assert_int_equal(pci_ecam_ops.read(&f->bus, MIB + 0x8040, 4), 0x12345678);
	assert_int_equal(pci_ecam_ops.read(&f->bus, 0x8040, 4), 0);
	pci_bus_destroy(&other);
	f->bus.next = NULL;
}

/* ---- BARs ---- */

static void bad_bars_are_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		unsigned bar;
		struct pci_bar desc;
	} bad[] = {
		{ 0, { .kind = PCI_BAR_MEM32, .size = 0 } },
		{ 0, { .kind = PCI_BAR_MEM32, .size = 8 } },
		{ 0, { .kind = PCI_BAR_MEM32, .size = 0x3000 } },
		{ 0, { .kind = PCI_BAR_MEM32, .size = 4 * GIB } },
		{ 0, { .kind = PCI_BAR_IO, .size = 2 } },
		{ 0, { .kind = PCI_BAR_NONE, .size = 4096 } },
		{ 5, { .kind = PCI_BAR_MEM64, .size = 4096 } },
		{ 3, { .kind = PCI_BAR_MEM32, .size = 4096 } }, /* upper half of 2 */
		{ 1, { .kind = PCI_BAR_MEM64, .size = 4096 } }, /* 2 is in use */
		{ 2, { .kind = PCI_BAR_MEM32, .size = 4096 } },
		{ 6, { .kind = PCI_BAR_MEM32, .size = 1024 } },
		{ 6, { .kind = PCI_BAR_MEM64, .size = 4096 } },
		{ 7, { .kind = PCI_BAR_MEM32, .size = 4096 } },
	};

	set_bar(&f->a, 2, PCI_BAR_MEM64, 4096);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(pci_device_set_bar(&f->a.pci, bad[i].bar, &bad[i].desc), -EINVAL);
}

static void all_ones_size_every_kind(void **state)
{
	struct fixture *f = *state;
	const struct pci_bar prefetchable = { .kind = PCI_BAR_MEM64,
					      .prefetchable = true,
					      .size = 8 * GIB };

	set_bar(&f->a, 0, PCI_BAR_MEM32, 64 * KIB);
	set_bar(&f->a, 1, PCI_BAR_IO, 32);
	assert_int_equal(pci_device_set_bar(&f->a.pci, 2, &prefetchable), 0);
	set_bar(&f->a, PCI_ROM_BAR, PCI_BAR_MEM32, 128 * KIB);
	plug(f);
	for (unsigned reg = PCI_BASE_ADDRESS_0; reg <= PCI_BASE_ADDRESS_5; reg += 4)
		cfg_write(f, &f->a, reg, 4, ABSENT);
	cfg_write(f, &f->a, PCI_ROM_ADDRESS, 4, 0xfffff800);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), 0xffff0000);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_1, 4), 0xffffffe1);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_2, 4), 0x0000000c);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_3, 4), 0xfffffffe);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_4, 4), 0);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_5, 4), 0);
	assert_int_equal(cfg_read(f, &f->a, PCI_ROM_ADDRESS, 4), 0xfffe0000);
	assert_int_equal(f->a.nr_map, 0);
	assert_int_equal(f->a.nr_written, 0);
}

static void bar_is_mapped_exactly_while_enabled(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM32, 64 * KIB);
	set_bar(&f->a, 1, PCI_BAR_IO, 32);
	plug(f);
	assert_false(f->a.pci.bar[0].mapped);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	assert_true(f->a.pci.bar[0].mapped);
	assert_false(f->a.pci.bar[1].mapped);
	assert_int_equal(f->a.pci.bar[0].addr, MEM32);
	decode(f, &f->a, PCI_COMMAND_IO);
	assert_false(f->a.pci.bar[0].mapped);
	assert_true(f->a.pci.bar[1].mapped);
	assert_int_equal(f->a.pci.bar[1].addr, 0x1000);
	decode(f, &f->a, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	assert_int_equal(f->a.nr_map, 2);
	assert_int_equal(f->a.nr_unmap, 1);
}

static void sizing_while_mapped_unmaps_and_restores(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM64, 64 * KIB);
	plug(f);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	assert_int_equal(f->a.pci.bar[0].addr, MEM64);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, ABSENT);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_1, 4, ABSENT);
	assert_false(f->a.pci.bar[0].mapped);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), 0xffff0004);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, (uint32_t)MEM64);
	assert_false(f->a.pci.bar[0].mapped);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_1, 4, MEM64 >> 32);
	assert_true(f->a.pci.bar[0].mapped);
	assert_int_equal(f->a.pci.bar[0].addr, MEM64);
}

static void sixty_four_bit_bar_moves_half_by_half(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM64, 64 * KIB);
	plug(f);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_1, 4, 0x81);
	assert_int_equal(f->a.pci.bar[0].addr, 0x8100000000ULL);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, 0x20000);
	assert_int_equal(f->a.pci.bar[0].addr, 0x8100020000ULL);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_1, 4, 0);
	assert_false(f->a.pci.bar[0].mapped);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, MEM32 + 0x30000); /* below 4 GiB will do */
	assert_int_equal(f->a.pci.bar[0].addr, MEM32 + 0x30000);
}

static void rewriting_the_same_address_does_not_remap(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM32, 64 * KIB);
	plug(f);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, (uint32_t)MEM32 | 0xf);
	assert_int_equal(f->a.nr_map, 1);
	assert_int_equal(f->a.nr_unmap, 0);
}

static void bar_outside_its_window_stays_unmapped(void **state)
{
	struct fixture *f = *state;
	static const uint32_t mem[] = { 0, 0xbfff0000, MEM32 + 640 * MIB, 0xffff0000 };
	static const uint32_t io[] = { 0, 0xfe0, 0xf000, 0x11000, 0xffffffe0 };

	set_bar(&f->a, 0, PCI_BAR_MEM32, 64 * KIB);
	set_bar(&f->a, 1, PCI_BAR_IO, 32);
	plug(f);
	decode(f, &f->a, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	for (unsigned i = 0; i < ARRAY_SIZE(mem); i++) {
		cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, mem[i]);
		assert_false(f->a.pci.bar[0].mapped);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(io); i++) {
		cfg_write(f, &f->a, PCI_BASE_ADDRESS_1, 4, io[i]);
		assert_false(f->a.pci.bar[1].mapped);
	}
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, (uint32_t)(MEM32 + 640 * MIB - 64 * KIB));
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_1, 4, 0xefe0);
	assert_true(f->a.pci.bar[0].mapped);
	assert_true(f->a.pci.bar[1].mapped);
}

static void bar_over_another_waits_for_its_place(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM32, 64 * KIB);
	set_bar(&f->b, 0, PCI_BAR_MEM32, 16 * KIB);
	plug(f);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	decode(f, &f->b, PCI_COMMAND_MEMORY);
	cfg_write(f, &f->b, PCI_BASE_ADDRESS_0, 4, MEM32 + 0x4000);
	assert_true(f->a.pci.bar[0].mapped);
	assert_false(f->b.pci.bar[0].mapped);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, MEM32 + 0x100000);
	assert_true(f->a.pci.bar[0].mapped);
	assert_true(f->b.pci.bar[0].mapped);
	/* a comes back: now it is the one to wait, until b is switched off */
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, (uint32_t)MEM32);
	assert_false(f->a.pci.bar[0].mapped);
	decode(f, &f->b, 0);
	assert_true(f->a.pci.bar[0].mapped);
	decode(f, &f->b, PCI_COMMAND_MEMORY);
	assert_false(f->b.pci.bar[0].mapped);
	pci_bus_remove(&f->a.pci);
	assert_true(f->b.pci.bar[0].mapped);
}

static void two_bars_can_change_places(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM32, 64 * KIB);
	set_bar(&f->a, 1, PCI_BAR_MEM32, 64 * KIB);
	plug(f);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, MEM32 + 0x10000);
	assert_false(f->a.pci.bar[0].mapped);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_1, 4, (uint32_t)MEM32);
	assert_int_equal(f->a.pci.bar[0].addr, MEM32 + 0x10000);
	assert_int_equal(f->a.pci.bar[1].addr, MEM32);
}

static void port_and_memory_bars_do_not_collide(void **state)
{
	struct fixture *f = *state;

	f->bus.mem32 = (struct pci_window){ 0x1000, 0x10000 };
	set_bar(&f->a, 0, PCI_BAR_MEM32, 4 * KIB);
	set_bar(&f->b, 0, PCI_BAR_IO, 256);
	plug(f);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	decode(f, &f->b, PCI_COMMAND_IO);
	assert_true(f->a.pci.bar[0].mapped && f->a.pci.bar[0].addr == 0x1000);
	assert_true(f->b.pci.bar[0].mapped && f->b.pci.bar[0].addr == 0x1000);
}

static void failed_map_leaves_the_bar_unmapped(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM32, 64 * KIB);
	plug(f);
	f->a.map_result = -EEXIST;
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	assert_int_equal(f->a.nr_refused, 1);
	assert_false(f->a.pci.bar[0].mapped);
	decode(f, &f->a, 0);
	assert_int_equal(f->a.nr_unmap, 0);
	f->a.map_result = 0;
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	assert_true(f->a.pci.bar[0].mapped);
}

static void rom_needs_its_own_enable_bit(void **state)
{
	struct fixture *f = *state;
	uint32_t addr;

	set_bar(&f->a, PCI_ROM_BAR, PCI_BAR_MEM32, 128 * KIB);
	plug(f);
	addr = cfg_read(f, &f->a, PCI_ROM_ADDRESS, 4);
	assert_int_equal(addr, MEM32);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	assert_false(f->a.pci.bar[PCI_ROM_BAR].mapped);
	cfg_write(f, &f->a, PCI_ROM_ADDRESS, 4, addr | PCI_ROM_ADDRESS_ENABLE);
	assert_true(f->a.pci.bar[PCI_ROM_BAR].mapped);
	decode(f, &f->a, 0);
	assert_false(f->a.pci.bar[PCI_ROM_BAR].mapped);
}

static void reset_restores_what_assign_left(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM32, 64 * KIB);
	plug(f);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	cfg_write(f, &f->a, PCI_BASE_ADDRESS_0, 4, MEM32 + 0x20000);
	cfg_write(f, &f->a, PCI_INTERRUPT_LINE, 1, 9);
	pci_bus_reset(&f->bus);
	assert_false(f->a.pci.bar[0].mapped);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), MEM32);
	assert_int_equal(cfg_read(f, &f->a, PCI_COMMAND, 2), 0);
	assert_int_equal(cfg_read(f, &f->a, PCI_INTERRUPT_LINE, 1), 0);
}

static void assign_packs_largest_first_and_aligned(void **state)
{
	struct fixture *f = *state;

	set_bar(&f->a, 0, PCI_BAR_MEM32, 16);
	set_bar(&f->a, 1, PCI_BAR_IO, 4);
	set_bar(&f->a, 2, PCI_BAR_MEM64, 4 * KIB);
	set_bar(&f->a, 4, PCI_BAR_MEM32, 32);
	set_bar(&f->b, 0, PCI_BAR_MEM32, 512 * MIB);
	set_bar(&f->b, 1, PCI_BAR_IO, 256);
	set_bar(&f->b, 2, PCI_BAR_MEM64, 64 * GIB);
	plug(f);
	assert_int_equal(cfg_read(f, &f->b, PCI_BASE_ADDRESS_0, 4), MEM32);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), MEM32 + 512 * MIB);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_4, 4), MEM32 + 512 * MIB + 4 * KIB);
	assert_int_equal(cfg_read(f, &f->b, PCI_BASE_ADDRESS_1, 4), 0x1001);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_1, 4), 0x1101);
	assert_int_equal(cfg_read(f, &f->b, PCI_BASE_ADDRESS_3, 4), MEM64 >> 32);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_3, 4), (MEM64 + 64 * GIB) >> 32);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_2, 4), 4);
}

static void assign_uses_the_gap_below_an_aligned_bar(void **state)
{
	struct fixture *f = *state;

	f->bus.mem32 = (struct pci_window){ MEM32 + 64 * KIB, MIB };
	set_bar(&f->a, 0, PCI_BAR_MEM32, 512 * KIB);
	set_bar(&f->a, 1, PCI_BAR_MEM32, 64 * KIB);
	plug(f);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), MEM32 + 512 * KIB);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_1, 4), MEM32 + 64 * KIB);
}

static void assign_without_a_64_bit_window_stays_below(void **state)
{
	struct fixture *f = *state;

	f->bus.mem64.size = 0;
	set_bar(&f->a, 0, PCI_BAR_MEM64, MIB);
	plug(f);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), MEM32 | 4);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_1, 4), 0);
}

static void assign_names_what_does_not_fit(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };

	set_bar(&f->a, 0, PCI_BAR_MEM32, 512 * MIB);
	set_bar(&f->b, 3, PCI_BAR_MEM32, 256 * MIB);
	assert_int_equal(pci_bus_add(&f->bus, &f->a.pci, -1, NULL), 0);
	assert_int_equal(pci_bus_add(&f->bus, &f->b.pci, -1, NULL), 0);
	assert_int_equal(pci_bus_assign(&f->bus, &err), -ENOSPC);
	assert_non_null(strstr(err.object, "device b: BAR 3"));
	assert_non_null(strstr(err.reason, "0x10000000 bytes"));
	assert_non_null(strstr(err.reason, "32-bit window"));
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), 0);
	/* Into a larger window they do. */
	f->bus.mem32 = (struct pci_window){ 0x40000000, GIB };
	assert_int_equal(pci_bus_assign(&f->bus, NULL), 0);
	assert_int_equal(cfg_read(f, &f->a, PCI_BASE_ADDRESS_0, 4), 0x40000000);
	assert_int_equal(cfg_read(f, &f->b, PCI_BASE_ADDRESS_3, 4), 0x60000000);
}

static void assign_at_the_end_of_the_address_space(void **state)
{
	struct fixture *f = *state;

	f->bus.mem64 = (struct pci_window){ 0xfffffffffff00000ULL, MIB };
	set_bar(&f->a, 0, PCI_BAR_MEM64, MIB);
	set_bar(&f->b, 0, PCI_BAR_MEM64, MIB);
	assert_int_equal(pci_bus_add(&f->bus, &f->a.pci, -1, NULL), 0);
	assert_int_equal(pci_bus_assign(&f->bus, NULL), 0);
	decode(f, &f->a, PCI_COMMAND_MEMORY);
	assert_int_equal(f->a.pci.bar[0].addr, 0xfffffffffff00000ULL);
	assert_int_equal(pci_bus_add(&f->bus, &f->b.pci, -1, NULL), 0);
	assert_int_equal(pci_bus_assign(&f->bus, NULL), -ENOSPC);
}

/* ---- capabilities ---- */

static void capabilities_are_linked_in_order(void **state)
{
	struct fixture *f = *state;
	struct pci_device *dev = &f->a.pci;
	static const uint8_t body[] = { 1, 2, 3 };

	assert_int_equal(pci_find_capability(dev->data, 256, PCI_CAP_ID_MSIX, 0), 0);
	assert_int_equal(pci_device_add_capability(dev, PCI_CAP_ID_VNDR, 0, body, 5), 0x40);
	assert_int_equal(pci_device_add_capability(dev, PCI_CAP_ID_MSIX, 0, NULL, 12), 0x48);
	assert_int_equal(pci_device_add_capability(dev, PCI_CAP_ID_VNDR, 0x80, NULL, 16), 0x80);
	assert_int_equal(dev->data[PCI_STATUS] & PCI_STATUS_CAP_LIST, PCI_STATUS_CAP_LIST);
	assert_memory_equal(dev->data + 0x42, body, 3);
	assert_int_equal(pci_find_capability(dev->data, 256, PCI_CAP_ID_MSIX, 0), 0x48);
	assert_int_equal(pci_find_capability(dev->data, 256, PCI_CAP_ID_VNDR, 0), 0x40);
	assert_int_equal(pci_find_capability(dev->data, 256, PCI_CAP_ID_VNDR, 0x40), 0x80);
	assert_int_equal(pci_find_capability(dev->data, 256, PCI_CAP_ID_VNDR, 0x80), 0);
	assert_int_equal(pci_find_capability(dev->data, 256, PCI_CAP_ID_VNDR, 0x44), 0);
	assert_int_equal(pci_find_capability(dev->data, 255, PCI_CAP_ID_VNDR, 0), 0);
	/* behind the last one added, not in the gap before it */
	assert_int_equal(pci_device_add_capability(dev, PCI_CAP_ID_PM, 0, NULL, 8), 0x90);
}

static void bad_capabilities_are_refused(void **state)
{
	struct fixture *f = *state;
	struct pci_device *dev = &f->a.pci;

	assert_int_equal(pci_device_add_capability(dev, 9, 0x3c, NULL, 8), -EINVAL);
	assert_int_equal(pci_device_add_capability(dev, 9, 0x42, NULL, 8), -EINVAL);
	assert_int_equal(pci_device_add_capability(dev, 9, 0xfc, NULL, 8), -EINVAL);
	assert_int_equal(pci_device_add_capability(dev, 9, 0x1000, NULL, 8), -EINVAL);
	assert_int_equal(pci_device_add_capability(dev, 9, 0, NULL, 1), -EINVAL);
	assert_int_equal(pci_device_add_capability(dev, 9, 0, NULL, 0xffffffff), -EINVAL);
	assert_int_equal(pci_device_add_capability(dev, 9, 0, NULL, 193), -ENOSPC);
	assert_int_equal(pci_device_add_capability(dev, 9, 0, NULL, 192), 0x40);
	assert_int_equal(pci_device_add_capability(dev, 9, 0, NULL, 2), -ENOSPC);
	assert_int_equal(pci_device_add_capability(dev, 9, 0x80, NULL, 4), -EINVAL);
}

static void broken_capability_lists_end_the_walk(void **state)
{
	uint8_t config[256] = { 0 };
	unsigned at = 0, n = 0;

	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_CAPABILITY_LIST] = 0x43; /* low bits are reserved */
	config[0x40] = PCI_CAP_ID_VNDR;
	config[0x41] = 0x50;
	config[0x50] = PCI_CAP_ID_VNDR;
	config[0x51] = 0x40; /* a loop: an iteration must still end */
	while ((at = pci_find_capability(config, 256, PCI_CAP_ID_VNDR, at)))
		n++;
	assert_int_equal(n, 2);
	assert_int_equal(pci_find_capability(config, 256, PCI_CAP_ID_MSI, 0), 0);
	config[0x51] = 0x20; /* into the header */
	config[0x20] = PCI_CAP_ID_MSI;
	assert_int_equal(pci_find_capability(config, 256, PCI_CAP_ID_MSI, 0), 0);
	config[PCI_STATUS] = 0;
	assert_int_equal(pci_find_capability(config, 256, PCI_CAP_ID_VNDR, 0), 0);
	memset(config, 0xff, sizeof(config)); /* a device that is gone */
	assert_int_equal(pci_find_capability(config, 256, PCI_CAP_ID_MSI, 0), 0);
}

static void extended_capabilities_are_found(void **state)
{
	static uint8_t config[PCI_CONFIG_SIZE];
	unsigned at = 0, n = 0;

	assert_int_equal(pci_find_ext_capability(config, sizeof(config), 0, 0), 0);
	put_le(config + 0x100, 4, 0x14010001);
	put_le(config + 0x140, 4, 0xffc1000b);
	put_le(config + 0xffc, 4, 0x1001000b); /* back to 0x100: a loop */
	assert_int_equal(pci_find_ext_capability(config, sizeof(config), 1, 0), 0x100);
	assert_int_equal(pci_find_ext_capability(config, sizeof(config), 1, 0x100), 0);
	while ((at = pci_find_ext_capability(config, sizeof(config), 0x0b, at)))
		n++;
	assert_int_equal(n, 2);
	assert_int_equal(pci_find_ext_capability(config, 256, 1, 0), 0);
	memset(config, 0xff, sizeof(config));
	assert_int_equal(pci_find_ext_capability(config, sizeof(config), 0xffff, 0), 0);
}

static void destroying_a_zeroed_bus_does_nothing(void **state)
{
	static struct pci_bus bus;

	pci_bus_destroy(&bus);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(host_bridge_is_in_slot_0),
		CASE(absent_functions_read_all_ones),
		CASE(accesses_stay_within_a_dword),
		CASE(slots_are_given_out_once),
		CASE(thirty_one_functions_fit),
		CASE(header_is_made_safe_on_add),
		CASE(command_has_the_specified_writable_bits),
		CASE(live_and_emulated_bits_merge),
		CASE(mechanism_1_reaches_configuration_space),
		CASE(narrow_accesses_do_not_touch_the_address),
		CASE(reset_port_calls_the_hook),
		CASE(ecam_takes_every_size),
		CASE(two_buses_share_ports_and_ecam),
		CASE(bad_bars_are_refused),
		CASE(all_ones_size_every_kind),
		CASE(bar_is_mapped_exactly_while_enabled),
		CASE(sizing_while_mapped_unmaps_and_restores),
		CASE(sixty_four_bit_bar_moves_half_by_half),
		CASE(rewriting_the_same_address_does_not_remap),
		CASE(bar_outside_its_window_stays_unmapped),
		CASE(bar_over_another_waits_for_its_place),
		CASE(two_bars_can_change_places),
		CASE(port_and_memory_bars_do_not_collide),
		CASE(failed_map_leaves_the_bar_unmapped),
		CASE(rom_needs_its_own_enable_bit),
		CASE(reset_restores_what_assign_left),
		CASE(assign_packs_largest_first_and_aligned),
		CASE(assign_uses_the_gap_below_an_aligned_bar),
		CASE(assign_without_a_64_bit_window_stays_below),
		CASE(assign_names_what_does_not_fit),
		CASE(assign_at_the_end_of_the_address_space),
		CASE(capabilities_are_linked_in_order),
		CASE(bad_capabilities_are_refused),
		cmocka_unit_test(broken_capability_lists_end_the_walk),
		cmocka_unit_test(extended_capabilities_are_found),
		cmocka_unit_test(destroying_a_zeroed_bus_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
