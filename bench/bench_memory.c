/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long it takes to have guest memory: memory_populate() with 1 and more threads, beside what needs no kernel interface
 * at all, a parallel memset of the same memory. "fresh" memory is not there yet, so that each page is faulted in and
 * then written once more; "present" memory is, so that it is the memory's own speed. Pages: "4k" without transparent
 * huge pages, "thp" with them, "2m" from the host's pool, reserved while it is measured.
 *
 * TORC_BENCH_MIB says how much (1,024).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "core/base/bits.h"
#include "core/base/error.h"
#include "core/base/fd.h"
#include "numa/memory.h"

#define MAX_THREADS 16
#define POOL	    "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

enum pages {
	PAGES_4K,
	PAGES_THP,
	PAGES_2M,
};

struct subject {
	uint64_t size;
	struct memory_source source;
	void *va;
};

static uint64_t subject_size(void)
{
	const char *mib = getenv("TORC_BENCH_MIB");

	return (mib ? strtoull(mib, NULL, 10) : 1024) * MIB;
}

static void map(struct subject *s, enum pages pages)
{
	const struct memory_backing backing = {
		.page_size = pages == PAGES_2M ? 2 * MIB : 0,
		.thp = pages == PAGES_THP,
	};
	struct error err = { 0 };

	s->size = subject_size();
	if (memory_source_open(&s->source, "bench", &backing, s->size, &err) ||
	    memory_reserve(s->size, GIB, &s->va, &err) ||
	    memory_map(&s->source, 0, s->va, s->size, &err)) {
		error_print(&err, stderr);
		exit(1);
	}
}

static void unmap(struct subject *s)
{
	memory_unmap(s->va, s->size);
	memory_source_close(&s->source);
}

static void populate(struct subject *s, unsigned threads)
{
	const struct memory_populate_options options = { .threads = threads };
	struct memory_part part = { s->va, s->size, s->source.page_size, -1, NULL };
	struct error err = { 0 };

	if (!memory_populate(&part, 1, &options, &err))
		return;
	error_print(&err, stderr);
	exit(1);
}

struct slice {
	char *va;
	uint64_t size;
	pthread_t thread;
};

static void *set_slice(void *arg)
{
	struct slice *slice = arg;

	memset(slice->va, 0, slice->size);
	return NULL;
}

static void set_all(struct subject *s, unsigned threads)
{
	struct slice slice[MAX_THREADS];
	uint64_t each = s->size / threads;

	for (unsigned i = 0; i < threads; i++) {
		slice[i].va = (char *)s->va + i * each;
		slice[i].size = each;
		if (pthread_create(&slice[i].thread, NULL, set_slice, &slice[i]))
			exit(1);
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(slice[i].thread, NULL);
}

/* What the host had before; also given back when a benchmark fails. */
static int64_t pool_before = -1;

static void write_pool(int64_t pages)
{
	FILE *file = fopen(POOL, "we");

	if (!file)
		return;
	fprintf(file, "%lld", (long long)pages);
	fclose(file);
}

static void give_back(void)
{
	if (pool_before >= 0)
		write_pool(pool_before);
	pool_before = -1;
}

static bool reserve(void)
{
	int64_t before, want, have = 0;

	if (file_read_i64(POOL, &before))
		return false;
	want = before + (int64_t)(subject_size() / (2 * MIB));
	atexit(give_back);
	pool_before = before;
	write_pool(want);
	if (!file_read_i64(POOL, &have) && have >= want)
		return true;
	give_back();
	return false;
}

static void measure(struct bench_state *state, enum pages pages, unsigned threads, bool present,
		    void (*work)(struct subject *s, unsigned threads))
{
	struct subject s;
	int64_t bytes = 0;

	if (pages == PAGES_2M && !reserve()) {
		bench_skip(state, "the host has not so many huge pages");
		return;
	}
	while (bench_next(state)) {
		bench_pause(state);
		map(&s, pages);
		if (present)
			populate(&s, threads);
		bench_resume(state);
		work(&s, threads);
		bench_pause(state);
		bytes += (int64_t)s.size;
		unmap(&s);
		bench_resume(state);
	}
	bench_bytes(state, bytes);
	give_back();
}

static void populate_4k(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_4K, (unsigned)threads, false, populate);
}

static void populate_thp(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_THP, (unsigned)threads, false, populate);
}

static void populate_2m(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_2M, (unsigned)threads, false, populate);
}

static void memset_fresh_4k(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_4K, (unsigned)threads, false, set_all);
}

static void memset_fresh_thp(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_THP, (unsigned)threads, false, set_all);
}

static void memset_fresh_2m(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_2M, (unsigned)threads, false, set_all);
}

static void memset_present_4k(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_4K, (unsigned)threads, true, set_all);
}

static void memset_present_thp(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_THP, (unsigned)threads, true, set_all);
}

static void memset_present_2m(struct bench_state *state, int64_t threads)
{
	measure(state, PAGES_2M, (unsigned)threads, true, set_all);
}

#define THREADS         \
	{               \
		1, 2, 4 \
	}

const bool bench_has_own_clock = false;

const struct bench bench_table[] = {
	{ "4k/populate", populate_4k, THREADS },
	{ "4k/memset_fresh", memset_fresh_4k, THREADS },
	{ "4k/memset_present", memset_present_4k, THREADS },
	{ "thp/populate", populate_thp, THREADS },
	{ "thp/memset_fresh", memset_fresh_thp, THREADS },
	{ "thp/memset_present", memset_present_thp, THREADS },
	{ "2m/populate", populate_2m, THREADS },
	{ "2m/memset_fresh", memset_fresh_2m, THREADS },
	{ "2m/memset_present", memset_present_2m, THREADS },
	{ 0 },
};
