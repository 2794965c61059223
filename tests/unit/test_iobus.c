/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/kvm/iobus.h"

struct probe {
	uint64_t answer;
	unsigned reads, writes;
	uint64_t offset, value;
	unsigned size;
};

static uint64_t probe_read(void *opaque, uint64_t offset, unsigned size)
{
	struct probe *probe = opaque;

	probe->reads++;
	probe->offset = offset;
	probe->size = size;
	return probe->answer;
}

static void probe_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct probe *probe = opaque;

	probe->writes++;
	probe->offset = offset;
	probe->size = size;
	probe->value = value;
}

static const struct iobus_ops probe_ops = { .read = probe_read, .write = probe_write };

struct fixture {
	struct iobus bus;
	struct iobus_reader reader;
	struct probe probe;
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .probe = { .answer = 0x1122334455667788ULL } };
	*state = &f;
	if (iobus_init(&f.bus, "mmio"))
		return -1;
	iobus_register_reader(&f.bus, &f.reader);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	iobus_destroy(&f->bus);
	return 0;
}

static int add(struct fixture *f, uint64_t base, uint64_t size)
{
	struct iobus_region region = { base, size, &probe_ops, &f->probe, "probe" };

	return iobus_add(&f->bus, &region);
}

static void read_finds_region_and_passes_offset(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, 0x1000, 0x100), 0);
	assert_int_equal(add(f, 0x3000, 0x100), 0);
	assert_int_equal(add(f, 0x2000, 0x100), 0);
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0x2010, 8), 0x1122334455667788ULL);
	assert_int_equal(f->probe.offset, 0x10);
	assert_int_equal(f->probe.size, 8);
	iobus_write(&f->bus, &f->reader, 0x30f8, 4, 0xdeadbeef);
	assert_int_equal(f->probe.offset, 0xf8);
	assert_int_equal(f->probe.value, 0xdeadbeef);
	assert_int_equal(f->probe.writes, 1);
}

static void value_is_cut_to_the_access(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, 0, 8), 0);
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0, 1), 0x88);
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0, 2), 0x7788);
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0, 4), 0x55667788);
}

static void nothing_there_reads_all_ones(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(iobus_read(&f->bus, &f->reader, 0x10, 8), UINT64_MAX);
	assert_int_equal(add(f, 0x1000, 0x100), 0);
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0xfff, 1), 0xff);
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0x1100, 2), 0xffff);
	iobus_write(&f->bus, &f->reader, 0x1100, 4, 0);
	assert_int_equal(f->probe.reads + f->probe.writes, 0);
}

static void access_across_the_edge_is_nobodys(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, 0x1000, 0x100), 0);
	assert_int_equal(add(f, 0x1100, 0x100), 0);
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0x10fe, 4), 0xffffffff);
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0xffe, 4), 0xffffffff);
	iobus_write(&f->bus, &f->reader, 0x11ff, 2, 0);
	assert_int_equal(f->probe.reads + f->probe.writes, 0);
	iobus_read(&f->bus, &f->reader, 0x10fc, 4);
	assert_int_equal(f->probe.reads, 1);
}

static void overlap_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, 0x1000, 0x100), 0);
	assert_int_equal(add(f, 0x1000, 0x100), -EEXIST);
	assert_int_equal(add(f, 0x10ff, 1), -EEXIST);
	assert_int_equal(add(f, 0xfff, 2), -EEXIST);
	assert_int_equal(add(f, 0, 0x10000), -EEXIST);
	assert_int_equal(add(f, 0x1080, 0x10), -EEXIST);
	assert_int_equal(add(f, 0x1100, 1), 0);
	assert_int_equal(add(f, 0xfff, 1), 0);
}

static void empty_or_wrapping_region_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, 0x1000, 0), -EINVAL);
	assert_int_equal(add(f, UINT64_MAX, 2), -EINVAL);
	assert_int_equal(add(f, 0x1000, UINT64_MAX), -EINVAL);
}

