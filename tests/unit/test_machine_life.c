/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines that are made, run and taken apart again and again in one process, with a guest that powers off at once: nothing
 * is left of them, also where the making ends at any of its parts, or at any call of the host's.
 *
 * usage: test_machine_life GUEST WAITING [OPTION...]: one that powers off at once, one that does nothing. With options, as of a
 * passed-through device, these are added, and machines come and go 20 times.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/trace.h"
#include "core/kvm/vcpu.h"
#include "core/vmm/machine.h"
#include "core/vmm/machine_parts.h"
#include "io/ring/ring.h"
#include "tests/fake/fault.h"
#include "tests/unit/config_line.h"
#include "tests/unit/folder.h"
#include "tests/unit/within.h"

#define ROUNDS	     50
#define FEWER_ROUNDS 20
#define MEMORY	     (64 * MIB)

static const char *guest, *guest_that_waits;
static char folder[] = "/tmp/torc-machine.XXXXXX", more[512];
static unsigned nr_rounds = ROUNDS;
static struct config config;
static sem_t ended;
static unsigned maps_when_open, threads_before;

/** What a process has: descriptors, threads, lines of maps, KiB that are locked. */
struct holdings {
	unsigned fds, threads, maps;
	unsigned long locked;
};

/* Of mappings those that are a machine's: shared ones, and its memory; a sanitizer has others of its own. */
static unsigned count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long first, last;
	char line[512], access[8];
	unsigned n = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		assert_int_equal(sscanf(line, "%lx-%lx %7s", &first, &last, access), 3);
		n += access[3] == 's' || last - first == MEMORY;
	}
	fclose(file);
	return n;
}

static unsigned long count_locked(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long sum = 0, kib;
	char line[128];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmLck: %lu", &kib) == 1 || sscanf(line, "VmPin: %lu", &kib) == 1)
			sum += kib;
	}
	fclose(file);
	return sum;
}

/* A thread that was joined may be in the list for a moment. */
static struct holdings hold(void)
{
	struct holdings now = { .threads = folder_count("/proc/self/task") };

	for (unsigned i = 0; i < 100 && now.threads != threads_before; i++) {
		usleep(10000);
		now.threads = folder_count("/proc/self/task");
	}
	now.fds = folder_count("/proc/self/fd");
	now.maps = count_maps();
	now.locked = count_locked();
	return now;
}

static void assert_same(const struct holdings *before, const char *when)
{
	struct holdings now = hold();

	if (now.fds == before->fds && now.threads == before->threads && now.maps == before->maps &&
	    now.locked == before->locked)
		return;
	fail_msg(
		"%s: %u descriptors, %u threads, %u mappings, %lu KiB locked; before %u, %u, %u, %lu",
		when, now.fds, now.threads, now.maps, now.locked, before->fds, before->threads,
		before->maps, before->locked);
}

static void on_opened(void *opaque)
{
	if (opaque)
		maps_when_open = count_maps();
}

static void on_ended(void *opaque)
{
	sem_post(&ended);
}

/* What devices need of the host is asked of whom the owner says. */
static int count_open(void *opaque, const struct host_source *source, const void *what,
		      void *result, struct error *err)
{
	++*(unsigned *)opaque;
	return source->open(what, result, err);
}

/* One machine from the configuration to its end. */
static int live(bool is_looked_at, struct error *err)
{
	unsigned nr_opened = 0;
	const struct host host = { count_open, &nr_opened };
	const struct machine_owner owner = { on_opened, on_ended, is_looked_at ? &config : NULL,
					     &host };
	struct machine *machine = NULL;
	int r = machine_create(&config, &owner, &machine, err);

	if (!r)
		r = machine_start(machine, err);
	if (!r) {
		sem_wait(&ended);
		r = machine_join(machine, err);
		if (!r)
			assert_true(nr_opened >=
				    config.nr_disks + config.nr_nets + config.nr_devices);
	}
	assert_true(machine_free(machine));
	return r;
}

