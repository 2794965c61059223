/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A kernel that refuses io_uring_enter(2): in front of liburing's functions that make the call, for which the linker has to
 * be told (--wrap). What is refused is not submitted, and nothing is waited for.
 */
#ifndef TESTS_FAKE_ENTER_H
#define TESTS_FAKE_ENTER_H

/**
 * fake_enter_refuse - refuse the next calls of any ring, by any thread
 * @error: -errno
 * @nr: so many; UINT_MAX: all from now on
 */
void fake_enter_refuse(int error, unsigned nr);

/**
 * fake_enter_refused - how often that was done
 *
 * Return: calls, since fake_enter_refuse().
 */
unsigned fake_enter_refused(void);

#endif
