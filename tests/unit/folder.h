/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Folders of tests: what is in one, and that nothing was left behind in the test's own.
 */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

/**
 * folder_count - count the entries of a folder, as of /proc/self/fd
 * @path: of a folder that is there, or the test fails
 *
 * Return: how many, with what opendir() and the folder itself add; compare it with another count.
 */
unsigned folder_count(const char *path);

/**
 * folder_remove - remove a test's folder, as the last of its teardown
 * @path: what mkdtemp() made
 *
 * Return: 0; -1: something is left in it, as a socket; has been said.
 */
int folder_remove(const char *path);

#endif
