/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a guest: records of ten bytes, each one access to configuration space by a port or
 * the ECAM. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/pci/pci.h"
#include "tests/fuzz/check.h"

#define NR_FAKES     4
#define RECORD_BYTES 10

struct fake {
	struct pci_device pci;
	bool mapped[PCI_MAX_MAPPABLE];
	uint64_t addr[PCI_MAX_MAPPABLE];
	bool failing;	  /* bar_map refuses */
	bool ever_failed; /* then a BAR may be unmapped without another reason */
};

struct machine {
	struct pci_bus bus;
	struct fake fake[NR_FAKES];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Windows so narrow that BARs get into each other's way. */
static const struct pci_bus_config windows = {
	.io = { 0x1000, 0x400 },
	.mem32 = { 0xc0000000, 4 * MIB },
	.mem64 = { 0x8000000000, 16 * MIB },
};

static const struct {
	unsigned fake, bar;
	struct pci_bar desc;
} bars[] = {
	{ 0, 0, { .kind = PCI_BAR_MEM32, .size = 16 } },
	{ 0, 1, { .kind = PCI_BAR_IO, .size = 32 } },
	{ 0, 2, { .kind = PCI_BAR_MEM64, .prefetchable = true, .size = 4 * MIB } },
	{ 0, 6, { .kind = PCI_BAR_MEM32, .size = 64 * KIB } },
	{ 1, 0, { .kind = PCI_BAR_MEM64, .size = 16 * KIB } },
	{ 1, 4, { .kind = PCI_BAR_MEM64, .size = 64 * KIB } },
	{ 2, 0, { .kind = PCI_BAR_IO, .size = 4 } },
	{ 2, 1, { .kind = PCI_BAR_IO, .size = 256 } },
	{ 2, 5, { .kind = PCI_BAR_MEM32, .size = MIB } },
	{ 3, 0, { .kind = PCI_BAR_MEM32, .size = 4 * KIB } },
	{ 3, 1, { .kind = PCI_BAR_MEM32, .size = 4 * KIB } },
	{ 3, 6, { .kind = PCI_BAR_MEM32, .size = 2 * KIB } },
};

static uint32_t fake_config_read(struct pci_device *dev, unsigned offset, unsigned size)
{
	CHECK(offset % 4 + size <= 4 && offset + size <= PCI_CONFIG_SIZE);
	return 0xa5a5a5a5;
}

static void fake_config_write(struct pci_device *dev, unsigned offset, unsigned size,
			      uint32_t value, uint32_t mask)
{
	CHECK(offset % 4 + size <= 4 && offset + size <= PCI_CONFIG_SIZE);
	CHECK(mask == get_le(dev->live + offset, size));
}

static int fake_bar_map(struct pci_device *dev, unsigned bar, uint64_t addr)
{
	struct fake *fake = container_of(dev, struct fake, pci);

	CHECK(!fake->mapped[bar]);
	if (fake->failing) {
		fake->ever_failed = true;
		return -1;
	}
	fake->mapped[bar] = true;
	fake->addr[bar] = addr;
	return 0;
}

static void fake_bar_unmap(struct pci_device *dev, unsigned bar, uint64_t addr)
{
	struct fake *fake = container_of(dev, struct fake, pci);

	CHECK(fake->mapped[bar] && fake->addr[bar] == addr);
	fake->mapped[bar] = false;
}

static const struct pci_device_ops fake_ops = {
	.config_read = fake_config_read,
	.config_write = fake_config_write,
	.bar_map = fake_bar_map,
	.bar_unmap = fake_bar_unmap,
};

static void start(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	CHECK(!pci_bus_init(&m->bus, &windows));
	for (unsigned i = 0; i < NR_FAKES; i++) {
		pci_device_init(&m->fake[i].pci, &fake_ops, "fake");
		put_le(m->fake[i].pci.data, 4, 0x12345678);
		put_le(m->fake[i].pci.live + 0x80, 8, 0x00ff00fff0f0f0f0ULL);
		put_le(m->fake[i].pci.wmask + 0x80, 8, 0xffff000000ffff00ULL);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bars); i++)
		CHECK(!pci_device_set_bar(&m->fake[bars[i].fake].pci, bars[i].bar, &bars[i].desc));
	for (unsigned i = 0; i < NR_FAKES; i++)
		CHECK(!pci_bus_add(&m->bus, &m->fake[i].pci, -1, NULL));
	CHECK(!pci_bus_assign(&m->bus, NULL));
}

/* Where the registers say a BAR is; decided here from the specification, not by core/pci. */
static bool guest_enabled(const struct pci_device *dev, unsigned i, uint64_t *addr)
{
	const struct pci_bar *bar = &dev->bar[i];
	const uint8_t *reg = dev->data + (i == PCI_ROM_BAR ? 0x30 : 0x10 + 4 * i);
	bool io = bar->kind == PCI_BAR_IO;

	*addr = get_le(reg, bar->kind == PCI_BAR_MEM64 ? 8 : 4) & ~(bar->size - 1);
	if (i == PCI_ROM_BAR && !(*reg & 1))
		return false;
	return dev->data[PCI_COMMAND] & (io ? 1 : 2);
}

