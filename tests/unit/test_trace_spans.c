/* SPDX-License-Identifier: Apache-2.0 */
/* What torc-trace makes of the kernel's tracepoints: interrupts of passed-through vectors and of queues, doorbells. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/trace_names.h"
#include "core/trace/record/kernel.h"
#include "core/trace/report/report.h"

#define MAX	 64
#define VCPU_TID 100U /* and one more for each */
#define RING_TID 200U
#define OTHER	 300U /* whoever runs when an interrupt comes */
#define DEVICE	 0x4100U

/* A recording made by hand: a ring's thread, two queues, a vector of trace=ring. */
struct made {
	struct trace_recording rec;
	struct trace_recorded_thread thread;
	struct trace_recorded_object recorded[3];
	struct trace_object object[3];
	struct trace_event event[MAX];
	struct trace_kernel_event kernel[MAX];
	struct trace_spans spans;
};

enum {
	QUEUE0,
	QUEUE1,
	VECTOR
};

static int set_up(void **state)
{
	static const char *const names[] = { "disk0 queue 0", "disk0 queue 1",
					     "_vfio0 MSI-X vector 2" };
	static char no_notes[1];
	struct made *m = calloc(1, sizeof(*m));

	for (unsigned i = 0; i < 3; i++) {
		m->object[i].kind = i == VECTOR ? TRACE_VECTOR : TRACE_QUEUE;
		snprintf(m->object[i].name, sizeof(m->object[i].name), "%s", names[i]);
		m->recorded[i].begin = &m->object[i];
	}
	m->object[VECTOR].device = DEVICE;
	m->thread = (struct trace_recorded_thread){ .name = "ring0", .tid = RING_TID };
	m->thread.event = m->event;
	m->rec = (struct trace_recording){
		.header = { .tsc_hz = 1000000000, .max_threads = 1, .max_objects = 3, .pid = 7 },
		.object = m->recorded,
		.thread = &m->thread,
		.kernel = m->kernel,
		.notes = no_notes,
		.is_whole = true,
	};
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct made *m = *state;

	trace_spans_free(&m->spans);
	free(m);
	return 0;
}

static struct trace_kernel_event *kernel(struct made *m, uint64_t tsc, uint16_t type, uint32_t tid,
					 uint32_t vcpu, uint64_t arg)
{
	struct trace_kernel_event *k = &m->kernel[m->rec.nr_kernel++];

	*k = (struct trace_kernel_event){
		.tsc = tsc, .type = type, .tid = tid, .vcpu = vcpu, .arg = arg, .cpu = 3
	};
	return k;
}

static void event(struct made *m, uint64_t tsc, uint16_t type, uint16_t object, uint32_t id,
		  uint64_t a, uint64_t b)
{
	m->event[m->thread.nr++] = (struct trace_event){
		.tsc = tsc, .type = type, .object = object, .id = id, .arg = { a, b }
	};
}

/* The host's handler. */
static void host(struct made *m, uint64_t tsc, unsigned vector)
{
	kernel(m, tsc, TRACE_KERNEL_HOST, OTHER, 40 + vector,
	       TRACE_KERNEL_VECTOR(DEVICE, true, vector))
		->is_interrupt = true;
}

/* A message and its acceptance, 10 later; from the handler if @tid is OTHER. */
static void message(struct made *m, uint64_t tsc, uint32_t tid, uint32_t vcpu, uint64_t vector)
{
	/* The destination as the guest writes it need not be a vCPU's number. */
	kernel(m, tsc, TRACE_KERNEL_MSI, tid, 0xff, vector)->is_interrupt = tid == OTHER;
	kernel(m, tsc + 10, TRACE_KERNEL_ACCEPT, tid, vcpu, vector)->is_interrupt = tid == OTHER;
}

static void enter(struct made *m, uint64_t tsc, uint32_t vcpu)
{
	kernel(m, tsc, TRACE_KERNEL_ENTRY, VCPU_TID + vcpu, vcpu, 0);
}

