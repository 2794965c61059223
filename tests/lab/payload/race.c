/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that races against its own VMM on every virtio device of bus 0: one CPU makes chains, good ones and others,
 * changes them under the device and rings; the other one writes the registers, enables queues, resets. Command line:
 * seed=N count=N, so many operations by each: chains, and accesses of registers; apart=1: no two queues are given the same
 * memory, as what they write there at once is a race for ThreadSanitizer. In the end every device is reset, and each disk has to read a sector.
 *
 * It prints RACE DONE, or what did not work, and powers off. What it spares is itself: devices are given no good address
 * but those of the upper half of 64 MiB, and messages have a fixed delivery mode.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "tests/lab/payload/long.h"
#include "tests/lab/payload/pci.h"

#define VENDOR	   0x1af4
#define FIRST_ID   0x1040U
#define MAX_DEVICE 8U
#define MAX_QUEUE  4U
#define SIZE	   128U

#define ARENA	   0x2000000U
#define ARENA_SIZE 0x1000000U
#define SLICE	   (ARENA_SIZE / MAX_DEVICE / MAX_QUEUE) /* a queue's, with apart=1 */
#define MEMORY	   0x4000000U
#define FREE	   0xd0000000U /* in the window for BARs */
#define FREE_SIZE  0x100000U

#define PATIENCE 60000000000ULL /* ticks; a reset waits for what the host's storage has begun */

__asm__(LONG_MODE_START);

struct queue {
	struct vring_desc desc[SIZE] __attribute__((aligned(16)));
	struct {
		uint16_t flags, idx, ring[SIZE + 1];
	} avail;
	struct {
		uint16_t flags, idx;
		struct vring_used_elem ring[SIZE];
		uint16_t event;
	} used __attribute__((aligned(4)));
};

struct device {
	unsigned slot, id, msix;
	volatile struct virtio_pci_common_cfg *common;
	volatile uint8_t *isr, *config;
	volatile uint32_t *table;
	uint64_t notify;
	uint32_t multiplier, nr_vectors;
	struct queue queue[MAX_QUEUE];
};

static struct device device[MAX_DEVICE];
static unsigned nr_devices;
static uint32_t count, apart, state[2];
static uint32_t nr_rung, nr_registers; /* operations so far; the latter atomic */
static bool go;			       /* atomic */
static bool racing = true;	       /* both CPUs are at it */

static void did(unsigned nr)
{
	__atomic_store_n(&nr_registers, nr_registers + nr, __ATOMIC_RELEASE);
}

/* Marsaglia's xorshift; each CPU has its own. */
static uint32_t any(unsigned cpu)
{
	uint32_t x = state[cpu];

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return state[cpu] = x;
}

static uint32_t below(unsigned cpu, uint32_t n)
{
	return any(cpu) % n;
}

static uint64_t bar_address(unsigned slot, unsigned bar)
{
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;

	return config_read(slot, at) & ~15U;
}

/* A BAR above 4 GiB is moved to where these page tables reach. */
static void bring_down(unsigned slot, unsigned bar)
{
	static uint32_t next = FREE;
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;

	if ((config_read(slot, at) & 6) != PCI_BASE_ADDRESS_MEM_TYPE_64 ||
	    !config_read(slot, at + 4))
		return;
	config_write(slot, at, next);
	config_write(slot, at + 4, 0);
	next += FREE_SIZE;
}

static void find_registers(struct device *d, unsigned at)
{
	unsigned bar = config_read(d->slot, at + 4) & 0xff;
	uint64_t address;

	bring_down(d->slot, bar);
	address = bar_address(d->slot, bar) + config_read(d->slot, at + 8);
	switch (config_read(d->slot, at) >> 24) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		d->common = (volatile struct virtio_pci_common_cfg *)address;
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		d->notify = address;
		d->multiplier = config_read(d->slot, at + 16);
		break;
	case VIRTIO_PCI_CAP_ISR_CFG:
		d->isr = (volatile uint8_t *)address;
		break;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		d->config = (volatile uint8_t *)address;
		break;
	}
}

static void find_table(struct device *d, unsigned at)
{
	uint32_t where = config_read(d->slot, at + 4);

	bring_down(d->slot, where & 7);
	d->msix = at;
	d->nr_vectors = (config_read(d->slot, at) >> 16 & 0x7ff) + 1;
	d->table = (volatile uint32_t *)(bar_address(d->slot, where & 7) + (where & ~7U));
}

