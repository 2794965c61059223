/* SPDX-License-Identifier: Apache-2.0 */
/* What torc-trace makes of a known recording, of a damaged one, and of the lines of tracefs; test_report.py has formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/trace.h"
#include "core/trace/record/kernel.h"
#include "core/trace/record/source.h"
#include "core/trace/report/recording.h"
#include "core/trace/report/report.h"
#include "tests/unit/trace_fixture.h"

static char path[] = "/tmp/test-trace-XXXXXX";

static int record_known(void **state)
{
	close(mkstemp(path));
	return trace_fixture_record(path);
}

static int remove_it(void **state)
{
	unlink(path);
	trace_destroy();
	return 0;
}

static void spans_have_stages_that_add_up(void **state)
{
	struct trace_recording rec;
	struct trace_spans spans;
	size_t slowest[3];

	assert_int_equal(trace_recording_open(&rec, path, NULL), 0);
	assert_true(rec.is_whole);
	assert_int_equal(trace_spans_make(&spans, &rec, NULL), 0);
	assert_int_equal(spans.nr, TRACE_FIXTURE_REQUESTS);
	assert_int_equal(spans.nr_incomplete, 1);
	for (size_t i = 0; i < spans.nr; i++) {
		const struct trace_span *s = &spans.span[i];
		uint64_t sum = 0;

		for (unsigned p = 0; p < TRACE_NR_POINTS; p++)
			sum += trace_span_stage(s, p);
		assert_int_equal(sum, s->head * 1000ULL);
		assert_int_equal(sum, trace_span_last(s) - trace_span_first(s));
		assert_int_equal(s->result, -5);
		assert_int_equal(s->bytes, 4608);
	}
	assert_int_equal(trace_span_stage(&spans.span[99], TRACE_POINT_COMPLETE), 40000);
	assert_int_equal(trace_spans_slowest(&spans, slowest, 3), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(spans.span[slowest[i]].head, TRACE_FIXTURE_REQUESTS - i);
	trace_spans_free(&spans);
	trace_recording_close(&rec);
}

static void a_vector_says_which_device_it_is_of(void **state)
{
	struct trace_object *vector = trace_object(TRACE_VECTOR, "_vfio1 MSI-X vector 0");
	struct trace_snapshot *seen = calloc(1, sizeof(*seen));
	struct trace_source source;

	vector->device = 0x4100;
	assert_int_equal(trace_source_open(&source, getpid(), false, NULL), 0);
	trace_source_object(&source, trace_source_objects(&source) - 1, seen);
	assert_int_equal(seen->object.device, 0x4100);
	trace_source_close(&source);
	free(seen);
}

static void overwritten_events_are_counted(void **state)
{
	struct trace_object *queue = trace_object(TRACE_QUEUE, "disk1 queue 0");
	struct trace_event *batch = calloc(40000, sizeof(*batch));
	struct trace_source source;
	uint64_t next = 0, dropped = 0;
	size_t n;

	trace_thread_begin("writer");
	assert_int_equal(trace_source_open(&source, getpid(), true, NULL), 0);
	trace_source_hold(&source, 10000);
	for (uint32_t i = 0; i < 40000; i++)
		trace_event_at(trace_tsc(), TRACE_EVENT_KICK, queue, i, 0, 0);
	n = trace_source_drain(&source, trace_source_threads(&source) - 1, &next, batch, 40000,
			       &dropped);
	assert_int_equal(n + dropped, 40000);
	/* The oldest one may be under the writer's pen. */
	assert_int_equal(n, source.header.nr_events - 1);
	assert_int_equal(batch[0].id, dropped);
	assert_int_equal(batch[n - 1].id, 39999);
	trace_source_hold(&source, 0);
	trace_thread_end();
	trace_source_close(&source);
	free(batch);
}

static void damaged_files_are_refused_or_read_safely(void **state)
{
	char copy[] = "/tmp/test-trace-XXXXXX";
	int fd = mkstemp(copy);
	FILE *in = fopen(path, "rb");
	char *data = malloc(1 << 20);
	size_t size = fread(data, 1, 1 << 20, in);
	unsigned refused = 0;

	fclose(in);
	srand(1);
	for (unsigned i = 0; i < 400; i++) {
		size_t keep = i % 2 ? size : (size_t)rand() % size, at = (size_t)rand() % 2048;
		struct trace_recording rec;
		char was = data[at];
		FILE *null = fopen("/dev/null", "w");

		data[at] = (char)(was ^ (1 << i % 8));
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, data, keep, 0), keep);
		data[at] = was;
		if (trace_recording_open(&rec, copy, NULL)) {
			refused++;
		} else {
			assert_int_equal(trace_report(&rec, (enum trace_report_format)(i % 5), null,
						      NULL),
					 0);
			trace_recording_close(&rec);
		}
		fclose(null);
	}
	assert_true(refused > 20);
	free(data);
	close(fd);
	unlink(copy);
}

static void lines_of_the_kernel_are_understood(void **state)
{
	struct trace_kernel_event e;

	assert_true(trace_kernel_parse("  a [b] c-12-4711  [003] d.h2. 118659189704643: "
				       "kvm_msi_set_irq: dst 1 vec 37 (Fixed|physical|edge)",
				       &e));
	assert_true(e.is_interrupt);
	assert_int_equal(e.type, TRACE_KERNEL_MSI);
	assert_int_equal(e.tid, 4711);
	assert_int_equal(e.cpu, 3);
	assert_int_equal(e.tsc, 118659189704643);
	assert_int_equal(e.vcpu, 1);
	assert_int_equal(e.arg, 37);
	assert_true(trace_kernel_parse(" vcpu0-9 [000] ..... 5: kvm_eoi: apicid a vector 236", &e));
	assert_false(e.is_interrupt);
	assert_int_equal(e.vcpu, 10);
	assert_false(trace_kernel_parse(" vcpu0-9 [000] ..... 5: kvm_pio: x", &e));
	assert_false(trace_kernel_parse(" vcpu0-9 [000] ..... 5: kvm_eoi: x", &e));
	assert_false(trace_kernel_parse("", &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_have_stages_that_add_up),
		cmocka_unit_test(a_vector_says_which_device_it_is_of),
		cmocka_unit_test(overwritten_events_are_counted),
		cmocka_unit_test(damaged_files_are_refused_or_read_safely),
		cmocka_unit_test(lines_of_the_kernel_are_understood),
	};

	return cmocka_run_group_tests_name("trace_tool", tests, record_known, remove_it);
}