static bool in(const struct pci_window *w, uint64_t addr, uint64_t size)
{
	return addr >= w->base && addr - w->base < w->size && size <= w->size - (addr - w->base);
}

static bool in_its_window(const struct pci_bar *bar, uint64_t addr)
{
	if (bar->kind == PCI_BAR_IO)
		return in(&windows.io, addr, bar->size);
	return in(&windows.mem32, addr, bar->size) ||
	       (bar->kind == PCI_BAR_MEM64 && in(&windows.mem64, addr, bar->size));
}

/* Whether another mapped BAR lies there; what is smaller than a page has a whole one. */
static bool is_covered(const struct machine *m, const struct pci_bar *bar, uint64_t addr)
{
	uint64_t unit = bar->kind == PCI_BAR_IO ? 1 : 4 * KIB;

	for (unsigned i = 0; i < ARRAY_SIZE(bars); i++) {
		const struct pci_bar *other = &m->fake[bars[i].fake].pci.bar[bars[i].bar];

		if (other != bar && other->mapped &&
		    (other->kind == PCI_BAR_IO) == (bar->kind == PCI_BAR_IO) &&
		    ranges_overlap(align_down(other->addr, unit), align_up(other->size, unit),
				   align_down(addr, unit), align_up(bar->size, unit)))
			return true;
	}
	return false;
}

static void check(const struct machine *m)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bars); i++) {
		const struct fake *fake = &m->fake[bars[i].fake];
		unsigned n = bars[i].bar;
		const struct pci_bar *bar = &fake->pci.bar[n];
		uint64_t addr;
		bool possible = guest_enabled(&fake->pci, n, &addr) && fake->pci.bus &&
				in_its_window(bar, addr) && !is_covered(m, bar, addr);

		CHECK(bar->mapped == fake->mapped[n]);
		if (bar->mapped)
			CHECK(possible && bar->addr == addr && fake->addr[n] == addr);
		else
			CHECK(!possible || fake->ever_failed);
	}
	for (unsigned i = 0; i < NR_FAKES; i++) {
		CHECK(get_le(m->fake[i].pci.data, 4) == 0x12345678);
		CHECK(m->fake[i].pci.data[PCI_HEADER_TYPE] == 0);
	}
}

/* An address that a BAR could have, of slot and register as given. */
static void move_bar(struct machine *m, unsigned slot, unsigned reg, uint32_t value)
{
	static const uint32_t base[] = { 0x1000, 0xc0000000, 0, 0x80 };
	uint32_t addr = base[value & 3] + ((value >> 2) & 0x3ffff0);

	pci_config_write(&m->bus, slot << 3, 0x10 + 4 * (reg % 8), 4, addr | (value >> 31));
}

static void access_bus(struct machine *m, const uint8_t *r)
{
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	uint32_t value = (uint32_t)get_le(r + 6, 4);
	unsigned size = sizes[r[1] & 3];
	unsigned slot = r[2] % (NR_FAKES + 2);
	unsigned reg = (unsigned)get_le(r + 4, 2);
	uint64_t offset = (slot << 15 | (r[3] & 7U) << 12 | (reg & 0xfff)) & ~(size - 1U);
	struct fake *fake = &m->fake[r[2] % NR_FAKES];

	switch (r[0] & 7) {
	case 0:
		pci_ecam_ops.write(&m->bus, offset, size, value | (uint64_t)value << 32);
		break;
	case 1:
		pci_ecam_ops.read(&m->bus, offset, size);
		break;
	case 2: /* the usual pair */
		pci_port_ops.write(&m->bus, 0, 4, 0x80000000 | slot << 11 | (reg & 0xfc));
		pci_port_ops.write(&m->bus, 4 + (reg & 3), size & 7, value);
		break;
	case 3:
		pci_port_ops.write(&m->bus, r[3] & 7, size & 7, value);
		break;
	case 4:
		pci_port_ops.read(&m->bus, r[3] & 7, size & 7);
		break;
	case 5:
		move_bar(m, slot, reg, value);
		break;
	case 6:
		pci_config_write(&m->bus, slot << 3, PCI_COMMAND, 2, value);
		break;
	case 7:
		if (r[1] < 128)
			fake->failing = r[1] & 1;
		else if (r[1] < 192)
			pci_bus_remove(&fake->pci);
		else if (r[1] > 250)
			pci_bus_reset(&m->bus);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct log_config quiet = { .level = LOG_LEVEL_ERROR };
	static struct machine m;

	log_open(&quiet, NULL);
	start(&m);
	check(&m);
	for (; size >= RECORD_BYTES; size -= RECORD_BYTES, data += RECORD_BYTES) {
		access_bus(&m, data);
		check(&m);
	}
	pci_bus_destroy(&m.bus);
	for (unsigned i = 0; i < ARRAY_SIZE(bars); i++)
		CHECK(!m.fake[bars[i].fake].mapped[bars[i].bar]);
	return 0;
}
