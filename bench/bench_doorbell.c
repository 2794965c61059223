/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A doorbell's way: from the write until the ring's callback for it has begun. "eventfd" writes the ring's eventfd, as KVM
 * does for an ioeventfd; "iobus" comes by the I/O bus, as a doorbell does that no ioeventfd takes, and the device writes it.
 * "guest" is a real one on this machine's /dev/kvm that stores to a register and looks for what the callback sets:
 * by an ioeventfd of KVM's, or by an exit to the vCPU's thread and the I/O bus; who measures is woken after a hundred.
 * One core for who rings, one for the ring.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/trip.h"
#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/kvm/kvm_ioctl.h"
#include "core/kvm/vcpu.h"
#include "tests/fake/memory.h"

#define REGISTERS 0xd0000000ULL
#define CODE	  0x2000ULL
#define ANSWER	  0x4000ULL

#define GUEST_BATCH 100 /* doorbells of a guest until who measures is woken */
#define GUEST_TRIPS 5	/* of so many */

struct doorbell {
	struct trip_server server; /* of its eventfd */
	uint32_t *answer;	   /* atomic: 1 once it has been heard; who rings clears it */
	/* Of a guest's; atomic. */
	uint64_t nr_heard, stop_at;
	int stopped; /* eventfd */
};

struct guest {
	struct vm vm;
	struct guest_mem mem;
	struct kvm_cpuid2 *cpuid;
	struct vcpu vcpu;
};

static void on_heard(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct doorbell *d = container_of(op, struct doorbell, server.heard);

	if (res <= 0)
		return;
	/* Pairs with run_guest(). */
	if (++d->nr_heard == load_acquire(&d->stop_at))
		fd_eventfd_signal(d->stopped);
	else
		store_release(d->answer, 1); /* pairs with wait_until_heard(), or is the guest's */
}

/* Return: whether there are two CPUs. */
static bool open_doorbell(struct bench_state *state, struct doorbell *d, pthread_t ringer,
			  bool polls)
{
	d->server.heard.done = on_heard;
	d->server.fd = fd_eventfd();
	d->stopped = eventfd(0, EFD_CLOEXEC);
	if (d->server.fd < 0 || d->stopped < 0)
		abort();
	trip_serve(&d->server, polls ? RING_POLL_AUTO : 0);
	return trip_pin(state, ringer, d->server.thread.thread.id);
}

static void close_doorbell(struct doorbell *d)
{
	ring_thread_stop(&d->server.thread);
	fd_close(&d->server.fd);
	fd_close(&d->stopped);
}

static void device_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
	struct doorbell *d = opaque;

	fd_eventfd_signal(d->server.fd);
}

static const struct iobus_ops device_ops = { .write = device_write };

static void add_device(struct iobus *bus, struct doorbell *d)
{
	const struct iobus_region region = { REGISTERS, 0x1000, &device_ops, d, "doorbell" };

	if (iobus_add(bus, &region))
		abort();
}

struct ringer {
	struct doorbell bell;
	struct iobus bus;
	struct iobus_reader reader;
};

static void wait_until_heard(struct doorbell *d)
{
	/* Pairs with on_heard(). */
	while (!load_acquire(d->answer))
		__builtin_ia32_pause();
}

static void ring_by_eventfd(void *opaque)
{
	struct ringer *r = opaque;

	store_release(r->bell.answer, 0);
	fd_eventfd_signal(r->bell.server.fd);
	wait_until_heard(&r->bell);
}

static void ring_by_bus(void *opaque)
{
	struct ringer *r = opaque;

	store_release(r->bell.answer, 0);
	iobus_write(&r->bus, &r->reader, REGISTERS, 2, 0);
	wait_until_heard(&r->bell);
}

static void run_thread(struct bench_state *state, bool by_bus, bool polls)
{
	uint32_t answer = 0;
	struct ringer r = { .bell.answer = &answer };

	if (iobus_init(&r.bus, "mmio"))
		abort();
	iobus_register_reader(&r.bus, &r.reader);
	add_device(&r.bus, &r.bell);
	if (open_doorbell(state, &r.bell, pthread_self(), polls))
		trip_time(state, by_bus ? ring_by_bus : ring_by_eventfd, &r, TRIP_MAX, 1);
	close_doorbell(&r.bell);
	iobus_destroy(&r.bus);
}

static void eventfd_blocking(struct bench_state *state, int64_t arg)
{
	run_thread(state, false, false);
}

static void eventfd_polling(struct bench_state *state, int64_t arg)
{
	run_thread(state, false, true);
}

static void iobus_blocking(struct bench_state *state, int64_t arg)
{
	run_thread(state, true, false);
}

static void iobus_polling(struct bench_state *state, int64_t arg)
{
	run_thread(state, true, true);
}

