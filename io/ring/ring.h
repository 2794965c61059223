/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ring: one io_uring and the thread that owns it.
 *
 * A ring is created, run and destroyed by one thread (SINGLE_ISSUER); only ring_post(), ring_stop() may be called by
 * others, and a ring reaches another one by ring_send(). An operation is a struct ring_op embedded in whatever waits
 * for it: its buffer, its descriptor and itself belong to the kernel until the CQE without IORING_CQE_F_MORE arrives,
 * when `active` becomes false and the callback runs for the last time. ring_run() submits everything queued and waits
 * for completions with one io_uring_enter(2) a turn.
 *
 * The ring is set up R_DISABLED, restricted to the opcodes in ring_features.c, then enabled. SQEs that do not fit are
 * submitted at once, so that queueing an operation never fails while the ring is alive. A kernel without memory is asked
 * again for a second. What it refuses for good (completions that it had to drop, EBADR, among that) ends the ring:
 * `failed`; operations that are active then stay so.
 */
#ifndef IO_RING_RING_H
#define IO_RING_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/trace.h"

struct ring;
struct ring_memory;
struct ring_op;

/**
 * The callback of an operation: runs on the ring's thread; @res and @flags are the CQE's. It may queue further
 * operations, the same one included once `active` is false.
 */
typedef void (*ring_done_fn)(struct ring_op *op, int32_t res, uint32_t flags);

struct ring_op {
	ring_done_fn done;
	bool active;			   /* the kernel owns it */
	bool is_io;			   /* a device works on it */
	struct __kernel_timespec timespec; /* of a timeout */
};

/** Work handed over, by another thread or for later; embedded, at most once on its way. */
struct ring_work {
	void (*run)(struct ring_work *work);
	struct ring_work *next;
	struct ring *to; /* of a message */
	bool queued;	 /* atomic */
};

/**
 * Something that the ring's thread looks at by itself: before it waits, and while it polls. Embedded.
 */
struct ring_poller {
	/* Look, and do what there is to do. Return: whether there was something. */
	bool (*poll)(struct ring_poller *poller);
	/* The ring is about to wait: from now on a completion has to announce what comes. Return: as poll(). */
	bool (*rest)(struct ring_poller *poller);
	struct ring_poller *next;
};

#define RING_MAX_FILES 256 /* registered with one ring */

struct ring_file {
	int fd;
	unsigned nr_users; /* 0: free */
};

struct ring {
	struct io_uring uring;
	struct ring_op wakeup;	  /* multishot poll of post_fd */
	int post_fd;		  /* eventfd */
	struct ring_work *posted; /* the last one first; atomic */
	struct ring_work *deferred;
	struct ring_poller *pollers;
	uint64_t (*clock)(void); /* in place of the TSC, for tests; NULL: the TSC */
	/* Polling; times in cycles of the TSC. */
	uint64_t call_cycles; /* what a system call costs */
	uint64_t cycles_per_us;
	uint64_t poll_max_cycles; /* how long to poll before a wait; 0: never */
	uint64_t poll_cycles;	  /* at the moment */
	uint64_t pace_cycles;	  /* from one request to the next, while they come */
	unsigned depth;		  /* how many requests come before the guest waits for them */
	bool signal_queued;
	bool has_looked;		      /* in this turn; at its pollers */
	unsigned linger_skip, linger_backoff; /* how many batches until that is looked at again */
	uint64_t preemption_asked;	      /* when it was last looked: */
	long nr_preempted;		      /* involuntary context switches */
	struct ring_file *file; /* RING_MAX_FILES of them; NULL: the kernel has none */
	uint16_t *slot_of_fd;	/* plus one; 0: not registered; nr_fds of them */
	unsigned nr_fds;
	const struct ring_memory *memory; /* NULL: none is registered */
	/* What the kernel has: */
	bool can_take_memory;	/* that was registered elsewhere */
	bool has_fixed_vectors; /* several pieces of registered memory in one operation */
	bool stopping;
	int failed; /* io_uring_enter(2) refuses for good: -errno; atomic, as others look */
	unsigned nr_refused;	     /* how often in a row for want of memory */
	struct io_uring_sqe nowhere; /* for what is queued then */
	bool taskrun_is_stale;	     /* the flag told of task work, and there was none */
	unsigned nr_active;	     /* operations the kernel owns */
	unsigned nr_io;		     /* those of them that a device works on */
	unsigned nr_io_queued;	     /* those that are not yet submitted */
	struct trace_object *trace;
	uint64_t
		now_tsc; /* when it last looked at the time, in this turn: each reading costs 8 ns or so */
	uint64_t turn_tsc; /* when this turn began */
	uint64_t wake_tsc; /* when the completions that are handled now were there; 0: none yet */
	uint64_t idle_cycles; /* of this turn, slept or polled */
};

