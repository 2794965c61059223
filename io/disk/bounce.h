/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Bounce: the one aligned buffer of a queue, for requests whose own buffers a file does not take (O_DIRECT).
 *
 * Made when the queue is, never while it runs: what a guest asks for costs no memory. A request of any size goes through
 * it in pieces, and who waits stands in line; after a piece it is the next one's turn. The ring's thread.
 */
#ifndef IO_DISK_BOUNCE_H
#define IO_DISK_BOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOUNCE_SIZE 0x40000U

/** A place in the line; embedded in a request. */
struct bounce_turn {
	struct bounce_turn *next;
};

struct bounce {
	uint8_t *buffer; /* BOUNCE_SIZE bytes; NULL: none is needed */
	struct bounce_turn *first, *last;
};

/**
 * bounce_init - make the buffer
 * @bounce: embedded, zeroed
 * @align: of the buffer, a power of two that divides BOUNCE_SIZE
 *
 * Any thread. Return: 0; -ENOMEM.
 */
int bounce_init(struct bounce *bounce, size_t align);

/**
 * bounce_destroy - free it
 * @bounce: nobody stands in line; or zeroed
 */
void bounce_destroy(struct bounce *bounce);

/**
 * bounce_enter - stand in line
 * @bounce: initialised
 * @turn: not yet in it
 *
 * Return: whether the buffer is its own already.
 */
bool bounce_enter(struct bounce *bounce, struct bounce_turn *turn);

/**
 * bounce_pass - give the buffer to the next one
 * @bounce: somebody has it
 * @again: who had it goes to the end of the line; otherwise it leaves
 *
 * Return: who has it now, maybe the same again; NULL: nobody.
 */
struct bounce_turn *bounce_pass(struct bounce *bounce, bool again);

/**
 * bounce_dismiss - send home all that wait, but for the one that has the buffer
 * @bounce: initialised, or zeroed
 *
 * Return: how many those were.
 */
unsigned bounce_dismiss(struct bounce *bounce);

#endif