static void inject(struct made *m, uint64_t tsc, uint32_t vcpu, uint64_t vector)
{
	kernel(m, tsc, TRACE_KERNEL_INJECT, VCPU_TID + vcpu, 0, vector);
	enter(m, tsc + 5, vcpu);
}

static void eoi(struct made *m, uint64_t tsc, uint32_t vcpu, uint64_t vector)
{
	kernel(m, tsc, TRACE_KERNEL_EOI, VCPU_TID + vcpu, vcpu, vector);
}

/* A request of that head, taken at @tsc as the doorbell rang, and shown 50 later, with an interrupt. */
static void request(struct made *m, uint64_t tsc, uint16_t queue, uint32_t head)
{
	event(m, tsc + 20, TRACE_EVENT_SUBMIT, queue, 0, 1, 0);
	event(m, tsc, TRACE_EVENT_USED, queue, head | TRACE_USED_KICKED, 512, tsc + 30);
	event(m, tsc + 50, TRACE_EVENT_PUBLISH, queue, head, 1, 0);
}

static const struct trace_interrupts *make(struct made *m)
{
	assert_true(m->rec.nr_kernel <= MAX && m->thread.nr <= MAX);
	assert_int_equal(trace_spans_make(&m->spans, &m->rec, NULL), 0);
	for (size_t i = 0; i < m->spans.interrupts.nr; i++) {
		const uint64_t *at = m->spans.interrupts.interrupt[i].at;
		uint64_t sum = 0;

		for (unsigned p = 0; p < TRACE_INTERRUPT_NR_POINTS; p++)
			sum += trace_points_stage(at, p);
		assert_int_equal(sum, trace_points_last(at, TRACE_INTERRUPT_NR_POINTS) -
					      trace_points_first(at, TRACE_INTERRUPT_NR_POINTS));
	}
	return &m->spans.interrupts;
}

/* Of one interrupt, all stamps; 0: not known. */
static void assert_points(const struct trace_interrupt *s,
			  const uint64_t expected[TRACE_INTERRUPT_NR_POINTS])
{
	for (unsigned p = 0; p < TRACE_INTERRUPT_NR_POINTS; p++) {
		if (s->at[p] != expected[p])
			print_error("at %s\n", trace_interrupt_point_name(p));
		assert_int_equal(s->at[p], expected[p]);
	}
}

/* An interrupt of the device's fifth vector, as the guest's 33, up to a vCPU that is in the guest. */
static void deliver(struct made *m, uint32_t vcpu)
{
	enter(m, 900, vcpu);
	host(m, 1000, 5);
	message(m, 1100, OTHER, vcpu, 33);
	inject(m, 1200, vcpu, 33);
}

static void a_vector_goes_from_the_host_to_its_eoi(void **state)
{
	struct made *m = *state;
	const struct trace_interrupts *all;

	deliver(m, 1);
	eoi(m, 1300, 1, 33);
	enter(m, 1310, 1);
	kernel(m, 1400, TRACE_KERNEL_PI_UPDATE, VCPU_TID, 1, 45);
	all = make(m);
	assert_int_equal(all->nr_vectors, 1);
	assert_string_equal(all->vector[0].name, "0000:41:00.0 MSI-X vector 5");
	assert_int_equal(all->vector[0].nr_host, 1);
	assert_int_equal(all->vector[0].nr_posted, 1);
	assert_false(all->vector[0].has_ring);
	assert_int_equal(all->nr, 1);
	assert_points(&all->interrupt[0], (uint64_t[]){ 1000, 0, 0, 1100, 1110, 1200, 1205, 1300 });
}

