/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "core/base/bits.h"
#include "core/config/option.h"
#include "core/schema/foreign.h"

static const struct schema_word idle_words[] = { { .text = "host" },
						 { .text = "guest" },
						 { .text = NULL } };

static void say_topology(const struct config_cpus *cpus, struct error *err)
{
	error_remedy(err,
		     "write threads per core:cores per die:dies per package:packages with the "
		     "product %u, for example topology=1:%u:1:1",
		     cpus->boot, cpus->boot);
}

static int check_topology(const struct schema_values *values, const struct config *config,
			  const struct config_cpus *cpus, struct error *err)
{
	const struct config_topology *t = &cpus->topology;
	uint64_t product = (uint64_t)t->threads_per_core * t->cores_per_die * t->dies_per_package *
			   t->packages;

	if (!schema_given(values, "topology") || product == cpus->boot ||
	    (config->is_json && product == cpus->max))
		return 0;
	schema_refuse("topology", err, "its product is %llu, but the vCPUs are %u",
		      (unsigned long long)product, cpus->boot);
	say_topology(cpus, err);
	return -EINVAL;
}

/* How many there might be later clients say always, whether or not they add any. */
static int check_max(const struct schema_values *values, const struct config *config,
		     struct config_cpus *cpus, struct error *err)
{
	const char *boot = "boot=";

	if (!schema_given(values, "max"))
		cpus->max = cpus->boot;
	if (config->is_json)
		boot = "boot_vcpus ";
	if (cpus->max == cpus->boot || (config->is_json && cpus->max > cpus->boot))
		return 0;
	schema_refuse("max", err,
		      cpus->max < cpus->boot
			      ? "%u is less than %s%u"
			      : "%u is more than %s%u, and vCPU hotplug is not supported yet",
		      cpus->max, boot, cpus->boot);
	if (config->is_json)
		return error_remedy(err, "leave it out, or write %u", cpus->boot);
	return error_remedy(err, "leave max out, or write max=%u", cpus->boot);
}

static int check(const struct schema_values *values, void *out, const void *context,
		 struct error *err)
{
	struct config_cpus *cpus = out;
	int r = check_max(values, context, cpus, err);

	if (!r)
		r = check_topology(values, context, cpus, err);
	return r ? r : schema_check_affinity("affinity", &cpus->affinity, cpus->boot, err);
}

/* clang-format off */
const struct schema config_cpus_schema = {
	.bare = true,
	.check = check,
	.key = (const struct schema_key[]){
		{ "boot", SCHEMA_UINT, .json = "boot_vcpus", SCHEMA_MEMBER(struct config_cpus, boot), .min = 1, .max = CONFIG_MAX_CPUS,
		  .preset = "1",
		  .help = "How many vCPUs there are, 1 to 255; the default is 1. The number alone does as well." },
		{ "max", SCHEMA_UINT, .json = "max_vcpus", SCHEMA_MEMBER(struct config_cpus, max), .min = 1, .max = CONFIG_MAX_CPUS,
		  .help = "Must equal `boot`, since vCPUs cannot be added later yet." },
		{ "topology", SCHEMA_TOPOLOGY, SCHEMA_MEMBER(struct config_cpus, topology), .min = 1,
		  .max = CONFIG_MAX_CPUS,
		  .help = "Arranges them as *t* threads per core, *c* cores per die, *d* dies per package and *p* packages, whose "
		    "product must be `boot`. Without it they are the cores of one package, a single thread each, or of one "
		    "package for each node of `--numa`." },
		{ "affinity", SCHEMA_AFFINITY, .value = "[VCPU@[CPU,...],...]", .noun = "vcpu", SCHEMA_MEMBER(struct config_cpus, affinity),
		  .max = CONFIG_MAX_CPUS - 1,
		  .help = "Lets vCPUs run on these CPUs of the host only, or refuses to start: `[0@[2,3],1@[4-7]]` is vCPU 0 on CPUs 2 "
		    "and 3, vCPU 1 on CPUs 4 to 7. vCPUs that are not listed are placed as `numa` of `--platform` says, the "
		    "threads of one core on the threads of one core of the host where its node has as many." },
		{ "idle", SCHEMA_WORD, SCHEMA_MEMBER(struct config_cpus, idle_in_guest), .words = idle_words, .preset = "host",
		  .help = "With `guest`, a vCPU that has nothing to do halts the CPU of the host that it is on, without an exit, and "
		    "wakes the sooner; that CPU then counts as busy, and nobody else should be on it. Where KVM does not allow "
		    "that, it is refused. With `host`, the default, the host has the CPU meanwhile. This key is not Cloud "
		    "Hypervisor's." },
		{ "nested", SCHEMA_BOOL, SCHEMA_MEMBER(struct config_cpus, nested), .preset = "on",
		  .help = "With `off`, the guest sees no SVM or VMX and cannot run guests of its own: code of the host's kernel that a "
		    "guest need not be able to reach. The default is `on`." },
		{ "pmu", SCHEMA_BOOL, SCHEMA_MEMBER(struct config_cpus, pmu), .preset = "on",
		  .help = "With `off`, the guest has no performance counters, for the same reason. The default is `on`. This key is not "
		    "Cloud Hypervisor's." },
		SCHEMA_FOREIGN("core_scheduling", "core scheduling of vCPUs", "off", .usual = "Vm"),
		SCHEMA_FOREIGN("features", "a choice of the guest's CPU features", NULL, .usual = "{\"amx\":false}"),
		SCHEMA_FOREIGN("kvm_hyperv", "Hyper-V's interfaces for the guest", "off"),
		SCHEMA_FOREIGN("max_phys_bits", "a choice of the guest's address width", NULL, .usual = "46"),
		{ .name = NULL },
	},
};
/* clang-format on */

int config_set_cpus(struct config *config, const char *value, struct error *err)
{
	int r = config_set_row(config, "cpus", value, err);

	/* Of a topology's form, for which the number of vCPUs is to be known. */
	if (r == -EINVAL && !*err->remedy)
		say_topology(&config->cpus, err);
	return r;
}
