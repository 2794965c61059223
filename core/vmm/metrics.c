/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/metrics.h"

#include <stddef.h>
#include <stdlib.h>

#include "core/base/bits.h"
#include "core/base/trace.h"
#include "core/base/trace_names.h"

enum metric_type {
	METRIC_COUNTER,
	METRIC_EXITS,  /* all counters, of which each is a reason */
	METRIC_CYCLES, /* a histogram, shown in seconds */
	METRIC_NUMBERS /* a histogram of what has no unit */
};

struct metric {
	enum metric_type type;
	enum trace_kind kind;
	unsigned index;
	const char *name, *help;
};

static const struct metric metrics_table[] = {
	{ METRIC_EXITS, TRACE_VCPU, 0, "exits_total", "returns of KVM_RUN, by reason" },
	{ METRIC_CYCLES, TRACE_VCPU, TRACE_VCPU_HANDLE, "handle_seconds",
	  "from the return of KVM_RUN to its next call" },
	{ METRIC_COUNTER, TRACE_RING, TRACE_RING_TURNS, "turns_total", "turns" },
	{ METRIC_COUNTER, TRACE_RING, TRACE_RING_WAITS, "waits_total", "turns that slept" },
	{ METRIC_COUNTER, TRACE_RING, TRACE_RING_POLLS, "polls_total", "times it polled" },
	{ METRIC_COUNTER, TRACE_RING, TRACE_RING_POLLS_HIT, "polls_hit_total",
	  "polls that found something" },
	{ METRIC_COUNTER, TRACE_RING, TRACE_RING_CALLS, "calls_total", "io_uring_enter calls" },
	{ METRIC_COUNTER, TRACE_RING, TRACE_RING_COMPLETIONS, "completions_total", "completions" },
	{ METRIC_NUMBERS, TRACE_RING, TRACE_RING_BATCH, "batch", "completions of a turn" },
	{ METRIC_CYCLES, TRACE_RING, TRACE_RING_BUSY, "busy_seconds",
	  "of a turn, without what it slept or polled" },
	{ METRIC_COUNTER, TRACE_QUEUE, TRACE_QUEUE_REQUESTS, "requests_total", "requests done" },
	{ METRIC_COUNTER, TRACE_QUEUE, TRACE_QUEUE_BYTES, "bytes_total",
	  "bytes of requests, either way" },
	{ METRIC_COUNTER, TRACE_QUEUE, TRACE_QUEUE_KICKS, "kicks_total",
	  "doorbells that woke the ring" },
	{ METRIC_COUNTER, TRACE_QUEUE, TRACE_QUEUE_INTERRUPTS, "interrupts_total",
	  "interrupts sent" },
	{ METRIC_COUNTER, TRACE_QUEUE, TRACE_QUEUE_ERRORS, "errors_total", "requests that failed" },
	{ METRIC_CYCLES, TRACE_QUEUE, TRACE_QUEUE_LATENCY, "latency_seconds",
	  "from taking a request to showing that it is done" },
	{ METRIC_CYCLES, TRACE_QUEUE, TRACE_QUEUE_DEVICE, "device_seconds",
	  "from taking a request to the end of its last operation" },
	{ METRIC_NUMBERS, TRACE_QUEUE, TRACE_QUEUE_BATCH, "batch",
	  "requests that are shown done at once" },
	{ METRIC_COUNTER, TRACE_VECTOR, TRACE_VECTOR_INTERRUPTS, "interrupts_total",
	  "interrupts passed on" },
	{ METRIC_CYCLES, TRACE_VECTOR, TRACE_VECTOR_FORWARD, "forward_seconds",
	  "from an interrupt's arrival at its ring to its signal onwards" },
};

/* What an object has before its histograms. */
struct head {
	uint16_t kind, thread;
	uint32_t pad;
	char name[TRACE_NAME_SIZE];
	uint64_t counter[TRACE_COUNTERS];
};

_Static_assert(sizeof(struct head) == offsetof(struct trace_object, histogram) &&
		       offsetof(struct head, counter) == offsetof(struct trace_object, counter),
	       "an object begins with its head");

/* One read for each object and answer; NULL: there is no object, or no memory. */
static struct head *read_heads(unsigned *nr)
{
	struct head *heads = NULL;
	unsigned room = 0;

	for (*nr = 0;; ++*nr) {
		if (*nr == room) {
			struct head *grown = reallocarray(heads, room + 64, sizeof(*heads));

			if (!grown)
				break;
			heads = grown;
			room += 64;
		}
		if (!trace_read(*nr, 0, &heads[*nr], sizeof(*heads)))
			break;
		/* The file can be written by others. */
		heads[*nr].name[TRACE_NAME_SIZE - 1] = '\0';
	}
	return heads;
}

