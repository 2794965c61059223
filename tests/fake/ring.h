/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A ring without io_uring: the functions of io/ring/ring.h, done by plain system calls when a test says so.
 *
 * Queued operations wait in a list. A turn tries each once: what would block stays, as in the kernel, and a
 * non-blocking descriptor gets -EAGAIN. Time is fake: it jumps to the next timeout when ring_run() finds nothing
 * else to do. One thread.
 */
#ifndef TESTS_FAKE_RING_H
#define TESTS_FAKE_RING_H

#include "io/ring/ring.h"

/**
 * fake_ring_turn - run posted work, then complete what can be completed
 * @ring: the ring
 *
 * Return: how many callbacks and pieces of work ran.
 */
unsigned fake_ring_turn(struct ring *ring);

/**
 * fake_ring_settle - turn until nothing happens any more
 * @ring: the ring
 */
void fake_ring_settle(struct ring *ring);

/**
 * fake_ring_expire - let the next timeout expire
 * @ring: the ring
 *
 * Return: false when there is none.
 */
bool fake_ring_expire(struct ring *ring);

#endif
