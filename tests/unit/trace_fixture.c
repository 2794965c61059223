/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trace_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/base/trace.h"
#include "core/trace/record/record.h"
#include "core/trace/record/record_format.h"
#include "core/trace/record/source.h"

#define PERIOD 2000000ULL /* cycles from one request to the next */
#define VECTOR_AFTER \
	1200000ULL /* cycles from a request to the interrupt of a device between it and the next one */
#define DEVICE	      0x4100U /* 0000:41:00.0 */
#define KERNEL_EVENTS 12U     /* of a request, and of the interrupt after it */
#define GUEST_OFFSET  (-123456789012LL)

static struct trace_object *vcpu, *ring, *queue, *vector;
static uint32_t vcpu_tid, ring_tid;

static struct trace_header *header(void)
{
	return container_of(trace_lease, struct trace_header, lease_tsc);
}

/* When request @i is taken. */
static uint64_t begin_of(uint64_t i)
{
	return header()->tsc_base + i * PERIOD;
}

/* Its stages have a fixed share. The ring wakes for it, and for the interrupt of the device. */
static void request(uint32_t i)
{
	const uint64_t tsc = begin_of(i), took = i * 1000ULL;

	trace_write(tsc - 1000, TRACE_EVENT_WAKE, ring, 0, 1, 0);
	trace_write(tsc, TRACE_EVENT_KICK, queue, 0, 0, 0);
	trace_write(tsc + took / 10, TRACE_EVENT_SUBMIT, ring, 0, 1, 0);
	trace_write(tsc, TRACE_EVENT_USED, queue, i | EIO << 16 | TRACE_USED_KICKED, 4608,
		    tsc + took / 2);
	trace_write(tsc + took, TRACE_EVENT_PUBLISH, queue, i, 1, 0);
	trace_write(tsc + took + 1000, TRACE_EVENT_POLL, ring, 0, 500, 0);
	trace_write(tsc + took + 2000, TRACE_EVENT_SLEEP, ring, 0, 0, 0);
	trace_write(tsc + VECTOR_AFTER + 1000, TRACE_EVENT_WAKE, ring, 0, 1, 0);
	trace_write(tsc + VECTOR_AFTER + 1500, TRACE_EVENT_INTERRUPT, vector, 1, 500, 200);
	trace_write(tsc + VECTOR_AFTER + 3000, TRACE_EVENT_SLEEP, ring, 0, 0, 0);
	trace_record(queue, TRACE_QUEUE_LATENCY, took);
	trace_record(queue, TRACE_QUEUE_BATCH, 1);
	trace_record(vector, TRACE_VECTOR_FORWARD, 700);
	trace_count(queue, TRACE_QUEUE_REQUESTS, 1);
	trace_count(vector, TRACE_VECTOR_INTERRUPTS, 1);
}

static void *ring_thread(void *arg)
{
	ring_tid = (uint32_t)gettid();
	trace_thread_begin("ring0");
	while (!trace_is_on())
		usleep(1000);
	for (uint32_t i = 1; i <= TRACE_FIXTURE_REQUESTS; i++)
		request(i);
	/* One that does not end. */
	trace_write(begin_of(TRACE_FIXTURE_REQUESTS + 1), TRACE_EVENT_USED, queue, 7, 0, 0);
	trace_thread_end();
	return NULL;
}

/* Between two requests it leaves the guest for 2 us. */
static void *vcpu_thread(void *arg)
{
	vcpu_tid = (uint32_t)gettid();
	trace_thread_begin("vcpu0");
	while (!trace_is_on())
		usleep(1000);
	for (uint32_t i = 1; i <= TRACE_FIXTURE_REQUESTS; i++) {
		trace_write(begin_of(i) - 5000, TRACE_EVENT_EXIT, vcpu, VCPU_EXIT_MMIO, 0xfee00000,
			    4);
		trace_write(begin_of(i) - 3000, TRACE_EVENT_ENTER, vcpu, 0, 0, 0);
		trace_record(vcpu, TRACE_VCPU_HANDLE, 2000);
		trace_count(vcpu, VCPU_EXIT_MMIO, 1);
	}
	trace_thread_end();
	return NULL;
}

/*
 * trace_init() leaves the clock to be measured; a fixed one makes figures known. All requests are in the past, however
 * fast the TSC is: what is later than the recorder's lease would be dropped.
 */
static void publish(void)
{
	struct trace_header *h = header();

	h->tsc_hz = 1000000000;
	h->tsc_base = trace_tsc() - (TRACE_FIXTURE_REQUESTS + 2) * PERIOD;
	h->guest_tsc_offset = (uint64_t)GUEST_OFFSET;
	snprintf(h->vm, sizeof(h->vm), "<test> & \"quotes\"");
	store_release(&h->magic, TRACE_MAGIC); /* pairs with trace_source_map() */
}

