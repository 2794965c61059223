/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A virtio disk and its driver, with the real rings; only KVM is not there. For cmocka's tests of virtio-blk.
 */
#ifndef TESTS_UNIT_BLK_FIXTURE_H
#define TESTS_UNIT_BLK_FIXTURE_H

#include <stdbool.h>

#include "io/disk/blk.h"
#include "tests/fake/virtio_driver.h"

struct fixture {
	struct driver driver;
	char path[64];
	int fd; /* of the image, beside the disk's */
};

/**
 * blk_fixture_init - a driver and an image, and no disk yet
 * @state: cmocka's; the fixture, of which there is one
 * @in_memory: the image is no file of a file system's
 *
 * Return: 0; -1.
 */
int blk_fixture_init(void **state, bool in_memory);

/**
 * blk_fixture_create - make a disk of the image
 * @f: initialised
 * @options: path and host are filled in
 * @out: set on success
 * @err: filled on failure
 *
 * Return: as virtio_blk_create().
 */
int blk_fixture_create(struct fixture *f, struct virtio_blk_options options,
		       struct virtio_pci **out, struct error *err);

/**
 * blk_fixture_attach - make a disk of the image and give it to the driver
 * @f: initialised
 * @options: as blk_fixture_create()
 *
 * Return: 0; -1.
 */
int blk_fixture_attach(struct fixture *f, struct virtio_blk_options options);

/**
 * blk_fixture_destroy - free all of it; a teardown
 * @state: cmocka's
 *
 * Return: 0.
 */
int blk_fixture_destroy(void **state);

#endif