static void an_eoi_is_that_of_what_was_injected(void **state)
{
	struct made *m = *state;
	const struct trace_interrupts *all;

	deliver(m, 0);
	/* Two more while the first is handled, and the same vector of another vCPU. */
	host(m, 1220, 5);
	message(m, 1230, OTHER, 0, 33);
	host(m, 1250, 5);
	message(m, 1260, OTHER, 0, 33);
	eoi(m, 1280, 1, 33);
	eoi(m, 1300, 0, 33);
	inject(m, 1400, 0, 33);
	eoi(m, 1500, 0, 33);
	all = make(m);
	assert_int_equal(all->nr, 3);
	assert_int_equal(all->interrupt[0].at[TRACE_INTERRUPT_EOI], 1300);
	for (unsigned i = 1; i < 3; i++) {
		assert_int_equal(all->interrupt[i].at[TRACE_INTERRUPT_INJECT], 1400);
		assert_int_equal(all->interrupt[i].at[TRACE_INTERRUPT_ENTRY], 1405);
		assert_int_equal(all->interrupt[i].at[TRACE_INTERRUPT_EOI], 1500);
	}
}

static void an_eoi_in_memory_has_no_time(void **state)
{
	struct made *m = *state;
	const struct trace_interrupts *all;

	deliver(m, 0);
	eoi(m, 9000, 0, 33);
	kernel(m, 9001, TRACE_KERNEL_PV_EOI, VCPU_TID, 0, 33);
	enter(m, 9010, 0);
	all = make(m);
	assert_int_equal(all->vector[0].nr_pv_eoi, 1);
	assert_points(&all->interrupt[0], (uint64_t[]){ 1000, 0, 0, 1100, 1110, 1200, 1205, 0 });
}

static void a_masked_vector_has_no_other_ones_message(void **state)
{
	struct made *m = *state;

	host(m, 1000, 5);
	message(m, 1100, RING_TID, 0, 33);
	message(m, 1200, OTHER, 0, 34);
	assert_int_equal(make(m)->nr, 0);
	assert_int_equal(m->spans.interrupts.vector[0].nr_host, 1);
}

static void a_ring_lies_between_host_and_kvm(void **state)
{
	struct made *m = *state;
	const struct trace_interrupts *all;

	enter(m, 900, 0);
	/* Two before the ring wakes are one; another vector is another. */
	host(m, 1000, 2);
	host(m, 1010, 3);
	host(m, 1020, 2);
	event(m, 1150, TRACE_EVENT_INTERRUPT, VECTOR, 2, 50, 40);
	message(m, 1160, RING_TID, 0, 33);
	inject(m, 1200, 0, 33);
	eoi(m, 1300, 0, 33);
	enter(m, 1310, 0);
	/* One that the guest has masked: KVM says nothing while it is signalled. */
	host(m, 2000, 2);
	event(m, 2150, TRACE_EVENT_INTERRUPT, VECTOR, 2, 50, 40);
	message(m, 2191, RING_TID, 0, 44);
	all = make(m);
	assert_int_equal(all->nr_vectors, 2);
	assert_string_equal(all->vector[0].name, "_vfio0 MSI-X vector 2");
	assert_true(all->vector[0].has_ring);
	assert_int_equal(all->vector[0].nr, 2);
	assert_int_equal(all->vector[0].nr_host, 3);
	assert_int_equal(all->vector[1].nr, 0);
	assert_points(&all->interrupt[0],
		      (uint64_t[]){ 1000, 1100, 1150, 1160, 1170, 1200, 1205, 1300 });
	assert_points(&all->interrupt[1], (uint64_t[]){ 2000, 2100, 2150, 0, 0, 0, 0, 0 });
}

static void a_ring_has_stamps_without_the_kernel(void **state)
{
	struct made *m = *state;

	event(m, 1150, TRACE_EVENT_INTERRUPT, VECTOR, 2, 50, 40);
	assert_int_equal(make(m)->nr, 1);
	assert_points(&m->spans.interrupts.interrupt[0],
		      (uint64_t[]){ 0, 1100, 1150, 0, 0, 0, 0, 0 });
}

