/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/record/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"

#define LINK "/memfd:torc-trace"

/* torc's has these, so that nobody can cut it short below whoever maps it. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static int not_a_trace(struct error *err, const char *reason)
{
	error_set(err, -EPROTO, "trace");
	error_reason(err, "%s", reason);
	return error_remedy(err, "use the torc-trace that was built with this torc");
}

static int check(const struct trace_header *h, uint64_t size, struct error *err)
{
	if (h->magic != TRACE_MAGIC)
		return not_a_trace(err, "is not one, or is not set up yet");
	if (h->version != TRACE_VERSION)
		return not_a_trace(err, "is of another version");
	if (h->size != size || h->tsc_hz < TRACE_MIN_TSC_HZ || !is_pow2(h->nr_events) ||
	    h->threads % 8 || h->objects % 8 || h->max_threads > TRACE_MAX_TABLE ||
	    h->max_objects > TRACE_MAX_TABLE)
		return not_a_trace(err, "has a header that makes no sense");
	if (!range_fits(h->threads, h->max_threads * sizeof(struct trace_thread), size) ||
	    !range_fits(h->objects, h->max_objects * sizeof(struct trace_object), size))
		return not_a_trace(err, "has tables beyond its end");
	return 0;
}

int trace_source_map(struct trace_source *source, int fd, bool write, struct error *err)
{
	struct trace_header header;
	struct stat st;
	void *map;
	int r;

	if (fstat(fd, &st))
		return error_set(err, -errno, "trace: stat");
	r = fcntl(fd, F_GET_SEALS);
	if (!S_ISREG(st.st_mode) || r < 0 || (r & SEALS) != SEALS)
		return not_a_trace(err, "can be cut short by others, as torc's cannot");
	if (fd_pread_all(fd, &header, sizeof(header), 0) != sizeof(header))
		return not_a_trace(err, "is too short");
	r = check(&header, (uint64_t)st.st_size, err);
	if (r)
		return r;
	map = mmap(NULL, (size_t)st.st_size, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		   fd, 0);
	if (map == MAP_FAILED)
		return error_set(err, -errno, "trace: mmap");
	trace_clean_text(header.vm, sizeof(header.vm));
	*source = (struct trace_source){
		.pid = (int)header.pid,
		.pidfd = -1,
		.header = header,
		.fd = fd,
		.map = map,
		.size = (size_t)st.st_size,
	};
	return 0;
}

/*
 * By the link in /proc, as no other process can open a memfd. It is looked at before it is opened, which for what is no
 * file may take for ever or have effects, and what was looked at is what is opened. -ENOENT: it is something else.
 */
static int open_memfd(int dir, const char *name, bool write)
{
	char path[64], target[64];
	struct stat st;
	ssize_t n;
	int fd, r = -ENOENT, found = openat(dir, name, O_PATH | O_CLOEXEC);

	if (found < 0)
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	if (!strncmp(target, LINK, strlen(LINK)) && !fstat(found, &st) && S_ISREG(st.st_mode) &&
	    !st.st_nlink) {
		fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
		r = fd < 0 ? -errno : fd;
	}
	close(found);
	return r;
}

static int find(int pid, bool write, struct error *err)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int fd = -ENOENT;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir) {
		error_set(err, -errno, "process %d", pid);
		return errno == EACCES
			       ? error_remedy(err, "run torc-trace as root, or as torc's user")
			       : error_remedy(err, "pgrep -x torc");
	}
	while (fd == -ENOENT && (entry = readdir(dir)))
		fd = open_memfd(dirfd(dir), entry->d_name, write);
	closedir(dir);
	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return error_set(err, fd, "process %d: trace", pid);
	error_set(err, -ENOENT, "process %d", pid);
	error_reason(err, "shares no trace; it is no torc, or has not started yet");
	return error_remedy(err, "pgrep -x torc");
}

int trace_source_open(struct trace_source *source, int pid, bool write, struct error *err)
{
	struct trace_source found;
	int pidfd, fd, r;

	/* Before its files are looked at, so that it is the same process. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		error_set(err, -errno, "process %d", pid);
		return error_remedy(err, "pgrep -x torc");
	}
	fd = find(pid, write, err);
	r = fd < 0 ? fd : trace_source_map(&found, fd, write, err);
	if (r) {
		if (fd >= 0)
			close(fd);
		close(pidfd);
		return r;
	}
	/* Another namespace may have another number for it. */
	found.pid = pid;
	found.pidfd = pidfd;
	*source = found;
	return 0;
}

void trace_source_close(struct trace_source *source)
{
	munmap(source->map, source->size);
	fd_close(&source->fd);
	fd_close(&source->pidfd);
}

bool trace_source_has_ended(const struct trace_source *source)
{
	struct pollfd pollfd = { .fd = source->pidfd, .events = POLLIN };

	return source->pidfd >= 0 && poll(&pollfd, 1, 0) == 1;
}

void trace_source_hold(struct trace_source *source, unsigned ms)
{
	struct trace_header *header = source->map;
	uint64_t until = 0;

	if (ms)
		until = __builtin_ia32_rdtsc() + source->header.tsc_hz / 1000 * ms;
	store_release(&header->lease_tsc, until); /* pairs with trace_is_on() */
}

