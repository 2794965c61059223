/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU on the real /dev/kvm, with payloads of a few instructions: exits reach the buses, pause and resume lose
 * nothing, a triple fault is told from other stops, a reset gives the state of power-on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/kvm/vcpu.h"
#include "tests/fake/memory.h"
#include "tests/unit/within.h"

#define TEST_PORT 0x3f8
#define TEST_MMIO 0xd0000000ULL
#define CODE	  0x2000ULL

struct fixture {
	struct vm vm;
	struct guest_mem mem;
	struct kvm_cpuid2 *cpuid;
	struct vcpu vcpu;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned nr_stops;
	enum vcpu_stop why;
	uint64_t port_value, nr_port_writes;
	uint64_t mmio_offset, mmio_value, mmio_size;
};

static void on_stop(void *opaque, struct vcpu *vcpu, enum vcpu_stop why)
{
	struct fixture *f = opaque;

	(void)vcpu;
	pthread_mutex_lock(&f->lock);
	f->nr_stops++;
	f->why = why;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
	return 0x5a;
}

static void port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct fixture *f = opaque;

	pthread_mutex_lock(&f->lock);
	f->port_value = value;
	f->nr_port_writes++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
	return 0x11223344 + offset;
}

static void mmio_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct fixture *f = opaque;

	f->mmio_offset = offset;
	f->mmio_size = size;
	f->mmio_value = value;
}

static const struct iobus_ops port_ops = { .read = port_read, .write = port_write };
static const struct iobus_ops mmio_ops = { .read = mmio_read, .write = mmio_write };