static void queues_of_a_ring_have_their_own_interrupts(void **state)
{
	struct made *m = *state;
	const struct trace_span *s;

	enter(m, 900, 0);
	/* Queue 1 is shown last, but put together first; the ring signals both afterwards. */
	event(m, 1070, TRACE_EVENT_USED, QUEUE1, 1, 512, 1075);
	request(m, 1010, QUEUE0, 9);
	event(m, 1080, TRACE_EVENT_PUBLISH, QUEUE1, 1, 1, 0);
	message(m, 1100, RING_TID, 0, 50);
	message(m, 1120, RING_TID, 0, 51);
	inject(m, 1200, 0, 51);
	eoi(m, 1230, 0, 51);
	inject(m, 1300, 0, 50);
	eoi(m, 1330, 0, 50);
	make(m);
	assert_int_equal(m->spans.nr, 2);
	for (unsigned i = 0; i < 2; i++) {
		s = &m->spans.span[i];
		assert_int_equal(s->at[TRACE_POINT_ACCEPT], s->object == QUEUE0 ? 1110 : 1130);
		assert_int_equal(s->at[TRACE_POINT_INJECT], s->object == QUEUE0 ? 1305 : 1205);
		assert_int_equal(s->at[TRACE_POINT_EOI], s->object == QUEUE0 ? 1330 : 1230);
	}
}

static void a_doorbell_is_the_address_of_most_kicks(void **state)
{
	struct made *m = *state;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t kick = 10000 * (i + 1);

		kernel(m, kick - 500, TRACE_KERNEL_MMIO_EXIT, VCPU_TID, 0, 0x3000);
		/* Of another device, or queue 1, between one doorbell and its kick. */
		if (i == 2)
			kernel(m, kick - 100, TRACE_KERNEL_FAST_MMIO, VCPU_TID, 0, 0x3004);
		request(m, kick, QUEUE0, i);
	}
	make(m);
	assert_int_equal(m->spans.nr, 5);
	for (unsigned i = 0; i < 5; i++) {
		const struct trace_span *s = &m->spans.span[i];

		assert_int_equal(trace_span_first(s), s->at[TRACE_POINT_DOORBELL]);
		assert_int_equal(trace_span_stage(s, TRACE_POINT_KICK), 500);
		assert_int_equal(trace_span_last(s) - trace_span_first(s), 550);
	}
}

/* The guest had masked the first one: it does not take the second one's message. */
static void a_signal_without_a_message_has_none(void **state)
{
	struct made *m = *state;

	enter(m, 900, 0);
	request(m, 1000, QUEUE0, 1);
	request(m, 2000, QUEUE0, 2);
	message(m, 2060, RING_TID, 0, 50);
	make(m);
	assert_int_equal(m->spans.nr, 2);
	assert_int_equal(m->spans.span[0].at[TRACE_POINT_ACCEPT], 0);
	assert_int_equal(m->spans.span[1].at[TRACE_POINT_ACCEPT], 2070);
}

static void a_doorbell_is_that_of_one_kick(void **state)
{
	struct made *m = *state;

	for (unsigned i = 0; i < 5; i++) {
		/* The kernel's event of one is lost. */
		if (i != 2)
			kernel(m, 10000 * (i + 1) - 500, TRACE_KERNEL_MMIO_EXIT, VCPU_TID, 0,
			       0x3000);
		request(m, 10000 * (i + 1), QUEUE0, i);
	}
	make(m);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(trace_span_stage(&m->spans.span[i], TRACE_POINT_KICK),
				 i == 2 ? 0 : 500);
}

