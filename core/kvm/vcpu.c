/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kvm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/base/thread.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/kvm/layout.h"

/* Intel SDM 4, table 2-2; AMD APM 2, appendix A. */
#define MSR_MISC_ENABLE		0x1a0
#define MISC_ENABLE_FAST_STRING 1ULL
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MTRR_ENABLE		(1ULL << 11)
#define MTRR_WRITE_BACK		6ULL

static void kick_handler(int sig)
{
	/* KVM_RUN returns EINTR; that is all it is for. */
	(void)sig;
}

void vcpu_signals_init(void)
{
	struct sigaction sa = { .sa_handler = kick_handler };

	sigset_t kick;

	sigaction(SIGRTMIN, &sa, NULL);
	/* Whoever started torc may have blocked it, and a halted vCPU would never hear of a pause. */
	sigemptyset(&kick);
	sigaddset(&kick, SIGRTMIN);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
}

static int map_run(struct vcpu *vcpu, struct error *err)
{
	void *run = mmap(NULL, vcpu->vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);

	if (run == MAP_FAILED)
		return error_set(err, -errno, "vCPU %u: run page", vcpu->index);
	vcpu->run = run;
	return 0;
}

/* One MSR: 1 when KVM took or gave it. */
static int access_msr(struct vcpu *vcpu, bool set, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry = { .index = index, .data = *value } };
	int r = kvm_msrs(vcpu->fd, set, &msrs.head);

	*value = msrs.entry.data;
	return r;
}

/* What firmware would have set up. Without it Linux switches off PAT, and on Intel fast string operations. */
static int set_firmware_msrs(struct vcpu *vcpu, struct error *err)
{
	uint64_t mtrr = MTRR_ENABLE | MTRR_WRITE_BACK, misc = 0;
	int r = access_msr(vcpu, true, MSR_MTRR_DEF_TYPE, &mtrr);

	if (r != 1)
		return error_set(err, r < 0 ? r : -EINVAL, "vCPU %u: MTRR default type",
				 vcpu->index);
	/* Intel's only; the other bits say what the CPU does not have. */
	if (access_msr(vcpu, false, MSR_MISC_ENABLE, &misc) == 1) {
		misc |= MISC_ENABLE_FAST_STRING;
		access_msr(vcpu, true, MSR_MISC_ENABLE, &misc);
	}
	return 0;
}

int vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned index,
	      const struct cpuid_topology *topology, struct kvm_cpuid2 *cpuid, vcpu_stop_fn on_stop,
	      void *opaque, struct error *err)
{
	int r;

	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->on_stop = on_stop;
	vcpu->opaque = opaque;
	snprintf(vcpu->name, sizeof(vcpu->name), "vcpu%u", index);
	vcpu->trace = trace_object(TRACE_VCPU, vcpu->name);
	pthread_mutex_init(&vcpu->lock, NULL);
	pthread_cond_init(&vcpu->changed, NULL);
	vcpu->fd = kvm_create_vcpu(vm->fd, cpuid_apic_id(topology, index));
	if (vcpu->fd < 0) {
		r = error_set(err, vcpu->fd, "vCPU %u", index);
		goto fail;
	}
	r = map_run(vcpu, err);
	if (r)
		goto fail;
	cpuid_set_vcpu(cpuid, topology, index);
	r = kvm_set_cpuid(vcpu->fd, cpuid);
	if (r) {
		error_set(err, r, "vCPU %u: KVM_SET_CPUID2", index);
		goto fail;
	}
	r = set_firmware_msrs(vcpu, err);
	if (r)
		goto fail;
	r = vcpu_state_save(vm->kvm_fd, vcpu->fd, &vcpu->initial, err);
	if (r)
		goto fail;
	iobus_register_reader(&vm->pio, &vcpu->pio_reader);
	iobus_register_reader(&vm->mmio, &vcpu->mmio_reader);
	return 0;
fail:
	vcpu_destroy(vcpu);
	return r;
}

