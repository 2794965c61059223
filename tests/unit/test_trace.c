/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace as a tool sees it: found in /proc/self/fd, mapped a second time, read while others write to it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
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
#include "core/base/clock.h"
#include "core/base/trace.h"
#include "tests/unit/within.h"

static struct trace_header *seen; /* the tool's mapping */
static int seen_fd;

/* The descriptor of the memfd, as a tool finds it; -1: there is none. */
static int find_memfd(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char link[64] = "";

		if (readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1) > 0 &&
		    strstr(link, "torc-trace"))
			found = atoi(entry->d_name);
	}
	closedir(dir);
	return found;
}

static int setup(void **state)
{
	char path[64];
	struct stat st;

	assert_int_equal(trace_init(NULL), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", find_memfd());
	seen_fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(seen_fd >= 0);
	assert_int_equal(fstat(seen_fd, &st), 0);
	seen = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, seen_fd, 0);
	assert_true(seen != MAP_FAILED);
	assert_int_equal(seen->size, st.st_size);
	return 0;
}

static int teardown(void **state)
{
	munmap(seen, seen->size);
	close(seen_fd);
	trace_destroy();
	return 0;
}

static struct trace_object *seen_object(unsigned i)
{
	return (struct trace_object *)(void *)((char *)seen + seen->objects) + i;
}

static struct trace_thread *seen_thread(unsigned i)
{
	return (struct trace_thread *)(void *)((char *)seen + seen->threads) + i;
}

static struct trace_event *seen_event(const struct trace_thread *thread, uint64_t i)
{
	struct trace_event *events = (void *)((char *)seen + thread->events);

	return &events[i % seen->nr_events];
}

static void take_lease(void)
{
	store_release(&seen->lease_tsc, UINT64_MAX);
}

static void a_tool_finds_what_it_needs_only_once_published(void **state)
{
	uint64_t guest_offset = 1234;

	assert_int_equal(seen->magic, 0);
	trace_set_guest_tsc(guest_offset);
	trace_publish(
		"torc with a name that is longer than the place there is for it in the header",
		2000000000);
	assert_true(seen->magic == TRACE_MAGIC);
	assert_int_equal(seen->version, TRACE_VERSION);
	assert_int_equal(seen->pid, getpid());
	assert_int_equal(seen->tsc_hz, 2000000000);
	assert_int_equal(seen->guest_tsc_offset, guest_offset);
	assert_true(is_pow2(seen->nr_events));
	assert_int_equal(strlen(seen->vm), sizeof(seen->vm) - 1);
	assert_true(seen->threads + seen->max_threads * sizeof(struct trace_thread) <=
		    seen->objects);
	assert_true(seen->objects + seen->max_objects * sizeof(struct trace_object) < seen->size);
}

/* Both clocks at one moment: this thread may lose the CPU between two looks, so the closest of some counts. */
static void both_clocks(uint64_t *tsc, uint64_t *ns)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < 1000; i++) {
		uint64_t before = trace_tsc(), now = clock_ns(CLOCK_MONOTONIC),
			 took = trace_tsc() - before;

		if (took >= least)
			continue;
		least = took;
		*tsc = before;
		*ns = now;
	}
}

static void clocks_agree_with_the_tsc(void **state)
{
	struct timespec ts;
	uint64_t now = 0, ns, tsc = 0;
	double hz;

	usleep(20000);
	trace_publish("torc", 0);
	usleep(20000);
	both_clocks(&tsc, &now);
	ns = now - seen->monotonic_base_ns;
	hz = (double)(tsc - seen->tsc_base) / (double)ns * 1e9;
	assert_true((double)seen->tsc_hz > 0.9 * hz && (double)seen->tsc_hz < 1.1 * hz);
	clock_gettime(CLOCK_REALTIME, &ts);
	assert_true(seen->realtime_base_ns / 1000000000 <= (uint64_t)ts.tv_sec);
	assert_true(seen->realtime_base_ns / 1000000000 + 60 > (uint64_t)ts.tv_sec);
}

