/* SPDX-License-Identifier: Apache-2.0 */
#include "io/disk/bounce.h"

#include <errno.h>
#include <stdlib.h>

int bounce_init(struct bounce *bounce, size_t align)
{
	bounce->buffer = aligned_alloc(align, BOUNCE_SIZE);
	return bounce->buffer ? 0 : -ENOMEM;
}

void bounce_destroy(struct bounce *bounce)
{
	free(bounce->buffer);
	bounce->buffer = NULL;
}

bool bounce_enter(struct bounce *bounce, struct bounce_turn *turn)
{
	turn->next = NULL;
	if (bounce->first)
		bounce->last->next = turn;
	else
		bounce->first = turn;
	bounce->last = turn;
	return bounce->first == turn;
}

struct bounce_turn *bounce_pass(struct bounce *bounce, bool again)
{
	struct bounce_turn *turn = bounce->first;

	bounce->first = turn->next;
	if (again)
		bounce_enter(bounce, turn);
	return bounce->first;
}

unsigned bounce_dismiss(struct bounce *bounce)
{
	unsigned n = 0;

	if (!bounce->first)
		return 0;
	for (const struct bounce_turn *turn = bounce->first->next; turn; turn = turn->next)
		n++;
	bounce->first->next = NULL;
	bounce->last = bounce->first;
	return n;
}
