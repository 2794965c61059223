/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted, timed and recorded of a queue's requests, several of which go alike. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/virtio/queue_trace.h"
#include "tests/fake/trace.h"
#include "tests/unit/within.h"

#define SIZE 8

static struct queue_trace t;

static int setup(void **state)
{
	assert_int_equal(trace_init(NULL), 0);
	trace_thread_begin("test");
	trace_hold_lease();
	assert_int_equal(queue_trace_init(&t, "disk", 0, SIZE), 0);
	queue_trace_start(&t);
	return 0;
}

static int teardown(void **state)
{
	queue_trace_destroy(&t);
	trace_thread_end();
	trace_destroy();
	return 0;
}

static void pop(uint16_t head, uint64_t tsc)
{
	const struct virtqueue_chain chain = { .head = head, .out_len = 16, .in_len = 513 };

	queue_trace_pop(&t, tsc, &chain);
}

static void end(uint16_t head, uint64_t tsc, int32_t result)
{
	queue_trace_complete(&t, tsc, head, result);
	queue_trace_used(&t, head, 513);
}

static void those_that_go_alike_count_as_many(void **state)
{
	const struct histogram *latency = &t.object->histogram[TRACE_QUEUE_LATENCY];
	const struct histogram *device = &t.object->histogram[TRACE_QUEUE_DEVICE];

	for (uint16_t i = 0; i < 3; i++)
		pop(i, 100);
	pop(3, 120);
	for (uint16_t i = 0; i < 4; i++)
		end(i, 150, 512);
	assert_int_equal(latency->count, 0);
	queue_trace_publish(&t, 180, 4, true);
	assert_int_equal(latency->count, 4);
	assert_int_equal(latency->sum, 3 * 80 + 60);
	assert_int_equal(latency->bucket[80], 3);
	assert_int_equal(latency->bucket[60], 1);
	assert_int_equal(device->count, 4);
	assert_int_equal(device->sum, 3 * 50 + 30);
	assert_int_equal(t.object->histogram[TRACE_QUEUE_BATCH].max, 4);
	assert_int_equal(t.object->counter[TRACE_QUEUE_REQUESTS], 4);
	assert_int_equal(t.object->counter[TRACE_QUEUE_BYTES], 4 * (16 + 513));
	assert_int_equal(t.object->counter[TRACE_QUEUE_INTERRUPTS], 1);
	/* Nothing is left for the next one. */
	queue_trace_publish(&t, 200, 4, true);
	assert_int_equal(t.object->counter[TRACE_QUEUE_INTERRUPTS], 1);
	pop(0, 210);
	end(0, 220, 512);
	queue_trace_publish(&t, 230, 5, true);
	assert_int_equal(latency->count, 5);
}

static void events_tell_of_doorbells_and_errors(void **state)
{
	const struct trace_event *event;

	queue_trace_kick(&t, 100);
	pop(5, 100);
	pop(6, 110);
	end(5, 150, -EIO);
	end(6, 150, 512);
	queue_trace_publish(&t, 180, 2, false);
	event = trace_find_event(t.object, 0, TRACE_EVENT_USED, 5U | EIO << 16 | TRACE_USED_KICKED);
	assert_non_null(event);
	assert_int_equal(event->tsc, 100);
	assert_int_equal(event->arg[0], 16 + 513);
	assert_int_equal(event->arg[1], 150);
	event = trace_find_event(t.object, 0, TRACE_EVENT_USED, 6);
	assert_non_null(event);
	assert_int_equal(event->tsc, 110);
	event = trace_find_event(t.object, 0, TRACE_EVENT_PUBLISH, 2);
	assert_non_null(event);
	assert_int_equal(event->arg[0], 0);
	assert_int_equal(t.object->counter[TRACE_QUEUE_INTERRUPTS], 0);
}

/* A buffer for packets waits for one as long as it takes; that is no latency. */
static void what_waits_for_the_world_begins_when_it_comes(void **state)
{
	queue_trace_kick(&t, 100);
	pop(1, 100);
	queue_trace_arrive(&t, 9000, 1, 60);
	queue_trace_used(&t, 1, 60);
	queue_trace_publish(&t, 9010, 1, true);
	assert_int_equal(t.object->histogram[TRACE_QUEUE_LATENCY].max, 10);
	assert_int_equal(t.object->histogram[TRACE_QUEUE_DEVICE].count, 0);
	assert_non_null(trace_find_event(t.object, 0, TRACE_EVENT_USED, 1));
}

/* A completion's stamp is the wake-up's, which may be older than the request. */
static void no_operation_ends_before_it_begins(void **state)
{
	uint64_t now = trace_tsc();

	pop(2, now);
	end(2, now, 512);
	queue_trace_publish(&t, trace_tsc(), 1, true);
	assert_within(t.object->histogram[TRACE_QUEUE_DEVICE].min, 1, UINT32_MAX);
}

/* A driver that makes heads available again before it can know that they are used. */
static void more_than_there_are_heads_end_nothing(void **state)
{
	for (unsigned i = 0; i < 3 * SIZE; i++) {
		pop(i % SIZE, 100 + i);
		end(i % SIZE, 200 + i, 512);
	}
	queue_trace_publish(&t, 300, 3 * SIZE, true);
	assert_int_equal(t.object->histogram[TRACE_QUEUE_LATENCY].count, SIZE);
	assert_int_equal(t.object->counter[TRACE_QUEUE_REQUESTS], 3 * SIZE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(those_that_go_alike_count_as_many),
		TEST(events_tell_of_doorbells_and_errors),
		TEST(what_waits_for_the_world_begins_when_it_comes),
		TEST(no_operation_ends_before_it_begins),
		TEST(more_than_there_are_heads_end_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