static void counters_and_histograms_are_seen(void **state)
{
	struct trace_object *object = trace_object(TRACE_RING, "ring0");

	assert_int_equal(seen->nr_objects, 1);
	assert_string_equal(seen_object(0)->name, "ring0");
	assert_int_equal(seen_object(0)->kind, TRACE_RING);
	assert_int_equal(seen_object(0)->thread, UINT16_MAX);
	trace_own(object);
	assert_int_equal(seen_object(0)->thread, UINT16_MAX);
	trace_thread_begin("other");
	trace_thread_end();
	trace_thread_begin("ring0");
	trace_own(object);
	trace_count(object, TRACE_RING_CALLS, 2);
	trace_count(object, TRACE_RING_CALLS, 3);
	histogram_record(&object->histogram[TRACE_RING_BATCH], 17);
	assert_int_equal(seen_object(0)->thread, 1);
	assert_int_equal(seen_object(0)->counter[TRACE_RING_CALLS], 5);
	assert_int_equal(seen_object(0)->histogram[TRACE_RING_BATCH].min, 17);
	assert_int_equal(seen_object(0)->histogram[TRACE_RING_BATCH].count, 1);
	assert_int_equal(seen_thread(1)->tid, gettid());
	assert_string_equal(seen_thread(1)->name, "ring0");
	assert_int_equal(seen_thread(1)->has_ended, 0);
	trace_thread_end();
	assert_int_equal(seen_thread(1)->has_ended, 1);
}

static void a_released_object_is_made_again(void **state)
{
	struct trace_object *before = trace_object(TRACE_RING, "ring0"), *gone, *after;
	unsigned last = TRACE_HISTOGRAMS - 1;

	gone = trace_object(TRACE_VCPU, "vcpu0");
	after = trace_object(TRACE_RING, "ring1");
	trace_count(before, TRACE_COUNTERS - 1, 1);
	histogram_record(&before->histogram[last], UINT64_MAX);
	trace_count(gone, 0, 2);
	histogram_record(&gone->histogram[0], 3);
	histogram_record(&gone->histogram[last], UINT64_MAX);
	trace_count(after, 0, 4);
	trace_release(gone);
	/* Until then it can be read. */
	assert_int_equal(seen_object(1)->counter[0], 2);
	assert_ptr_not_equal(trace_object(TRACE_RING, "vcpu0"), gone);
	assert_ptr_not_equal(trace_object(TRACE_VCPU, "vcpu"), gone);
	assert_ptr_equal(trace_object(TRACE_VCPU, "vcpu0"), gone);
	assert_ptr_not_equal(trace_object(TRACE_VCPU, "vcpu0"), gone);
	assert_int_equal(seen->nr_objects, 6);
	for (unsigned i = 0; i < sizeof(gone->counter) + sizeof(gone->histogram); i++)
		assert_int_equal(((const char *)gone->counter)[i], 0);
	/* And nothing of its neighbours is gone. */
	assert_int_equal(before->counter[TRACE_COUNTERS - 1], 1);
	assert_int_equal(before->histogram[last].max, UINT64_MAX);
	assert_int_equal(after->counter[0], 4);
	assert_string_equal(after->name, "ring1");
	trace_release(NULL);
}

static void a_thread_takes_the_place_of_one_that_has_ended(void **state)
{
	struct trace_object *object = trace_object(TRACE_RING, "ring0");

	take_lease();
	for (unsigned i = 0; i < 3; i++) {
		trace_thread_begin("ring0");
		trace_event_at(trace_tsc(), TRACE_EVENT_WAKE, object, 0, 0, 0);
		assert_int_equal(seen_thread(0)->has_ended, 0);
		assert_int_equal(seen_thread(0)->head, i + 1);
		trace_thread_end();
	}
	trace_thread_begin("ring");
	trace_thread_end();
	assert_int_equal(seen->nr_threads, 2);
}

static void events_are_recorded_while_there_is_a_lease(void **state)
{
	struct trace_object *first = trace_object(TRACE_RING, "ring0");
	struct trace_object *object = trace_object(TRACE_QUEUE, "disk0 queue 0");
	struct trace_thread *thread;
	struct trace_event *event;

	trace_thread_begin("ring0");
	thread = seen_thread(0);
	assert_false(trace_is_on());
	trace_event_at(trace_tsc(), TRACE_EVENT_WAKE, first, 0, 0, 0);
	assert_int_equal(thread->head, 0);
	take_lease();
	assert_true(trace_is_on());
	trace_event_at(trace_tsc(), TRACE_EVENT_POP, object, 7, 512, 1);
	assert_int_equal(thread->head, 1);
	event = seen_event(thread, 0);
	assert_int_equal(event->type, TRACE_EVENT_POP);
	assert_int_equal(event->object, 1);
	assert_int_equal(event->id, 7);
	assert_int_equal(event->arg[0], 512);
	assert_int_equal(event->arg[1], 1);
	assert_within(event->tsc, 1, trace_tsc());
	trace_thread_end();
	assert_false(trace_is_on());
	trace_event_at(trace_tsc(), TRACE_EVENT_POP, object, 8, 512, 1);
	assert_int_equal(thread->head, 1);
}

