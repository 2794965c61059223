/* SPDX-License-Identifier: Apache-2.0 */
/* A whole VM as JSON has it: Cloud Hypervisor's VmConfig, and what is torc's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/config/option.h"
#include "core/schema/foreign.h"
#include "core/schema/json.h"
#include "io/disk/class.h"
#include "io/net/class.h"
#include "vfio/pci/class.h"

#define MAX_UNKNOWN 20 /* that are named */

/* Cloud Hypervisor's machines have it unless another one is named. */
#define USUAL_RNG "/dev/urandom"

#define MEMBER_OF_CONFIG .offset = 0, .size = sizeof(struct config)

/* clang-format off */
static const struct schema payload_schema = {
	.key = (const struct schema_key[]){
		{ "kernel", SCHEMA_STRING, SCHEMA_MEMBER(struct config, kernel) },
		{ "initramfs", SCHEMA_STRING, SCHEMA_MEMBER(struct config, initramfs) },
		{ "cmdline", SCHEMA_STRING, SCHEMA_MEMBER(struct config, cmdline), .flags = SCHEMA_EMPTY },
		SCHEMA_FOREIGN("firmware", "the devices that a firmware wants", NULL),
		SCHEMA_FOREIGN("igvm", SCHEMA_NEEDS_CONFIDENTIAL, NULL),
		SCHEMA_FOREIGN("host_data", SCHEMA_NEEDS_CONFIDENTIAL, NULL),
		SCHEMA_FOREIGN("fw_cfg_config", "an fw_cfg device", NULL),
		{ .name = NULL },
	},
};

/* In the order of enum line_mode. */
static const struct schema_word line_modes[] = {
	{ .text = "Off" }, { .text = "Null" }, { .text = "Tty" }, { .text = "Pty" }, { .text = "File" }, { .text = "Socket" },
	{ .text = NULL },
};

static int check_line(const struct schema_values *values, void *out, const void *context, struct error *err)
{
	const struct config_line *line = out;
	const char *key = line->mode == LINE_FILE ? "file" : "socket";

	if ((line->mode != LINE_FILE || line->file) && (line->mode != LINE_SOCKET || line->socket))
		return 0;
	schema_refuse(key, err, "missing");
	return error_remedy(err, "name the %s", key);
}

static const struct schema line_schema = {
	.check = check_line,
	.key = (const struct schema_key[]){
		{ "mode", SCHEMA_WORD, SCHEMA_MEMBER(struct config_line, mode), .words = line_modes },
		{ "file", SCHEMA_STRING, SCHEMA_MEMBER(struct config_line, file) },
		{ "socket", SCHEMA_STRING, SCHEMA_MEMBER(struct config_line, socket), .max = LINE_MAX_SOCKET_PATH },
		{ "access", SCHEMA_MODE, SCHEMA_MEMBER(struct config_line, access) },
		SCHEMA_FOREIGN("iommu", SCHEMA_NEEDS_VIOMMU, "off"),
		SCHEMA_FOREIGN("pci_segment", SCHEMA_NEEDS_SEGMENTS, "0"),
		{ .name = NULL },
	},
};

const struct schema config_vm_schema = {
	.key = (const struct schema_key[]){
		{ "payload", SCHEMA_STRUCT, MEMBER_OF_CONFIG, .of = &payload_schema },
		{ "cpus", SCHEMA_STRUCT, SCHEMA_MEMBER(struct config, cpus), .of = &config_cpus_schema },
		{ "memory", SCHEMA_STRUCT, MEMBER_OF_CONFIG, .of = &config_memory_schema },
		{ "numa", SCHEMA_LIST, SCHEMA_MEMBERS(struct config, node, nr_nodes),
		  .max = CONFIG_MAX_NODES, .of = &config_numa_schema },
		{ "disks", SCHEMA_LIST, SCHEMA_MEMBERS(struct config, disk, nr_disks),
		  .max = CONFIG_MAX_DEVICES, .of = &disk_schema, .admit = config_admit, .noun = "disk", .value = "_disk" },
		{ "net", SCHEMA_LIST, SCHEMA_MEMBERS(struct config, net, nr_nets),
		  .max = CONFIG_MAX_DEVICES, .of = &net_schema, .admit = config_admit, .noun = "network device", .value = "_net" },
		{ "devices", SCHEMA_LIST, SCHEMA_MEMBERS(struct config, device, nr_devices),
		  .max = CONFIG_MAX_PASSED, .of = &vfio_schema, .admit = config_admit, .noun = "device", .value = "_vfio" },
		{ "rng", SCHEMA_STRUCT, MEMBER_OF_CONFIG, .of = &config_rng_schema },
		{ "serial", SCHEMA_STRUCT, SCHEMA_MEMBER(struct config, serial_json), .of = &line_schema },
		{ "console", SCHEMA_STRUCT, SCHEMA_MEMBER(struct config, console_json), .of = &line_schema },
		{ "platform", SCHEMA_STRUCT, MEMBER_OF_CONFIG, .of = &config_platform_schema },
		{ "metrics", SCHEMA_STRUCT, SCHEMA_MEMBER(struct config, metrics), .of = &config_metrics_schema },
		SCHEMA_FOREIGN("balloon", "a virtio balloon", NULL),
		SCHEMA_FOREIGN("debug_console", "a debug console at an I/O port", NULL, .usual = "{\"mode\":\"Off\",\"iobase\":233}"),
		SCHEMA_FOREIGN("fs", "virtio-fs", "[]"),
		SCHEMA_FOREIGN("generic_vhost_user", SCHEMA_NEEDS_VHOST_USER, "[]"),
		SCHEMA_FOREIGN("iommu", SCHEMA_NEEDS_VIOMMU, "off"),
		SCHEMA_FOREIGN("ivshmem", "an ivshmem device", NULL),
		SCHEMA_FOREIGN("landlock_enable", "a sandbox by Landlock", "off"),
		SCHEMA_FOREIGN("landlock_rules", "a sandbox by Landlock", "[]"),
		SCHEMA_FOREIGN("pci_segments", SCHEMA_NEEDS_SEGMENTS, "[]"),
		SCHEMA_FOREIGN("pmem", "virtio-pmem", "[]"),
		SCHEMA_FOREIGN("pvpanic", "a pvpanic device", "off"),
		SCHEMA_FOREIGN("rate_limit_groups", SCHEMA_NEEDS_RATES, "[]"),
		SCHEMA_FOREIGN("rtc", "a virtio clock", NULL),
		SCHEMA_FOREIGN("tpm", "a TPM", NULL),
		SCHEMA_FOREIGN("user_devices", "vfio-user", "[]"),
		SCHEMA_FOREIGN("vdpa", "vDPA", "[]"),
		SCHEMA_FOREIGN("vsock", "virtio-vsock", NULL),
		SCHEMA_FOREIGN("watchdog", "a virtio watchdog", "off"),
		{ .name = NULL },
	},
};
/* clang-format on */

