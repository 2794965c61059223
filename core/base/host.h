/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Host: how a device comes by what it needs of the host: files, interfaces, other devices.
 *
 * Each such thing is one call of a struct host_source, of what is wanted and what came of it, without any other state; it
 * is made through a struct host, so that a process that still may open things can make it for one that no longer may.
 * Lines (a console) and the address space of passed-through devices come by theirs in the same way.
 */
#ifndef CORE_BASE_HOST_H
#define CORE_BASE_HOST_H

#include <sys/types.h>

#include "core/base/error.h"

/** A kind of thing that the host has. */
struct host_source {
	const char *name; /* "disk" */
	/*
	 * @what: of the type that the source names; what it points to is text, or another list of plain values
	 * @result: likewise; plain values, descriptors among them; untouched on failure
	 */
	int (*open)(const void *what, void *result, struct error *err);
};

/** Who makes the calls. */
struct host {
	int (*open)(void *opaque, const struct host_source *source, const void *what, void *result,
		    struct error *err);
	void *opaque;
};

/**
 * host_open - make a source's call
 * @host: who makes it; NULL: the calling thread
 * @source: whose
 * @what: of its type
 * @result: of its type; untouched on failure
 * @err: filled on failure
 *
 * Any thread that may block for as long as the host likes. Return: what the source's open() returns.
 */
int host_open(const struct host *host, const struct host_source *source, const void *what,
	      void *result, struct error *err);

/**
 * host_open_file - open(2), close-on-exec
 * @host: who makes it; NULL: the calling thread
 * @path: as there
 * @flags: as there
 * @mode: of a file that is made
 *
 * As host_open(). Return: the descriptor; -errno.
 */
int host_open_file(const struct host *host, const char *path, int flags, mode_t mode);

#endif
