/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/recording_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/trace/record/source.h"

/* @nr more of @size bytes each; NULL: no memory. */
static void *grow(void **array, size_t *count, size_t *room, size_t nr, size_t size)
{
	if (*room - *count < nr) {
		size_t wanted = (*count + nr) * 2;
		void *grown = reallocarray(*array, wanted, size);

		if (!grown)
			return NULL;
		*array = grown;
		*room = wanted;
	}
	*count += nr;
	return (char *)*array + (*count - nr) * size;
}

static int read_thread(struct trace_recording *rec, const char *data, uint64_t size)
{
	struct trace_record_thread head;
	struct trace_recorded_thread *t;

	if (size != sizeof(head))
		return -EPROTO;
	memcpy(&head, data, sizeof(head));
	if (head.index >= rec->header.max_threads)
		return -EPROTO;
	t = &rec->thread[head.index];
	t->tid = head.tid;
	memcpy(t->name, head.name, sizeof(t->name));
	trace_clean_text(t->name, sizeof(t->name));
	return 0;
}

static int read_histogram(struct histogram *h, const char **data, uint64_t *size)
{
	struct trace_record_histogram head;
	uint64_t pair[2], sum = 0;

	if (*size < sizeof(head))
		return -EPROTO;
	memcpy(&head, *data, sizeof(head));
	*data += sizeof(head);
	*size -= sizeof(head);
	if (head.nr > HISTOGRAM_BUCKETS || *size < head.nr * sizeof(pair))
		return -EPROTO;
	for (uint64_t i = 0; i < head.nr; i++) {
		memcpy(pair, *data + i * sizeof(pair), sizeof(pair));
		if (pair[0] >= HISTOGRAM_BUCKETS || pair[1] > head.count - sum)
			return -EPROTO;
		h->bucket[pair[0]] = pair[1];
		sum += pair[1];
	}
	if (sum != head.count || (sum && head.min > head.max))
		return -EPROTO;
	h->count = head.count;
	h->sum = head.sum;
	h->min = head.min;
	h->max = head.max;
	*data += head.nr * sizeof(pair);
	*size -= head.nr * sizeof(pair);
	return 0;
}

static int read_object(struct trace_recording *rec, bool is_final, const char *data, uint64_t size)
{
	struct trace_record_object head;
	struct trace_recorded_object *recorded;
	struct trace_object *o, **slot;
	int r = 0;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, data, sizeof(head));
	data += sizeof(head);
	size -= sizeof(head);
	if (head.index >= rec->header.max_objects || head.kind >= TRACE_NR_KINDS)
		return -EPROTO;
	recorded = &rec->object[head.index];
	slot = is_final ? &recorded->final : &recorded->begin;
	if (*slot || (is_final && !recorded->begin))
		return -EPROTO;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	*slot = o;
	/* A process that is no torc may have made something else of it meanwhile. */
	o->kind = is_final ? recorded->begin->kind : head.kind;
	o->thread = head.thread;
	o->device = head.device;
	memcpy(o->name, head.name, sizeof(o->name));
	trace_clean_text(o->name, sizeof(o->name));
	memcpy(o->counter, head.counter, sizeof(o->counter));
	for (unsigned i = 0; i < TRACE_HISTOGRAMS && !r; i++)
		r = read_histogram(&o->histogram[i], &data, &size);
	return r ? r : size ? -EPROTO : 0;
}

static int read_events(struct trace_recording *rec, const char *data, uint64_t size)
{
	struct trace_record_events head;
	struct trace_recorded_thread *t;
	struct trace_event *to;
	size_t nr;

	if (size < sizeof(head) || (size - sizeof(head)) % sizeof(*to))
		return -EPROTO;
	memcpy(&head, data, sizeof(head));
	nr = (size_t)(size - sizeof(head)) / sizeof(*to);
	if (head.thread >= rec->header.max_threads)
		return -EPROTO;
	t = &rec->thread[head.thread];
	t->nr_dropped += head.dropped;
	if (head.dropped) {
		to = grow((void **)&t->event, &t->nr, &t->room, 1, sizeof(*to));
		if (!to)
			return -ENOMEM;
		memset(to, 0, sizeof(*to));
	}
	to = nr ? grow((void **)&t->event, &t->nr, &t->room, nr, sizeof(*to)) : NULL;
	if (nr && !to)
		return -ENOMEM;
	if (nr)
		memcpy(to, data + sizeof(head), nr * sizeof(*to));
	for (size_t i = 0; i < nr; i++) {
		if (!to[i].type || to[i].type >= TRACE_NR_TYPES)
			return -EPROTO;
	}
	return 0;
}

static int read_kernel(struct trace_recording *rec, const char *data, uint64_t size)
{
	size_t nr = (size_t)size / sizeof(*rec->kernel);
	struct trace_kernel_event *to;

	if (!nr || size % sizeof(*rec->kernel))
		return -EPROTO;
	to = grow((void **)&rec->kernel, &rec->nr_kernel, &rec->room_kernel, nr, sizeof(*to));
	if (!to)
		return -ENOMEM;
	memcpy(to, data, nr * sizeof(*to));
	for (size_t i = 0; i < nr; i++) {
		if (!to[i].type || to[i].type >= TRACE_KERNEL_NR_TYPES)
			return -EPROTO;
	}
	return 0;
}

static int read_note(struct trace_recording *rec, const char *data, uint64_t size)
{
	size_t length = strnlen(data, size);
	char *grown;

	if (!size || length == size)
		return -EPROTO;
	grown = realloc(rec->notes, rec->notes_size + length + 2);
	if (!grown)
		return -ENOMEM;
	rec->notes = grown;
	memcpy(grown + rec->notes_size, data, length + 1);
	trace_clean_text(grown + rec->notes_size, length + 1);
	rec->notes_size += length + 1;
	grown[rec->notes_size - 1] = '\n';
	grown[rec->notes_size] = '\0';
	return 0;
}

int trace_recording_block(struct trace_recording *rec, uint32_t type, const char *data,
			  uint64_t size)
{
	switch (type) {
	case TRACE_BLOCK_THREAD:
		return read_thread(rec, data, size);
	case TRACE_BLOCK_BEGIN:
	case TRACE_BLOCK_FINAL:
		return read_object(rec, type == TRACE_BLOCK_FINAL, data, size);
	case TRACE_BLOCK_EVENTS:
		return read_events(rec, data, size);
	case TRACE_BLOCK_KERNEL:
		return read_kernel(rec, data, size);
	case TRACE_BLOCK_NOTE:
		return read_note(rec, data, size);
	case TRACE_BLOCK_END:
		rec->is_whole = true;
		return size ? -EPROTO : 0;
	}
	return -EPROTO;
}
