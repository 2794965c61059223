/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/vmm/config_option.h"
#include "core/vmm/config_value.h"

enum {
	CPUS_BOOT,
	CPUS_MAX,
	CPUS_TOPOLOGY,
	CPUS_AFFINITY,
	CPUS_IDLE,
	CPUS_NESTED,
	CPUS_PMU
};

static const struct config_key_set cpus_keys = {
	.bare = true,
	.key = {
		[CPUS_BOOT] = CONFIG_KEY("boot"),
		[CPUS_MAX] = CONFIG_KEY("max"),
		[CPUS_TOPOLOGY] = CONFIG_KEY("topology"),
		[CPUS_AFFINITY] = CONFIG_KEY("affinity"),
		[CPUS_IDLE] = CONFIG_KEY("idle"),
		[CPUS_NESTED] = CONFIG_KEY("nested"),
		[CPUS_PMU] = CONFIG_KEY("pmu"),
		CONFIG_FOREIGN("core_scheduling", "core scheduling of vCPUs", "off"),
		CONFIG_FOREIGN("features", "a choice of the guest's CPU features", NULL),
		CONFIG_FOREIGN("kvm_hyperv", "Hyper-V's interfaces for the guest", "off"),
		CONFIG_FOREIGN("max_phys_bits", "a choice of the guest's address width", NULL),
	},
};

static const char *const idle_name[] = { "host", "guest" };

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
		if (config_value_unsigned(text, 1, CONFIG_MAX_CPUS, part[n], &why))
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

static int read_numbers(const struct config_pairs *pairs, struct config_cpus *cpus,
			struct error *err)
{
	unsigned max;
	int r;

	r = config_pairs_unsigned(pairs, CPUS_BOOT, 1, CONFIG_MAX_CPUS, &cpus->boot, err);
	if (r)
		return r;
	max = cpus->boot;
	r = config_pairs_unsigned(pairs, CPUS_MAX, 1, CONFIG_MAX_CPUS, &max, err);
	if (r || max == cpus->boot)
		return r;
	config_pairs_refuse(pairs, CPUS_MAX, err,
			    max < cpus->boot ? "%u is less than boot=%u"
					     : "%u is more than boot=%u, and vCPU hotplug is not "
					       "supported yet",
			    max, cpus->boot);
	return error_remedy(err, "leave max out, or write max=%u", cpus->boot);
}

static int read_idle(const struct config_pairs *pairs, bool *in_guest, struct error *err)
{
	unsigned i = *in_guest;
	int r = config_pairs_word(pairs, CPUS_IDLE, idle_name, ARRAY_SIZE(idle_name), &i, err);

	if (!r)
		*in_guest = i;
	return r;
}

static int read_cpus(const struct config_pairs *pairs, struct config_cpus *cpus, struct error *err)
{
	int r = read_numbers(pairs, cpus, err);

	if (!r && pairs->value[CPUS_TOPOLOGY])
		r = read_topology(pairs, cpus, err);
	if (!r)
		r = read_idle(pairs, &cpus->idle_in_guest, err);
	if (!r)
		r = config_pairs_toggle(pairs, CPUS_NESTED, &cpus->nested, err);
	if (!r)
		r = config_pairs_toggle(pairs, CPUS_PMU, &cpus->pmu, err);
	if (!r)
		r = config_pairs_affinity(pairs, CPUS_AFFINITY, CONFIG_MAX_CPUS - 1,
					  &cpus->affinity, &cpus->nr_affinities, err);
	if (!r)
		r = config_check_affinity(pairs, CPUS_AFFINITY, cpus->affinity, cpus->nr_affinities,
					  cpus->boot, err);
	return r;
}

int config_set_cpus(struct config *config, const char *value, struct error *err)
{
	struct config_cpus cpus = config->cpus;
	struct config_pairs pairs;
	int r = config_pairs_parse(&pairs, value, &cpus_keys, err);

	if (r)
		return r;
	r = read_cpus(&pairs, &cpus, err);
	config_pairs_destroy(&pairs);
	if (r)
		free(cpus.affinity);
	else
		config->cpus = cpus;
	return r;
}
