/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the ring share; nobody else includes it. All of it is the ring's thread's.
 */
#ifndef IO_RING_INTERNAL_H
#define IO_RING_INTERNAL_H

#include <stdbool.h>

#include "io/ring/ring.h"

/** How a ring enters the kernel. */
enum ring_submit {
	RING_SUBMIT_ONLY,
	RING_SUBMIT_AND_GET_EVENTS, /* run task work, too */
	RING_SUBMIT_AND_WAIT,	    /* for a completion, too */
};

/**
 * ring_sqe - a submission queue entry to fill in
 * @ring: the calling thread's; what is queued is submitted if it is full
 *
 * Return: never NULL.
 */
struct io_uring_sqe *ring_sqe(struct ring *ring);

/**
 * ring_submit - hand the kernel what is queued
 * @ring: the calling thread's
 * @how: and what else
 *
 * Return: as io_uring_submit(3).
 */
int ring_submit(struct ring *ring, enum ring_submit how);

/**
 * ring_has_events - whether the kernel has completions, or task work that will bring some
 * @ring: the calling thread's
 *
 * Return: true when it does; looks at memory only.
 */
bool ring_has_events(const struct ring *ring);

/**
 * ring_run_deferred - run what ring_defer() was given
 * @ring: the calling thread's
 *
 * What that defers in turn is for the next time.
 */
void ring_run_deferred(struct ring *ring);

/**
 * ring_calibrate - measure what a system call costs
 * @ring: enabled, nothing queued or in flight
 */
void ring_calibrate(struct ring *ring);

/**
 * ring_busy_wait - poll, as long as that promises to be worth it, for what the next submission should take along
 * @ring: the calling thread's
 *
 * Return: whether there is something to do; otherwise the ring should sleep.
 */
bool ring_busy_wait(struct ring *ring);

/**
 * ring_slept - tell of a wait in the kernel, from which it is learned whether polling pays
 * @ring: the calling thread's
 * @cycles: how long it took
 */
void ring_slept(struct ring *ring, uint64_t cycles);

/**
 * ring_ask_pollers - have every poller look
 * @ring: the calling thread's
 * @rest: the ring is about to wait
 *
 * Return: whether one found something.
 */
bool ring_ask_pollers(struct ring *ring, bool rest);

#endif
