/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory from each kind of source: mapped, bound, populated, counted. Huge pages are reserved for the test and given back.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "numa/memory.h"

#define SIZE	(16 * MIB)
#define POOL	"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define NO_SIZE (64 * KIB) /* x86 has no such huge pages */

struct fixture {
	struct memory_source source;
	void *va;
	struct memory_census census;
};

static void map_all(struct fixture *f, const struct memory_backing *backing)
{
	struct error err = { 0 };

	if (memory_source_open(&f->source, "test", backing, SIZE, &err) ||
	    memory_reserve(SIZE, GIB, &f->va, &err) || memory_map(&f->source, 0, f->va, SIZE, &err))
		fail_msg("%s: %s", err.object, err.reason);
	assert_int_equal((uintptr_t)f->va % GIB, 0);
}

static void unmap_all(struct fixture *f)
{
	memory_unmap(f->va, SIZE);
	memory_source_close(&f->source);
	assert_int_equal(f->source.fd, -1);
}

static struct memory_part part_of(const struct fixture *f)
{
	return (struct memory_part){ f->va, SIZE, f->source.page_size, 0, NULL };
}

static void populate(const struct fixture *f, unsigned threads)
{
	const struct memory_populate_options options = { .threads = threads };
	struct memory_part part = part_of(f);
	struct error err = { 0 };

	if (memory_populate(&part, 1, &options, &err))
		fail_msg("%s: %s", err.object, err.reason);
}

static void count_own(void *opaque, const void *start, unsigned node, uint64_t size)
{
	struct fixture *f = opaque;

	if ((const char *)start >= (char *)f->va && (const char *)start < (char *)f->va + SIZE)
		memory_census_add(&f->census, node, size);
}

/* Bytes that are present; all on node 0, the only one that is sure to be there. */
static uint64_t count(struct fixture *f)
{
	int r;

	f->census.nr = 0;
	r = memory_each_mapping(count_own, f);
	if (r == -ENOENT)
		skip(); /* a kernel without NUMA */
	assert_int_equal(r, 0);
	assert_true(f->census.nr <= 1);
	return f->census.nr ? f->census.on[0].size : 0;
}

static void ordinary_memory_is_bound_populated_and_counted(void **state)
{
	const struct memory_backing backing = { .thp = true };
	struct fixture f = { 0 };
	uint64_t offset;
	int where;

	map_all(&f, &backing);
	assert_int_equal(memory_bind(f.va, SIZE, 0, true, NULL), 0);
	assert_int_equal(count(&f), 0);
	populate(&f, 2);
	assert_int_equal(count(&f), SIZE);
	assert_int_equal(memory_find_elsewhere(f.va, SIZE, 4 * KIB, 0, &offset, &where), 0);
	/* Seen from another node, the first page is elsewhere. */
	assert_int_equal(memory_find_elsewhere(f.va, SIZE, 4 * KIB, 1, &offset, &where), 1);
	assert_int_equal(offset, 0);
	assert_int_equal(where, 0);
	unmap_all(&f);
}

static void a_node_that_is_not_there_is_refused(void **state)
{
	const struct memory_backing backing = { 0 };
	struct error err = { 0 };
	struct fixture f = { 0 };

	map_all(&f, &backing);
	assert_true(memory_bind(f.va, SIZE, 1000, true, &err) < 0);
	assert_non_null(strstr(err.object, "1000"));
	unmap_all(&f);
}

static void shared_memory_is_a_memfd(void **state)
{
	const struct memory_backing backing = { .shared = true };
	struct fixture f = { 0 };
	char *other;

	map_all(&f, &backing);
	populate(&f, 0);
	assert_int_equal(count(&f), SIZE);
	other = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, f.source.fd, 0);
	assert_ptr_not_equal(other, MAP_FAILED);
	memcpy(f.va, "torc", 5);
	assert_string_equal(other, "torc");
	munmap(other, SIZE);
	unmap_all(&f);
}

static void a_file_grows_but_never_shrinks(void **state)
{
	char path[] = "/dev/shm/torc-test-XXXXXX";
	const struct memory_backing backing = { .file = path, .shared = true };
	struct fixture f = { 0 };
	int fd = mkstemp(path);
	struct stat st;

	map_all(&f, &backing);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	unmap_all(&f);
	assert_int_equal(ftruncate(fd, 2 * SIZE), 0);
	map_all(&f, &backing);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 2 * SIZE);
	unmap_all(&f);
	close(fd);
	unlink(path);
}

