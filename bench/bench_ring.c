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
#include "io/ring/ring_thread.h"

struct trip {
	int in, out;
	struct ring_thread server;
	struct ring_op heard;
	struct ring_work start;
	struct ring_poller poller;
	/* A queue that the ring looks at. */
	bool has_queue, wants_kick; /* the latter atomic */
	unsigned asked, answered;   /* the former atomic */
	/* Of the epoll server. */
	pthread_t thread;
	int timeout_ms; /* of epoll_wait(): 0 polls */
	bool stop;	/* atomic */
};

static void trip_open(struct trip *trip)
{
	trip->in = fd_eventfd();
	trip->out = fd_eventfd();
	if (trip->in < 0 || trip->out < 0)
		abort();
}

static void trip_close(struct trip *trip)
{
	fd_close(&trip->in);
	fd_close(&trip->out);
}

static void wait_for_answer(struct trip *trip)
{
	uint64_t value;

	while (read(trip->out, &value, sizeof(value)) < 0)
		__builtin_ia32_pause();
}

static void go_round(void *opaque)
{
	struct trip *trip = opaque;

	fd_eventfd_signal(trip->in);
	wait_for_answer(trip);
}

/* As a driver does: the doorbell only where it is asked for. */
static void go_round_by_queue(void *opaque)
{
	struct trip *trip = opaque;

	/* Before the look at @wants_kick. Pairs with queue_rest(). */
	__atomic_add_fetch(&trip->asked, 1, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&trip->wants_kick, false, __ATOMIC_SEQ_CST))
		fd_eventfd_signal(trip->in);
	wait_for_answer(trip);
}

static void measure(struct bench_state *state, struct trip *trip, pthread_t server,
		    void (*go)(void *opaque))
{
	if (trip_pin(pthread_self(), 0) || trip_pin(server, 1))
		bench_skip(state, "there is only one CPU");
	else
		trip_time(state, go, trip, TRIP_MAX, 1);
}

static void on_heard(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct trip *trip = container_of(op, struct trip, heard);

	/* A kick only makes the ring look again. */
	if (res > 0 && !trip->has_queue)
		ring_signal(&trip->server.ring, trip->out);
}

static bool queue_poll(struct ring_poller *poller)
{
	struct trip *trip = container_of(poller, struct trip, poller);
	unsigned asked = __atomic_load_n(&trip->asked, __ATOMIC_SEQ_CST);

	if (asked == trip->answered)
		return false;
	trip->answered = asked;
	ring_signal(&trip->server.ring, trip->out);
	return true;
}

static bool queue_rest(struct ring_poller *poller)
{
	struct trip *trip = container_of(poller, struct trip, poller);

	/* Before the look at @asked. Pairs with go_round_by_queue(). */
	__atomic_store_n(&trip->wants_kick, true, __ATOMIC_SEQ_CST);
	return queue_poll(poller);
}

/* It has no queue to look at; a ring polls for completions only where there is a poller. */
static bool nothing_there(struct ring_poller *poller)
{
	return false;
}

static void start_server(struct ring_work *work)
{
	struct trip *trip = container_of(work, struct trip, start);

	trip->poller.poll = trip->has_queue ? queue_poll : nothing_there;
	trip->poller.rest = trip->has_queue ? queue_rest : nothing_there;
	ring_add_poller(&trip->server.ring, &trip->poller);
	ring_poll(&trip->server.ring, &trip->heard, trip->in);
}

static void run_ring(struct bench_state *state, unsigned poll_us, bool has_queue)
{
	struct trip trip = { .heard.done = on_heard,
			     .start.run = start_server,
			     .has_queue = has_queue };

	trip_open(&trip);
	if (ring_thread_start(&trip.server, 0, poll_us, NULL) ||
	    ring_thread_wait(&trip.server, NULL))
		abort();
	ring_post(&trip.server.ring, &trip.start);
	measure(state, &trip, trip.server.thread, has_queue ? go_round_by_queue : go_round);
	ring_thread_stop(&trip.server);
	trip_close(&trip);
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
	struct trip *trip = opaque;
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	uint64_t value;

	if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, trip->in, &event))
		abort();
	/* Pairs with the store in run_epoll(). */
	while (!load_acquire(&trip->stop)) {
		if (epoll_wait(fd, &event, 1, trip->timeout_ms) != 1)
			continue;
		if (read(trip->in, &value, sizeof(value)) == sizeof(value))
			fd_eventfd_signal(trip->out);
	}
	close(fd);
	return NULL;
}

static void run_epoll(struct bench_state *state, int timeout_ms)
{
	struct trip trip = { .timeout_ms = timeout_ms };

	trip_open(&trip);
	if (pthread_create(&trip.thread, NULL, serve_epoll, &trip))
		abort();
	measure(state, &trip, trip.thread, go_round);
	/* Pairs with the load in serve_epoll(). */
	store_release(&trip.stop, true);
	fd_eventfd_signal(trip.in);
	pthread_join(trip.thread, NULL);
	trip_close(&trip);
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
