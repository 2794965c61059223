/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/config_option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pci/pci.h"
#include "core/vmm/config_value.h"

enum {
	DEVICE_PATH,
	DEVICE_ID,
	DEVICE_UNMAPPED_BARS,
	DEVICE_BIND,
	DEVICE_TRACE
};

static const struct config_key_set device_keys = {
	.key = {
		[DEVICE_PATH] = CONFIG_KEY("path"),
		[DEVICE_ID] = CONFIG_KEY("id"),
		[DEVICE_UNMAPPED_BARS] = CONFIG_KEY("x_exclude_mmap_bars"),
		[DEVICE_BIND] = CONFIG_KEY("bind"),
		[DEVICE_TRACE] = CONFIG_KEY("trace"),
		CONFIG_KEYS_OF_PCI,
		CONFIG_FOREIGN("fd", "devices passed as descriptors", NULL),
		CONFIG_FOREIGN("x_nv_gpudirect_clique", "the capability of GPUDirect's cliques", NULL),
	},
};

int config_copy_string(char **to, const char *value, struct error *err)
{
	char *copy = strdup(value);

	if (!copy)
		return error_set(err, -ENOMEM, "value");
	free(*to);
	*to = copy;
	return 0;
}

const char *config_id_owner(const struct config *config, const char *id)
{
	for (unsigned i = 0; id && i < config->nr_devices; i++) {
		if (config->device[i].id && !strcmp(config->device[i].id, id))
			return config->device[i].path;
	}
	for (unsigned i = 0; id && i < config->nr_disks; i++) {
		if (config->disk[i].id && !strcmp(config->disk[i].id, id))
			return config->disk[i].file.path;
	}
	for (unsigned i = 0; id && i < config->nr_nets; i++) {
		if (config->net[i].id && !strcmp(config->net[i].id, id))
			return config->net[i].tap ? config->net[i].tap : "a network device";
	}
	return NULL;
}

int config_check_slots(const struct config *config, const char *kind, const char *path,
		       struct error *err)
{
	unsigned nr = config->nr_devices + config->nr_disks + config->nr_nets + !!config->rng +
		      (config->console.mode != LINE_OFF);

	if (nr < CONFIG_MAX_DEVICES)
		return 0;
	error_set(err, -EINVAL, "%s %s", kind, path);
	error_reason(err, "more than %u devices", CONFIG_MAX_DEVICES);
	return error_remedy(err, "the guest's PCI bus has no slot left; leave one out");
}

static int set_kernel(struct config *config, const char *value, struct error *err)
{
	return config_copy_string(&config->kernel, value, err);
}

static int set_initramfs(struct config *config, const char *value, struct error *err)
{
	return config_copy_string(&config->initramfs, value, err);
}

static int set_cmdline(struct config *config, const char *value, struct error *err)
{
	char *joined;

	if (!*config->cmdline)
		return config_copy_string(&config->cmdline, value, err);
	if (!*value)
		return 0;
	if (asprintf(&joined, "%s %s", config->cmdline, value) < 0)
		return error_set(err, -ENOMEM, "value");
	free(config->cmdline);
	config->cmdline = joined;
	return 0;
}

static size_t length_without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

static int check_device(const struct config *config, const struct config_pairs *pairs,
			struct error *err)
{
	const char *path = pairs->value[DEVICE_PATH], *id = pairs->value[DEVICE_ID];
	size_t len;

	if (!path) {
		error_set(err, -EINVAL, "key path");
		error_reason(err, "missing");
		return error_remedy(err, "name the device: path=/sys/bus/pci/devices/0000:01:00.0");
	}
	len = length_without_slashes(path);
	for (unsigned i = 0; i < config->nr_devices; i++) {
		const struct config_device *other = &config->device[i];

		if (len == length_without_slashes(other->path) && !memcmp(path, other->path, len)) {
			config_pairs_refuse(pairs, DEVICE_PATH, err, "%s is given twice", path);
			return error_remedy(err, "name each device once");
		}
	}
	if (config_id_owner(config, id)) {
		config_pairs_refuse(pairs, DEVICE_ID, err, "%s is taken by %s", id,
				    config_id_owner(config, id));
		return error_remedy(err, "give each device an id of its own, or none");
	}
	return config_check_slots(config, "device", path, err);
}

/* "[0,2]" */
static int read_unmapped_bars(const struct config_pairs *pairs, uint8_t *bars, struct error *err)
{
	cpu_set_t set;
	int r;

	CPU_ZERO(&set);
	r = config_pairs_cpus(pairs, DEVICE_UNMAPPED_BARS, &set, err);
	for (unsigned bar = 0; !r && bar < CPU_SETSIZE; bar++) {
		if (!CPU_ISSET(bar, &set))
			continue;
		if (bar >= PCI_NR_BARS) {
			config_pairs_refuse(pairs, DEVICE_UNMAPPED_BARS, err, "there is no BAR %u",
					    bar);
			return error_remedy(err, "choose from 0 to %d", PCI_NR_BARS - 1);
		}
		*bars |= (uint8_t)(1U << bar);
	}
	return r;
}

