/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/iobus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/bits.h"

/*
 * Reclamation. A reader (1) loads the generation, (2) publishes it, (3) loads the table; a writer
 * (4) replaces the table, (5) advances the generation, (6) looks at what readers published. 2, 3, 4
 * and 6 are sequentially consistent, 1 and 5 an acquire and a release:
 * - A reader that got the old table in 3 did 3 before 4, hence 2 before 6: the writer sees it.
 * - What it published is older than the generation of 5: had 1 read that, 3 would have seen 4.
 * So a table may go when no reader publishes a generation older than the one that replaced it.
 */
struct iobus_table {
	uint64_t retired_at; /* the generation that no longer had it */
	struct iobus_table *next;
	size_t nr_regions;
	struct iobus_region region[]; /* sorted by base, disjoint */
};

/* Between two looks at who is within an access. */
#define WAIT_NS 20000

void *(*iobus_calloc)(size_t nr, size_t size) = calloc;

static uint64_t read_nothing(void *opaque, uint64_t offset, unsigned size)
{
	return UINT64_MAX;
}

static void write_nothing(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
}

/* Of a region that was removed: it is in the table until there is memory for one without it. */
static const struct iobus_ops gone = { read_nothing, write_nothing };

/*
 * Readers look at it while a writer removes the region; the opaque pointer stays, and gone's do not use it. In the order of
 * reader_enter() and is_within(): who is not seen there finds the region gone.
 */
static const struct iobus_ops *ops_of(const struct iobus_region *region)
{
	return __atomic_load_n(&region->ops, __ATOMIC_SEQ_CST);
}

static struct iobus_table *table_new(size_t nr_regions)
{
	struct iobus_table *table;

	table = iobus_calloc(1, sizeof(*table) + nr_regions * sizeof(table->region[0]));
	if (table)
		table->nr_regions = nr_regions;
	return table;
}

