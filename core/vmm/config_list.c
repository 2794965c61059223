/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
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

/* "1" or "3-5". Return: 0; -EINVAL neither; -ERANGE CPUs that a set does not hold. */
static int take_range(const char **p, cpu_set_t *cpus)
{
	unsigned first, last;

	if (!take_number(p, UINT_MAX, &first))
		return -EINVAL;
	last = first;
	if (take(p, '-') && (!take_number(p, UINT_MAX, &last) || last < first))
		return -EINVAL;
	if (last >= CPU_SETSIZE)
		return -ERANGE;
	for (; first <= last; first++)
		CPU_SET(first, cpus);
	return 0;
}

/* "1,3-5" */
static int take_cpus(const char **p, cpu_set_t *cpus)
{
	int r;

	CPU_ZERO(cpus);
	do {
		r = take_range(p, cpus);
	} while (!r && take(p, ','));
	return r;
}

/* "[1,3-5]", or without brackets a single number or range */
static int take_set(const char **p, cpu_set_t *cpus)
{
	int r;

	CPU_ZERO(cpus);
	if (!take(p, '['))
		return take_range(p, cpus);
	r = take_cpus(p, cpus);
	return !r && !take(p, ']') ? -EINVAL : r;
}

/* "0@[1,3-5],1@2", a list that grows. Return: 0; -EINVAL; -ERANGE; -EEXIST @index is there already; -ENOMEM. */
static int take_affinities(const char **p, unsigned max, struct config_affinity **list,
			   unsigned *nr, unsigned *index)
{
	do {
		struct config_affinity entry, *longer;
		int r;

		if (!take_number(p, max, &entry.index) || !take(p, '@'))
			return -EINVAL;
		r = take_set(p, &entry.cpus);
		if (r)
			return r;
		*index = entry.index;
		for (unsigned i = 0; i < *nr; i++) {
			if ((*list)[i].index == entry.index)
				return -EEXIST;
		}
		longer = realloc(*list, (*nr + 1) * sizeof(**list));
		if (!longer)
			return -ENOMEM;
		*list = longer;
		(*list)[(*nr)++] = entry;
	} while (take(p, ','));
	return 0;
}

static int refuse_affinity(const struct config_pairs *pairs, unsigned key, unsigned max, int why,
			   unsigned index, struct error *err)
{
	if (why == -ENOMEM)
		return error_set(err, -ENOMEM, "value");
	if (why == -ERANGE) {
		config_pairs_refuse(pairs, key, err, "\"%s\": there is no such CPU",
				    pairs->value[key]);
		return error_remedy(err, "CPUs are numbered from 0 to %d at most", CPU_SETSIZE - 1);
	}
	if (why == -EEXIST) {
		config_pairs_refuse(pairs, key, err, "%u is given twice", index);
		return error_remedy(err, "name all of its CPUs at once: %u@[1,3-5]", index);
	}
	config_pairs_refuse(pairs, key, err,
			    "\"%s\" is no list of numbers up to %u with their CPUs",
			    pairs->value[key], max);
	return error_remedy(err, "write [0@[1,3-5],1@[2]] for 0 on CPUs 1, 3, 4 and 5, and 1 on 2");
}

int config_pairs_affinity(const struct config_pairs *pairs, unsigned key, unsigned max,
			  struct config_affinity **out, unsigned *nr, struct error *err)
{
	struct config_affinity *list = NULL;
	const char *p = pairs->value[key];
	unsigned n = 0, index = 0;
	bool brackets;
	int r;

	if (!p)
		return 0;
	brackets = take(&p, '[');
	r = take_affinities(&p, max, &list, &n, &index);
	if (!r && ((brackets && !take(&p, ']')) || *p))
		r = -EINVAL;
	if (r) {
		free(list);
		return refuse_affinity(pairs, key, max, r, index, err);
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
		config_pairs_refuse(pairs, key, err, "%u is not there: the last vCPU is %u",
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
	if (!take_cpus(&p, &cpus) && (!list || take(&p, ']')) && !*p) {
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
