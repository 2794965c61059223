/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/foreign.h"
#include "core/config/print_bash.h"
#include "core/config/print_json.h"
#include "core/pci/pci.h"

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

static int check_device(const struct schema_values *values, void *out, const void *context,
			struct error *err)
{
	const struct config *config = context;
	const struct config_device *device = out;
	size_t len = length_without_slashes(device->path);

	for (unsigned i = 0; i < config->nr_devices; i++) {
		const struct config_device *other = &config->device[i];

		if (len == length_without_slashes(other->path) &&
		    !memcmp(device->path, other->path, len)) {
			schema_refuse("path", err, "%s is given twice", device->path);
			return error_remedy(err, "name each device once");
		}
	}
	if (config_id_owner(config, device->id)) {
		schema_refuse("id", err, "%s is taken by %s", device->id,
			      config_id_owner(config, device->id));
		return error_remedy(err, "give each device an id of its own, or none");
	}
	return config_check_slots(config, "device", device->path, err);
}

static const struct schema_word trace_words[] = { { .text = "off" },
						  { .text = "ring" },
						  { .text = NULL } };

/* An id that was not given stays NULL here: which defaults are free is known when all are read. */
/* clang-format off */
const struct schema config_device_schema = {
	.check = check_device,
	.key = {
		{ "path", SCHEMA_STRING, .value = "DEVICE", SCHEMA_MEMBER(struct config_device, path), .flags = SCHEMA_REQUIRED,
		  .remedy = "name the device: path=/sys/bus/pci/devices/0000:01:00.0" },
		{ "id", SCHEMA_STRING, .value = "NAME", SCHEMA_MEMBER(struct config_device, id) },
		{ "x_exclude_mmap_bars", SCHEMA_BITS, .value = "[BAR,...]", SCHEMA_MEMBER(struct config_device, unmapped_bars),
		  .max = PCI_NR_BARS - 1, .noun = "BAR" },
		{ "bind", SCHEMA_BOOL, SCHEMA_MEMBER(struct config_device, bind), .preset = "off" },
		{ "trace", SCHEMA_WORD, SCHEMA_MEMBER(struct config_device, trace_by_ring), .words = trace_words, .preset = "off" },
		CONFIG_KEYS_OF_PCI,
		SCHEMA_FOREIGN("fd", "devices passed as descriptors", NULL),
		SCHEMA_FOREIGN("x_nv_gpudirect_clique", "the capability of GPUDirect's cliques", NULL),
	},
};
/* clang-format on */

static int set_device(struct config *config, const char *value, struct error *err)
{
	/* The commonest slip, for which "unknown key /sys/..." would be no help. */
	if (!strchr(value, '=') && strpbrk(value, "/:")) {
		error_set(err, -EINVAL, "value %s", value);
		error_reason(err, "not a key=value pair");
		return error_remedy(err, "write path=%s%s",
				    *value == '/' ? "" : "/sys/bus/pci/devices/", value);
	}
	return config_set_row(config, "device", value, err);
}

static int check_rng(const struct schema_values *values, void *out, const void *context,
		     struct error *err)
{
	const struct config *config = context;

	return config_check_slots(config, "rng", config->rng, err);
}

const struct schema config_rng_schema = {
	.check = check_rng,
	.key = {
		{ "src", SCHEMA_STRING, .value = "PATH", SCHEMA_MEMBER(struct config, rng), .flags = SCHEMA_REQUIRED,
		  .remedy = "name the source: src=/dev/urandom" },
		CONFIG_KEYS_OF_PCI,
	},
};

/* Zones are the memory's in JSON, and an option of their own. */
const struct schema_key *config_find_row(const char *option)
{
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++) {
		if (!strcmp(config_options[i].name, option))
			return schema_find(&config_vm_schema, config_options[i].row)
				       ?: schema_find(&config_memory_schema, config_options[i].row);
	}
	return NULL;
}

int config_set_row(struct config *config, const char *option, const char *value, struct error *err)
{
	const struct schema_key *row = config_find_row(option);

	return row->kind == SCHEMA_LIST
		       ? schema_add_text(row, value, config, config, err)
		       : schema_read(row->of, value, (char *)config + row->offset, config, err);
}

static int set_config(struct config *config, const char *value, struct error *err)
{
	return config_copy_string(&config->file, value, err);
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

static int set_schema(struct config *config, const char *value, struct error *err)
{
	static const struct {
		const char *name;
		void (*print)(FILE *out);
	} forms[] = {
		{ "bash", config_print_bash },
		{ "json", config_print_json },
		{ "openapi", config_print_openapi },
	};

	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(forms[i].name, value) != 0)
			continue;
		config->print_schema = forms[i].print;
		config->action = CONFIG_SCHEMA;
		return 0;
	}
	error_set(err, -EINVAL, "value %s", value);
	error_reason(err, "unknown");
	return error_remedy(err, "use bash, json or openapi");
}