static void the_whole_address_space_can_be_used(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, 0, UINT64_MAX), 0);
	assert_int_equal(add(f, UINT64_MAX, 1), 0);
	assert_int_equal(add(f, UINT64_MAX, 1), -EEXIST);
	iobus_read(&f->bus, &f->reader, 0, 8);
	iobus_read(&f->bus, &f->reader, UINT64_MAX, 1);
	assert_int_equal(f->probe.reads, 2);
	assert_int_equal(f->probe.offset, 0);
	iobus_read(&f->bus, &f->reader, UINT64_MAX, 2);
	iobus_read(&f->bus, &f->reader, UINT64_MAX - 1, 2);
	assert_int_equal(f->probe.reads, 2);
}

static void removed_region_no_longer_answers(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(add(f, 0x1000, 0x100), 0);
	assert_int_equal(add(f, 0x2000, 0x100), 0);
	assert_false(iobus_remove(&f->bus, 0x1001));
	assert_false(iobus_remove(&f->bus, 0));
	assert_true(iobus_remove(&f->bus, 0x1000));
	assert_false(iobus_remove(&f->bus, 0x1000));
	assert_int_equal(iobus_read(&f->bus, &f->reader, 0x1000, 4), 0xffffffff);
	iobus_read(&f->bus, &f->reader, 0x2000, 4);
	assert_int_equal(f->probe.reads, 1);
	assert_int_equal(add(f, 0x1000, 0x1000), 0);
}

static void *no_memory(size_t nr, size_t size)
{
	return NULL;
}

/* Its device is freed next; a region that stayed would have the guest read what is no more. */
static void region_is_removed_without_memory(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(add(f, 0x1000 * i, 0x100), 0);
	iobus_calloc = no_memory;
	assert_int_equal(add(f, 0x10000, 0x100), -ENOMEM);
	for (unsigned i = 1; i < 8; i++) {
		assert_true(iobus_remove(&f->bus, 0x1000 * i));
		assert_false(iobus_remove(&f->bus, 0x1000 * i));
		assert_int_equal(iobus_read(&f->bus, &f->reader, 0x1000 * i, 4), 0xffffffff);
		iobus_write(&f->bus, &f->reader, 0x1000 * i, 4, 0);
	}
	assert_int_equal(f->probe.reads + f->probe.writes, 0);
	iobus_read(&f->bus, &f->reader, 0, 4);
	assert_int_equal(f->probe.reads, 1);
	iobus_calloc = calloc;
	/* What was removed is in nobody's way. */
	assert_int_equal(add(f, 0x1080, 0x3000), 0);
	iobus_read(&f->bus, &f->reader, 0x2000, 4);
	assert_int_equal(f->probe.reads, 2);
}

/* A device that moves itself while it is being written, as a BAR does. */
struct mover {
	struct iobus *bus;
	struct iobus_reader *reader;
	uint64_t base;
	unsigned writes;
};

static void mover_write(void *opaque, uint64_t offset, unsigned size, uint64_t value);

static const struct iobus_ops mover_ops = { .read = probe_read, .write = mover_write };

static void mover_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct mover *mover = opaque;
	struct iobus_region region = { value, 0x100, &mover_ops, mover, "mover" };

	mover->writes++;
	if (mover->writes % 2) {
		/* Within a dispatch, one more on the same bus, at its own new place. */
		assert_true(iobus_remove(mover->bus, mover->base));
		assert_int_equal(iobus_add(mover->bus, &region), 0);
		mover->base = value;
		iobus_write(mover->bus, mover->reader, value, 4, value);
	}
	/* Whatever became of the table this call came from, it may still be read. */
	assert_int_not_equal(mover->reader->generation, 0);
}