static int setup(void **state)
{
	static const struct cpuid_topology topology = { 1, 1, 1, 1, NULL };
	struct guest_mem_config config = ONE_ZONE(16 * MIB);
	struct fixture *f = calloc(1, sizeof(*f));
	struct iobus_region port = { TEST_PORT, 1, &port_ops, f, "port" };
	struct iobus_region mmio = { TEST_MMIO, 0x1000, &mmio_ops, f, "mmio" };

	assert_non_null(f);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	assert_int_equal(trace_init(NULL), 0);
	assert_int_equal(guest_mem_init(&f->mem, &config, NULL), 0);
	assert_int_equal(vm_init(&f->vm, NULL), 0);
	assert_int_equal(vm_add_ram(&f->vm, &f->mem, NULL), 0);
	assert_int_equal(iobus_add(&f->vm.pio, &port), 0);
	assert_int_equal(iobus_add(&f->vm.mmio, &mmio), 0);
	assert_int_equal(cpuid_supported(f->vm.kvm_fd, &f->cpuid, NULL), 0);
	assert_int_equal(vcpu_init(&f->vcpu, &f->vm, 0, &topology, f->cpuid, on_stop, f, NULL), 0);
	assert_int_equal(vcpu_start(&f->vcpu, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vcpu_destroy(&f->vcpu);
	trace_destroy();
	vm_destroy(&f->vm);
	guest_mem_destroy(&f->mem);
	free(f->cpuid);
	free(f);
	return 0;
}

static void run_payload(struct fixture *f, const uint8_t *code, size_t size)
{
	struct vcpu_entry entry = { .mode = VCPU_ENTRY_PROTECTED, .rip = CODE, .rsp = 0x8000 };

	memcpy(guest_mem_ptr(&f->mem, (gpa_t){ CODE }, size), code, size);
	assert_int_equal(vcpu_set_entry(&f->vcpu, &entry, NULL), 0);
	vcpu_resume(&f->vcpu);
}

static void wait_for_writes(struct fixture *f, uint64_t nr)
{
	pthread_mutex_lock(&f->lock);
	while (f->nr_port_writes < nr)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static void wait_for_stop(struct fixture *f)
{
	pthread_mutex_lock(&f->lock);
	while (!f->nr_stops)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
	vcpu_wait_paused(&f->vcpu);
}

static void pause_vcpu(struct fixture *f)
{
	vcpu_request_pause(&f->vcpu);
	vcpu_wait_paused(&f->vcpu);
}

/* mov dx,0x3f8; mov ebx,0xd0000000; mov eax,[ebx+8]; mov [ebx+4],eax; in al,dx; out dx,al; jmp . */
static const uint8_t exits[] = { 0x66, 0xba, 0xf8, 0x03, 0xbb, 0x00, 0x00, 0x00, 0xd0, 0x8b,
				 0x43, 0x08, 0x89, 0x43, 0x04, 0xec, 0xee, 0xeb, 0xfe };

static void exits_reach_the_buses(void **state)
{
	struct fixture *f = *state;

	run_payload(f, exits, sizeof(exits));
	wait_for_writes(f, 1);
	pause_vcpu(f);
	assert_int_equal(f->port_value, 0x5a);
	assert_int_equal(f->mmio_offset, 4);
	assert_int_equal(f->mmio_size, 4);
	assert_int_equal(f->mmio_value, 0x11223344 + 8);
	assert_int_equal(f->vcpu.trace->counter[VCPU_EXIT_PIO], 2);
	assert_int_equal(f->vcpu.trace->counter[VCPU_EXIT_MMIO], 2);
	assert_int_equal(f->nr_stops, 0);
	/* From the first exit to the entry before the last one, which the pause ended. */
	assert_within(f->vcpu.trace->histogram[TRACE_VCPU_HANDLE].count, 3, 4);
}

/* mov dx,0x3f8; xor eax,eax; again: inc eax; out dx,al; jmp again */
static const uint8_t counter[] = { 0x66, 0xba, 0xf8, 0x03, 0x31, 0xc0, 0x40, 0xee, 0xeb, 0xfc };

static void pause_and_resume_lose_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t seen = 0;

	run_payload(f, counter, sizeof(counter));
	for (unsigned i = 0; i < 50; i++) {
		wait_for_writes(f, seen + 3);
		pause_vcpu(f);
		seen = f->nr_port_writes;
		/* Every write counts one up: one lost or repeated would show. */
		assert_int_equal(f->port_value, seen & 0xff);
		vcpu_resume(&f->vcpu);
	}
	pause_vcpu(f);
}

static void a_paused_vcpu_stays_paused(void **state)
{
	struct fixture *f = *state;
	uint64_t seen;

	run_payload(f, counter, sizeof(counter));
	wait_for_writes(f, 3);
	pause_vcpu(f);
	seen = f->nr_port_writes;
	usleep(20000);
	assert_int_equal(f->nr_port_writes, seen);
}

/* ud2, with an empty interrupt table */
static const uint8_t fault[] = { 0x0f, 0x0b };

static void a_triple_fault_stops_the_vcpu(void **state)
{
	struct fixture *f = *state;

	run_payload(f, fault, sizeof(fault));
	wait_for_stop(f);
	assert_int_equal(f->nr_stops, 1);
	assert_int_equal(f->why, VCPU_STOP_TRIPLE_FAULT);
	assert_int_equal(f->vcpu.trace->counter[VCPU_EXIT_SHUTDOWN], 1);
}

static void a_reset_gives_the_state_of_power_on(void **state)
{
	struct fixture *f = *state;
	struct kvm_regs before, after;
	struct kvm_sregs sregs;

	assert_int_equal(kvm_get_part(f->vcpu.fd, KVM_PART_REGS, &before), 0);
	run_payload(f, fault, sizeof(fault));
	wait_for_stop(f);
	assert_int_equal(vcpu_reset(&f->vcpu, NULL), 0);
	assert_int_equal(kvm_get_part(f->vcpu.fd, KVM_PART_REGS, &after), 0);
	assert_int_equal(kvm_get_part(f->vcpu.fd, KVM_PART_SREGS, &sregs), 0);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(sregs.cs.selector, 0xf000);
	assert_int_equal(sregs.cr0 & 1, 0);
	/* And it runs again. */
	run_payload(f, exits, sizeof(exits));
	wait_for_writes(f, 1);
	pause_vcpu(f);
	assert_int_equal(f->port_value, 0x5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(exits_reach_the_buses, setup, teardown),
		cmocka_unit_test_setup_teardown(pause_and_resume_lose_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_paused_vcpu_stays_paused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_triple_fault_stops_the_vcpu, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reset_gives_the_state_of_power_on, setup,
						teardown),
	};

	if (access("/dev/kvm", R_OK | W_OK)) {
		print_message("/dev/kvm: %s\n", strerror(errno));
		return 77;
	}
	vcpu_signals_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
