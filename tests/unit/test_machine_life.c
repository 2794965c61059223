/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines that are made, run and taken apart again and again in one process, with a guest that powers off at once: nothing
 * is left of them, also where the making ends at any of its parts, or at any call of the host's.
 *
 * usage: test_machine_life GUEST
 */
#include <dirent.h>
#include <errno.h>
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
#include "tests/fake/fault.h"
#include "tests/unit/config_line.h"
#include "tests/unit/within.h"

#define ROUNDS 50
#define MEMORY (64 * MIB)

static const char *guest;
static char folder[] = "/tmp/torc-machine.XXXXXX";
static struct config config;
static sem_t ended;
static unsigned maps_when_open;

/** What a process has: descriptors, threads, lines of maps, KiB that are locked. */
struct holdings {
	unsigned fds, threads, maps;
	unsigned long locked;
};

static unsigned count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

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

static struct holdings hold(void)
{
	return (struct holdings){
		.fds = count_entries("/proc/self/fd"),
		.threads = count_entries("/proc/self/task"),
		.maps = count_maps(),
		.locked = count_locked(),
	};
}

/* A thread that was joined may be in the list for a moment. */
static void assert_same(const struct holdings *before, const char *when)
{
	struct holdings now = hold();

	for (unsigned i = 0; i < 100 && now.threads != before->threads; i++) {
		usleep(10000);
		now = hold();
	}
	if (now.fds == before->fds && now.threads == before->threads && now.maps == before->maps &&
	    now.locked == before->locked)
		return;
	fail_msg(
		"%s: %u descriptors, %u threads, %u mappings, %lu KiB locked; before %u, %u, %u, %lu",
		when, now.fds, now.threads, now.maps, now.locked, before->fds, before->threads,
		before->maps, before->locked);
}

/* @opaque: whether to look what there is. */
static void on_opened(void *opaque)
{
	if (opaque)
		maps_when_open = count_maps();
}

static void on_ended(void *opaque)
{
	sem_post(&ended);
}

/* One machine from the configuration to its end. */
static int live(bool is_looked_at, struct error *err)
{
	const struct machine_owner owner = { on_opened, on_ended, is_looked_at ? &config : NULL };
	struct machine *machine = NULL;
	int r = machine_create(&config, &owner, &machine, err);

	if (!r)
		r = machine_start(machine, err);
	if (!r) {
		sem_wait(&ended);
		r = machine_join(machine, err);
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

	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(live(i == 1, &err), 0);
		if (i == 1)
			second = hold();
	}
	assert_same(&second, "after all rounds");
	/* Nor of where they counted: there are as many objects as one machine has, main thread's and all. */
	assert_within(count_objects(), 8, 16);
	/* It can be told: rings and vCPUs are shared with the kernel. */
	assert_within(maps_when_open, second.maps + 4, UINT32_MAX);
}

static int refuse(struct machine *machine, struct error *err)
{
	return error_set(err, -EIO, "this part");
}

/* The table, with one part that cannot be made but has all else of what it stands for. */
static void making_may_end_at_each_part(void **state)
{
	struct holdings before;
	struct error err = { 0 };

	assert_int_equal(live(false, &err), 0);
	before = hold();
	for (unsigned i = 0; machine_built[i]; i++) {
		const struct machine_part *part = machine_built[i];
		const struct machine_part broken = { part->name, refuse, part->destroy,
						     part->reset };

		machine_built[i] = &broken;
		assert_int_equal(live(false, &err), -EIO);
		machine_built[i] = part;
		assert_string_equal(err.object, "this part");
		assert_same(&before, part->name);
	}
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

static int setup(void **state)
{
	struct error err = { 0 };
	char line[1024];

	assert_non_null(mkdtemp(folder));
	make_file("a", MIB);
	make_file("b", MIB);
	snprintf(line, sizeof(line),
		 "--kernel %s --cpus 2 --memory 64M --serial null --console socket=%s/console "
		 "--disk path=%s/a path=%s/b,direct=on,num_queues=2 --rng src=/dev/urandom",
		 guest, folder, folder, folder);
	assert_int_equal(line_parse(&config, line, &err), 0);
	assert_int_equal(trace_init(&err), 0);
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
	/* Not empty if a socket was left behind. */
	if (rmdir(folder)) {
		print_error("%s: %s\n", folder, strerror(errno));
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines_come_and_go),
		cmocka_unit_test(making_may_end_at_each_part),
		cmocka_unit_test(any_call_of_the_host_may_fail),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: test_machine_life GUEST\n");
		return 2;
	}
	guest = argv[1];
	if (access("/dev/kvm", R_OK | W_OK)) {
		printf("1..0 # SKIP /dev/kvm cannot be opened\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