static void find_device(unsigned slot)
{
	struct device *d = &device[nr_devices];
	uint32_t id = config_read(slot, 0);

	if ((id & 0xffff) != VENDOR || nr_devices == MAX_DEVICE)
		return;
	d->slot = slot;
	d->id = (id >> 16) - FIRST_ID;
	for (unsigned at = config_read(slot, PCI_CAPABILITIES) & 0xfc; at;
	     at = config_read(slot, at) >> 8 & 0xfc) {
		unsigned cap = config_read(slot, at) & 0xff;

		if (cap == PCI_CAP_ID_VNDR)
			find_registers(d, at);
		else if (cap == PCI_CAP_MSIX)
			find_table(d, at);
	}
	config_write16(slot, PCI_COMMAND, PCI_MASTER);
	nr_devices++;
}

/* Where a queue's data may be: with apart=1 in no other one's. */
static uint64_t good_address(const struct device *d, unsigned queue)
{
	if (!apart)
		return ARENA + below(0, ARENA_SIZE);
	return ARENA + ((uint32_t)(d - device) * MAX_QUEUE + queue) * SLICE + below(0, SLICE);
}

static uint32_t clip(uint64_t address, uint32_t length)
{
	uint64_t end = (address / SLICE + 1) * SLICE;

	return apart && address + length > end && address + length <= MEMORY
		       ? (uint32_t)(end - address)
		       : length;
}

/* Of whatever a driver names to a device; where there is no memory that would hurt this guest. */
static uint64_t bad_address(unsigned cpu)
{
	switch (below(cpu, 3)) {
	case 0:
		return (uint64_t)any(cpu) << 32 | any(cpu);
	case 1:
		return UINT64_MAX - below(cpu, 4096);
	default:
		return FREE + below(cpu, MAX_DEVICE * FREE_SIZE);
	}
}

static uint32_t some_length(unsigned cpu)
{
	switch (below(cpu, 16)) {
	case 0:
		return 0;
	case 1:
		return below(cpu, 2) ? any(cpu) : UINT32_MAX;
	case 2:
		return below(cpu, 4 * 1024 * 1024);
	case 3:
		return 1 + below(cpu, 64);
	default:
		return 512 * (1 + below(cpu, 128));
	}
}

/* As a disk's: header, data, status. Its type and sector are somewhat random. */
static void make_request(struct device *d, unsigned queue, unsigned head)
{
	static const uint32_t type[] = {
		VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_IN,	   VIRTIO_BLK_T_IN,
		VIRTIO_BLK_T_OUT,     VIRTIO_BLK_T_OUT,	   VIRTIO_BLK_T_FLUSH,
		VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_WRITE_ZEROES,
	};
	struct virtio_blk_outhdr *header =
		(struct virtio_blk_outhdr *)(uintptr_t)(good_address(d, queue) & ~63U);
	unsigned kind = below(0, sizeof(type) / sizeof(*type) + 1);
	bool in = kind < 3;
	uint16_t data = (uint16_t)((head + 1) % SIZE), status = (uint16_t)((head + 2) % SIZE);

	struct queue *q = &d->queue[queue];
	uint64_t address = good_address(d, queue);

	if (below(0, 2))
		address &= ~4095ULL;
	header->type = kind < sizeof(type) / sizeof(*type) ? type[kind] : any(0);
	header->sector = below(0, 8) ? below(0, 100000) : any(0);
	q->desc[head] =
		(struct vring_desc){ (uintptr_t)header, sizeof(*header), VRING_DESC_F_NEXT, data };
	q->desc[data] = (struct vring_desc){
		address,
		clip(address, some_length(0)),
		(uint16_t)(VRING_DESC_F_NEXT | (in ? VRING_DESC_F_WRITE : 0)),
		status,
	};
	q->desc[status] = (struct vring_desc){ good_address(d, queue), 1, VRING_DESC_F_WRITE, 0 };
}

/* As of a generator of random numbers or a console's port. */
static void make_buffer(struct device *d, unsigned queue, unsigned head, bool writable)
{
	uint64_t address = good_address(d, queue);

	d->queue[queue].desc[head] = (struct vring_desc){ address, clip(address, some_length(0)),
							  writable ? VRING_DESC_F_WRITE : 0, 0 };
}

/* What the device has a use for. */
static void make_chain(struct device *d, unsigned queue, unsigned head)
{
	if (d->id == VIRTIO_ID_BLOCK)
		make_request(d, queue, head);
	else
		make_buffer(d, queue, head, d->id == VIRTIO_ID_RNG || queue % 2 == 0);
}

