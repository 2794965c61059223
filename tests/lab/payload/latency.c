/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel that times, by the TSC, what a guest waits for: an exit for a port and for a device's register, an interrupt
 * that it sends itself, one to a second CPU and one back, waking from HLT at a deadline, and from a virtio doorbell to the
 * interrupt of the request, 1 byte of an entropy device, looking all the time and in HLT. Command line: count=N, how often each.
 *
 * Prints "LATENCY what count p50 p90 p99 p99.9 max" in cycles, or "LATENCY what none" where the machine has it not, then DONE,
 * and powers off.
 * Source: Virtual I/O Device 1.2, 2.7 (split virtqueues), 3.1.1 (initialisation), 4.1 (PCI).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "tests/lab/payload/long.h"
#include "tests/lab/payload/pci.h"

#define MAX_SAMPLES 10000
#define PATIENCE    5000000000ULL /* cycles, a second or two, until an interrupt counts as lost */
#define HLT_TICKS   200000

#define PORT_NONE 0x80
#define PORT_PIC0 0x21
#define PORT_PIC1 0xa1
/* Of QEMU's q35, where its firmware puts it; nothing to torc. */
#define PORT_Q35_SLEEP 0x604
#define Q35_SLEEP_S5   0x2000

#define VECTOR_DEVICE 0x40
#define VECTOR_SELF   0x41
#define VECTOR_THERE  0x42 /* to the second CPU */
#define VECTOR_BACK   0x43
#define VECTOR_TIMER  0x44

#define CPUID_DEADLINE (1U << 24)
#define RNG_LEGACY     0x10051af4U
#define RNG	       0x10441af4U
#define FREE	       0xd0000000U /* in the window for BARs of torc and of QEMU's q35 */
#define MESSAGE	       0xfee00000U
#define QUEUE_SIZE     8

__asm__(LONG_MODE_START);

#define HANDLER __attribute__((interrupt)) static

static volatile uint64_t arrived; /* when the last interrupt came; 0: not yet */
static volatile uint32_t ap_id;	  /* of the second CPU, plus one */
static uint32_t count, samples[MAX_SAMPLES];

static unsigned slot;
static volatile struct virtio_pci_common_cfg *common;
static volatile uint16_t *doorbell;
static struct vring_desc desc[QUEUE_SIZE] __attribute__((aligned(16)));
static volatile struct {
	uint16_t flags, idx, ring[QUEUE_SIZE];
} avail;
static volatile struct {
	uint16_t flags, idx;
	struct vring_used_elem ring[QUEUE_SIZE];
} used __attribute__((aligned(4)));
static uint8_t entropy;

HANDLER void on_arrived(struct interrupt_frame *frame)
{
	arrived = ticks();
	write_msr(MSR_X2APIC_EOI, 0);
}

/* On the second CPU. */
HANDLER void on_there(struct interrupt_frame *frame)
{
	write_msr(MSR_X2APIC_EOI, 0);
	write_msr(MSR_X2APIC_ICR, VECTOR_BACK);
}

static uint64_t wait_for_interrupt(void)
{
	uint64_t end = ticks() + PATIENCE;

	while (!arrived && ticks() < end)
		__asm__ volatile("pause");
	return arrived;
}

static void sort(uint32_t *value, uint32_t n)
{
	for (uint32_t gap = n / 2; gap; gap /= 2) {
		for (uint32_t i = gap; i < n; i++) {
			uint32_t at = i, one = value[i];

			for (; at >= gap && value[at - gap] > one; at -= gap)
				value[at] = value[at - gap];
			value[at] = one;
		}
	}
}

static void print_field(uint32_t number)
{
	print(" ");
	print_number(number);
}

static void report(const char *what, uint32_t n)
{
	static const uint32_t permille[] = { 500, 900, 990, 999 };

	print("LATENCY ");
	print(what);
	if (!n) {
		print(" none\n");
		return;
	}
	sort(samples, n);
	print_field(n);
	for (unsigned i = 0; i < sizeof(permille) / sizeof(permille[0]); i++)
		print_field(samples[(uint64_t)(n - 1) * permille[i] / 1000]);
	print_field(samples[n - 1]);
	print("\n");
}

