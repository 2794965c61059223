/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Faults: one call of the host's, counted from the first on, that fails: of memory, descriptors, mappings, threads, ioctls.
 *
 * Or a look at who goes to the host by itself, by open(2) and its like. Put in front of the C library's functions by the linker's --wrap for each of FAULT_FUNCTIONS in tests/unit/meson.build.
 */
#ifndef TESTS_FAKE_FAULT_H
#define TESTS_FAKE_FAULT_H

#include <stdbool.h>

/**
 * fault_arm - have a call fail, of whatever thread
 * @nth: counted from this call on, from 1; 0: none
 */
void fault_arm(unsigned nth);

/**
 * fault_disarm - let all calls through
 *
 * Return: the name of the function that failed; NULL: none did.
 */
const char *fault_disarm(void);

/**
 * fault_watch - begin or end to look for calls that open something of the host's
 * @on: begin
 *
 * Return: the name of the last function that was called so since it was begun, of whatever thread; NULL: none was.
 */
const char *fault_watch(bool on);

#endif