static unsigned count_objects(void)
{
	unsigned n = 0;
	char byte;

	while (trace_read(n, 0, &byte, 1))
		n++;
	return n;
}

static void machines_come_and_go(void **state)
{
	struct holdings second = { 0 };
	struct error err = { 0 };
	cpu_set_t before, after;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (unsigned i = 0; i < nr_rounds; i++) {
		assert_int_equal(live(i == 1, &err), 0);
		if (i == 1)
			second = hold();
	}
	assert_same(&second, "after all rounds");
	/* Where a machine on the node of its device moved torc to is no limit of the next one's. */
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
	/* Nor of where they counted: there are as many objects as one machine has, main thread's and all. */
	assert_within(count_objects(), 8, 16);
	/* It can be told: rings and vCPUs are shared with the kernel. */
	assert_within(maps_when_open, second.maps + 4, UINT32_MAX);
}

struct question {
	struct machine_call call;
	pthread_t asked, answered; /* threads */
	unsigned nr_replies;
};

static void answer(struct machine *machine, struct machine_call *call)
{
	container_of(call, struct question, call)->asked = pthread_self();
	call->result = 7;
}

static void replied(struct machine_call *call)
{
	struct question *question = container_of(call, struct question, call);

	question->answered = pthread_self();
	question->nr_replies++;
	if (call->from)
		ring_stop(call->from);
}

/* Asked on its thread, told on the ring that asked; one that is over says so, sooner or later. */
static void a_machine_can_be_asked_while_it_runs(void **state)
{
	const struct machine_owner owner = { on_opened, on_ended, NULL, NULL };
	struct error err = { 0 };
	struct config waiting = config;
	struct machine *machine;
	struct ring ring;
	struct question first = { .call = { .run = answer, .reply = replied, .from = &ring } };
	struct question late = first;
	int r;

	waiting.kernel = (char *)(uintptr_t)guest_that_waits;
	assert_int_equal(ring_init(&ring, 8, &err), 0);
	assert_int_equal(machine_create(&waiting, &owner, &machine, &err), 0);
	assert_int_equal(machine_call(machine, &late.call), -ESHUTDOWN);
	assert_int_equal(machine_start(machine, &err), 0);
	while (machine_call(machine, &first.call) == -ESHUTDOWN)
		usleep(1000);
	assert_int_equal(ring_run(&ring), 0);
	assert_int_equal(first.call.result, 7);
	assert_false(pthread_equal(first.asked, pthread_self()));
	assert_true(pthread_equal(first.answered, pthread_self()));
	machine_end(machine);
	late = first;
	late.nr_replies = 0;
	r = machine_call(machine, &late.call);
	sem_wait(&ended);
	assert_int_equal(machine_join(machine, &err), 0);
	ring_drain_posted(&ring);
	if (r)
		assert_int_equal(r, -ESHUTDOWN);
	else
		assert_int_equal(late.nr_replies, 1);
	assert_true(machine_free(machine));
	ring_destroy(&ring);
}

/* At whatever part it is being made: a guest that would run for ever does not. */
static void the_end_may_be_asked_for_at_any_time(void **state)
{
	const struct machine_owner owner = { on_opened, on_ended, NULL, NULL };
	struct config waiting = config;
	struct error err = { 0 };

	waiting.kernel = (char *)(uintptr_t)guest_that_waits;
	for (unsigned i = 0; i < 40; i++) {
		struct machine *machine;

		assert_int_equal(machine_create(&waiting, &owner, &machine, &err), 0);
		assert_int_equal(machine_start(machine, &err), 0);
		usleep(i * 200);
		machine_end(machine);
		sem_wait(&ended);
		assert_int_equal(machine_join(machine, &err), 0);
		assert_true(machine_free(machine));
	}
}

static int refuse(struct machine *machine, struct error *err)
{
	return error_set(err, -EIO, "this part");
}