static void device_may_move_itself_in_a_dispatch(void **state)
{
	struct fixture *f = *state;
	struct mover mover = { &f->bus, &f->reader, 0x1000, 0 };
	struct iobus_region region = { 0x1000, 0x100, &mover_ops, &mover, "mover" };

	assert_int_equal(iobus_add(&f->bus, &region), 0);
	for (uint64_t i = 0; i < 1000; i++)
		iobus_write(&f->bus, &f->reader, mover.base, 4, 0x1000 + i % 3 * 0x100);
	assert_int_equal(mover.writes, 2000);
	assert_int_equal(f->reader.generation, 0);
}

static void retired_tables_are_freed_when_nobody_reads(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(add(f, 0x1000, 0x100), 0);
		assert_true(iobus_remove(&f->bus, 0x1000));
		assert_null(f->bus.retired);
	}
}

static void retired_table_stays_while_a_reader_may_hold_it(void **state)
{
	struct fixture *f = *state;

	f->reader.generation = f->bus.generation; /* as in a dispatch */
	assert_int_equal(add(f, 0x1000, 0x100), 0);
	assert_int_equal(add(f, 0x2000, 0x100), 0);
	assert_non_null(f->bus.retired);
	f->reader.generation = f->bus.generation; /* a later dispatch: older tables may go */
	assert_int_equal(add(f, 0x3000, 0x100), 0);
	assert_non_null(f->bus.retired);
	f->reader.generation = 0;
	assert_int_equal(add(f, 0x4000, 0x100), 0);
	assert_null(f->bus.retired);
}

static void destroying_a_zeroed_bus_does_nothing(void **state)
{
	struct iobus bus = { 0 };

	iobus_destroy(&bus);
}

static void a_reader_that_has_gone_is_not_looked_at(void **state)
{
	struct fixture *f = *state;
	struct iobus_reader *gone = calloc(2, sizeof(*gone));

	assert_non_null(gone);
	iobus_register_reader(&f->bus, &gone[0]);
	iobus_register_reader(&f->bus, &gone[1]);
	/* Neither the first nor the last of the list. */
	iobus_unregister_reader(&f->bus, &gone[0]);
	iobus_unregister_reader(&f->bus, &gone[1]);
	iobus_unregister_reader(&f->bus, &gone[1]);
	/* As one that is within a dispatch, so that nothing would be freed on its account. */
	gone[0].generation = gone[1].generation = 1;
	assert_int_equal(add(f, 0x1000, 0x1000), 0);
	assert_null(f->bus.retired);
	assert_ptr_equal(f->bus.readers, &f->reader);
	free(gone);
}

#define STRESS_REGIONS 16
#define STRESS_MOVES   20000

struct stress {
	struct iobus bus;
	struct iobus_reader reader[2];
	uint64_t tag[STRESS_REGIONS];
	bool stop;
	unsigned wrong;
};

struct stress_thread {
	struct stress *stress;
	struct iobus_reader *reader;
};

static uint64_t tag_read(void *opaque, uint64_t offset, unsigned size)
{
	return *(const uint64_t *)opaque;
}

static const struct iobus_ops tag_ops = { .read = tag_read, .write = probe_write };

static int add_to(struct iobus *bus, uint64_t base, uint64_t *tag)
{
	struct iobus_region region = { base, 0x1000, &tag_ops, tag, "tag" };

	return iobus_add(bus, &region);
}

static void *synchronize(void *bus)
{
	iobus_synchronize(bus);
	return NULL;
}

