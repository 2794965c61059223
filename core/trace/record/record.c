/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/trace/record/kernel.h"
#include "core/trace/record/record_format.h"

#define BATCH	   4096 /* events that are copied at once */
#define LEASE_MS   2000
#define RENEW_MS   100
#define DRAIN_MS   10 /* a ring's 32,768 events last that long at 3 million a second */
#define MAX_ROUNDS 64 /* of the kernel's text a time: 4 MiB */

struct recorder {
	struct trace_source *source;
	FILE *out;
	uint64_t *next; /* of each thread's events */
	unsigned nr_threads, nr_objects;
	uint64_t events, dropped, kernel_events;
	struct trace_kernel kernel;
	struct trace_snapshot snapshot;
	struct trace_event batch[BATCH];
	struct trace_kernel_event kernel_batch[BATCH];
};

/* The stream keeps its first failure, which trace_record_file() looks at. */
static void block(struct recorder *r, enum trace_block_type type, uint64_t size)
{
	const struct trace_block b = { .type = type, .size = size };

	fwrite(&b, sizeof(b), 1, r->out);
}

static void note(struct recorder *r, const char *text)
{
	char padded[2048] = "";
	size_t size;

	snprintf(padded, sizeof(padded) - 8, "%s", text);
	size = (size_t)align_up(strlen(padded) + 1, 8);
	block(r, TRACE_BLOCK_NOTE, size);
	fwrite(padded, size, 1, r->out);
	fprintf(stderr, "torc-trace: %s\n", text);
}

static unsigned used_buckets(const struct histogram *h)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += h->bucket[i] != 0;
	return n;
}

static void write_histogram(struct recorder *r, const struct histogram *h)
{
	const struct trace_record_histogram head = {
		.count = h->count,
		.sum = h->sum,
		.min = h->min,
		.max = h->max,
		.nr = used_buckets(h),
	};

	fwrite(&head, sizeof(head), 1, r->out);
	for (uint64_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		const uint64_t pair[2] = { i, h->bucket[i] };

		if (h->bucket[i])
			fwrite(pair, sizeof(pair), 1, r->out);
	}
}

static void write_object(struct recorder *r, enum trace_block_type type, unsigned index)
{
	const struct trace_object *o = &r->snapshot.object;
	struct trace_record_object head = { .index = (uint16_t)index };
	uint64_t size = sizeof(head);

	trace_source_object(r->source, index, &r->snapshot);
	head.kind = o->kind;
	head.thread = o->thread;
	head.device = o->device;
	head.tsc = r->snapshot.tsc;
	memcpy(head.name, o->name, sizeof(head.name));
	memcpy(head.counter, o->counter, sizeof(head.counter));
	for (unsigned i = 0; i < TRACE_HISTOGRAMS; i++)
		size += sizeof(struct trace_record_histogram) +
			used_buckets(&o->histogram[i]) * 2 * sizeof(uint64_t);
	block(r, type, size);
	fwrite(&head, sizeof(head), 1, r->out);
	for (unsigned i = 0; i < TRACE_HISTOGRAMS; i++)
		write_histogram(r, &o->histogram[i]);
}

/* Threads and objects that have come. Of a thread that was there before, older events are not ours. */
static void meet(struct recorder *r, bool is_first)
{
	unsigned threads = trace_source_threads(r->source);

	for (; r->nr_threads < threads; r->nr_threads++) {
		const struct trace_thread *t = trace_source_thread(r->source, r->nr_threads);
		struct trace_record_thread head = { .index = r->nr_threads, .tid = t->tid };

		memcpy(head.name, t->name, sizeof(head.name));
		head.name[sizeof(head.name) - 1] = '\0';
		r->next[r->nr_threads] = is_first ? load_acquire(&t->head) : 0;
		block(r, TRACE_BLOCK_THREAD, sizeof(head));
		fwrite(&head, sizeof(head), 1, r->out);
	}
	for (unsigned objects = trace_source_objects(r->source); r->nr_objects < objects;
	     r->nr_objects++)
		write_object(r, TRACE_BLOCK_BEGIN, r->nr_objects);
}

/* What no torc writes, and no report reads. Return: how many are left. */
static size_t drop_senseless(struct trace_event *events, size_t nr, uint64_t *dropped)
{
	size_t n = 0;

	for (size_t i = 0; i < nr; i++) {
		if (events[i].type && events[i].type < TRACE_NR_TYPES)
			events[n++] = events[i];
	}
	*dropped += nr - n;
	return n;
}

static void drain_thread(struct recorder *r, unsigned thread)
{
	struct trace_record_events head = { .thread = thread };
	size_t n, left = r->source->header.nr_events;

	/* At most a ring's worth, so that the others have their turn. */
	do {
		head.dropped = 0;
		n = trace_source_drain(r->source, thread, &r->next[thread], r->batch, BATCH,
				       &head.dropped);
		n = drop_senseless(r->batch, n, &head.dropped);
		if (!n && !head.dropped)
			return;
		block(r, TRACE_BLOCK_EVENTS, sizeof(head) + n * sizeof(*r->batch));
		fwrite(&head, sizeof(head), 1, r->out);
		fwrite(r->batch, sizeof(*r->batch), n, r->out);
		r->events += n;
		r->dropped += head.dropped;
		left -= n < left ? n : left;
	} while (left);
}

