/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/memory.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "core/base/bits.h"
#include "core/base/thread.h"

/* As short as a huge page: the address space is locked for as long as one chunk takes. */
#define POPULATE_CHUNK	     (2 * MIB)
#define POPULATE_MAX_THREADS 16U

int memory_map(uint64_t size, uint64_t align, bool thp, void **out, struct error *err)
{
	uint64_t room = size + align, start, end;
	char *raw = mmap(NULL, room, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (raw == MAP_FAILED)
		return error_set(err, -errno, "map %llu MiB", (unsigned long long)(size / MIB));
	/* Cut off what lies before and behind the aligned part. */
	start = align_up((uint64_t)(uintptr_t)raw, align) - (uint64_t)(uintptr_t)raw;
	end = start + size;
	if (start)
		munmap(raw, start);
	if (end < room)
		munmap(raw + end, room - end);
	/* Only a hint: a kernel without THP refuses it. */
	madvise(raw + start, size, thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	/* Guest memory in a core file or in a forked child is never wanted. */
	madvise(raw + start, size, MADV_DONTDUMP);
	madvise(raw + start, size, MADV_DONTFORK);
	*out = raw + start;
	return 0;
}

void memory_unmap(void *va, uint64_t size)
{
	if (va)
		munmap(va, size);
}

struct populate {
	char *va;
	uint64_t size;
	uint64_t next; /* offset of the next chunk to take */
	const bool *cancel;
	int error;
};

static void *populate_main(void *arg)
{
	struct populate *p = arg;
	uint64_t offset;

	while ((offset = __atomic_fetch_add(&p->next, POPULATE_CHUNK, __ATOMIC_RELAXED)) <
	       p->size) {
		uint64_t left = p->size - offset;
		uint64_t len = left < POPULATE_CHUNK ? left : POPULATE_CHUNK;
		int r;

		if (__atomic_load_n(p->cancel, __ATOMIC_RELAXED)) {
			__atomic_store_n(&p->error, -ECANCELED, __ATOMIC_RELAXED);
			break;
		}
		do {
			r = madvise(p->va + offset, len, MADV_POPULATE_WRITE);
		} while (r && (errno == EINTR || errno == EAGAIN));
		if (r) {
			__atomic_store_n(&p->error, -errno, __ATOMIC_RELAXED);
			break;
		}
	}
	return NULL;
}

int memory_populate(void *va, uint64_t size, unsigned threads, const bool *cancel,
		    struct error *err)
{
	struct populate p = { .va = va, .size = size, .cancel = cancel };
	pthread_t helper[POPULATE_MAX_THREADS];
	unsigned nr = 0;

	if (threads > POPULATE_MAX_THREADS)
		threads = POPULATE_MAX_THREADS;
	/* Fewer helpers than asked for only take longer. */
	while (nr + 1 < threads && !thread_start(&helper[nr], "populate", populate_main, &p))
		nr++;
	populate_main(&p);
	while (nr)
		pthread_join(helper[--nr], NULL);
	if (!p.error)
		return 0;
	error_set(err, p.error, "populate %llu MiB of guest memory",
		  (unsigned long long)(size / MIB));
	return error_remedy(err, "free memory on the host or ask for less with --memory size=");
}

unsigned memory_populate_threads(void)
{
	cpu_set_t set;
	unsigned n = 1;

	if (!sched_getaffinity(0, sizeof(set), &set))
		n = (unsigned)CPU_COUNT(&set);
	return n < POPULATE_MAX_THREADS ? n : POPULATE_MAX_THREADS;
}
