/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Topology: where devices are on a NUMA host, read from sysfs.
 */
#ifndef NUMA_TOPOLOGY_H
#define NUMA_TOPOLOGY_H

/**
 * topology_device_node - the NUMA node of a PCI device
 * @device_dir: its sysfs directory, resolved (no symbolic links)
 *
 * A device whose own entry says -1 takes the node of the nearest bridge that knows.
 * Any thread. Return: the node; -1 when nothing up to the root knows.
 */
int topology_device_node(const char *device_dir);

#endif
