/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Requests of a hostile driver, from a fuzzer's input, to a device with its real ring.
 *
 * The first byte chooses a queue, then come buffers: a byte of flags, two of length, and what is in it if the device
 * reads it, as far as the input goes. All chains are there before DRIVER_OK; then the driver resets the device, which
 * has to finish or cancel all of them.
 */
#ifndef TESTS_FUZZ_REQUESTS_H
#define TESTS_FUZZ_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/fake/virtio_driver.h"

#define REQUESTS_WRITABLE 0x01 /* the device may write it */
#define REQUESTS_LAST	  0x02 /* of its chain */
#define REQUESTS_OUTSIDE  0x04 /* where there is no RAM */
#define REQUESTS_ODD	  0x08 /* at an address that is not aligned */
#define REQUESTS_SAME	  0x10 /* where the buffer before it is */

/**
 * requests_run - from features to reset
 * @d: attached
 * @features: to accept
 * @nr_queues: to enable
 * @data: @size bytes of input
 * @size: of @data
 *
 * Aborts when the device has written a used element that is no chain's, or one twice.
 */
void requests_run(struct driver *d, uint64_t features, unsigned nr_queues, const uint8_t *data,
		  size_t size);

#endif