/**
 * ring_init - create a ring for the calling thread
 * @ring: embedded; untouched by others until this returns
 * @entries: submission queue size, a power of two
 * @err: filled on failure; says which sysctl forbids io_uring when one does
 *
 * Its trace has the name that trace_thread_begin() was given.
 * Return: 0; -EPERM disabled; -ENOSYS too old a kernel; -ENOMEM.
 */
int ring_init(struct ring *ring, unsigned entries, struct error *err);

/**
 * ring_destroy - cancel what is in flight, wait for it, free the ring
 * @ring: initialised by this thread, or zeroed
 */
void ring_destroy(struct ring *ring);

/**
 * ring_run - submit and complete until ring_stop()
 * @ring: the calling thread's
 *
 * Return: 0; -errno of io_uring_enter(2), and the ring has failed.
 */
int ring_run(struct ring *ring);

/**
 * ring_stop - make ring_run() return after the current batch
 * @ring: any thread may call
 */
void ring_stop(struct ring *ring);

/**
 * ring_post - have the ring's thread run a piece of work
 * @ring: any thread may call; never blocks on I/O
 * @work: must stay until it has run; queueing it twice runs it once
 */
void ring_post(struct ring *ring, struct ring_work *work);

/**
 * ring_send - have another ring's thread run a piece of work, by a message that goes with this turn's submission
 * @from: the calling thread's
 * @to: may be the same; lives until the message has arrived
 * @work: must stay until it has run; queueing it twice runs it once
 */
void ring_send(struct ring *from, struct ring *to, struct ring_work *work);

/**
 * ring_defer - run a piece of work at the end of this turn, when every completion that is there has been handled
 * @ring: the calling thread's
 * @work: must stay until it has run, is never posted as well; deferring it twice runs it once
 */
void ring_defer(struct ring *ring, struct ring_work *work);

/**
 * ring_drain_posted - run what is posted now, once
 * @ring: the calling thread's
 */
void ring_drain_posted(struct ring *ring);

/**
 * ring_add_poller - have the ring look at something
 * @ring: the calling thread's
 * @poller: stays until ring_remove_poller()
 */
void ring_add_poller(struct ring *ring, struct ring_poller *poller);

/**
 * ring_remove_poller - no longer
 * @ring: the calling thread's; not from poll() or rest()
 * @poller: added, or not
 */
void ring_remove_poller(struct ring *ring, struct ring_poller *poller);

/**
 * ring_set_poll - how long to look for work before waiting for it
 * @ring: the calling thread's
 * @poll_us: microseconds, 0 for never; what the default is depends on what system calls cost
 */
void ring_set_poll(struct ring *ring, uint64_t poll_us);

/**
 * ring_register_file - spare the kernel the look-up of a descriptor in every operation on it
 * @ring: the calling thread's
 * @fd: stays open until ring_unregister_file()
 *
 * Operations name the descriptor as before; where it cannot be registered it is looked up. One that several need is
 * registered until the last of them has taken it back; Linux before 6.13 keeps it open longer, until all operations on
 * registered ones have ended that were begun before.
 */
void ring_register_file(struct ring *ring, int fd);

/**
 * ring_unregister_file - take a registration back
 * @ring: the calling thread's
 * @fd: registered, or not
 */
void ring_unregister_file(struct ring *ring, int fd);

/**
 * ring_describe - log what the kernel lacks
 * @ring: initialised
 */
void ring_describe(const struct ring *ring);

/**
 * ring_poll - wait for a descriptor to become readable, again and again (multishot, edge-triggered)
 * @ring: the calling thread's
 * @op: not active; its callback gets the poll mask, or -errno; requeue when IORING_CQE_F_MORE is not set
 * @fd: descriptor
 */