/* The first ones: whoever writes so many is told that there are more. */
static void add_unknown(void *opaque, const char *path)
{
	struct config *config = opaque;
	char *longer;

	if (config->nr_unknown == MAX_UNKNOWN)
		path = "and others";
	if (config->nr_unknown++ > MAX_UNKNOWN)
		return;
	if (asprintf(&longer, "%s%s%s", config->unknown ?: "", config->unknown ? ", " : "", path) <
	    0)
		return;
	free(config->unknown);
	config->unknown = longer;
}

static struct line_config line_of(struct config_line *json)
{
	struct line_config line = { .mode = (enum line_mode)json->mode, .access = json->access };

	if (line.mode == LINE_FILE || line.mode == LINE_SOCKET) {
		char **path = line.mode == LINE_FILE ? &json->file : &json->socket;

		line.path = *path;
		*path = NULL;
	}
	schema_free(&line_schema, json);
	return line;
}

/* A text that can be read, as a FIFO may be. */
static FILE *open_file(const char *path, struct error *err)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	int r = file ? 0 : -errno;

	if (!r && !fstat(fileno(file), &st) && S_ISDIR(st.st_mode))
		r = -EISDIR;
	if (!r)
		return file;
	if (file)
		fclose(file);
	error_set(err, r, "config %s", path);
	error_remedy(err, "name a file that torc may read");
	return NULL;
}

static int refuse_file(const char *path, const json_error_t *at, struct error *err)
{
	error_set(err, -EINVAL, "config %s", path);
	if (at->line < 0)
		error_reason(err, "%s", at->text);
	else
		error_reason(err, "line %d, column %d: %s", at->line, at->column, at->text);
	return error_remedy(err, "write Cloud Hypervisor's VmConfig in JSON; torc --print-config "
				 "with options shows one");
}

int config_read_file(struct config *config, const char *path, struct error *err)
{
	FILE *file = open_file(path, err);
	json_error_t at;
	json_t *object;
	int r;

	config->is_json = true;
	if (!file)
		return err->code;
	object = json_loadf(file, JSON_REJECT_DUPLICATES, &at);
	fclose(file);
	if (json_is_object(object)) {
		r = config_read_vm(config, object, err);
		if (r)
			error_set(err, r, "config %s", path);
	} else {
		if (object)
			at = (json_error_t){ .line = -1, .text = "no object" };
		r = refuse_file(path, &at, err);
	}
	json_decref(object);
	return r;
}

int config_read_vm(struct config *config, const json_t *object, struct error *err)
{
	const struct schema_unknown unknown = { add_unknown, config };
	int r;

	config->is_json = true;
	if (config->metrics.path && json_is_object(json_object_get(object, "metrics"))) {
		error_set(err, -EINVAL, "key metrics");
		error_reason(err, "given beside option --metrics");
		return error_remedy(err, "leave one of them out");
	}
	/* Cloud Hypervisor's defaults, which are others than on its command line; null is no entropy device. */
	config->serial_json.mode = LINE_NULL;
	config->console_json.mode = LINE_TTY;
	if (!json_object_get(object, "rng") && config_copy_string(&config->rng, USUAL_RNG, err))
		return err->code;
	r = schema_read_json(&config_vm_schema, object, config, config, &unknown, err);
	config->serial = line_of(&config->serial_json);
	config->console = line_of(&config->console_json);
	return r;
}

static struct config_line json_of(const struct line_config *line)
{
	char *path = (char *)(uintptr_t)line->path;

	return (struct config_line){ .mode = line->mode,
				     .file = line->mode == LINE_FILE ? path : NULL,
				     .socket = line->mode == LINE_SOCKET ? path : NULL,
				     .access = line->access };
}

json_t *config_write_vm(const struct config *config)
{
	struct config copy = *config;
	json_t *object;

	copy.serial_json = json_of(&config->serial);
	copy.console_json = json_of(&config->console);
	/* What zones have is theirs. */
	if (copy.nr_zones)
		copy.memory = (struct config_memory){ .backing.thp = true };
	object = schema_write_json(&config_vm_schema, &copy);
	/* Else it is the usual one. */
	if (object && !config->rng)
		json_object_set_new(object, "rng", json_null());
	return object;
}

int config_print(const struct config *config, FILE *out, struct error *err)
{
	json_t *object = config_write_vm(config);

	if (!object) {
		error_set(err, -EINVAL, "JSON");
		error_reason(err, "a path or another text is not UTF-8");
		return error_remedy(err, "give it another name");
	}
	json_dumpf(object, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(object);
	return 0;
}
