/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fd.h"

#define NR_EVENTS   32768U
#define MAX_THREADS 512U /* 255 vCPUs, as many rings, main and machine */
#define MAX_OBJECTS 2048U
#define PAGE	    4096ULL

/* Where the parts lie in the file; all of it is sparse. */
#define THREADS	  PAGE
#define OBJECTS	  (THREADS + MAX_THREADS * sizeof(struct trace_thread))
#define EVENTS	  ((OBJECTS + MAX_OBJECTS * sizeof(struct trace_object) + PAGE - 1) / PAGE * PAGE)
#define RING_SIZE (NR_EVENTS * sizeof(struct trace_event))
#define FILE_SIZE (EVENTS + MAX_THREADS * RING_SIZE)

#define NO_INDEX UINT16_MAX

/* What a tool of another build maps: these may change with TRACE_VERSION only. */
_Static_assert(sizeof(struct trace_header) <= PAGE, "the header has a page");
_Static_assert(sizeof(struct trace_thread) == 64, "a thread has a cache line");
_Static_assert(sizeof(struct trace_event) == 32, "two events have a cache line");
_Static_assert(offsetof(struct trace_object, counter) == 104, "no padding before the counters");
_Static_assert(offsetof(struct trace_object, histogram) == 104 + 8 * TRACE_COUNTERS,
	       "no padding before the histograms");
_Static_assert(VCPU_NR_EXITS <= TRACE_COUNTERS, "each reason has a counter");
_Static_assert(offsetof(struct trace_header, lease_tsc) % 8 == 0, "the lease is read at once");
_Static_assert(MAX_OBJECTS < NO_INDEX && MAX_THREADS < NO_INDEX, "indices have 16 bits");

static const uint64_t no_lease;

const uint64_t *trace_lease = &no_lease;
_Thread_local struct trace_thread *trace_self;

static _Thread_local struct trace_event *self_events;
static _Thread_local char self_name[sizeof(((struct trace_thread *)NULL)->name)];

/* What the clocks showed at one TSC. */
struct reading {
	uint64_t tsc, raw_ns, monotonic_ns, realtime_ns;
};

/* Counts of the tables are kept here: the file can be written by others. */
static struct {
	pthread_mutex_t lock; /* of the tables */
	struct trace_header *header;
	int fd;
	unsigned nr_threads, nr_objects;
	bool has_ended[MAX_THREADS], is_released[MAX_OBJECTS];
	struct reading init; /* when it was made */
	uint64_t tsc_hz;     /* atomic: others than who publishes print metrics */
} trace = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* For what has no place in the table. Several threads may write to it; nobody reads it. */
static struct trace_object nowhere;

static struct trace_thread *thread_table(void)
{
	return (struct trace_thread *)(void *)((char *)trace.header + THREADS);
}

static struct trace_object *object_table(void)
{
	return (struct trace_object *)(void *)((char *)trace.header + OBJECTS);
}

static int make_file(struct error *err)
{
	int fd = memfd_create("torc-trace", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return error_set(err, -errno, "trace: memfd_create");
	/* Sealed, or a tool that shortens it would end the VM by SIGBUS. */
	if (ftruncate(fd, FILE_SIZE) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		r = error_set(err, -errno, "trace: %llu bytes of a memfd",
			      (unsigned long long)FILE_SIZE);
		close(fd);
		return r;
	}
	return fd;
}

/* Of some readings the shortest, as the thread may lose the CPU between the clocks. */
static struct reading read_clocks(void)
{
	struct reading best = { 0 };
	uint64_t shortest = UINT64_MAX;

	for (unsigned i = 0; i < 8; i++) {
		struct reading this = { .tsc = trace_tsc() };
		uint64_t took;

		this.raw_ns = clock_ns(CLOCK_MONOTONIC_RAW);
		this.monotonic_ns = clock_ns(CLOCK_MONOTONIC);
		this.realtime_ns = clock_ns(CLOCK_REALTIME);
		took = trace_tsc() - this.tsc;
		if (took >= shortest)
			continue;
		shortest = took;
		this.tsc += took / 2;
		best = this;
	}
	return best;
}

int trace_init(struct error *err)
{
	struct trace_header *header;
	int fd = make_file(err), r;

	if (fd < 0)
		return fd;
	header = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED) {
		r = error_set(err, -errno, "trace: mmap");
		close(fd);
		return r;
	}
	/* Dumping core would fill its holes, hundreds of megabytes. */
	madvise(header, FILE_SIZE, MADV_DONTDUMP);
	*header = (struct trace_header){
		.version = TRACE_VERSION,
		.pid = (uint32_t)getpid(),
		.size = FILE_SIZE,
		.nr_events = NR_EVENTS,
		.max_threads = MAX_THREADS,
		.max_objects = MAX_OBJECTS,
		.threads = THREADS,
		.objects = OBJECTS,
	};
	trace.header = header;
	trace.fd = fd;
	trace.nr_threads = trace.nr_objects = 0;
	memset(trace.has_ended, 0, sizeof(trace.has_ended));
	memset(trace.is_released, 0, sizeof(trace.is_released));
	trace.tsc_hz = 0;
	trace.init = read_clocks();
	trace_lease = &header->lease_tsc;
	return 0;
}

