/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/trace_names.h"

double trace_report_unit(const struct trace_recording *rec, bool is_time)
{
	return is_time ? (double)rec->header.tsc_hz / 1e6 : 1;
}

const char *trace_report_name(const struct trace_recording *rec, unsigned object)
{
	if (object >= rec->header.max_objects || !rec->object[object].begin)
		return "unknown";
	return rec->object[object].begin->name;
}

void trace_report_text(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc(strchr("\"\\<>&", *text) ? '?' : *text, out);
}

/* Empty: not known, or where it began. */
static void csv_stages(const uint64_t *at, unsigned nr, double ns, FILE *out)
{
	uint64_t first = trace_points_first(at, nr);

	for (unsigned p = 1; p < nr; p++) {
		fputc(',', out);
		if (at[p] && at[p] != first)
			fprintf(out, "%.1f", (double)trace_points_stage(at, p) / ns);
	}
}

static void csv_time(const struct trace_recording *rec, const uint64_t *at, unsigned nr, FILE *out)
{
	const double ns = (double)rec->header.tsc_hz / 1e9;
	uint64_t first = trace_points_first(at, nr);

	fprintf(out, ",%.0f,%.1f", (double)(int64_t)(first - rec->header.tsc_base) / ns,
		(double)(trace_points_last(at, nr) - first) / ns);
}

static void csv_commas(unsigned nr, FILE *out)
{
	while (nr-- > 0)
		fputc(',', out);
}

/* A line has either a queue and its stages or a vector and those. */
void trace_report_csv(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out)
{
	const double ns = (double)rec->header.tsc_hz / 1e9;

	fprintf(out, "queue,head,bytes,result,begin_ns,total_ns");
	for (unsigned p = 1; p < TRACE_NR_POINTS; p++)
		fprintf(out, ",%s_ns", trace_point_name(p));
	fprintf(out, ",vector");
	for (unsigned p = 1; p < TRACE_INTERRUPT_NR_POINTS; p++)
		fprintf(out, ",vector_%s_ns", trace_interrupt_point_name(p));
	fputc('\n', out);
	for (size_t i = 0; i < spans->nr; i++) {
		const struct trace_span *s = &spans->span[i];

		fputc('"', out);
		trace_report_text(trace_report_name(rec, s->object), out);
		fprintf(out, "\",%u,%llu,%d", s->head, (unsigned long long)s->bytes, s->result);
		csv_time(rec, s->at, TRACE_NR_POINTS, out);
		csv_stages(s->at, TRACE_NR_POINTS, ns, out);
		csv_commas(TRACE_INTERRUPT_NR_POINTS, out);
		fputc('\n', out);
	}
	for (size_t i = 0; i < spans->interrupts.nr; i++) {
		const struct trace_interrupt *s = &spans->interrupts.interrupt[i];

		csv_commas(3, out);
		csv_time(rec, s->at, TRACE_INTERRUPT_NR_POINTS, out);
		csv_commas(TRACE_NR_POINTS, out);
		fputc('"', out);
		trace_report_text(spans->interrupts.vector[s->vector].name, out);
		fputc('"', out);
		csv_stages(s->at, TRACE_INTERRUPT_NR_POINTS, ns, out);
		fputc('\n', out);
	}
}

/* As HdrHistogram's outputPercentileDistribution() has it: half the way that is left, five times each. */
static void hgrm(const struct histogram *h, double unit, FILE *out)
{
	double percent = 0, mean = (double)h->sum / (double)h->count / unit, square = 0;

	fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
		"1/(1-Percentile)");
	for (double half = 100; percent < 100 && half > 1e-6; half /= 2) {
		for (unsigned i = 0; i < 5; i++, percent += half / 10) {
			double rank = percent / 100 * (double)h->count;

			fprintf(out, "%12.3f %2.12f %10.0f %14.2f\n",
				(double)histogram_percentile(h, percent) / unit, percent / 100,
				rank < 1 ? 1 : rank, 100 / (100 - percent));
		}
		if ((100 - percent) / 100 * (double)h->count < 1)
			break;
	}
	fprintf(out, "%12.3f %2.12f %10llu\n", (double)h->max / unit, 1.0,
		(unsigned long long)h->count);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		double v = ((double)histogram_bucket_low(i) + (double)histogram_bucket_high(i)) /
				   2 / unit -
			   mean;

		square += (double)h->bucket[i] * v * v;
	}
	fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean,
		sqrt(square / (double)h->count));
	fprintf(out, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)h->max / unit,
		(unsigned long long)h->count);
	fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", 64 - HISTOGRAM_SUB_BITS,
		1 << HISTOGRAM_SUB_BITS);
}

static void hgrm_vectors(const struct trace_recording *rec, const struct trace_interrupts *all,
			 struct histogram *h, FILE *out)
{
	for (size_t i = 0; i < all->nr_vectors; i++) {
		trace_interrupts_measure(all, i, TRACE_INTERRUPT_NR_POINTS, h);
		if (!h->count)
			continue;
		fprintf(out, "# %s total (us)\n", all->vector[i].name);
		hgrm(h, trace_report_unit(rec, true), out);
	}
}

int trace_report_hgrm(const struct trace_recording *rec, const struct trace_spans *spans, FILE *out,
		      struct error *err)
{
	struct trace_object *o = malloc(sizeof(*o));

	if (!o)
		return error_set(err, -ENOMEM, "report");
	for (unsigned i = 0; i < rec->header.max_objects; i++) {
		if (!trace_recording_object(rec, i, o))
			continue;
		for (unsigned h = 0; h < TRACE_HISTOGRAMS; h++) {
			const struct trace_measure m = trace_histogram_measure(o->kind, h);

			if (!m.name || !o->histogram[h].count)
				continue;
			fprintf(out, "# %s %s%s\n", o->name, m.name, m.is_time ? " (us)" : "");
			hgrm(&o->histogram[h], trace_report_unit(rec, m.is_time), out);
		}
	}
	hgrm_vectors(rec, &spans->interrupts, &o->histogram[0], out);
	free(o);
	return 0;
}

int trace_report(const struct trace_recording *recording, enum trace_report_format format,
		 FILE *out, struct error *err)
{
	struct trace_spans spans;
	int r;

	r = trace_spans_make(&spans, recording, err);
	if (r)
		return r;
	if (format == TRACE_REPORT_HGRM)
		r = trace_report_hgrm(recording, &spans, out, err);
	else if (format == TRACE_REPORT_JSON)
		r = trace_report_json(recording, &spans, out, err);
	else if (format == TRACE_REPORT_HTML)
		r = trace_report_html(recording, &spans, out, err);
	else if (format == TRACE_REPORT_CSV)
		trace_report_csv(recording, &spans, out);
	else
		trace_report_perfetto(recording, &spans, out);
	trace_spans_free(&spans);
	return r;
}
