/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vmm/config_option.h"
#include "core/vmm/config_value.h"
#include "io/net/net.h"

#define DEFAULT_MASK "255.255.255.0"

enum {
	NET_TAP,
	NET_IP,
	NET_MASK,
	NET_MAC,
	NET_MTU,
	NET_FD,
	NET_NUM_QUEUES,
	NET_QUEUE_SIZE,
	NET_VHOST,
	NET_ID
};

static const struct config_key_set net_keys = {
	.defaults = true,
	.key = {
		[NET_TAP] = CONFIG_KEY("tap"),
		[NET_IP] = CONFIG_KEY("ip"),
		[NET_MASK] = CONFIG_KEY("mask"),
		[NET_MAC] = CONFIG_KEY("mac"),
		[NET_MTU] = CONFIG_KEY("mtu"),
		[NET_FD] = CONFIG_KEY("fd"),
		[NET_NUM_QUEUES] = CONFIG_KEY("num_queues"),
		[NET_QUEUE_SIZE] = CONFIG_KEY("queue_size"),
		[NET_VHOST] = CONFIG_KEY("vhost"),
		[NET_ID] = CONFIG_KEY("id"),
		CONFIG_KEYS_OF_PCI,
		CONFIG_KEYS_OF_VHOST_USER,
		CONFIG_KEYS_OF_RATES,
		CONFIG_FOREIGN("vhost_mode", CONFIG_NEEDS_VHOST_USER, NULL),
		CONFIG_FOREIGN("host_mac", "a choice of the TAP's own address", NULL),
		CONFIG_FOREIGN("offload_csum", "a choice of offloads", "on"),
		CONFIG_FOREIGN("offload_tso", "a choice of offloads", "on"),
		CONFIG_FOREIGN("offload_ufo", "a choice of offloads", "off|on"),
	},
};

static int read_address(const struct config_pairs *pairs, unsigned key, struct in_addr *out,
			struct error *err)
{
	const char *text = pairs->value[key];

	if (!text || inet_pton(AF_INET, text, out) == 1)
		return 0;
	config_pairs_refuse(pairs, key, err, "%s is no IPv4 address", text);
	return error_remedy(err, "write four numbers with dots: 192.168.249.1");
}

static int read_addresses(const struct config_pairs *pairs, struct config_net *net,
			  struct error *err)
{
	uint32_t mask;
	int r;

	inet_pton(AF_INET, DEFAULT_MASK, &net->mask);
	r = read_address(pairs, NET_IP, &net->ip, err);
	if (!r)
		r = read_address(pairs, NET_MASK, &net->mask, err);
	if (r)
		return r;
	mask = ~ntohl(net->mask.s_addr);
	if (mask & (mask + 1)) {
		config_pairs_refuse(pairs, NET_MASK, err, "%s has ones after a zero",
				    pairs->value[NET_MASK]);
		return error_remedy(err, "write for instance " DEFAULT_MASK);
	}
	if (!pairs->value[NET_MASK] || pairs->value[NET_IP])
		return 0;
	config_pairs_refuse(pairs, NET_MASK, err, "given without ip");
	return error_remedy(err, "add the address of the host's end, or leave mask out");
}

static int read_mac(const struct config_pairs *pairs, struct config_net *net, struct error *err)
{
	const char *text = pairs->value[NET_MAC];
	uint8_t *mac = net->mac;
	int end = 0;

	if (!text)
		return 0;
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    end != 17 || text[end]) {
		config_pairs_refuse(pairs, NET_MAC, err, "%s is no MAC address", text);
		return error_remedy(err, "write six bytes in hexadecimal: 02:00:00:00:00:01");
	}
	net->has_mac = true;
	if (!memcmp(mac, (const uint8_t[6]){ 0 }, 6)) {
		config_pairs_refuse(pairs, NET_MAC, err, "%s is nobody's address", text);
		return error_remedy(err, "leave it out for a random one");
	}
	if (!(mac[0] & 1))
		return 0;
	config_pairs_refuse(pairs, NET_MAC, err, "%s is a group's address", text);
	return error_remedy(err, "make its first byte even");
}

/* "3", or "[3,4]" */
static int read_fds(const struct config_pairs *pairs, struct config_net *net, struct error *err)
{
	const char *text = pairs->value[NET_FD];
	bool list = text && *text == '[';
	char *end;

	for (const char *p = text ? text + list : NULL; p;
	     p = *end == ',' && list ? end + 1 : NULL) {
		long fd = strtol(p, &end, 10);

		if (end == p || fd < 3 || fd > 65535 || (*end && *end != ',' && *end != ']')) {
			config_pairs_refuse(pairs, NET_FD, err,
					    "\"%s\" is no list of descriptors from 3 on", text);
			return error_remedy(err, "write fd=3, or fd=[3,4] for two pairs of queues");
		}
		if (net->nr_fds == ARRAY_SIZE(net->fd)) {
			config_pairs_refuse(pairs, NET_FD, err, "more than %zu descriptors",
					    ARRAY_SIZE(net->fd));
			return error_remedy(err, "pass fewer");
		}
		net->fd[net->nr_fds++] = (int)fd;
	}
	return 0;
}