/* The recorder goes on until SIGTERM, which it waits for, but does not take. */
static void *end_recording(void *threads)
{
	for (unsigned i = 0; i < 2; i++)
		pthread_join(((pthread_t *)threads)[i], NULL);
	kill(getpid(), SIGTERM);
	return NULL;
}

int trace_fixture_record(const char *path)
{
	struct trace_source source;
	pthread_t threads[2], ender;
	sigset_t term, before;
	int r = trace_init(NULL);

	if (r)
		return r;
	vcpu = trace_object(TRACE_VCPU, "vcpu0");
	ring = trace_object(TRACE_RING, "ring0");
	queue = trace_object(TRACE_QUEUE, "disk0 queue 0");
	vector = trace_object(TRACE_VECTOR, "vfio0 MSI-X vector 1");
	vector->device = DEVICE;
	publish();
	r = trace_source_open(&source, getpid(), true, NULL);
	if (r)
		return r;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, &before);
	pthread_create(&threads[0], NULL, ring_thread, NULL);
	pthread_create(&threads[1], NULL, vcpu_thread, NULL);
	pthread_create(&ender, NULL, end_recording, threads);
	r = trace_record_file(&source, path, 0, NULL);
	if (r) /* they wait for it */
		store_release(&header()->lease_tsc, UINT64_MAX);
	pthread_join(ender, NULL);
	sigwaitinfo(&term, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	trace_source_close(&source);
	return r;
}

/* The host's handler hit a thread of another process, or none (0), on CPU 3. */
static void kernel_events(uint32_t i, struct trace_kernel_event *out)
{
	const uint64_t begin = begin_of(i), end = begin + i * 1000ULL, host = begin + VECTOR_AFTER;
	const struct trace_kernel_event all[] = {
		{ begin - 100, TRACE_KERNEL_FAST_MMIO, 0, vcpu_tid, 0xd0000000, 0, 1 },
		{ begin - 90, TRACE_KERNEL_ENTRY, 0, vcpu_tid, 0, 0, 1 },
		{ end + 100, TRACE_KERNEL_MSI, 0, ring_tid, 37, 0, 2 },
		{ end + 200, TRACE_KERNEL_ACCEPT, 0, ring_tid, 37, 0, 2 },
		{ end + 250, TRACE_KERNEL_INJECT, 0, vcpu_tid, 37, 0, 1 },
		{ end + 300, TRACE_KERNEL_EOI, 0, vcpu_tid, 37, 0, 1 },
		{ host, TRACE_KERNEL_HOST, 1, i % 2, TRACE_KERNEL_VECTOR(DEVICE, true, 1), 41, 3 },
		{ host + 1600, TRACE_KERNEL_MSI, 0, ring_tid, 38, 0, 2 },
		{ host + 1650, TRACE_KERNEL_ACCEPT, 0, ring_tid, 38, 0, 2 },
		{ host + 1800, TRACE_KERNEL_INJECT, 0, vcpu_tid, 38, 0, 1 },
		{ host + 1850, TRACE_KERNEL_ENTRY, 0, vcpu_tid, 0, 0, 1 },
		{ host + 2000 + i * 100, TRACE_KERNEL_EOI, 0, vcpu_tid, 38, 0, 1 },
	};

	_Static_assert(sizeof(all) == KERNEL_EVENTS * sizeof(*all),
		       "as many as trace_fixture_add_kernel() has room for");
	memcpy(out, all, sizeof(all));
}

int trace_fixture_add_kernel(const char *path)
{
	static struct trace_kernel_event events[TRACE_FIXTURE_REQUESTS][KERNEL_EVENTS];
	const struct trace_block kernel = { .type = TRACE_BLOCK_KERNEL, .size = sizeof(events) };
	const struct trace_block end = { .type = TRACE_BLOCK_END };
	int r, fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (uint32_t i = 0; i < TRACE_FIXTURE_REQUESTS; i++)
		kernel_events(i + 1, events[i]);
	/* In place of the end. */
	r = lseek(fd, -(off_t)sizeof(end), SEEK_END) < 0 ? -errno : 0;
	if (!r)
		r = fd_write_all(fd, &kernel, sizeof(kernel));
	if (!r)
		r = fd_write_all(fd, events, sizeof(events));
	if (!r)
		r = fd_write_all(fd, &end, sizeof(end));
	close(fd);
	return r;
}