void trace_destroy(void)
{
	if (!trace.header)
		return;
	trace_self = NULL;
	trace_lease = &no_lease;
	munmap(trace.header, FILE_SIZE);
	trace.header = NULL;
	fd_close(&trace.fd);
}

static uint64_t measure_tsc_hz(const struct reading *now)
{
	uint64_t ns = now->raw_ns - trace.init.raw_ns;

	return ns ? (uint64_t)((__uint128_t)(now->tsc - trace.init.tsc) * 1000000000 / ns) : 0;
}

void trace_publish(const char *vm, uint64_t tsc_hz)
{
	struct trace_header *header = trace.header;
	struct reading now;

	if (!header)
		return;
	now = read_clocks();
	header->tsc_base = now.tsc;
	header->monotonic_base_ns = now.monotonic_ns;
	header->realtime_base_ns = now.realtime_ns;
	if (!tsc_hz)
		tsc_hz = measure_tsc_hz(&now);
	store_release(&trace.tsc_hz, tsc_hz);
	header->tsc_hz = tsc_hz;
	snprintf(header->vm, sizeof(header->vm), "%s", vm);
	/* Pairs with the tool's read. */
	store_release(&header->magic, TRACE_MAGIC);
}

void trace_set_guest_tsc(uint64_t offset)
{
	if (trace.header)
		WRITE_ONCE(trace.header->guest_tsc_offset, offset);
}

/* Back to 0, without making pages where there are none. */
static void clear(struct trace_object *object)
{
	char *begin = (char *)object->counter, *end = (char *)(object + 1);
	char *first = (char *)align_up((uintptr_t)begin, PAGE);
	char *last = (char *)align_down((uintptr_t)end, PAGE);

	memset(begin, 0, (size_t)(first - begin));
	memset(last, 0, (size_t)(end - last));
	if (fallocate(trace.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      first - (char *)trace.header, last - first))
		memset(first, 0, (size_t)(last - first));
}

/* One that was released and is to be made again. Under the lock. */
static struct trace_object *make_again(enum trace_kind kind, const char *name)
{
	for (unsigned i = 0; i < trace.nr_objects; i++) {
		struct trace_object *object = &object_table()[i];

		if (!trace.is_released[i] || object->kind != kind ||
		    strncmp(object->name, name, sizeof(object->name) - 1))
			continue;
		trace.is_released[i] = false;
		clear(object);
		return object;
	}
	return NULL;
}

struct trace_object *trace_object(enum trace_kind kind, const char *name)
{
	struct trace_object *object = &nowhere, *again;

	pthread_mutex_lock(&trace.lock);
	again = trace.header ? make_again(kind, name) : NULL;
	if (again) {
		object = again;
	} else if (trace.header && trace.nr_objects < MAX_OBJECTS) {
		object = &object_table()[trace.nr_objects++];
		object->kind = (uint16_t)kind;
		object->thread = NO_INDEX;
		snprintf(object->name, sizeof(object->name), "%s", name);
		/* Pairs with the tool's read. */
		store_release(&trace.header->nr_objects, trace.nr_objects);
	}
	pthread_mutex_unlock(&trace.lock);
	return object;
}