void vcpu_destroy(struct vcpu *vcpu)
{
	if (!vcpu->vm)
		return;
	if (vcpu->has_thread) {
		pthread_mutex_lock(&vcpu->lock);
		vcpu->want_quit = true;
		pthread_cond_broadcast(&vcpu->changed);
		pthread_mutex_unlock(&vcpu->lock);
		vcpu_request_pause(vcpu);
		pthread_join(vcpu->thread.id, NULL);
	}
	iobus_unregister_reader(&vcpu->vm->pio, &vcpu->pio_reader);
	iobus_unregister_reader(&vcpu->vm->mmio, &vcpu->mmio_reader);
	trace_release(vcpu->trace);
	vcpu_state_free(vcpu->initial);
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->run_size);
	fd_close(&vcpu->fd);
	pthread_cond_destroy(&vcpu->changed);
	pthread_mutex_destroy(&vcpu->lock);
	vcpu->vm = NULL;
}

static void handle_pio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned size = run->io.size;

	for (uint32_t i = 0; i < run->io.count; i++, data += size) {
		if (run->io.direction == KVM_EXIT_IO_IN)
			put_le(data, size,
			       iobus_read(&vcpu->vm->pio, &vcpu->pio_reader, run->io.port, size));
		else
			iobus_write(&vcpu->vm->pio, &vcpu->pio_reader, run->io.port, size,
				    get_le(data, size));
	}
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint64_t addr = run->mmio.phys_addr;
	unsigned size = run->mmio.len;

	/* KVM splits an access at a page boundary, so odd lengths happen; no device register is that wide. */
	if (!is_pow2(size) || size > 8) {
		if (!run->mmio.is_write)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	} else if (run->mmio.is_write) {
		iobus_write(&vcpu->vm->mmio, &vcpu->mmio_reader, addr, size,
			    get_le(run->mmio.data, size));
	} else {
		put_le(run->mmio.data, size,
		       iobus_read(&vcpu->vm->mmio, &vcpu->mmio_reader, addr, size));
	}
}

static void log_registers(struct vcpu *vcpu, const char *what)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (kvm_get_part(vcpu->fd, KVM_PART_REGS, &regs) ||
	    kvm_get_part(vcpu->fd, KVM_PART_SREGS, &sregs))
		return;
	log_error("vcpu%u: %s at rip 0x%llx: rsp 0x%llx rflags 0x%llx cr0 0x%llx cr2 0x%llx cr3 "
		  "0x%llx cr4 0x%llx efer 0x%llx cs 0x%x",
		  vcpu->index, what, (unsigned long long)regs.rip, (unsigned long long)regs.rsp,
		  (unsigned long long)regs.rflags, (unsigned long long)sregs.cr0,
		  (unsigned long long)sregs.cr2, (unsigned long long)sregs.cr3,
		  (unsigned long long)sregs.cr4, (unsigned long long)sregs.efer, sregs.cs.selector);
}

static enum vcpu_stop system_event(const struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		return VCPU_STOP_POWER_OFF;
	case KVM_SYSTEM_EVENT_RESET:
		return VCPU_STOP_RESET;
	default:
		return VCPU_STOP_ERROR;
	}
}

static void stop(struct vcpu *vcpu, enum vcpu_stop why)
{
	pthread_mutex_lock(&vcpu->lock);
	vcpu->want_run = false;
	pthread_mutex_unlock(&vcpu->lock);
	vcpu->on_stop(vcpu->opaque, vcpu, why);
}

/* The exits that end a run. */
static void handle_rare(struct vcpu *vcpu, enum vcpu_exit exit)
{
	char what[64];

	switch (exit) {
	case VCPU_EXIT_SHUTDOWN:
		log_registers(vcpu, "triple fault");
		stop(vcpu, VCPU_STOP_TRIPLE_FAULT);
		break;
	case VCPU_EXIT_SYSTEM_EVENT:
		stop(vcpu, system_event(vcpu));
		break;
	case VCPU_EXIT_INTERNAL_ERROR:
		snprintf(what, sizeof(what), "KVM internal error %u", vcpu->run->internal.suberror);
		log_registers(vcpu, what);
		stop(vcpu, VCPU_STOP_GUEST_ERROR);
		break;
	case VCPU_EXIT_FAIL_ENTRY:
		snprintf(what, sizeof(what), "failed VM entry, hardware reason 0x%llx",
			 (unsigned long long)vcpu->run->fail_entry.hardware_entry_failure_reason);
		log_registers(vcpu, what);
		stop(vcpu, VCPU_STOP_ERROR);
		break;
	default:
		snprintf(what, sizeof(what), "unhandled KVM exit %u", vcpu->run->exit_reason);
		log_registers(vcpu, what);
		stop(vcpu, VCPU_STOP_ERROR);
	}
}

