/* SPDX-License-Identifier: Apache-2.0 */
#include "io/net/class.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/schema/foreign.h"
#include "io/net/net.h"

#define DEFAULT_MASK "255.255.255.0"

static int check_addresses(const struct schema_values *values, const struct virtio_net_options *net,
			   struct error *err)
{
	uint32_t mask = ~ntohl(net->tap.mask.s_addr);

	if (mask & (mask + 1)) {
		schema_refuse("mask", err, "%s has ones after a zero",
			      schema_given(values, "mask"));
		return error_remedy(err, "write for instance " DEFAULT_MASK);
	}
	/* JSON has the default mask beside no address. */
	if (!schema_given(values, "mask") || schema_given(values, "ip") || values->is_json)
		return 0;
	schema_refuse("mask", err, "given without ip");
	return error_remedy(err, "add the address of the host's end, or leave mask out");
}

static int check_queues(const struct schema_values *values, struct virtio_net_options *net,
			struct error *err)
{
	if (!schema_given(values, "num_queues") && net->fds.nr)
		net->nr_queues = 2 * net->fds.nr;
	net->tap.nr_pairs = net->nr_queues / 2;
	if (net->nr_queues % 2) {
		schema_refuse("num_queues", err, "%u is odd", net->nr_queues);
		return error_remedy(err, "queues come in pairs: one to receive, one to transmit");
	}
	if (!net->fds.nr || net->fds.nr == net->tap.nr_pairs)
		return 0;
	schema_refuse("num_queues", err, "%u queues need %u descriptors, fd has %u", net->nr_queues,
		      net->tap.nr_pairs, net->fds.nr);
	return error_remedy(err, "leave num_queues out");
}

/* One that is in both; -1: none. */
static int shared_fd(const struct schema_fds *a, const struct schema_fds *b)
{
	for (unsigned i = 0; i < a->nr; i++) {
		for (unsigned j = 0; j < b->nr; j++) {
			if (a->fd[i] == b->fd[j])
				return a->fd[i];
		}
	}
	return -1;
}

/* What is another's already. */
static int check_others(const struct schema_values *values, const struct virtio_net_options *net,
			struct error *err)
{
	const struct virtio_net_options *others = values->members;

	for (unsigned i = 0; i < values->nr_members; i++) {
		int fd = shared_fd(&others[i].fds, &net->fds);

		if (net->tap.name && others[i].tap.name &&
		    !strcmp(others[i].tap.name, net->tap.name)) {
			schema_refuse("tap", err, "%s is given twice", net->tap.name);
			return error_remedy(err, "use several queues of one device instead");
		}
		if (fd < 0)
			continue;
		schema_refuse("fd", err, "descriptor %d is given twice", fd);
		return error_remedy(err, "pass each device descriptors of its own");
	}
	return 0;
}

static int check_fds(const struct schema_values *values, const struct virtio_net_options *net,
		     struct error *err)
{
	static const char *const beside[] = { "tap", "ip", "mask" };

	for (unsigned i = 0; net->fds.nr && i < ARRAY_SIZE(beside); i++) {
		/* JSON has the default mask beside anything. */
		if (!schema_given(values, beside[i]) ||
		    (values->is_json && !strcmp(schema_given(values, beside[i]), DEFAULT_MASK)))
			continue;
		schema_refuse(beside[i], err, "given beside fd");
		return error_remedy(err,
				    "configure the interface before its descriptors are passed");
	}
	return 0;
}

static int check(const struct schema_values *values, void *out, const void *context,
		 struct error *err)
{
	struct virtio_net_options *net = out;
	int r = check_others(values, net, err);

	if (!r)
		r = check_fds(values, net, err);
	if (!r)
		r = check_addresses(values, net, err);
	return r ? r : check_queues(values, net, err);
}

