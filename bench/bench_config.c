/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's access to the configuration space of a passed-through device, which is a fake one: of a register that torc
 * has itself, and of one that only the device knows, without the system call that fetches it.
 */
#include <stdlib.h>

#include "bench/bench.h"
#include "tests/unit/vfio_fixture.h"

static void read_register(struct bench_state *state, unsigned offset)
{
	void *fixture;

	if (fixture_init(&fixture, HAS_MSIX))
		abort();
	while (bench_next(state))
		guest_read(fixture, offset, 2);
	if (fixture_destroy(&fixture))
		abort();
}

static void read_emulated(struct bench_state *state, int64_t arg)
{
	read_register(state, PCI_VENDOR_ID);
}

static void read_live(struct bench_state *state, int64_t arg)
{
	read_register(state, PCI_STATUS);
}

static void write_emulated(struct bench_state *state, int64_t arg)
{
	void *fixture;

	if (fixture_init(&fixture, HAS_MSIX))
		abort();
	while (bench_next(state))
		guest_write(fixture, PCI_CACHE_LINE_SIZE, 1, 16);
	if (fixture_destroy(&fixture))
		abort();
}

const bool bench_has_own_clock = false;

const struct bench bench_table[] = {
	{ "config/read-emulated", read_emulated, { 1 } },
	{ "config/read-live", read_live, { 1 } },
	{ "config/write-emulated", write_emulated, { 1 } },
	{ 0 },
};
