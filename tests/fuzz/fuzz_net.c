/* SPDX-License-Identifier: Apache-2.0 */
/* Packets, buffers and commands to a network device, see requests.h; a byte before them chooses what was negotiated. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/virtio_net.h>

#include "io/net/net.h"
#include "tests/fake/kvm_ioctl.h"
#include "tests/fuzz/requests.h"

#define PAIRS	  2
#define NR_QUEUES (2 * PAIRS + 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_device(struct driver *d)
{
	const struct virtio_net_options options = {
		.id = "net",
		.tap = { .nr_pairs = PAIRS },
		.entries = DRIVER_QUEUE_SIZE,
	};
	struct error err = { 0 };
	struct virtio_pci *net;

	fake_kvm_reset();
	if (unshare(CLONE_NEWNET)) {
		perror("skipped: a network namespace");
		exit(77);
	}
	if (driver_init(d) || virtio_net_create(&options, &d->site, &net, &err)) {
		error_print(&err, stderr);
		abort();
	}
	driver_attach(d, net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct driver d;
	uint64_t features;

	if (size < 2)
		return 0;
	if (!d.vp)
		make_device(&d);
	features = d.vp->dev->features;
	if (data[0] & 1)
		features &= ~(1ULL << VIRTIO_NET_F_MRG_RXBUF);
	if (data[0] & 2)
		features &= ~(1ULL << VIRTIO_NET_F_GUEST_TSO4 | 1ULL << VIRTIO_NET_F_GUEST_TSO6 |
			      1ULL << VIRTIO_NET_F_GUEST_ECN);
	requests_run(&d, features, NR_QUEUES, data + 1, size - 1);
	return 0;
}
