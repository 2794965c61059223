/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/vm.h"

#include <errno.h>
#include <string.h>

#include "core/base/fd.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/kvm/layout.h"

static const struct {
	unsigned cap;
	const char *name;
} required[] = {
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP" },
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY" },
	{ KVM_CAP_IRQFD, "KVM_CAP_IRQFD" },
	{ KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD" },
	{ KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "KVM_CAP_TSC_DEADLINE_TIMER" },
};

static int vm_check(const struct vm *vm, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		if (kvm_check_extension(vm->kvm_fd, required[i].cap))
			continue;
		error_set(err, -ENOTSUP, "/dev/kvm");
		error_reason(err, "lacks %s", required[i].name);
		return error_remedy(err, "boot Linux 6.1 or later");
	}
	return 0;
}

/*
 * KVM makes a pair of 8259s with everything unmasked. A guest on hardware-reduced ACPI does not know of them and leaves
 * its first local APIC's LINT0 open for them: one line that is up at that time would be a stray exception.
 */
static int mask_pics(int vm_fd)
{
	int r = 0;

	for (uint32_t id = KVM_IRQCHIP_PIC_MASTER; id <= KVM_IRQCHIP_PIC_SLAVE && !r; id++) {
		struct kvm_irqchip chip = { .chip_id = id };

		r = kvm_get_irqchip(vm_fd, &chip);
		chip.chip.pic.imr = 0xff;
		if (!r)
			r = kvm_set_irqchip(vm_fd, &chip);
	}
	return r;
}

static int vm_create(struct vm *vm, struct error *err)
{
	int r = kvm_vcpu_mmap_size(vm->kvm_fd);

	if (r < 0)
		return error_set(err, r, "KVM_GET_VCPU_MMAP_SIZE");
	vm->run_size = (size_t)r;
	vm->fd = kvm_create_vm(vm->kvm_fd);
	if (vm->fd < 0)
		return error_set(err, vm->fd, "KVM_CREATE_VM");
	r = kvm_set_identity_map(vm->fd, LAYOUT_TSS, LAYOUT_IDENTITY_MAP);
	if (r)
		return error_set(err, r, "KVM_SET_TSS_ADDR");
	/* Optional: message addresses are taken by the letter, so that 255 is a broadcast in xAPIC mode only. */
	kvm_enable_cap(vm->fd, KVM_CAP_X2APIC_API,
		       KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
	r = kvm_create_irqchip(vm->fd);
	if (r)
		return error_set(err, r, "KVM_CREATE_IRQCHIP");
	r = mask_pics(vm->fd);
	if (r)
		return error_set(err, r, "KVM_SET_IRQCHIP");
	r = kvm_check_extension(vm->fd, KVM_CAP_NR_MEMSLOTS);
	vm->nr_slots = r < VM_MAX_SLOTS ? (unsigned)r : VM_MAX_SLOTS;
	return irq_table_init(&vm->irq, vm->fd, err);
}

int vm_init(struct vm *vm, struct error *err)
{
	int r;

	memset(vm, 0, sizeof(*vm));
	vm->fd = -1;
	vm->vfio_fd = -1;
	pthread_mutex_init(&vm->slot_lock, NULL);
	vm->kvm_fd = kvm_open(err);
	r = vm->kvm_fd < 0 ? vm->kvm_fd : vm_check(vm, err);
	if (!r)
		r = vm_create(vm, err);
	if (!r && (iobus_init(&vm->pio, "pio") || iobus_init(&vm->mmio, "mmio")))
		r = error_set(err, -ENOMEM, "I/O bus");
	if (r)
		vm_destroy(vm);
	return r;
}

int vm_halt_in_guest(struct vm *vm, struct error *err)
{
	int can = kvm_check_extension(vm->fd, KVM_CAP_X86_DISABLE_EXITS);
	int r = can > 0 && can & KVM_X86_DISABLE_EXITS_HLT ? 0 : -ENOTSUP;

	if (!r)
		r = kvm_enable_cap(vm->fd, KVM_CAP_X86_DISABLE_EXITS, KVM_X86_DISABLE_EXITS_HLT);
	if (!r)
		return 0;
	error_set(err, r, "/dev/kvm");
	error_reason(err, "does not let a guest halt the host's CPU");
	return error_remedy(err, "leave idle=guest of --cpus out");
}

void vm_disable_pmu(struct vm *vm)
{
	kvm_enable_cap(vm->fd, KVM_CAP_PMU_CAPABILITY, KVM_PMU_CAP_DISABLE);
}

void vm_destroy(struct vm *vm)
{
	if (!vm->run_size && !vm->kvm_fd)
		return;
	iobus_destroy(&vm->mmio);
	iobus_destroy(&vm->pio);
	irq_table_destroy(&vm->irq);
	fd_close(&vm->vfio_fd);
	fd_close(&vm->fd);
	fd_close(&vm->kvm_fd);
	pthread_mutex_destroy(&vm->slot_lock);
	memset(vm, 0, sizeof(*vm));
}

static int slot_alloc(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nr_slots; i++) {
		if (!vm->slot_used[i])
			return (int)i;
	}
	return -ENOSPC;
}

int vm_add_memory(struct vm *vm, gpa_t gpa, uint64_t size, void *va, bool readonly)
{
	struct kvm_userspace_memory_region region = {
		.flags = readonly ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa.v,
		.memory_size = size,
		.userspace_addr = (uint64_t)(uintptr_t)va,
	};
	int slot, r;

	pthread_mutex_lock(&vm->slot_lock);
	slot = slot_alloc(vm);
	if (slot >= 0) {
		region.slot = (uint32_t)slot;
		r = kvm_set_memory_region(vm->fd, &region);
		if (r)
			slot = r;
		else
			vm->slot_used[slot] = true;
	}
	pthread_mutex_unlock(&vm->slot_lock);
	return slot;
}

int vm_remove_memory(struct vm *vm, int slot)
{
	struct kvm_userspace_memory_region region = { .slot = (uint32_t)slot };
	int r;

	pthread_mutex_lock(&vm->slot_lock);
	r = kvm_set_memory_region(vm->fd, &region);
	vm->slot_used[slot] = r;
	pthread_mutex_unlock(&vm->slot_lock);
	return r;
}

void vm_wait_for_accesses(struct vm *vm)
{
	iobus_synchronize(&vm->pio);
	iobus_synchronize(&vm->mmio);
}

int vm_add_ram(struct vm *vm, const struct guest_mem *mem, struct error *err)
{
	for (unsigned i = 0; i < mem->nr_regions; i++) {
		const struct guest_region *region = &mem->region[i];
		int slot = vm_add_memory(vm, region->gpa, region->size, region->va, false);

		if (slot < 0)
			return error_set(err, slot, "memory slot for guest RAM at 0x%llx",
					 (unsigned long long)region->gpa.v);
	}
	return 0;
}

int vm_add_vfio_group(struct vm *vm, int group_fd)
{
	int32_t fd = group_fd;

	if (vm->vfio_fd < 0) {
		int r = kvm_create_device(vm->fd, KVM_DEV_TYPE_VFIO);

		if (r < 0)
			return r;
		vm->vfio_fd = r;
	}
	return kvm_set_device_attr(vm->vfio_fd, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_ADD, &fd);
}

void vm_remove_vfio_group(struct vm *vm, int group_fd)
{
	int32_t fd = group_fd;

	kvm_set_device_attr(vm->vfio_fd, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_DEL, &fd);
}