static enum vcpu_exit exit_of(const struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		return VCPU_EXIT_PIO;
	case KVM_EXIT_MMIO:
		return VCPU_EXIT_MMIO;
	case KVM_EXIT_HLT:
		return VCPU_EXIT_HLT;
	case KVM_EXIT_INTR:
		return VCPU_EXIT_INTR;
	case KVM_EXIT_SHUTDOWN:
		return VCPU_EXIT_SHUTDOWN;
	case KVM_EXIT_SYSTEM_EVENT:
		return VCPU_EXIT_SYSTEM_EVENT;
	case KVM_EXIT_INTERNAL_ERROR:
		return VCPU_EXIT_INTERNAL_ERROR;
	case KVM_EXIT_FAIL_ENTRY:
		return VCPU_EXIT_FAIL_ENTRY;
	default:
		return VCPU_EXIT_OTHER;
	}
}

/* KVM_RUN, and how long the exit before it took. */
static int enter(struct vcpu *vcpu)
{
	uint64_t now = trace_tsc();
	int r;

	if (vcpu->left_tsc)
		trace_record(vcpu->trace, TRACE_VCPU_HANDLE, now - vcpu->left_tsc);
	trace_event_at(now, TRACE_EVENT_ENTER, vcpu->trace, 0, 0, 0);
	r = kvm_run(vcpu->fd);
	vcpu->left_tsc = trace_tsc();
	return r;
}

static void count_exit(struct vcpu *vcpu, enum vcpu_exit exit)
{
	const struct kvm_run *run = vcpu->run;
	uint64_t address = 0, size = 0;

	if (exit == VCPU_EXIT_PIO) {
		address = run->io.port;
		size = run->io.size;
	} else if (exit == VCPU_EXIT_MMIO) {
		address = run->mmio.phys_addr;
		size = run->mmio.len;
	}
	trace_count(vcpu->trace, exit, 1);
	trace_event_at(vcpu->left_tsc, TRACE_EVENT_EXIT, vcpu->trace, exit, address, size);
}

/* One entry into the guest; false when the thread is to look at what it is asked to do. */
static bool run_once(struct vcpu *vcpu)
{
	int r = enter(vcpu);
	enum vcpu_exit exit;

	/* An application processor was waiting for its SIPI and may have got it. */
	if (r == -EAGAIN)
		return !READ_ONCE(vcpu->run->immediate_exit);
	if (r < 0 && r != -EINTR) {
		log_error("vcpu%u: KVM_RUN: %s", vcpu->index, strerror(-r));
		log_registers(vcpu, "KVM_RUN failed");
		stop(vcpu, VCPU_STOP_ERROR);
		return false;
	}
	exit = r ? VCPU_EXIT_INTR : exit_of(vcpu);
	count_exit(vcpu, exit);
	switch (exit) {
	case VCPU_EXIT_PIO:
		handle_pio(vcpu);
		return true;
	case VCPU_EXIT_MMIO:
		handle_mmio(vcpu);
		return true;
	case VCPU_EXIT_HLT:
		return true;
	case VCPU_EXIT_INTR:
		return false;
	default:
		handle_rare(vcpu, exit);
		return false;
	}
}

/*
 * KVM finishes an access that was dispatched only at the next KVM_RUN. A vCPU whose state is to be read or
 * replaced must not have one open, so enter once more with immediate_exit set.
 */
static void complete_access(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->run->immediate_exit, 1);
	/* A wide access comes in pieces, each an exit of its own. */
	while (!kvm_run(vcpu->fd)) {
		if (vcpu->run->exit_reason == KVM_EXIT_IO)
			handle_pio(vcpu);
		else if (vcpu->run->exit_reason == KVM_EXIT_MMIO)
			handle_mmio(vcpu);
		else
			break;
	}
}

