/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tap: the host's end of a virtio network device: a TAP interface, one descriptor for each pair of queues.
 *
 * Every packet has a struct virtio_net_hdr_mrg_rxbuf in front of it. The main thread opens and closes it; rings read and
 * write its descriptors; tap_set_offload() and tap_attach() may be called by any thread.
 * Source: Documentation/networking/tuntap.rst, linux/if_tun.h.
 */
#ifndef IO_NET_TAP_H
#define IO_NET_TAP_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/host.h"

#define TAP_MAX_PAIRS 32

struct tap {
	char name[IFNAMSIZ];
	unsigned nr; /* descriptors; 0: not open */
	int fd[TAP_MAX_PAIRS];
	struct in_addr ip; /* that was chosen; 0: none was */
	unsigned mtu;	   /* of the interface; 0: it is in another network namespace */
	bool nowait; /* a read can be told not to wait (RWF_NOWAIT); others wait for a packet in any case */
};

struct tap_config {
	const char *name;  /* NULL: the kernel numbers it, vmtap0 and so on */
	struct in_addr ip; /* of the host's end; 0: none is set, but for @choose_ip: */
	bool choose_ip; /* the first of 192.168.249.1 to 192.168.255.1 that the host has no way to */
	struct in_addr mask;
	unsigned mtu;	   /* 0: as it is; beside @fd it is as it is, too */
	unsigned nr_pairs; /* 1 to TAP_MAX_PAIRS */
	const int *fd; /* @nr_pairs of an interface that somebody else has made; NULL: open it */
};

/**
 * tap_open - make the interface, or join it if it is there, and bring it up
 * @tap: untouched on failure
 * @config: given descriptors stay the caller's, close-on-exec from then on; the tap has duplicates
 * @err: filled on failure
 *
 * Return: 0; -EADDRINUSE no network is left to choose; -EPERM no CAP_NET_ADMIN; -EBUSY another has it; -EINVAL no TAP descriptor, or an interface that differs;
 * -errno.
 */
int tap_open(struct tap *tap, const struct tap_config *config, struct error *err);

/** Of a struct tap_config, the struct tap that tap_open() makes of it. */
extern const struct host_source tap_source;

/**
 * tap_close - close it; an interface that is not persistent goes
 * @tap: open or zeroed
 */
void tap_close(struct tap *tap);

/**
 * tap_is_there - whether its interface is
 * @tap: open
 *
 * Somebody may have deleted it; reads, writes and vhost-net's error eventfd then say so without a word. Any thread.
 * Return: true when it is.
 */
bool tap_is_there(const struct tap *tap);

/**
 * tap_set_offload - say what the guest can receive
 * @tap: open
 * @offload: TUN_F_*
 *
 * Return: 0; -errno.
 */
int tap_set_offload(const struct tap *tap, unsigned offload);

/**
 * tap_attach - have the kernel send packets to a pair's descriptor, or no longer
 * @tap: open, with several pairs
 * @pair: its number
 * @on: or off
 *
 * Return: 0; -errno.
 */
int tap_attach(const struct tap *tap, unsigned pair, bool on);

#endif