/* The device's part of a name is the user's. */
static void print_label(FILE *out, const char *kind, const char *name, const char *more,
			const char *value)
{
	fprintf(out, "{%s=\"", kind);
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			fputc('\\', out);
		fputc(*name == '\n' ? ' ' : *name, out);
	}
	fputc('"', out);
	if (more)
		fprintf(out, ",%s=\"%s\"", more, value);
	fputc('}', out);
}

static void print_counter(FILE *out, const struct metric *metric, const char *name,
			  const uint64_t *counter)
{
	const char *kind = trace_kind_name(metric->kind);

	if (metric->type == METRIC_COUNTER) {
		fprintf(out, "torc_%s_%s", kind, metric->name);
		print_label(out, kind, name, NULL, NULL);
		fprintf(out, " %llu\n", (unsigned long long)counter[metric->index]);
		return;
	}
	for (unsigned i = 0; i < VCPU_NR_EXITS; i++) {
		fprintf(out, "torc_%s_%s", kind, metric->name);
		print_label(out, kind, name, "reason", trace_counter_name(TRACE_VCPU, i));
		fprintf(out, " %llu\n", (unsigned long long)counter[i]);
	}
}

static void print_summary(FILE *out, const struct metric *metric, const char *name,
			  const struct histogram *h)
{
	static const char *const quantiles[] = { "0.5", "0.9", "0.99", "0.999", "1" };
	static const double percents[] = { 50, 90, 99, 99.9, 100 };
	const char *kind = trace_kind_name(metric->kind);
	double unit = metric->type == METRIC_CYCLES ? 1 / (double)trace_tsc_hz() : 1;

	for (unsigned i = 0; i < ARRAY_SIZE(quantiles); i++) {
		fprintf(out, "torc_%s_%s", kind, metric->name);
		print_label(out, kind, name, "quantile", quantiles[i]);
		fprintf(out, " %.9g\n", (double)histogram_percentile(h, percents[i]) * unit);
	}
	fprintf(out, "torc_%s_%s_sum", kind, metric->name);
	print_label(out, kind, name, NULL, NULL);
	fprintf(out, " %.9g\n", (double)h->sum * unit);
	fprintf(out, "torc_%s_%s_count", kind, metric->name);
	print_label(out, kind, name, NULL, NULL);
	fprintf(out, " %llu\n", (unsigned long long)h->count);
}

static void print_histogram(FILE *out, const struct metric *metric, unsigned i, const char *name)
{
	struct histogram raw, merged = { 0 };

	if (!trace_read(i, offsetof(struct trace_object, histogram[metric->index]), &raw,
			sizeof(raw)))
		return;
	/* What has recorded nothing has no quantiles. */
	histogram_merge(&merged, &raw);
	if (merged.count)
		print_summary(out, metric, name, &merged);
}

static void print_metric(FILE *out, const struct metric *metric, const struct head *heads,
			 unsigned nr)
{
	bool is_summary = metric->type == METRIC_CYCLES || metric->type == METRIC_NUMBERS;
	const char *kind = trace_kind_name(metric->kind);

	/* How long a cycle is is known once the guest runs. */
	if (metric->type == METRIC_CYCLES && !trace_tsc_hz())
		return;
	fprintf(out, "# HELP torc_%s_%s %s\n# TYPE torc_%s_%s %s\n", kind, metric->name,
		metric->help, kind, metric->name, is_summary ? "summary" : "counter");
	for (unsigned i = 0; i < nr; i++) {
		if (heads[i].kind != metric->kind)
			continue;
		if (is_summary)
			print_histogram(out, metric, i, heads[i].name);
		else
			print_counter(out, metric, heads[i].name, heads[i].counter);
	}
}

static void print_state(FILE *out, const struct machine_status *status)
{
	fprintf(out,
		"# HELP torc_machine_state what the machine does\n# TYPE torc_machine_state gauge\n"
		"torc_machine_state{state=\"%s\"} 1\n"
		"# HELP torc_machine_resets_total resets of the guest\n"
		"# TYPE torc_machine_resets_total counter\ntorc_machine_resets_total %llu\n",
		machine_state_name(status->state), (unsigned long long)status->nr_resets);
	if (status->nr_devices)
		fputs("# HELP torc_device_state where a device is in its life\n"
		      "# TYPE torc_device_state gauge\n",
		      out);
	for (unsigned i = 0; i < status->nr_devices; i++) {
		const struct machine_device_status *device = &status->device[i];
		char more[96];

		snprintf(more, sizeof(more), "%s\",state=\"%s", device->noun,
			 device_state_name(device->state));
		fputs("torc_device_state", out);
		print_label(out, "device", device->id, "kind", more);
		fputs(" 1\n", out);
	}
}

void metrics_print(FILE *out, const struct metrics_source *source)
{
	struct machine_status *status = source ? source->status(source->opaque) : NULL;

	unsigned nr;
	struct head *heads = read_heads(&nr);

	for (unsigned i = 0; i < ARRAY_SIZE(metrics_table); i++)
		print_metric(out, &metrics_table[i], heads, nr);
	if (status)
		print_state(out, status);
	free(status);
	free(heads);
}
