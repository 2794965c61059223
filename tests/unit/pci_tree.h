/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A host made of files: /sys, /proc and the journal in a scratch folder, with PCI devices as a test puts them there.
 *
 * For tests that link fake_bind_sys. One thread; assertions of cmocka.
 */
#ifndef TESTS_UNIT_PCI_TREE_H
#define TESTS_UNIT_PCI_TREE_H

#include "vfio/bind/host.h"

/** Where the code under test finds it all. */
extern struct vfio_host_paths pci_tree;

/**
 * pci_tree_setup - an empty host, and a fake kernel for it
 * @state: cmocka's
 *
 * Return: 0.
 */
int pci_tree_setup(void **state);

/**
 * pci_tree_teardown - remove it
 * @state: cmocka's
 *
 * Return: 0.
 */
int pci_tree_teardown(void **state);

/**
 * pci_tree_put - make a file, with the folders that lead to it
 * @name: below the scratch folder
 * @fmt: its content, printf style
 */
void pci_tree_put(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * pci_tree_link - make a symbolic link, with the folders that lead to it
 * @name: below the scratch folder
 * @target: likewise
 */
void pci_tree_link(const char *name, const char *target);

/**
 * pci_tree_device - put a device there
 * @bdf: its address
 * @class: as sysfs shows it
 * @group: its IOMMU group
 * @driver: bound, and the one that takes it without driver_override; NULL: none
 */
void pci_tree_device(const char *bdf, const char *class, int group, const char *driver);

/**
 * pci_tree_remove - unplug a device
 * @bdf: its address
 * @group: its IOMMU group
 */
void pci_tree_remove(const char *bdf, int group);

/**
 * pci_tree_find - a device as the code under test sees it
 * @bdf: its address
 *
 * Return: it, as of now.
 */
struct vfio_host_device pci_tree_find(const char *bdf);

/**
 * pci_tree_state - drivers and overrides of some devices
 * @bdfs: their addresses, separated by blanks
 *
 * Return: "nvme/(null) vfio-pci/vfio-pci", to be freed.
 */
char *pci_tree_state(const char *bdfs);

/**
 * pci_tree_expect - drivers and overrides are these
 * @bdfs: as above
 * @state: likewise
 */
void pci_tree_expect(const char *bdfs, const char *state);

/**
 * pci_tree_nr_entries - how many entries the journal has
 *
 * Return: the number.
 */
unsigned pci_tree_nr_entries(void);

#endif
