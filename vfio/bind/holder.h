/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Holder: who has a file open.
 *
 * For messages, and to tell a living user of a VFIO group from one that is on its way out. Any thread.
 */
#ifndef VFIO_BIND_HOLDER_H
#define VFIO_BIND_HOLDER_H

/**
 * vfio_find_holder - another process that has a file open
 * @file: its path, as the links in /proc/PID/fd show it
 *
 * Return: the pid; 0 when there is none, or none that may be seen. Of a process that is being killed the kernel shows no
 * files any more, even if it has not closed all of them.
 */
int vfio_find_holder(const char *file);

#endif
