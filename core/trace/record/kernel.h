/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Kernel: KVM's tracepoints and VFIO's interrupts on the host, in an instance of tracefs of our own, on the TSC's clock.
 * One thread.
 *
 * An instance leaves other users of tracefs alone; it is removed on every way out but a SIGKILL, and by the next
 * recording then. Vectors of passed-through devices arrive in whatever process an interrupt hits, so events are not
 * filtered by the kernel: those of other processes' threads are passed over here, unless they come from an interrupt.
 */
#ifndef CORE_TRACE_RECORD_KERNEL_H
#define CORE_TRACE_RECORD_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/error.h"
#include "core/trace/record/record_format.h"

struct trace_kernel {
	char path[128]; /* of the instance; empty: none */
	int pid;
	int pipe;
	bool lacks_host; /* irq_handler_entry */
	struct {
		uint32_t number; /* as trace_device_number() has it */
		bool is_ours;
	} device[64]; /* that have interrupted */
	unsigned nr_devices;
	bool is_foreign[1024]; /* of each CPU: its last device was another process's */
	size_t nr;	       /* bytes in text: a line begun */
	uint64_t nr_lost;      /* events that the kernel's buffer lost */
	char text[65536];
};

/**
 * trace_kernel_open - begin to trace
 * @kernel: filled; to be closed even on failure
 * @pid: whose events
 * @err: says what cannot be had, and why
 *
 * Return: 0; -errno.
 */
int trace_kernel_open(struct trace_kernel *kernel, int pid, struct error *err);

/**
 * trace_kernel_close - remove the instance
 * @kernel: zero, or opened
 */
void trace_kernel_close(struct trace_kernel *kernel);

/**
 * trace_kernel_put_back - remove the instance that is open, if there is one
 *
 * Safe in a signal's handler, for a process that is about to end.
 */
void trace_kernel_put_back(void);

/**
 * trace_kernel_read - take what has come
 * @kernel: opened
 * @out: room for @max
 * @max: at least 1
 *
 * Return: how many; 0: nothing for now.
 */
size_t trace_kernel_read(struct trace_kernel *kernel, struct trace_kernel_event *out, size_t max);

/**
 * trace_kernel_parse - an event from its line in trace_pipe
 * @line: without its newline
 * @out: receives it
 *
 * Return: whether it is one that we know.
 */
bool trace_kernel_parse(const char *line, struct trace_kernel_event *out);

/**
 * trace_kernel_name - of an event
 * @type: any
 *
 * Return: the tracepoint's; "unknown".
 */
const char *trace_kernel_name(unsigned type);

#endif
