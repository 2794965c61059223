/* SPDX-License-Identifier: Apache-2.0 */
/**
 * vhost-net without the kernel's: the functions of io/virtio/vhost.h with its rules about what may be set when.
 *
 * It moves no packet; a test looks at what it was told and signals its eventfds. Any thread.
 */
#ifndef TESTS_FAKE_VHOST_H
#define TESTS_FAKE_VHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/virtio/vhost.h"

#define FAKE_VHOST_DEVICES 4
#define FAKE_VHOST_REGIONS 4
#define FAKE_VHOST_LOG	   4096

/** One of each request; the number of a vring is left out. */
enum fake_vhost_request {
	FAKE_VHOST_NONE,
	FAKE_VHOST_OPEN,
	FAKE_VHOST_OWNER,
	FAKE_VHOST_GET_FEATURES,
	FAKE_VHOST_SET_FEATURES,
	FAKE_VHOST_MEMORY,
	FAKE_VHOST_NUM,
	FAKE_VHOST_BASE,
	FAKE_VHOST_ADDR,
	FAKE_VHOST_KICK,
	FAKE_VHOST_CALL,
	FAKE_VHOST_ERR,
	FAKE_VHOST_BACKEND,
	FAKE_VHOST_STOP, /* a backend of -1 */
};

struct fake_vring {
	unsigned num, base;
	struct vhost_vring_addr addr;
	int kick, call, err, backend; /* -1: none */
};

struct fake_vhost_device {
	int fd; /* an eventfd, so that closing it can be seen */
	bool is_owned;
	uint64_t features;
	unsigned nr_regions;
	struct vhost_memory_region region[FAKE_VHOST_REGIONS];
	struct fake_vring vring[2];
};

/**
 * fake_vhost_reset - as before anything was opened
 * @features: to offer
 */
void fake_vhost_reset(uint64_t features);

/**
 * fake_vhost_fail - have a request fail, once
 * @request: which
 * @skip: how many of it succeed before
 * @code: -errno
 */
void fake_vhost_fail(enum fake_vhost_request request, unsigned skip, int code);

/**
 * fake_vhost_device - what one of them was told
 * @i: in the order of opening
 * @out: receives it; all zero when there is none
 */
void fake_vhost_device(unsigned i, struct fake_vhost_device *out);

/**
 * fake_vhost_log - every request since the last call: "0:owner 1:num1 ...", the device, the request, the vring
 * @out: receives it
 */
void fake_vhost_log(char out[FAKE_VHOST_LOG]);

/**
 * fake_vhost_breaches - how many requests the kernel would have refused, or would serve a pair that is not attached
 *
 * Return: their number.
 */
unsigned fake_vhost_breaches(void);

#endif