static void events_that_are_missing_end_what_is_open(void **state)
{
	struct made *m = *state;

	event(m, 1000, TRACE_EVENT_USED, QUEUE0, 1, 512, 1020);
	event(m, 0, TRACE_EVENT_NONE, 0, 0, 0, 0);
	event(m, 2050, TRACE_EVENT_PUBLISH, QUEUE0, 1, 1, 0);
	/* Taken before events were there again: when it was submitted is not known. */
	event(m, 1900, TRACE_EVENT_USED, QUEUE0, 2, 512, 2100);
	event(m, 2200, TRACE_EVENT_SUBMIT, QUEUE0, 0, 1, 0);
	event(m, 2300, TRACE_EVENT_PUBLISH, QUEUE0, 2, 1, 0);
	make(m);
	assert_int_equal(m->spans.nr, 1);
	assert_int_equal(m->spans.nr_incomplete, 1);
	assert_int_equal(m->spans.span[0].head, 2);
	assert_int_equal(m->spans.span[0].at[TRACE_POINT_SUBMIT], 0);
	assert_int_equal(m->spans.span[0].at[TRACE_POINT_COMPLETE], 2100);
}

static char *print(const struct made *m, enum trace_report_format format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(trace_report(&m->rec, format, out, NULL), 0);
	fclose(out);
	return text;
}

static double number(const json_t *in, const char *first, const char *second, const char *third)
{
	const json_t *at = json_object_get(in, first);

	at = second ? json_object_get(at, second) : at;
	at = third ? json_object_get(at, third) : at;
	assert_non_null(at);
	return json_number_value(at);
}

/* One by way of a ring, which took 90 of 300 cycles, a nanosecond each. */
static void one_of_each(struct made *m)
{
	enter(m, 900, 0);
	host(m, 1000, 2);
	event(m, 1150, TRACE_EVENT_INTERRUPT, VECTOR, 2, 50, 40);
	message(m, 1160, RING_TID, 0, 33);
	inject(m, 1200, 0, 33);
	eoi(m, 1300, 0, 33);
	enter(m, 1310, 0);
	host(m, 2000, 5);
	message(m, 2100, OTHER, 0, 34);
	inject(m, 2200, 0, 34);
	m->recorded[VECTOR].final = calloc(1, sizeof(struct trace_object));
	*m->recorded[VECTOR].final = m->object[VECTOR];
	histogram_record(&m->recorded[VECTOR].final->histogram[TRACE_VECTOR_FORWARD], 90);
}

static void reports_have_each_stage(void **state)
{
	struct made *m = *state;
	char *text[TRACE_REPORT_PERFETTO + 1];
	json_t *root, *vector, *event;
	unsigned slices = 0;
	size_t i;

	one_of_each(m);
	for (i = 0; i <= TRACE_REPORT_PERFETTO; i++)
		text[i] = print(m, (enum trace_report_format)i);
	root = json_loads(text[TRACE_REPORT_JSON], 0, NULL);
	vector = json_array_get(json_object_get(root, "vectors"), 0);
	assert_float_equal(number(vector, "total", "max", NULL), 0.3, 1e-9);
	assert_float_equal(number(vector, "ring_cost", "mean", NULL), 0.09, 1e-9);
	assert_float_equal(number(vector, "stages", "ring", "p50"), 0.1, 1e-9);
	assert_float_equal(number(vector, "stages", "eoi", "mean"), 0.095, 1e-9);
	vector = json_array_get(json_object_get(root, "vectors"), 1);
	assert_float_equal(number(vector, "stages", "msi", "max"), 0.1, 1e-9);
	assert_null(json_object_get(vector, "ring_cost"));
	json_decref(root);
	assert_non_null(strstr(text[TRACE_REPORT_CSV],
			       ",,,,1000,300.0,,,,,,,,,,\"_vfio0 MSI-X vector 2\","
			       "100.0,50.0,10.0,10.0,30.0,5.0,95.0\n"));
	assert_non_null(
		strstr(text[TRACE_REPORT_HGRM], "# 0000:41:00.0 MSI-X vector 5 total (us)"));
	assert_non_null(strstr(text[TRACE_REPORT_HTML], "cost of trace=ring"));
	root = json_loads(text[TRACE_REPORT_PERFETTO], 0, NULL);
	json_array_foreach(json_object_get(root, "traceEvents"), i, event)
		slices += json_string_value(json_object_get(event, "ph"))[0] == 'b';
	/* Two, with seven stages and four. */
	assert_int_equal(slices, 13);
	json_decref(root);
	for (i = 0; i <= TRACE_REPORT_PERFETTO; i++)
		free(text[i]);
	free(m->recorded[VECTOR].final);
}