/* @once: does it and says how many cycles it took; 0 when it cannot be done. */
static void measure(const char *what, uint64_t (*once)(void))
{
	/* The first ones find everything cold. */
	for (uint32_t i = 0; i < count / 10 + 1; i++) {
		if (!once()) {
			report(what, 0);
			return;
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t took = once();

		if (!took) {
			report(what, 0);
			return;
		}
		samples[i] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	}
	report(what, count);
}

static uint64_t once_pio(void)
{
	uint64_t begin = ticks();

	out8(PORT_NONE, 0);
	return ticks() - begin;
}

static uint64_t once_mmio(void)
{
	uint64_t begin = ticks();

	if (!common)
		return 0;
	(void)common->device_status;
	return ticks() - begin;
}

static uint64_t once_self(void)
{
	uint64_t begin = ticks();

	arrived = 0;
	write_msr(MSR_X2APIC_SELF, VECTOR_SELF);
	return wait_for_interrupt() ? arrived - begin : 0;
}

static uint64_t once_ipi(void)
{
	uint64_t begin = ticks();

	if (!ap_id)
		return 0;
	arrived = 0;
	write_msr(MSR_X2APIC_ICR, (uint64_t)(ap_id - 1) << 32 | VECTOR_THERE);
	return wait_for_interrupt() ? arrived - begin : 0;
}

/* How much later than asked for. */
static uint64_t once_hlt(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;
	uint64_t deadline;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (!(ecx & CPUID_DEADLINE))
		return 0;
	arrived = 0;
	__asm__ volatile("cli");
	write_msr(MSR_X2APIC_TIMER, APIC_DEADLINE | VECTOR_TIMER);
	deadline = ticks() + HLT_TICKS;
	write_msr(MSR_TSC_DEADLINE, deadline);
	/* An interrupt cannot come between the two: 2B, STI. */
	__asm__ volatile("sti; hlt" : : : "memory");
	return arrived > deadline ? arrived - deadline : 0;
}

static void ring_doorbell(void)
{
	arrived = 0;
	avail.ring[avail.idx % QUEUE_SIZE] = 0;
	__asm__ volatile("" : : : "memory");
	avail.idx++;
	*doorbell = 0;
}

static uint64_t once_doorbell(void)
{
	uint64_t begin = ticks();

	if (!doorbell)
		return 0;
	ring_doorbell();
	return wait_for_interrupt() && used.idx == avail.idx ? arrived - begin : 0;
}

/* As a guest with nothing else to do waits: an interrupt finds no running vCPU that must be stopped for it. */
static uint64_t once_idle(void)
{
	uint64_t begin = ticks();

	if (!doorbell)
		return 0;
	__asm__ volatile("cli");
	ring_doorbell();
	while (!arrived)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	__asm__ volatile("sti");
	return used.idx == avail.idx ? arrived - begin : 0;
}

/* Where a BAR is; one beyond what is mapped is moved. */
static uint64_t bar_address(unsigned bar)
{
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;

	if ((config_read(slot, at) & 6) == PCI_BASE_ADDRESS_MEM_TYPE_64 &&
	    config_read(slot, at + 4)) {
		config_write(slot, at, FREE);
		config_write(slot, at + 4, 0);
	}
	return config_read(slot, at) & ~15U;
}

/* The capability's dwords: header with cfg_type, BAR, offset, length, and what follows those. */
static void find_virtio(uint8_t at, uint32_t *multiplier, uint64_t *notify)
{
	uint64_t address =
		bar_address(config_read(slot, at + 4U) & 0xff) + config_read(slot, at + 8U);

	switch (config_read(slot, at) >> 24) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		common = (volatile struct virtio_pci_common_cfg *)address;
		break;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		*notify = address;
		*multiplier = config_read(slot, at + 16U);
		break;
	}
}