/* again: mov [0xd0000000],ax; wait: pause; cmp dword [0x4000],0; je wait; mov dword [0x4000],0; jmp again */
static const uint8_t code[] = { 0x66, 0xa3, 0x00, 0x00, 0x00, 0xd0, 0xf3, 0x90, 0x83, 0x3d,
				0x00, 0x40, 0x00, 0x00, 0x00, 0x74, 0xf5, 0xc7, 0x05, 0x00,
				0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xeb, 0xe3 };

static void on_stop(void *opaque, struct vcpu *vcpu, enum vcpu_stop why)
{
	abort();
}

static void open_guest(struct guest *g)
{
	static const struct cpuid_topology topology = { 1, 1, 1, 1, NULL };
	const struct vcpu_entry entry = { .mode = VCPU_ENTRY_PROTECTED, .rip = CODE };
	struct guest_mem_config config = ONE_ZONE(16 * MIB);

	memset(g, 0, sizeof(*g));
	vcpu_signals_init();
	if (guest_mem_init(&g->mem, &config, NULL) || vm_init(&g->vm, NULL) ||
	    vm_add_ram(&g->vm, &g->mem, NULL) || cpuid_supported(g->vm.kvm_fd, &g->cpuid, NULL) ||
	    vcpu_init(&g->vcpu, &g->vm, 0, &topology, g->cpuid, on_stop, NULL, NULL) ||
	    vcpu_start(&g->vcpu, NULL) || vcpu_set_entry(&g->vcpu, &entry, NULL))
		abort();
	memcpy(guest_mem_ptr(&g->mem, (gpa_t){ CODE }, sizeof(code)), code, sizeof(code));
}

static void close_guest(struct guest *g)
{
	vcpu_destroy(&g->vcpu);
	vm_destroy(&g->vm);
	guest_mem_destroy(&g->mem);
	free(g->cpuid);
}

static void wait_until_stopped(struct doorbell *d)
{
	uint64_t value;

	while (read(d->stopped, &value, sizeof(value)) != sizeof(value))
		;
}

/* It has rung and waits for an answer afterwards, and so before the first time. */
static void go_on(void *opaque)
{
	struct doorbell *d = opaque;

	/* Pairs with on_heard(). */
	store_release(&d->stop_at, d->stop_at + GUEST_BATCH);
	store_release(d->answer, 1);
	wait_until_stopped(d);
}

static void run_guest(struct bench_state *state, bool by_exit, bool polls)
{
	static struct guest g;
	struct doorbell d = { .stop_at = 1 };
	struct kvm_ioeventfd bell = { .addr = REGISTERS };

	if (access("/dev/kvm", R_OK | W_OK)) {
		bench_skip(state, "/dev/kvm cannot be opened");
		return;
	}
	open_guest(&g);
	d.answer = guest_mem_ptr(&g.mem, (gpa_t){ ANSWER }, sizeof(*d.answer));
	if (open_doorbell(state, &d, g.vcpu.thread.id, polls)) {
		bell.fd = d.server.fd;
		if (by_exit)
			add_device(&g.vm.mmio, &d);
		else if (kvm_ioeventfd(g.vm.fd, &bell))
			abort();
		vcpu_resume(&g.vcpu);
		wait_until_stopped(&d);
		trip_time(state, go_on, &d, GUEST_TRIPS, GUEST_BATCH);
	}
	close_guest(&g);
	close_doorbell(&d);
}

static void guest_ioeventfd_blocking(struct bench_state *state, int64_t arg)
{
	run_guest(state, false, false);
}

static void guest_ioeventfd_polling(struct bench_state *state, int64_t arg)
{
	run_guest(state, false, true);
}

static void guest_exit_blocking(struct bench_state *state, int64_t arg)
{
	run_guest(state, true, false);
}

static void guest_exit_polling(struct bench_state *state, int64_t arg)
{
	run_guest(state, true, true);
}

const bool bench_has_own_clock = true;

const struct bench bench_table[] = {
	{ "doorbell/eventfd-blocking", eventfd_blocking, { 1 } },
	{ "doorbell/eventfd-polling", eventfd_polling, { 1 } },
	{ "doorbell/iobus-blocking", iobus_blocking, { 1 } },
	{ "doorbell/iobus-polling", iobus_polling, { 1 } },
	{ "doorbell/guest-ioeventfd-blocking", guest_ioeventfd_blocking, { 1 } },
	{ "doorbell/guest-ioeventfd-polling", guest_ioeventfd_polling, { 1 } },
	{ "doorbell/guest-exit-blocking", guest_exit_blocking, { 1 } },
	{ "doorbell/guest-exit-polling", guest_exit_polling, { 1 } },
	{ 0 },
};