static void a_lease_that_has_passed_records_nothing_and_is_cleared(void **state)
{
	struct trace_object *object = trace_object(TRACE_RING, "ring0");

	trace_thread_begin("ring0");
	store_release(&seen->lease_tsc, trace_tsc());
	assert_true(trace_is_on());
	trace_event_at(trace_tsc(), TRACE_EVENT_WAKE, object, 0, 0, 0);
	assert_int_equal(seen_thread(0)->head, 0);
	assert_int_equal(seen->lease_tsc, 0);
	assert_false(trace_is_on());
}

static void the_oldest_events_are_overwritten_and_the_head_tells(void **state)
{
	struct trace_object *object = trace_object(TRACE_RING, "ring0");
	struct trace_thread *thread;

	trace_thread_begin("ring0");
	thread = seen_thread(0);
	take_lease();
	for (unsigned i = 0; i < seen->nr_events + 3; i++)
		trace_event_at(trace_tsc(), TRACE_EVENT_WAKE, object, i, 0, 0);
	assert_int_equal(thread->head, seen->nr_events + 3);
	assert_int_equal(seen_event(thread, thread->head - 1)->id, seen->nr_events + 2);
	assert_int_equal(seen_event(thread, 3)->id, 3);
	assert_int_equal(seen_event(thread, 2)->id, seen->nr_events + 2);
}

static void memory_is_touched_only_while_it_is_on(void **state)
{
	struct trace_object *object = trace_object(TRACE_QUEUE, "queue");
	struct stat before, after;

	assert_int_equal(fstat(seen_fd, &before), 0);
	trace_thread_begin("ring0");
	for (unsigned i = 0; i < 1000; i++) {
		trace_event_at(trace_tsc(), TRACE_EVENT_WAKE, object, i, 0, 0);
		trace_count(object, TRACE_QUEUE_REQUESTS, 1);
		histogram_record(&object->histogram[TRACE_QUEUE_LATENCY], 2000 + i);
	}
	assert_int_equal(fstat(seen_fd, &after), 0);
	/* The object's first page, the two of these values, the thread's. */
	assert_within((uint64_t)(after.st_blocks - before.st_blocks) * 512, 0, 16384);
}

#define NR_WRITTEN 2000000U

static void *write_events(void *arg)
{
	trace_thread_begin("writer");
	for (unsigned i = 0; i < NR_WRITTEN; i++)
		trace_event_at(trace_tsc(), TRACE_EVENT_USED, arg, i, i, ~(uint64_t)i);
	trace_thread_end();
	return NULL;
}

/* As a tool: copies what is there, then keeps what was not overwritten meanwhile. How many of them, how many are lost. */
static unsigned read_events(struct trace_thread *thread, uint64_t *next, uint64_t *nr_lost)
{
	static struct trace_event copy[65536];
	uint64_t head = load_acquire(&thread->head), first = *next,
		 valid; /* pairs with the writer's */

	if (head - first > seen->nr_events)
		first = head - seen->nr_events;
	for (uint64_t i = first; i < head; i++)
		copy[i - first] = *seen_event(thread, i);
	/* Pairs with the writer's fence: what overwrote any of these, its head is seen here. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* The one after the head may be on its way. */
	valid = READ_ONCE(thread->head) + 1;
	valid = valid > seen->nr_events ? valid - seen->nr_events : 0;
	if (valid < first)
		valid = first;
	if (valid > head)
		valid = head;
	for (uint64_t i = valid; i < head; i++) {
		const struct trace_event *event = &copy[i - first];

		assert_int_equal(event->id, i);
		assert_int_equal(event->arg[0], i);
		assert_true(event->arg[1] == ~i);
		assert_int_equal(event->type, TRACE_EVENT_USED);
	}
	*nr_lost += valid - *next;
	*next = head;
	return (unsigned)(head - valid);
}

