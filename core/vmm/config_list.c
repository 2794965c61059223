/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/vmm/config.h"
#include "core/vmm/config_value.h"

/* A number at *@p, which moves behind it. */
static bool take_number(const char **p, unsigned long max, unsigned *out)
{
	char *end;
	unsigned long n;

	if (**p < '0' || **p > '9')
		return false;
	n = strtoul(*p, &end, 10);
	*p = end;
	*out = (unsigned)n;
	return n <= max;
}

static bool take(const char **p, char c)
{
	if (**p != c)
		return false;
	++*p;
	return true;
}

/* "1,3-5" */
static bool take_cpus(const char **p, cpu_set_t *cpus)
{
	CPU_ZERO(cpus);
	do {
		unsigned first, last;

		if (!take_number(p, CPU_SETSIZE - 1, &first))
			return false;
		last = first;
		if (take(p, '-') && (!take_number(p, CPU_SETSIZE - 1, &last) || last < first))
			return false;
		for (; first <= last; first++)
			CPU_SET(first, cpus);
	} while (take(p, ','));
	return true;
}

static bool has_index(const struct config_affinity *list, unsigned nr, unsigned index)
{
	for (unsigned i = 0; i < nr; i++) {
		if (list[i].index == index)
			return true;
	}
	return false;
}

static int refuse_affinity(const struct config_pairs *pairs, unsigned key, unsigned max,
			   struct error *err)
{
	config_pairs_refuse(pairs, key, err,
			    "\"%s\" is no list of numbers up to %u with their CPUs",
			    pairs->value[key], max);
	return error_remedy(err, "write [0@[1,3-5],1@[2]] for 0 on CPUs 1, 3, 4 and 5, and 1 on 2");
}

int config_pairs_affinity(const struct config_pairs *pairs, unsigned key, unsigned max,
			  struct config_affinity **out, unsigned *nr, struct error *err)
{
	struct config_affinity *list = NULL, entry;
	const char *p = pairs->value[key];
	unsigned n = 0;
	bool good;

	if (!p)
		return 0;
	good = take(&p, '[');
	while (good) {
		struct config_affinity *longer;

		good = take_number(&p, max, &entry.index) && take(&p, '@') && take(&p, '[') &&
		       take_cpus(&p, &entry.cpus) && take(&p, ']') &&
		       !has_index(list, n, entry.index);
		longer = good ? realloc(list, (n + 1) * sizeof(*list)) : NULL;
		if (good && !longer) {
			free(list);
			return error_set(err, -ENOMEM, "value");
		}
		if (!good)
			break;
		list = longer;
		list[n++] = entry;
		if (!take(&p, ','))
			break;
	}
	if (!good || !take(&p, ']') || *p) {
		free(list);
		return refuse_affinity(pairs, key, max, err);
	}
	*out = list;
	*nr = n;
	return 0;
}

int config_check_affinity(const struct config_pairs *pairs, unsigned key,
			  const struct config_affinity *list, unsigned nr, unsigned boot,
			  struct error *err)
{
	for (unsigned i = 0; i < nr; i++) {
		if (list[i].index < boot)
			continue;
		config_pairs_refuse(pairs, key, err, "%u is not there: the vCPUs are 0 to %u",
				    list[i].index, boot - 1);
		return error_remedy(err, "leave it out, or write --cpus boot=%u",
				    list[i].index + 1);
	}
	return 0;
}

int config_pairs_cpus(const struct config_pairs *pairs, unsigned key, cpu_set_t *out,
		      struct error *err)
{
	const char *p = pairs->value[key];
	cpu_set_t cpus;
	bool list;

	if (!p)
		return 0;
	list = take(&p, '[');
	if (take_cpus(&p, &cpus) && (!list || take(&p, ']')) && !*p) {
		*out = cpus;
		return 0;
	}
	config_pairs_refuse(pairs, key, err, "\"%s\" is no list of CPUs", pairs->value[key]);
	return error_remedy(err, "write [0-3,5] for 0, 1, 2, 3 and 5");
}

int config_pairs_distances(const struct config_pairs *pairs, unsigned key, unsigned *distance,
			   struct error *err)
{
	unsigned given[CONFIG_MAX_NODES] = { 0 }, node, d;
	const char *p = pairs->value[key];
	bool list, good;

	if (!p)
		return 0;
	list = take(&p, '[');
	do {
		good = take_number(&p, CONFIG_MAX_NODES - 1, &node) && take(&p, '@') &&
		       take_number(&p, CONFIG_MAX_DISTANCE, &d) && d >= CONFIG_LOCAL_DISTANCE &&
		       !given[node];
		if (good)
			given[node] = d;
	} while (good && take(&p, ','));
	if (good && (!list || take(&p, ']')) && !*p) {
		memcpy(distance, given, sizeof(given));
		return 0;
	}
	config_pairs_refuse(pairs, key, err,
			    "\"%s\" is no list of nodes up to %u with their distances, %u to %u",
			    pairs->value[key], CONFIG_MAX_NODES - 1, CONFIG_LOCAL_DISTANCE,
			    CONFIG_MAX_DISTANCE);
	return error_remedy(err, "write [1@20,2@30] for 20 to node 1 and 30 to node 2");
}
