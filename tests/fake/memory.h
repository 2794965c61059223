/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Guest memory for tests: ordinary pages in one zone, on whichever node.
 */
#ifndef TESTS_FAKE_MEMORY_H
#define TESTS_FAKE_MEMORY_H

/** An initialiser of struct guest_mem_config; @bytes: a multiple of 2 MiB. */
#define ONE_ZONE(bytes)                                                                  \
	{                                                                                \
		.nr_zones = 1, .zone = { { .id = "mem0", .size = (bytes), .node = -1 } } \
	}

#endif