/* clang-format off */
const struct schema net_schema = {
	.defaults = true,
	.check = check,
	.key = (const struct schema_key[]){
		{ "tap", SCHEMA_STRING, .value = "NAME", SCHEMA_MEMBER(struct virtio_net_options, tap.name), .max = IFNAMSIZ - 1,
		  .help = "The name of the interface. Without a value torc chooses one: `vmtap0` and so on." },
		{ "ip", SCHEMA_IPV4, SCHEMA_MEMBER(struct virtio_net_options, tap.ip),
		  .help = "IPv4 address of the host's end. Without, the host's end of an interface that torc makes gets the first of "
		    "192.168.249.1/24, 192.168.250.1/24 and so on to 192.168.255.1/24 to which the host has no way yet." },
		{ "mask", SCHEMA_IPV4, .value = "MASK", SCHEMA_MEMBER(struct virtio_net_options, tap.mask), .preset = DEFAULT_MASK,
		  .help = "Its network mask; the default is 255.255.255.0." },
		{ "mac", SCHEMA_MAC, SCHEMA_MEMBER(struct virtio_net_options, mac),
		  .help = "The guest's MAC address; the default is a random one." },
		{ "mtu", SCHEMA_UINT, SCHEMA_MEMBER(struct virtio_net_options, tap.mtu), .flags = SCHEMA_OR_ZERO, .min = VIRTIO_NET_MIN_MTU, .max = VIRTIO_NET_MAX_MTU,
		  .remedy = "give a number from " SCHEMA_TEXT(VIRTIO_NET_MIN_MTU) " to " SCHEMA_TEXT(VIRTIO_NET_MAX_MTU)
			    "; the usual one is 1500",
		  .help = "Set the interface's MTU, 68 to 65521; what it is already needs no privilege. The guest is told the MTU that "
		    "there is, its own being 1500 at first. Beside `fd` the interface is left as it is, and the guest is told "
		    "this one: torc does not see the MTU of an interface in another network namespace." },
		{ "fd", SCHEMA_FDS, SCHEMA_MEMBER(struct virtio_net_options, fds), .json = "fds",
		  .help = "Use these descriptors, which torc inherits and has until it ends, of a TAP interface with IFF_VNET_HDR and "
		    "IFF_NO_PI, one for each pair of queues." },
		{ "num_queues", SCHEMA_UINT, SCHEMA_MEMBER(struct virtio_net_options, nr_queues), .min = 1,
		  .max = 2 * TAP_MAX_PAIRS, .preset = "2",
		  .help = "Queues, an even number up to 64: half of them receive, half transmit. The default is 2. Pair *i* is served "
		    "by the ring of vCPU *i*." },
		{ "queue_size", SCHEMA_UINT, SCHEMA_MEMBER(struct virtio_net_options, entries), .min = VIRTIO_NET_MIN_SIZE,
		  .max = VIRTIO_NET_MAX_SIZE, .preset = SCHEMA_TEXT(VIRTIO_NET_DEFAULT_SIZE), .flags = SCHEMA_POW2,
		  .help = "Entries of each, a power of two from 2 to 1024; the default is 256." },
		{ "vhost", SCHEMA_BOOL, SCHEMA_MEMBER(struct virtio_net_options, vhost), .preset = "off",
		  .help = "Have the kernel's vhost-net move the packets, each pair of queues in a thread of its own, which uses CPU "
		    "time beside the guest's. It signals interrupts straight to KVM; rings do so for a guest without MSI-X. Needs "
		    "`/dev/vhost-net` (module `vhost_net`). The default is off: rings move the packets." },
		{ "id", SCHEMA_STRING, .value = "NAME", SCHEMA_MEMBER(struct virtio_net_options, id), .max = DEVICE_MAX_ID,
		  .help = "What messages call it; unique; the default is `_net` and a number, of one count for all devices." },
		SCHEMA_KEYS_OF_PCI,
		SCHEMA_KEYS_OF_VHOST_USER,
		SCHEMA_KEYS_OF_RATES,
		SCHEMA_FOREIGN("vhost_mode", SCHEMA_NEEDS_VHOST_USER, NULL, .usual = "Client"),
		SCHEMA_FOREIGN("host_mac", "a choice of the TAP's own address", NULL),
		SCHEMA_FOREIGN("offload_csum", "a choice of offloads", "on"),
		SCHEMA_FOREIGN("offload_tso", "a choice of offloads", "on"),
		SCHEMA_FOREIGN("offload_ufo", "a choice of offloads", "off|on"),
		{ .name = NULL },
	},
};
/* clang-format on */
