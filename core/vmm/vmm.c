/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/vmm.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/bits.h"
#include "core/base/fd.h"
#include "core/base/log.h"
#include "core/kvm/vcpu.h"
#include "core/vmm/machine.h"
#include "core/vmm/metrics.h"
#include "core/vmm/metrics_file.h"
#include "io/line/line.h"
#include "io/ring/ring.h"

#define RING_ENTRIES 64
#define TERMINAL_NS  500000000ULL /* between two looks whether the terminal is ours again */

struct vmm {
	const struct config *config;
	void (*opened)(const struct config *config);
	struct ring ring;
	int signal_fd;
	struct ring_op signal_op, terminal_timer;
	struct metrics_source source;
	struct metrics metrics;
	struct metrics_file metrics_file;
	struct machine *machine; /* NULL: none */
	bool has_ended;		 /* the machine; atomic */
	struct ring_work ended_work;
};

/* But for those that are ignored. */
static void add_signals(sigset_t *mask, const int *signals, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct sigaction old;

		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(mask, signals[i]);
	}
}

/*
 * Blocked in every thread, so that only the signalfd sees them, and to the end of the process: one that comes late kills
 * nobody whose error is not told, and changes no exit status. One that is ignored stays so: nohup and a shell's background
 * jobs rely on that.
 */
static int block_signals(struct vmm *vmm, struct error *err)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	static const int terminal[] = { SIGTSTP, SIGCONT, SIGWINCH };
	bool has_terminal = vmm->config->console.mode == LINE_TTY ||
			    vmm->config->serial.mode == LINE_TTY;
	sigset_t mask;

	sigemptyset(&mask);
	add_signals(&mask, ending, ARRAY_SIZE(ending));
	if (has_terminal)
		add_signals(&mask, terminal, ARRAY_SIZE(terminal));
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	vcpu_signals_init();
	vmm->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return vmm->signal_fd < 0 ? error_set(err, -errno, "signalfd") : 0;
}

/*
 * Those that end the process go to the machine's thread and its children, which hold them off while they have a device between two
 * drivers. Synchronous ones are whose they are.
 */
static void leave_signals_to_machine(void)
{
	static const int synchronous[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT
	};
	sigset_t mask;

	sigfillset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(synchronous); i++)
		sigdelset(&mask, synchronous[i]);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
}

/* Here torc stands still, unless nobody could let it go on: then the kernel does not stop it. */
static void stop(void)
{
	sigset_t tstp;

	sigemptyset(&tstp);
	sigaddset(&tstp, SIGTSTP);
	raise(SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &tstp, NULL);
	pthread_sigmask(SIG_BLOCK, &tstp, NULL);
}

/* Who is moved to the foreground while it runs is not told. */
static void resume_terminal(struct vmm *vmm)
{
	if (!line_resume_terminal() && !vmm->terminal_timer.active)
		ring_timeout(&vmm->ring, &vmm->terminal_timer, TERMINAL_NS);
}

static void terminal_time(struct ring_op *op, int32_t res, uint32_t flags)
{
	if (res == -ETIME)
		resume_terminal(container_of(op, struct vmm, terminal_timer));
}

static void take_signal(struct vmm *vmm, const struct signalfd_siginfo *info)
{
	switch (info->ssi_signo) {
	case SIGTSTP:
		/* Who sees the terminal next wants it as it was. */
		line_lend_terminal();
		stop();
		resume_terminal(vmm);
		break;
	case SIGCONT:
		resume_terminal(vmm);
		/* A stopped process is told of no change of its size. */
		break;
	case SIGWINCH:
		break;
	default:
		log_info("signal %u (%s): ending the VM", info->ssi_signo,
			 strsignal((int)info->ssi_signo));
		machine_end(vmm->machine);
		return;
	}
	machine_terminal_changed(vmm->machine);
}