void ring_poll(struct ring *ring, struct ring_op *op, int fd);

/**
 * ring_read - read from a descriptor
 * @ring: the calling thread's
 * @op: not active
 * @fd: descriptor
 * @buf: @size bytes, the kernel's until the callback
 * @size: bytes
 * @offset: in the file; UINT64_MAX for the file position, and for what has none
 */
void ring_read(struct ring *ring, struct ring_op *op, int fd, void *buf, unsigned size,
	       uint64_t offset);

/**
 * ring_write - write to a descriptor
 * @ring: the calling thread's
 * @op: not active
 * @fd: descriptor
 * @buf: @size bytes, unchanged until the callback
 * @size: bytes
 * @offset: in the file; UINT64_MAX for the file position, and for what has none
 */
void ring_write(struct ring *ring, struct ring_op *op, int fd, const void *buf, unsigned size,
		uint64_t offset);

/**
 * ring_readv - read into several buffers
 * @ring: the calling thread's
 * @op: not active
 * @fd: descriptor
 * @iov: @nr buffers; they and the array are the kernel's until the callback
 * @nr: at most IOV_MAX
 * @offset: in the file; UINT64_MAX for the file position, and for what has none
 * @flags: RWF_*
 */
void ring_readv(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov, unsigned nr,
		uint64_t offset, int flags);

/**
 * ring_writev - write from several buffers
 * @ring: the calling thread's
 * @op: not active
 * @fd: descriptor
 * @iov: @nr buffers; they and the array are the kernel's until the callback
 * @nr: at most IOV_MAX
 * @offset: in the file; UINT64_MAX for the file position, and for what has none
 * @flags: RWF_*
 */
void ring_writev(struct ring *ring, struct ring_op *op, int fd, const struct iovec *iov,
		 unsigned nr, uint64_t offset, int flags);

/**
 * ring_fdatasync - make what was written to a file durable
 * @ring: the calling thread's
 * @op: not active
 * @fd: descriptor
 *
 * Covers the writes that have completed.
 */
void ring_fdatasync(struct ring *ring, struct ring_op *op, int fd);

/**
 * ring_fallocate - change the allocation of a range of a file
 * @ring: the calling thread's
 * @op: not active
 * @fd: descriptor
 * @mode: as fallocate(2)
 * @offset: of the range
 * @size: bytes
 */
void ring_fallocate(struct ring *ring, struct ring_op *op, int fd, int mode, uint64_t offset,
		    uint64_t size);

/**
 * ring_accept - wait for a connection and take it
 * @ring: the calling thread's
 * @op: not active; its callback gets a close-on-exec descriptor, which is then the caller's to close, or -errno
 * @fd: listening socket
 */
void ring_accept(struct ring *ring, struct ring_op *op, int fd);

/**
 * ring_signal - add 1 to an eventfd, in the next submission: at once, where that would wait for more requests
 * @ring: the calling thread's
 * @fd: non-blocking eventfd, open until the ring has had another turn; nobody hears of a failure
 */
void ring_signal(struct ring *ring, int fd);

/**
 * ring_timeout - call back after a time
 * @ring: the calling thread's
 * @op: not active; its callback gets -ETIME when the time is up, -ECANCELED when cancelled
 * @timeout_ns: from now, CLOCK_MONOTONIC
 */
void ring_timeout(struct ring *ring, struct ring_op *op, uint64_t timeout_ns);

/**
 * ring_cancel - ask for an operation to end early
 * @ring: the calling thread's
 * @op: its last callback still comes, with -ECANCELED unless it had already finished; nothing when inactive
 */
void ring_cancel(struct ring *ring, struct ring_op *op);

/**
 * ring_wait - run the ring until an operation has had its last callback
 * @ring: the calling thread's, not from within a callback
 * @op: cancelled, or about to finish; nothing when inactive
 */
void ring_wait(struct ring *ring, struct ring_op *op);

/**
 * ring_wait_for - run the ring until something that it does has set a flag
 * @ring: the calling thread's, not from within a callback
 * @is_over: set on the ring's thread
 *
 * Return: true; false: the ring has failed.
 */
bool ring_wait_for(struct ring *ring, const bool *is_over);

#endif