static void make_any(struct device *d, unsigned queue)
{
	uint64_t address = below(0, 8) ? good_address(d, queue) : bad_address(0);

	d->queue[queue].desc[below(0, SIZE)] = (struct vring_desc){
		address,
		clip(address, some_length(0)),
		(uint16_t)(below(0, 8) ? below(0, 4) : any(0)),
		(uint16_t)(below(0, 16) ? below(0, SIZE) : any(0)),
	};
}

static void ring_bell(struct device *d, unsigned queue)
{
	*(volatile uint16_t *)(d->notify + queue * d->multiplier) = (uint16_t)queue;
}

static void make_available(struct queue *q, unsigned head)
{
	uint16_t idx = q->avail.idx;

	q->avail.ring[idx % SIZE] = (uint16_t)head;
	__atomic_store_n(&q->avail.idx, (uint16_t)(idx + 1), __ATOMIC_RELEASE);
}

static void step_rings(void)
{
	struct device *d = &device[below(0, nr_devices)];
	unsigned queue = below(0, MAX_QUEUE), head = below(0, SIZE) & (below(0, 16) ? ~3U : ~0U);
	struct queue *q = &d->queue[queue];

	switch (below(0, 256)) {
	case 0:
		make_any(d, queue);
		break;
	case 1:
		make_any(d, queue);
		make_available(q, below(0, 64) ? head : any(0));
		ring_bell(d, queue);
		break;
	case 2:
		q->avail.flags = (uint16_t)below(0, 2);
		q->avail.ring[SIZE] = (uint16_t)any(0);
		break;
	case 3:
		q->used.idx = (uint16_t)any(0);
		break;
	case 4:
		/* More than there can be, now and then. */
		q->avail.idx = (uint16_t)(q->avail.idx + (below(0, 64) ? below(0, 8) : any(0)));
		ring_bell(d, queue);
		break;
	case 5:
		ring_bell(d, below(0, 64));
		break;
	default:
		make_chain(d, queue, head);
		make_available(q, head);
		if (below(0, 4))
			ring_bell(d, queue);
	}
}

static void start_queue(struct device *d, unsigned i)
{
	struct queue *q = &d->queue[i];

	/* Now and then as the other CPU has left it, which is too many; the device looks at what is there as it starts. */
	if (!racing || below(1, 16))
		q->avail.flags = q->avail.idx = q->used.idx = 0;
	d->common->queue_select = (uint16_t)i;
	d->common->queue_size = SIZE;
	d->common->queue_desc_lo = (uint32_t)(uintptr_t)q->desc;
	d->common->queue_desc_hi = 0;
	d->common->queue_avail_lo = (uint32_t)(uintptr_t)&q->avail;
	d->common->queue_avail_hi = 0;
	d->common->queue_used_lo = (uint32_t)(uintptr_t)&q->used;
	d->common->queue_used_hi = 0;
	d->common->queue_msix_vector = (uint16_t)i;
	d->common->queue_enable = 1;
	did(10);
}

static bool reset(struct device *d)
{
	uint64_t end = ticks() + PATIENCE;

	/* Where its registers are not to be seen, they read as ones. */
	config_write16(d->slot, PCI_COMMAND, PCI_MASTER);
	d->common->device_status = 0;
	while (d->common->device_status) {
		if (ticks() > end)
			return false;
	}
	return true;
}

static void negotiate(struct device *d, uint32_t features)
{
	d->common->device_status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	d->common->guest_feature_select = 1;
	d->common->guest_feature = 1U << (VIRTIO_F_VERSION_1 - 32);
	d->common->guest_feature_select = 0;
	d->common->guest_feature = features;
	d->common->device_status |= VIRTIO_CONFIG_S_FEATURES_OK;
	did(7);
}

static void start(struct device *d, uint32_t features)
{
	negotiate(d, features);
	for (unsigned i = 0; i < MAX_QUEUE && i < d->common->num_queues; i++)
		start_queue(d, i);
	d->common->device_status |= VIRTIO_CONFIG_S_DRIVER_OK;
}

static void write_table(struct device *d)
{
	volatile uint32_t *entry = d->table + 4 * below(1, d->nr_vectors);

	entry[0] = 0xfee00000U | (any(1) & 0xff00c);
	entry[1] = 0;
	entry[2] = any(1) & 0xff;
	entry[3] = below(1, 2);
}

