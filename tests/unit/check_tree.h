/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Hosts for the tests of torc-vfio check: each a list of files and links, laid out in the scratch folder of pci_tree.
 *
 * One thread; assertions of cmocka.
 */
#ifndef TESTS_UNIT_CHECK_TREE_H
#define TESTS_UNIT_CHECK_TREE_H

/** A file, with a * in its name for each of the CPUs; or, where the content begins with >, a link. */
struct check_file {
	const char *name; /* below the scratch folder; NULL ends a list */
	const char *
		content; /* or > and what the link leads to, likewise below; NULL: take the file away */
};

struct check_tree {
	unsigned nr_cpus;
	const struct check_file *file;
};

/* A server: Intel, two nodes, posted interrupts, all as it should be. Two drives with vfio-pci. */
extern const struct check_tree check_intel;
/* A server: AMD, AVIC off, hardly anything as it should be. A NIC whose group is shared with a disk controller. */
extern const struct check_tree check_amd;
/* A laptop: its one drive is in use; the user is not root. */
extern const struct check_tree check_laptop;
/* A virtual machine without an IOMMU or KVM. */
extern const struct check_tree check_vm;
/* The lab: an emulated q35 with intel_iommu=on iommu=pt. */
extern const struct check_tree check_lab;

/**
 * check_tree_put - lay files and links out
 * @tree: the host
 * @file: its list, or changes to it
 */
void check_tree_put(const struct check_tree *tree, const struct check_file *file);

/**
 * check_tree_restore - undo changes
 * @tree: the host, as laid out before
 * @file: what was laid out on top; no patterns
 */
void check_tree_restore(const struct check_tree *tree, const struct check_file *file);

#endif