static void take_signals(struct vmm *vmm)
{
	struct signalfd_siginfo info;

	while (read(vmm->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		take_signal(vmm, &info);
}

/* Polled, then read: a READ of a non-blocking signalfd is punted to a worker on some kernels and fails there. */
static void signal_done(struct ring_op *op, int32_t res, uint32_t flags)
{
	struct vmm *vmm = container_of(op, struct vmm, signal_op);

	/* The poll tells of several signals once. */
	take_signals(vmm);
	if (!op->active && res != -ECANCELED)
		ring_poll(&vmm->ring, op, vmm->signal_fd);
}

static struct machine_status *status(void *opaque)
{
	struct vmm *vmm = opaque;

	return vmm->machine ? machine_status(vmm->machine) : NULL;
}

static int start_metrics(struct vmm *vmm, struct error *err)
{
	const struct config_metrics *metrics = &vmm->config->metrics;

	if (!metrics->path)
		return 0;
	return metrics->interval_s
		       ? metrics_file_start(&vmm->metrics_file, &vmm->ring, &vmm->source,
					    metrics->path, metrics->mode, metrics->interval_s, err)
		       : metrics_start(&vmm->metrics, &vmm->ring, &vmm->source, metrics->path,
				       metrics->mode, err);
}

static void ended_work(struct ring_work *work)
{
	ring_stop(&container_of(work, struct vmm, ended_work)->ring);
}

/* By the machine's thread. */
static void machine_opened(void *opaque)
{
	struct vmm *vmm = opaque;

	vmm->opened(vmm->config);
}

static void machine_ended(void *opaque)
{
	struct vmm *vmm = opaque;

	/* Pairs with the load in wait_without_ring(). */
	store_release(&vmm->has_ended, true);
	ring_post(&vmm->ring, &vmm->ended_work);
}

/* The kernel refuses to serve the ring: signals are all that is served still, until the machine has ended. */
static void wait_without_ring(struct vmm *vmm)
{
	machine_end(vmm->machine);
	while (!load_acquire(&vmm->has_ended)) {
		struct pollfd fds[] = { { .fd = vmm->signal_fd, .events = POLLIN },
					{ .fd = vmm->ring.post_fd, .events = POLLIN } };

		poll(fds, ARRAY_SIZE(fds), -1);
		take_signals(vmm);
		fd_eventfd_drain(vmm->ring.post_fd);
		ring_drain_posted(&vmm->ring);
	}
}

static int serve(struct vmm *vmm, struct error *err)
{
	struct error why = { 0 };
	int r, failed;

	vmm->signal_op.done = signal_done;
	ring_poll(&vmm->ring, &vmm->signal_op, vmm->signal_fd);
	failed = ring_run(&vmm->ring);
	if (failed)
		wait_without_ring(vmm);
	r = machine_join(vmm->machine, &why);
	if (failed)
		return error_set(err, failed, "io_uring_enter");
	if (r)
		*err = why;
	return r;
}

static int start(struct vmm *vmm, struct error *err)
{
	const struct machine_owner owner = { machine_opened, machine_ended, vmm, NULL };
	int r = machine_create(vmm->config, &owner, &vmm->machine, err);

	if (!r)
		r = block_signals(vmm, err);
	if (!r)
		r = ring_init(&vmm->ring, RING_ENTRIES, err);
	if (!r)
		r = start_metrics(vmm, err);
	if (!r)
		r = machine_start(vmm->machine, err);
	if (!r)
		leave_signals_to_machine();
	return r;
}

int vmm_run(const struct config *config, void (*opened)(const struct config *config), bool *gave_up,
	    struct error *err)
{
	struct vmm vmm = {
		.config = config,
		.opened = opened,
		.signal_fd = -1,
		.ended_work.run = ended_work,
		.terminal_timer.done = terminal_time,
	};
	int r;

	vmm.source = (struct metrics_source){ status, &vmm };
	r = start(&vmm, err);
	if (!r)
		r = serve(&vmm, err);
	ring_destroy(&vmm.ring);
	metrics_destroy(&vmm.metrics);
	metrics_file_finish(&vmm.metrics_file);
	*gave_up = !machine_free(vmm.machine);
	fd_close(&vmm.signal_fd);
	return r;
}

static void nothing(void *opaque)
{
}

int vmm_explain(const struct config *config, FILE *out, struct error *err)
{
	const struct machine_owner owner = { nothing, nothing, NULL, NULL };
	struct machine *machine = NULL;
	int r = machine_create(config, &owner, &machine, err);

	if (!r)
		machine_print_plan(machine, out);
	machine_free(machine);
	return r;
}
