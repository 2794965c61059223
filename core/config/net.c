/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/config/foreign.h"
#include "core/config/option.h"
#include "io/net/net.h"

#define DEFAULT_MASK "255.255.255.0"

static int check_addresses(const struct config *config, const struct schema_values *values,
			   const struct config_net *net, struct error *err)
{
	uint32_t mask = ~ntohl(net->mask.s_addr);

	if (mask & (mask + 1)) {
		schema_refuse("mask", err, "%s has ones after a zero",
			      schema_given(values, "mask"));
		return error_remedy(err, "write for instance " DEFAULT_MASK);
	}
	/* JSON has the default mask beside no address. */
	if (!schema_given(values, "mask") || schema_given(values, "ip") || config->is_json)
		return 0;
	schema_refuse("mask", err, "given without ip");
	return error_remedy(err, "add the address of the host's end, or leave mask out");
}

static int check_queues(const struct schema_values *values, struct config_net *net,
			struct error *err)
{
	if (!schema_given(values, "num_queues") && net->fds.nr)
		net->nr_queues = 2 * net->fds.nr;
	net->nr_pairs = net->nr_queues / 2;
	if (net->nr_queues % 2) {
		schema_refuse("num_queues", err, "%u is odd", net->nr_queues);
		return error_remedy(err, "queues come in pairs: one to receive, one to transmit");
	}
	if (!net->fds.nr || net->fds.nr == net->nr_pairs)
		return 0;
	schema_refuse("num_queues", err, "%u queues need %u descriptors, fd has %u", net->nr_queues,
		      net->nr_pairs, net->fds.nr);
	return error_remedy(err, "leave num_queues out");
}

static int check_names(const struct config *config, const struct schema_values *values,
		       const struct config_net *net, struct error *err)
{
	static const char *const beside[] = { "tap", "ip", "mask" };

	if (config_id_owner(config, net->id)) {
		schema_refuse("id", err, "%s is taken by %s", net->id,
			      config_id_owner(config, net->id));
		return error_remedy(err, "give each device an id of its own, or none");
	}
	for (unsigned i = 0; net->tap && i < config->nr_nets; i++) {
		if (config->net[i].tap && !strcmp(config->net[i].tap, net->tap)) {
			schema_refuse("tap", err, "%s is given twice", net->tap);
			return error_remedy(err, "use several queues of one device instead");
		}
	}
	for (unsigned i = 0; net->fds.nr && i < ARRAY_SIZE(beside); i++) {
		if (!schema_given(values, beside[i]))
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
	struct config_net *net = out;
	int r = check_names(context, values, net, err);

	if (!r)
		r = check_addresses(context, values, net, err);
	if (!r)
		r = check_queues(values, net, err);
	return r ? r : config_check_slots(context, "network device", net->tap ?: "", err);
}

/* clang-format off */
const struct schema config_net_schema = {
	.defaults = true,
	.check = check,
	.key = {
		{ "tap", SCHEMA_STRING, .value = "NAME", SCHEMA_MEMBER(struct config_net, tap), .max = IFNAMSIZ - 1 },
		{ "ip", SCHEMA_IPV4, SCHEMA_MEMBER(struct config_net, ip) },
		{ "mask", SCHEMA_IPV4, .value = "MASK", SCHEMA_MEMBER(struct config_net, mask), .preset = DEFAULT_MASK },
		{ "mac", SCHEMA_MAC, SCHEMA_MEMBER(struct config_net, mac) },
		{ "mtu", SCHEMA_UINT, SCHEMA_MEMBER(struct config_net, mtu), .flags = SCHEMA_OR_ZERO, .min = VIRTIO_NET_MIN_MTU, .max = VIRTIO_NET_MAX_MTU,
		  .remedy = "give a number from " SCHEMA_TEXT(VIRTIO_NET_MIN_MTU) " to " SCHEMA_TEXT(VIRTIO_NET_MAX_MTU)
			    "; the usual one is 1500" },
		{ "fd", SCHEMA_FDS, SCHEMA_MEMBER(struct config_net, fds), .flags = SCHEMA_TYPED },
		{ "num_queues", SCHEMA_UINT, SCHEMA_MEMBER(struct config_net, nr_queues), .min = 1,
		  .max = 2 * TAP_MAX_PAIRS, .preset = "2" },
		{ "queue_size", SCHEMA_UINT, SCHEMA_MEMBER(struct config_net, queue_size), .min = VIRTIO_NET_MIN_SIZE,
		  .max = VIRTIO_NET_MAX_SIZE, .preset = SCHEMA_TEXT(VIRTIO_NET_DEFAULT_SIZE), .flags = SCHEMA_POW2 },
		{ "vhost", SCHEMA_BOOL, SCHEMA_MEMBER(struct config_net, vhost), .preset = "off" },
		{ "id", SCHEMA_STRING, .value = "NAME", SCHEMA_MEMBER(struct config_net, id) },
		CONFIG_KEYS_OF_PCI,
		CONFIG_KEYS_OF_VHOST_USER,
		CONFIG_KEYS_OF_RATES,
		SCHEMA_FOREIGN("vhost_mode", CONFIG_NEEDS_VHOST_USER, NULL, .usual = "Client"),
		SCHEMA_FOREIGN("host_mac", "a choice of the TAP's own address", NULL),
		SCHEMA_FOREIGN("offload_csum", "a choice of offloads", "on"),
		SCHEMA_FOREIGN("offload_tso", "a choice of offloads", "on"),
		SCHEMA_FOREIGN("offload_ufo", "a choice of offloads", "off|on"),
	},
};
/* clang-format on */
