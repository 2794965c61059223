/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Claims: which CPUs the machines of this host have vCPUs of their own on, so that the next one takes others.
 *
 * A file with one byte for each CPU, of which nothing is ever written: a claim is a lock on the CPU's byte, which the
 * kernel drops with the process, however that ends. Advisory, and only among those who can open the file; whoever cannot
 * goes without. One byte more is a mutex for who looks, decides and claims. Main thread.
 * Source: fcntl(2), open file description locks.
 */
#ifndef NUMA_CLAIM_H
#define NUMA_CLAIM_H

#include <sched.h>

#define CLAIM_PATH "/run/torc.cpus"

struct claim {
	int fd; /* -1: not open */
};

/**
 * claim_open - begin to look and decide; waits for others who do, for a second
 * @claim: receives it; fd -1 on failure
 * @path: CLAIM_PATH; made when it is not there
 *
 * Return: 0; -ETIMEDOUT; -errno of open(2) or fcntl(2).
 */
int claim_open(struct claim *claim, const char *path);

/**
 * claim_read - the CPUs that others have claimed
 * @claim: opened, or with fd -1: nobody has any
 * @cpus: which to look at
 *
 * Return: those of @cpus.
 */
cpu_set_t claim_read(const struct claim *claim, const cpu_set_t *cpus);

/**
 * claim_take - claim CPUs, and let the next one look
 * @claim: opened, or with fd -1
 * @cpus: may be empty
 *
 * The claims last until claim_close(), or the process's end.
 */
void claim_take(const struct claim *claim, const cpu_set_t *cpus);

/**
 * claim_close - give all claims back
 * @claim: opened, or with fd -1
 */
void claim_close(struct claim *claim);

#endif
