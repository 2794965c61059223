/* SPDX-License-Identifier: Apache-2.0 */
#include "core/vmm/config_option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vmm/config_value.h"

#define MAX_RING_POLL_US 10000

#define MEMORY_STEP (2 * MIB)
#define MEMORY_MIN  (64 * MIB)
#define MEMORY_MAX  (1ULL << 52) /* an x86-64 physical address has at most 52 bits */

enum {
	CPUS_BOOT,
	CPUS_MAX,
	CPUS_TOPOLOGY
};

static const struct config_key_set cpus_keys = {
	.bare = true,
	.key = {
		[CPUS_BOOT] = { "boot", false },
		[CPUS_MAX] = { "max", false },
		[CPUS_TOPOLOGY] = { "topology", false },
		{ "affinity", true },
		{ "core_scheduling", true },
		{ "features", true },
		{ "kvm_hyperv", true },
		{ "max_phys_bits", true },
		{ "nested", true },
	},
};

enum {
	MEMORY_SIZE,
	MEMORY_THP
};

static const struct config_key_set memory_keys = {
	.bare = true,
	.key = {
		[MEMORY_SIZE] = { "size", false },
		[MEMORY_THP] = { "thp", false },
		{ "hotplug_method", true },
		{ "hotplug_size", true },
		{ "hotplugged_size", true },
		{ "hugepage_size", true },
		{ "hugepages", true },
		{ "mergeable", true },
		{ "prefault", true },
		{ "reserve", true },
		{ "shared", true },
	},
};

enum {
	DEVICE_PATH,
	DEVICE_ID
};

