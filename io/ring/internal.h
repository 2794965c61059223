/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the ring share; nobody else includes it. All of it is the ring's thread's.
 */
#ifndef IO_RING_INTERNAL_H
#define IO_RING_INTERNAL_H

#include <stdbool.h>

#include "io/ring/ring.h"

/** In the user data of a CQE, beside a struct ring_work: a message arrived; one of this ring's could not. */
#define RING_MESSAGE	 1U
#define RING_UNDELIVERED 2U

/** linux/io_uring.h of Linux 6.12 and 6.15; Debian 12's does not have them. */
#define RING_REGISTER_CLONE_BUFFERS 30
#define RING_OP_READV_FIXED	    60
#define RING_OP_WRITEV_FIXED	    61

/**
 * ring_tsc - the time, for the ring's own decisions and figures
 * @ring: the calling thread's
 *
 * Return: the host's TSC, or what a test has in place of it.
 */
static inline uint64_t ring_tsc(const struct ring *ring)
{
	return ring->clock ? ring->clock() : trace_tsc();
}

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
 * Return: 0; -errno, and the ring has failed.
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
 * ring_restrict - find out what the kernel can do and allow this ring no more than torc does
 * @ring: not yet enabled
 *
 * Return: 0; -ENOMEM; -errno of io_uring_register(2).
 */
int ring_restrict(struct ring *ring);

/**
 * ring_use_memory - turn a vectored read or write of a file into one on registered memory, where it is
 * @ring: the calling thread's
 * @sqe: prepared; its vector stays until the operation is done
 */
void ring_use_memory(const struct ring *ring, struct io_uring_sqe *sqe);

/**
 * ring_drop_memory - unpin what ring_take_memory() took
 * @ring: the calling thread's, with nothing in flight
 */
void ring_drop_memory(struct ring *ring);

/**
 * ring_receive - deal with a CQE of a message
 * @data: its user data
 */
void ring_receive(uint64_t data);

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
 * ring_lingers - whether what is queued now will wait for more
 * @ring: the calling thread's
 *
 * Return: true when it will, if more is to come.
 */
bool ring_lingers(const struct ring *ring);

/**
 * ring_ask_pollers - have every poller look
 * @ring: the calling thread's
 * @rest: the ring is about to wait
 *
 * Return: whether one found something.
 */
bool ring_ask_pollers(struct ring *ring, bool rest);

#endif
