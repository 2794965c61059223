/* SPDX-License-Identifier: Apache-2.0 */
#include <benchmark/benchmark.h>

#include "bench/bench.h"

struct bench_state {
	benchmark::State *state;
};

bool bench_next(struct bench_state *state)
{
	return state->state->KeepRunning();
}

void bench_pause(struct bench_state *state)
{
	state->state->PauseTiming();
}

void bench_resume(struct bench_state *state)
{
	state->state->ResumeTiming();
}

void bench_time(struct bench_state *state, uint64_t ns)
{
	state->state->SetIterationTime(static_cast<double>(ns) * 1e-9);
}

void bench_counter(struct bench_state *state, const char *name, double value)
{
	state->state->counters[name] = value;
}

void bench_items(struct bench_state *state, int64_t items)
{
	state->state->SetItemsProcessed(items);
}

void bench_skip(struct bench_state *state, const char *why)
{
	state->state->SkipWithError(why);
}

void bench_bytes(struct bench_state *state, int64_t bytes)
{
	state->state->SetBytesProcessed(bytes);
}

int main(int argc, char **argv)
{
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	for (const struct bench *bench = bench_table; bench->name; bench++) {
		auto *b =
			benchmark::RegisterBenchmark(bench->name, [bench](benchmark::State &state) {
				struct bench_state wrapped = { &state };

				bench->run(&wrapped, state.range(0));
			});

		for (int64_t arg : bench->args) {
			if (arg)
				b->Arg(arg);
		}
		if (bench_has_own_clock)
			b->UseManualTime()->Iterations(20);
		else
			b->UseRealTime();
	}
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}