/* clang-format off */
const struct config_option config_options[CONFIG_NR_OPTIONS] = {
	{ "kernel", "/boot/vmlinuz",
	  .value = "PATH",
	  .summary = "bzImage or PVH ELF kernel; required", .set = set_kernel },
	{ "initramfs", "/boot/initrd.img",
	  .value = "PATH",
	  .summary = "initial RAM disk", .set = set_initramfs },
	{ "cmdline", "\"console=ttyS0 root=/dev/nvme0n1p1\"",
	  .value = "TEXT",
	  .summary = "kernel command line; several are joined by a blank", .many = true, .empty = true,
	  .set = set_cmdline },
	{ "cpus", "4",
	  .summary = "vCPUs, 1 to 255 (default 1), as T threads per core, C cores per die, D dies per package, P "
		     "packages; some of them on these CPUs of the host only; with idle=guest an idle vCPU keeps its "
		     "CPU, and takes no exit for it (default host); with KVM of its own (nested=, default on) and "
		     "performance counters (pmu=, default on), or without", .row = "cpus", .set = config_set_cpus },
	{ "memory", "size=512M",
	  .summary = "guest memory (default 512M), with transparent huge pages (default on), or of the host's pool of "
		     "huge pages; SIZE takes K, M, G, T", .late = true, .row = "memory" },
	{ "memory-zone", "id=mem0,size=512M",
	  .summary = "a part of guest memory, on a node of the host or of a file; takes the place of --memory", .many = true, .row = "zones" },
	{ "numa", "guest_numa_id=0,cpus=[0-3],memory_zones=[mem0]",
	  .summary = "a NUMA node of the guest, with its vCPUs and memory zones, and how far it is to others, 11 to "
		     "255 (default: as on the host)", .many = true, .late = true,
	  .row = "numa", .set = config_set_numa },
	{ "disk", "path=disk.raw",
	  .summary = "a virtio disk: a raw image or a block device; with direct=on past the host's page cache; N "
		     "queues (default: one for each vCPU) of 4 to 1024 entries (default 128)", .many = true, .row = "disks", .set = config_set_disk },
	{ "net", "tap=vmtap0",
	  .summary = "a virtio network device on a TAP interface, which is made if it is not there; without value "
		     "(tap=,ip=,mask=,mac=) torc chooses. N queues, two for each pair (default 2), of 2 to 1024 "
		     "entries (default 256), served by the kernel's vhost-net with vhost=on (default off)", .many = true, .row = "net" },
	{ "rng", "src=/dev/urandom",
	  .summary = "an entropy device that gives the guest what PATH has, for instance /dev/urandom", .row = "rng" },
	{ "device", "path=/sys/bus/pci/devices/0000:01:00.0",
	  .summary = "pass a PCI device through: its directory below /sys/bus/pci/devices, bound to vfio-pci (see "
		     "torc-vfio(1)), or with bind=on to be bound for this run; BARs listed are not mapped into the "
		     "guest; with trace=ring its interrupts go through torc, to be timed (default off)", .many = true, .row = "devices",
	  .set = set_device },
	{ "serial", "tty",
	  .value = "off|null|tty|pty|file=PATH[,mode=MODE]|socket=PATH[,mode=MODE]",
	  .summary = "what the guest's ttyS0 is connected to (default tty): no port, nothing, standard input and "
		     "output, a new pseudo terminal, a file, a listening unix socket (MODE: who else may use those, in "
		     "octal digits; default 0600)", .set = config_set_serial },
	{ "console", "off",
	  .value = "off|null|tty|pty|file=PATH[,mode=MODE]|socket=PATH[,mode=MODE]",
	  .summary = "what the virtio console, the guest's hvc0, is connected to (default off); with tty, --serial "
		     "defaults to null", .set = config_set_console },
	{ "platform", "ring_poll_us=50",
	  .summary = "whether memory, vCPUs and rings follow passed-through devices to their node (default auto); "
		     "where rings run (default: on the node of their vCPU); how many microseconds a ring looks for "
		     "work before it sleeps, 0 for never (default: by what that saves here); whether passed-through "
		     "devices reach each other's BARs by DMA (default on)", .late = true, .row = "platform" },
	{ "config", "vm.json",
	  .value = "FILE",
	  .summary = "a VM as JSON, in place of all options that say what it is: Cloud Hypervisor's VmConfig and "
		     "torc's own keys", .beside = true, .set = set_config },
	{ "metrics", "path=/run/torc-metrics",
	  .summary = "where Prometheus's text is to be had: a listening unix socket, or, with a name that ends in "
		     ".prom, a file that is replaced every so many seconds (default 15)", .beside = true, .row = "metrics" },
	{ "log-file", "/var/log/torc.log",
	  .value = "PATH",
	  .summary = "append the log to a file instead of standard error", .beside = true, .set = set_log_file },
	{ "log-format", "json",
	  .value = "text|json",
	  .summary = "how log lines look (default text)", .beside = true, .set = set_log_format },
	{ "schema", "bash",
	  .value = "bash|json|openapi",
	  .summary = "print what torc can be told, and exit: as a completion that bash can source, or what --config "
		     "takes as a JSON Schema or in OpenAPI 3", .beside = true, .set = set_schema },
};
/* clang-format on */