/* One register, of any value. */
static void write_register(struct device *d)
{
	volatile struct virtio_pci_common_cfg *c = d->common;

	switch (below(1, 10)) {
	case 0:
		c->device_feature_select = any(1);
		break;
	case 1:
		c->guest_feature = any(1);
		break;
	case 2:
		c->msix_config = (uint16_t)any(1);
		break;
	case 3:
		c->queue_select = (uint16_t)below(1, 2 * MAX_QUEUE);
		break;
	case 4:
		c->queue_size = (uint16_t)(1U << below(1, 16));
		break;
	case 5:
		c->queue_msix_vector = (uint16_t)below(1, 16);
		break;
	case 6:
		c->queue_enable = (uint16_t)below(1, 2);
		break;
	case 7:
		c->queue_desc_hi = (uint32_t)bad_address(1);
		break;
	case 8:
		c->queue_used_hi = below(1, 2);
		break;
	case 9:
		/* Not of the bytes that a disk's cache or a NIC's address may be: of all of them. */
		d->config[below(1, 64)] = (uint8_t)any(1);
		break;
	}
}

static void read_registers(struct device *d)
{
	(void)*d->isr;
	(void)d->common->config_generation;
	(void)d->common->device_feature;
	(void)*(volatile uint32_t *)(d->config + 4 * below(1, 16));
}

static void step_registers(void)
{
	struct device *d = &device[below(1, nr_devices)];

	switch (below(1, 16)) {
	case 0:
		/* Nobody waits for its end. */
		d->common->device_status = 0;
		break;
	case 1:
		d->common->device_status = (uint8_t)any(1);
		break;
	case 2:
		start(d, any(1));
		break;
	case 3:
	case 4:
	case 5:
		if (reset(d))
			start(d, below(1, 4) ? 0 : 1U << VIRTIO_RING_F_EVENT_IDX);
		break;
	case 6:
		if (d->msix)
			config_write16(d->slot, d->msix + 2, (uint16_t)any(1));
		break;
	case 7:
		if (d->msix)
			write_table(d);
		break;
	case 8:
		config_write16(d->slot, PCI_COMMAND,
			       (uint16_t)(PCI_MASTER & (below(1, 4) ? ~0U : any(1))));
		break;
	case 9:
		start_queue(d, below(1, MAX_QUEUE));
		break;
	case 10:
		read_registers(d);
		break;
	default:
		write_register(d);
		break;
	}
}

void payload_ap_main(void)
{
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		__asm__ volatile("pause");
	while (nr_registers < count) {
		step_registers();
		did(1);
	}
	for (;;)
		__asm__ volatile("cli; hlt");
}

static bool reads_a_sector(struct device *d)
{
	struct queue *q = &d->queue[0];
	struct virtio_blk_outhdr *header = (struct virtio_blk_outhdr *)(uintptr_t)ARENA;
	volatile uint8_t *status = (volatile uint8_t *)(uintptr_t)(ARENA + 64);
	uint64_t end = ticks() + PATIENCE;

	*header = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN };
	*status = 0xff;
	q->desc[0] = (struct vring_desc){ ARENA, sizeof(*header), VRING_DESC_F_NEXT, 1 };
	q->desc[1] =
		(struct vring_desc){ ARENA + 4096, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2 };
	q->desc[2] = (struct vring_desc){ ARENA + 64, 1, VRING_DESC_F_WRITE, 0 };
	start(d, 0);
	make_available(q, 0);
	ring_bell(d, 0);
	while (!*(volatile uint16_t *)&q->used.idx) {
		if (ticks() > end)
			return false;
	}
	return !*status;
}

static void check(struct device *d)
{
	if (d->msix)
		config_write16(d->slot, d->msix + 2, 0);
	if (!reset(d))
		print("no end of a reset: ");
	else if (d->id == VIRTIO_ID_BLOCK && !reads_a_sector(d))
		print("a disk does not read: ");
	else
		return;
	print("slot ");
	print_number(d->slot);
	print("\n");
	power_off();
}

void payload_main(const struct start_info *info)
{
	uint32_t seed = start_option(info, "seed=", 1);

	count = start_option(info, "count=", 1000);
	apart = start_option(info, "apart=", 0);
	state[0] = seed * 2654435769U | 1;
	state[1] = ~state[0] | 2;
	for (unsigned slot = 0; slot < 32; slot++)
		find_device(slot);
	for (unsigned i = 0; i < nr_devices; i++)
		start(&device[i], 0);
	enable_interrupts();
	__asm__ volatile("cli");
	start_others();
	__atomic_store_n(&go, true, __ATOMIC_RELEASE);
	for (; nr_rung < count || __atomic_load_n(&nr_registers, __ATOMIC_ACQUIRE) < count;
	     nr_rung++)
		step_rings();
	racing = false;
	for (unsigned i = 0; i < nr_devices; i++)
		check(&device[i]);
	print_number(nr_devices);
	print(" devices, ");
	print_number(nr_rung);
	print(" and ");
	print_number(nr_registers);
	print(" operations\nRACE DONE\n");
	power_off();
}