static void set_message(uint8_t at)
{
	uint32_t where = config_read(slot, at + 4U);
	volatile uint32_t *entry =
		(volatile uint32_t *)(bar_address(where & 7) + (where & ~7U)); /* the first */

	config_write(slot, at, config_read(slot, at) | (uint32_t)PCI_MSIX_FLAGS_ENABLE << 16);
	entry[0] = MESSAGE;
	entry[1] = 0;
	entry[2] = VECTOR_DEVICE;
	entry[3] = 0;
}

static bool find_device(void)
{
	for (slot = 0; slot < 32; slot++)
		if (config_read(slot, 0) == RNG || config_read(slot, 0) == RNG_LEGACY)
			return true;
	return false;
}

static void start_queue(uint64_t notify, uint32_t multiplier)
{
	common->device_status = 0;
	while (common->device_status)
		;
	common->device_status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	common->guest_feature_select = 1;
	common->guest_feature = 1U << (VIRTIO_F_VERSION_1 - 32);
	common->guest_feature_select = 0;
	common->guest_feature = 0;
	common->device_status |= VIRTIO_CONFIG_S_FEATURES_OK;
	common->queue_select = 0;
	common->queue_size = QUEUE_SIZE;
	common->queue_msix_vector = 0;
	common->queue_desc_lo = (uint32_t)(uint64_t)desc;
	common->queue_desc_hi = 0;
	common->queue_avail_lo = (uint32_t)(uint64_t)&avail;
	common->queue_avail_hi = 0;
	common->queue_used_lo = (uint32_t)(uint64_t)&used;
	common->queue_used_hi = 0;
	common->queue_enable = 1;
	common->device_status |= VIRTIO_CONFIG_S_DRIVER_OK;
	desc[0] = (struct vring_desc){ (uint64_t)&entropy, 1, VRING_DESC_F_WRITE, 0 };
	doorbell = (volatile uint16_t *)(notify + common->queue_notify_off * multiplier);
}

static void set_up_device(void)
{
	uint32_t multiplier = 0;
	uint64_t notify = 0;

	if (!find_device())
		return;
	config_write(slot, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (uint8_t at = config_read(slot, PCI_CAPABILITY_LIST) & 0xfc; at;
	     at = config_read(slot, at) >> 8 & 0xfc) {
		uint8_t id = config_read(slot, at) & 0xff;

		if (id == PCI_CAP_ID_VNDR)
			find_virtio(at, &multiplier, &notify);
		if (id == PCI_CAP_ID_MSIX)
			set_message(at);
	}
	if (common && notify)
		start_queue(notify, multiplier);
}

void payload_ap_main(void)
{
	enable_interrupts();
	ap_id = (uint32_t)read_msr(MSR_X2APIC_ID) + 1;
	for (;;)
		__asm__ volatile("pause");
}

static void set_up_interrupts(void)
{
	out8(PORT_PIC0, 0xff);
	out8(PORT_PIC1, 0xff);
	set_gate(VECTOR_DEVICE, on_arrived);
	set_gate(VECTOR_SELF, on_arrived);
	set_gate(VECTOR_THERE, on_there);
	set_gate(VECTOR_BACK, on_arrived);
	set_gate(VECTOR_TIMER, on_arrived);
	enable_interrupts();
}

void payload_main(const struct start_info *info)
{
	count = start_option(info, "count=", 1000);
	if (!count || count > MAX_SAMPLES)
		count = MAX_SAMPLES;
	set_up_interrupts();
	set_up_device();
	measure("pio", once_pio);
	measure("mmio", once_mmio);
	measure("self-ipi", once_self);
	measure("hlt", once_hlt);
	measure("doorbell", once_doorbell);
	measure("doorbell-idle", once_idle);
	/* The last one: the second CPU looks all the time from here on. */
	start_others();
	for (uint64_t end = ticks() + PATIENCE; !ap_id && ticks() < end;)
		__asm__ volatile("pause");
	measure("ipi", once_ipi);
	print("DONE\n");
	out16(PORT_Q35_SLEEP, Q35_SLEEP_S5);
	power_off();
}
