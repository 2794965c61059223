/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Listener: a listening unix stream socket and its file.
 *
 * A file that a process left which is gone is replaced; another one that has taken the place meanwhile is left alone.
 */
#ifndef CORE_BASE_LISTENER_H
#define CORE_BASE_LISTENER_H

#include <sys/types.h>

#include "core/base/error.h"

#define LISTENER_MAX_PATH 107 /* unix(7) */

/** Who may connect where nothing else is said: who runs it. What others may type on a console would be the guest's root's. */
#define LISTENER_MODE 0600

struct listener {
	int fd; /* -1: none */
	const char *path;
	dev_t dev; /* of the file */
	ino_t ino;
};

/**
 * listener_open - listen
 * @listener: receives it; untouched on failure
 * @what: the option it comes from, for messages: "serial socket"
 * @path: stays
 * @mode: of the file, whatever the umask
 * @backlog: how many may wait
 * @err: filled on failure
 *
 * Return: 0; -EADDRINUSE a process listens there; -EEXIST it is something else; -ENAMETOOLONG; -errno.
 */
int listener_open(struct listener *listener, const char *what, const char *path, mode_t mode,
		  int backlog, struct error *err);

/**
 * listener_close - close it and remove its file
 * @listener: open, or with an fd of -1
 */
void listener_close(struct listener *listener);

#endif
