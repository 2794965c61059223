/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "core/base/bits.h"
#include "core/config/foreign.h"
#include "core/config/option.h"

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
	if (!schema_given(values, "max"))
		cpus->max = cpus->boot;
	if (cpus->max == cpus->boot || (config->is_json && cpus->max > cpus->boot))
		return 0;
	schema_refuse("max", err,
		      cpus->max < cpus->boot ? "%u is less than boot=%u"
					     : "%u is more than boot=%u, and vCPU hotplug is not "
					       "supported yet",
		      cpus->max, cpus->boot);
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
	.key = {
		{ "boot", SCHEMA_UINT, .json = "boot_vcpus", SCHEMA_MEMBER(struct config_cpus, boot), .min = 1, .max = CONFIG_MAX_CPUS,
		  .preset = "1" },
		{ "max", SCHEMA_UINT, .json = "max_vcpus", SCHEMA_MEMBER(struct config_cpus, max), .min = 1, .max = CONFIG_MAX_CPUS },
		{ "topology", SCHEMA_TOPOLOGY, SCHEMA_MEMBER(struct config_cpus, topology), .min = 1,
		  .max = CONFIG_MAX_CPUS },
		{ "affinity", SCHEMA_AFFINITY, .value = "[VCPU@[CPU,...],...]", .noun = "vcpu", SCHEMA_MEMBER(struct config_cpus, affinity),
		  .max = CONFIG_MAX_CPUS - 1 },
		{ "idle", SCHEMA_WORD, SCHEMA_MEMBER(struct config_cpus, idle_in_guest), .words = idle_words, .preset = "host" },
		{ "nested", SCHEMA_BOOL, SCHEMA_MEMBER(struct config_cpus, nested), .preset = "on" },
		{ "pmu", SCHEMA_BOOL, SCHEMA_MEMBER(struct config_cpus, pmu), .preset = "on" },
		SCHEMA_FOREIGN("core_scheduling", "core scheduling of vCPUs", "off", .usual = "Vm"),
		SCHEMA_FOREIGN("features", "a choice of the guest's CPU features", NULL, .usual = "{\"amx\":false}"),
		SCHEMA_FOREIGN("kvm_hyperv", "Hyper-V's interfaces for the guest", "off"),
		SCHEMA_FOREIGN("max_phys_bits", "a choice of the guest's address width", NULL, .usual = "46"),
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
