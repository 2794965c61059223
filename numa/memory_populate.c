/* SPDX-License-Identifier: Apache-2.0 */
#include "numa/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "core/base/bits.h"
#include "core/base/thread.h"

/* As short as a huge page: the address space is locked for as long as one chunk takes. */
#define POPULATE_CHUNK	     (2 * MIB)
#define POPULATE_MAX_THREADS 16U
#define PROGRESS_NS	     200000000

struct worker;

struct populate {
	const struct memory_part *part;
	unsigned nr_parts;
	uint64_t *next; /* of each part: offset of the next chunk to take */
	const bool *cancel;
	uint64_t done; /* bytes */
	int error;
	struct worker *worker;
	unsigned nr_workers, nr_left; /* nr_left under the lock */
	pthread_mutex_t lock;
	pthread_cond_t finished;
};

struct worker {
	struct populate *populate;
	const struct memory_part *first; /* of its node's parts */
	struct thread thread;
};

static bool is_cancelled(const struct populate *p)
{
	return p->cancel && __atomic_load_n(p->cancel, __ATOMIC_RELAXED);
}

static int populate_chunk(void *va, uint64_t size)
{
	int r;

	do {
		r = madvise(va, size, MADV_POPULATE_WRITE);
	} while (r && (errno == EINTR || errno == EAGAIN));
	return r ? -errno : 0;
}

static int populate_part(struct populate *p, unsigned i)
{
	const struct memory_part *part = &p->part[i];
	uint64_t chunk = part->page_size > POPULATE_CHUNK ? part->page_size : POPULATE_CHUNK;
	uint64_t offset;

	while ((offset = __atomic_fetch_add(&p->next[i], chunk, __ATOMIC_RELAXED)) < part->size) {
		uint64_t left = part->size - offset;
		uint64_t len = left < chunk ? left : chunk;
		int r;

		if (__atomic_load_n(&p->error, __ATOMIC_RELAXED))
			return 0;
		if (is_cancelled(p))
			return -ECANCELED;
		r = populate_chunk((char *)part->va + offset, len);
		if (r)
			return r;
		__atomic_fetch_add(&p->done, len, __ATOMIC_RELAXED);
	}
	return 0;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct populate *p = worker->populate;
	int r = 0, none = 0;

	/* Also where the kernel zeroes the page. A CPU that went away since leaves the thread where it was. */
	if (worker->first->cpus)
		sched_setaffinity(0, sizeof(cpu_set_t), worker->first->cpus);
	for (unsigned i = 0; i < p->nr_parts && !r; i++) {
		if (p->part[i].node == worker->first->node)
			r = populate_part(p, i);
	}
	if (r)
		__atomic_compare_exchange_n(&p->error, &none, r, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	pthread_mutex_lock(&p->lock);
	if (!--p->nr_left)
		pthread_cond_signal(&p->finished);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* How many threads are fastest: one for each CPU that may work, as long as memory keeps up. */
static unsigned best_threads(const struct memory_part *part)
{
	cpu_set_t set;
	unsigned n = 1;

	if (part->cpus)
		n = (unsigned)CPU_COUNT(part->cpus);
	else if (!sched_getaffinity(0, sizeof(set), &set))
		n = (unsigned)CPU_COUNT(&set);
	return n < POPULATE_MAX_THREADS ? n : POPULATE_MAX_THREADS;
}

static bool is_first_of_node(const struct memory_part *part, unsigned i)
{
	for (unsigned j = 0; j < i; j++) {
		if (part[j].node == part[i].node)
			return false;
	}
	return true;
}

static int start_workers(struct populate *p, const struct memory_part *first, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		struct worker *worker = &p->worker[p->nr_workers];
		int r;

		*worker = (struct worker){ .populate = p, .first = first };
		pthread_mutex_lock(&p->lock);
		p->nr_left++;
		pthread_mutex_unlock(&p->lock);
		r = thread_start(&worker->thread, "populate", worker_main, worker);
		if (r) {
			pthread_mutex_lock(&p->lock);
			p->nr_left--;
			pthread_mutex_unlock(&p->lock);
			/* Fewer than wanted only take longer. */
			return i ? 0 : r;
		}
		p->nr_workers++;
	}
	return 0;
}

static int start_all(struct populate *p, unsigned threads)
{
	int r = 0;

	p->next = calloc(p->nr_parts, sizeof(*p->next));
	p->worker = calloc((size_t)p->nr_parts * POPULATE_MAX_THREADS, sizeof(*p->worker));
	if (!p->next || !p->worker)
		return -ENOMEM;
	for (unsigned i = 0; i < p->nr_parts && !r; i++) {
		unsigned nr = threads ? threads : best_threads(&p->part[i]);

		if (is_first_of_node(p->part, i))
			r = start_workers(p, &p->part[i],
					  nr < POPULATE_MAX_THREADS ? nr : POPULATE_MAX_THREADS);
	}
	return r;
}

static void wait_all(struct populate *p, const struct memory_populate_options *options,
		     uint64_t total)
{
	pthread_mutex_lock(&p->lock);
	while (p->nr_left) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += PROGRESS_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (!pthread_cond_clockwait(&p->finished, &p->lock, CLOCK_MONOTONIC, &until) ||
		    !options->progress)
			continue;
		pthread_mutex_unlock(&p->lock);
		options->progress(options->opaque, __atomic_load_n(&p->done, __ATOMIC_RELAXED),
				  total);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->nr_workers; i++)
		pthread_join(p->worker[i].thread.id, NULL);
}

static uint64_t total_size(const struct memory_part *part, unsigned nr)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < nr; i++)
		total += part[i].size;
	return total;
}

int memory_populate(const struct memory_part *part, unsigned nr,
		    const struct memory_populate_options *options, struct error *err)
{
	struct populate p = {
		.part = part,
		.nr_parts = nr,
		.cancel = options->cancel,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.finished = PTHREAD_COND_INITIALIZER,
	};
	uint64_t total = total_size(part, nr);
	int r;

	if (!nr)
		return 0;
	r = start_all(&p, options->threads);
	if (r)
		__atomic_store_n(&p.error, r, __ATOMIC_RELAXED);
	wait_all(&p, options, total);
	free(p.worker);
	free(p.next);
	if (!p.error)
		return 0;
	error_set(err, p.error, "populate %llu MiB of guest memory",
		  (unsigned long long)(total / MIB));
	if (p.error == -EFAULT)
		error_reason(err, "a node ran out of huge pages, or a file system of space");
	return p.error == -ECANCELED ? p.error
				     : error_remedy(err, "free memory on the host or ask for less "
							 "with --memory size=");
}