static void a_private_file_keeps_its_contents(void **state)
{
	char path[] = "/dev/shm/torc-test-XXXXXX", now[5] = "";
	const struct memory_backing backing = { .file = path };
	struct fixture f = { 0 };
	int fd = mkstemp(path);

	assert_int_equal(fd_write_all(fd, "torc", 4), 0);
	map_all(&f, &backing);
	assert_memory_equal(f.va, "torc", 4);
	memcpy(f.va, "else", 4);
	assert_int_equal(pread(fd, now, 4, 0), 4);
	assert_string_equal(now, "torc");
	unmap_all(&f);
	close(fd);
	unlink(path);
}

static void a_folder_gets_a_file_without_a_name(void **state)
{
	char path[] = "/dev/shm/torc-test-XXXXXX";
	const struct memory_backing backing = { .file = path, .shared = true };
	struct fixture f = { 0 };

	assert_non_null(mkdtemp(path));
	map_all(&f, &backing);
	/* Nothing in it, or this would fail. */
	assert_int_equal(rmdir(path), 0);
	populate(&f, 1);
	unmap_all(&f);
}

static void refuse(const struct memory_backing *backing, uint64_t size, int code,
		   const char *object, const char *reason)
{
	struct memory_source source = { .fd = 12345 };
	struct error err = { 0 };

	assert_int_equal(memory_source_open(&source, "test", backing, size, &err), code);
	assert_int_equal(source.fd, 12345);
	assert_non_null(strstr(err.object, "zone test"));
	if (!strstr(err.object, object) || !strstr(err.reason, reason) || !*err.remedy)
		fail_msg("%s: %s (%s)", err.object, err.reason, err.remedy);
}

static void sources_that_cannot_be_are_refused(void **state)
{
	const struct memory_backing folder = { .file = "/nonexistent/folder" },
				    fifo = { .file = "/dev/shm/torc-test-fifo" },
				    named = { .file = "/dev/shm/torc-test-new", .shared = true },
				    full = { .file = "/dev/shm", .shared = true },
				    pages = { .page_size = 2 * MIB },
				    no_size = { .page_size = NO_SIZE };

	refuse(&folder, SIZE, -ENOENT, "file /nonexistent", "No such file");
	refuse(&full, 1ULL << 50, -ENOSPC, "file /dev/shm", "free");
	refuse(&named, 1ULL << 50, -ENOSPC, "file /dev/shm/torc-test-new", "free");
	assert_int_equal(access("/dev/shm/torc-test-new", F_OK), -1);
	refuse(&pages, 3 * MIB, -EINVAL, "", "no multiple");
	refuse(&no_size, SIZE, -ENODEV, "memfd", "no huge pages");
	assert_int_equal(mkfifo("/dev/shm/torc-test-fifo", 0600), 0);
	refuse(&fifo, SIZE, -EINVAL, "file /dev/shm/torc-test-fifo", "neither a file");
	unlink("/dev/shm/torc-test-fifo");
}

/* Raises the pool; returns what it was, or skips where this machine has none to give. */
static int64_t reserve_pages(unsigned pages)
{
	int64_t before, after = 0;
	FILE *file;

	if (file_read_i64(POOL, &before))
		skip();
	file = fopen(POOL, "we");
	if (!file)
		skip();
	fprintf(file, "%lld", (long long)before + pages);
	fclose(file);
	file_read_i64(POOL, &after);
	if (after < before + pages)
		skip();
	return before;
}

static void give_back(int64_t pages)
{
	FILE *file = fopen(POOL, "we");

	fprintf(file, "%lld", (long long)pages);
	fclose(file);
}

static void huge_pages_come_from_the_pool(void **state)
{
	const struct memory_backing backing = { .page_size = 2 * MIB };
	int64_t before = reserve_pages(SIZE / (2 * MIB));
	struct fixture f = { 0 };

	map_all(&f, &backing);
	assert_int_equal(memory_bind(f.va, SIZE, 0, true, NULL), 0);
	populate(&f, 2);
	assert_int_equal(count(&f), SIZE);
	unmap_all(&f);
	give_back(before);
}