static const struct config_key_set device_keys = {
	.key = {
		[DEVICE_PATH] = { "path", false },
		[DEVICE_ID] = { "id", false },
		{ "fd", true },
		{ "iommu", true },
		{ "pci_device_id", true },
		{ "pci_segment", true },
		{ "x_exclude_mmap_bars", true },
		{ "x_nv_gpudirect_clique", true },
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
			return config->disk[i].path;
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

/* "threads:cores:dies:packages" */
static int split_topology(const struct config_pairs *pairs, struct config_topology *t,
			  struct error *err)
{
	unsigned *const part[] = { &t->threads_per_core, &t->cores_per_die, &t->dies_per_package,
				   &t->packages };
	const char *rest = pairs->value[CPUS_TOPOLOGY];
	unsigned n = 0;

	for (; rest && n < ARRAY_SIZE(part); n++) {
		size_t len = strcspn(rest, ":");
		struct error why = { .code = -EINVAL };
		char text[32];

		if (len >= sizeof(text))
			break;
		memcpy(text, rest, len);
		text[len] = '\0';
		if (config_value_unsigned(text, CONFIG_MAX_CPUS, part[n], &why))
			return config_pairs_refuse(pairs, CPUS_TOPOLOGY, err, "%s", why.reason);
		rest = rest[len] ? rest + len + 1 : NULL;
	}
	return rest || n < ARRAY_SIZE(part)
		       ? config_pairs_refuse(pairs, CPUS_TOPOLOGY, err, "not four numbers")
		       : 0;
}

static int read_topology(const struct config_pairs *pairs, struct config_cpus *cpus,
			 struct error *err)
{
	struct config_topology t;
	uint64_t product;
	int r = split_topology(pairs, &t, err);

	if (!r) {
		product = (uint64_t)t.threads_per_core * t.cores_per_die * t.dies_per_package *
			  t.packages;
		if (product == cpus->boot) {
			cpus->topology = t;
			return 0;
		}
		r = config_pairs_refuse(pairs, CPUS_TOPOLOGY, err,
					"its product is %llu, but the vCPUs are %u",
					(unsigned long long)product, cpus->boot);
	}
	error_remedy(err,
		     "write threads per core:cores per die:dies per package:packages with the "
		     "product %u, for example topology=1:%u:1:1",
		     cpus->boot, cpus->boot);
	return r;
}

static int read_cpus(const struct config_pairs *pairs, struct config_cpus *cpus, struct error *err)
{
	unsigned max;
	int r;

	r = config_pairs_unsigned(pairs, CPUS_BOOT, CONFIG_MAX_CPUS, &cpus->boot, err);
	if (r)
		return r;
	max = cpus->boot;
	r = config_pairs_unsigned(pairs, CPUS_MAX, CONFIG_MAX_CPUS, &max, err);
	if (r)
		return r;
	if (max != cpus->boot) {
		config_pairs_refuse(pairs, CPUS_MAX, err,
				    max < cpus->boot
					    ? "%u is less than boot=%u"
					    : "%u is more than boot=%u, and vCPU hotplug is not "
					      "supported yet",
				    max, cpus->boot);
		return error_remedy(err, "leave max out, or write max=%u", cpus->boot);
	}
	return pairs->value[CPUS_TOPOLOGY] ? read_topology(pairs, cpus, err) : 0;
}

static int set_cpus(struct config *config, const char *value, struct error *err)
{
	struct config_cpus cpus = config->cpus;
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &cpus_keys, err);

	if (r)
		return r;
	r = read_cpus(&pairs, &cpus, err);
	config_pairs_destroy(&pairs);
	if (!r)
		config->cpus = cpus;
	return r;
}

static int check_memory_size(const struct config_pairs *pairs, uint64_t size, struct error *err)
{
	if (size < MEMORY_MIN) {
		config_pairs_refuse(pairs, MEMORY_SIZE, err, "\"%s\" is less than 64 MiB",
				    pairs->value[MEMORY_SIZE]);
		return error_remedy(err, "give the guest at least size=64M");
	}
	if (size > MEMORY_MAX) {
		config_pairs_refuse(pairs, MEMORY_SIZE, err,
				    "\"%s\" is more than x86-64 can address (4,096 TiB)",
				    pairs->value[MEMORY_SIZE]);
		return error_remedy(err, "give the guest less than the host has");
	}
	if (size % MEMORY_STEP) {
		config_pairs_refuse(pairs, MEMORY_SIZE, err, "\"%s\" is not a multiple of 2 MiB",
				    pairs->value[MEMORY_SIZE]);
		return error_remedy(err, "write size=%lluM or size=%lluM",
				    align_down(size, MEMORY_STEP) / MIB,
				    align_up(size, MEMORY_STEP) / MIB);
	}
	return 0;
}

static int set_memory(struct config *config, const char *value, struct error *err)
{
	struct config_memory memory = config->memory;
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &memory_keys, err);

	if (r)
		return r;
	r = config_pairs_size(&pairs, MEMORY_SIZE, &memory.size, err);
	if (!r)
		r = check_memory_size(&pairs, memory.size, err);
	if (!r)
		r = config_pairs_toggle(&pairs, MEMORY_THP, &memory.thp, err);
	config_pairs_destroy(&pairs);
	if (!r)
		config->memory = memory;
	return r;
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

/* An id that was not given stays NULL here: which defaults are free is known when all are read. */
static int add_device(struct config *config, const struct config_pairs *pairs, struct error *err)
{
	struct config_device device = { 0 };
	int r = check_device(config, pairs, err);

	if (!r)
		r = config_copy_string(&device.path, pairs->value[DEVICE_PATH], err);
	if (!r && pairs->value[DEVICE_ID])
		r = config_copy_string(&device.id, pairs->value[DEVICE_ID], err);
	if (r) {
		free(device.path);
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
		[RNG_SRC] = { "src", false },
		{ "iommu", true },
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

enum {
	PLATFORM_RING_POLL_US
};

static const struct config_key_set platform_keys = {
	.key = {
		[PLATFORM_RING_POLL_US] = { "ring_poll_us", false },
		{ "iommu_address_width", true },
		{ "iommu_segments", true },
		{ "num_pci_segments", true },
		{ "oem_strings", true },
		{ "serial_number", true },
		{ "sev_snp", true },
		{ "tdx", true },
		{ "uuid", true },
		{ "vfio_p2p_dma", true },
	},
};

static int set_platform(struct config *config, const char *value, struct error *err)
{
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &platform_keys, err);

	if (r)
		return r;
	/* Numbers start at 1; none is a choice here. */
	if (pairs.value[PLATFORM_RING_POLL_US] && !strcmp(pairs.value[PLATFORM_RING_POLL_US], "0"))
		config->ring_poll_us = 0;
	else
		r = config_pairs_unsigned(&pairs, PLATFORM_RING_POLL_US, MAX_RING_POLL_US,
					  &config->ring_poll_us, err);
	if (r)
		error_remedy(err, "give microseconds from 0, never to poll, to %u",
			     MAX_RING_POLL_US);
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
	{ "kernel", "/boot/vmlinuz", false, false, set_kernel },
	{ "initramfs", "/boot/initrd.img", false, false, set_initramfs },
	{ "cmdline", "\"console=ttyS0 root=/dev/nvme0n1p1\"", true, true, set_cmdline },
	{ "cpus", "4", false, false, set_cpus },
	{ "memory", "size=512M", false, false, set_memory },
	{ "disk", "path=disk.raw", true, false, config_set_disk },
	{ "net", "tap=vmtap0", true, false, config_set_net },
	{ "rng", "src=/dev/urandom", false, false, set_rng },
	{ "device", "path=/sys/bus/pci/devices/0000:01:00.0", true, false, set_device },
	{ "serial", "tty", false, false, config_set_serial },
	{ "console", "off", false, false, config_set_console },
	{ "platform", "ring_poll_us=50", false, false, set_platform },
	{ "log-file", "/var/log/torc.log", false, false, set_log_file },
	{ "log-format", "json", false, false, set_log_format },
};
