/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What has to be so whatever the input is; a fuzzer stops where it is not.
 */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include <stdlib.h>

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#endif