static void *stress_read(void *opaque)
{
	struct stress_thread *thread = opaque;
	struct stress *s = thread->stress;

	for (uint64_t i = 0; !__atomic_load_n(&s->stop, __ATOMIC_RELAXED); i++) {
		uint64_t index = i % STRESS_REGIONS;
		uint64_t value = iobus_read(&s->bus, thread->reader, index << 12, 8);

		/* Region 0 is always there; the others come and go, but are never another one. */
		if (value != index && (index == 0 || value != UINT64_MAX))
			__atomic_fetch_add(&s->wrong, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void readers_dispatch_while_a_writer_moves_regions(void **state)
{
	static struct stress s;
	pthread_t thread[2];
	struct stress_thread arg[2];

	assert_int_equal(iobus_init(&s.bus, "stress"), 0);
	for (uint64_t i = 0; i < STRESS_REGIONS; i++) {
		s.tag[i] = i;
		assert_int_equal(add_to(&s.bus, i << 12, &s.tag[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		arg[i] = (struct stress_thread){ &s, &s.reader[i] };
		iobus_register_reader(&s.bus, &s.reader[i]);
		assert_int_equal(pthread_create(&thread[i], NULL, stress_read, &arg[i]), 0);
	}
	for (uint64_t n = 0; n < STRESS_MOVES; n++) {
		uint64_t i = 1 + n % (STRESS_REGIONS - 1);

		assert_true(iobus_remove(&s.bus, i << 12));
		assert_int_equal(add_to(&s.bus, i << 12, &s.tag[i]), 0);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(s.wrong, 0);
	iobus_destroy(&s.bus);
}

#define NR_DEVICES 2000

/* A device is freed while two threads dispatch to where it was; some of them are removed when there is no memory. */
static void what_was_removed_may_be_freed_when_no_access_is_within(void **state)
{
	static struct stress s;
	pthread_t thread[2];
	struct stress_thread arg[2];

	assert_int_equal(iobus_init(&s.bus, "stress"), 0);
	for (unsigned i = 0; i < 2; i++) {
		arg[i] = (struct stress_thread){ &s, &s.reader[i] };
		iobus_register_reader(&s.bus, &s.reader[i]);
	}
	assert_int_equal(add_to(&s.bus, 0, &s.tag[0]), 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, stress_read, &arg[i]), 0);
	for (unsigned n = 0; n < NR_DEVICES; n++) {
		uint64_t *tag = malloc(sizeof(*tag));

		assert_non_null(tag);
		*tag = 1;
		assert_int_equal(add_to(&s.bus, 0x1000, tag), 0);
		iobus_calloc = n % 7 ? calloc : no_memory;
		assert_true(iobus_remove(&s.bus, 0x1000));
		iobus_calloc = calloc;
		iobus_synchronize(&s.bus);
		*tag = 2;
		free(tag);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(s.wrong, 0);
	iobus_destroy(&s.bus);
}

static void an_access_that_began_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct timespec until;
	pthread_t thread;

	assert_int_equal(add(f, 0x1000, 0x1000), 0);
	f->reader.generation = f->bus.generation;
	assert_true(iobus_remove(&f->bus, 0x1000));
	assert_int_equal(pthread_create(&thread, NULL, synchronize, &f->bus), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 50000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	assert_int_equal(pthread_timedjoin_np(thread, NULL, &until), ETIMEDOUT);
	__atomic_store_n(&f->reader.generation, 0, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* One that begins meanwhile is not. */
	f->reader.generation = f->bus.generation + 1;
	iobus_synchronize(&f->bus);
	f->reader.generation = 0;
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		CASE(read_finds_region_and_passes_offset),
		CASE(value_is_cut_to_the_access),
		CASE(nothing_there_reads_all_ones),
		CASE(access_across_the_edge_is_nobodys),
		CASE(overlap_is_refused),
		CASE(empty_or_wrapping_region_is_refused),
		CASE(the_whole_address_space_can_be_used),
		CASE(removed_region_no_longer_answers),
		CASE(region_is_removed_without_memory),
		CASE(device_may_move_itself_in_a_dispatch),
		CASE(retired_tables_are_freed_when_nobody_reads),
		CASE(retired_table_stays_while_a_reader_may_hold_it),
		CASE(a_reader_that_has_gone_is_not_looked_at),
		CASE(an_access_that_began_is_waited_for),
		cmocka_unit_test(destroying_a_zeroed_bus_does_nothing),
		cmocka_unit_test(readers_dispatch_while_a_writer_moves_regions),
		cmocka_unit_test(what_was_removed_may_be_freed_when_no_access_is_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
