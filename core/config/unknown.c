/* SPDX-License-Identifier: Apache-2.0 */
/* What is no option, and what may have been meant. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/config/option.h"
#include "core/schema/foreign.h"

const struct config_flag config_flags[CONFIG_NR_FLAGS] = {
	{ "print-config", CONFIG_PRINT_CONFIG, "print what the options mean as such JSON, and exit",
	  "Print what the options mean as such JSON, all defaults included, and exit with status 0. "
	  "`--config` makes the same VM of it. This option is not Cloud Hypervisor's." },
	{ "dry-run", CONFIG_DRY_RUN, "print where memory, vCPUs and rings would be, and exit",
	  "Print on which node memory is, on which CPUs vCPUs and rings run, which nodes the "
	  "devices are on, and why, and exit with status 0. What cannot be had is refused as it "
	  "would be without this option, as far as that is known before anything is opened: "
	  "whether files may be written to, and devices and `/dev/kvm` are free, is not. Nothing "
	  "is started, and no device is touched. This option is not Cloud Hypervisor's." },
	{ NULL, 'v', "log more: -v information, -vv debugging",
	  "Log more: once for information, twice for debugging as well. Warnings and errors are "
	  "always logged." },
	{ "help", 'h', "print this and exit", "Print the options and exit." },
	{ "version", 'V', "print the version and exit", "Print the version and exit." },
};

/* Cloud Hypervisor's, which torc does not have yet, and what it would need for each. */
static const struct {
	const char *name, *needs;
} not_yet[] = {
	{ "api-socket", "the HTTP API" },
	{ "balloon", "a virtio balloon" },
	{ "dbus-object-path", "D-Bus" },
	{ "dbus-service-name", "D-Bus" },
	{ "dbus-system-bus", "D-Bus" },
	{ "debug-console", "a debug console at an I/O port" },
	{ "event-monitor", "the HTTP API's events" },
	{ "firmware", "the devices that a firmware wants" },
	{ "fs", "virtio-fs" },
	{ "fw-cfg-config", "an fw_cfg device" },
	{ "gdb", "a stub for GDB" },
	{ "generic-vhost-user", SCHEMA_NEEDS_VHOST_USER },
	{ "host-data", SCHEMA_NEEDS_CONFIDENTIAL },
	{ "igvm", SCHEMA_NEEDS_CONFIDENTIAL },
	{ "ivshmem", "an ivshmem device" },
	{ "landlock", "a sandbox by Landlock" },
	{ "landlock-rules", "a sandbox by Landlock" },
	{ "no-shutdown", "the HTTP API" },
	{ "pci-segment", SCHEMA_NEEDS_SEGMENTS },
	{ "pmem", "virtio-pmem" },
	{ "pvmemcontrol", "a pvmemcontrol device" },
	{ "pvpanic", "a pvpanic device" },
	{ "rate-limit-group", SCHEMA_NEEDS_RATES },
	{ "restore", "snapshots" },
	{ "rtc", "a virtio clock" },
	{ "seccomp", "a sandbox by seccomp" },
	{ "sgx-epc", "SGX memory for the guest" },
	{ "tpm", "a TPM" },
	{ "user-device", "vfio-user" },
	{ "vdpa", "vDPA" },
	{ "vsock", "virtio-vsock" },
	{ "watchdog", "a virtio watchdog" },
};

static void list_long_names(const char *names[CONFIG_NR_OPTIONS + CONFIG_NR_FLAGS])
{
	for (unsigned i = 0; i < CONFIG_NR_OPTIONS; i++)
		names[i] = config_options[i].name;
	for (unsigned i = 0; i < CONFIG_NR_FLAGS; i++)
		names[CONFIG_NR_OPTIONS + i] = config_flags[i].name;
}

bool config_is_long_option(const char *word)
{
	const char *names[CONFIG_NR_OPTIONS + CONFIG_NR_FLAGS];
	size_t len = strcspn(word + 2, "=");

	list_long_names(names);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i] && strlen(names[i]) == len && !memcmp(names[i], word + 2, len))
			return true;
	}
	return false;
}

/* @dashed: as printed, @name: as compared */
static int refuse_unknown(const char *dashed, const char *name, struct error *err)
{
	const char *names[CONFIG_NR_OPTIONS + CONFIG_NR_FLAGS], *nearest;

	error_set(err, -EINVAL, "option %s", dashed);
	for (unsigned i = 0; i < ARRAY_SIZE(not_yet); i++) {
		if (strcmp(name, not_yet[i].name) != 0)
			continue;
		error_reason(err, "not supported yet: it needs %s", not_yet[i].needs);
		return error_remedy(err, "leave it out; torc --help lists what there is");
	}
	error_reason(err, "unknown");
	list_long_names(names);
	nearest = error_nearest(name, names, ARRAY_SIZE(names));
	if (nearest)
		return error_remedy(err, "did you mean --%s?", nearest);
	return error_remedy(err, "torc --help lists the options");
}

int config_refuse_long(const char *word, struct error *err)
{
	char name[64];
	size_t len = strcspn(word, "=");

	snprintf(name, sizeof(name), "%.*s", len < sizeof(name) ? (int)len : 63, word);
	return refuse_unknown(name, name + 2, err);
}

int config_refuse_letter(const char *word, struct error *err)
{
	char dashed[] = { '-', (char)optopt, '\0' };

	if (word[1] != '-')
		return refuse_unknown(dashed, word + 1, err);
	error_set(err, -EINVAL, "option %.*s", (int)strcspn(word, "="), word);
	error_reason(err, "takes no value");
	return error_remedy(err, "write it without the = and what follows");
}