/* The table, with one part that cannot be made but has all else of what it stands for. */
static void end_at_each(const struct machine_part *parts[], const struct holdings *before)
{
	for (unsigned i = 0; parts[i]; i++) {
		const struct machine_part *part = parts[i];
		const struct machine_part broken = { part->name, refuse, part->destroy,
						     part->reset };
		struct error err = { 0 };

		parts[i] = &broken;
		assert_int_equal(live(false, &err), -EIO);
		parts[i] = part;
		assert_string_equal(err.object, "this part");
		assert_same(before, part->name);
	}
}

static void making_may_end_at_each_part(void **state)
{
	struct holdings before;
	struct error err = { 0 };

	assert_int_equal(live(false, &err), 0);
	before = hold();
	end_at_each(machine_planned, &before);
	end_at_each(machine_built, &before);
}

static void any_call_of_the_host_may_fail(void **state)
{
	unsigned nr_fatal = 0, nth = 0;
	const char *failed;
	struct holdings before;
	struct error err = { 0 };

	assert_int_equal(live(false, &err), 0);
	before = hold();
	do {
		char when[64];
		int r;

		fault_arm(++nth);
		r = live(false, &err);
		failed = fault_disarm();
		snprintf(when, sizeof(when), "call %u, %s", nth, failed ? failed : "none");
		if (r && !*err.object)
			fail_msg("%s: error %d without an object", when, r);
		nr_fatal += r != 0;
		assert_same(&before, when);
		err = (struct error){ 0 };
	} while (failed);
	print_message("%u calls, %u of which end the machine\n", nth - 1, nr_fatal);
	assert_within(nr_fatal, 50, nth);
}

static void make_file(const char *name, off_t size)
{
	char path[sizeof(folder) + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), size), 0);
	fclose(file);
}

static void *do_nothing(void *arg)
{
	return NULL;
}

static int setup(void **state)
{
	struct error err = { 0 };
	pthread_t thread;
	char line[1024];

	assert_non_null(mkdtemp(folder));
	make_file("a", MIB);
	make_file("b", MIB);
	snprintf(line, sizeof(line),
		 "--kernel %s --cpus 2 --memory 64M --serial null --console socket=%s/console "
		 "--disk path=%s/a path=%s/b,direct=on,num_queues=2 --rng src=/dev/urandom%s",
		 guest, folder, folder, folder, more);
	assert_int_equal(line_parse(&config, line, &err), 0);
	assert_int_equal(trace_init(&err), 0);
	/* A sanitizer has a thread of its own as soon as there is another one. */
	assert_int_equal(pthread_create(&thread, NULL, do_nothing, NULL), 0);
	pthread_join(thread, NULL);
	usleep(200000);
	threads_before = folder_count("/proc/self/task");
	sem_init(&ended, 0, 0);
	vcpu_signals_init();
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "a", "b" };

	trace_destroy();
	config_destroy(&config);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char path[sizeof(folder) + 16];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return folder_remove(folder);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines_come_and_go),
		cmocka_unit_test(a_machine_can_be_asked_while_it_runs),
		cmocka_unit_test(the_end_may_be_asked_for_at_any_time),
		cmocka_unit_test(making_may_end_at_each_part),
		cmocka_unit_test(any_call_of_the_host_may_fail),
	};

	const struct CMUnitTest first[] = { cmocka_unit_test(machines_come_and_go) };

	if (argc < 3) {
		fprintf(stderr, "usage: test_machine_life GUEST WAITING [OPTION...]\n");
		return 2;
	}
	guest = argv[1];
	guest_that_waits = argv[2];
	if (access("/dev/kvm", R_OK | W_OK)) {
		printf("1..0 # SKIP /dev/kvm cannot be opened\n");
		return 77;
	}
	if (argc == 3)
		return cmocka_run_group_tests(tests, setup, teardown);
	nr_rounds = FEWER_ROUNDS;
	for (int i = 3; i < argc; i++)
		snprintf(more + strlen(more), sizeof(more) - strlen(more), " %s", argv[i]);
	return cmocka_run_group_tests(first, setup, teardown);
}
