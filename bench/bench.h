/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bench: Google Benchmark for C. A benchmark is a row of bench_table, which its program defines; runner.cc hands them
 * to the library. The functions are called by the benchmark's own thread.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_state; /* the library's */

struct bench {
	const char *name; /* NULL ends the table */
	/* Set up, then work while bench_next() says so, then clean up. */
	void (*run)(struct bench_state *state, int64_t arg);
	int64_t args[4]; /* one run for each; 0 ends them */
};

extern const struct bench bench_table[];

/* Each iteration says by bench_time() what it took; there are twenty. Otherwise the library times as many as it likes. */
extern const bool bench_has_own_clock;

/**
 * bench_next - whether to do one more iteration; what comes before the first call is not timed
 * @state: as run() got it
 *
 * Return: false when it has been enough.
 */
bool bench_next(struct bench_state *state);

/**
 * bench_pause - what comes now is not timed
 * @state: as run() got it; within an iteration
 */
void bench_pause(struct bench_state *state);

/**
 * bench_resume - what comes now is
 * @state: paused
 */
void bench_resume(struct bench_state *state);

/**
 * bench_time - how long an iteration took, by the benchmark's own clock
 * @state: as run() got it; once in each iteration
 * @ns: nanoseconds
 */
void bench_time(struct bench_state *state, uint64_t ns);

/**
 * bench_counter - report a number beside the time
 * @state: as run() got it
 * @name: of the column
 * @value: of all iterations together
 */
void bench_counter(struct bench_state *state, const char *name, double value);

/**
 * bench_items - say how many things the iterations did, for a rate
 * @state: as run() got it
 * @items: of all iterations
 */
void bench_items(struct bench_state *state, int64_t items);

/**
 * bench_skip - say that this benchmark cannot be run here; run() returns after it
 * @state: as run() got it, before the first iteration
 * @why: for the report
 */
void bench_skip(struct bench_state *state, const char *why);

/**
 * bench_bytes - say how many bytes the iterations dealt with, for a rate
 * @state: as run() got it
 * @bytes: of all iterations
 */
void bench_bytes(struct bench_state *state, int64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