static void too_few_huge_pages_are_refused_when_mapped(void **state)
{
	const struct memory_backing backing = { .page_size = 2 * MIB };
	struct memory_source source;
	struct error err = { 0 };
	uint64_t much;
	int64_t pages;
	void *va;

	if (file_read_i64(POOL, &pages))
		skip();
	/* No more than it takes: a sanitizer leaves little address space in one piece. */
	much = ((uint64_t)pages + 1) * 2 * MIB;
	assert_int_equal(memory_source_open(&source, "test", &backing, much, NULL), 0);
	assert_int_equal(memory_reserve(much, GIB, &va, NULL), 0);
	assert_int_equal(memory_map(&source, 0, va, much, &err), -ENOMEM);
	assert_non_null(strstr(err.reason, "huge pages of 2 MiB"));
	assert_non_null(strstr(err.remedy, "nr_hugepages"));
	memory_unmap(va, much);
	memory_source_close(&source);
}

static void note(void *opaque, uint64_t done, uint64_t total)
{
	uint64_t *calls = opaque;

	assert_true(done <= total);
	++*calls;
}

static void populating_can_be_given_up_and_watched(void **state)
{
	const struct memory_backing backing = { 0 };
	const bool cancel = true;
	uint64_t calls = 0;
	const struct memory_populate_options given_up = {
		.threads = 2, .cancel = &cancel, .progress = note, .opaque = &calls
	};
	struct memory_part part;
	struct fixture f = { 0 };

	map_all(&f, &backing);
	part = part_of(&f);
	assert_int_equal(memory_populate(&part, 1, &given_up, NULL), -ECANCELED);
	assert_int_equal(count(&f), 0);
	unmap_all(&f);
}

static void parts_of_several_nodes_are_populated_together(void **state)
{
	const struct memory_backing backing = { 0 };
	const struct memory_populate_options options = { .threads = 1 };
	struct memory_part part[3];
	struct fixture f = { 0 };

	map_all(&f, &backing);
	/* Nothing is bound: the numbers only say who works together. */
	for (unsigned i = 0; i < 3; i++)
		part[i] = (struct memory_part){ (char *)f.va + i * 4 * MIB, 4 * MIB, 4 * KIB,
						i == 1 ? 7 : 3, NULL };
	assert_int_equal(memory_populate(part, 3, &options, NULL), 0);
	assert_int_equal(count(&f), 12 * MIB);
	unmap_all(&f);
}

static void memory_that_is_not_mapped_cannot_be_populated(void **state)
{
	struct memory_part part = { NULL, SIZE, 4 * KIB, 0, NULL };
	const struct memory_populate_options options = { 0 };
	struct error err = { 0 };

	assert_int_equal(memory_reserve(SIZE, GIB, &part.va, NULL), 0);
	assert_true(memory_populate(&part, 1, &options, &err) < 0);
	assert_non_null(strstr(err.object, "populate 16 MiB"));
	memory_unmap(part.va, SIZE);
}

static void a_census_adds_up_by_node(void **state)
{
	struct memory_census census = { 0 };

	memory_census_add(&census, 100, 1);
	memory_census_add(&census, 0, 2);
	memory_census_add(&census, 100, 4);
	assert_int_equal(census.nr, 2);
	assert_int_equal(census.on[0].node, 100);
	assert_int_equal(census.on[0].size, 5);
	assert_int_equal(census.on[1].size, 2);
	/* Taken anew, nothing of before counts. */
	census.nr = 0;
	memory_census_add(&census, 3, 8);
	assert_int_equal(census.on[0].size, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_memory_is_bound_populated_and_counted),
		cmocka_unit_test(a_census_adds_up_by_node),
		cmocka_unit_test(a_node_that_is_not_there_is_refused),
		cmocka_unit_test(shared_memory_is_a_memfd),
		cmocka_unit_test(a_file_grows_but_never_shrinks),
		cmocka_unit_test(a_private_file_keeps_its_contents),
		cmocka_unit_test(a_folder_gets_a_file_without_a_name),
		cmocka_unit_test(sources_that_cannot_be_are_refused),
		cmocka_unit_test(huge_pages_come_from_the_pool),
		cmocka_unit_test(too_few_huge_pages_are_refused_when_mapped),
		cmocka_unit_test(populating_can_be_given_up_and_watched),
		cmocka_unit_test(parts_of_several_nodes_are_populated_together),
		cmocka_unit_test(memory_that_is_not_mapped_cannot_be_populated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
