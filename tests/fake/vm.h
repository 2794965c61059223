/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A VM's memory slots and groups without KVM: the functions of core/kvm/vm.h for a running one, with KVM's rules: slots are
 * whole pages and do not overlap. One VM, one thread.
 */
#ifndef TESTS_FAKE_VM_H
#define TESTS_FAKE_VM_H

#include <stdint.h>

#define FAKE_VM_SLOTS 32

struct fake_slot {
	uint64_t gpa;
	uint64_t size; /* 0: free */
	void *va;
};

struct fake_vm {
	struct fake_slot slot[FAKE_VM_SLOTS];
	unsigned nr_slots; /* in use */
	unsigned nr_added;
	int remove_error; /* -errno of vm_remove_memory(); 0: none */
};

extern struct fake_vm fake_vm;

/**
 * fake_vm_find - what a guest reaches at an address without an exit
 * @gpa: the address
 *
 * Return: where it is in memory; NULL: nothing is mapped there.
 */
void *fake_vm_find(uint64_t gpa);

#endif
