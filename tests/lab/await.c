/* SPDX-License-Identifier: Apache-2.0 */
/*
 * await FILE REGEX COUNT SECONDS PID: wait until FILE has COUNT lines that match, as grep -E has it; a line may still lack
 * its end. Told by inotify, where a loop of grep and sleep would cost the lab most of what a guest does meanwhile.
 *
 * Exit status 0 when it has; 1 after so many seconds; 3 when process PID ended before; 2 usage, and what cannot be.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RECHECK_MS 1000 /* should a change ever not be told */

/* What was read so far of the file, up to the line that is still being written. */
struct reader {
	FILE *file;
	regex_t regex;
	long nr_matching; /* of whole lines */
	char *line;
	size_t size;
};

static bool matches(struct reader *r, char *line, size_t length)
{
	while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		line[--length] = '\0';
	/* What the terminal or the guest's firmware sent may hold zeros. */
	for (size_t i = 0; i < length; i++)
		if (!line[i])
			line[i] = ' ';
	return !regexec(&r->regex, line, 0, NULL, 0);
}

/* How many lines match now. */
static long look(struct reader *r)
{
	long at = ftell(r->file), partial = 0;
	ssize_t length;

	if (fseek(r->file, 0, SEEK_END) == 0 && ftell(r->file) < at) {
		at = 0; /* emptied */
		r->nr_matching = 0;
	}
	fseek(r->file, at, SEEK_SET);
	while ((length = getline(&r->line, &r->size, r->file)) > 0) {
		bool is_whole = r->line[length - 1] == '\n',
		     does = matches(r, r->line, (size_t)length);

		if (!is_whole) {
			partial = does;
			break;
		}
		r->nr_matching += does;
		at = ftell(r->file);
	}
	clearerr(r->file);
	fseek(r->file, at, SEEK_SET);
	return r->nr_matching + partial;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int wait_for(struct reader *r, int inotify, int pidfd, long count, long long until)
{
	struct pollfd fds[] = { { .fd = inotify, .events = POLLIN },
				{ .fd = pidfd, .events = POLLIN } };
	char events[4096];

	for (;;) {
		bool has_ended = pidfd < 0 || fds[1].revents;
		long long left = until - now_ms();

		if (look(r) >= count)
			return 0;
		if (has_ended)
			return 3;
		if (left <= 0)
			return 1;
		if (poll(fds, 2, left < RECHECK_MS ? (int)left : RECHECK_MS) < 0 && errno != EINTR)
			return 2;
		if (fds[0].revents && read(inotify, events, sizeof(events)) < 0)
			return 2;
	}
}

int main(int argc, char **argv)
{
	struct reader reader = { 0 };
	int fd, inotify, pidfd;

	if (argc != 6 || regcomp(&reader.regex, argv[2], REG_EXTENDED | REG_NOSUB)) {
		fprintf(stderr, "usage: await FILE REGEX COUNT SECONDS PID\n");
		return 2;
	}
	/* Whoever is to write it may have been started, and not come to open it. */
	fd = open(argv[1], O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	reader.file = fd < 0 ? NULL : fdopen(fd, "r");
	inotify = inotify_init1(IN_CLOEXEC);
	if (!reader.file || inotify_add_watch(inotify, argv[1], IN_MODIFY) < 0) {
		perror(argv[1]);
		return 2;
	}
	/* A process that is no more has no descriptor. */
	pidfd = (int)syscall(SYS_pidfd_open, atoi(argv[5]), 0);
	return wait_for(&reader, inotify, pidfd, atol(argv[3]), now_ms() + 1000 * atol(argv[4]));
}
