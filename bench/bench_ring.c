/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round trip: an eventfd is signalled, as KVM does for a doorbell; a thread hears of it and signals another one, as for
 * an interrupt. Served by a ring that blocks, by one that polls, and by loops over epoll_wait() that do the same. The
 * thread that measures looks for the answer all the time, whoever serves: only the server's side differs. One core each.
 * "queue" is what a polling ring does for a virtqueue: it looks at memory, and has no doorbell rung while it does.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/trip.h"
#include "core/base/bits.h"
#include "core/base/fd.h"

struct round {
	int in, out;
	struct trip_server server;
	/* A queue that the ring looks at. */
	bool has_queue, wants_kick; /* the latter atomic */
	unsigned asked, answered;   /* the former atomic */
	/* Of the epoll server. */
	pthread_t thread;
	int timeout_ms; /* of epoll_wait(): 0 polls */
	bool stop;	/* atomic */
};

static void round_open(struct round *round)
{
	round->in = fd_eventfd();
	round->out = fd_eventfd();
	if (round->in < 0 || round->out < 0)
		abort();
}

static void round_close(struct round *round)
{
	fd_close(&round->in);
	fd_close(&round->out);
}

static void wait_for_answer(struct round *round)
{
	uint64_t value;

	while (read(round->out, &value, sizeof(value)) < 0)
		__builtin_ia32_pause();
}

static void go_round(void *opaque)
{
	struct round *round = opaque;

	fd_eventfd_signal(round->in);
	wait_for_answer(round);
}

/* As a driver does: the doorbell only where it is asked for. */
static void go_round_by_queue(void *opaque)
{
	struct round *round = opaque;

	/* Before the look at @wants_kick. Pairs with queue_rest(). */
	__atomic_add_fetch(&round->asked, 1, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&round->wants_kick, false, __ATOMIC_SEQ_CST))
		fd_eventfd_signal(round->in);
	wait_for_answer(round);
}

static void measure(struct bench_state *state, struct round *round, pthread_t server,
		    void (*go)(void *opaque))
{
	if (trip_pin(state, pthread_self(), server))
		trip_time(state, go, round, TRIP_MAX, 1);
}

static void on_heard(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct round *round = container_of(op, struct round, server.heard);

	/* A kick only makes the ring look again. */
	if (res > 0 && !round->has_queue)
		ring_signal(&round->server.thread.ring, round->out);
}

static bool queue_poll(struct ring_poller *poller)
{
	struct round *round = container_of(poller, struct round, server.poller);
	unsigned asked = __atomic_load_n(&round->asked, __ATOMIC_SEQ_CST);

	if (asked == round->answered)
		return false;
	round->answered = asked;
	ring_signal(&round->server.thread.ring, round->out);
	return true;
}

static bool queue_rest(struct ring_poller *poller)
{
	struct round *round = container_of(poller, struct round, server.poller);

	/* Before the look at @asked. Pairs with go_round_by_queue(). */
	__atomic_store_n(&round->wants_kick, true, __ATOMIC_SEQ_CST);
	return queue_poll(poller);
}

static void run_ring(struct bench_state *state, unsigned poll_us, bool has_queue)
{
	struct round round = { .server.heard.done = on_heard, .has_queue = has_queue };

	if (has_queue)
		round.server.poller =
			(struct ring_poller){ .poll = queue_poll, .rest = queue_rest };
	round_open(&round);
	round.server.fd = round.in;
	trip_serve(&round.server, poll_us);
	measure(state, &round, round.server.thread.thread.id,
		has_queue ? go_round_by_queue : go_round);
	ring_thread_stop(&round.server.thread);
	round_close(&round);
}

static void ring_blocking(struct bench_state *state, int64_t arg)
{
	run_ring(state, 0, false);
}

static void ring_polling(struct bench_state *state, int64_t arg)
{
	run_ring(state, RING_POLL_AUTO, false);
}

static void ring_polling_queue(struct bench_state *state, int64_t arg)
{
	run_ring(state, RING_POLL_AUTO, true);
}

static void *serve_epoll(void *opaque)
{
	struct round *round = opaque;
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	uint64_t value;

	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, round->in, &event))
		abort();
	/* Pairs with the store in run_epoll(). */
	while (!load_acquire(&round->stop)) {
		if (epoll_wait(fd, &event, 1, round->timeout_ms) != 1)
			continue;
		if (read(round->in, &value, sizeof(value)) == sizeof(value))
			fd_eventfd_signal(round->out);
	}
	close(fd);
	return NULL;
}

static void run_epoll(struct bench_state *state, int timeout_ms)
{
	struct round round = { .timeout_ms = timeout_ms };

	round_open(&round);
	if (pthread_create(&round.thread, NULL, serve_epoll, &round))
		abort();
	measure(state, &round, round.thread, go_round);
	/* Pairs with the load in serve_epoll(). */
	store_release(&round.stop, true);
	fd_eventfd_signal(round.in);
	pthread_join(round.thread, NULL);
	round_close(&round);
}

static void epoll_blocking(struct bench_state *state, int64_t arg)
{
	run_epoll(state, -1);
}

static void epoll_polling(struct bench_state *state, int64_t arg)
{
	run_epoll(state, 0);
}

const bool bench_has_own_clock = true;

const struct bench bench_table[] = {
	{ "round_trip/ring-blocking", ring_blocking, { 1 } },
	{ "round_trip/ring-polling", ring_polling, { 1 } },
	{ "round_trip/ring-polling-queue", ring_polling_queue, { 1 } },
	{ "round_trip/epoll-blocking", epoll_blocking, { 1 } },
	{ "round_trip/epoll-polling", epoll_polling, { 1 } },
	{ 0 },
};