static void a_reader_beside_the_writer_sees_whole_events_and_what_it_lost(void **state)
{
	struct trace_object *object = trace_object(TRACE_QUEUE, "queue");
	uint64_t next = 0, nr_lost = 0, nr_read = 0;
	pthread_t thread;

	assert_true(seen->nr_events <= 65536);
	take_lease();
	assert_int_equal(pthread_create(&thread, NULL, write_events, object), 0);
	/* Pairs with the store in trace_thread_begin(). */
	while (!load_acquire(&seen->nr_threads))
		;
	while (!load_acquire(&seen_thread(0)->has_ended)) /* pairs with trace_thread_end() */
		nr_read += read_events(seen_thread(0), &next, &nr_lost);
	pthread_join(thread, NULL);
	nr_read += read_events(seen_thread(0), &next, &nr_lost);
	assert_int_equal(next, NR_WRITTEN);
	assert_int_equal(nr_read + nr_lost, NR_WRITTEN);
	assert_true(nr_read >= seen->nr_events - 1);
}

static void what_has_no_place_counts_nowhere(void **state)
{
	struct trace_object *object = NULL;

	for (unsigned i = 0; i <= seen->max_objects; i++)
		object = trace_object(TRACE_QUEUE, "queue");
	assert_int_equal(seen->nr_objects, seen->max_objects);
	for (unsigned i = 0; i <= seen->max_threads; i++) {
		char name[16];

		snprintf(name, sizeof(name), "thread%u", i);
		trace_thread_end();
		trace_thread_begin(name);
	}
	assert_int_equal(seen->nr_threads, seen->max_threads);
	take_lease();
	assert_false(trace_is_on());
	trace_event_at(trace_tsc(), TRACE_EVENT_POP, object, 0, 0, 0);
	trace_count(object, 0, 1);
	for (unsigned i = 0; i < seen->max_objects; i++)
		assert_int_equal(seen_object(i)->counter[0], 0);
}

static void an_event_of_what_has_no_place_says_so(void **state)
{
	struct trace_object *object = NULL;

	for (unsigned i = 0; i <= seen->max_objects; i++)
		object = trace_object(TRACE_QUEUE, "queue");
	trace_thread_begin("thread");
	take_lease();
	trace_event_at(trace_tsc(), TRACE_EVENT_POP, object, 0, 0, 0);
	assert_int_equal(seen_event(seen_thread(0), 0)->object, UINT16_MAX);
}

static void the_writer_does_not_trust_the_file(void **state)
{
	struct trace_object *object = trace_object(TRACE_QUEUE, "queue");

	trace_thread_begin("thread");
	take_lease();
	seen->nr_objects = seen->nr_threads = seen->nr_events = UINT32_MAX;
	seen->objects = seen->threads = seen->size = UINT64_MAX;
	trace_event_at(trace_tsc(), TRACE_EVENT_POP, object, 0, 0, 0);
	assert_ptr_equal(trace_object(TRACE_QUEUE, "queue"), object + 1);
	assert_int_equal(seen->nr_objects, 2);
	/* For teardown(). */
	assert_int_equal(ftruncate(seen_fd, 0), -1);
	seen->size = (uint64_t)lseek(seen_fd, 0, SEEK_END);
}

static void without_a_trace_nothing_is_recorded(void **state)
{
	struct trace_object *object = trace_object(TRACE_QUEUE, "queue");

	assert_int_equal(find_memfd(), -1);
	trace_thread_begin("thread");
	trace_own(object);
	trace_publish("torc", 0);
	trace_set_guest_tsc(1);
	assert_false(trace_is_on());
	trace_event_at(trace_tsc(), TRACE_EVENT_POP, object, 0, 0, 0);
	trace_count(object, 0, 1);
	trace_thread_end();
	trace_destroy();
}

#define WITH_TRACE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_trace_nothing_is_recorded),
		WITH_TRACE(a_tool_finds_what_it_needs_only_once_published),
		WITH_TRACE(clocks_agree_with_the_tsc),
		WITH_TRACE(counters_and_histograms_are_seen),
		WITH_TRACE(a_released_object_is_made_again),
		WITH_TRACE(a_thread_takes_the_place_of_one_that_has_ended),
		WITH_TRACE(events_are_recorded_while_there_is_a_lease),
		WITH_TRACE(a_lease_that_has_passed_records_nothing_and_is_cleared),
		WITH_TRACE(the_oldest_events_are_overwritten_and_the_head_tells),
		WITH_TRACE(memory_is_touched_only_while_it_is_on),
		WITH_TRACE(a_reader_beside_the_writer_sees_whole_events_and_what_it_lost),
		WITH_TRACE(what_has_no_place_counts_nowhere),
		WITH_TRACE(an_event_of_what_has_no_place_says_so),
		WITH_TRACE(the_writer_does_not_trust_the_file),
		cmocka_unit_test(without_a_trace_nothing_is_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