static void lines_of_the_kernel_are_understood(void **state)
{
	struct trace_kernel_event e;

	assert_true(
		trace_kernel_parse(" <idle>-0 [002] d.h1. 87992395798: irq_handler_entry: irq=40 "
				   "name=vfio-msix[2](0000:41:00.1)",
				   &e));
	assert_int_equal(e.type, TRACE_KERNEL_HOST);
	assert_int_equal(e.vcpu, 40);
	assert_int_equal(e.arg, TRACE_KERNEL_VECTOR(0x4101, true, 2));
	assert_false(trace_kernel_parse(" <idle>-0 [002] d.h1. 8: irq_handler_entry: irq=40 "
					"name=vfio-intx(0000:41:00.1)",
					&e));
	assert_true(trace_kernel_parse(" vcpu1-260 [003] ..... 88: kvm_inj_virq: IRQ 0xec", &e));
	assert_int_equal(e.type, TRACE_KERNEL_INJECT);
	assert_int_equal(e.arg, 0xec);
	assert_true(
		trace_kernel_parse(" vcpu1-260 [003] ..... 8: kvm_pv_eoi: apicid 1 vector 35", &e));
	assert_int_equal(e.type, TRACE_KERNEL_PV_EOI);
	assert_true(trace_kernel_parse(
		" vcpu1-260 [003] d..1. 88: kvm_exit: vcpu 1 reason npf rip 0xff info1 "
		"0x000000010000000e info2 0x0000008000003004 intr_info 0x0 error_code 0x0",
		&e));
	assert_int_equal(e.type, TRACE_KERNEL_MMIO_EXIT);
	assert_int_equal(e.vcpu, 1);
	assert_int_equal(e.arg, 0x8000003004);
	/* A page that is not there yet. */
	assert_true(trace_kernel_parse(
		" vcpu1-260 [003] d..1. 88: kvm_exit: vcpu 1 reason npf rip 0xff info1 "
		"0x0000000100000006 info2 0x0000008000003004 intr_info 0x0 error_code 0x0",
		&e));
	assert_int_equal(e.type, TRACE_KERNEL_EXIT);
}

static void addresses_are_numbers(void **state)
{
	assert_int_equal(trace_device_number("0000:41:00.1"), 0x4101);
	assert_int_equal(trace_device_number("0001:ff:1f.7"), 0x1ffff);
	assert_int_equal(trace_device_number("10000:00:01.0"), 0);
	assert_int_equal(trace_device_number("eth0"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vector_goes_from_the_host_to_its_eoi),
		TEST(an_eoi_is_that_of_what_was_injected),
		TEST(an_eoi_in_memory_has_no_time),
		TEST(a_masked_vector_has_no_other_ones_message),
		TEST(a_ring_lies_between_host_and_kvm),
		TEST(a_ring_has_stamps_without_the_kernel),
		TEST(queues_of_a_ring_have_their_own_interrupts),
		TEST(a_doorbell_is_the_address_of_most_kicks),
		TEST(a_doorbell_is_that_of_one_kick),
		TEST(a_signal_without_a_message_has_none),
		TEST(events_that_are_missing_end_what_is_open),
		TEST(reports_have_each_stage),
		cmocka_unit_test(lines_of_the_kernel_are_understood),
		cmocka_unit_test(addresses_are_numbers),
	};

	return cmocka_run_group_tests_name("trace_spans", tests, NULL, NULL);
}
