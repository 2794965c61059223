/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ranges in tests: what cmocka 1 calls assert_in_range() is deprecated in cmocka 2, whose own cmocka 1 does not have.
 */
#ifndef TESTS_UNIT_WITHIN_H
#define TESTS_UNIT_WITHIN_H

#include <stdint.h>

/** Fail unless @value, taken once, is from @least to @most; all are unsigned. Source: cmocka.h has to be included before. */
#define assert_within(value, least, most)                                                \
	do {                                                                             \
		uint64_t value_ = (uint64_t)(value), least_ = (uint64_t)(least),         \
			 most_ = (uint64_t)(most);                                       \
                                                                                         \
		if (value_ < least_ || value_ > most_)                                   \
			fail_msg("%s is %llu, not within %llu and %llu", #value,         \
				 (unsigned long long)value_, (unsigned long long)least_, \
				 (unsigned long long)most_);                             \
	} while (0)

#endif
