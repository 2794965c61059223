/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake/vm.h"

#include <errno.h>
#include <stddef.h>

#include "core/base/bits.h"
#include "core/kvm/vm.h"

#define PAGE 4096

struct fake_vm fake_vm;

int vm_add_memory(struct vm *vm, gpa_t gpa, uint64_t size, void *va, bool readonly)
{
	int free = -ENOSPC;

	if ((gpa.v | size) % PAGE)
		return -EINVAL;
	for (int i = FAKE_VM_SLOTS - 1; i >= 0; i--) {
		const struct fake_slot *slot = &fake_vm.slot[i];

		if (!slot->size)
			free = i;
		else if (ranges_overlap(slot->gpa, slot->size, gpa.v, size))
			return -EEXIST;
	}
	if (free < 0)
		return free;
	fake_vm.slot[free] = (struct fake_slot){ .gpa = gpa.v, .size = size, .va = va };
	fake_vm.nr_slots++;
	fake_vm.nr_added++;
	return free;
}

int vm_remove_memory(struct vm *vm, int slot)
{
	if (fake_vm.remove_error)
		return fake_vm.remove_error;
	fake_vm.nr_slots--;
	fake_vm.slot[slot].size = 0;
	return 0;
}

int vm_add_vfio_group(struct vm *vm, int group_fd)
{
	return 0;
}

void vm_remove_vfio_group(struct vm *vm, int group_fd)
{
}

void vm_wait_for_accesses(struct vm *vm)
{
	iobus_synchronize(&vm->mmio);
}

void *fake_vm_find(uint64_t gpa)
{
	for (unsigned i = 0; i < FAKE_VM_SLOTS; i++) {
		const struct fake_slot *slot = &fake_vm.slot[i];

		if (gpa >= slot->gpa && gpa - slot->gpa < slot->size)
			return (char *)slot->va + (gpa - slot->gpa);
	}
	return NULL;
}