static void drain(struct recorder *r)
{
	size_t n;

	meet(r, false);
	for (unsigned i = 0; i < r->nr_threads; i++)
		drain_thread(r, i);
	for (unsigned i = 0; i < MAX_ROUNDS; i++) {
		n = trace_kernel_read(&r->kernel, r->kernel_batch, BATCH);
		if (!n)
			return;
		block(r, TRACE_BLOCK_KERNEL, n * sizeof(*r->kernel_batch));
		fwrite(r->kernel_batch, sizeof(*r->kernel_batch), n, r->out);
		r->kernel_events += n;
	}
}

static void loop(struct recorder *r, int signals, double seconds)
{
	const uint64_t hz = r->source->header.tsc_hz, begin = __builtin_ia32_rdtsc();
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN },
				{ .fd = r->source->pidfd, .events = POLLIN } };
	uint64_t now, renewed = 0;

	do {
		now = __builtin_ia32_rdtsc();
		if (now - renewed >= hz / 1000 * RENEW_MS) {
			trace_source_hold(r->source, LEASE_MS);
			renewed = now;
		}
		drain(r);
		if (ferror(r->out) ||
		    (seconds > 0 && (double)(now - begin) >= seconds * (double)hz))
			break;
	} while (poll(fds, ARRAY_SIZE(fds), DRAIN_MS) == 0);
	trace_source_hold(r->source, 0);
	drain(r);
}

/* Otherwise KVM sets a guest's TSC anew as its vCPUs move, and CPUs of the host may not agree. */
static bool host_has_tsc(void)
{
	char clock[16] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		      O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return true;
	if (read(fd, clock, sizeof(clock) - 1) < 0)
		clock[0] = '\0';
	close(fd);
	return !strcmp(clock, "tsc\n");
}

static void begin(struct recorder *r)
{
	const struct trace_record_header header = {
		.magic = TRACE_RECORD_MAGIC,
		.version = TRACE_RECORD_VERSION,
		.trace = r->source->header,
	};
	struct error why = { 0 };
	char text[1600];

	fwrite(&header, sizeof(header), 1, r->out);
	if (trace_kernel_open(&r->kernel, r->source->pid, &why)) {
		snprintf(text, sizeof(text), "without KVM's tracepoints: %.500s: %.500s",
			 why.object, why.reason);
		note(r, text);
	} else if (r->kernel.lacks_host) {
		note(r,
		     "without the host's interrupts of passed-through devices: no irq_handler_entry");
	}
	if (!host_has_tsc())
		note(r,
		     "the host's clock is not its TSC: times of the guest and of different CPUs may differ");
	meet(r, true);
	trace_source_hold(r->source, LEASE_MS);
	fprintf(stderr, "torc-trace: recording process %d\n", r->source->pid);
}

static void finish(struct recorder *r)
{
	char text[160];

	for (unsigned i = 0; i < r->nr_objects; i++)
		write_object(r, TRACE_BLOCK_FINAL, i);
	if (r->kernel.nr_lost) {
		snprintf(text, sizeof(text), "the kernel lost %llu events of KVM",
			 (unsigned long long)r->kernel.nr_lost);
		note(r, text);
	}
	block(r, TRACE_BLOCK_END, 0);
	fprintf(stderr, "torc-trace: %llu events, %llu dropped, and %llu of KVM\n",
		(unsigned long long)r->events, (unsigned long long)r->dropped,
		(unsigned long long)r->kernel_events);
}

/* Nobody else's to read, whatever the umask: it says when the guest did what. */
static FILE *create(const char *path)
{
	int fd = fd_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "wb");

	if (fd >= 0 && !out)
		close(fd);
	return out;
}

int trace_record_file(struct trace_source *source, const char *path, double seconds,
		      struct error *err)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int signals = -1, ret = 0;
	sigset_t set;

	if (!r)
		return error_set(err, -ENOMEM, "%s", path);
	r->source = source;
	r->next = calloc(source->header.max_threads + 1ULL, sizeof(*r->next));
	r->out = r->next ? create(path) : NULL;
	if (!r->out) {
		ret = error_set(err, -errno, "%s", path);
		goto free;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0) {
		ret = error_set(err, -errno, "signalfd");
		fclose(r->out);
		goto free;
	}
	begin(r);
	loop(r, signals, seconds);
	finish(r);
	trace_kernel_close(&r->kernel);
	if (ferror(r->out))
		ret = -EIO;
	if (fclose(r->out) && !ret)
		ret = -errno;
	if (ret)
		error_set(err, ret, "%s", path);
	fd_close(&signals);
free:
	free(r->next);
	free(r);
	return ret;
}