/* The number of regions that start at or below @addr. */
static size_t table_upper_bound(const struct iobus_table *table, uint64_t addr)
{
	size_t low = 0, high = table->nr_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (table->region[mid].base <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct iobus_region *table_find(const struct iobus_table *table, uint64_t addr,
					     unsigned size)
{
	size_t n = table_upper_bound(table, addr);
	const struct iobus_region *region;

	if (!n)
		return NULL;
	region = &table->region[n - 1];
	return range_fits(addr - region->base, size, region->size) ? region : NULL;
}

/* Frees retired tables that no reader can hold. The caller holds the lock. */
static void reclaim(struct iobus *bus)
{
	uint64_t oldest = UINT64_MAX;
	struct iobus_table **link = &bus->retired;

	for (struct iobus_reader *reader = bus->readers; reader; reader = reader->next) {
		/* Pairs with reader_enter()'s store (step 6 after 4), and as an acquire with
		 * the release in reader_leave(): the reader's last access precedes the free. */
		uint64_t generation = __atomic_load_n(&reader->generation, __ATOMIC_SEQ_CST);

		if (generation && generation < oldest)
			oldest = generation;
	}
	while (*link) {
		struct iobus_table *table = *link;

		if (table->retired_at <= oldest) {
			*link = table->next;
			free(table);
		} else {
			link = &table->next;
		}
	}
}

/* Makes @table the current one. The caller holds the lock. */
static void publish(struct iobus *bus, struct iobus_table *table)
{
	struct iobus_table *old = bus->table;

	/* Pairs with reader_enter()'s load of the table, which also sees what @table points to. */
	__atomic_store_n(&bus->table, table, __ATOMIC_SEQ_CST);
	/* Pairs with reader_enter()'s load: who sees this generation sees this table. */
	store_release(&bus->generation, bus->generation + 1);
	old->retired_at = bus->generation;
	old->next = bus->retired;
	bus->retired = old;
	/* Called within a dispatch, this keeps the table that the dispatch came from: the calling
	 * thread's own reader still publishes an older generation. A later writer frees it. */
	reclaim(bus);
}

int iobus_init(struct iobus *bus, const char *name)
{
	struct iobus_table *table = table_new(0);

	if (!table)
		return -ENOMEM;
	*bus = (struct iobus){ .name = name, .table = table, .generation = 1 };
	pthread_mutex_init(&bus->lock, NULL); /* cannot fail without attributes */
	return 0;
}

void iobus_destroy(struct iobus *bus)
{
	if (!bus->table)
		return;
	while (bus->retired) {
		struct iobus_table *table = bus->retired;

		bus->retired = table->next;
		free(table);
	}
	free(bus->table);
	pthread_mutex_destroy(&bus->lock);
	*bus = (struct iobus){ .name = NULL };
}

void iobus_register_reader(struct iobus *bus, struct iobus_reader *reader)
{
	pthread_mutex_lock(&bus->lock);
	reader->next = bus->readers;
	bus->readers = reader;
	pthread_mutex_unlock(&bus->lock);
}

void iobus_unregister_reader(struct iobus *bus, struct iobus_reader *reader)
{
	pthread_mutex_lock(&bus->lock);
	for (struct iobus_reader **link = &bus->readers; *link; link = &(*link)->next) {
		if (*link == reader) {
			*link = reader->next;
			break;
		}
	}
	pthread_mutex_unlock(&bus->lock);
}

/* A table without what was removed becomes the current one. The caller holds the lock. */
static int compact(struct iobus *bus)
{
	const struct iobus_table *old = bus->table;
	struct iobus_table *table;
	size_t nr = 0;

	for (size_t i = 0; i < old->nr_regions; i++)
		nr += old->region[i].ops != &gone;
	if (nr == old->nr_regions)
		return 0;
	table = table_new(nr);
	if (!table)
		return -ENOMEM;
	nr = 0;
	for (size_t i = 0; i < old->nr_regions; i++) {
		if (old->region[i].ops != &gone)
			table->region[nr++] = old->region[i];
	}
	publish(bus, table);
	return 0;
}

static int add_locked(struct iobus *bus, const struct iobus_region *region)
{
	const struct iobus_table *old;
	size_t at;
	const struct iobus_region *above;
	struct iobus_table *table;

	if (compact(bus))
		return -ENOMEM;
	old = bus->table;
	at = table_upper_bound(old, region->base);
	above = &old->region[at];
	if (at && region->base - above[-1].base < above[-1].size)
		return -EEXIST;
	if (at < old->nr_regions && above->base - region->base < region->size)
		return -EEXIST;
	table = table_new(old->nr_regions + 1);
	if (!table)
		return -ENOMEM;
	memcpy(table->region, old->region, at * sizeof(*region));
	table->region[at] = *region;
	memcpy(&table->region[at + 1], above, (old->nr_regions - at) * sizeof(*region));
	publish(bus, table);
	return 0;
}

int iobus_add(struct iobus *bus, const struct iobus_region *region)
{
	int r;

	if (!region->size || region->size - 1 > UINT64_MAX - region->base)
		return -EINVAL;
	pthread_mutex_lock(&bus->lock);
	r = add_locked(bus, region);
	pthread_mutex_unlock(&bus->lock);
	return r;
}

bool iobus_remove(struct iobus *bus, uint64_t base)
{
	size_t above;
	bool is_there;

	pthread_mutex_lock(&bus->lock);
	above = table_upper_bound(bus->table, base);
	is_there = above && bus->table->region[above - 1].base == base &&
		   bus->table->region[above - 1].ops != &gone;
	if (is_there) {
		/* What is left when there is no memory now is taken out by the next writer. */
		__atomic_store_n(&bus->table->region[above - 1].ops, &gone, __ATOMIC_SEQ_CST);
		compact(bus);
	}
	pthread_mutex_unlock(&bus->lock);
	return is_there;
}

/* Whether a reader that entered before @generation has not left; the caller holds the lock. */
static bool is_within(const struct iobus *bus, uint64_t generation)
{
	for (const struct iobus_reader *reader = bus->readers; reader; reader = reader->next) {
		/* As reclaim()'s. */
		uint64_t of_reader = __atomic_load_n(&reader->generation, __ATOMIC_SEQ_CST);

		if (of_reader && of_reader < generation)
			return true;
	}
	return false;
}

void iobus_synchronize(struct iobus *bus)
{
	const struct timespec pause = { .tv_nsec = WAIT_NS };
	uint64_t generation;
	bool waits;

	pthread_mutex_lock(&bus->lock);
	/* One that reads the table of now may have it from before a removal without memory, which replaced none. */
	generation = bus->generation + 1;
	store_release(&bus->generation, generation); /* pairs with reader_enter()'s load */
	waits = is_within(bus, generation);
	pthread_mutex_unlock(&bus->lock);
	while (waits) {
		nanosleep(&pause, NULL);
		pthread_mutex_lock(&bus->lock);
		waits = is_within(bus, generation);
		pthread_mutex_unlock(&bus->lock);
	}
}

/*
 * From here to reader_leave() no table that is current now is freed. A device may dispatch on the
 * same bus: the outermost dispatch's generation is the older one and stays published.
 */
static const struct iobus_table *reader_enter(struct iobus *bus, struct iobus_reader *reader,
					      bool *outermost)
{
	*outermost = !reader->generation;
	if (*outermost) {
		/* Pairs with publish()'s release of the generation. */
		uint64_t generation = load_acquire(&bus->generation);

		/* Pairs with reclaim()'s load; must not pass the load of the table below. */
		__atomic_store_n(&reader->generation, generation, __ATOMIC_SEQ_CST);
	}
	/* Pairs with publish()'s store of the table. */
	return __atomic_load_n(&bus->table, __ATOMIC_SEQ_CST);
}

static void reader_leave(struct iobus_reader *reader, bool outermost)
{
	if (outermost)
		store_release(&reader->generation, 0); /* pairs with reclaim()'s load */
}

uint64_t iobus_read(struct iobus *bus, struct iobus_reader *reader, uint64_t addr, unsigned size)
{
	bool outermost;
	const struct iobus_table *table = reader_enter(bus, reader, &outermost);
	const struct iobus_region *region = table_find(table, addr, size);
	uint64_t value = UINT64_MAX;

	if (region)
		value = ops_of(region)->read(region->opaque, addr - region->base, size);
	reader_leave(reader, outermost);
	return value & (UINT64_MAX >> (64 - 8 * size));
}

void iobus_write(struct iobus *bus, struct iobus_reader *reader, uint64_t addr, unsigned size,
		 uint64_t value)
{
	bool outermost;
	const struct iobus_table *table = reader_enter(bus, reader, &outermost);
	const struct iobus_region *region = table_find(table, addr, size);

	if (region)
		ops_of(region)->write(region->opaque, addr - region->base, size, value);
	reader_leave(reader, outermost);
}
