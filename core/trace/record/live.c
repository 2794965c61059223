/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/record/live.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/trace_names.h"

static void show_histogram(const char *when, const struct histogram *h, double unit, FILE *out)
{
	if (!h->count)
		return;
	fprintf(out, "    %-8s %12llu %12.2f %12.2f %12.2f %12.2f\n", when,
		(unsigned long long)h->count, (double)histogram_percentile(h, 50) / unit,
		(double)histogram_percentile(h, 99) / unit,
		(double)histogram_percentile(h, 99.9) / unit, (double)h->max / unit);
}

static void show_histograms(const struct trace_snapshot *later,
			    const struct trace_snapshot *earlier, uint64_t tsc_hz, FILE *out)
{
	struct histogram difference;

	for (unsigned i = 0; i < TRACE_HISTOGRAMS; i++) {
		const struct trace_measure m = trace_histogram_measure(later->object.kind, i);
		const struct histogram *h = &later->object.histogram[i];
		double unit = m.is_time ? (double)tsc_hz / 1e6 : 1;
		char name[32];

		if (!m.name || !h->count)
			continue;
		snprintf(name, sizeof(name), "%s%s", m.name, m.is_time ? " (us)" : "");
		fprintf(out, "  %-14s %8s %12s %12s %12s %12s\n", name, "count", "p50", "p99",
			"p99.9", "max");
		trace_histogram_difference(&difference, h, &earlier->object.histogram[i]);
		show_histogram("interval", &difference, unit, out);
		show_histogram("total", h, unit, out);
	}
}

void trace_live_object(const struct trace_snapshot *later, const struct trace_snapshot *earlier,
		       uint64_t tsc_hz, FILE *out)
{
	const uint64_t *now = later->object.counter, *then = earlier->object.counter;
	double seconds = (double)(later->tsc - earlier->tsc) / (double)tsc_hz;
	uint64_t polls = now[TRACE_RING_POLLS] - then[TRACE_RING_POLLS];

	fprintf(out, "%s:", later->object.name);
	for (unsigned i = 0; i < TRACE_COUNTERS; i++) {
		const char *name = trace_counter_name(later->object.kind, i);

		if (name && now[i])
			fprintf(out, " %s %.1f/s", name, (double)(now[i] - then[i]) / seconds);
	}
	if (later->object.kind == TRACE_RING && polls)
		fprintf(out, " polls-that-paid %.1f%%",
			100.0 * (double)(now[TRACE_RING_POLLS_HIT] - then[TRACE_RING_POLLS_HIT]) /
				(double)polls);
	fputc('\n', out);
	show_histograms(later, earlier, tsc_hz, out);
}

/* One that came since the last screen began with nothing. */
static int show_all(const struct trace_source *source, struct trace_snapshot **before, unsigned *nr,
		    FILE *out)
{
	unsigned now = trace_source_objects(source);
	struct trace_snapshot *grown, *later;

	grown = realloc(*before, (now + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*before = grown;
	/* The room behind the last one. */
	later = &grown[now];
	for (unsigned i = 0; i < now; i++) {
		trace_source_object(source, i, later);
		if (i < *nr && out)
			trace_live_object(later, &grown[i], source->header.tsc_hz, out);
		grown[i] = *later;
	}
	*nr = now;
	return 0;
}

int trace_live(const struct trace_source *source, const struct trace_live_options *options,
	       FILE *out, struct error *err)
{
	const struct timespec wait = {
		.tv_sec = (time_t)options->interval_s,
		.tv_nsec =
			(long)((options->interval_s - (double)(time_t)options->interval_s) * 1e9),
	};
	bool terminal = isatty(fileno(out));
	struct trace_snapshot *before = NULL;
	unsigned nr = 0, shown = 0;
	int r;

	r = show_all(source, &before, &nr, NULL);
	while (!r && (!options->count || shown++ < options->count)) {
		if (trace_source_has_ended(source) || nanosleep(&wait, NULL))
			break;
		fprintf(out,
			terminal ? "\033[H\033[2J%s, process %d, every %g s\n"
				 : "\n%s, process %d, every %g s\n",
			source->header.vm, source->pid, options->interval_s);
		r = show_all(source, &before, &nr, out);
		if (fflush(out))
			r = -errno;
	}
	free(before);
	return r ? error_set(err, r, "process %d", source->pid) : 0;
}
