/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polling. To sleep and be woken costs some system calls' time and the guest an exit, so when the next request is
 * likely to come sooner, the ring looks for it instead; when it did not for a while, the ring sleeps again. A guest
 * that is slower than its device would then have each request submitted, and be interrupted, by itself, just when it
 * is about to add the next one. So while nothing is in the device, what is queued lingers for as many requests as the
 * guest is known to have at a time, and one system call takes all of them. Their interrupt does not linger.
 *
 * All times are multiples of what a system call costs on this machine, in cycles of the TSC: reading the clock is a
 * system call itself where the TSC is not the clock. On a current server one is about 0.2 us.
 */
#include <sys/resource.h>

#include "core/base/bits.h"
#include "core/base/clock.h"
#include "io/ring/internal.h"

#define NR_SAMPLES 16

#define POLL_CALLS \
	1024 /* the default of ring_poll_us: 0.1 to 0.2 ms, about what KVM polls for a halted vCPU */

/*
 * Lingering: for the next one, in times that one took so far and within parts of the longest poll; for all. Where one
 * comes at a time it has to outlast the interrupt that each has, as that is what keeps the next one from coming.
 */
#define GAP_PACES	 32
#define GAP_MIN(ring)	 ((ring)->poll_max_cycles / 8)
#define GAP_MAX(ring)	 ((ring)->poll_max_cycles * ((ring)->depth > 1 ? 4 : 1))
#define PACE_MAX(ring)	 ((ring)->poll_max_cycles / 8)
#define LINGER_ALL(ring) ((ring)->poll_max_cycles * 8)
#define LINGER_MAX	 64 /* how many */

/* How many batches go before the next one that is to show how many come at all: at least, at most, if they have no end. */
#define LINGER_SKIP	3
#define LINGER_MAX_SKIP 1023
#define ENDLESS_SKIP	16383

/* A pause of the loop itself that is this long may mean that another thread had the CPU; asking is a system call. */
#define PAUSE_CALLS	 32
#define PREEMPTION_CALLS 8192 /* between two questions */

static uint64_t time_nop(struct ring *ring)
{
	uint64_t begin = trace_tsc(), took;
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, NULL);
	io_uring_submit_and_wait(&ring->uring, 1);
	took = trace_tsc() - begin;
	io_uring_cq_advance(&ring->uring, io_uring_cq_ready(&ring->uring));
	return took;
}

void ring_calibrate(struct ring *ring)
{
	uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC), begin = trace_tsc(), best = UINT64_MAX, ns;

	for (unsigned i = 0; i < NR_SAMPLES; i++) {
		uint64_t took = time_nop(ring);

		best = took < best ? took : best;
	}
	ns = clock_ns(CLOCK_MONOTONIC) - begin_ns;
	ring->call_cycles = best;
	ring->cycles_per_us = (trace_tsc() - begin) * 1000 / (ns ? ns : 1);
	ring->poll_max_cycles = POLL_CALLS * best;
	ring->pace_cycles = PACE_MAX(ring);
}

void ring_set_poll(struct ring *ring, uint64_t poll_us)
{
	ring->poll_max_cycles = poll_us * ring->cycles_per_us;
	ring->poll_cycles = 0;
}

bool ring_ask_pollers(struct ring *ring, bool rest)
{
	bool found = false;

	for (struct ring_poller *p = ring->pollers; p; p = p->next)
		found |= rest ? p->rest(p) : p->poll(p);
	return found;
}

/* Look, and show the guest what was done at once. */
static bool look(struct ring *ring)
{
	bool found = ring_ask_pollers(ring, false);

	ring->has_looked = true;
	ring_run_deferred(ring);
	return found;
}

bool ring_lingers(const struct ring *ring)
{
	return ring->poll_cycles && ring->depth > 1 && ring->nr_io == ring->nr_io_queued;
}

static uint64_t longest_gap(const struct ring *ring)
{
	uint64_t gap = GAP_PACES * ring->pace_cycles;

	return gap < GAP_MIN(ring) ? GAP_MIN(ring) : gap > GAP_MAX(ring) ? GAP_MAX(ring) : gap;
}

/* A probe has waited for as many as would come, until they stopped or too long. */
static void learn_depth(struct ring *ring, unsigned nr, uint64_t took, bool stopped)
{
	/* Those that come at their own times, not when others are done, would only be late. */
	bool endless = took > ring->poll_max_cycles && !stopped;
	unsigned longest = endless ? ENDLESS_SKIP : LINGER_MAX_SKIP;

	/* They may come more slowly than it was ready to wait. */
	if (nr < 2 && ring->pace_cycles < PACE_MAX(ring))
		ring->pace_cycles = 2 * ring->pace_cycles + 1;
	ring->linger_backoff = !endless && nr > ring->depth ? LINGER_SKIP
							    : 2 * ring->linger_backoff + 1;
	if (ring->linger_backoff > longest)
		ring->linger_backoff = longest;
	ring->linger_skip = ring->linger_backoff;
	ring->depth = endless ? 1 : nr < LINGER_MAX ? nr : LINGER_MAX;
}