static unsigned at_most(unsigned n, unsigned max)
{
	return n < max ? n : max;
}

unsigned trace_source_objects(const struct trace_source *source)
{
	const struct trace_header *header = source->map;

	/* Pairs with trace_object(). */
	return at_most(load_acquire(&header->nr_objects), source->header.max_objects);
}

unsigned trace_source_threads(const struct trace_source *source)
{
	const struct trace_header *header = source->map;

	/* Pairs with trace_thread_begin(). */
	return at_most(load_acquire(&header->nr_threads), source->header.max_threads);
}

/* torc's always makes sense. */
static bool makes_sense(const struct histogram *h)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (h->bucket[i] > UINT64_MAX - count)
			return false;
		count += h->bucket[i];
	}
	return count == h->count && (!count || h->min <= h->max);
}

/* Most are never used: the count says that without their pages. */
static void copy_histogram(const struct trace_source *source, uint64_t at, struct histogram *out)
{
	struct histogram copy;

	histogram_init(out);
	if (fd_pread_all(source->fd, &copy.count, sizeof(copy.count), at) != sizeof(copy.count) ||
	    !copy.count)
		return;
	/* Merged, so that it agrees with itself although it is written meanwhile. */
	if (fd_pread_all(source->fd, &copy, sizeof(copy), at) == sizeof(copy))
		histogram_merge(out, &copy);
	if (!makes_sense(out))
		histogram_init(out);
}

void trace_source_object(const struct trace_source *source, unsigned index,
			 struct trace_snapshot *out)
{
	const struct trace_object *table =
		(const void *)((const char *)source->map + source->header.objects);
	const struct trace_object *from = &table[index];

	out->index = index;
	out->object.kind = READ_ONCE(from->kind);
	if (out->object.kind >= TRACE_NR_KINDS)
		out->object.kind = TRACE_NONE;
	out->object.thread = READ_ONCE(from->thread);
	out->object.device = READ_ONCE(from->device);
	memcpy(out->object.name, from->name, TRACE_NAME_SIZE);
	trace_clean_text(out->object.name, TRACE_NAME_SIZE);
	for (unsigned i = 0; i < TRACE_COUNTERS; i++)
		out->object.counter[i] = load_acquire(&from->counter[i]); /* trace_count() */
	for (unsigned i = 0; i < TRACE_HISTOGRAMS; i++)
		copy_histogram(
			source,
			(uint64_t)((const char *)&from->histogram[i] - (const char *)source->map),
			&out->object.histogram[i]);
	out->tsc = __builtin_ia32_rdtsc();
}

const struct trace_thread *trace_source_thread(const struct trace_source *source, unsigned index)
{
	const struct trace_thread *table =
		(const void *)((const char *)source->map + source->header.threads);

	return &table[index];
}

size_t trace_source_drain(const struct trace_source *source, unsigned index, uint64_t *next,
			  struct trace_event *out, size_t max, uint64_t *dropped)
{
	const struct trace_thread *thread = trace_source_thread(source, index);
	const uint64_t nr = source->header.nr_events, at = READ_ONCE(thread->events);
	const struct trace_event *events = (const void *)((const char *)source->map + at);
	uint64_t head = load_acquire(&thread->head); /* pairs with trace_write() */
	uint64_t first = *next, lost = 0;
	size_t n;

	if (at % 8 || !range_fits(at, nr * sizeof(*events), source->size) || head < first)
		return 0;
	if (head - first > nr)
		first = head - nr;
	n = head - first < max ? (size_t)(head - first) : max;
	for (size_t i = 0; i < n; i++)
		out[i] = events[(first + i) % nr];
	/* What was overwritten meanwhile shows in the head; pairs with the fence in trace_write(). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	head = READ_ONCE(thread->head);
	if (head + 1 > first + nr)
		lost = head + 1 - nr - first;
	if (lost > n)
		lost = n;
	memmove(out, out + lost, (n - lost) * sizeof(*out));
	*dropped += first + lost - *next;
	*next = first + n;
	return n - (size_t)lost;
}

void trace_histogram_difference(struct histogram *out, const struct histogram *later,
				const struct histogram *earlier)
{
	unsigned first = HISTOGRAM_BUCKETS, last = 0;

	*out = *later;
	if (!earlier || !earlier->count)
		return;
	out->count = 0;
	out->sum = later->sum - earlier->sum;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		out->bucket[i] = later->bucket[i] > earlier->bucket[i]
					 ? later->bucket[i] - earlier->bucket[i]
					 : 0;
		out->count += out->bucket[i];
		if (out->bucket[i]) {
			first = i < first ? i : first;
			last = i;
		}
	}
	if (!out->count)
		return;
	/* A maximum that has moved is of this time; one that has not may be older, then the bucket says it. */
	if (later->min == earlier->min && histogram_bucket_low(first) > out->min)
		out->min = histogram_bucket_low(first);
	if (later->max == earlier->max && histogram_bucket_high(last) < out->max)
		out->max = histogram_bucket_high(last);
}

void trace_clean_text(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
	}
}