void trace_release(struct trace_object *object)
{
	if (!object || !trace_has_place(object))
		return;
	pthread_mutex_lock(&trace.lock);
	if (trace.header)
		trace.is_released[object - object_table()] = true;
	pthread_mutex_unlock(&trace.lock);
}

bool trace_has_place(const struct trace_object *object)
{
	return object != &nowhere;
}

bool trace_read(unsigned i, size_t offset, void *to, size_t size)
{
	off_t at = (off_t)(OBJECTS + i * sizeof(struct trace_object) + offset);
	bool is_there;

	pthread_mutex_lock(&trace.lock);
	is_there = trace.header && i < trace.nr_objects;
	pthread_mutex_unlock(&trace.lock);
	return is_there && pread(trace.fd, to, size, at) == (ssize_t)size;
}

uint64_t trace_tsc_hz(void)
{
	return load_acquire(&trace.tsc_hz);
}

void trace_own(struct trace_object *object)
{
	if (trace_self)
		WRITE_ONCE(object->thread, (uint16_t)(trace_self - thread_table()));
}

/* The place of a thread of that name that has ended, or a new one. Under the lock. */
static unsigned thread_place(const char *name)
{
	for (unsigned i = 0; i < trace.nr_threads; i++) {
		if (!trace.has_ended[i] ||
		    strncmp(thread_table()[i].name, name, sizeof(self_name) - 1))
			continue;
		trace.has_ended[i] = false;
		return i;
	}
	return trace.nr_threads < MAX_THREADS ? trace.nr_threads++ : MAX_THREADS;
}

void trace_thread_begin(const char *name)
{
	struct trace_thread *self;
	unsigned index;

	pthread_mutex_lock(&trace.lock);
	index = trace.header ? thread_place(name) : MAX_THREADS;
	if (index < MAX_THREADS) {
		self = &thread_table()[index];
		snprintf(self_name, sizeof(self_name), "%s", name);
		memcpy(self->name, self_name, sizeof(self->name));
		self->tid = (uint32_t)gettid();
		store_release(&self->has_ended, 0);
		self->events = EVENTS + index * RING_SIZE;
		self_events = (struct trace_event *)(void *)((char *)trace.header + self->events);
		trace_self = self;
		/* Pairs with the tool's read. */
		store_release(&trace.header->nr_threads, trace.nr_threads);
	}
	pthread_mutex_unlock(&trace.lock);
}

const char *trace_thread_name(void)
{
	return self_name;
}

void trace_thread_end(void)
{
	if (trace_self) {
		store_release(&trace_self->has_ended, 1); /* pairs with the tool's read */
		pthread_mutex_lock(&trace.lock);
		trace.has_ended[trace_self - thread_table()] = true;
		pthread_mutex_unlock(&trace.lock);
	}
	trace_self = NULL;
}

static uint16_t index_of(const struct trace_object *object)
{
	return !trace_has_place(object) ? NO_INDEX : (uint16_t)(object - object_table());
}

void trace_write(uint64_t tsc, enum trace_type type, const struct trace_object *object, uint32_t id,
		 uint64_t a, uint64_t b)
{
	struct trace_thread *self = trace_self;
	uint64_t *lease = &trace.header->lease_tsc, until = READ_ONCE(*lease), head;
	struct trace_event *event;

	if (tsc >= until) {
		/* Whoever had it is gone: no need to read the TSC again. One that has just been taken stays. */
		__atomic_compare_exchange_n(lease, &until, 0, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
		return;
	}
	head = self->head;
	event = &self_events[head % NR_EVENTS];
	/* Before a reader can see any of what overwrites the oldest event, it can see the head that tells of it. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	WRITE_ONCE(event->tsc, tsc);
	WRITE_ONCE(event->type, (uint16_t)type);
	WRITE_ONCE(event->object, index_of(object));
	WRITE_ONCE(event->id, id);
	WRITE_ONCE(event->arg[0], a);
	WRITE_ONCE(event->arg[1], b);
	store_release(&self->head, head + 1); /* pairs with the tool's read */
}