static int read_trace(const struct config_pairs *pairs, bool *by_ring, struct error *err)
{
	static const char *const words[] = { "off", "ring" };
	unsigned i = 0;
	int r = config_pairs_word(pairs, DEVICE_TRACE, words, ARRAY_SIZE(words), &i, err);

	if (!r)
		*by_ring = i;
	return r;
}

/* An id that was not given stays NULL here: which defaults are free is known when all are read. */
static int add_device(struct config *config, const struct config_pairs *pairs, struct error *err)
{
	struct config_device device = { 0 };
	int r = check_device(config, pairs, err);

	if (!r)
		r = read_unmapped_bars(pairs, &device.unmapped_bars, err);
	if (!r)
		r = config_pairs_toggle(pairs, DEVICE_BIND, &device.bind, err);
	if (!r)
		r = read_trace(pairs, &device.trace_by_ring, err);
	if (!r)
		r = config_copy_string(&device.path, pairs->value[DEVICE_PATH], err);
	if (!r && pairs->value[DEVICE_ID])
		r = config_copy_string(&device.id, pairs->value[DEVICE_ID], err);
	if (r) {
		free(device.path);
		free(device.id);
		return r;
	}
	config->device[config->nr_devices++] = device;
	return 0;
}

static int set_device(struct config *config, const char *value, struct error *err)
{
	struct config_pairs pairs;
	int r;

	/* The commonest slip, for which "unknown key /sys/..." would be no help. */
	if (!strchr(value, '=') && strpbrk(value, "/:")) {
		error_set(err, -EINVAL, "value %s", value);
		error_reason(err, "not a key=value pair");
		return error_remedy(err, "write path=%s%s",
				    *value == '/' ? "" : "/sys/bus/pci/devices/", value);
	}
	r = config_pairs_parse(&pairs, value, &device_keys, err);
	if (r)
		return r;
	r = add_device(config, &pairs, err);
	config_pairs_destroy(&pairs);
	return r;
}

enum {
	RNG_SRC
};

static const struct config_key_set rng_keys = {
	.key = {
		[RNG_SRC] = CONFIG_KEY("src"),
		CONFIG_KEYS_OF_PCI,
	},
};

static int set_rng(struct config *config, const char *value, struct error *err)
{
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &rng_keys, err);

	if (r)
		return r;
	if (!pairs.value[RNG_SRC]) {
		r = error_set(err, -EINVAL, "key src");
		error_reason(err, "missing");
		error_remedy(err, "name the source: src=/dev/urandom");
	}
	if (!r)
		r = config_check_slots(config, "rng", pairs.value[RNG_SRC], err);
	if (!r)
		r = config_copy_string(&config->rng, pairs.value[RNG_SRC], err);
	config_pairs_destroy(&pairs);
	return r;
}

static int set_log_file(struct config *config, const char *value, struct error *err)
{
	char *copy = NULL;
	int r = config_copy_string(&copy, value, err);

	if (!r)
		config->log.path = copy;
	return r;
}

static int set_log_format(struct config *config, const char *value, struct error *err)
{
	bool json = !strcmp(value, "json");

	if (!json && strcmp(value, "text") != 0) {
		error_set(err, -EINVAL, "value %s", value);
		error_reason(err, "unknown");
		return error_remedy(err, "use text or json");
	}
	config->log.json = json;
	return 0;
}

const struct config_option config_options[CONFIG_NR_OPTIONS] = {
	{ "kernel", "/boot/vmlinuz", .set = set_kernel },
	{ "initramfs", "/boot/initrd.img", .set = set_initramfs },
	{ "cmdline", "\"console=ttyS0 root=/dev/nvme0n1p1\"", .many = true, .empty = true,
	  .set = set_cmdline },
	{ "cpus", "4", .set = config_set_cpus },
	{ "memory", "size=512M", .late = true, .set = config_set_memory },
	{ "memory-zone", "id=mem0,size=512M", .many = true, .set = config_set_zone },
	{ "numa", "guest_numa_id=0,cpus=[0-3],memory_zones=[mem0]", .many = true, .late = true,
	  .set = config_set_numa },
	{ "disk", "path=disk.raw", .many = true, .set = config_set_disk },
	{ "net", "tap=vmtap0", .many = true, .set = config_set_net },
	{ "rng", "src=/dev/urandom", .set = set_rng },
	{ "device", "path=/sys/bus/pci/devices/0000:01:00.0", .many = true, .set = set_device },
	{ "serial", "tty", .set = config_set_serial },
	{ "console", "off", .set = config_set_console },
	{ "platform", "ring_poll_us=50", .late = true, .set = config_set_platform },
	{ "metrics", "path=/run/torc-metrics", .set = config_set_metrics },
	{ "log-file", "/var/log/torc.log", .set = set_log_file },
	{ "log-format", "json", .set = set_log_format },
};
