/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/kvm_ioctl.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/bits.h"

static int call(int fd, unsigned long request, const void *arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

static int call_value(int fd, unsigned long request, unsigned long value)
{
	int r = ioctl(fd, request, value);

	return r < 0 ? -errno : r;
}

int kvm_open(struct error *err)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int r;

	if (fd < 0) {
		r = error_set(err, -errno, "/dev/kvm");
		if (r == -ENOENT || r == -ENODEV || r == -ENXIO)
			error_remedy(err, "enable virtualization in the firmware, then: modprobe "
					  "kvm_intel (or kvm_amd)");
		else if (r == -EACCES || r == -EPERM)
			error_remedy(err,
				     "run torc as a member of group kvm: usermod -aG kvm USER, "
				     "then log in again");
		return r;
	}
	r = call_value(fd, KVM_GET_API_VERSION, 0);
	if (r != KVM_API_VERSION) {
		close(fd);
		error_set(err, -ENOTSUP, "/dev/kvm");
		return error_reason(err, "API version %d, torc needs %d", r, KVM_API_VERSION);
	}
	return fd;
}

int kvm_check_extension(int fd, unsigned cap)
{
	int r = call_value(fd, KVM_CHECK_EXTENSION, cap);

	return r < 0 ? 0 : r;
}

int kvm_vcpu_mmap_size(int kvm)
{
	return call_value(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
}

int kvm_supported_cpuid(int kvm, struct kvm_cpuid2 *cpuid)
{
	return call(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
}

int kvm_msr_index_list(int kvm, struct kvm_msr_list *list)
{
	return call(kvm, KVM_GET_MSR_INDEX_LIST, list);
}

int kvm_create_vm(int kvm)
{
	int r;

	/* KVM gives up with EINTR when a signal arrives while it sets the VM up. */
	do {
		r = call_value(kvm, KVM_CREATE_VM, 0);
	} while (r == -EINTR);
	return r;
}

int kvm_enable_cap(int vm, unsigned cap, uint64_t arg0)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg0 } };

	return call(vm, KVM_ENABLE_CAP, &enable);
}

int kvm_set_identity_map(int vm, uint64_t tss, uint64_t identity)
{
	int r = call(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);

	return r ? r : call_value(vm, KVM_SET_TSS_ADDR, tss);
}

int kvm_create_irqchip(int vm)
{
	return call_value(vm, KVM_CREATE_IRQCHIP, 0);
}

int kvm_get_irqchip(int vm, struct kvm_irqchip *chip)
{
	return call(vm, KVM_GET_IRQCHIP, chip);
}

int kvm_set_irqchip(int vm, const struct kvm_irqchip *chip)
{
	return call(vm, KVM_SET_IRQCHIP, chip);
}

int kvm_set_memory_region(int vm, const struct kvm_userspace_memory_region *region)
{
	return call(vm, KVM_SET_USER_MEMORY_REGION, region);
}

int kvm_set_gsi_routing(int vm, const struct kvm_irq_routing *routing)
{
	return call(vm, KVM_SET_GSI_ROUTING, routing);
}

int kvm_irqfd(int vm, const struct kvm_irqfd *irqfd)
{
	return call(vm, KVM_IRQFD, irqfd);
}

int kvm_ioeventfd(int vm, const struct kvm_ioeventfd *ioeventfd)
{
	return call(vm, KVM_IOEVENTFD, ioeventfd);
}

int kvm_irq_line(int vm, unsigned gsi, unsigned level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return call(vm, KVM_IRQ_LINE, &line);
}

int kvm_create_device(int vm, uint32_t type)
{
	struct kvm_create_device create = { .type = type };
	int r = call(vm, KVM_CREATE_DEVICE, &create);

	return r ? r : (int)create.fd;
}

int kvm_set_device_attr(int device, uint32_t group, uint64_t attr, const void *value)
{
	struct kvm_device_attr set = {
		.group = group,
		.attr = attr,
		.addr = (uint64_t)(uintptr_t)value,
	};

	return call(device, KVM_SET_DEVICE_ATTR, &set);
}

int kvm_get_device_attr(int device, uint32_t group, uint64_t attr, void *value)
{
	struct kvm_device_attr get = {
		.group = group,
		.attr = attr,
		.addr = (uint64_t)(uintptr_t)value,
	};

	return call(device, KVM_GET_DEVICE_ATTR, &get);
}

int kvm_get_tsc_khz(int vcpu)
{
	return call_value(vcpu, KVM_GET_TSC_KHZ, 0);
}

int kvm_create_vcpu(int vm, unsigned id)
{
	return call_value(vm, KVM_CREATE_VCPU, id);
}

int kvm_run(int vcpu)
{
	return call_value(vcpu, KVM_RUN, 0);
}

int kvm_set_cpuid(int vcpu, const struct kvm_cpuid2 *cpuid)
{
	return call(vcpu, KVM_SET_CPUID2, cpuid);
}

int kvm_msrs(int vcpu, int set, struct kvm_msrs *msrs)
{
	return call(vcpu, set ? KVM_SET_MSRS : KVM_GET_MSRS, msrs);
}

static const struct {
	unsigned long get, set;
} parts[KVM_NR_PARTS] = {
	[KVM_PART_REGS] = { KVM_GET_REGS, KVM_SET_REGS },
	[KVM_PART_SREGS] = { KVM_GET_SREGS, KVM_SET_SREGS },
	[KVM_PART_LAPIC] = { KVM_GET_LAPIC, KVM_SET_LAPIC },
	[KVM_PART_MP] = { KVM_GET_MP_STATE, KVM_SET_MP_STATE },
	[KVM_PART_EVENTS] = { KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS },
	[KVM_PART_DEBUG] = { KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS },
	[KVM_PART_XSAVE] = { KVM_GET_XSAVE, KVM_SET_XSAVE },
	[KVM_PART_XCRS] = { KVM_GET_XCRS, KVM_SET_XCRS },
};

int kvm_get_part(int vcpu, enum kvm_vcpu_part part, void *state)
{
	return call(vcpu, parts[part].get, state);
}

int kvm_set_part(int vcpu, enum kvm_vcpu_part part, const void *state)
{
	return call(vcpu, parts[part].set, state);
}
