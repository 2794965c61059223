/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/print_bash.h"
#include "core/config/print_json.h"
#include "core/config/print_man.h"
#include "core/schema/foreign.h"

int config_copy_string(char **to, const char *value, struct error *err)
{
	char *copy = strdup(value);

	if (!copy)
		return error_set(err, -ENOMEM, "value");
	free(*to);
	*to = copy;
	return 0;
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

static int set_disk(struct config *config, const char *value, struct error *err)
{
	if (!strchr(value, '=')) {
		error_set(err, -EINVAL, "value %s", value);
		error_reason(err, "not a key=value pair");
		/* As the shell takes it. */
		return error_remedy(
			err, strchr(value, ',') ? "write 'path=\"%s\"'" : "write path=%s", value);
	}
	return config_set_row(config, "disk", value, err);
}

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

	/* It is among them already. */
	return config_count_slots(config) <= CONFIG_MAX_DEVICES
		       ? 0
		       : config_check_slots(config, "rng", config->rng, err);
}

const struct schema config_rng_schema = {
	.check = check_rng,
	.key =
		(const struct schema_key[]){
			{ "src", SCHEMA_STRING, .value = "PATH", SCHEMA_MEMBER(struct config, rng),
			  .flags = SCHEMA_REQUIRED, .remedy = "name the source: src=/dev/urandom",
			  .help = "A file or character device, for example `/dev/urandom`, that it reads from." },
			SCHEMA_KEYS_OF_PCI,
			{ .name = NULL },
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
		{ "man", config_print_man },
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
	return error_remedy(err, "use bash, json, openapi or man");
}

/* clang-format off */
const struct config_option config_options[CONFIG_NR_OPTIONS] = {
	{ "kernel", "/boot/vmlinuz",
	  .value = "PATH",
	  .summary = "bzImage or PVH ELF kernel; required", .set = set_kernel,
	  .manual = "Boot this kernel, a bzImage or an ELF file with a PVH entry point. Required." },
	{ "initramfs", "/boot/initrd.img",
	  .value = "PATH",
	  .summary = "initial RAM disk", .set = set_initramfs,
	  .manual = "Give the kernel this initial RAM disk." },
	{ "cmdline", "\"console=ttyS0 root=/dev/nvme0n1p1\"",
	  .value = "TEXT",
	  .summary = "kernel command line; several are joined by a blank", .many = true, .empty = true,
	  .set = set_cmdline,
	  .manual = "Give the kernel this command line. Several values and occurrences are joined by a blank." },
	{ "cpus", "4",
	  .summary = "vCPUs, 1 to 255 (default 1), as T threads per core, C cores per die, D dies per package, P "
		     "packages; some of them on these CPUs of the host only; with idle=guest an idle vCPU keeps its "
		     "CPU, and takes no exit for it (default host); with KVM of its own (nested=, default on) and "
		     "performance counters (pmu=, default on), or without", .row = "cpus", .set = config_set_cpus,
	  .manual = "Give the guest vCPUs.",
	  .examples = "--cpus boot=4,topology=2:2:1:1" },
	{ "memory", "size=512M",
	  .summary = "guest memory (default 512M), with transparent huge pages (default on), or of the host's pool of "
		     "huge pages; SIZE takes K, M, G, T", .late = true, .row = "memory",
	  .manual = "Give the guest memory. On which node of the host it is, `numa` of `--platform` says.",
	  .examples = "--memory size=4G,hugepages=on,hugepage_size=1G" },
	{ "memory-zone", "id=mem0,size=512M",
	  .summary = "a part of guest memory, on a node of the host or of a file; takes the place of --memory", .many = true, .row = "zones",
	  .manual = "Make guest memory of zones, up to 16, in this order from address 0. The zones take the place of `--memory`, "
		    "which can be left out, or be `size=0` and nothing else.",
	  .examples = "--memory-zone id=mem0,size=2G,host_numa_node=0 id=mem1,size=2G,host_numa_node=1" },
	{ "numa", "guest_numa_id=0,cpus=[0-3],memory_zones=[mem0]",
	  .summary = "a NUMA node of the guest, with its vCPUs and memory zones, and how far it is to others, 11 to "
		     "255 (default: as on the host)", .many = true, .late = true,
	  .row = "numa", .set = config_set_numa,
	  .manual = "Give the guest a NUMA node, up to 16. If there are any, each vCPU and each memory zone is in one of them, "
		    "and each has a vCPU or a zone. A node's vCPUs and their rings run where its zones are, unless `affinity` "
		    "says otherwise. Each node has a PCI root bus, bus 0 that of node 0, and a passed-through device is on that "
		    "of the guest's node which is on its own node of the host. Where there is none, it is on a bus more, of which "
		    "no node is known.",
	  .examples = "--numa guest_numa_id=0,cpus=0-3,memory_zones=mem0,distances=1@21" },
	{ "disk", "path=disk.raw",
	  .summary = "a virtio disk: a raw image or a block device; with direct=on past the host's page cache; N "
		     "queues (default: one for each vCPU) of 4 to 1024 entries (default 128); "
		     "logical_block_size: of the blocks that the guest sees; with sparse=off what it discards "
		     "stays allocated", .many = true, .row = "disks", .set = set_disk,
	  .manual = "Give the guest a virtio disk, whose contents are a raw image or a block device of the host. It is locked "
		    "while the guest runs: a second torc that wants to write to it is refused. So is a block device, unless to be "
		    "read only, that the host has mounted, swaps to or has made a part of a volume, itself, a partition of it, "
		    "or its whole disk, by whatever node it is named.",
	  .examples = "--disk path=root.raw path=/dev/vg/data,direct=on,num_queues=2" },
	{ "net", "tap=vmtap0",
	  .summary = "a virtio network device on a TAP interface, which is made if it is not there; without value "
		     "(tap=,ip=,mask=,mac=) torc chooses. N queues, two for each pair (default 2), of 2 to 1024 "
		     "entries (default 256), served by the kernel's vhost-net with vhost=on (default off)", .many = true, .row = "net",
	  .manual = "Give the guest a virtio network device on a TAP interface of the host, which is made if it is not there, and "
		    "brought up. A key without a value is as if it was not given.",
	  .examples = "--net tap=torc0,ip=192.168.7.1,num_queues=4" },
	{ "rng", "src=/dev/urandom",
	  .summary = "an entropy device that gives the guest what PATH has, for instance /dev/urandom", .row = "rng",
	  .manual = "Give the guest a virtio entropy device." },
	{ "device", "path=/sys/bus/pci/devices/0000:01:00.0",
	  .summary = "pass a PCI device through: its directory below /sys/bus/pci/devices, bound to vfio-pci (see "
		     "torc-vfio(1)), or with bind=on to be bound for this run; BARs listed are not mapped into the "
		     "guest; with trace=ring its interrupts go through torc, to be timed (default off)", .many = true, .row = "devices",
	  .set = set_device,
	  .manual = "Pass a PCI device through to the guest.\nDevices of all kinds, the virtio ones included, are at most 31 "
		    "together. Functions of one device are given like devices of their own, and each has a slot of its own in the "
		    "guest, as function 0. Where functions can only be reset together, all of them, or the whole IOMMU group, "
		    "must be this VM's; otherwise they are left in the state they are in, with a warning. The guest is offered "
		    "the interrupts that the device has, MSI-X, MSI and INTx, and its driver chooses.\nA guest may eject a "
		    "device, in Linux with `echo 0 > /sys/bus/pci/slots/N/power`, and the host has it back then. When the host "
		    "wants a device back, because somebody writes its address to `/sys/bus/pci/drivers/vfio-pci/unbind`, or "
		    "reports an uncorrectable error of it, the guest is asked to eject it. What a guest has not let go of 20 "
		    "seconds later is taken from it: reads give all ones, and the guest runs on.",
	  .examples = "--device path=/sys/bus/pci/devices/0000:01:00.0,id=disk0" },
	{ "serial", "tty",
	  .value = "off|null|tty|pty|file=PATH[,mode=MODE]|socket=PATH[,mode=MODE]",
	  .summary = "what the guest's ttyS0 is connected to (default tty): no port, nothing, standard input and "
		     "output, a new pseudo terminal, a file, a listening unix socket (MODE: who else may use those, in "
		     "octal digits; default 0600)", .set = config_set_serial,
	  .manual = "Connect the guest's first serial port, `ttyS0`:\n- off: There is no such port.\n- null: It takes output, "
		    "which goes nowhere.\n- tty: Standard input and output.\n- pty: A new pseudo terminal, in raw mode, whose "
		    "path is written to standard error. Any terminal program opens it, and may leave it and open it again. Output "
		    "is discarded while nobody has it open.\n- file=PATH: A file that receives its output. It is created or "
		    "truncated.\n- socket=PATH: A unix stream socket that torc listens on. It serves one client at a time; others "
		    "wait until that one has left. Output is discarded while there is none. A socket that was left by a process "
		    "that is gone is replaced, and *path* is removed at exit. It has at most 107 bytes.\nNobody but the user that "
		    "runs torc may use the file or socket, whatever the umask, unless `mode` says so, in octal digits as for "
		    "chmod(1); who may type there may be root in the guest. A file that exists keeps its mode without. That key "
		    "is not Cloud Hypervisor's.\nA guest waits for a reader that is there but slow. The default is `tty`, or "
		    "`null` with `--console tty`. In Cloud Hypervisor the console has the terminal by default.",
	  .examples = "--serial socket=/run/guest.serial" },
	{ "console", "off",
	  .value = "off|null|tty|pty|file=PATH[,mode=MODE]|socket=PATH[,mode=MODE]",
	  .summary = "what the virtio console, the guest's hvc0, is connected to (default off); with tty, --serial "
		     "defaults to null", .set = config_set_console,
	  .manual = "Give the guest a virtio console, `hvc0`, and connect it as `--serial` does; with `off`, which is the "
		    "default, it has none. A Linux guest uses it with `console=hvc0` on its command line. It takes an exit for "
		    "each of its driver's buffers, where a serial port takes one for each byte, and with `tty` and `pty` the "
		    "guest knows the size of the terminal.\nOnly one of the two can have the terminal: with `--console tty`, "
		    "`--serial` defaults to `null`.",
	  .examples = "--console tty --cmdline console=hvc0" },
	{ "platform", "ring_poll_us=50",
	  .summary = "whether memory, vCPUs and rings follow passed-through devices to their node (default auto); "
		     "where rings run (default: on the node of their vCPU); how many microseconds a ring looks for "
		     "work before it sleeps, 0 for never (default: by what that saves here); whether passed-through "
		     "devices reach each other's BARs by DMA (default on); how many slots of the first PCI bus "
		     "to keep free (default 8)", .late = true, .row = "platform",
	  .manual = "How the host's resources are used.\nThe log says what comes of it, a line for each resource; `--dry-run` "
		    "prints just that.",
	  .examples = "--platform numa=strict,ring_affinity=sibling" },
	{ "config", "vm.json",
	  .value = "FILE",
	  .summary = "a VM as JSON, in place of all options that say what it is: Cloud Hypervisor's VmConfig and "
		     "torc's own keys", .beside = true, .set = set_config,
	  .manual = "Run the VM that this file says, in JSON: an object as Cloud Hypervisor's API has it to create a VM "
		    "(VmConfig). It takes the place of all options that say what the VM is; `--metrics`, `--log-file`, "
		    "`--log-format` and `-v` may be given beside it. A key is called there as Cloud Hypervisor calls it; what is "
		    "torc's own is called as on the command line, and `mode` of a line is `access`. `--schema json` tells all of "
		    "them.\nDefaults are Cloud Hypervisor's, too: a serial port that goes nowhere, a console on standard input "
		    "and output, one queue for a disk. null is as if a key were not there. A key that torc does not know is left "
		    "out, with a warning that names it. One that is Cloud Hypervisor's only is refused as on the command line, "
		    "unless it has the value that Cloud Hypervisor has by default; how much there might be later (`max_vcpus`, "
		    "`hotplug_size`, `num_pci_segments`) is taken, though nothing can be added yet. This option is not Cloud "
		    "Hypervisor's.",
	  .examples = "--config /etc/torc/vm1.json" },
	{ "metrics", "path=/run/torc-metrics",
	  .summary = "where Prometheus's text is to be had: a listening unix socket, or, with a name that ends in "
		     ".prom, a file that is replaced every so many seconds (default 15); mode: who "
		     "else may use it", .beside = true, .row = "metrics",
	  .manual = "Show the counters and latencies of vCPUs, rings, queues and traced vectors, what the machine does and where "
		    "each device is in its life, in Prometheus's text format (version 0.0.4). This option is not Cloud Hypervisor's.\nWhoever connects to the socket gets the text: with "
		    "a head of HTTP/1.0 after `GET`, without after anything else, the end of what is sent, or a second. A socket "
		    "there that a process left which is gone is replaced.\nThe file is for the textfile collector of Prometheus's "
		    "node_exporter, which reads those whose names end so. It is written at the start, every *seconds*, and at "
		    "the end with the last numbers, and then left there; who collects it sees by its time how old it is. Each "
		    "text is written to `path.PID` and renamed, so that nobody reads half of one. The main thread writes it, "
		    "which no vCPU waits for. A file that cannot be written at the start is refused; later that is a warning, and "
		    "torc tries again.",
	  .examples = "--metrics path=/run/torc-metrics\ncurl --unix-socket /run/torc-metrics http://localhost/metrics\n--metrics path=/var/lib/prometheus/node-exporter/torc.prom,interval=15" },
	{ "log-file", "/var/log/torc.log",
	  .value = "PATH",
	  .summary = "append the log to a file instead of standard error", .beside = true, .set = set_log_file,
	  .manual = "Append the log to this file instead of writing it to standard error. A new one may be read by the user that "
		    "runs torc alone." },
	{ "log-format", "json",
	  .value = "text|json",
	  .summary = "how log lines look (default text)", .beside = true, .set = set_log_format,
	  .manual = "Write log lines as text, which is the default, or as one JSON object each." },
	{ "schema", "bash",
	  .value = "bash|json|openapi|man",
	  .summary = "print what torc can be told, and exit: as a completion that bash can source, or what --config "
		     "takes as a JSON Schema or in OpenAPI 3, or the options for the manual", .beside = true, .set = set_schema,
	  .manual = "Print what torc can be told, in the form that another program wants, and exit with status 0. This option is "
		    "not Cloud Hypervisor's.\n- bash: A completion that bash(1) can source.\n- json: A JSON Schema of what "
		    "`--config` takes.\n- openapi: The same as a component of an OpenAPI 3 description.\n- man: The options, for "
		    "torc(1).",
	  .examples = ". <(torc --schema bash)\ntorc --schema json > vm.schema.json" },
};
/* clang-format on */