/* A batch has come to @nr. Sometimes one is a probe, which tells how many the guest has at a time. */
static void learn(struct ring *ring, unsigned nr, uint64_t took, bool stopped)
{
	if (!ring->linger_skip) {
		learn_depth(ring, nr, took, stopped);
	} else if (nr >= ring->depth) {
		ring->linger_skip--;
	} else {
		/* It may be a guest that did not run for a while. */
		ring->depth -= 1 + ring->depth / 8;
		ring->linger_skip = ring->linger_backoff = LINGER_SKIP;
	}
}

/* What the device has ends by itself and should be told of at once, and so should the guest. */
static bool may_linger(const struct ring *ring)
{
	return ring->nr_io_queued && ring->nr_io == ring->nr_io_queued && !ring->signal_queued;
}

/* Requests are queued; look what else comes. */
static void linger(struct ring *ring)
{
	unsigned target = ring->linger_skip ? ring->depth : LINGER_MAX;
	uint64_t gap = longest_gap(ring), begin, last, now;

	if (!may_linger(ring))
		return;
	/* After what was found has been taken. */
	begin = last = now = ring->now_tsc = ring_tsc(ring);
	while (ring->nr_io_queued < target && now - last < gap && now - begin < LINGER_ALL(ring)) {
		unsigned before = ring->nr_io_queued;
		uint64_t looked = now;

		look(ring);
		if (!may_linger(ring) || ring_has_events(ring))
			return;
		if (ring->nr_io_queued != before) {
			ring->pace_cycles = (7 * ring->pace_cycles +
					     (now - last) / (ring->nr_io_queued - before)) /
					    8;
			last = now;
		}
		__builtin_ia32_pause();
		now = ring->now_tsc = ring_tsc(ring);
		if (ring->nr_io_queued == before)
			ring->idle_cycles += now - looked;
	}
	learn(ring, ring->nr_io_queued, now - begin, now - last >= gap / 4);
}

/* By another thread, that is; not by an interrupt, nor by the host of this host. */
static bool was_preempted(struct ring *ring, uint64_t now)
{
	long before = ring->nr_preempted;
	struct rusage usage;

	if (now - ring->preemption_asked < PREEMPTION_CALLS * ring->call_cycles)
		return false;
	ring->preemption_asked = now;
	if (getrusage(RUSAGE_THREAD, &usage))
		return true;
	ring->nr_preempted = usage.ru_nivcsw;
	return ring->nr_preempted != before;
}

enum find {
	FOUND_NOTHING,
	FOUND_EVENTS,
	FOUND_WORK
};

/* Look until there is something, or it took too long; @now is when it was last looked. */
static enum find look_for_a_while(struct ring *ring, uint64_t *now)
{
	uint64_t begin = *now, before;

	do {
		if (ring_has_events(ring))
			return FOUND_EVENTS;
		if (look(ring))
			return FOUND_WORK;
		__builtin_ia32_pause();
		before = *now;
		*now = ring->now_tsc = ring_tsc(ring);
		if (*now - before > PAUSE_CALLS * ring->call_cycles && was_preempted(ring, *now)) {
			ring->poll_cycles = 0;
			return FOUND_NOTHING;
		}
	} while (*now - begin < ring->poll_cycles);
	ring->poll_cycles /= 2;
	if (ring->poll_cycles < ring->poll_max_cycles / 8)
		ring->poll_cycles = 0;
	return FOUND_NOTHING;
}

static void count_poll(struct ring *ring, uint64_t begin, uint64_t end, bool hit)
{
	ring->idle_cycles += end - begin;
	trace_count(ring->trace, TRACE_RING_POLLS, 1);
	trace_count(ring->trace, TRACE_RING_POLLS_HIT, hit);
	trace_event_at(end, TRACE_EVENT_POLL, ring->trace, hit, end - begin, 0);
}

bool ring_busy_wait(struct ring *ring)
{
	uint64_t begin = ring->turn_tsc, now = begin;
	enum find found;

	if (!ring->poll_cycles)
		return false;
	if (io_uring_sq_ready(&ring->uring)) {
		linger(ring);
		return true;
	}
	found = look_for_a_while(ring, &now);
	count_poll(ring, begin, now, found != FOUND_NOTHING);
	if (found == FOUND_WORK)
		linger(ring);
	return found != FOUND_NOTHING;
}

/* A wait so short that polling would have been as well makes the next ones poll. */
void ring_slept(struct ring *ring, uint64_t cycles)
{
	if (ring->pollers && cycles < ring->poll_max_cycles)
		ring->poll_cycles = ring->poll_max_cycles;
}
