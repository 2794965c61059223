/* SPDX-License-Identifier: Apache-2.0 */
/* torc-trace, often root, looks at a process that only says that it is torc. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/error.h"
#include "core/trace/record/record.h"
#include "core/trace/record/source.h"
#include "core/trace/report/recording.h"
#include "core/trace/report/report.h"

/* What the other process shares. */
struct shared {
	int seals;
	uint32_t max_threads, nr_events;
	bool is_fifo;  /* of a memfd's name, in a file system that nobody else sees */
	unsigned seed; /* of what objects and events are made of; 0: they are empty */
};

/* Bytes of all kinds, of which every other word is small or none, so that some of it may be believed. */
static void scribble(void *to, uint64_t size, unsigned seed)
{
	uint64_t *word = to, x = seed * 0x9e3779b97f4a7c15ULL;

	for (uint64_t i = 0; i < size / sizeof(*word); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		word[i] = x & 1 ? x : x >> 32 & 7;
	}
}

static struct trace_header *share(const struct shared *s)
{
	uint64_t threads = 4096, objects = threads + s->max_threads * sizeof(struct trace_thread);
	uint64_t events = objects + 16 * sizeof(struct trace_object);
	uint64_t size = (events + s->nr_events * sizeof(struct trace_event) + 8191) & ~4095ULL;
	int fd = memfd_create("torc-trace", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct trace_thread *thread;
	struct trace_header *h;

	if (fd < 0 || ftruncate(fd, (off_t)size))
		_exit(1);
	h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (h == MAP_FAILED || fcntl(fd, F_ADD_SEALS, s->seals))
		_exit(2);
	*h = (struct trace_header){
		.magic = TRACE_MAGIC,
		.version = TRACE_VERSION,
		.pid = (uint32_t)getpid(),
		.size = size,
		.tsc_hz = 2000000000,
		.nr_events = s->nr_events,
		.max_threads = s->max_threads,
		.max_objects = 16,
		.threads = threads,
		.objects = objects,
		.nr_threads = s->max_threads,
		.nr_objects = 1,
	};
	thread = (void *)((char *)h + threads);
	thread->events = events;
	if (!s->seed)
		return h;
	h->nr_objects = 16;
	scribble((char *)h + objects, size - objects, s->seed);
	for (unsigned i = 0; i < s->max_threads; i++) {
		thread[i].events = events;
		scribble(thread[i].name, sizeof(thread[i].name), s->seed + i);
	}
	return h;
}

/* Goes on with it, so that what was seen once is something else the next time. Never returns. */
static void go_on(struct trace_header *h, const struct shared *s)
{
	struct trace_thread *thread = (void *)((char *)h + h->threads);

	for (unsigned seed = s->seed;; seed++) {
		scribble((char *)h + h->objects, h->size - h->objects, seed);
		for (unsigned i = 0; i < s->max_threads; i++)
			store_release(&thread[i].head, thread[i].head + 3);
	}
}

/* Where it mounts that file system. */
static char folder[] = "/tmp/test-hostile-XXXXXX";

static void make_fifo(void)
{
	/* As root one namespace will do; anybody else gets it with one of users. */
	if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
		_exit(77);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", folder, "tmpfs", 0, NULL) || chroot(folder) || chdir("/") ||
	    mkfifo("/memfd:torc-trace", 0600) || open("/memfd:torc-trace", O_PATH | O_CLOEXEC) < 0)
		_exit(77);
}

/* Return: the process, once it is ready; 0: it may not do that here. */
static pid_t begin(const struct shared *s)
{
	char ready = 0;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct trace_header *h = NULL;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (s->is_fifo)
			make_fifo();
		else
			h = share(s);
		if (write(fds[1], "r", 1) != 1)
			_exit(3);
		if (s->seed)
			go_on(h, s);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (read(fds[0], &ready, 1) != 1)
		ready = 0;
	close(fds[0]);
	if (ready)
		return pid;
	waitpid(pid, NULL, 0);
	return 0;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void refuses(const struct shared *s, int r, const char *reason)
{
	struct trace_source source;
	struct error err = { 0 };
	pid_t pid = begin(s);

	assert_true(pid > 0);
	assert_int_equal(trace_source_open(&source, pid, true, &err), r);
	assert_non_null(strstr(err.reason, reason));
	assert_true(err.remedy[0]);
	end(pid);
}

#define SEALED (F_SEAL_SHRINK | F_SEAL_GROW)

static void memory_that_can_be_cut_short_is_refused(void **state)
{
	refuses(&(struct shared){ .max_threads = 16, .nr_events = 64 }, -EPROTO, "cut short");
	refuses(&(struct shared){ .seals = F_SEAL_GROW, .max_threads = 16, .nr_events = 64 },
		-EPROTO, "cut short");
}

static void tables_have_their_limits(void **state)
{
	struct trace_source source;
	struct shared s = { .seals = SEALED, .max_threads = 1U << 28, .nr_events = 64 };
	pid_t pid;

	refuses(&s, -EPROTO, "makes no sense");
	s.max_threads = 16;
	pid = begin(&s);
	assert_int_equal(trace_source_open(&source, pid, true, NULL), 0);
	trace_source_close(&source);
	end(pid);
}

/* Opened as a file, it would wait for somebody to write to it. */
static void what_is_no_file_is_not_opened(void **state)
{
	struct trace_source source;
	struct error err = { 0 };
	pid_t pid;

	assert_non_null(mkdtemp(folder));
	pid = begin(&(struct shared){ .is_fifo = true });
	if (!pid) {
		rmdir(folder);
		print_message("no namespaces here\n");
		skip();
	}
	alarm(60);
	assert_int_equal(trace_source_open(&source, pid, false, &err), -ENOENT);
	alarm(0);
	assert_non_null(strstr(err.reason, "shares no trace"));
	end(pid);
	assert_int_equal(rmdir(folder), 0);
}

/* Whatever it writes, and goes on to write meanwhile. */
static void what_is_recorded_of_it_can_be_reported(void **state)
{
	char path[] = "/tmp/test-hostile-XXXXXX";
	struct trace_recording recording;
	struct trace_source source;
	struct shared s = { .seals = SEALED, .max_threads = 4, .nr_events = 64 };
	struct error err = { 0 };
	mode_t mask = umask(0);
	struct stat st;
	int fd = mkstemp(path);
	FILE *null = fopen("/dev/null", "we");

	assert_true(fd >= 0);
	assert_non_null(null);
	close(fd);
	for (s.seed = 1; s.seed <= 8; s.seed++) {
		pid_t pid = begin(&s);

		/* It is nobody else's, either. */
		assert_int_equal(unlink(path), 0);
		assert_int_equal(trace_source_open(&source, pid, true, &err), 0);
		assert_int_equal(trace_record_file(&source, path, 0.05, &err), 0);
		trace_source_close(&source);
		end(pid);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(trace_recording_open(&recording, path, &err), 0);
		for (int f = TRACE_REPORT_HTML; f <= TRACE_REPORT_PERFETTO; f++)
			assert_int_equal(trace_report(&recording, (enum trace_report_format)f, null,
						      &err),
					 0);
		trace_recording_close(&recording);
	}
	umask(mask);
	fclose(null);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_that_can_be_cut_short_is_refused),
		cmocka_unit_test(tables_have_their_limits),
		cmocka_unit_test(what_is_no_file_is_not_opened),
		cmocka_unit_test(what_is_recorded_of_it_can_be_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
