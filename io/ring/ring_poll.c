/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Polling. To sleep and be woken costs some system calls' time and the guest an exit, so when the next request is
 * likely to come sooner, the ring looks for it instead; when it did not for a while, the ring sleeps again. A guest
 * that is slower than its device would then have each request submitted, and be interrupted, by itself, just when it
 * is about to add the next one. So while nothing is in the device and requests keep coming, what is queued lingers for
 * a few of them, and one system call takes all of them and the interrupt.
 *
 * All times are multiples of what a system call costs on this machine, in cycles of the TSC: reading the clock is a
 * system call itself where the TSC is not the clock. On a current server one is about 0.2 us.
 */
#include <sys/resource.h>
#include <time.h>

#include "core/base/bits.h"
#include "io/ring/internal.h"

#define NR_SAMPLES 16

#define POLL_CALLS 256 /* the default of ring_poll_us: as long as some ten sleeps and wake-ups */

/* Lingering, as parts of the longest poll: for the next one, and for all of them together. */
#define LINGER_GAP(ring) ((ring)->poll_max_cycles / 2)
#define LINGER_ALL(ring) ((ring)->poll_max_cycles * 2)
#define LINGER_MAX	 64 /* how many */

/* After one that was in vain: how often not to try for more; at most, where one comes at a time. */
#define LINGER_SKIP	3
#define LINGER_MAX_SKIP 255

/* A pause of the loop itself that is this long may mean that another thread had the CPU. */
#define PAUSE_CALLS 32

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t time_nop(struct ring *ring)
{
	uint64_t begin = __builtin_ia32_rdtsc(), took;
	struct io_uring_sqe *sqe = ring_sqe(ring);

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, NULL);
	io_uring_submit_and_wait(&ring->uring, 1);
	took = __builtin_ia32_rdtsc() - begin;
	io_uring_cq_advance(&ring->uring, io_uring_cq_ready(&ring->uring));
	return took;
}

void ring_calibrate(struct ring *ring)
{
	uint64_t begin_ns = clock_ns(), begin = __builtin_ia32_rdtsc(), best = UINT64_MAX, ns;

	for (unsigned i = 0; i < NR_SAMPLES; i++) {
		uint64_t took = time_nop(ring);

		best = took < best ? took : best;
	}
	ns = clock_ns() - begin_ns;
	ring->call_cycles = best;
	ring->cycles_per_us = (__builtin_ia32_rdtsc() - begin) * 1000 / (ns ? ns : 1);
	ring->poll_max_cycles = POLL_CALLS * best;
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

	ring_run_deferred(ring);
	return found;
}

/* How many come without a pause: to wait for more of them is in vain, which is tried for now and then. */
static void learn_from_linger(struct ring *ring, unsigned nr_found)
{
	unsigned target = ring->linger_target;

	if (nr_found >= target && ring->linger_skip) {
		ring->linger_skip--;
	} else if (nr_found >= target) {
		ring->linger_target = 2 * target + 1 < LINGER_MAX ? 2 * target + 1 : LINGER_MAX;
	} else if (nr_found || target > 1) {
		ring->linger_target = nr_found ? nr_found : target / 2;
		ring->linger_skip = LINGER_SKIP;
		ring->linger_backoff = LINGER_SKIP;
	} else {
		/* One at a time. */
		ring->linger_target = 0;
		ring->linger_backoff = 2 * ring->linger_backoff + 1 < LINGER_MAX_SKIP
					       ? 2 * ring->linger_backoff + 1
					       : LINGER_MAX_SKIP;
		ring->linger_skip = ring->linger_backoff;
	}
}

/* Something is queued; look what else comes. */
static void linger(struct ring *ring)
{
	uint64_t begin = __builtin_ia32_rdtsc(), last = begin, now = begin;
	unsigned nr_found = 0;

	/* What the device has ends by itself, and should be told of at once. */
	if (ring->nr_io != ring->nr_io_queued)
		return;
	while (nr_found < ring->linger_target && now - last < LINGER_GAP(ring) &&
	       now - begin < LINGER_ALL(ring) && !ring_has_events(ring)) {
		if (look(ring)) {
			nr_found++;
			last = now;
		}
		__builtin_ia32_pause();
		now = __builtin_ia32_rdtsc();
	}
	learn_from_linger(ring, nr_found);
}

/* By another thread, that is; not by an interrupt, nor by the host of this host. */
static bool was_preempted(struct ring *ring)
{
	long before = ring->nr_preempted;
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage))
		return true;
	ring->nr_preempted = usage.ru_nivcsw;
	return ring->nr_preempted != before;
}

bool ring_busy_wait(struct ring *ring)
{
	uint64_t begin = __builtin_ia32_rdtsc(), now = begin, before;

	if (!ring->poll_cycles)
		return false;
	if (io_uring_sq_ready(&ring->uring)) {
		linger(ring);
		return true;
	}
	do {
		if (ring_has_events(ring))
			return true;
		if (look(ring)) {
			linger(ring);
			return true;
		}
		__builtin_ia32_pause();
		before = now;
		now = __builtin_ia32_rdtsc();
		if (now - before > PAUSE_CALLS * ring->call_cycles && was_preempted(ring)) {
			ring->poll_cycles = 0;
			return false;
		}
	} while (now - begin < ring->poll_cycles);
	ring->poll_cycles /= 2;
	if (ring->poll_cycles < ring->poll_max_cycles / 8)
		ring->poll_cycles = 0;
	return false;
}

/* A wait so short that polling would have been as well makes the next ones poll. */
void ring_slept(struct ring *ring, uint64_t cycles)
{
	if (ring->pollers && cycles < ring->poll_max_cycles)
		ring->poll_cycles = ring->poll_max_cycles;
}
