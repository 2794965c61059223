/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Topology's text: what the files of sysfs and proc that describe nodes and CPUs look like. Any thread may call.
 */
#ifndef NUMA_TOPOLOGY_TEXT_H
#define NUMA_TOPOLOGY_TEXT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * topology_text_read - a whole text file
 * @path: the file
 * @out: receives it, NUL-terminated, to be freed; untouched on failure
 *
 * Return: 0; -errno of open(2) or read(2).
 */
int topology_text_read(const char *path, char **out);

/**
 * topology_text_list - CPUs or nodes as the kernel lists them: 0-3,8
 * @text: the list, up to the end of the line; an empty one is a list too
 * @out: receives them; untouched on failure
 *
 * Numbers from CPU_SETSIZE on are left out: torc runs nothing there.
 * Return: true; false when it is something else.
 */
bool topology_text_list(const char *text, cpu_set_t *out);

/**
 * topology_text_find - the value of a line "KEY: VALUE" or "Node 0 KEY: VALUE"
 * @text: lines
 * @key: without the colon
 *
 * Return: behind the colon and the blanks after it; NULL when there is no such line.
 */
const char *topology_text_find(const char *text, const char *key);

/**
 * topology_text_size - the value of a line "KEY: 123 kB"
 * @text: lines
 * @key: without the colon
 * @out: receives bytes; untouched on failure
 *
 * Return: true; false when there is no such line, or it says something else.
 */
bool topology_text_size(const char *text, const char *key, uint64_t *out);

#endif