static void *vcpu_main(void *arg)
{
	struct vcpu *vcpu = arg;

	trace_thread_begin(vcpu->name);
	trace_own(vcpu->trace);
	pthread_mutex_lock(&vcpu->lock);
	while (!vcpu->want_quit) {
		if (!vcpu->want_run) {
			vcpu->running = false;
			pthread_cond_broadcast(&vcpu->changed);
			pthread_cond_wait(&vcpu->changed, &vcpu->lock);
			continue;
		}
		vcpu->running = true;
		vcpu->run->immediate_exit = 0;
		pthread_mutex_unlock(&vcpu->lock);
		while (run_once(vcpu) && !READ_ONCE(vcpu->run->immediate_exit))
			;
		complete_access(vcpu);
		vcpu->left_tsc = 0;
		pthread_mutex_lock(&vcpu->lock);
	}
	vcpu->running = false;
	pthread_cond_broadcast(&vcpu->changed);
	pthread_mutex_unlock(&vcpu->lock);
	trace_thread_end();
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct error *err)
{
	int r = thread_start(&vcpu->thread, vcpu->name, vcpu_main, vcpu);

	if (r)
		return error_set(err, r, "thread of vCPU %u", vcpu->index);
	vcpu->has_thread = true;
	return 0;
}

void vcpu_resume(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->lock);
	vcpu->want_run = true;
	vcpu->running = true; /* so that vcpu_wait_paused() cannot overtake the thread */
	pthread_cond_broadcast(&vcpu->changed);
	pthread_mutex_unlock(&vcpu->lock);
}

void vcpu_request_pause(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->lock);
	vcpu->want_run = false;
	/* Under the lock, or the thread could clear it again on its way into the guest. */
	WRITE_ONCE(vcpu->run->immediate_exit, 1);
	pthread_cond_broadcast(&vcpu->changed);
	pthread_mutex_unlock(&vcpu->lock);
	if (vcpu->has_thread)
		pthread_kill(vcpu->thread.id, SIGRTMIN);
}

void vcpu_wait_paused(struct vcpu *vcpu)
{
	pthread_mutex_lock(&vcpu->lock);
	while (vcpu->running)
		pthread_cond_wait(&vcpu->changed, &vcpu->lock);
	pthread_mutex_unlock(&vcpu->lock);
}

uint64_t vcpu_tsc_hz(const struct vcpu *vcpu)
{
	int khz = kvm_get_tsc_khz(vcpu->fd);

	return khz > 0 ? (uint64_t)khz * 1000 : 0;
}

uint64_t vcpu_tsc_offset(const struct vcpu *vcpu)
{
	uint64_t offset = 0;

	/* A kernel that cannot say leaves them the same. */
	kvm_get_device_attr(vcpu->fd, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &offset);
	return offset;
}

int vcpu_reset(struct vcpu *vcpu, struct error *err)
{
	int r = vcpu_state_restore(vcpu->initial, vcpu->fd, err);

	return r ? error_set(err, r, "reset of vCPU %u", vcpu->index) : 0;
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool long_mode)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = !long_mode,
		.l = long_mode,
	};
}

int vcpu_set_entry(struct vcpu *vcpu, const struct vcpu_entry *entry, struct error *err)
{
	bool long_mode = entry->mode == VCPU_ENTRY_LONG64;
	struct kvm_segment code = flat_segment(0x10, 0xb, long_mode);
	struct kvm_segment data = flat_segment(0x18, 0x3, false);
	struct kvm_regs regs = {
		.rip = entry->rip,
		.rsi = entry->rsi,
		.rbx = entry->rbx,
		.rsp = entry->rsp,
		.rflags = 2,
	};
	struct kvm_sregs sregs;
	int r = kvm_get_part(vcpu->fd, KVM_PART_SREGS, &sregs);

	if (r)
		return error_set(err, r, "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr = flat_segment(0, 0xb, false);
	sregs.tr.s = 0;
	sregs.tr.g = 0;
	sregs.tr.db = 0;
	sregs.tr.limit = 0x67;
	sregs.gdt.base = LAYOUT_GDT;
	sregs.gdt.limit = 0x1f;
	sregs.idt.base = 0;
	sregs.idt.limit = 0;
	sregs.cr0 = 0x11; /* PE, ET */
	sregs.cr4 = 0;
	if (long_mode) {
		sregs.cr3 = entry->cr3;
		sregs.cr4 = 0x20;	 /* PAE */
		sregs.cr0 |= 0x80000000; /* PG */
		sregs.efer = 0x500;	 /* LME, LMA */
	}
	r = kvm_set_part(vcpu->fd, KVM_PART_SREGS, &sregs);
	if (!r)
		r = kvm_set_part(vcpu->fd, KVM_PART_REGS, &regs);
	return r ? error_set(err, r, "entry state of vCPU %u", vcpu->index) : 0;
}
