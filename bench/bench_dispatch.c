/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exit to userspace costs beside the exit: finding the device on the I/O bus among as many regions as the argument
 * says. And what the interrupts' routes cost: a KVM_SET_GSI_ROUTING after as many of them changed, on this machine's KVM.
 */
#include <stdlib.h>
#include <unistd.h>

#include "bench/bench.h"
#include "core/base/bits.h"
#include "core/kvm/vm.h"

#define REGION_SIZE 0x1000ULL

/* What the device gives; the compiler is not to see that it never changes. */
static volatile uint64_t reg;

static uint64_t reg_read(void *opaque, uint64_t offset, unsigned size)
{
	return reg;
}

static void reg_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	reg = value;
}

static const struct iobus_ops reg_ops = { .read = reg_read, .write = reg_write };

static void bus_open(struct iobus *bus, struct iobus_reader *reader, int64_t regions)
{
	if (iobus_init(bus, "mmio"))
		abort();
	iobus_register_reader(bus, reader);
	for (int64_t i = 0; i < regions; i++) {
		struct iobus_region region = { .base = (uint64_t)i * REGION_SIZE,
					       .size = REGION_SIZE,
					       .ops = &reg_ops,
					       .name = "register" };

		if (iobus_add(bus, &region))
			abort();
	}
}

/* Another region each time, so that the search is not a guess that is always right. */
static uint64_t next_address(uint64_t *random, int64_t regions)
{
	*random = *random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*random >> 33) % (uint64_t)regions * REGION_SIZE;
}

static void access_bus(struct bench_state *state, int64_t regions, bool write)
{
	struct iobus_reader reader = { 0 };
	struct iobus bus;
	uint64_t random = 1;

	bus_open(&bus, &reader, regions);
	while (bench_next(state)) {
		if (write)
			iobus_write(&bus, &reader, next_address(&random, regions), 4, random);
		else
			iobus_read(&bus, &reader, next_address(&random, regions), 4);
	}
	iobus_destroy(&bus);
}

static void bus_read(struct bench_state *state, int64_t regions)
{
	access_bus(state, regions, false);
}

static void bus_write(struct bench_state *state, int64_t regions)
{
	access_bus(state, regions, true);
}

static void change_routes(struct irq_table *irq, const int *gsi, int64_t nr, uint32_t data)
{
	for (int64_t i = 0; i < nr; i++)
		irq_set_msi(irq, gsi[i], 0xfee00000, data);
}

static void gsi_commit(struct bench_state *state, int64_t routes)
{
	static struct vm vm;
	int gsi[512];
	uint32_t data = 0x30;

	if (access("/dev/kvm", R_OK | W_OK)) {
		bench_skip(state, "/dev/kvm cannot be opened");
		return;
	}
	if (vm_init(&vm, NULL))
		abort();
	for (int64_t i = 0; i < routes; i++)
		gsi[i] = irq_alloc(&vm.irq);
	while (bench_next(state)) {
		data ^= 1;
		change_routes(&vm.irq, gsi, routes, data);
		if (irq_commit(&vm.irq))
			abort();
	}
	vm_destroy(&vm);
}

const bool bench_has_own_clock = false;

const struct bench bench_table[] = {
	{ "iobus/read", bus_read, { 1, 16, 64 } },
	{ "iobus/write", bus_write, { 1, 16, 64 } },
	{ "gsi/commit", gsi_commit, { 1, 64, 512 } },
	{ 0 },
};