static int read_queues(const struct config_pairs *pairs, struct config_net *net, struct error *err)
{
	unsigned nr = net->nr_fds ? 2 * net->nr_fds : 2;
	int r = config_pairs_unsigned(pairs, NET_NUM_QUEUES, 1, 2 * TAP_MAX_PAIRS, &nr, err);

	if (!r)
		r = config_pairs_unsigned(pairs, NET_QUEUE_SIZE, 1, VIRTIO_NET_MAX_SIZE,
					  &net->queue_size, err);
	if (r)
		return r;
	net->nr_pairs = nr / 2;
	if (nr % 2) {
		config_pairs_refuse(pairs, NET_NUM_QUEUES, err, "%u is odd", nr);
		return error_remedy(err, "queues come in pairs: one to receive, one to transmit");
	}
	if (net->nr_fds && net->nr_fds != net->nr_pairs) {
		config_pairs_refuse(pairs, NET_NUM_QUEUES, err,
				    "%u queues need %u descriptors, fd has %u", nr, net->nr_pairs,
				    net->nr_fds);
		return error_remedy(err, "leave num_queues out");
	}
	if (is_pow2(net->queue_size) && net->queue_size >= VIRTIO_NET_MIN_SIZE)
		return 0;
	config_pairs_refuse(pairs, NET_QUEUE_SIZE, err, "%u is no power of two, or less than %u",
			    net->queue_size, VIRTIO_NET_MIN_SIZE);
	return error_remedy(err, "use %u, 4, 8 and so on up to %u", VIRTIO_NET_MIN_SIZE,
			    VIRTIO_NET_MAX_SIZE);
}

static int check_names(const struct config *config, const struct config_pairs *pairs,
		       struct error *err)
{
	const char *tap = pairs->value[NET_TAP], *id = pairs->value[NET_ID];

	if (config_id_owner(config, id)) {
		config_pairs_refuse(pairs, NET_ID, err, "%s is taken by %s", id,
				    config_id_owner(config, id));
		return error_remedy(err, "give each device an id of its own, or none");
	}
	if (tap && strlen(tap) >= IFNAMSIZ) {
		config_pairs_refuse(pairs, NET_TAP, err, "%s has more than %d characters", tap,
				    IFNAMSIZ - 1);
		return error_remedy(err, "shorten it");
	}
	for (unsigned i = 0; tap && i < config->nr_nets; i++) {
		if (config->net[i].tap && !strcmp(config->net[i].tap, tap)) {
			config_pairs_refuse(pairs, NET_TAP, err, "%s is given twice", tap);
			return error_remedy(err, "use several queues of one device instead");
		}
	}
	if (!pairs->value[NET_FD])
		return 0;
	for (unsigned key = NET_TAP; key <= NET_MTU; key++) {
		if (key == NET_MAC || key == NET_MTU || !pairs->value[key])
			continue;
		config_pairs_refuse(pairs, key, err, "given beside fd");
		return error_remedy(err,
				    "configure the interface before its descriptors are passed");
	}
	return 0;
}

static int read_mtu(const struct config_pairs *pairs, struct config_net *net, struct error *err)
{
	int r = config_pairs_unsigned(pairs, NET_MTU, 1, VIRTIO_NET_MAX_MTU, &net->mtu, err);

	if (r || !net->mtu || net->mtu >= VIRTIO_NET_MIN_MTU)
		return r;
	config_pairs_refuse(pairs, NET_MTU, err, "%u is less than %u", net->mtu,
			    VIRTIO_NET_MIN_MTU);
	return error_remedy(err, "the usual one is 1500");
}

static int add_net(struct config *config, const struct config_pairs *pairs, struct error *err)
{
	struct config_net net = { .queue_size = VIRTIO_NET_DEFAULT_SIZE };
	int r = check_names(config, pairs, err);

	if (!r)
		r = read_addresses(pairs, &net, err);
	if (!r)
		r = read_mac(pairs, &net, err);
	if (!r)
		r = read_mtu(pairs, &net, err);
	if (!r)
		r = read_fds(pairs, &net, err);
	if (!r)
		r = read_queues(pairs, &net, err);
	if (!r)
		r = config_pairs_toggle(pairs, NET_VHOST, &net.vhost, err);
	if (!r)
		r = config_check_slots(config, "network device",
				       pairs->value[NET_TAP] ? pairs->value[NET_TAP] : "", err);
	if (!r && pairs->value[NET_TAP])
		r = config_copy_string(&net.tap, pairs->value[NET_TAP], err);
	if (!r && pairs->value[NET_ID])
		r = config_copy_string(&net.id, pairs->value[NET_ID], err);
	if (r) {
		free(net.tap);
		free(net.id);
		return r;
	}
	config->net[config->nr_nets++] = net;
	return 0;
}

int config_set_net(struct config *config, const char *value, struct error *err)
{
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &net_keys, err);

	if (r)
		return r;
	r = add_net(config, &pairs, err);
	config_pairs_destroy(&pairs);
	return r;
}
