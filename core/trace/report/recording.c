/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/trace/record/source.h"
#include "core/trace/report/recording_block.h"

static int by_time(const void *a, const void *b)
{
	const struct trace_kernel_event *x = a, *y = b;

	return (x->tsc > y->tsc) - (x->tsc < y->tsc);
}

static int read_header(struct trace_recording *rec, const char *data, size_t size)
{
	struct trace_record_header head;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, data, sizeof(head));
	if (head.magic != TRACE_RECORD_MAGIC || head.version != TRACE_RECORD_VERSION ||
	    head.trace.version != TRACE_VERSION || head.trace.tsc_hz < TRACE_MIN_TSC_HZ ||
	    head.trace.max_objects > TRACE_MAX_TABLE || head.trace.max_threads > TRACE_MAX_TABLE)
		return -EPROTO;
	rec->header = head.trace;
	trace_clean_text(rec->header.vm, sizeof(rec->header.vm));
	rec->object = calloc(head.trace.max_objects + 1ULL, sizeof(*rec->object));
	rec->thread = calloc(head.trace.max_threads + 1ULL, sizeof(*rec->thread));
	rec->notes = calloc(1, 1);
	return rec->object && rec->thread && rec->notes ? 0 : -ENOMEM;
}

/* A block that was begun when the recorder was killed does not count. */
static int read_all(struct trace_recording *rec, const char *data, size_t size)
{
	size_t at = sizeof(struct trace_record_header);
	struct trace_block b;
	int r = read_header(rec, data, size);

	while (!r && !rec->is_whole && size - at >= sizeof(b)) {
		memcpy(&b, data + at, sizeof(b));
		at += sizeof(b);
		if (b.size % 8)
			return -EPROTO;
		if (b.size > size - at)
			break;
		r = trace_recording_block(rec, b.type, data + at, b.size);
		at += (size_t)b.size;
	}
	if (!r && rec->is_whole && at != size)
		return -EPROTO;
	if (!r && rec->nr_kernel)
		qsort(rec->kernel, rec->nr_kernel, sizeof(*rec->kernel), by_time);
	return r;
}

int trace_recording_open(struct trace_recording *recording, const char *path, struct error *err)
{
	struct trace_recording rec = { 0 };
	struct stat st;
	char *map = NULL;
	int r = -EPROTO, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, -errno, "%s", path);
	if (fstat(fd, &st))
		r = -errno;
	else if (S_ISREG(st.st_mode) && st.st_size)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		r = -errno;
	close(fd);
	if (map && map != MAP_FAILED) {
		r = read_all(&rec, map, (size_t)st.st_size);
		munmap(map, (size_t)st.st_size);
	}
	if (!r) {
		*recording = rec;
		return 0;
	}
	trace_recording_close(&rec);
	error_set(err, r, "%s", path);
	if (r == -EPROTO) {
		error_reason(err, "not a recording, or a damaged one");
		error_remedy(err, "torc-trace record -o FILE PID makes one");
	}
	return r;
}

void trace_recording_close(struct trace_recording *recording)
{
	for (unsigned i = 0; recording->object && i < recording->header.max_objects; i++) {
		free(recording->object[i].begin);
		free(recording->object[i].final);
	}
	for (unsigned i = 0; recording->thread && i < recording->header.max_threads; i++)
		free(recording->thread[i].event);
	free(recording->object);
	free(recording->thread);
	free(recording->kernel);
	free(recording->notes);
}

bool trace_recording_object(const struct trace_recording *recording, unsigned index,
			    struct trace_object *out)
{
	const struct trace_object *begin, *final;

	if (index >= recording->header.max_objects || !recording->object[index].begin)
		return false;
	begin = recording->object[index].begin;
	final = recording->object[index].final ? recording->object[index].final : begin;
	*out = *final;
	for (unsigned i = 0; i < TRACE_COUNTERS; i++)
		out->counter[i] = final->counter[i] - begin->counter[i];
	for (unsigned i = 0; i < TRACE_HISTOGRAMS; i++)
		trace_histogram_difference(&out->histogram[i], &final->histogram[i],
					   &begin->histogram[i]);
	return true;
}
