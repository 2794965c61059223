/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/points.h"

#include <string.h>

uint64_t trace_points_first(const uint64_t *at, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		if (at[i])
			return at[i];
	}
	return 0;
}

uint64_t trace_points_last(const uint64_t *at, unsigned nr)
{
	while (nr-- > 0) {
		if (at[nr])
			return at[nr];
	}
	return 0;
}

void trace_points_set(uint64_t *at, unsigned point, uint64_t tsc)
{
	uint64_t last = trace_points_last(at, point);

	at[point] = tsc > last ? tsc : last;
}

uint64_t trace_points_stage(const uint64_t *at, unsigned point)
{
	uint64_t last = trace_points_last(at, point);

	return at[point] && last ? at[point] - last : 0;
}

void trace_points_measure(const uint64_t *at, unsigned nr, unsigned point, struct histogram *h)
{
	if (point == nr)
		histogram_record(h, trace_points_last(at, nr) - trace_points_first(at, nr));
	else if (at[point] && trace_points_last(at, point))
		histogram_record(h, trace_points_stage(at, point));
}

static uint64_t took(const void *first, size_t stride, size_t i, unsigned nr_points)
{
	const uint64_t *at = (const void *)((const char *)first + i * stride);

	return trace_points_last(at, nr_points) - trace_points_first(at, nr_points);
}

size_t trace_points_slowest(const void *first, size_t stride, size_t nr, unsigned nr_points,
			    size_t *out, size_t max)
{
	size_t found = 0;

	for (size_t i = 0; i < nr; i++) {
		uint64_t this = took(first, stride, i, nr_points);
		size_t at = found;

		while (at > 0 && took(first, stride, out[at - 1], nr_points) < this)
			at--;
		if (at == max)
			continue;
		found += found < max;
		memmove(&out[at + 1], &out[at], (found - at - 1) * sizeof(*out));
		out[at] = i;
	}
	return found;
}
